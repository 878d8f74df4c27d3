//! Whether events arrive: Stripe's list of them, compared with what is stored here.

use std::collections::BTreeSet;

use specie_server::catalog::EVENTS;
use specie_store::{Db, inbox, installation, replicas, watermarks};
use specie_stripe::{Event, Form, Priority};

use super::code::Code;
use super::report::{Finding, Report, error};
use super::{Patient, now};
use crate::fail::Fail;

/// An event of this age, in seconds, should have come, by a webhook or by a watermark pass.
const LATE: i64 = 180;
/// So long, in seconds, a webhook may be on its way.
const SILENT: i64 = 300;

/// Reads the newest events of both sides.
pub(super) async fn check(patient: &Patient, db: &Db, report: &mut Report) {
    match look(patient, db).await {
        Ok(None) => report.skip("events", "the service has not met Stripe yet"),
        Ok(Some(findings)) => report.add("events", findings, "what Stripe lists is here"),
        Err(fail) => report.skip("events", fail.told()),
    }
}

/// What is wrong; none, if there is nothing to compare yet.
async fn look(patient: &Patient, db: &Db) -> Result<Option<Vec<Finding>>, Fail> {
    let mut tx = db.read().await?;
    let here = tx.now().await?;
    let bound = installation::get(&mut tx).await?.and_then(|it| it.bound_at);
    // What was made before the first pass, nobody looks for.
    let first = watermarks::oldest(&mut tx).await?.map(|it| it.began_at);
    let (Some(bound), Some(first)) = (bound, first) else { return Ok(None) };
    let mut listed = listed(patient, bound.max(first).as_second()).await?;
    // By Stripe's clock, which events bear. What lies ahead of it was made by a sandbox whose time
    // was moved on: nobody knows when.
    let now = patient.stripe.stripe_time().unwrap_or_else(|| now().as_second());
    listed.retain(|event| event.created <= now);

    let older = |age: i64| listed.iter().filter(move |event| event.created <= now - age);
    let ids: Vec<String> = older(LATE).map(|event| event.id.to_string()).collect();
    let known: BTreeSet<String> = inbox::known(&mut tx, &ids).await?;
    let missing: Vec<&String> = ids.iter().filter(|id| !known.contains(*id)).collect();
    let mut findings: Vec<Finding> =
        missing.last().map(|oldest| lost(missing.len(), oldest)).into_iter().collect();

    // Before anybody lived, none could come.
    if let Some(started) = replicas::alive_since(&mut tx, here).await? {
        let since = replicas::last_delivery(&mut tx).await?.map_or(started, |at| at.max(started));
        let waits = older(SILENT).filter(|event| event.created > since.as_second()).count();
        findings.extend((waits > 0).then(|| silent(waits, &since.to_string())));
    }
    Ok(Some(findings))
}

/// The newest events that the endpoint sends, since this installation met Stripe.
async fn listed(patient: &Patient, since: i64) -> Result<Vec<Event>, Fail> {
    let query = Form::new().set("limit", "100");
    let page = patient.stripe.page("/v1/events", &query, Priority::Interactive).await;
    let unreadable = |error: &dyn std::fmt::Display| {
        Fail::Failed(format!("the list of events cannot be read: {error}"))
    };
    let page = page.map_err(|error| unreadable(&error))?;
    let all = page.data.iter().map(Event::parse).collect::<Result<Vec<_>, _>>();
    let mut all = all.map_err(|error| unreadable(&error))?;
    all.retain(|event| event.created > since && EVENTS.contains(&event.kind.as_str()));
    Ok(all)
}

fn lost(count: usize, oldest: &str) -> Finding {
    error(
        Code::EventsMissing,
        format!("{count} of Stripe's last 100 events are not here, the oldest is `{oldest}`"),
        "each event within three minutes",
        "start `specie serve`, or look into its log for `watermark`: it brings them within a minute",
    )
}

fn silent(count: usize, since: &str) -> Finding {
    error(
        Code::WebhooksSilent,
        format!("{count} events were made since the last webhook came ({since})"),
        "a webhook within five minutes of an event",
        "look at the endpoint's deliveries in Stripe's dashboard, at the proxy, and at `STRIPE_WEBHOOK_SECRET`",
    )
}
