//! Slots: one subscription per plan group fills one, and what comes beside it is dealt with.

use std::collections::BTreeMap;

use serde_json::json;
use specie_vocab::{BusinessTime, SubscriptionId};

use super::{Ours, View};
use crate::{Effect, IntentRequest, SessionFact, SessionStatus, Slot};

/// How long after its intent a second subscription may come and still be taken back by itself.
const TAKEN_BACK_WITHIN: i64 = 48 * 3600;

pub(super) fn decide(view: &View<'_>, effects: &mut Vec<Effect>) -> BTreeMap<String, Slot> {
    let mut refunds = view.policies.refunds_per_day.saturating_sub(view.facts.refunds_today);
    let mut slots = BTreeMap::new();
    for group in view.groups() {
        let before = view.before.slots.get(group).unwrap_or(&Slot::Empty);
        let after = settle(view, group, before);
        if after != *before {
            effects.push(Effect::Audit {
                what: "slot.changed",
                subject: group.into(),
                details: json!({ "from": before, "to": after }),
            });
        }
        for id in noticed(&after).filter(|id| !noticed(before).any(|known| known == *id)) {
            if let Some(found) = view.subscriptions.get(id) {
                deal_with(view, group, found, &mut refunds, effects);
            }
        }
        if view.before.slots.contains_key(group) || after != Slot::Empty {
            slots.insert(group.to_owned(), after);
        }
    }
    slots
}

/// What a slot in conflict says has been dealt with.
fn noticed(slot: &Slot) -> impl Iterator<Item = &SubscriptionId> {
    let (lone, others) = match slot {
        Slot::Conflict { subscription, others } if others.is_empty() => {
            (Some(subscription), &[][..])
        }
        Slot::Conflict { others, .. } => (None, &others[..]),
        Slot::Empty | Slot::Claimed { .. } | Slot::Open { .. } | Slot::Held { .. } => {
            (None, &[][..])
        }
    };
    lone.into_iter().chain(others)
}

fn settle(view: &View<'_>, group: &str, before: &Slot) -> Slot {
    if let Some(id) = before.subscription()
        && !view.facts.subscriptions.iter().any(|fact| fact.id == *id)
    {
        return before.clone(); // Nothing is known of it: no word of Stripe's that frees the slot.
    }
    let mut alive: Vec<&Ours<'_>> = view
        .subscriptions
        .values()
        .filter(|found| found.plan.group == group && found.is_alive())
        .collect();
    // What must not be granted comes last, then the older one first.
    alive.sort_by_key(|found| (found.unsound.is_some(), found.fact.created, found.fact.id.clone()));
    let named =
        alive.iter().position(|found| found.unsound.is_none() && names(view, before, found));
    if let Some(named) = named {
        let named = alive.remove(named);
        alive.insert(0, named);
    }
    let Some((holder, rest)) = alive.split_first() else { return unfilled(view, group, before) };
    let subscription = holder.fact.id.clone();
    let mut others: Vec<_> = rest.iter().map(|found| found.fact.id.clone()).collect();
    others.sort();
    if others.is_empty() && holder.unsound.is_none() {
        Slot::Held { subscription }
    } else {
        Slot::Conflict { subscription, others }
    }
}

/// Whether the slot means this subscription: by its id, its session or its intent.
fn names(view: &View<'_>, slot: &Slot, found: &Ours<'_>) -> bool {
    match slot {
        Slot::Empty => false,
        Slot::Claimed { intent } => found.fact.intent == Some(*intent),
        Slot::Open { intent, session } => {
            let session = view.facts.sessions.iter().find(|fact| fact.id == *session);
            found.fact.intent == Some(*intent)
                || session.is_some_and(|fact| fact.subscription.as_ref() == Some(&found.fact.id))
        }
        Slot::Held { subscription } | Slot::Conflict { subscription, .. } => {
            *subscription == found.fact.id
        }
    }
}

