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

use super::{fetch, second_look};

/// Whether an event is of the pinned version: only then can it be compared with what is fetched.
pub(super) fn is_current(event: &Event) -> bool {
    event.api_version.as_deref() == Some(API_VERSION)
}

/// The newest events of each object among those of the pinned version: one, or those of which any may
/// be the newest.
pub(super) fn of_objects<'a>(
    events: impl Iterator<Item = &'a Event>,
) -> impl Iterator<Item = (&'a str, &'a Event)> {
    let mut all: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in events.filter(|event| is_current(event)) {
        let Some(id) = event.object.as_deref() else { continue };
        let known = all.entry(id).or_default();
        match known.first().map(|first| first.created.cmp(&event.created)) {
            Some(std::cmp::Ordering::Greater) => {}
            Some(std::cmp::Ordering::Equal) => known.push(event),
            Some(std::cmp::Ordering::Less) | None => *known = vec![event],
        }
    }
    all.into_iter().flat_map(|(id, events)| last(events).into_iter().map(move |event| (id, event)))
}

/// What they tell, where a customer's lane can read it.
pub(super) fn payloads<'a>(events: impl Iterator<Item = &'a Event>) -> Vec<(&'a str, Value)> {
    let named = of_objects(events).filter(|(_, event)| fetch::named_by(event).is_some());
    named.filter_map(|(id, event)| Some((id, payload(event)?))).collect()
}

/// The newest event about an object. Of several that may be, the last of the claim.
pub(super) fn about<'a>(claim: &'a Claim, id: &str) -> Option<&'a Event> {
    let told = claim.events.iter().filter(|event| event.object.as_deref() == Some(id));
    let told: Vec<_> = told.collect();
    let second = told.iter().map(|event| event.created).max()?;
    let of_it = told.iter().copied().filter(|event| event.created == second);
    let may_be = last(of_it.collect());
    told.into_iter().rfind(|event| may_be.iter().any(|it| it.id == event.id))
}

/// Of events of one object and one second those that may be the last: none of them is known to come
/// before another, and each tells something else.
fn last(events: Vec<&Event>) -> Vec<&Event> {
    if events.len() < 2 {
        return events;
    }
    let differing: BTreeMap<_, _> = events.iter().map(|event| (fields(event), *event)).collect();
    let progress = |told: &Fields<'_>, event: &Event| {
        let word = |field: &str| told.get(field).map_or("", |raw| raw.trim_matches('"'));
        let made = event.kind.ends_with(".created");
        if made { 0 } else { reached(word("object"), word("status")) }
    };
    let differing: Vec<_> =
        differing.into_iter().map(|(told, event)| (progress(&told, event), event)).collect();
    let latest = differing.iter().map(|(progress, _)| *progress).max();
    differing.into_iter().filter(|(it, _)| Some(*it) == latest).map(|(_, event)| event).collect()
}

/// What an event tells, of what is read of its object: fields as they stand there.
type Fields<'a> = BTreeMap<&'a str, &'a str>;

fn fields(event: &Event) -> Fields<'_> {
    let body = serde_json::from_slice::<Body<Told<'_>>>(&event.payload).ok();
    let Some(Told(told)) = body.map(|body| body.data.object) else {
        let all = std::str::from_utf8(&event.payload).unwrap_or_default();
        return Fields::from([("", all)]);
    };
    let object = told.get("object").map_or("", |raw| raw.get().trim_matches('"'));
    let read = second_look::fields_of(object);
    let is_read = |name: &str| {
        matches!(name, "object" | "status") || read.is_none_or(|read| read.contains(&name))
    };
    let told = told.into_iter().filter(|(name, _)| is_read(name));
    told.map(|(name, raw)| (name, raw.get())).collect()
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
struct Body<T> {
    data: Data<T>,
}

#[derive(Deserialize)]
struct Data<T> {
    object: T,
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Told<'a>(#[serde(borrow)] BTreeMap<&'a str, &'a RawValue>);

/// An event's object.
pub(super) fn payload(event: &Event) -> Option<Value> {
    serde_json::from_slice::<Body<Value>>(&event.payload).ok().map(|body| body.data.object)
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
