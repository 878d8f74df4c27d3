//! How long the service needs after an hour in which webhooks were lost, at Stripe's published
//! limits: what happened is made in steps of the world's clock, catching up takes real time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use jiff::{SignedDuration, Timestamp};
use specie_billing::{SAASKIT, catalog};
use specie_sandbox::Chaos;
use specie_server::{App, runner};
use specie_store::{lanes, watermarks};
use specie_stripe::rate::endpoint_of;
use specie_stripe::{Client, Limits, RateBudget, Transport, TransportError};
use specie_vocab::{ManualClock, Secret, SystemClock, WallClock, WallTime};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tower::ServiceExt;

use crate::agree::{self, NotCompared};
use crate::conductor::Stuck;
use crate::person::{Card, Person, Refusal};
use crate::stage::{Opening, Over, Stage, StageError};

/// What was lost, and how Stripe answers afterwards.
pub struct Lost {
    /// `sqlite` file or `postgres://` address of a new database.
    pub database: String,
    /// Customers whose subscriptions all renew in that hour.
    pub customers: usize,
    /// How many of that hour's webhooks never come, in percent.
    pub percent: u32,
    /// How long Stripe takes for each answer.
    pub answer: Duration,
    /// The limits that are kept to.
    pub limits: Limits,
}

/// What catching up came to.
#[derive(Debug)]
pub struct CaughtUp {
    /// Columns of mirrors that differed from Stripe's objects, and objects without a row, at first.
    pub differing: usize,
    /// From the process's beginning until each column was seen to say what Stripe says. They are compared
    /// as soon as no event waits, and that takes a while: it was so before.
    pub right: Duration,
    /// From the same beginning until nothing is left to do, second looks included.
    pub rest: Duration,
    /// Calls to each endpoint.
    pub calls: BTreeMap<String, usize>,
    /// The most calls to one endpoint within a second, as Stripe saw them.
    pub busiest: usize,
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum NotMeasured {
    /// What is sold.
    #[error("the built-in catalog cannot be read")]
    Catalog,
    /// The scene.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// A customer.
    #[error(transparent)]
    Person(#[from] Refusal),
    /// Time.
    #[error(transparent)]
    Time(#[from] Stuck),
    /// The sandbox.
    #[error(transparent)]
    Sandbox(#[from] specie_sandbox::Unwritable),
    /// The two sides.
    #[error(transparent)]
    Compared(#[from] NotCompared),
    /// The database.
    #[error(transparent)]
    Store(#[from] specie_store::StoreError),
    /// It has come to rest, and they do not agree.
    #[error("{0} columns or objects still differ at rest")]
    Differs(usize),
    /// Nobody works any more.
    #[error("the service's work has ended before all was done: {0}")]
    Ended(String),
}

/// A month and an hour: a renewal's invoice is finalised an hour after it was made.
const RENEWED: i64 = 31 * 86_400 + 3_700;
/// How often it is looked whether all is done.
const LOOK: Duration = Duration::from_millis(500);
/// How finely the world's wall clock follows the real one.
const TICK: Duration = Duration::from_millis(1);

/// Makes an hour whose webhooks are lost, and catches up with it.
pub async fn catch_up(lost: Lost) -> Result<CaughtUp, NotMeasured> {
    let stage = Stage::open(Opening {
        database: lost.database,
        over: Over::Process,
        start: Timestamp::from_second(1_767_258_000).unwrap_or_default(),
        seed: 1,
        catalog: catalog::parse(SAASKIT, "catalog").map_err(|_| NotMeasured::Catalog)?,
        sandbox_folder: None,
        watch: None,
    })
    .await?;
    lose(&stage, lost.customers, lost.percent).await?;
    let differing = differing(&stage).await?;
    let road = Road { answer: lost.answer, calls: Arc::default() };
    let Took { right, rest } = work(&stage, road.client(&stage, lost.limits)).await?;
    let (busiest, calls) = (road.busiest(), road.by_endpoint());
    Ok(CaughtUp { differing, right, rest, calls, busiest })
}

/// How many columns differ from Stripe's objects, and objects have no row.
async fn differing(stage: &Stage) -> Result<usize, NotMeasured> {
    Ok(agree::compare(&stage.app.db, &stage.stripe).await?.differing.len())
}

/// All subscribe, and all renew while webhooks are lost.
async fn lose(stage: &Stage, customers: usize, percent: u32) -> Result<(), NotMeasured> {
    for n in 0..customers {
        Person::new(stage, &format!("p{n}"), "Somebody")
            .subscribe("pro", "monthly", Card::GOOD)
            .await?;
    }
    stage.conductor.watermark().await?;
    stage.sandbox.unsettle(&Chaos { lose: percent, ..Chaos::default() })?;
    // What was read a month ago is not what was read just now.
    stage.wall.advance_to(stage.app.wall.now().plus_seconds(RENEWED).timestamp());
    let to = stage.sandbox.now() + RENEWED;
    while stage.conductor.step(to).await? {}
    Ok(stage.sandbox.unsettle(&Chaos::default())?)
}

/// How long it took, from the same beginning.
struct Took {
    right: Duration,
    rest: Duration,
}

/// A process of its own works in real time until it has read the list of events and has nothing left
/// to do.
async fn work(stage: &Stage, stripe: Client) -> Result<Took, NotMeasured> {
    let begun = real();
    let ticking = tokio::spawn(follow(stage.wall.clone(), begun));
    let app = stage.process(stripe);
    let since = app.wall.now();
    let (stop, stopped) = watch::channel(false);
    let mut running = tokio::spawn(runner::run(app.clone(), stopped));
    let took = while_it_runs(&mut running, watch_it(stage, &app, begun, since)).await;
    if !matches!(took, Err(NotMeasured::Ended(_))) {
        let _all_gone = stop.send(true);
        running.await.map_err(|error| NotMeasured::Ended(error.to_string()))?;
    }
    ticking.abort();
    took
}

/// Looks when all is right, and when all is done.
async fn watch_it(
    stage: &Stage,
    app: &App,
    begun: Timestamp,
    since: WallTime,
) -> Result<Took, NotMeasured> {
    let mut right = None;
    loop {
        tokio::time::sleep(LOOK).await;
        let done = lanes::restless(&mut app.db.read().await?).await?.is_empty();
        if right.is_some() && !done || !nothing_waits(app, since).await? {
            continue;
        }
        let differing = differing(stage).await?;
        let now = real().duration_since(begun).unsigned_abs();
        match (differing, done) {
            (0, true) => return Ok(Took { right: right.unwrap_or(now), rest: now }),
            (0, false) => right = Some(now),
            (still, true) => return Err(NotMeasured::Differs(still)),
            (_, false) => {}
        }
    }
}

/// Whether the list of events was read since then, and no event of it waits for its lane.
async fn nothing_waits(app: &App, since: WallTime) -> Result<bool, NotMeasured> {
    let mut tx = app.db.read().await?;
    let newest = watermarks::latest(&mut tx).await?;
    let passed = newest.is_some_and(|mark| mark.began_at >= since);
    Ok(passed && lanes::oldest_pending(&mut tx).await?.is_none())
}

/// Waits for what is done by somebody who works, no longer than they do.
async fn while_it_runs<T>(
    running: &mut JoinHandle<()>,
    done: impl Future<Output = Result<T, NotMeasured>>,
) -> Result<T, NotMeasured> {
    tokio::select! {
        biased;
        done = done => done,
        ended = running => {
            let why = ended.map_or_else(|error| error.to_string(), |()| "nobody stopped it".into());
            Err(NotMeasured::Ended(why))
        }
    }
}

/// Real time, in which the limits of a service are kept.
fn real() -> Timestamp {
    WallClock::now(&SystemClock).timestamp()
}

/// Lets the world's wall clock go on as the real one does.
async fn follow(wall: Arc<ManualClock>, begun: Timestamp) {
    let from = WallClock::now(&*wall).timestamp();
    loop {
        tokio::time::sleep(TICK).await;
        wall.advance_to(from + real().duration_since(begun));
    }
}

/// The way to a Stripe that takes its time, with a note of each call.
#[derive(Clone)]
struct Road {
    answer: Duration,
    calls: Arc<Mutex<Vec<(Timestamp, String)>>>,
}

impl Road {
    fn client(&self, stage: &Stage, limits: Limits) -> Client {
        let (road, inner) = (self.clone(), stage.stripe.transport.clone());
        let way = Transport::new(tower::service_fn(move |request: Request<Bytes>| {
            let (road, inner) = (road.clone(), inner.clone());
            async move { road.carry(inner, request).await }
        }));
        let budget = RateBudget::new(stage.wall.clone(), limits);
        let key = Secret::new("sk_test_specieCatchUp0000000");
        Client::new(way, stage.stripe.base.clone(), key, budget)
    }

    async fn carry(
        &self,
        inner: Transport,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        let endpoint = endpoint_of(request.method().as_str(), request.uri().path());
        self.calls().push((real(), endpoint));
        tokio::time::sleep(self.answer).await;
        inner.oneshot(request).await
    }

    fn calls(&self) -> std::sync::MutexGuard<'_, Vec<(Timestamp, String)>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn by_endpoint(&self) -> BTreeMap<String, usize> {
        let mut all = BTreeMap::new();
        for (_, endpoint) in self.calls().iter() {
            *all.entry(endpoint.clone()).or_insert(0) += 1;
        }
        all
    }

    fn busiest(&self) -> usize {
        let calls = self.calls();
        let within = |(n, (from, endpoint)): (usize, &(Timestamp, String))| {
            let second =
                calls[n..].iter().take_while(|(at, _)| *at < *from + SignedDuration::from_secs(1));
            second.filter(|(_, other)| other == endpoint).count()
        };
        calls.iter().enumerate().map(within).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test]
    async fn nobody_waits_for_work_that_has_ended() {
        let mut ended = tokio::spawn(ready(()));
        let waited = while_it_runs::<()>(&mut ended, pending()).await.unwrap_err().to_string();
        assert!(waited.ends_with("before all was done: nobody stopped it"), "{waited}");
        let mut goes_on = tokio::spawn(pending());
        while_it_runs(&mut goes_on, ready(Ok(()))).await.unwrap();
    }
}
