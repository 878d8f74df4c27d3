//! The two databases, and a transaction on either.

use std::fmt;
use std::fs::File;
use std::future::{Future, ready};
use std::io::ErrorKind;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use specie_vocab::{WallClock, WallTime};
use sqlx::pool::{PoolConnection, PoolConnectionMetadata};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, Database, PgConnection, PgPool, Postgres, Sqlite, SqlitePool, Transaction};
use tokio::sync::{Mutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

use crate::call::Answer;
use crate::sql::{Statement, value};
use crate::{StoreError, dialect, lock};

const READERS: u32 = 4;
const PATIENCE: Duration = Duration::from_secs(10);
/// After so long without use a connection is asked whether it still stands.
const RESTED: Duration = Duration::from_secs(1);
/// How many prepared statements a connection keeps: ours, in all sizes that occur.
const STATEMENTS: usize = 512;
/// A setting that only a server that is reached without a pooler keeps for the connection.
const DIRECT: (&str, &str) = ("specie.direct", "yes");
/// Up to so many bytes a file is looked through when it is opened: some tenths of a second.
const CHECKED: u64 = 64 << 20;

/// How to open a database.
#[derive(Clone)]
pub struct Options {
    /// How many connections Postgres gets at most.
    pub connections: u32,
    /// Stands in for the database's clock, where a conductor moves time.
    pub clock: Option<Arc<dyn WallClock>>,
}

impl Default for Options {
    fn default() -> Self {
        Self { connections: 16, clock: None }
    }
}

/// What becomes of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It lasts.
    Lasts,
    /// The connection is lost before it: nothing of the transaction lasts.
    Undone,
    /// The connection is lost after it: it lasts, and whoever committed does not know.
    Unheard,
}

/// What the database's own clock says.
static CLOCK: Statement = Statement::new("select {now}", "");

/// Stands around every transaction: where a simulation ends a process, or the database goes away.
pub trait Gate: Send + Sync {
    /// Whether the database can be reached. Where it cannot, no transaction begins.
    fn is_up(&self) -> bool;
    /// Returns when the commit may go on, and what becomes of it. Who never returns here is dropped
    /// before it.
    fn before_commit(&self) -> Pin<Box<dyn Future<Output = Fate> + Send + '_>>;
    /// Returns when whoever committed may go on. Who never returns here is dropped after it.
    fn after_commit(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// A database: a Postgres server, or a SQLite file.
#[derive(Clone)]
pub struct Db {
    pub(crate) pools: Pools,
    clock: Option<Arc<dyn WallClock>>,
    gate: Option<Arc<dyn Gate>>,
    /// Held as long as anybody can write.
    _lock: Option<Arc<File>>,
}

#[derive(Clone)]
pub(crate) enum Pools {
    Postgres {
        write: PgPool,
        /// A third of the connections; they refuse to write.
        read: PgPool,
        /// One connection for single statements, so that events wait for no lane.
        single: PgPool,
        /// Where it lies between two of them: a pool would ask it each time whether it still stands.
        kept: Arc<Mutex<Option<PoolConnection<Postgres>>>>,
        /// Whether nothing stands between us and the server.
        direct: bool,
    },
    /// One connection writes, and others queue for it, so nobody meets a locked file.
    Sqlite {
        write: SqlitePool,
        /// Who holds it may queue for that connection. Single statements queue without it, so
        /// that events wait for one other transaction at most.
        turn: Arc<Semaphore>,
        read: SqlitePool,
    },
}

/// A transaction. Dropping it undoes all of it.
pub struct Tx {
    pub(crate) inner: Inner,
    clock: Option<Arc<dyn WallClock>>,
    gate: Option<Arc<dyn Gate>>,
    /// What the database's clock said when it was asked.
    time: Option<WallTime>,
    turn: Option<OwnedSemaphorePermit>,
    /// Where the connection is put back after a commit.
    place: Option<Place>,
}

type Place = OwnedMutexGuard<Option<PoolConnection<Postgres>>>;

pub(crate) enum Inner {
    /// And whether prepared statements may outlive their use: not where a pooler may give the
    /// next transaction another connection.
    Postgres(Open<Postgres>, bool),
    Sqlite(Open<Sqlite>),
}

/// A connection on which statements run.
pub(crate) enum Open<DB: Database> {
    /// In a transaction.
    Transaction(Transaction<'static, DB>),
    /// Each by itself.
    Single(PoolConnection<DB>),
}

impl<DB: Database> Deref for Open<DB> {
    type Target = DB::Connection;

    fn deref(&self) -> &DB::Connection {
        match self {
            Self::Transaction(it) => it,
            Self::Single(it) => it,
        }
    }
}

impl<DB: Database> DerefMut for Open<DB> {
    fn deref_mut(&mut self) -> &mut DB::Connection {
        match self {
            Self::Transaction(it) => it,
            Self::Single(it) => it,
        }
    }
}

impl<DB: Database> Open<DB> {
    async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Transaction(it) => it.commit().await,
            Self::Single(_) => Ok(()),
        }
    }

    async fn roll_back(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Transaction(it) => it.rollback().await,
            Self::Single(_) => Ok(()),
        }
    }
}

