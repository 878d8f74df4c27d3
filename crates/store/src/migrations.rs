//! The schema, up and down, one folder per database. All steps of one call are one transaction.

use std::hash::{DefaultHasher, Hash, Hasher};

use sqlx::{AssertSqlSafe, SqlSafeStr};

use crate::dialect;
use crate::pools::{Pools, on};
use crate::sql::{run, statements, value};
use crate::{Db, StoreError, Tx};

/// One step of the schema.
struct Migration {
    up: &'static str,
    down: &'static str,
}

/// Lists the migrations of one database: `name` stands for `name.up.sql` and `name.down.sql` in its
/// folder. The first one makes version 1.
macro_rules! migrations {
    ($folder:literal: $($name:literal),+) => {
        &[$(Migration {
            up: include_str!(concat!("../migrations/", $folder, "/", $name, ".up.sql")),
            down: include_str!(concat!("../migrations/", $folder, "/", $name, ".down.sql")),
        }),+]
    };
}

const POSTGRES: &[Migration] = migrations!("postgres":
    "0001_first", "0002_restless", "0003_asked_by", "0004_mail_failures", "0005_roots",
    "0006_former_customers", "0007_looks");
const SQLITE: &[Migration] = migrations!("sqlite":
    "0001_first", "0002_restless", "0003_asked_by", "0004_mail_failures", "0005_roots",
    "0006_former_customers", "0007_looks");
/// The newest version of the schema that this program knows.
const NEWEST: i64 = POSTGRES.len() as i64;
const _: () = assert!(POSTGRES.len() == SQLITE.len());

statements! {
    MAKE = "create table if not exists schema_versions (version bigint primary key)";
    CURRENT = "select coalesce(max(version), 0) from schema_versions";
    ADD = "insert into schema_versions (version) values ($1)";
    REMOVE = "delete from schema_versions where version = $1";
}

/// Tells the schema of Postgres from every other that this program, or another build of it, makes.
pub(crate) fn fingerprint() -> u64 {
    let mut hasher = DefaultHasher::new();
    POSTGRES.iter().for_each(|it| it.up.hash(&mut hasher));
    hasher.finish()
}

/// Where a database's schema stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Its version; 0, if there is none.
    pub current: i64,
    /// The newest version this program knows.
    pub newest: i64,
}

/// Brings the schema up to date.
pub async fn migrate_up(db: &Db) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    let current = begin(&mut tx).await?;
    for (version, migration) in (1..).zip(list(db)).skip(usize_from(current)) {
        script(&mut tx, migration.up).await?;
        run!(&mut tx, ADD, [version]);
    }
    tx.commit().await
}

/// Takes the schema back to `version`; 0 takes all of it away.
pub async fn migrate_down(db: &Db, version: i64) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    let current = begin(&mut tx).await?;
    let steps: Vec<(i64, &Migration)> = (1..).zip(list(db)).collect();
    for (step, migration) in steps.into_iter().rev() {
        if version < step && step <= current {
            script(&mut tx, migration.down).await?;
            run!(&mut tx, REMOVE, [step]);
        }
    }
    tx.commit().await
}

/// Where the schema stands. One that is newer than this program is an error.
pub async fn migration_status(db: &Db) -> Result<Status, StoreError> {
    let tx = &mut db.read().await?;
    let current = match value!(tx, i64, dialect::has_schema(tx), []) {
        0 => 0,
        _ => current(tx).await?,
    };
    Ok(Status { current, newest: NEWEST })
}

/// Keeps others from migrating until the transaction ends, and answers with the version. Another's
/// migration may take long, and so may whoever uses a table.
async fn begin(tx: &mut Tx) -> Result<i64, StoreError> {
    if tx.is_postgres() {
        tx.wait_for_ever();
        run!(tx, dialect::NO_LIMIT, []);
        run!(tx, dialect::MIGRATION_LOCK, []);
    }
    run!(tx, MAKE, []);
    current(tx).await
}

async fn current(tx: &mut Tx) -> Result<i64, StoreError> {
    match value!(tx, i64, CURRENT, []) {
        current if current > NEWEST => Err(StoreError::SchemaTooNew { current, newest: NEWEST }),
        current => Ok(current),
    }
}

fn list(db: &Db) -> &'static [Migration] {
    match db.pools {
        Pools::Postgres { .. } => POSTGRES,
        Pools::Sqlite { .. } => SQLITE,
    }
}

fn usize_from(version: i64) -> usize {
    usize::try_from(version).unwrap_or(0)
}

async fn script(tx: &mut Tx, sql: &'static str) -> Result<(), StoreError> {
    on!(tx, db => {
        sqlx::raw_sql(AssertSqlSafe(sql).into_sql_str()).execute(db).await?;
    });
    Ok(())
}
