//! The lines of a story, in order of time.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};
use specie_store::intents::IntentState;
use specie_store::outbox::Queued;
use specie_store::wishes::Wish;
use specie_vocab::{BusinessTime, WallTime};

use super::about::{Known, names};
use crate::gist;
use crate::trail::why;

/// Which part of the story a line tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// An event of Stripe's came.
    Came,
    /// An object was read from Stripe: the last time, or in an event's story because of it.
    Read,
    /// Something was decided.
    Decided,
    /// A request went to Stripe.
    Sent,
    /// A mail was written.
    Told,
    /// Something is still to happen.
    Waits,
}

/// A line of a story.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// When: wall time, but mails and what is due by a date have business time.
    pub at: Timestamp,
    /// Which part of the story it tells.
    pub part: Part,
    /// What, in the words of the tables.
    pub what: String,
    /// The id of what it is about, if it has one.
    pub id: Option<String>,
    /// Who, where something was decided.
    pub who: Option<String>,
    /// Why: the id of an event or an intent, or the name of a call or a rule.
    pub why: Option<String>,
    /// What else is known; null after it was erased. What was read because of an event says of each
    /// field that differed what was and what is.
    pub details: Value,
}

/// A line, and where it stands.
struct Placed {
    moment: Timestamp,
    line: Line,
}

/// The story, and what waits, of what is about these ids.
pub(super) fn tell(known: &Known, about: Option<&BTreeSet<String>>) -> (Vec<Line>, Vec<Line>) {
    let mut placed = Vec::new();
    events(known, about, &mut placed);
    reads(known, about, &mut placed);
    looks(known, about, &mut placed);
    decisions(known, about, &mut placed);
    requests(known, about, &mut placed);
    let clock = moments(known);
    mails(known, about, &clock, &mut placed);
    placed.sort_by_key(|it| (it.moment, it.line.part));
    let mut waiting = waiting(known, about);
    waiting.sort_by_key(|line| line.at);
    (placed.into_iter().map(|it| it.line).collect(), waiting)
}

/// Whether a text is about any of these ids, or everything is.
fn is_about(about: Option<&BTreeSet<String>>, text: &str) -> bool {
    about.is_none_or(|about| names(about, text))
}

fn line(at: Timestamp, part: Part, what: impl Into<String>, id: Option<String>) -> Line {
    Line { at, part, what: what.into(), id, who: None, why: None, details: Value::Null }
}

fn put(placed: &mut Vec<Placed>, line: Line) {
    placed.push(Placed { moment: line.at, line });
}

fn events(known: &Known, about: Option<&BTreeSet<String>>, placed: &mut Vec<Placed>) {
    for event in &known.events {
        let object = event.object.as_deref().unwrap_or_default();
        if about.is_some_and(|about| !about.contains(&event.id) && !about.contains(object)) {
            continue;
        }
        let details = json!({
            "object": event.object, "state": event.state.as_str(),
            "created": event.created.timestamp(), "failures": event.failures,
            "reason": event.reason, "handled_at": event.handled_at.map(|at| at.timestamp()),
        });
        let at = event.received_at.timestamp();
        let line = line(at, Part::Came, &event.kind, Some(event.id.clone()));
        put(placed, Line { details, ..line });
    }
}

fn reads(known: &Known, about: Option<&BTreeSet<String>>, placed: &mut Vec<Placed>) {
    let mut read = |what: &str, id: &str, at: WallTime, details: Value| {
        if about.is_none_or(|about| about.contains(id)) {
            put(
                placed,
                Line { details, ..line(at.timestamp(), Part::Read, what, Some(id.into())) },
            );
        }
    };
    for row in &known.sessions {
        read("checkout session", row.id.as_str(), row.fetched_at, gist::session(row));
    }
    for row in &known.subscriptions {
        read("subscription", row.id.as_str(), row.fetched_at, gist::subscription(row));
    }
    for row in &known.invoices {
        read("invoice", row.id.as_str(), row.fetched_at, gist::invoice(row));
    }
    for row in &known.payments {
        read("payment", row.id.as_str(), row.fetched_at, gist::payment(row));
    }
    for row in &known.refunds {
        read("refund", row.id.as_str(), row.fetched_at, gist::refund(row));
    }
}

/// What was found by looks that were taken because of any of these ids.
fn looks(known: &Known, about: Option<&BTreeSet<String>>, placed: &mut Vec<Placed>) {
    let Some(about) = about else { return };
    for look in &known.looks {
        let mut causes = look.because.as_array().into_iter().flatten().filter_map(Value::as_str);
        let Some(why) = causes.find(|cause| about.contains(*cause)) else { continue };
        for found in look.found.as_array().into_iter().flatten() {
            let what = found["object"].as_str().unwrap_or_default();
            let id = found["id"].as_str().map(String::from);
            let line = line(look.at.timestamp(), Part::Read, what, id);
            put(placed, Line { why: Some(why.into()), details: told_of(found), ..line });
        }
    }
}

/// What was found, and of each field that differed what was and what is.
fn told_of(found: &Value) -> Value {
    let mut details = match &found["fields"] {
        Value::Object(fields) => fields.clone(),
        _ => Map::new(),
    };
    for name in ["found", "customer"] {
        if let Some(value) = found.get(name) {
            details.insert(name.into(), value.clone());
        }
    }
    Value::Object(details)
}

