//! The connections to either database, and what runs on them. How they are opened: `open`.

use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{PgPool, Sqlite, SqliteConnection, SqlitePool, Transaction};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::call::Answer;
use crate::link::{self, Limits, Link, Place, Shelf};
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
        kept: Arc<Shelf>,
        /// Whether nothing stands between us and the server.
        direct: bool,
        limits: Limits,
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

pub(crate) enum Inner {
    /// And whether prepared statements may outlive their use: not where a pooler may give the
    /// next transaction another connection.
    Postgres(Link, bool),
    Sqlite(Open),
}

/// SQLite's connection, on which statements run.
pub(crate) enum Open {
    /// In a transaction.
    Transaction(Transaction<'static, Sqlite>),
    /// Each by itself.
    Single(PoolConnection<Sqlite>),
}

impl Deref for Open {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        match self {
            Self::Transaction(it) => it,
            Self::Single(it) => it,
        }
    }
}

impl DerefMut for Open {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        match self {
            Self::Transaction(it) => it,
            Self::Single(it) => it,
        }
    }
}

impl Open {
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
                Self::Postgres { write, direct, limits, .. } => {
                    let how = if *direct { "begin" } else { dialect::BEGIN };
                    Inner::Postgres(Link::begin(write, *limits, how).await?, *direct)
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
                Self::Postgres { single, kept, direct: true, limits, .. } => {
                    let mut place = in_time(Arc::clone(kept).lock_owned()).await?;
                    let link = link::taken(&mut place, single, *limits).await?;
                    Some((Inner::Postgres(link, true), Some(place)))
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
                Self::Postgres { read, direct: true, limits, .. } => {
                    Inner::Postgres(Link::single(read, *limits).await?, true)
                }
                Self::Postgres { read, limits, .. } => {
                    Inner::Postgres(Link::begin(read, *limits, "begin read only").await?, false)
                }
                Self::Sqlite { read, .. } => Inner::Sqlite(Open::Single(read.acquire().await?)),
            })
        })
    }

    /// On SQLite every transaction sees one state.
    pub(crate) fn snapshot(&self) -> Answer<'_, Inner> {
        Box::pin(async move {
            Ok(match self {
                Self::Postgres { read, direct, limits, .. } => {
                    let how = "begin isolation level repeatable read read only";
                    Inner::Postgres(Link::begin(read, *limits, how).await?, *direct)
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
