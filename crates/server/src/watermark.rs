//! The watermark pass: a lost webhook costs minutes, not days.
//!
//! It reads Stripe's list of events, newest first, back to the event that headed the list at the
//! last complete pass that began ten minutes or more before. No event's time is compared. The first
//! pass only notes the head. What the inbox lacks is stored there as a delivery would be, page by
//! page: nothing is held but one of them, and what was read before a call fails is not lost. The
//! next pass reads back to the same event.

use serde_json::Value;
use specie_store::inbox;
use specie_store::lanes;
use specie_store::watermarks::{self, Watermark};
use specie_stripe::{Form, Priority};

use crate::{ApiError, App, account, ingest};

/// How far passes overlap, in seconds: events may appear in the list a little late.
const OVERLAP: i64 = 600;

/// Runs one pass. Answers how many events the inbox had lacked.
pub async fn pass(app: &App) -> Result<u64, ApiError> {
    account::ensure(app).await?;
    let mut tx = app.db.begin().await?;
    let began_at = tx.now().await?;
    let until = watermarks::latest_before(&mut tx, began_at.plus_seconds(-OVERLAP)).await?;
    let known = watermarks::any(&mut tx).await?;
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
    let mut tx = app.db.begin().await?;
    // What it brought is not known before its lanes have looked, nor what a parked event told.
    let restless = lanes::unconfirmed(&mut tx).await?;
    let mark = Watermark::new(app.id(), read.head, began_at, read.events, &restless);
    watermarks::add(&mut tx, &mark).await?;
    tx.commit().await?;
    if read.added > 0 {
        let added = read.added;
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
            return Ok(read);
        }
    }
}

/// Stores what the inbox lacks of `page`.
async fn store(app: &App, read: &mut Read, page: &[Value]) -> Result<(), ApiError> {
    let events: Vec<_> =
        page.iter().map(|event| ingest::listed(app, event, app.wall.now())).collect();
    let added = inbox::add(&app.db, &events).await?;
    read.events += events.len() as i64;
    read.added += added;
    if added > 0 {
        app.shelf.brought(events.into_iter().filter_map(|event| event.lane), app.wall.now());
        app.work.notify_one();
    }
    Ok(())
}
