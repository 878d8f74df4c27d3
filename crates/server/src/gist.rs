//! The gist of what Stripe said: of each mirror's row what a story tells, and nothing personal.

use serde_json::{Value, json};
use specie_store::mirrors::checkout_sessions::SessionRow;
use specie_store::mirrors::invoices::InvoiceRow;
use specie_store::mirrors::payments::PaymentRow;
use specie_store::mirrors::refunds::RefundRow;
use specie_store::mirrors::subscriptions::SubscriptionRow;

pub(crate) fn session(row: &SessionRow) -> Value {
    json!({ "status": row.status, "subscription": row.subscription })
}

pub(crate) fn subscription(row: &SubscriptionRow) -> Value {
    json!({
        "status": row.status, "cancel_at_period_end": row.cancel_at_period_end,
        "current_period_end": row.current_period_end.map(|at| at.timestamp()),
    })
}

pub(crate) fn invoice(row: &InvoiceRow) -> Value {
    json!({
        "status": row.status, "amount_due": row.amount_due, "amount_paid": row.amount_paid,
        "currency": row.currency.to_string(), "subscription": row.subscription,
    })
}

pub(crate) fn payment(row: &PaymentRow) -> Value {
    json!({
        "status": row.status, "amount": row.amount, "amount_refunded": row.amount_refunded,
        "currency": row.currency.to_string(), "failure_code": row.failure_code,
        "invoice": row.invoice,
    })
}

pub(crate) fn refund(row: &RefundRow) -> Value {
    json!({ "status": row.status, "amount": row.amount, "reason": row.reason })
}

/// Of each field that another gist tells differently, what was and what is.
pub(crate) fn changed(before: &Value, now: &Value) -> Value {
    let fields = now.as_object().into_iter().flatten();
    let others = fields.filter(|(name, value)| before[name.as_str()] != **value);
    others.map(|(name, value)| (name.clone(), json!([before[name.as_str()], value]))).collect()
}

/// The same of a row, by the gist of its kind; of one that is new, each field was nothing.
pub(crate) fn since<R>(before: Option<&R>, row: &R, gist: fn(&R) -> Value) -> Value {
    changed(&before.map_or(Value::Null, gist), &gist(row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_is_new_each_field_was_nothing_and_what_is_the_same_is_not_told() {
        let open = json!({ "status": "open", "amount_paid": 0, "subscription": null });
        let paid = json!({ "status": "paid", "amount_paid": 2900, "subscription": null });
        let new = json!({ "status": [null, "open"], "amount_paid": [null, 0] });
        assert_eq!(changed(&Value::Null, &open), new);
        let between = json!({ "status": ["open", "paid"], "amount_paid": [0, 2900] });
        assert_eq!(changed(&open, &paid), between);
        assert_eq!(changed(&paid, &paid), json!({}));
    }
}
