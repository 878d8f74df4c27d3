//! What was told last of each object.
//!
//! Stripe dates events by the second and delivers them in any order, and an object often has several
//! of one second. A few things are certain: what tells that it was made came first, and some states
//! follow others and never go back. Where that leaves several that differ, nobody knows which is the
//! newest, and each of them counts.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use specie_store::inbox::Event;
use specie_store::lanes::Claim;
use specie_stripe::API_VERSION;

use super::fetch;
use super::told::Told;

/// Whether an event is of the pinned version: only then can it be compared with what is fetched.
pub(super) fn is_current(event: &Event) -> bool {
    event.api_version.as_deref() == Some(API_VERSION)
}

/// The newest payloads of each object among the claimed events of the pinned version: one, or those
/// of which any may be the newest.
pub(super) fn payloads(claim: &Claim) -> Vec<(&str, Value)> {
    let mut of_objects: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in claim.events.iter().filter(|event| is_current(event)) {
        let Some(id) = event.object.as_deref() else { continue };
        let known = of_objects.entry(id).or_default();
        match known.first().map(|first| first.created.cmp(&event.created)) {
            Some(std::cmp::Ordering::Greater) => {}
            Some(std::cmp::Ordering::Equal) => known.push(event),
            Some(std::cmp::Ordering::Less) | None => *known = vec![event],
        }
    }
    let newest = of_objects
        .into_iter()
        .flat_map(|(id, events)| last(events).into_iter().map(move |event| (id, event)));
    let named = newest.filter(|(_, event)| fetch::named_by(event).is_some());
    named.filter_map(|(id, event)| Some((id, payload(event)?))).collect()
}

/// Of events of one object and one second those that may be the last: none of them is known to come
/// before another, and each tells something else.
fn last(mut events: Vec<&Event>) -> Vec<&Event> {
    if events.len() > 1 {
        let latest = events.iter().map(|event| progress(event)).max();
        events.retain(|event| Some(progress(event)) == latest);
        events.sort_by(|one, other| text(one).cmp(&text(other)));
        events.dedup_by(|one, other| text(one) == text(other));
    }
    events
}

/// How far an object has come by what an event tells of it.
fn progress(event: &Event) -> u8 {
    let told = Told::by(event).unwrap_or_default();
    let (object, status) = told.state();
    if event.kind.ends_with(".created") { 0 } else { reached(object, status) }
}

/// How far an object has come. More never comes before less; what may go to and fro is alike.
fn reached(object: &str, status: &str) -> u8 {
    match (object, status) {
        ("invoice", "open") => 2,
        ("invoice", "paid" | "void" | "uncollectible") => 3,
        ("payment_intent", "succeeded" | "canceled") => 2,
        ("subscription", "canceled" | "incomplete_expired") => 3,
        ("subscription", status) if status != "incomplete" => 2,
        ("checkout.session", "complete" | "expired") => 2,
        _ => 1,
    }
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    object: &'a RawValue,
}

/// The object as it stands in an event.
fn text(event: &Event) -> Option<&str> {
    serde_json::from_slice::<Body<'_>>(&event.payload).ok().map(|body| body.data.object.get())
}

/// An event's object.
pub(super) fn payload(event: &Event) -> Option<Value> {
    serde_json::from_str(text(event)?).ok()
}

#[cfg(test)]
mod tests {
    use super::reached;

    #[test]
    fn nothing_goes_back() {
        let steps = [
            ("invoice", &["draft", "open", "uncollectible", "paid"][..]),
            ("invoice", &["open", "void"]),
            ("payment_intent", &["processing", "requires_payment_method", "processing"]),
            ("payment_intent", &["requires_action", "requires_capture", "succeeded"]),
            ("payment_intent", &["requires_payment_method", "canceled"]),
            ("subscription", &["incomplete", "trialing", "active", "past_due", "active", "paused"]),
            ("subscription", &["active", "unpaid", "active", "canceled"]),
            ("subscription", &["incomplete", "incomplete_expired"]),
            ("checkout.session", &["open", "complete"]),
            ("refund", &["pending", "succeeded", "failed"]),
            ("customer", &["", ""]),
        ];
        for (object, steps) in steps {
            for step in steps.windows(2) {
                let [before, after] = [step[0], step[1]].map(|status| reached(object, status));
                assert!(before <= after, "{object}: {step:?}");
            }
        }
    }
}
