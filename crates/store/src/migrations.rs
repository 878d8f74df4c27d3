//! The schema, up and down, one folder per database.

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, SqlSafeStr};

use crate::db::Pools;
use crate::dialect;
use crate::sql::{Statement, value};
use crate::{Db, StoreError};

/// Lists the migrations of one database: `version, "name"` stands for `name.up.sql` and
/// `name.down.sql` in its folder.
macro_rules! migrations {
    ($folder:literal: $($version:literal $name:literal),+) => {
        [$(
            ($version, $name, MigrationType::ReversibleUp,
                include_str!(concat!("../migrations/", $folder, "/", $name, ".up.sql"))),
            ($version, $name, MigrationType::ReversibleDown,
                include_str!(concat!("../migrations/", $folder, "/", $name, ".down.sql"))),
        )+]
    };
}

const NEWEST: i64 = 1;

/// Where a database's schema stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Its version; 0, if there is none.
    pub current: i64,
    /// The newest version this program knows.
    pub newest: i64,
}

fn migrator(db: &Db) -> Migrator {
    let list = match db.pools {
        Pools::Postgres(_) => migrations!("postgres": 1 "0001_first"),
        Pools::Sqlite { .. } => migrations!("sqlite": 1 "0001_first"),
    };
    let migration = |(version, name, kind, sql): (i64, &'static str, _, &'static str)| {
        let sql = AssertSqlSafe(sql).into_sql_str();
        Migration::new(version, name.into(), kind, sql, false)
    };
    Migrator::with_migrations(list.into_iter().map(migration).collect())
}

/// Brings the schema up to date.
pub async fn migrate_up(db: &Db) -> Result<(), StoreError> {
    migration_status(db).await?;
    let migrator = migrator(db);
    match &db.pools {
        Pools::Postgres(pool) => migrator.run(pool).await?,
        Pools::Sqlite { write, .. } => migrator.run(write).await?,
    }
    Ok(())
}

/// Takes the schema back to `version`; 0 takes all of it away.
pub async fn migrate_down(db: &Db, version: i64) -> Result<(), StoreError> {
    migration_status(db).await?;
    let migrator = migrator(db);
    match &db.pools {
        Pools::Postgres(pool) => migrator.undo(pool, version).await?,
        Pools::Sqlite { write, .. } => migrator.undo(write, version).await?,
    }
    Ok(())
}

/// Where the schema stands. One that is newer than this program is an error.
pub async fn migration_status(db: &Db) -> Result<Status, StoreError> {
    const CURRENT: Statement = Statement {
        sql: "select coalesce(max(version), 0) from _sqlx_migrations where success",
        columns: "",
    };

    let tx = &mut db.read().await?;
    let current = match value!(tx, i64, dialect::has_schema(tx), []) {
        0 => 0,
        _ => value!(tx, i64, CURRENT, []),
    };
    if current > NEWEST {
        return Err(StoreError::SchemaTooNew { current, newest: NEWEST });
    }
    Ok(Status { current, newest: NEWEST })
}
