//! The edges: times, clocks, ids that only differ in case, rows that no version of ours wrote.

use std::sync::Arc;

use serde_json::json;
use specie_store::inbox::InboxState;
use specie_store::{Db, Options, StoreError, customers, inbox, intents, lanes, outbox};
use specie_vocab::{BusinessTime, WallTime};

use crate::scene::{self, both, business, event, wall, with_payer};

both! {
    async fn times_sort_as_time_does_and_come_back_to_the_microsecond(db: Db) {
        let times = [
            "0000-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "1970-01-01T00:00:00Z",
            "1999-12-31T23:59:59.1Z", "2026-01-31T10:00:00Z", "2026-01-31T10:00:00.000001Z",
            "2026-01-31T10:00:00.1Z", "2026-10-01T00:00:00Z", "9999-12-30T22:00:00Z",
        ];
        let times: Vec<_> = times.iter().map(|time| WallTime::new(time.parse().unwrap())).collect();
        let events: Vec<_> = times.iter().zip(0..).map(|(time, n)| {
            let mut event = event(n * 7 % 9, "cus_1");
            event.received_at = *time;
            event.created = BusinessTime::new(time.timestamp());
            event
        }).collect();
        inbox::add(&db, &events).await.unwrap();
        let mut tx = db.read().await.unwrap();
        let found = inbox::recent(&mut tx, 99).await.unwrap();
        let found: Vec<_> = found.iter().rev().map(|head| head.received_at).collect();
        assert_eq!(found, times);
    }

    async fn the_last_moment_there_is_can_be_kept(db: Db) {
        let last = WallTime::from_second(i64::MAX);
        inbox::add(&db, &[inbox::NewEvent { received_at: last, ..event(1, "cus_1") }]).await.unwrap();
        let mut tx = db.read().await.unwrap();
        assert_eq!(inbox::recent(&mut tx, 1).await.unwrap()[0].received_at, last);
    }

    async fn the_clock_is_the_databases_own(db: Db) {
        let mut tx = db.begin().await.unwrap();
        let (first, second) = (tx.now().await.unwrap(), tx.now().await.unwrap());
        assert!(first <= second);
        assert!(first > wall(0), "it reads later than when this was written");
    }

    async fn ids_that_differ_in_case_are_different_and_sort_by_bytes(db: Db) {
        let mut tx = db.begin().await.unwrap();
        for (n, app_id) in [(1, "user"), (2, "User"), (3, "üser")] {
            let payer = customers::Payer { app_id: app_id.into(), ..scene::payer(n) };
            assert!(customers::insert(&mut tx, &payer).await.unwrap());
        }
        let found = customers::find(&mut tx, "main", "User").await.unwrap().unwrap();
        assert_eq!(found.app_id, "User");
        assert!(customers::find(&mut tx, "main", "USER").await.unwrap().is_none());
    }

    async fn a_row_that_no_version_of_ours_wrote_is_named(db: Db) {
        inbox::add(&db, &[event(1, "cus_1")]).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        let sql = if db.is_postgres() {
            "update inbox set payload = 'zz'::bytea"
        } else {
            "update inbox set payload = x'7a7a'"
        };
        specie_store::raw(&mut tx, sql).await.unwrap();
        let error = inbox::get(&mut tx, "evt_1").await.unwrap_err();
        assert!(matches!(&error, StoreError::Corrupt { table: "inbox", column: "payload", id, found } if id == "evt_1" && found == "2 bytes that are no packed payload"), "{error}");
    }

    async fn a_row_that_cannot_be_read_holds_no_other_up(db: Db) {
        let payer = with_payer(&db, 1).await.id;
        inbox::add(&db, &[event(1, "cus_1"), event(2, "cus_1")]).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        let broken = if db.is_postgres() { "'zz'::bytea" } else { "x'7a7a'" };
        let sql = format!("update inbox set payload = {broken} where id = 'evt_1'");
        specie_store::raw(&mut tx, String::leak(sql)).await.unwrap();
        let claim = lanes::claim(&mut tx, "cus_1", 30, wall(3), business(3)).await.unwrap().unwrap();
        assert_eq!(claim.events.iter().map(|it| it.id.as_str()).collect::<Vec<_>>(), ["evt_2"]);
        let told = "`inbox.payload` of evt_1 holds 2 bytes that are no packed payload, which it never should; put the row right, from a backup if need be";
        assert_eq!(claim.unreadable, [told]);
        let parked = inbox::head(&mut tx, "evt_1").await.unwrap().unwrap();
        assert_eq!((parked.state, parked.reason.as_deref()), (InboxState::Parked, Some(told)));

        for (n, key) in ["a", "b"].into_iter().enumerate() {
            let due = business(i64::try_from(n).unwrap());
            let effect = outbox::Effect::new(key, payer, "mail", json!({}), due);
            outbox::add(&mut tx, &effect).await.unwrap();
        }
        // Only SQLite lets anybody write something else into such a column.
        if !db.is_postgres() {
            specie_store::raw(&mut tx, "pragma ignore_check_constraints = on").await.unwrap();
            specie_store::raw(&mut tx, "update outbox set what = 'rubbish' where key = 'a'").await.unwrap();
            let (read, unreadable) = outbox::claim(&mut tx, 9, wall(3), business(3)).await.unwrap();
            assert_eq!(read.iter().map(|it| it.key.as_str()).collect::<Vec<_>>(), ["b"]);
            let [error] = &unreadable[..] else { panic!("{unreadable:?}") };
            assert!(error.to_string().starts_with("`outbox.what` of a holds what cannot be read, "), "{error}");
        }
        let change = scene::intent(1, payer, None);
        intents::insert(&mut tx, &change).await.unwrap();
        let unchecked = if db.is_postgres() {
            "alter table intents drop constraint intents_state_check, drop constraint intents_check"
        } else {
            "pragma ignore_check_constraints = on"
        };
        specie_store::raw(&mut tx, unchecked).await.unwrap();
        specie_store::raw(&mut tx, "update intents set state = 'rubbish'").await.unwrap();
        let error = intents::get(&mut tx, change.id).await.unwrap_err();
        let told = format!("`intents.state` of {} holds `rubbish`, which it never should", change.id);
        assert!(error.is_corrupt() && error.to_string().starts_with(&told), "{error}");
    }

    async fn what_is_dropped_is_undone(db: Db) {
        let mut tx = db.begin().await.unwrap();
        customers::insert(&mut tx, &scene::payer(1)).await.unwrap();
        drop(tx);
        let mut tx = db.begin().await.unwrap();
        assert!(customers::list(&mut tx, 9).await.unwrap().is_empty());
    }

    async fn in_one_transaction_it_is_one_moment(db: Db) {
        let mut tx = db.begin().await.unwrap();
        assert_eq!(tx.now().await.unwrap(), tx.now().await.unwrap());
    }

    async fn a_group_of_events_lasts_when_it_is_answered(db: Db) {
        let events: Vec<_> = (1..=64).map(|n| scene::event(n, "cus_1")).collect();
        assert_eq!(inbox::add(&db, &events).await.unwrap(), 64);
        assert_eq!(inbox::add(&db, &events[..3]).await.unwrap(), 0, "they are there");
        let mut tx = db.read().await.unwrap();
        assert_eq!(inbox::count(&mut tx).await.unwrap(), 64);
    }

    async fn a_transaction_that_reads_can_not_write(db: Db) {
        let payer = with_payer(&db, 1).await;
        let mut tx = db.read().await.unwrap();
        assert!(customers::bump(&mut tx, payer.id).await.is_err());
    }
}

