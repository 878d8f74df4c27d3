//! Roots of the audit trail: what they anchor, and who is found out by them.

use specie_store::roots::verify::{Checks, Finding, Place, Report, SignedBy, verify};
use specie_store::roots::{self, Root};
use specie_store::{Db, Options, StoreError};
use specie_vocab::PayerId;

use crate::scene::{both, id, wall};
use crate::trail::{append, digest, meddle};

const KEY: [u8; 32] = [1; 32];
const OTHER: [u8; 32] = [2; 32];

/// Not a signature, but one that differs with the key and with the text.
fn sign(key: [u8; 32], text: &str) -> Vec<u8> {
    let of_it = digest(&[&key, text.as_bytes()].concat());
    [of_it, of_it].concat()
}

const SIGNED_BY: SignedBy = |signer, text, signature| {
    let of_it = digest(&[signer, text].concat());
    [of_it, of_it].concat() == signature
};

/// Makes the next root, signed by `key`, and says how many heads it anchors.
async fn anchor(db: &Db, key: Option<[u8; 32]>) -> Result<usize, StoreError> {
    let mut tx = db.begin().await?;
    let last = roots::last(&mut tx).await?;
    let heads = roots::moved(&mut tx, 100).await?;
    let mut root = roots::next(last.as_ref(), &heads, wall(100), digest);
    root.signature = key.map(|key| sign(key, &root.signed_text()));
    root.signer = key.map(Vec::from);
    assert!(roots::add(&mut tx, &root, &heads).await?);
    tx.commit().await?;
    Ok(heads.len())
}

/// Two payers with four and two entries, under three roots; one entry is not anchored yet.
async fn filled(db: &Db) -> PayerId {
    let (ann, ben) = (PayerId(id(1)), PayerId(id(2)));
    for (entries, anchored) in [(vec![(ann, 1), (ann, 2), (ben, 1)], 2), (vec![(ann, 3)], 1)] {
        let mut tx = db.begin().await.unwrap();
        for (payer, n) in entries {
            append(&mut tx, payer, n).await;
        }
        tx.commit().await.unwrap();
        assert_eq!(anchor(db, Some(KEY)).await.unwrap(), anchored);
    }
    let mut tx = db.begin().await.unwrap();
    append(&mut tx, ann, 4).await;
    tx.commit().await.unwrap();
    assert_eq!(anchor(db, Some(KEY)).await.unwrap(), 1);
    let mut tx = db.begin().await.unwrap();
    append(&mut tx, ben, 2).await;
    tx.commit().await.unwrap();
    ann
}

async fn looked_at(db: &Db, trusted: &[Vec<u8>], kept: &[Vec<u8>]) -> Report {
    let checks = Checks { digest, signed_by: SIGNED_BY, trusted, kept };
    verify(&mut db.snapshot().await.unwrap(), checks).await.unwrap()
}

fn told(report: &Report) -> Vec<String> {
    let line =
        |it: &Finding| format!("{}: {}", it.place, it.what).replace(&id(0).to_string()[..35], "");
    report.findings.iter().map(line).collect()
}

async fn last(db: &Db) -> Root {
    roots::last(&mut db.read().await.unwrap()).await.unwrap().unwrap()
}

/// Takes the triggers away that keep rows as they are.
async fn disarm(db: &Db) {
    let disarm: &[&str] = if db.is_postgres() {
        &[
            "drop trigger audit_append_only on audit",
            "drop trigger audit_roots_append_only on audit_roots",
            "drop trigger audit_root_heads_append_only on audit_root_heads",
        ]
    } else {
        &[
            "drop trigger audit_no_update",
            "drop trigger audit_no_delete",
            "drop trigger audit_roots_no_update",
            "drop trigger audit_roots_no_delete",
            "drop trigger audit_root_heads_no_update",
            "drop trigger audit_root_heads_no_delete",
        ]
    };
    for sql in disarm {
        meddle(db, sql).await.unwrap();
    }
}