/// Runs one expression on whichever database a `Tx` is open on. `$db` is its connection.
macro_rules! on {
    ($tx:expr, $db:ident => $run:expr) => {
        match &mut $tx.inner {
            $crate::db::Inner::Postgres(it, _) => {
                let $db = &mut **it;
                $run
            }
            $crate::db::Inner::Sqlite(it) => {
                let $db = &mut **it;
                $run
            }
        }
    };
}
pub(crate) use on;

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.pools {
            Pools::Postgres { .. } => "Db(Postgres)",
            Pools::Sqlite { .. } => "Db(SQLite)",
        })
    }
}

impl Db {
    /// Opens `postgres://…`, or the SQLite file that `url` names, made if it is not there.
    pub async fn open(url: &str, options: Options) -> Result<Self, StoreError> {
        let Options { connections, clock } = options;
        if !is_postgres(url) {
            let path = path_of(url);
            let lock = lock::take(path)?;
            let pools = file(path).await?;
            return Ok(Self { pools, clock, gate: None, _lock: Some(Arc::new(lock)) });
        }
        let address = PgConnectOptions::from_str(url)
            .map_err(StoreError::Unreachable)?
            .application_name("specie")
            // No column of ours is a float, and pgbouncer refuses whoever sets this.
            .extra_float_digits(None);
        let direct = reach(&address).await.map_err(StoreError::Unreachable)?;
        let address = address.statement_cache_capacity(if direct { STATEMENTS } else { 0 });
        let pools = Pools::postgres(address, connections, direct);
        Ok(Self { pools, clock, gate: None, _lock: None })
    }

    /// Opens a database to read it, beside whoever writes it. A SQLite file must be there.
    pub async fn open_read_only(url: &str, options: Options) -> Result<Self, StoreError> {
        if is_postgres(url) {
            return Self::open(url, options).await;
        }
        let path = path_of(url);
        let pool = SqlitePoolOptions::new().acquire_timeout(PATIENCE).max_connections(READERS);
        let pool = pool.test_before_acquire(false);
        let read = pool.connect_with(connect(path).read_only(true)).await;
        let read = read.map_err(|error| unsound(path, error))?;
        let pools = Pools::Sqlite { write: read.clone(), turn: one_turn(), read };
        Ok(Self { pools, clock: options.clock, gate: None, _lock: None })
    }

    /// The same database, for a replica of a simulation: all of its commits pass `gate`.
    #[must_use]
    pub fn with_gate(self, gate: Arc<dyn Gate>) -> Self {
        Self { gate: Some(gate), ..self }
    }