/// A slot that no living subscription fills: only Stripe's word changes it.
fn unfilled(view: &View<'_>, group: &str, before: &Slot) -> Slot {
    let session = match before {
        Slot::Claimed { intent } => {
            let sessions = view.facts.sessions.iter();
            let made = sessions.filter(|fact| fact.intent == Some(*intent));
            match made.min_by_key(|fact| (fact.status == SessionStatus::Expired, &fact.id)) {
                None if view.facts.ended_intents.contains(intent) => None,
                None => return before.clone(),
                made => made,
            }
        }
        Slot::Open { session, .. } => {
            match view.facts.sessions.iter().find(|fact| fact.id == *session) {
                None => return before.clone(),
                found => found,
            }
        }
        Slot::Empty | Slot::Held { .. } | Slot::Conflict { .. } => None,
    };
    let open =
        view.facts.sessions.iter().filter(|fact| {
            fact.status == SessionStatus::Open && fact.group.as_deref() == Some(group)
        });
    let waiting = session
        .filter(|fact| is_waiting(view, fact))
        .or_else(|| open.min_by_key(|fact| (fact.created, &fact.id)));
    match waiting {
        Some(SessionFact { id, intent: Some(intent), .. }) => {
            Slot::Open { intent: *intent, session: id.clone() }
        }
        // A session that the slot names is ours whatever its mirror says of its mark.
        Some(_) => before.clone(),
        None => Slot::Empty,
    }
}

/// Whether a session can be paid, or was and what came of it is not known yet.
fn is_waiting(view: &View<'_>, session: &SessionFact) -> bool {
    match session.status {
        SessionStatus::Open => true,
        SessionStatus::Expired => false,
        SessionStatus::Complete => !view.facts.subscriptions.iter().any(|fact| {
            session.subscription.as_ref() == Some(&fact.id)
                && (fact.status.is_over() || fact.plan.is_some())
        }),
    }
}

/// A subscription that must not be there: taken back if it is surely our own doing, else shown.
fn deal_with(
    view: &View<'_>,
    group: &str,
    found: &Ours<'_>,
    refunds: &mut u32,
    effects: &mut Vec<Effect>,
) {
    let fact = found.fact;
    if let Some(reason) = found.unsound {
        let details = json!({
            "currency": fact.currency,
            "expected_currency": view.policies.currency,
            "period": fact.period,
        });
        effects.push(Effect::Quarantine { object: fact.id.to_string(), reason, details });
        return;
    }
    let age = intent_at(view, found).map(|at| fact.created.seconds_since(at));
    let mut alarm = |code| {
        effects.push(Effect::Audit {
            what: "subscription.conflict",
            subject: fact.id.to_string(),
            details: json!({ "group": group, "code": code, "intent": fact.intent, "age": age }),
        });
        effects.push(Effect::Alarm { code, subject: fact.id.to_string() });
    };
    if fact.intent.is_none() || age.is_none_or(|age| age > TAKEN_BACK_WITHIN) {
        return alarm("second_subscription");
    }
    if *refunds == 0 {
        return alarm("refund_ceiling");
    }
    *refunds -= 1;
    effects.push(Effect::Audit {
        what: "subscription.taken_back",
        subject: fact.id.to_string(),
        details: json!({ "group": group, "intent": fact.intent, "age": age }),
    });
    effects.push(Effect::Intent(IntentRequest::CancelAndRefund {
        subscription: fact.id.clone(),
        group: group.into(),
    }));
}

/// When the intent behind a subscription was decided, as far as Stripe's dates tell.
fn intent_at(view: &View<'_>, found: &Ours<'_>) -> Option<BusinessTime> {
    let made_it = |session: &&SessionFact| {
        session.subscription.as_ref() == Some(&found.fact.id)
            || (session.intent.is_some() && session.intent == found.fact.intent)
    };
    let sessions = view.facts.sessions.iter().filter(made_it).map(|session| session.created);
    found.fact.intent_at.or_else(|| sessions.min())
}
