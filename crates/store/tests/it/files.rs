//! A SQLite file that cannot be used: each cause has one clear sentence, and nothing is damaged.

use std::fs;

use specie_store::{Db, Options, StoreError, customers, inbox, migrate_up, raw};

use crate::scene::{self, event};

async fn open(path: &std::path::Path) -> Result<Db, StoreError> {
    Db::open(path.to_str().unwrap(), Options::default()).await
}

#[tokio::test]
async fn a_second_process_is_refused_until_the_first_lets_go() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("specie.db");
    let db = open(&path).await.unwrap();
    migrate_up(&db).await.unwrap();
    let clone = db.clone();
    let refused = open(&path).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Locked { path: it } if *it == path), "{refused}");
    drop(db);
    assert!(matches!(open(&path).await, Err(StoreError::Locked { .. })), "a clone still writes");
    scene::with_payer(&clone, 1).await;
    clone.close().await;
    drop(clone);
    let db = open(&path).await.unwrap();
    let mut tx = db.read().await.unwrap();
    assert_eq!(customers::list(&mut tx, 9).await.unwrap().len(), 1);
}

#[cfg(unix)]
#[tokio::test]
async fn who_comes_by_a_link_is_refused_too() {
    let folder = tempfile::tempdir().unwrap();
    let [path, link] = ["specie.db", "link.db"].map(|name| folder.path().join(name));
    std::os::unix::fs::symlink(&path, &link).unwrap();
    for (first, second) in [(&link, &path), (&path, &link)] {
        let db = open(first).await.unwrap();
        let refused = open(second).await.unwrap_err();
        assert!(matches!(&refused, StoreError::Locked { path } if path == second), "{refused}");
        db.close().await;
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("specie.db");
    let text = "this is a letter, and not a database at all".repeat(100);
    fs::write(&path, &text).unwrap();
    let refused = open(&path).await.unwrap_err();
    assert!(matches!(refused, StoreError::CorruptFile { .. }), "{refused:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn a_damaged_database_is_noticed_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("specie.db");
    let db = open(&path).await.unwrap();
    migrate_up(&db).await.unwrap();
    for n in 1..50 {
        scene::with_payer(&db, n).await;
    }
    db.close().await;
    drop(db);
    let mut bytes = fs::read(&path).unwrap();
    let half = bytes.len() / 2;
    bytes[4096..half].fill(0xa5);
    fs::write(&path, &bytes).unwrap();
    let refused = open(&path).await.unwrap_err();
    assert!(matches!(refused, StoreError::CorruptFile { .. }), "{refused:?}");
}

#[tokio::test]
async fn a_folder_that_is_not_there_or_a_file_in_its_place_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere").join("specie.db");
    let refused = open(&nowhere).await.unwrap_err();
    assert!(matches!(refused, StoreError::NotWritable { .. }), "{refused:?}");
    assert!(refused.to_string().contains("nowhere"), "{refused}");
    let refused = open(folder.path()).await.unwrap_err();
    assert!(matches!(refused, StoreError::NotWritable { .. }), "{refused:?}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_as_such() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let url = format!("postgres://nobody@127.0.0.1:{port}/nothing");
    let refused = Db::open(&url, Options::default()).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unreachable(_)), "{refused:?}");
}

#[tokio::test]
async fn who_only_reads_reads_beside_who_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("specie.db");
    let url = format!("sqlite://{}", path.display());
    let nothing = Db::open_read_only(&url, Options::default()).await;
    assert!(nothing.is_err() && !path.exists(), "it makes no file");
    let db = Db::open(&url, Options::default()).await.unwrap();
    migrate_up(&db).await.unwrap();
    let beside = Db::open_read_only(&url, Options::default()).await.unwrap();
    let payer = scene::with_payer(&db, 1).await;
    let mut tx = beside.read().await.unwrap();
    assert_eq!(customers::list(&mut tx, 9).await.unwrap(), [payer]);
    drop(tx);
    let wrote = match beside.begin().await {
        Ok(mut tx) => customers::insert(&mut tx, &scene::payer(2)).await.is_ok(),
        Err(_) => false,
    };
    assert!(!wrote);
}

#[cfg(unix)]
#[tokio::test]
async fn only_its_owner_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("specie.db");
    let db = open(&path).await.unwrap();
    migrate_up(&db).await.unwrap();
    for file in fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.path().display());
    }
}

#[tokio::test]
async fn a_full_disk_is_told_and_nothing_is_half_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("specie.db");
    let db = open(&path).await.unwrap();
    migrate_up(&db).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    // It is raised to the number of pages that there are.
    raw(&mut tx, "pragma max_page_count = 1").await.unwrap();
    tx.commit().await.unwrap();
    let mut large = event(1, "cus_1");
    large.payload =
        (0..100_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
    let full = inbox::add(&db, &[event(2, "cus_1"), large]).await.unwrap_err();
    assert!(full.is_full() && full.is_transient(), "{full}");
    assert_eq!(inbox::count(&mut db.read().await.unwrap()).await.unwrap(), 0, "none of it");
    assert_eq!(inbox::add(&db, &[event(3, "cus_1")]).await.unwrap(), 1);
}

#[tokio::test]
async fn a_transaction_that_sqlite_ends_by_itself_spoils_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder.path().join("specie.db")).await.unwrap();
    migrate_up(&db).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    // As it does when the disk is full, behind the driver's back.
    raw(&mut tx, "rollback").await.unwrap();
    drop(tx);
    let mut next = db.begin().await.unwrap();
    assert_eq!(inbox::count(&mut next).await.unwrap(), 0);
    next.commit().await.unwrap();
    assert_eq!(inbox::add(&db, &[event(1, "cus_1")]).await.unwrap(), 1);
}
