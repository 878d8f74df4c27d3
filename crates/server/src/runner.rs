//! The background work of `specie serve`: lanes, intents, outbox and the watermark pass, until it is
//! told to stop.

use std::sync::Arc;
use std::time::Duration;

use specie_store::{StoreError, idempotency, page_sessions, session_tokens, watermarks};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::quiet::{due_intents, due_lanes};
use crate::{App, intents, lanes, outbox, watermark};

/// How many lanes are worked on at once.
const LANES: usize = 16;
/// How long nobody's word is waited for before looking again.
const POLL: Duration = Duration::from_secs(1);
/// How often Stripe's list of events is read.
const WATERMARK: Duration = Duration::from_secs(60);
/// How often what has expired is swept away.
const SWEEP: Duration = Duration::from_secs(600);
/// How long answers under an idempotency key, and watermarks, are kept, in seconds.
const KEPT: i64 = 86_400;

/// Works until `stop` says so, and returns when nothing is half-done.
pub async fn run(app: App, stop: watch::Receiver<bool>) {
    let mut tasks = JoinSet::new();
    tasks.spawn(work(app.clone(), stop.clone()));
    tasks.spawn(passes(app.clone(), stop.clone()));
    tasks.spawn(housekeeping(app, stop));
    while tasks.join_next().await.is_some() {}
}

async fn work(app: App, mut stop: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(LANES));
    let mut busy = JoinSet::new();
    while !*stop.borrow() {
        let began = begin(&app, &places, &mut busy).await;
        while busy.try_join_next().is_some() {}
        if began {
            continue;
        }
        tokio::select! {
            () = app.work.notified() => {}
            () = tokio::time::sleep(POLL) => {}
            _ = stop.changed() => {}
        }
    }
    while busy.join_next().await.is_some() {}
}

/// Begins what is due and there is a place for. Answers whether there was anything.
async fn begin(app: &App, places: &Arc<Semaphore>, busy: &mut JoinSet<()>) -> bool {
    let mut any = false;
    let lanes = due_lanes(app).await.unwrap_or_else(|error| {
        tracing::error!(%error, "the lanes cannot be read");
        Vec::new()
    });
    for lane in lanes {
        let Ok(place) = Arc::clone(places).acquire_owned().await else { return false };
        let app = app.clone();
        busy.spawn(async move {
            if let Err(error) = lanes::run(&app, &lane).await {
                tracing::error!(%error, lane, "a lane cannot be worked on");
            }
            drop(place);
        });
        any = true;
    }
    for id in due_intents(app).await.unwrap_or_default() {
        if let Err(error) = intents::drive(app, id).await {
            tracing::warn!(%error, intent = %id, "an intent waits");
        }
        any = true;
    }
    match outbox::deliver_due(app).await {
        Ok(delivered) => any |= delivered > 0,
        Err(error) => tracing::error!(%error, "the outbox cannot be read"),
    }
    // Lanes that were begun just now are still due until they are claimed: give them a moment.
    if any {
        tokio::task::yield_now().await;
        let _woken = tokio::time::timeout(Duration::from_millis(5), app.moved.notified()).await;
    }
    any
}

async fn passes(app: App, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        if let Err(error) = watermark::pass(&app).await {
            tracing::warn!(%error, "the watermark pass was not complete");
        }
        tokio::select! {
            () = tokio::time::sleep(WATERMARK) => {}
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

/// Forgets sign-in links, sessions and answers whose time is over.
pub async fn sweep(app: &App) -> Result<(), StoreError> {
    let mut tx = app.db.begin().await?;
    let now = tx.now().await?;
    session_tokens::sweep(&mut tx, now).await?;
    page_sessions::sweep(&mut tx, now).await?;
    idempotency::sweep(&mut tx, now.plus_seconds(-KEPT)).await?;
    watermarks::prune(&mut tx, now.plus_seconds(-KEPT)).await?;
    tx.commit().await
}
