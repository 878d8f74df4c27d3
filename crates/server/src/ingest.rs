//! `POST webhook`: verify, store, answer. Nothing else happens on that path.
//!
//! Events that arrive while others are being written share the next statement (group commit): a
//! caller hears back when its event is on disk. On Postgres, where a commit costs more than its
//! events, a group after a large one waits a moment for others; an event that comes alone never does.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use serde_json::Value;
use specie_store::inbox::{self, InboxState, NewEvent};
use specie_store::{Db, StoreError};
use specie_stripe::{Routing, Unroutable, Verified, routing, routing_of_fetched};
use specie_vocab::{BusinessTime, WallTime, hex};
use tokio::sync::{mpsc, oneshot};

use crate::app::Patience;
use crate::fresh::Fresh;
use crate::{App, alarms, meter};

/// The largest group: far below the number of places that either database takes.
const GROUP: usize = 64;
/// How long a small group waits for others after a large one.
const MOMENT: Duration = Duration::from_millis(1);
/// Events that may wait before callers are told to come back.
const QUEUE: usize = 4096;
/// How often a group that failed is tried again before its callers hear of it.
const TRIES: usize = 60;

/// The event could not be stored in time; the sender should try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the inbox is full, or the database is away")]
pub struct Busy;

/// Where events are handed in.
#[derive(Clone, Debug)]
pub struct Writer {
    queue: mpsc::Sender<Waiting>,
    refusal: Refusal,
    /// The lanes of what was stored just now.
    pub(crate) fresh: Arc<Fresh>,
}

/// Why the last group of events could not be stored; none, if it was.
#[derive(Clone, Debug, Default)]
struct Refusal(Arc<Mutex<Option<String>>>);

#[derive(Debug)]
struct Waiting {
    event: NewEvent,
    stored: oneshot::Sender<()>,
}