    /// Begins a transaction that may write.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        self.must_be_up()?;
        let turn = self.turn().await?;
        Ok(Tx { turn, ..self.with(self.pools.begin().await?) })
    }

    /// Opens what one statement is to run in, which lasts as soon as it is answered: dropping this
    /// undoes nothing. It saves the two ends of a transaction, and waits for one other at most.
    /// Behind a pooler it is a transaction all the same; it must be committed in any case.
    pub(crate) async fn single(&self) -> Result<Tx, StoreError> {
        self.must_be_up()?;
        // Where commits pass a gate, each is a transaction.
        if self.gate.is_some() {
            return self.begin().await;
        }
        match &self.pools {
            Pools::Postgres { single, kept, direct: true, .. } => {
                let place = tokio::time::timeout(PATIENCE, Arc::clone(kept).lock_owned()).await;
                let mut place = place.map_err(|_| sqlx::Error::PoolTimedOut)?;
                let connection = match place.take() {
                    Some(connection) => connection,
                    None => single.acquire().await?,
                };
                let inner = Inner::Postgres(Open::Single(connection), true);
                Ok(Tx { place: Some(place), ..self.with(inner) })
            }
            // A pooler may take the connection away between a statement's parts.
            Pools::Postgres { .. } => self.begin().await,
            Pools::Sqlite { write, .. } => {
                Ok(self.with(Inner::Sqlite(Open::Single(write.acquire().await?))))
            }
        }
    }

    async fn turn(&self) -> Result<Option<OwnedSemaphorePermit>, StoreError> {
        let Pools::Sqlite { turn, .. } = &self.pools else { return Ok(None) };
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(turn).acquire_owned()).await;
        let turn = turn.map_err(|_| sqlx::Error::PoolTimedOut)?;
        Ok(Some(turn.map_err(|_| sqlx::Error::PoolClosed)?))
    }

    /// Begins to read, and waits for nobody. Each statement sees what is committed when it begins.
    pub async fn read(&self) -> Result<Tx, StoreError> {
        self.must_be_up()?;
        Ok(self.with(self.pools.read().await?))
    }

    /// Begins a transaction that only reads, and sees one state of the database from its first
    /// statement to its end.
    pub async fn snapshot(&self) -> Result<Tx, StoreError> {
        self.must_be_up()?;
        Ok(self.with(self.pools.snapshot().await?))
    }

    fn must_be_up(&self) -> Result<(), StoreError> {
        match &self.gate {
            Some(gate) if !gate.is_up() => Err(lost(ErrorKind::ConnectionRefused)),
            _ => Ok(()),
        }
    }

    fn with(&self, inner: Inner) -> Tx {
        let (clock, gate) = (self.clock.clone(), self.gate.clone());
        Tx { inner, clock, gate, time: None, turn: None, place: None }
    }

    /// Whether this is Postgres.
    pub fn is_postgres(&self) -> bool {
        matches!(self.pools, Pools::Postgres { .. })
    }

    /// Whether other processes may write it too: on Postgres, and between the replicas of a
    /// simulation.
    pub fn is_shared(&self) -> bool {
        self.is_postgres() || self.gate.is_some()
    }

    /// Whether what it connects to lets nobody write: a standby, or a server set to read only. Of a
    /// SQLite file the system knows.
    pub async fn only_reads(&self) -> Result<bool, StoreError> {
        // Our own connections for reading are set so.
        let tx = &mut self.begin().await?;
        Ok(value!(tx, bool, dialect::only_reads(tx), []))
    }

    /// Waits for what runs, and closes all connections.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Postgres { write, read, single, kept, .. } => {
                drop(kept.lock().await.take());
                read.close().await;
                single.close().await;
                write.close().await;
            }
            Pools::Sqlite { write, read, .. } => {
                read.close().await;
                write.close().await;
            }
        }
    }
}

/// What a connection that is lost looks like.
fn lost(kind: ErrorKind) -> StoreError {
    sqlx::Error::Io(kind.into()).into()
}

fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
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

