//! The background work of `specie serve`: lanes, intents, outbox, the watermark pass, the roots of the
//! audit trail and the look for alarms, until it is told to stop. Nothing else ends it: what fails is
//! tried again, and what panics is begun again.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use specie_store::intents as stored_intents;
use specie_store::outbox::Effect;
use specie_store::replicas::{self, Replica};
use specie_store::{
    StoreError, idempotency, inbox, looks, page_sessions, session_tokens, watermarks,
};
use specie_vocab::WallTime;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinError, JoinSet};
use uuid::Uuid;

use crate::lanes::ahead;
use crate::quiet::{AT_ONCE, due_intents, due_lanes};
use crate::smtp::SENDERS;
use crate::{App, alarms, anchor, intents, lanes, outbox, watermark};

/// How many lanes are worked on at once.
const LANES: usize = 16;
/// How many intents are driven at once: one that waits for Stripe holds nobody else up.
const INTENTS: usize = 8;
/// How long after a panic its task begins again.
const PAUSE: Duration = Duration::from_secs(1);
/// How long nobody's word is waited for before looking again.
const POLL: Duration = Duration::from_secs(1);
/// How long the lanes of events that came gather what else comes, where few do.
const NAP: Duration = Duration::from_millis(50);
/// And where many do: a turn of a lane costs nearly the same for one event as for ten.
const LONG_NAP: Duration = Duration::from_millis(500);
/// After so much of it the database is asked what else is due.
const LOOK: Duration = Duration::from_millis(200);
/// How often Stripe's list of events is read.
const WATERMARK: Duration = Duration::from_secs(60);
/// How often the heads of the audit trail that moved are taken into a root.
pub const ANCHOR: Duration = Duration::from_secs(10);
/// How often what has expired is swept away.
const SWEEP: Duration = Duration::from_secs(600);
/// How often this process says that it lives.
const BEAT: Duration = Duration::from_secs(30);
/// How long answers under an idempotency key, and watermarks, are kept, in seconds.
const KEPT: i64 = 86_400;
/// How long links into Stripe's portal are kept, in seconds; Stripe's own last no longer.
const LINKS_KEPT: i64 = 3_600;
/// How long events are kept, unless they wait or are parked, in seconds: three times as long as Stripe
/// lists them.
const EVENTS_KEPT: i64 = 90 * 86_400;
/// How many of them are forgotten at once, so that nobody waits for it.
const FORGOTTEN: i64 = 1_000;

/// A task of its own.
type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Works until `stop` says so, and returns when nothing is half-done and all that was done is in a root
/// of the audit trail.
pub async fn run(app: App, stop: watch::Receiver<bool>) {
    let mut tasks = JoinSet::new();
    let mut begin = |name, task: fn(App, watch::Receiver<bool>) -> Task| {
        let (panicked, app, stop) = (app.clone(), app.clone(), stop.clone());
        let panicked = move || alarms::raise(&panicked, "worker_panicked");
        tasks.spawn(without_end(name, PAUSE, panicked, move || task(app.clone(), stop.clone())));
    };
    begin("work", |app, stop| Box::pin(work(app, stop)));
    begin("watermark passes", |app, stop| Box::pin(passes(app, stop)));
    begin("anchoring", |app, stop| Box::pin(anchors(app, stop)));
    begin("heartbeat", |app, stop| Box::pin(alive(app, stop)));
    begin("alarms", |app, stop| Box::pin(alarms::watch(app, stop)));
    begin("housekeeping", |app, stop| Box::pin(housekeeping(app, stop)));
    while tasks.join_next().await.is_some() {}
    // What ended last has written entries after the anchoring had ended.
    make_root(&app).await;
}

/// Takes the heads of the audit trail that have moved into a root. What cannot be taken now is taken by
/// the next one.
pub async fn make_root(app: &App) {
    if let Err(error) = anchor::anchor(app).await {
        tracing::warn!(%error, "the audit trail could not be anchored");
    }
}

/// Says that this process lives, for whoever wants to change the schema, and keeps from then on to its
/// share of Stripe's limits: as many share them as live. `id` is this process's own; `started`, when it
/// said so first.
pub async fn beat(app: &App, id: Uuid, started: &mut Option<WallTime>) -> Result<(), StoreError> {
    let mut tx = app.db.begin().await?;
    let seen_at = tx.now().await?;
    let started_at = *started.get_or_insert(seen_at);
    let delivered_at = app.watch.delivered_at();
    replicas::beat(&mut tx, &Replica { id, started_at, seen_at, delivered_at }).await?;
    let all = replicas::alive(&mut tx, seen_at).await?;
    tx.commit().await?;
    app.stripe.share(u32::try_from(all).unwrap_or(u32::MAX));
    Ok(())
}

