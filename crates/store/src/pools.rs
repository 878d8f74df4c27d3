//! The connections to either database, and what runs on them. How they are opened: `open`.

use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Database, PgPool, Postgres, Sqlite, SqlitePool, Transaction};
use tokio::sync::{Mutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

use crate::call::Answer;
use crate::{StoreError, dialect};

/// How long a connection is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

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

/// Where a connection is put back.
pub(crate) type Place = OwnedMutexGuard<Option<PoolConnection<Postgres>>>;

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
            $crate::pools::Inner::Postgres(it, _) => {
                let $db = &mut **it;
                $run
            }
            $crate::pools::Inner::Sqlite(it) => {
                let $db = &mut **it;
                $run
            }
        }
    };
}
pub(crate) use on;

impl Pools {
    pub(crate) fn begin(&self) -> Answer<'_, Inner> {
        Box::pin(async move {
            Ok(match self {
                Self::Postgres { write, direct, .. } => {
                    let begun = match *direct {
                        true => write.begin().await?,
                        false => write.begin_with(dialect::BEGIN).await?,
                    };
                    Inner::Postgres(Open::Transaction(begun), *direct)
                }
                // A deferred transaction would find out at its first write that it came too late.
                Self::Sqlite { write, .. } => {
                    let begun = write.begin_with("begin immediate").await?;
                    Inner::Sqlite(Open::Transaction(begun))
                }
            })
        })
    }

    /// What one statement is to run in, and where its connection is put back after it. None, where it
    /// needs a transaction around it: behind a pooler, which may take the connection away between a
    /// statement's parts.
    pub(crate) fn single(&self) -> Answer<'_, Option<(Inner, Option<Place>)>> {
        Box::pin(async move {
            Ok(match self {
                Self::Postgres { single, kept, direct: true, .. } => {
                    let mut place = in_time(Arc::clone(kept).lock_owned()).await?;
                    let connection = match place.take() {
                        Some(connection) => connection,
                        None => single.acquire().await?,
                    };
                    Some((Inner::Postgres(Open::Single(connection), true), Some(place)))
                }
                Self::Postgres { .. } => None,
                Self::Sqlite { write, .. } => {
                    Some((Inner::Sqlite(Open::Single(write.acquire().await?)), None))
                }
            })
        })
    }

    /// Who may queue for SQLite's one connection.
    pub(crate) async fn turn(&self) -> Result<Option<OwnedSemaphorePermit>, StoreError> {
        let Self::Sqlite { turn, .. } = self else { return Ok(None) };
        let turn = in_time(Arc::clone(turn).acquire_owned()).await?;
        Ok(Some(turn.map_err(|_| sqlx::Error::PoolClosed)?))
    }

    /// Waits for what runs, and closes all connections.
    pub(crate) async fn close(&self) {
        match self {
            Self::Postgres { write, read, single, kept, .. } => {
                drop(kept.lock().await.take());
                read.close().await;
                single.close().await;
                write.close().await;
            }
            Self::Sqlite { write, read, .. } => {
                read.close().await;
                write.close().await;
            }
        }
    }

    pub(crate) fn read(&self) -> Answer<'_, Inner> {
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
    pub(crate) fn snapshot(&self) -> Answer<'_, Inner> {
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
    pub(crate) fn commit(self) -> Answer<'static, ()> {
        Box::pin(async move {
            match self {
                Self::Postgres(tx, _) => tx.commit().await?,
                Self::Sqlite(tx) => tx.commit().await?,
            }
            Ok(())
        })
    }

    pub(crate) fn roll_back(self) -> Answer<'static, ()> {
        Box::pin(async move {
            match self {
                Self::Postgres(tx, _) => tx.roll_back().await?,
                Self::Sqlite(tx) => tx.roll_back().await?,
            }
            Ok(())
        })
    }
}

/// What somebody else may hold for long is not waited for any longer than a connection.
pub(crate) async fn in_time<T>(wait: impl Future<Output = T>) -> Result<T, sqlx::Error> {
    tokio::time::timeout(PATIENCE, wait).await.map_err(|_| sqlx::Error::PoolTimedOut)
}