both! {
    async fn a_trail_that_was_left_alone_is_sound(db: Db) {
        filled(&db).await;
        let report = looked_at(&db, &[KEY.into()], &[last(&db).await.digest]).await;
        let expected = Report {
            payers: 2,
            entries: 6,
            unanchored: 1,
            roots: 3,
            signed: 3,
            signers: vec![KEY.into()],
            findings: Vec::new(),
        };
        assert_eq!(report, expected);
        assert_eq!(anchor(&db, None).await.unwrap(), 1);
        assert_eq!(looked_at(&db, &[], &[]).await.unanchored, 0);
    }

    async fn of_two_that_make_the_same_root_one_does(db: Db) {
        let ann = filled(&db).await;
        let mut tx = db.begin().await.unwrap();
        let heads = roots::moved(&mut tx, 100).await.unwrap();
        let root = roots::next(roots::last(&mut tx).await.unwrap().as_ref(), &heads, wall(1), digest);
        assert!(roots::add(&mut tx, &root, &heads).await.unwrap());
        // On SQLite nobody else can have made one meanwhile: the trigger says so.
        assert!(!roots::add(&mut tx, &root, &heads).await.unwrap_or(false));
        // What is appended after a root was begun waits for the next one.
        append(&mut tx, ann, 5).await;
        tx.commit().await.unwrap();
        let moved = roots::moved(&mut db.read().await.unwrap(), 100).await.unwrap();
        assert_eq!(moved.iter().map(|head| head.n).collect::<Vec<_>>(), [5]);
    }

    async fn a_root_can_not_be_changed_or_taken_away(db: Db) {
        filled(&db).await;
        for sql in [
            "update audit_roots set heads = 9",
            "delete from audit_roots where n = 3",
            "update audit_root_heads set n = 9",
            "delete from audit_root_heads",
        ] {
            let refused = meddle(&db, sql).await.unwrap_err().to_string();
            assert!(refused.contains("is append-only"), "{sql}: {refused}");
        }
        let only_one: &[&'static str] = if db.is_postgres() {
            &["truncate audit_roots cascade", "truncate audit_root_heads"]
        } else {
            &[
                "insert or replace into audit_roots select * from audit_roots where n = 3",
                "insert or replace into audit_root_heads select * from audit_root_heads",
            ]
        };
        for sql in only_one {
            let refused = meddle(&db, sql).await.unwrap_err().to_string();
            assert!(refused.contains("is append-only"), "{sql}: {refused}");
        }
    }

    async fn whatever_is_done_to_the_trail_is_found_and_named(db: Db) {
        filled(&db).await;
        disarm(&db).await;
        let hash = "its hash does not follow from the one before";
        let digest_differs = "its digest does not follow from the heads that it anchors";
        let payer = id(1).to_string();
        let entry = |n: i64, what: &str| format!("entry {n} of customer {payer}: {what}");
        let root = |n: i64, what: &str| format!("root {n}: {what}");
        let anchored = |n: i64, root: i64| {
            entry(n, &format!("root {root} anchored it, and it is gone"))
        };
        let cases: Vec<(&[&'static str], Vec<String>)> = vec![
            // Altered, and reordered.
            (
                &["update audit set why = 'evt_2' where n = 2 and payer in (select payer from audit where n = 4)"],
                vec![entry(2, hash)],
            ),
            (
                &[
                    "update audit set n = 9 where n = 3",
                    "update audit set n = 3 where n = 4",
                    "update audit set n = 4 where n = 9",
                ],
                vec![
                    entry(3, hash),
                    entry(3, "it is not the entry that root 2 anchored"),
                    entry(4, "it is not the entry that root 3 anchored"),
                ],
            ),
            // Removed from within.
            (&["delete from audit where n = 3"], vec![entry(3, "an entry is missing"), anchored(3, 2)]),
            // A tail that was cut, with its details and without.
            (
                &["delete from audit where n = 4", "delete from audit_details where n = 4"],
                vec![anchored(4, 3)],
            ),
            (
                &["delete from audit where n > 2", "delete from audit_details where n > 2"],
                vec![anchored(3, 2), anchored(4, 3)],
            ),
            // Details that are not those.
            (
                &["update audit_details set details = salt where n = 3"],
                vec![entry(3, "its details are not those it was made with")],
            ),
            // A root that was altered, removed, cut off or whose heads were.
            (&["update audit_roots set at = (select at from audit where n = 3) where n = 2"],
             vec![root(2, digest_differs)]),
            (&["update audit_root_heads set n = 2 where root = 2"],
             vec![root(2, digest_differs), entry(2, "it is not the entry that root 2 anchored")]),
            (&["delete from audit_root_heads where root = 2", "delete from audit_roots where n = 2"],
             vec![root(2, "it is missing")]),
            (&["update audit_roots set previous = digest where n = 3"], vec![
                root(3, "it names another root before it than the one that is there"),
                root(3, digest_differs),
            ]),
            (
                &["update audit_roots set signature = (select it.signature from audit_roots it where it.n = 3) where n = 2"],
                vec![root(2, "its signature is not one of its signer's")],
            ),
            (&["update audit_roots set signer = null, signature = null where n = 3"],
             vec![root(3, "it is the last one, and not signed")]),
            (&["update audit_roots set signer = digest where n = 2"],
             vec![root(2, "its signature is not one of its signer's")]),
            (&["update audit_roots set heads = 10000 where n = 3"],
             vec![root(3, "it tells another number of heads than it anchors")]),
        ];
        for (statements, expected) in cases {
            let mut tx = db.begin().await.unwrap();
            for sql in statements {
                specie_store::raw(&mut tx, sql).await.unwrap();
            }
            let (trusted, kept) = ([KEY.into()], []);
            let checks = Checks { digest, signed_by: SIGNED_BY, trusted: &trusted, kept: &kept };
            let report = verify(&mut tx, checks).await.unwrap();
            let found: Vec<_> = report.findings.iter().map(|it| format!("{}: {}", it.place, it.what)).collect();
            assert_eq!(found, expected, "{statements:?}");
        }
    }

    async fn an_entry_that_was_added_past_the_service_is_found(db: Db) {
        let ann = filled(&db).await;
        let mut tx = db.begin().await.unwrap();
        append(&mut tx, ann, 5).await;
        // Whoever adds to the table alone, be the hash as it must.
        specie_store::raw(&mut tx, "delete from audit_unanchored where n = 5").await.unwrap();
        tx.commit().await.unwrap();
        let report = looked_at(&db, &[], &[]).await;
        let place = Place::Entry { payer: ann, n: 5 };
        let what = "it was not added by the service: no root waits for it".into();
        assert_eq!(report.findings, [Finding { place, what }]);
    }

    async fn a_tail_that_was_cut_before_a_root_came_is_found(db: Db) {
        filled(&db).await;
        disarm(&db).await;
        let ben = PayerId(id(2));
        for sql in [
            "delete from audit where n = 2 and payer = (select max_payer.payer from audit max_payer order by max_payer.payer desc limit 1)",
            "delete from audit_details where n = 2 and payer not in (select payer from audit where n = 2)",
        ] {
            meddle(&db, sql).await.unwrap();
        }
        let report = looked_at(&db, &[], &[]).await;
        let what = "it was written, and it is gone".into();
        assert_eq!(report.findings, [Finding { place: Place::Entry { payer: ben, n: 2 }, what }]);
    }

    async fn who_rewrites_all_of_it_is_found_by_what_was_kept_elsewhere(db: Db) {
        filled(&db).await;
        let kept = last(&db).await;
        disarm(&db).await;
        // The last root is taken away with all that it anchored: what is left is sound in itself.
        for sql in [
            "delete from audit_root_heads where root = 3",
            "delete from audit_roots where n = 3",
            "delete from audit where n = 4",
            "delete from audit_details where n = 4",
        ] {
            meddle(&db, sql).await.unwrap();
        }
        assert!(looked_at(&db, &[KEY.into()], &[]).await.findings.is_empty());
        let report = looked_at(&db, &[KEY.into()], std::slice::from_ref(&kept.digest)).await;
        let what = "no root in the database has this digest".into();
        assert_eq!(report.findings, [Finding { place: Place::Kept { digest: kept.digest }, what }]);
    }

    async fn a_trail_that_has_lost_all_of_its_roots_is_found_by_the_key(db: Db) {
        filled(&db).await;
        disarm(&db).await;
        // The ends of both chains, too; what is left waits for a root, as it seems.
        for sql in [
            "delete from audit_root_heads",
            "delete from audit_roots",
            "delete from audit where n > 1",
            "delete from audit_details where n > 1",
            "delete from audit_unanchored",
            "insert into audit_unanchored (payer, n) select payer, n from audit",
        ] {
            meddle(&db, sql).await.unwrap();
        }
        let report = looked_at(&db, &[], &[]).await;
        assert_eq!((report.roots, report.unanchored, report.findings), (0, 2, Vec::new()));
        let report = looked_at(&db, &[KEY.into()], &[]).await;
        let what = format!("it is missing, and entries have been written since {}", wall(1));
        assert_eq!(report.findings, [Finding { place: Place::Root { n: 1 }, what }]);
    }

    async fn a_new_installation_has_no_root_in_its_first_minutes(db: Db) {
        let mut tx = db.begin().await.unwrap();
        let now = tx.now().await.unwrap().as_second() - wall(0).as_second();
        for (at, findings) in [(now, 0), (now + 600, 0), (now - 600, 0), (now - 3_600, 1)] {
            append(&mut tx, PayerId(id(1)), at).await;
            let trusted = [KEY.into()];
            let checks = Checks { digest, signed_by: SIGNED_BY, trusted: &trusted, kept: &[] };
            let report = verify(&mut tx, checks).await.unwrap();
            assert_eq!(report.findings.len(), findings, "{at}: {report:?}");
        }
    }

    /// Roots are of second 100. Who was killed has left what no root anchors, however long ago.
    async fn what_roots_should_have_anchored_is_found_and_what_a_kill_leaves_is_not(db: Db) {
        let ann = filled(&db).await;
        anchor(&db, Some(KEY)).await.unwrap();
        let left_out = || "root 4 was made long after it, and left it out".to_owned();
        let until = |at| format!("no root anchors it, and entries were written until {}", wall(at));
        let cases: [(&[i64], Option<String>); 9] = [
            (&[101, 102], None),
            // Written by a clock that is ten minutes behind the database's, and ahead of it.
            (&[-500, 700], None),
            (&[-3_600], Some(left_out())),
            (&[-3_600, -3_500, 101], Some(left_out())),
            // Killed long after the last root, since nothing had happened meanwhile.
            (&[50_000, 50_001], None),
            // It lost its database, and was killed when that had been back for a moment.
            (&[5_000, 50_000], None),
            (&[5_000, 50_000, 50_600], None),
            // Somebody tells a story of their own.
            (&[5_000, 50_000, 100_000], Some(until(100_000))),
            (&[5_000, 6_000, 7_000, 8_000], Some(until(7_000))),
        ];
        for (entries, expected) in cases {
            let mut tx = db.begin().await.unwrap();
            for at in entries {
                append(&mut tx, ann, *at).await;
            }
            let trusted = [KEY.into()];
            let checks = Checks { digest, signed_by: SIGNED_BY, trusted: &trusted, kept: &[] };
            let report = verify(&mut tx, checks).await.unwrap();
            let place = Place::Entry { payer: ann, n: 5 };
            let expected: Vec<_> =
                expected.into_iter().map(|what| Finding { place: place.clone(), what }).collect();
            assert_eq!(report.findings, expected, "{entries:?}");
            let checks = Checks { trusted: &[], ..checks };
            let report = verify(&mut tx, checks).await.unwrap();
            assert_eq!(report.findings, [], "without a key: {entries:?}");
        }
    }

    async fn heads_of_a_root_that_is_gone_are_found(db: Db) {
        filled(&db).await;
        disarm(&db).await;
        let mut tx = db.begin().await.unwrap();
        let detach = if db.is_postgres() {
            "alter table audit_root_heads drop constraint audit_root_heads_root_fkey"
        } else {
            "pragma defer_foreign_keys = on"
        };
        for sql in [detach, "delete from audit_roots"] {
            specie_store::raw(&mut tx, sql).await.unwrap();
        }
        // Of a root that none is, too.
        for n in [1, 0, -7] {
            let root = format!("update audit_root_heads set root = {n}");
            if n < 1 {
                let others = "delete from audit_root_heads where root > 1";
                specie_store::raw(&mut tx, others).await.unwrap();
                specie_store::raw(&mut tx, String::leak(root)).await.unwrap();
            }
            let checks = Checks { digest, signed_by: SIGNED_BY, trusted: &[], kept: &[] };
            let report = verify(&mut tx, checks).await.unwrap();
            let what = "it is missing, and heads that it anchored are there".into();
            assert_eq!(report.findings[0], Finding { place: Place::Root { n }, what });
        }
    }

    async fn a_key_that_is_replaced_is_told_from_one_that_is_not_ours(db: Db) {
        filled(&db).await;
        assert_eq!(anchor(&db, Some(OTHER)).await.unwrap(), 1);
        let report = looked_at(&db, &[OTHER.into()], &[]).await;
        assert!(report.findings.is_empty(), "the new key speaks for the old one: {report:?}");
        assert_eq!(report.signers, [Vec::from(KEY), Vec::from(OTHER)]);
        let report = looked_at(&db, &[KEY.into()], &[]).await;
        assert!(told(&report)[0].starts_with("root 4: it is the last one, and signed by another key"));
        assert!(looked_at(&db, &[KEY.into(), OTHER.into()], &[]).await.findings.is_empty());
        assert!(looked_at(&db, &[], &[]).await.findings.is_empty());
    }
}

/// Only SQLite keeps ids as text.
#[tokio::test]
async fn an_id_in_other_letters_is_corrupt_and_hides_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("specie.db").display().to_string();
    let db = Db::open(&path, Options::default()).await.unwrap();
    specie_store::migrate_up(&db).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    append(&mut tx, PayerId(id(0xa)), 1).await;
    tx.commit().await.unwrap();
    anchor(&db, Some(KEY)).await.unwrap();
    disarm(&db).await;
    let mut tx = db.begin().await.unwrap();
    for sql in
        ["pragma defer_foreign_keys = on", "update audit_root_heads set payer = upper(payer)"]
    {
        specie_store::raw(&mut tx, sql).await.unwrap();
    }
    let checks = Checks { digest, signed_by: SIGNED_BY, trusted: &[], kept: &[] };
    let found = verify(&mut tx, checks).await;
    assert!(found.as_ref().is_err_and(StoreError::is_corrupt), "{found:?}");
}