/// Says so every half minute, and takes its leave.
async fn alive(app: App, mut stop: watch::Receiver<bool>) {
    let id = app.id();
    let mut started = None;
    while !*stop.borrow() {
        if let Err(error) = beat(&app, id, &mut started).await {
            tracing::warn!(%error, "this process cannot say that it lives");
        }
        tokio::select! {
            () = tokio::time::sleep(BEAT) => {}
            _ = stop.changed() => {}
        }
    }
    let left = async {
        let mut tx = app.db.begin().await?;
        let gone = tx.now().await?.plus_seconds(-replicas::GONE);
        replicas::leave(&mut tx, id, gone).await?;
        tx.commit().await
    };
    if let Err(error) = left.await {
        tracing::debug!(%error, "this process is known as alive for a while");
    }
}

/// Runs a task to its end, and again from the beginning whenever it panics.
async fn without_end<F>(name: &str, pause: Duration, panicked: impl Fn(), begin: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    while let Err(error) = tokio::spawn(begin()).await {
        tracing::error!(%error, task = name, "a background task panicked and begins again");
        panicked();
        tokio::time::sleep(pause).await;
    }
}

/// Room for what may run at once.
struct Places {
    lanes: Arc<Semaphore>,
    intents: Arc<Semaphore>,
    effects: Arc<Semaphore>,
}

async fn work(app: App, mut stop: watch::Receiver<bool>) {
    let places = Places {
        lanes: Arc::new(Semaphore::new(LANES)),
        intents: Arc::new(Semaphore::new(INTENTS)),
        effects: Arc::new(Semaphore::new(SENDERS)),
    };
    let mut busy = JoinSet::new();
    let mut napped = LOOK;
    while !*stop.borrow() {
        while let Some(ended) = busy.try_join_next() {
            look_at_end(&app, ended);
        }
        app.ingest.fresh.ripen(Vec::new());
        if napped >= LOOK {
            napped = Duration::ZERO;
            if look(&app, &places, &stop, &mut busy).await {
                app.work.notify_one();
            }
        }
        let nap = nap_after(app.ingest.fresh.ripe());
        begin_lanes(&app, &places, &stop, &mut busy);
        tokio::select! {
            () = app.work.notified() => napped += nap,
            () = tokio::time::sleep(POLL) => napped = LOOK,
            _ = stop.changed() => {}
        }
        tokio::select! {
            () = tokio::time::sleep(nap) => {}
            _ = stop.changed() => {}
        }
    }
    while let Some(ended) = busy.join_next().await {
        look_at_end(&app, ended);
    }
}

/// How long to gather after so many lanes were found at once.
fn nap_after(lanes: usize) -> Duration {
    let lanes = u32::try_from(lanes).unwrap_or(u32::MAX);
    (NAP + NAP.saturating_mul(lanes / 8)).min(LONG_NAP)
}

fn look_at_end(app: &App, ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a worker panicked; its lease runs out by itself");
        alarms::raise(app, "worker_panicked");
    }
}

/// Begins as many workers as there are lanes to work on, and places. Each goes on with the next
/// lane that is ripe.
fn begin_lanes(app: &App, places: &Places, stop: &watch::Receiver<bool>, busy: &mut JoinSet<()>) {
    for _ in 0..app.ingest.fresh.ripe() {
        let Ok(place) = Arc::clone(&places.lanes).try_acquire_owned() else { break };
        let (app, stop) = (app.clone(), stop.clone());
        busy.spawn(async move {
            while !*stop.borrow()
                && let Some(lane) = app.ingest.fresh.next()
            {
                if let Err(error) = lanes::run(&app, &lane).await {
                    tracing::error!(%error, lane, "a lane cannot be worked on");
                }
            }
            drop(place);
            app.work.notify_one();
        });
    }
}

/// Asks the database what is due. Answers whether there was anything.
async fn look(
    app: &App,
    places: &Places,
    stop: &watch::Receiver<bool>,
    busy: &mut JoinSet<()>,
) -> bool {
    let lanes = due_lanes(app).await.unwrap_or_else(|error| {
        tracing::error!(%error, "the lanes cannot be read");
        Vec::new()
    });
    let mut any = !lanes.is_empty();
    begin_reading_ahead(app, lanes.len(), stop, busy);
    app.ingest.fresh.ripen(lanes);
    let intents = due_intents(app).await.unwrap_or_else(|error| {
        tracing::error!(%error, "the intents cannot be read");
        Vec::new()
    });
    for id in intents {
        let Ok(place) = Arc::clone(&places.intents).try_acquire_owned() else { break };
        let app = app.clone();
        busy.spawn(async move {
            if let Err(error) = intents::drive(&app, id).await {
                tracing::warn!(%error, intent = %id, "an intent waits");
            }
            drop(place);
            app.work.notify_one();
        });
        any = true;
    }
    any | begin_effects(app, places, stop, busy).await
}

