//! The watermark pass: a lost webhook costs minutes, not days.
//!
//! It reads Stripe's list of events, newest first, back to the event that headed the list at the
//! last complete pass that began ten minutes or more before. No event's time is compared. The first
//! pass only notes the head. What the inbox lacks is stored there as a delivery would be, page by
//! page: nothing is held but one of them, and what was read before a call fails is not lost. The
//! next pass reads back to the same event. If that is not listed any more, and the last pass is so long
//! ago that others may be gone, too, each customer is looked at.

use serde_json::Value;
use specie_store::inbox::{self, NewEvent};
use specie_store::watermarks::{self, Watermark};
use specie_store::{StoreError, customers, lanes};
use specie_stripe::{Form, Priority};
use specie_vocab::PayerId;

use crate::catalog::EVENTS;
use crate::lanes::{WishFor, wish};
use crate::trail::why;
use crate::{ApiError, App, account, ingest};

/// How far passes overlap, in seconds: events may appear in the list a little late.
const OVERLAP: i64 = 600;
/// For so long, in seconds, Stripe lists every event for certain: it lists each for 30 days.
const LISTED: i64 = 29 * 86_400;
/// How many customers are to be looked at with one commit.
const AT_ONCE: i64 = 500;

/// Runs one pass. Answers how many events the inbox had lacked.
pub async fn pass(app: &App) -> Result<u64, ApiError> {
    account::ensure(app).await?;
    let mut tx = app.db.begin().await?;
    let began_at = tx.now().await?;
    let until = watermarks::latest_before(&mut tx, began_at.plus_seconds(-OVERLAP)).await?;
    let latest = watermarks::latest(&mut tx).await?.map(|mark| mark.began_at);
    let known = latest.is_some();
    let was_away = latest.is_some_and(|at| began_at.seconds_since(at) > LISTED);
    tx.commit().await?;

    let until = match until {
        Some(mark) => mark.head,
        // Younger passes are not old enough to stop at; the oldest of them is where we began.
        None if known => {
            let mut tx = app.db.read().await?;
            watermarks::oldest(&mut tx).await?.and_then(|mark| mark.head)
        }
        None => None,
    };
    let read = read_back(app, until.as_deref(), known).await?;
    if let Some(stripe) = app.stripe.stripe_time() {
        app.watch.compared(stripe, app.wall.now());
    }
    if was_away && !read.to_the_mark {
        look_at_all(app).await?;
    }
    let mut tx = app.db.begin().await?;
    // What it brought is not known before its lanes have looked, nor what a parked event told.
    let restless = lanes::unconfirmed(&mut tx).await?;
    let mark = Watermark::new(app.id(), read.head, began_at, read.events, &restless);
    watermarks::add(&mut tx, &mark).await?;
    tx.commit().await?;
    if read.missed > 0 {
        let added = read.missed;
        tracing::info!(added, "the watermark pass found events that no delivery had brought");
    }
    Ok(read.added)
}

/// What a pass has read.
#[derive(Default)]
struct Read {
    /// The event at the list's head.
    head: Option<String>,
    /// How many follow, down to where it stopped.
    events: i64,
    /// How many of them the inbox had lacked.
    added: u64,
    /// How many of those our endpoint should have been sent.
    missed: u64,
    /// Whether it found the event that it was to stop at.
    to_the_mark: bool,
}

/// Stores the events of the list down to `until` (all of them, if it is not there any more).
async fn read_back(app: &App, until: Option<&str>, known: bool) -> Result<Read, ApiError> {
    let mut read = Read::default();
    let mut after: Option<String> = None;
    let _passing = app.shelf.passing();
    loop {
        let mut query = Form::new().set("limit", "100");
        if let Some(after) = &after {
            query = query.set("starting_after", after);
        }
        let page = app.stripe.page("/v1/events", &query, Priority::Background).await?;
        let ids: Vec<_> = page.data.iter().map(|event| event["id"].as_str()).collect();
        let first = ids.first().copied().flatten().map(String::from);
        read.head = read.head.or(first);
        // Without an earlier head there is nothing to catch up with: only the head is noted.
        if !known {
            return Ok(read);
        }
        let end = ids.iter().position(|id| *id == until && until.is_some());
        store(app, &mut read, &page.data[..end.unwrap_or(page.data.len())]).await?;
        after = ids.last().copied().flatten().map(String::from);
        if end.is_some() || !page.has_more || after.is_none() {
            read.to_the_mark = end.is_some();
            return Ok(read);
        }
    }
}

/// Asks for a look at all that Stripe has of each customer. Their lanes are restless then: none is
/// confirmed before it has looked.
async fn look_at_all(app: &App) -> Result<(), StoreError> {
    tracing::warn!("stripe does not list all events since the last pass: customers are looked at");
    let mut after: Option<PayerId> = None;
    loop {
        let mut tx = app.db.begin().await?;
        let now = tx.now().await?;
        let some = customers::at_stripe(&mut tx, after, AT_ONCE).await?;
        for customer in some.iter().filter_map(|payer| payer.stripe.as_ref()) {
            let (lane, what) = (customer.as_str(), WishFor::Everything);
            wish(app, &mut tx, lane, &what, now, why::CONFIRM).await?;
        }
        tx.commit().await?;
        app.work.notify_one();
        match some.last() {
            Some(last) => after = Some(last.id),
            None => return Ok(()),
        }
    }
}

/// Stores what the inbox lacks of `page`.
async fn store(app: &App, read: &mut Read, page: &[Value]) -> Result<(), ApiError> {
    let events = page.iter().map(|event| ingest::listed(app, event, app.wall.now()));
    let (sent, others) = events.partition(|event| EVENTS.contains(&event.kind.as_str()));
    let missed = add(app, read, sent).await?;
    read.missed += missed;
    add(app, read, others).await?;
    Ok(())
}

/// Stores what the inbox lacks of these. Answers how many that is.
async fn add(app: &App, read: &mut Read, events: Vec<NewEvent>) -> Result<u64, ApiError> {
    if events.is_empty() {
        return Ok(0);
    }
    let added = inbox::add(&app.db, &events).await?;
    read.events += events.len() as i64;
    read.added += added;
    if added > 0 {
        app.shelf.brought(events.into_iter().filter_map(|event| event.lane), app.wall.now());
        app.work.notify_one();
    }
    Ok(added)
}
