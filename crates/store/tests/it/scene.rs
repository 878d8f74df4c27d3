//! A database for each test, and the rows that tests are made of.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;
use specie_store::Db;
use specie_store::customers::{self, Payer};
use specie_store::inbox::{InboxState, NewEvent};
use specie_store::intents::{Intent, IntentState};
use specie_store::wishes::Wish;
use specie_vocab::{BusinessTime, CustomerId, IntentId, ManualClock, PayerId, WallTime};
use uuid::Uuid;

/// Writes each test twice, `sqlite::name` and `postgres::name`, each with a database of its own that
/// has the newest schema.
macro_rules! both {
    ($($(#[$doc:meta])* async fn $test:ident($db:ident: Db) $body:block)*) => {
        $($(#[$doc])* async fn $test($db: Db) $body)*

        mod sqlite {$(
            #[tokio::test]
            async fn $test() {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("specie.db");
                let db = specie_store::Db::open(path.to_str().unwrap(), Default::default())
                    .await
                    .unwrap();
                specie_store::migrate_up(&db).await.unwrap();
                super::$test(db).await;
            }
        )*}

        mod postgres {$(
            #[tokio::test]
            async fn $test() {
                let own = specie_store::own::Own::for_test("store").await.unwrap();
                let Some(own) = own else { return };
                let options = specie_store::Options { connections: 8, clock: None };
                let db = specie_store::Db::open(&own.url(), options).await.unwrap();
                specie_store::migrate_up(&db).await.unwrap();
                super::$test(db.clone()).await;
                db.close().await;
                own.remove().await.unwrap();
            }
        )*}
    };
}
pub(crate) use both;

pub(crate) fn clock(second: i64) -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::from_second(second).unwrap()))
}

pub(crate) fn wall(second: i64) -> WallTime {
    WallTime::from_second(1_700_000_000 + second)
}

pub(crate) fn business(second: i64) -> BusinessTime {
    BusinessTime::from_second(1_700_000_000 + second)
}

pub(crate) fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

pub(crate) fn cus(text: &str) -> CustomerId {
    text.try_into().unwrap()
}

pub(crate) fn payer(n: u128) -> Payer {
    Payer {
        id: PayerId(id(n)),
        realm: "main".into(),
        app_id: format!("user-{n}"),
        stripe: Some(cus(&format!("cus_{n}"))),
        version: 0,
        created_at: wall(0),
    }
}

/// A payer that is there.
pub(crate) async fn with_payer(db: &Db, n: u128) -> Payer {
    let payer = payer(n);
    let mut tx = db.begin().await.unwrap();
    assert!(customers::insert(&mut tx, &payer).await.unwrap());
    tx.commit().await.unwrap();
    payer
}

pub(crate) fn event(n: i64, lane: &str) -> NewEvent {
    NewEvent {
        id: format!("evt_{n}"),
        kind: "invoice.paid".into(),
        created: business(n),
        api_version: Some("2026-10-28.endive".into()),
        account: None,
        livemode: false,
        object: Some("in_1".into()),
        customer: Some(lane.into()),
        lane: Some(lane.into()),
        payload: vec![0, 159, 146, 150, b'{'],
        received_at: wall(n),
        state: InboxState::Pending,
    }
}

pub(crate) fn wish(n: u128, lane: &str, due: WallTime) -> Wish {
    Wish {
        id: id(n),
        lane: lane.into(),
        what: json!({ "object": "in_1" }),
        due,
        urgent: false,
        why: "call:sync".into(),
    }
}

pub(crate) fn intent(n: u128, payer: PayerId, group: Option<&str>) -> Intent {
    Intent {
        id: IntentId(id(n)),
        payer,
        plan_group: group.map(Into::into),
        kind: "checkout".into(),
        what: json!({ "plan": "pro", "seats": 3, "nested": [null, "ü"] }),
        asked_by: "key:1".into(),
        state: IntentState::Open,
        decided_version: 7,
        created_at: wall(1),
        finished_at: None,
        result: None,
    }
}
