//! What is held of a subscription, by itself, beside its mirror and beside Stripe's object. Nothing of
//! what the service decides with takes part.

use serde_json::{Value, json};
use specie_billing::{Access, Held, Standing, Status};
use specie_store::Tx;
use specie_store::held::StoredHeld;
use specie_store::mirrors::subscriptions::{self, SubscriptionRow};
use specie_vocab::{BusinessTime, SubscriptionId};

use super::{Broken, Checked, Sides, is, is_live, must, read, sold};

const DAY: i64 = 86_400;

/// Fields, each with what stands here and what should.
type Fields = Vec<(&'static str, Value, Value)>;

/// A row goes together: its columns are what was decided, access is what the table says, and what it
/// repeats is what its mirror says.
pub(super) async fn whole(tx: &mut Tx, mut row: StoredHeld) -> Checked {
    let held = read(row.more.take())?;
    coherent(&held)?;
    same(&row.subscription, columns(&row, &held), "by what was decided")?;
    match subscriptions::get(tx, &row.subscription).await? {
        Some(mirror) => same(&row.subscription, mirrored(&row, &mirror), "in its mirror"),
        None => Err(Broken::Said(format!("{} is held, and has no mirror", row.subscription))),
    }
}

fn same(id: &SubscriptionId, fields: Fields, whose: &str) -> Checked {
    for (field, ours, theirs) in fields {
        must(ours == theirs, || format!("{field} of {id}: {ours} here, {theirs} {whose}"))?;
    }
    Ok(())
}

/// The columns of a row, beside the document that all of it was decided in.
fn columns(row: &StoredHeld, held: &Held) -> Fields {
    let access = json!(held.access);
    vec![
        ("subscription", json!(row.subscription), json!(held.subscription)),
        ("plan_group", json!(row.group), json!(held.group)),
        ("plan", json!(row.plan), json!(held.plan)),
        ("price", json!(row.price), json!(held.price)),
        ("status", json!(row.status), json!(held.status)),
        ("access", json!(row.access), access["access"].clone()),
        ("access_until", at(row.access_until), at(held.access.until())),
        ("grace_until", at(row.grace_until), at(held.grace_until)),
        ("period_start", at(Some(row.period_start)), json!(held.period.start)),
        ("period_end", at(Some(row.period_end)), json!(held.period.end)),
        ("cancel_at_period_end", json!(row.cancel_at_period_end), json!(held.cancel_at_period_end)),
        ("cancel_at", at(row.cancel_at), at(held.cancel_at)),
        ("canceled_at", at(row.canceled_at), at(held.canceled_at)),
        ("ended_at", at(row.ended_at), at(held.ended_at)),
        ("created", at(Some(row.created)), at(Some(held.created))),
        ("latest_invoice", json!(row.latest_invoice), json!(held.latest_invoice)),
    ]
}

/// The columns of a row that repeat its mirror: both are written by one transaction.
fn mirrored(row: &StoredHeld, mirror: &SubscriptionRow) -> Fields {
    vec![
        ("status", json!(row.status), json!(mirror.status)),
        ("period_start", at(Some(row.period_start)), at(mirror.current_period_start)),
        ("period_end", at(Some(row.period_end)), at(mirror.current_period_end)),
        (
            "cancel_at_period_end",
            json!(row.cancel_at_period_end),
            json!(mirror.cancel_at_period_end),
        ),
        ("cancel_at", at(row.cancel_at), at(mirror.cancel_at)),
        ("canceled_at", at(row.canceled_at), at(mirror.canceled_at)),
        ("ended_at", at(row.ended_at), at(mirror.ended_at)),
        ("created", at(Some(row.created)), at(Some(mirror.created))),
        ("latest_invoice", json!(row.latest_invoice), json!(mirror.latest_invoice)),
    ]
}

/// Access is what the table says for the status of the row.
fn coherent(row: &Held) -> Checked {
    let ends = row
        .cancel_at
        .or_else(|| row.cancel_at_period_end.then(|| BusinessTime::from_second(row.period.end)));
    let holds = match (row.status, row.access) {
        (_, access) if row.standing == Standing::Second => access == Access::None,
        // While an end is set, or before the first payment has come.
        (Status::Trialing | Status::Active, Access::Until(end)) => Some(end) == ends,
        (Status::Trialing | Status::Active, Access::Open) => ends.is_none(),
        (Status::Active, Access::None) => true,
        (Status::PastDue, Access::Until(end)) => {
            row.grace_until.is_some_and(|grace| end == ends.map_or(grace, |ends| ends.min(grace)))
        }
        (_, access) => access == Access::None,
    };
    must(holds, || format!("{} is {:?} and gives {:?}", row.subscription, row.status, row.access))
}

/// A row says what Stripe's object says, and gives what follows from it, if it fills its slot.
pub(super) fn given(sides: &Sides<'_>, row: &Held, fills: bool) -> Checked {
    let Some(object) = sides.sandbox.object(row.subscription.as_str()) else {
        return Err(Broken::Said(format!("{} is held, and not at Stripe", row.subscription)));
    };
    let mut invoices = sides.sandbox.list("invoice");
    invoices.retain(|it| it["parent"]["subscription_details"]["subscription"] == object["id"]);
    let grace = grace_until(&object, &invoices, sides.grace_days);
    let access = if fills { access(&object, grace) } else { Access::None };
    let holds = row.standing == Standing::Holder;
    must(holds == fills || !is_live(&object), || {
        format!("{} stands as {:?}, and fills its slot: {fills}", row.subscription, row.standing)
    })?;
    let mut expected = said(row, &object);
    expected.push(("access", json!(row.access), json!(access)));
    expected.push(("grace_until", at(row.grace_until), at(grace)));
    same(&row.subscription, expected, "by Stripe's objects")
}

/// What a row repeats of Stripe's object: each field, ours, and Stripe's.
fn said(row: &Held, object: &Value) -> Fields {
    let item = &object["items"]["data"][0];
    let their = |field: &str| object[field].clone();
    vec![
        ("status", json!(row.status), their("status")),
        ("plan", json!([row.group, row.plan, row.price]), json!(sold(&item["price"]))),
        ("period_start", json!(row.period.start), item["current_period_start"].clone()),
        ("period_end", json!(row.period.end), item["current_period_end"].clone()),
        ("cancel_at_period_end", json!(row.cancel_at_period_end), their("cancel_at_period_end")),
        ("cancel_at", at(row.cancel_at), their("cancel_at")),
        ("canceled_at", at(row.canceled_at), their("canceled_at")),
        ("ended_at", at(row.ended_at), their("ended_at")),
        ("created", at(Some(row.created)), their("created")),
        ("currency", json!(row.currency), their("currency")),
        ("latest_invoice", json!(row.latest_invoice), their("latest_invoice")),
        (
            "default_payment_method",
            json!(row.default_payment_method),
            their("default_payment_method"),
        ),
    ]
}

/// A moment as Stripe writes it.
fn at(moment: Option<BusinessTime>) -> Value {
    json!(moment.map(BusinessTime::as_second))
}

fn access(object: &Value, grace: Option<BusinessTime>) -> Access {
    let second = |value: &Value| value.as_i64().map(BusinessTime::from_second);
    let period_end = || second(&object["items"]["data"][0]["current_period_end"]);
    let ends = match object["cancel_at_period_end"] == true {
        true => second(&object["cancel_at"]).or_else(period_end),
        false => second(&object["cancel_at"]),
    };
    let until = |end: BusinessTime| Access::Until(ends.map_or(end, |ends| ends.min(end)));
    match object["status"].as_str().unwrap_or_default() {
        "active" | "trialing" => ends.map_or(Access::Open, Access::Until),
        "past_due" => grace.map_or(Access::None, until),
        _ => Access::None,
    }
}

/// Until when access goes on although a renewal is not paid: so many days from when the oldest invoice
/// since the last paid one became final, or from the period's beginning if there is none. `invoices` are
/// the subscription's, newest first.
fn grace_until(object: &Value, invoices: &[Value], days: u32) -> Option<BusinessTime> {
    if object["status"] != "past_due" {
        return None;
    }
    let since_paid = invoices.iter().take_while(|it| !is(it, "status", "paid"));
    let due = since_paid.filter(|it| is(it, "status", "open") || is(it, "status", "uncollectible"));
    let since = match due.last() {
        Some(it) => it["status_transitions"]["finalized_at"].as_i64().or(it["created"].as_i64()),
        None => object["items"]["data"][0]["current_period_start"].as_i64(),
    };
    since.map(|since| BusinessTime::from_second(since + i64::from(days) * DAY))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invoice(status: &str, created: i64, finalized_at: Option<i64>) -> Value {
        let transitions = json!({ "finalized_at": finalized_at });
        json!({ "status": status, "created": created, "status_transitions": transitions })
    }

    #[test]
    fn grace_counts_from_the_oldest_invoice_since_the_last_paid_one() {
        let items = json!({ "data": [{ "current_period_start": 300 }] });
        let late = json!({ "status": "past_due", "items": items });
        let grace = |invoices: &[Value]| {
            let until = grace_until(&late, invoices, 2)?;
            Some(until.as_second() - 2 * DAY)
        };
        let (open, paid) = (invoice("open", 200, Some(203)), invoice("paid", 100, Some(101)));
        let (void, never) = (invoice("void", 250, Some(251)), invoice("uncollectible", 260, None));
        assert_eq!(grace(&[void.clone(), open.clone(), paid.clone()]), Some(203));
        assert_eq!(grace(&[never.clone(), void.clone(), paid.clone()]), Some(260));
        assert_eq!(grace(&[never.clone(), open.clone()]), Some(203));
        assert_eq!(grace(&[paid, open]), Some(300), "what is older than a paid one is settled");
        assert_eq!(grace(&[]), Some(300));
        assert_eq!(grace_until(&json!({ "status": "active" }), &[never], 2), None);
    }
}
