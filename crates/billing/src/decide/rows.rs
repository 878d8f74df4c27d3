//! Rows: what each subscription is now, computed from Stripe's objects and their dates.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use specie_vocab::BusinessTime;

use super::{Ours, View};
use crate::{
    Access, Effect, Held, InvoiceStatus, Payment, Slot, Standing, Status, SubscriptionFact, access,
};

const DAY: i64 = 86_400;
/// From this length on, a term's renewal is announced.
const LONG_TERM: i64 = 364 * DAY;
/// How long before the renewal of a long term its mail goes out: between 15 and 45 days.
const AHEAD: i64 = 30 * DAY;

/// The row of a subscription; None, if it must not have one.
pub(super) fn decide(
    view: &View<'_>,
    found: &Ours<'_>,
    slots: &BTreeMap<String, Slot>,
) -> Option<Held> {
    let (fact, before) = (found.fact, view.before.held.get(&found.fact.id));
    if found.unsound.is_some() {
        return before.map(|held| kept_apart(fact, held));
    }
    let fills = slots.get(&found.plan.group).and_then(Slot::subscription) == Some(&fact.id);
    let standing = match (found.is_alive(), fills, before) {
        (true, true, _) | (false, _, None) => Standing::Holder,
        (true, false, _) => Standing::Second,
        (false, _, Some(before)) => before.standing,
    };
    let grace_until = grace_until(view, found);
    let access = match standing {
        Standing::Holder => access(fact.status, payment(found), grace_until, found.ends()),
        Standing::Second => Access::None,
    };
    Some(Held {
        subscription: fact.id.clone(),
        group: found.plan.group.clone(),
        plan: found.plan.plan.clone(),
        price: found.plan.price.clone(),
        standing,
        status: fact.status,
        access,
        grace_until,
        period: fact.period,
        cancel_at_period_end: fact.cancel_at_period_end,
        cancel_at: fact.cancel_at,
        canceled_at: fact.canceled_at,
        ended_at: fact.ended_at,
        created: fact.created,
        currency: fact.currency,
        latest_invoice: fact.latest_invoice.clone(),
        default_payment_method: fact.default_payment_method.clone(),
        told: before.map(|held| held.told.clone()).unwrap_or_default(),
    })
}

/// It was sound once: what it gave is taken, and whether it is over is said. The rest is left for a
/// person to look at.
fn kept_apart(fact: &SubscriptionFact, held: &Held) -> Held {
    let apart = Held { access: Access::None, ..held.clone() };
    if !fact.status.is_over() {
        return apart;
    }
    let (canceled_at, ended_at) = (fact.canceled_at, fact.ended_at);
    Held { status: fact.status, grace_until: None, canceled_at, ended_at, ..apart }
}

/// How its invoices are paid, as far as access depends on it.
fn payment(found: &Ours<'_>) -> Payment {
    let last_paid = last_paid(found);
    let mut later = found.invoices.iter().skip(last_paid.map_or(0, |index| index + 1));
    let Some(first) = later.find(|invoice| invoice.status != InvoiceStatus::Draft) else {
        return Payment::Settled;
    };
    match last_paid {
        None if first.billing_reason == "subscription_create" => Payment::NeverPaid,
        _ => Payment::Behind,
    }
}

fn last_paid(found: &Ours<'_>) -> Option<usize> {
    found.invoices.iter().rposition(|invoice| invoice.status == InvoiceStatus::Paid)
}

/// Grace counts from the day on which the oldest invoice since the last paid one became final;
/// while that one is not known, from the beginning of the period.
fn grace_until(view: &View<'_>, found: &Ours<'_>) -> Option<BusinessTime> {
    if found.fact.status != Status::PastDue {
        return None;
    }
    let unpaid = found
        .invoices
        .iter()
        .skip(last_paid(found).map_or(0, |index| index + 1))
        .find(|invoice| {
            matches!(invoice.status, InvoiceStatus::Open | InvoiceStatus::Uncollectible)
        })
        .map(|invoice| invoice.finalized_at.unwrap_or(invoice.created));
    let since = unpaid.unwrap_or(BusinessTime::from_second(found.fact.period.start));
    Some(since.plus_seconds(i64::from(view.policies.grace_days) * DAY))
}

/// When the renewal of a long term is announced; None: it is not, or does not renew.
pub(super) fn announced_at(row: &Held) -> Option<BusinessTime> {
    let ends = row.cancel_at_period_end || row.cancel_at.is_some();
    let long = row.period.end.saturating_sub(row.period.start) >= LONG_TERM;
    let renews = row.status == Status::Active && row.standing == Standing::Holder && !ends;
    (long && renews).then(|| BusinessTime::from_second(row.period.end).plus_seconds(-AHEAD))
}

/// The next date of a row at which something can change by itself.
pub(super) fn next_date(row: &Held, now: BusinessTime) -> Option<BusinessTime> {
    if row.status.is_over() || row.standing == Standing::Second {
        return None;
    }
    let period_end = BusinessTime::from_second(row.period.end);
    [row.grace_until, row.access.until(), row.cancel_at, Some(period_end), announced_at(row)]
        .into_iter()
        .flatten()
        .filter(|date| *date > now)
        .min()
}

/// Writes down what has changed.
pub(super) fn audit(before: Option<&Held>, after: &Held, effects: &mut Vec<Effect>) {
    let old = before.map(fields);
    let mut changes = Map::new();
    for (name, now) in fields(after) {
        let was = old.as_ref().and_then(|old| old.get(&name)).cloned().unwrap_or(Value::Null);
        if was != now {
            changes.insert(name, json!([was, now]));
        }
    }
    if !changes.is_empty() {
        effects.push(Effect::Audit {
            what: if before.is_some() { "subscription.changed" } else { "subscription.held" },
            subject: after.subscription.to_string(),
            details: Value::Object(changes),
        });
    }
}

/// What a row says, without what it remembers.
fn fields(row: &Held) -> Map<String, Value> {
    match json!(row) {
        Value::Object(mut fields) => {
            fields.remove("told");
            fields
        }
        _ => Map::new(),
    }
}
