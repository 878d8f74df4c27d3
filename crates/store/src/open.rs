//! How either database is opened.

use std::fs::File;
use std::future::{Future, ready};
use std::path::Path;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;

use sqlx::pool::PoolConnectionMetadata;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, PgConnection, SqlitePool};
use tokio::sync::Semaphore;

use crate::link::{Limits, RESTED};
use crate::pools::{PATIENCE, Pools, in_time};
use crate::{StoreError, dialect, lock};

const READERS: u32 = 4;
/// How many prepared statements a connection keeps: ours, in all sizes that occur.
const STATEMENTS: usize = 512;
/// A setting that only a server that is reached without a pooler keeps for the connection.
const DIRECT: (&str, &str) = ("specie.direct", "yes");
/// Up to so many bytes a file is looked through when it is opened: some tenths of a second.
const CHECKED: u64 = 64 << 20;

impl Pools {
    /// Opens `postgres://…`, or the SQLite file that `url` names, made if it is not there. The file that
    /// is answered is SQLite's lock, to be held as long as anybody can write.
    pub(crate) async fn open(
        url: &str,
        connections: u32,
    ) -> Result<(Self, Option<File>), StoreError> {
        if is_postgres(url) {
            return Ok((server(url, connections).await?, None));
        }
        let path = path_of(url);
        let lock = lock::take(path)?;
        Ok((file(path).await?, Some(lock)))
    }

    /// The same beside whoever writes it. A SQLite file must be there.
    pub(crate) async fn open_read_only(url: &str, connections: u32) -> Result<Self, StoreError> {
        if is_postgres(url) {
            return server(url, connections).await;
        }
        let path = path_of(url);
        let pool = files().max_connections(READERS);
        let read = pool.connect_with(connect(path).read_only(true)).await;
        let read = read.map_err(|error| unsound(path, error))?;
        Ok(Self::Sqlite { write: read.clone(), turn: one_turn(), read })
    }

    fn postgres(address: PgConnectOptions, connections: u32, direct: bool) -> Self {
        let pool = |size: u32, address: PgConnectOptions| {
            let pool = PgPoolOptions::new().acquire_timeout(PATIENCE).max_connections(size.max(1));
            pool.test_before_acquire(false).before_acquire(is_alive).connect_lazy_with(address)
        };
        let reads = connections / 3;
        let (reading, writing) = match direct {
            true => (
                address.clone().options([("default_transaction_read_only", "on")]),
                address.clone().options(dialect::LIMITS),
            ),
            // A pooler would refuse them; there each transaction says so.
            false => (address.clone(), address),
        };
        Self::Postgres {
            write: pool(connections.saturating_sub(reads + 1), writing.clone()),
            read: pool(reads, reading),
            single: pool(1, writing),
            kept: Arc::default(),
            direct,
            limits: Limits::default(),
        }
    }
}

fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

async fn server(url: &str, connections: u32) -> Result<Pools, StoreError> {
    let address = address_of(url)?;
    let direct = reach(&address).await.map_err(StoreError::Unreachable)?;
    let address = address.statement_cache_capacity(if direct { STATEMENTS } else { 0 });
    Ok(Pools::postgres(address, connections, direct))
}

pub(crate) fn address_of(url: &str) -> Result<PgConnectOptions, StoreError> {
    let address = PgConnectOptions::from_str(url).map_err(StoreError::Unreachable)?;
    // No column of ours is a float, and pgbouncer refuses whoever sets this.
    Ok(address.application_name("specie").extra_float_digits(None))
}

/// Tries the server once: a pool would try again until its patience ends, and nobody would hear why.
/// Answers whether it is reached without a pooler: those refuse a setting of ours at the start of
/// a connection, or do not keep it.
async fn reach(address: &PgConnectOptions) -> Result<bool, sqlx::Error> {
    let asked = connected(&address.clone().options([DIRECT])).await;
    let (mut connection, is_refused) = match asked {
        Ok(connection) => (connection, false),
        Err(sqlx::Error::Database(_)) => (connected(address).await?, true),
        Err(error) => return Err(error),
    };
    let kept: Result<Option<String>, _> =
        sqlx::query_scalar("select current_setting('specie.direct', true)")
            .persistent(false)
            .fetch_one(&mut connection)
            .await;
    connection.close().await?;
    Ok(!is_refused && kept.is_ok_and(|kept| kept.as_deref() == Some(DIRECT.1)))
}

pub(crate) async fn connected(address: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    in_time(PgConnection::connect_with(address)).await?
}

/// Whether a connection to Postgres still stands. What was in use a moment ago is believed to: to ask
/// costs as much as a statement, and who meets one that is lost tries again.
fn is_alive(
    connection: &mut PgConnection,
    known: PoolConnectionMetadata,
) -> Pin<Box<dyn Future<Output = Result<bool, sqlx::Error>> + Send + '_>> {
    Box::pin(async move { Ok(known.idle_for < RESTED || connection.ping().await.is_ok()) })
}

fn one_turn() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(1))
}

fn path_of(url: &str) -> &Path {
    let path = url.strip_prefix("sqlite:").unwrap_or(url);
    Path::new(path.strip_prefix("//").unwrap_or(path))
}

/// A file is never away: no connection to it is asked whether it still stands.
fn files() -> SqlitePoolOptions {
    SqlitePoolOptions::new().acquire_timeout(PATIENCE).test_before_acquire(false)
}

async fn file(path: &Path) -> Result<Pools, StoreError> {
    lock::open_or_make(path).map_err(|error| StoreError::NotWritable {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    let options = connect(path).journal_mode(SqliteJournalMode::Wal);
    let pool = files();
    let write = pool.clone().max_connections(1).max_lifetime(None).idle_timeout(None);
    // A full disk ends a transaction behind the driver's back. No other can begin on that connection
    // then: it is closed, and another is opened.
    let write = write.before_acquire(|db, _| Box::pin(ready(Ok(!db.is_in_transaction()))));
    let write = write.connect_with(options.clone()).await.map_err(|error| unsound(path, error))?;
    check(path, &write).await?;
    let read = pool.max_connections(READERS).connect_lazy_with(options.read_only(true));
    Ok(Pools::Sqlite { write, turn: one_turn(), read })
}

fn connect(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .synchronous(SqliteSynchronous::Full)
        .pragma("secure_delete", "on")
        .statement_cache_capacity(STATEMENTS)
        .busy_timeout(PATIENCE)
}

/// Looks through the file, where that takes no longer than a moment.
async fn check(path: &Path, pool: &SqlitePool) -> Result<(), StoreError> {
    let size = path.metadata().map_or(0, |found| found.len());
    if size > CHECKED {
        return Ok(());
    }
    let found: Result<String, _> =
        sqlx::query_scalar("pragma quick_check(1)").fetch_one(pool).await;
    match found.map_err(|error| unsound(path, error))?.as_str() {
        "ok" => Ok(()),
        _ => Err(StoreError::CorruptFile { path: path.to_owned() }),
    }
}

/// What SQLite says of a file that is none of its own, or damaged (`SQLITE_CORRUPT`,
/// `SQLITE_NOTADB`), or in a folder where it may not write (`SQLITE_READONLY`, `SQLITE_CANTOPEN`).
fn unsound(path: &Path, error: sqlx::Error) -> StoreError {
    let path = path.to_owned();
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
    match code.map(|code| code & 0xff) {
        Some(11 | 26) => StoreError::CorruptFile { path },
        Some(8 | 14) => StoreError::NotWritable { path, reason: error.to_string() },
        _ => error.into(),
    }
}