async fn connected(address: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    let connected = tokio::time::timeout(PATIENCE, PgConnection::connect_with(address)).await;
    connected.map_err(|_| sqlx::Error::PoolTimedOut)?
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

async fn file(path: &Path) -> Result<Pools, StoreError> {
    lock::open_or_make(path).map_err(|error| StoreError::NotWritable {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    let options = connect(path).journal_mode(SqliteJournalMode::Wal);
    let pool = SqlitePoolOptions::new().acquire_timeout(PATIENCE).test_before_acquire(false);
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

impl Pools {
    fn postgres(address: PgConnectOptions, connections: u32, direct: bool) -> Self {
        let pool = |size: u32, address: PgConnectOptions| {
            let pool = PgPoolOptions::new().acquire_timeout(PATIENCE).max_connections(size.max(1));
            pool.test_before_acquire(false).before_acquire(is_alive).connect_lazy_with(address)
        };
        let reads = connections / 3;
        let reading = match direct {
            true => address.clone().options([("default_transaction_read_only", "on")]),
            // A pooler would refuse it; there each transaction says so.
            false => address.clone(),
        };
        Self::Postgres {
            write: pool(connections.saturating_sub(reads + 1), address.clone()),
            read: pool(reads, reading),
            single: pool(1, address),
            kept: Arc::default(),
            direct,
        }
    }

    fn begin(&self) -> Answer<'_, Inner> {
        Box::pin(async move {
            Ok(match self {
                Self::Postgres { write, direct, .. } => {
                    Inner::Postgres(Open::Transaction(write.begin().await?), *direct)
                }
                // A deferred transaction would find out at its first write that it came too late.
                Self::Sqlite { write, .. } => {
                    let begun = write.begin_with("begin immediate").await?;
                    Inner::Sqlite(Open::Transaction(begun))
                }
            })
        })
    }

    fn read(&self) -> Answer<'_, Inner> {
        Box::pin(async move {
            Ok(match self {
                Self::Postgres { read, direct: true, .. } => {
                    Inner::Postgres(Open::Single(read.acquire().await?), true)
                }
                Self::Postgres { read, .. } => {
                    let begun = read.begin_with("begin read only").await?;
                    Inner::Postgres(Open::Transaction(begun), false)
                }
                Self::Sqlite { read, .. } => Inner::Sqlite(Open::Single(read.acquire().await?)),
            })
        })
    }

    /// On SQLite every transaction sees one state.
    fn snapshot(&self) -> Answer<'_, Inner> {
        Box::pin(async move {
            Ok(match self {
                Self::Postgres { read, direct, .. } => {
                    let how = "begin isolation level repeatable read read only";
                    Inner::Postgres(Open::Transaction(read.begin_with(how).await?), *direct)
                }
                Self::Sqlite { read, .. } => Inner::Sqlite(Open::Transaction(read.begin().await?)),
            })
        })
    }
}

impl Inner {
    fn commit(self) -> Answer<'static, ()> {
        Box::pin(async move {
            match self {
                Self::Postgres(tx, _) => tx.commit().await?,
                Self::Sqlite(tx) => tx.commit().await?,
            }
            Ok(())
        })
    }

    fn roll_back(self) -> Answer<'static, ()> {
        Box::pin(async move {
            match self {
                Self::Postgres(tx, _) => tx.roll_back().await?,
                Self::Sqlite(tx) => tx.roll_back().await?,
            }
            Ok(())
        })
    }
}

impl Tx {
    /// Makes it all last.
    pub async fn commit(self) -> Result<(), StoreError> {
        let Some(gate) = self.gate.clone() else {
            return match (self.inner, self.place) {
                (Inner::Postgres(Open::Single(connection), _), Some(mut place)) => {
                    *place = Some(connection);
                    Ok(())
                }
                (inner, _) => inner.commit().await,
            };
        };
        let fate = gate.before_commit().await;
        if fate == Fate::Undone {
            self.inner.roll_back().await?;
            return Err(lost(ErrorKind::ConnectionReset));
        }
        self.inner.commit().await?;
        drop(self.turn);
        gate.after_commit().await;
        if fate == Fate::Lasts { Ok(()) } else { Err(lost(ErrorKind::ConnectionReset)) }
    }

    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.inner, Inner::Postgres(..))
    }

    /// The time of the database's clock, by which leases run out and backoffs end, or of the clock
    /// that stands in for it. The database is asked once: in one transaction it is one moment.
    pub async fn now(&mut self) -> Result<WallTime, StoreError> {
        if let Some(clock) = &self.clock {
            return Ok(clock.now());
        }
        if let Some(time) = self.time {
            return Ok(time);
        }
        let time = value!(self, WallTime, CLOCK, []);
        self.time = Some(time);
        Ok(time)
    }

    /// Spares the question, where another statement brought the answer.
    pub(crate) fn learn(&mut self, time: WallTime) {
        self.time.get_or_insert(time);
    }
}
