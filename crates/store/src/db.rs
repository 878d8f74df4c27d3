//! The two databases, and a transaction on either.

use std::fmt;
use std::fs::File;
use std::future::Future;
use std::io::ErrorKind;
use std::pin::Pin;
use std::sync::Arc;

use specie_vocab::{WallClock, WallTime};
use tokio::sync::OwnedSemaphorePermit;

use crate::link::Place;
use crate::pools::{Inner, Pools};
use crate::sql::{Statement, value};
use crate::{StoreError, dialect};

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
        let (pools, lock) = Pools::open(url, connections).await?;
        Ok(Self { pools, clock, gate: None, _lock: lock.map(Arc::new) })
    }

    /// Opens a database to read it, beside whoever writes it. A SQLite file must be there.
    pub async fn open_read_only(url: &str, options: Options) -> Result<Self, StoreError> {
        let Options { connections, clock } = options;
        let pools = Pools::open_read_only(url, connections).await?;
        Ok(Self { pools, clock, gate: None, _lock: None })
    }

    /// The same database, for a replica of a simulation: all of its commits pass `gate`.
    #[must_use]
    pub fn with_gate(self, gate: Arc<dyn Gate>) -> Self {
        Self { gate: Some(gate), ..self }
    }

    /// Begins a transaction that may write.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        self.must_be_up()?;
        let turn = self.pools.turn().await?;
        Ok(Tx { turn, ..self.with(self.pools.begin().await?) })
    }

    /// Opens what one statement is to run in, which lasts as soon as it is answered: dropping this
    /// undoes nothing. It saves the two ends of a transaction, and waits for one other at most.
    /// Behind a pooler it is a transaction all the same; it must be committed in any case.
    pub(crate) async fn single(&self) -> Result<Tx, StoreError> {
        self.must_be_up()?;
        // Where commits pass a gate, each is a transaction. No connection may be held while another is
        // waited for.
        if self.gate.is_none()
            && let Some((inner, place)) = self.pools.single().await?
        {
            return Ok(Tx { place, ..self.with(inner) });
        }
        self.begin().await
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

    /// Whether what it connects to lets us write nothing: a standby, a server set to read only, or a
    /// user who has no right to. Of a SQLite file the system knows.
    pub async fn only_reads(&self) -> Result<bool, StoreError> {
        // Our own connections for reading are set so.
        let tx = &mut self.begin().await?;
        Ok(value!(tx, bool, dialect::only_reads(tx), []))
    }

    /// Waits for what runs, and closes all connections.
    pub async fn close(&self) {
        self.pools.close().await;
    }
}

/// What a connection that is lost looks like.
fn lost(kind: ErrorKind) -> StoreError {
    sqlx::Error::Io(kind.into()).into()
}

impl Tx {
    /// Makes it all last.
    pub async fn commit(self) -> Result<(), StoreError> {
        let Some(gate) = self.gate.clone() else {
            return match (self.inner, self.place) {
                (Inner::Postgres(link, _), Some(mut place)) => {
                    link.put_back(&mut place);
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

    /// From now on the database's answers are waited for however long they take.
    pub(crate) fn wait_for_ever(&mut self) {
        if let Inner::Postgres(link, _) = &mut self.inner {
            link.wait_for_ever();
        }
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
