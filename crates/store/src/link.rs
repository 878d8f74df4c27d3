//! A connection to Postgres that nobody waits for without end. A network that swallows what is sent
//! looks like a long statement, and the system gives it up after a quarter of an hour, or never.

use std::future::Future;
use std::io::ErrorKind;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool, Postgres};
use tokio::runtime::Handle;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::{Instant, timeout};

use crate::pools::PATIENCE;

/// How long is waited for what the database says.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// For the answer to a statement. None of ours takes this long, except a migration's.
    answer: Option<Duration>,
    /// For a sign that a connection stands.
    sign: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { answer: Some(Duration::from_secs(60)), sign: PATIENCE }
    }
}

/// After so long without use a connection is asked whether it still stands.
pub(crate) const RESTED: Duration = Duration::from_secs(1);

/// Where a connection lies between two single statements, and since when.
pub(crate) type Shelf = Mutex<Option<(PoolConnection<Postgres>, Instant)>>;
/// Where it is put back.
pub(crate) type Place = OwnedMutexGuard<Option<(PoolConnection<Postgres>, Instant)>>;

/// A connection on which statements run: in a transaction, or each by itself. Dropping it undoes what
/// was not committed.
pub(crate) struct Link {
    /// Until it is put back, or dropped.
    connection: Option<PoolConnection<Postgres>>,
    is_begun: bool,
    /// Something was sent, and its answer has not come.
    is_busy: bool,
    limits: Limits,
}

impl Link {
    /// Each statement by itself.
    pub(crate) async fn single(pool: &PgPool, limits: Limits) -> Result<Self, sqlx::Error> {
        Ok(Self::new(pool.acquire().await?, limits))
    }

    fn new(connection: PoolConnection<Postgres>, limits: Limits) -> Self {
        Self { connection: Some(connection), is_begun: false, is_busy: false, limits }
    }

    /// A transaction, which begins by `how`.
    pub(crate) async fn begin(
        pool: &PgPool,
        limits: Limits,
        how: &'static str,
    ) -> Result<Self, sqlx::Error> {
        let mut link = Self::single(pool, limits).await?;
        link.is_begun = true;
        link.say(how).await?;
        Ok(link)
    }

    pub(crate) async fn commit(mut self) -> Result<(), sqlx::Error> {
        self.end("commit").await
    }

    pub(crate) async fn roll_back(mut self) -> Result<(), sqlx::Error> {
        self.end("rollback").await
    }

    /// Puts the connection where the next single statement finds it.
    pub(crate) fn put_back(mut self, place: &mut Place) {
        **place = self.connection.take().map(|connection| (connection, Instant::now()));
    }

    /// From now on answers are waited for however long they take.
    pub(crate) fn wait_for_ever(&mut self) {
        self.limits.answer = None;
    }

    /// What a statement runs on, and who waits for its answer.
    pub(crate) fn parts(&mut self) -> (&mut PgConnection, Waiting<'_>) {
        let connection = self.connection.as_mut().expect("it is put back once, at the end");
        (connection, Waiting { is_busy: &mut self.is_busy, limit: self.limits.answer })
    }

    async fn end(&mut self, how: &'static str) -> Result<(), sqlx::Error> {
        if self.is_begun {
            self.say(how).await?;
            self.is_begun = false;
        }
        Ok(())
    }

    async fn say(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        let (db, waiting) = self.parts();
        waiting.for_answer(sqlx::raw_sql(AssertSqlSafe(sql)).execute(db)).await.map(drop)
    }
}

/// Whoever waits for one answer.
pub(crate) struct Waiting<'a> {
    is_busy: &'a mut bool,
    limit: Option<Duration>,
}

impl Waiting<'_> {
    /// The answer. If it does not come in time, or is waited for no longer, the connection is given up.
    pub(crate) async fn for_answer<T>(
        self,
        answer: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, sqlx::Error> {
        *self.is_busy = true;
        let answer = match self.limit {
            Some(limit) => timeout(limit, answer)
                .await
                .map_err(|_| sqlx::Error::Io(ErrorKind::TimedOut.into()))?,
            None => answer.await,
        };
        *self.is_busy = false;
        answer
    }
}

impl Deref for Link {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        self.connection.as_ref().expect("it is put back once, at the end")
    }
}

impl DerefMut for Link {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.parts().0
    }
}

/// A pool would wait for the answers of a connection that it gets back, and count it meanwhile.
impl Drop for Link {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        match Handle::try_current() {
            Ok(runtime) if !self.is_busy => {
                runtime.spawn(give_back(connection, self.is_begun, self.limits.sign));
            }
            _ => drop(connection.detach()),
        }
    }
}

async fn give_back(mut connection: PoolConnection<Postgres>, is_begun: bool, limit: Duration) {
    if is_begun {
        connection.close_on_drop();
        let undone = timeout(limit, sqlx::raw_sql("rollback").execute(&mut *connection)).await;
        if !matches!(undone, Ok(Ok(_))) {
            return;
        }
    }
    let _in_time = timeout(limit, connection.return_to_pool()).await;
}

/// The connection that lies there, if it still stands, or another.
pub(crate) async fn taken(
    place: &mut Place,
    pool: &PgPool,
    limits: Limits,
) -> Result<Link, sqlx::Error> {
    let Some((mut connection, since)) = place.take() else {
        return Link::single(pool, limits).await;
    };
    if since.elapsed() >= RESTED {
        connection.close_on_drop();
        if !matches!(timeout(limits.sign, connection.ping()).await, Ok(Ok(()))) {
            drop(connection.detach());
            return Link::single(pool, limits).await;
        }
    }
    Ok(Link::new(connection, limits))
}

#[cfg(test)]
mod tests;
