//! A database for each test, and the rows that tests are made of.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;
use specie_store::customers::{self, Payer};
use specie_store::inbox::{InboxState, NewEvent};
use specie_store::intents::{Intent, IntentState};
use specie_store::wishes::Wish;
use specie_store::{Db, Options};
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
                let Some(own) = $crate::scene::Own::make().await else { return };
                specie_store::migrate_up(&own.db).await.unwrap();
                super::$test(own.db.clone()).await;
                own.end().await;
            }
        )*}
    };
}
pub(crate) use both;

/// A Postgres database of a test's own.
pub(crate) struct Own {
    pub(crate) db: Db,
    server: String,
    name: String,
}

impl Own {
    /// None, if no server is named; a message says so.
    pub(crate) async fn make() -> Option<Self> {
        let Ok(server) = std::env::var("SPECIE_TEST_POSTGRES") else {
            eprintln!("skipped: SPECIE_TEST_POSTGRES names no server");
            return None;
        };
        let name = format!("store_{}", unique());
        admin(&server, format!("create database {name}")).await;
        let (address, _) = server.rsplit_once('/').unwrap();
        let url = format!("{address}/{name}");
        let db = Db::open(&url, options()).await.unwrap();
        Some(Self { db, server, name })
    }

    pub(crate) async fn end(self) {
        self.db.close().await;
        admin(&self.server, format!("drop database {} with (force)", self.name)).await;
    }
}

pub(crate) fn options() -> Options {
    Options { connections: 8, clock: None }
}

async fn admin(server: &str, sql: String) {
    let address: sqlx::postgres::PgConnectOptions = server.parse().unwrap();
    let pool = sqlx::postgres::PgPoolOptions::new().max_connections(1);
    let pool = pool.connect_with(address.extra_float_digits(None)).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&pool).await.unwrap();
    pool.close().await;
}

/// A name that no other test has, in this run or a parallel one.
fn unique() -> String {
    let folder = tempfile::tempdir().unwrap();
    let name = folder.path().file_name().unwrap().to_string_lossy().to_lowercase();
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("{name}_{}", std::process::id())
}

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