#[tokio::test]
async fn a_clock_may_stand_in_for_the_databases() {
    let folder = tempfile::tempdir().unwrap();
    let clock = scene::clock(1000);
    let options = Options { connections: 1, clock: Some(clock.clone()) };
    let path = folder.path().join("specie.db");
    let db = Db::open(path.to_str().unwrap(), options).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    assert_eq!(tx.now().await.unwrap(), WallTime::from_second(1000));
    Arc::clone(&clock).advance_to(jiff::Timestamp::from_second(2000).unwrap());
    assert_eq!(tx.now().await.unwrap(), WallTime::from_second(2000));
}

#[tokio::test]
async fn events_wait_for_one_other_transaction_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("specie.db");
    let db = Db::open(path.to_str().unwrap(), Options::default()).await.unwrap();
    specie_store::migrate_up(&db).await.unwrap();
    let first = db.begin().await.unwrap();
    let (other, events) = (db.clone(), db.clone());
    let next = tokio::spawn(async move {
        let mut tx = other.begin().await.unwrap();
        inbox::count(&mut tx).await.unwrap()
    });
    tokio::task::yield_now().await;
    let add = tokio::spawn(async move { inbox::add(&events, &[scene::event(1, "cus_1")]).await });
    tokio::task::yield_now().await;
    drop(first);
    assert_eq!(add.await.unwrap().unwrap(), 1);
    assert_eq!(next.await.unwrap(), 1, "who asked first comes after the event all the same");
}