/// Receives a delivery: 200 when it is stored (a duplicate and a body that is no event, too), 400
/// with a bad signature, 503 when it cannot be stored in time.
pub async fn receive(app: &App, headers: &HeaderMap, body: &Bytes) -> StatusCode {
    let header = headers.get("stripe-signature").and_then(|value| value.to_str().ok());
    let now = app.wall.now();
    let verified = match app.webhook_secrets.verify(header.unwrap_or_default(), body, now) {
        Ok(verified) => verified,
        Err(reason) => {
            tracing::warn!(%reason, bytes = body.len(), "a webhook with a bad signature was refused");
            meter::webhook("bad_signature");
            return StatusCode::BAD_REQUEST;
        }
    };
    if verified.from_future() {
        tracing::warn!("a webhook's stamp lies ahead of this machine's clock");
    }
    app.watch.delivered(now);
    let event = event(app, &verified, now);
    if event.state == InboxState::Foreign {
        tracing::error!(event = %event.id, "an event of another account or mode was kept apart");
        alarms::raise(app, "foreign_event");
    }
    let outcome = match event.state {
        InboxState::Foreign => "foreign",
        InboxState::Unroutable => "unroutable",
        _ => "stored",
    };
    let lane = event.lane.clone().filter(|_| event.state == InboxState::Pending);
    match app.ingest.store(event).await {
        Ok(()) => {
            meter::webhook(outcome);
            if let Some(lane) = lane {
                app.ingest.fresh.add(&lane);
            }
            app.work.notify_one();
            StatusCode::OK
        }
        Err(Busy) => {
            meter::webhook("busy");
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}

/// What is stored of a delivery: its bytes, and where it belongs.
fn event(app: &App, verified: &Verified, now: WallTime) -> NewEvent {
    let bytes = verified.bytes();
    routing(verified).map_or_else(
        |reason| unroutable(&reason, &digest(bytes), bytes, now),
        |facts| routed(app, facts, bytes, now),
    )
}

/// What is stored of an event that a list brought. One that is none is known by the id that it has: the
/// list shows it in other bytes each time.
pub(crate) fn listed(app: &App, event: &Value, now: WallTime) -> NewEvent {
    let bytes = serde_json::to_vec_pretty(event).expect("a value is JSON");
    routing_of_fetched(event).map_or_else(
        |reason| {
            let name = reason.id.clone().unwrap_or_else(|| digest(&bytes));
            unroutable(&reason, &name, &bytes, now)
        },
        |facts| routed(app, facts, &bytes, now),
    )
}

/// An event as `routing` read it, pending in its lane.
fn routed(app: &App, facts: Routing, bytes: &[u8], now: WallTime) -> NewEvent {
    let lane = facts.customer.clone().or_else(|| facts.object.clone());
    let foreign = facts.livemode != app.settings.livemode || facts.account.is_some();
    let state = match (&lane, foreign) {
        (_, true) => InboxState::Foreign,
        (Some(_), false) => InboxState::Pending,
        (None, false) => InboxState::Unclaimed,
    };
    NewEvent {
        id: facts.id,
        kind: facts.kind,
        created: BusinessTime::from_second(facts.created),
        api_version: facts.api_version,
        account: facts.account,
        livemode: facts.livemode,
        object: facts.object,
        customer: facts.customer,
        lane,
        payload: bytes.into(),
        received_at: now,
        state,
    }
}

fn digest(bytes: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    hex(&digest.as_ref()[..16])
}

fn unroutable(reason: &Unroutable, name: &str, bytes: &[u8], now: WallTime) -> NewEvent {
    tracing::warn!(%reason, "a body that is no event is stored as unroutable");
    NewEvent {
        id: format!("evt_unroutable_{name}"),
        kind: "unroutable".into(),
        created: BusinessTime::new(now.timestamp()),
        api_version: None,
        account: None,
        livemode: false,
        object: None,
        customer: None,
        lane: None,
        payload: bytes.into(),
        received_at: now,
        state: InboxState::Unroutable,
    }
}

impl Writer {
    /// Starts the writing task. One is enough, and best: a second one only makes groups smaller.
    pub fn start(db: Db, patience: Patience) -> Self {
        let (queue, receive) = mpsc::channel(QUEUE);
        let refusal = Refusal::default();
        tokio::spawn(write(db, receive, refusal.clone(), patience));
        Self { queue, refusal, fresh: Arc::default() }
    }

    /// Why what came last could not be stored; none, if it was.
    pub fn refusal(&self) -> Option<String> {
        self.refusal.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stores an event, and returns when it is durable.
    pub async fn store(&self, event: NewEvent) -> Result<(), Busy> {
        let (stored, wait) = oneshot::channel();
        self.queue.try_send(Waiting { event, stored }).map_err(|_| Busy)?;
        wait.await.map_err(|_| Busy)
    }
}

impl Refusal {
    /// The log hears of the first refusal, and of the end of them: a disk may be full of logs.
    fn set(&self, why: Option<String>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match (&*known, &why) {
            (None, Some(error)) => tracing::error!(error, "events could not be stored"),
            (Some(_), None) => tracing::info!("events are stored again"),
            _ => {}
        }
        *known = why;
    }
}

async fn write(db: Db, mut queue: mpsc::Receiver<Waiting>, refusal: Refusal, patience: Patience) {
    // On SQLite a commit costs nobody else anything.
    let waits = db.is_postgres() && patience != Patience::Yields;
    let mut enough = 0;
    while let Some(group) = gather(&mut queue, enough).await {
        enough = if waits { group.len() / 2 } else { 0 };
        let (events, callers): (Vec<_>, Vec<_>) =
            group.into_iter().map(|waiting| (waiting.event, waiting.stored)).unzip();
        match persist(&db, &events, patience).await {
            Ok(()) => {
                refusal.set(None);
                for stored in callers {
                    // A caller that hung up meanwhile does not need to hear it.
                    let _gone = stored.send(());
                }
            }
            Err(error) => {
                refusal.set(Some(error.to_string()));
                if !error.is_transient() {
                    one_by_one(&db, events, callers, &refusal).await;
                }
            }
        }
    }
}

/// What is to be written next: at once, if it is `enough`. None, when nobody hands in any more.
async fn gather(queue: &mut mpsc::Receiver<Waiting>, enough: usize) -> Option<Vec<Waiting>> {
    let mut group = vec![queue.recv().await?];
    take_all(queue, &mut group);
    // Who was just told is likely to come again: alone, the first of them would cost a commit.
    if group.len() < enough {
        tokio::time::sleep(MOMENT).await;
        take_all(queue, &mut group);
    }
    Some(group)
}

fn take_all(queue: &mut mpsc::Receiver<Waiting>, group: &mut Vec<Waiting>) {
    while group.len() < GROUP
        && let Ok(waiting) = queue.try_recv()
    {
        group.push(waiting);
    }
}

/// Puts the group on disk. Storing one twice does no harm, so while the database is away it is simply
/// tried again, unless nothing may wait by the machine's clock; a full disk is told at once, since
/// Stripe sends all of it again.
async fn persist(db: &Db, events: &[NewEvent], patience: Patience) -> Result<(), StoreError> {
    let mut tries = 1;
    loop {
        match inbox::add(db, events).await {
            Ok(_) => return Ok(()),
            Err(error)
                if error.is_transient()
                    && !error.is_full()
                    && patience != Patience::Yields
                    && tries < TRIES =>
            {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// One event that the database refuses must not take the others with it.
async fn one_by_one(
    db: &Db,
    events: Vec<NewEvent>,
    callers: Vec<oneshot::Sender<()>>,
    refusal: &Refusal,
) {
    for (event, stored) in events.into_iter().zip(callers) {
        match inbox::add(db, std::slice::from_ref(&event)).await {
            Ok(_) => {
                let _gone = stored.send(());
            }
            Err(error) => {
                tracing::error!(%error, event = %event.id, "an event was not stored");
                refusal.set(Some(error.to_string()));
            }
        }
    }
}