fn decisions(known: &Known, about: Option<&BTreeSet<String>>, placed: &mut Vec<Placed>) {
    for (entry, details) in &known.entries {
        let caused = about.is_some_and(|about| about.contains(&entry.why));
        if !caused && !is_about(about, &details.to_string()) {
            continue;
        }
        let subject = details["subject"].as_str().map(String::from);
        let line = line(entry.at.timestamp(), Part::Decided, &entry.what, subject);
        let (who, why) = (Some(entry.who.clone()), Some(entry.why.clone()));
        put(placed, Line { who, why, details: details.clone(), ..line });
    }
}

/// Requests, without their bodies: those hold addresses of people.
fn requests(known: &Known, about: Option<&BTreeSet<String>>, placed: &mut Vec<Placed>) {
    for (intent, steps, tries) in &known.intents {
        let id = intent.id.to_string();
        if about.is_some_and(|about| !about.contains(&id)) {
            continue;
        }
        for sent in tries {
            let step = steps.iter().find(|step| step.n == sent.step);
            let object = step.and_then(|step| step.object.clone());
            // A link into Stripe's portal signs its holder in.
            let object = object.filter(|it| !it.contains("://"));
            let what = format!("{} {}", sent.method, sent.path);
            let details = json!({
                "step": step.map(|step| &step.name), "try": sent.n, "key": sent.key,
                "status": sent.status, "outcome": sent.outcome, "request_id": sent.request_id,
                "object": object,
            });
            let line = line(sent.sent_at.timestamp(), Part::Sent, what, object);
            let (who, why) = (Some(intent.asked_by.clone()), Some(id.clone()));
            put(placed, Line { who, why, details, ..line });
        }
    }
}

/// For moments of business time, by which mails are dated, those of wall time at which all was done
/// that the events up to then had caused: in development the two clocks run apart.
fn moments(known: &Known) -> BTreeMap<BusinessTime, Timestamp> {
    let decided = |id: &str| {
        let of_it = known.entries.iter().filter(|(entry, _)| entry.why == id);
        of_it.map(|(entry, _)| entry.at.timestamp()).max()
    };
    let mut clock = BTreeMap::new();
    for event in &known.events {
        let seen = event.handled_at.map(|at| at.timestamp()).max(decided(&event.id));
        let seen = seen.unwrap_or_else(|| event.received_at.timestamp());
        let at = clock.entry(event.created).or_insert(seen);
        *at = seen.max(*at);
    }
    clock
}

fn mails(
    known: &Known,
    about: Option<&BTreeSet<String>>,
    clock: &BTreeMap<BusinessTime, Timestamp>,
    placed: &mut Vec<Placed>,
) {
    let newest = placed.iter().map(|it| it.moment).max().unwrap_or(Timestamp::MAX);
    for mail in &known.mails {
        let effect = known.effects.iter().find(|effect| effect.key == mail.key);
        let facts = effect.map(|effect| effect.what.to_string()).unwrap_or_default();
        if !is_about(about, &facts) && !is_about(about, &mail.key) {
            continue;
        }
        let details = json!({
            "key": mail.key, "message_id": mail.message_id,
            "sent_at": mail.sent_at.map(|at| at.timestamp()),
            "failed_at": mail.failed_at.map(|at| at.timestamp()), "failure": mail.failure,
        });
        let why = effect.and_then(cause);
        let at = mail.created_at.timestamp();
        let before = clock.range(..=mail.created_at).next_back().map_or(at, |(_, at)| *at);
        let moment = if before <= at && at <= newest { at } else { before };
        let line = line(at, Part::Told, format!("mail {}", mail.kind), None);
        placed.push(Placed { moment, line: Line { why, details, ..line } });
    }
}

/// Why an effect was asked for; none, of one that is older than causes of effects.
fn cause(effect: &Queued) -> Option<String> {
    effect.what["why"].as_str().map(String::from)
}

fn waiting(known: &Known, about: Option<&BTreeSet<String>>) -> Vec<Line> {
    let mut waiting = Vec::new();
    let waits =
        |wish: &&Wish| is_about(about, &wish.what.to_string()) || is_about(about, &wish.why);
    for wish in known.wishes.iter().filter(waits) {
        let line = line(wish.due.timestamp(), Part::Waits, "look", None);
        let (why, details) = (Some(wish.why.clone()), wish.what.clone());
        waiting.push(Line { why, details, ..line });
    }
    for effect in known.effects.iter().filter(|effect| !effect.done) {
        if is_about(about, &effect.what.to_string()) {
            let line = line(effect.due.timestamp(), Part::Waits, &effect.kind, None);
            let details = json!({ "key": effect.key, "attempts": effect.attempts });
            waiting.push(Line { why: cause(effect), details, ..line });
        }
    }
    for (intent, ..) in &known.intents {
        let id = intent.id.to_string();
        let is_open = matches!(intent.state, IntentState::Open | IntentState::Stuck);
        if is_open && about.is_none_or(|about| about.contains(&id)) {
            let what = format!("{} {}", intent.kind, intent.state.as_str());
            let line = line(intent.created_at.timestamp(), Part::Waits, what, Some(id));
            waiting.push(Line { details: intent.what.clone(), ..line });
        }
    }
    waiting
}

/// What a cause means, where it is the name of a call or a rule.
pub fn meaning(cause: &str) -> Option<&'static str> {
    why::NAMES.iter().find(|(name, _)| *name == cause).map(|(_, meaning)| *meaning)
}