/// Reads ahead for lanes where many wait. What was half read when the process is to end is left.
fn begin_reading_ahead(
    app: &App,
    due: usize,
    stop: &watch::Receiver<bool>,
    busy: &mut JoinSet<()>,
) {
    if due < AT_ONCE {
        return;
    }
    let (app, mut stop) = (app.clone(), stop.clone());
    busy.spawn(async move {
        tokio::select! {
            () = ahead::read_ahead(&app, due) => {}
            () = stopped(&mut stop) => {}
        }
    });
}

/// The same for effects: a mail server that is slow holds nobody else up. What is claimed has a
/// place, so that its claim lasts; who has delivered one goes on with the next.
async fn begin_effects(
    app: &App,
    places: &Places,
    stop: &watch::Receiver<bool>,
    busy: &mut JoinSet<()>,
) -> bool {
    let free = places.effects.available_permits();
    if free == 0 {
        return false;
    }
    let claimed = claim_effects(app, stop, free).await;
    let any = !claimed.is_empty();
    for effect in claimed {
        let Ok(place) = Arc::clone(&places.effects).try_acquire_owned() else { break };
        let (app, stop) = (app.clone(), stop.clone());
        busy.spawn(async move {
            deliver(&app, effect, stop).await;
            drop(place);
            app.work.notify_one();
        });
    }
    any
}

/// Carries an effect out, and goes on with the next one that is due. What takes too long when the
/// process is to end is left: its claim runs out, and it is carried out again.
async fn deliver(app: &App, first: Effect, mut stop: watch::Receiver<bool>) {
    let mut next = Some(first);
    while let Some(effect) = next {
        let delivered = outbox::deliver(app, &effect, no_time_left(app, &mut stop)).await;
        if let Err(error) = delivered {
            tracing::error!(%error, key = %effect.key, "an effect cannot be carried out");
        }
        next = claim_effects(app, &stop, 1).await.pop();
    }
}

/// Returns a while after `stop` has said so: what else is to end needs time, too.
async fn no_time_left(app: &App, stop: &mut watch::Receiver<bool>) {
    stopped(stop).await;
    tokio::time::sleep(app.mailer.waits().at_the_end).await;
}

/// Once `stop` says so nothing is claimed: what waits is for the next start, or for another process.
async fn claim_effects(app: &App, stop: &watch::Receiver<bool>, limit: usize) -> Vec<Effect> {
    if *stop.borrow() {
        return Vec::new();
    }
    outbox::claim(app, limit).await.unwrap_or_else(|error| {
        tracing::error!(%error, "the outbox cannot be read");
        Vec::new()
    })
}

/// Returns when `stop` says so.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn passes(app: App, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        // The next pass reads again what half a pass has read.
        let pass = tokio::select! {
            pass = watermark::pass(&app) => pass,
            () = stopped(&mut stop) => return,
        };
        if let Err(error) = pass {
            tracing::warn!(%error, "the watermark pass was not complete");
        }
        tokio::select! {
            () = tokio::time::sleep(WATERMARK) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Makes a root at once when the process is to end, too: what is under way may be cut off before the
/// last one is made.
async fn anchors(app: App, mut stop: watch::Receiver<bool>) {
    loop {
        make_root(&app).await;
        if *stop.borrow() {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(ANCHOR) => {}
            _ = stop.changed() => {}
        }
    }
}

async fn housekeeping(app: App, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        if let Err(error) = sweep(&app).await {
            tracing::warn!(%error, "what has expired could not be swept away");
        }
        tokio::select! {
            () = tokio::time::sleep(SWEEP) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Forgets sign-in links, sessions, answers and events whose time is over.
pub async fn sweep(app: &App) -> Result<(), StoreError> {
    let mut tx = app.db.begin().await?;
    let now = tx.now().await?;
    session_tokens::sweep(&mut tx, now).await?;
    page_sessions::sweep(&mut tx, now).await?;
    idempotency::sweep(&mut tx, now.plus_seconds(-KEPT)).await?;
    stored_intents::forget_links(&mut tx, now.plus_seconds(-LINKS_KEPT)).await?;
    watermarks::prune(&mut tx, now.plus_seconds(-KEPT)).await?;
    tx.commit().await?;
    loop {
        let mut tx = app.db.begin().await?;
        let old = now.plus_seconds(-EVENTS_KEPT);
        let events = inbox::forget_old(&mut tx, old, FORGOTTEN).await?;
        let looks = looks::forget_old(&mut tx, old, FORGOTTEN).await?;
        tx.commit().await?;
        if events.max(looks) < FORGOTTEN.unsigned_abs() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn a_task_that_panics_begins_again_until_it_ends_by_itself() {
        let begun = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&begun);
        let panics = AtomicUsize::new(0);
        let panicked = || {
            panics.fetch_add(1, Ordering::SeqCst);
        };
        without_end("test", Duration::ZERO, panicked, move || {
            let n = counted.fetch_add(1, Ordering::SeqCst);
            async move { assert!(n == 2, "not yet") }
        })
        .await;
        assert_eq!((begun.load(Ordering::SeqCst), panics.load(Ordering::SeqCst)), (3, 2));
    }
}
