//! What is held of a subscription, by itself, beside its mirror and beside Stripe's object. Nothing of
//! what the service decides with takes part.

use serde_json::{Value, json};
use specie_billing::catalog::Policies;
use specie_billing::{Access, Held, Standing, Status};
use specie_store::held::StoredHeld;
use specie_store::mirrors::invoices::{self, InvoiceRow};
use specie_store::mirrors::subscriptions::{self, SubscriptionRow};
use specie_store::{StoreError, Tx};
use specie_vocab::{BusinessTime, SubscriptionId};

use super::{Broken, Checked, Sides, is_live, must, read, sold, text};

const DAY: i64 = 86_400;

/// Fields, each with what stands here and what should.
type Fields = Vec<(&'static str, Value, Value)>;

/// A row goes together: its columns are what was decided, access is what the table says, what it
/// repeats is what its mirror says, and grace is what the policies make of its invoices' mirrors.
pub(super) async fn whole(tx: &mut Tx, mut row: StoredHeld, policies: &Policies) -> Checked {
    let held = read(row.more.take())?;
    coherent(&held)?;
    same(&row.subscription, columns(&row, &held), "by what was decided")?;
    match subscriptions::get(tx, &row.subscription).await? {
        Some(mirror) => {
            same(&row.subscription, mirrored(&row, &mirror), "in its mirror")?;
            let due = Invoice::of_mirrors(tx, &mirror).await?;
            let grace = grace_until(&row.status, row.period_start, &due, policies.grace_days);
            let fields = vec![("grace_until", at(row.grace_until), at(grace))];
            same(&row.subscription, fields, "by the mirrors")
        }
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
    let invoices: Vec<_> = invoices.iter().map(Invoice::of_stripe).collect();
    let start = object["items"]["data"][0]["current_period_start"].as_i64().unwrap_or_default();
    let (status, start) = (text(&object, "status"), BusinessTime::from_second(start));
    let grace = grace_until(&status, start, &invoices, sides.policies.grace_days);
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

/// What grace depends on of an invoice.
struct Invoice {
    status: String,
    created: i64,
    finalized_at: Option<i64>,
}

impl Invoice {
    fn of_stripe(object: &Value) -> Self {
        let finalized_at = object["status_transitions"]["finalized_at"].as_i64();
        let created = object["created"].as_i64().unwrap_or_default();
        Self { status: text(object, "status"), created, finalized_at }
    }

    /// A subscription's, newest first.
    async fn of_mirrors(tx: &mut Tx, of: &SubscriptionRow) -> Result<Vec<Self>, StoreError> {
        let mut rows = invoices::of_customer(tx, &of.customer).await?;
        rows.retain(|row| row.subscription.as_ref() == Some(&of.id));
        Ok(rows.into_iter().rev().map(Self::of_mirror).collect())
    }

    fn of_mirror(row: InvoiceRow) -> Self {
        let finalized_at = row.finalized_at.map(BusinessTime::as_second);
        Self { status: row.status, created: row.created.as_second(), finalized_at }
    }
}

/// Until when access goes on although a renewal is not paid: so many days from when the oldest invoice
/// since the last paid one became final, or from the period's beginning if there is none. `invoices` are
/// the subscription's, newest first.
fn grace_until(
    status: &str,
    period_start: BusinessTime,
    invoices: &[Invoice],
    days: u32,
) -> Option<BusinessTime> {
    if status != "past_due" {
        return None;
    }
    let since_paid = invoices.iter().take_while(|it| it.status != "paid");
    let due = since_paid.filter(|it| it.status == "open" || it.status == "uncollectible");
    let since = due.last().map(|it| it.finalized_at.unwrap_or(it.created));
    let since = since.unwrap_or(period_start.as_second());
    Some(BusinessTime::from_second(since + i64::from(days) * DAY))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invoice(status: &str, created: i64, finalized_at: Option<i64>) -> Invoice {
        Invoice { status: status.into(), created, finalized_at }
    }

    #[test]
    fn grace_counts_from_the_oldest_invoice_since_the_last_paid_one() {
        let start = BusinessTime::from_second(300);
        let grace = |invoices: &[Invoice]| {
            let until = grace_until("past_due", start, invoices, 2)?;
            Some(until.as_second() - 2 * DAY)
        };
        let open = || invoice("open", 200, Some(203));
        let paid = || invoice("paid", 100, Some(101));
        let void = || invoice("void", 250, Some(251));
        let never = || invoice("uncollectible", 260, None);
        assert_eq!(grace(&[void(), open(), paid()]), Some(203));
        assert_eq!(grace(&[never(), void(), paid()]), Some(260));
        assert_eq!(grace(&[never(), open()]), Some(203));
        assert_eq!(grace(&[paid(), open()]), Some(300), "what is older than a paid one is settled");
        assert_eq!(grace(&[]), Some(300));
        assert_eq!(grace_until("active", start, &[never()], 2), None);
    }
}
