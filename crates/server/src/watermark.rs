//! The watermark pass: a lost webhook costs minutes, not days.
//!
//! It reads Stripe's list of events, newest first, back to the event that headed the list at the
//! last complete pass that began ten minutes or more before. No event's time is compared. The first
//! pass only notes the head. What the inbox lacks is stored there as a delivery would be.

use serde_json::Value;
use specie_store::inbox::{self, NewEvent};
use specie_store::lanes;
use specie_store::watermarks::{self, Watermark};
use specie_stripe::{Form, Priority, routing_of_fetched};

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
    let (head, events) = read_back(app, until.as_deref(), known).await?;
    if let Some(stripe) = app.stripe.stripe_time() {
        app.watch.compared(stripe, app.wall.now());
    }
    let mut tx = app.db.begin().await?;
    let added = inbox::add_in(&mut tx, &events).await?;
    // What it brought is not known before its lanes have looked.
    let restless = lanes::restless(&mut tx).await?;
    let mark = Watermark::new(app.id(), head, began_at, events.len() as i64, &restless);
    watermarks::add(&mut tx, &mark).await?;
    tx.commit().await?;
    if added > 0 {
        tracing::info!(added, "the watermark pass found events that no delivery had brought");
        app.work.notify_one();
    }
    Ok(added)
}

/// The list's head, and the events down to `until` (all of them, if it is not there any more).
async fn read_back(
    app: &App,
    until: Option<&str>,
    known: bool,
) -> Result<(Option<String>, Vec<NewEvent>), ApiError> {
    let mut head = None;
    let mut events = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let mut query = Form::new().set("limit", "100");
        if let Some(after) = &after {
            query = query.set("starting_after", after);
        }
        let page = app.stripe.page("/v1/events", &query, Priority::Background).await?;
        for event in &page.data {
            let id = event["id"].as_str().unwrap_or_default();
            head.get_or_insert_with(|| id.to_owned());
            if Some(id) == until {
                return Ok((head, events));
            }
            // Without an earlier head there is nothing to catch up with: only the head is noted.
            if !known {
                return Ok((head, events));
            }
            events.extend(as_delivered(app, event));
            after = Some(id.to_owned());
        }
        if !page.has_more || page.data.is_empty() {
            return Ok((head, events));
        }
    }
}

/// An event as a delivery would have brought it.
fn as_delivered(app: &App, event: &Value) -> Option<NewEvent> {
    let facts = routing_of_fetched(event).ok()?;
    let bytes = serde_json::to_vec_pretty(event).ok()?;
    Some(ingest::routed(app, facts, &bytes, app.wall.now()))
}
