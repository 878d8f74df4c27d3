//! The account's balance: what each charge and refund moved, less Stripe's fee.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::World;
use super::given::Given;
use super::pages::List;
use super::state::{int, maybe, text};

const DAY: i64 = 86_400;
/// The card whose money can be paid out at once.
const AT_ONCE: &str = "pm_card_bypassPending";

/// 2.9 % and 30 cents, halves up.
fn fee_of(amount: i64) -> i64 {
    (amount * 29 + 500) / 1_000 + 30
}

impl World {
    /// Books a charge that succeeded.
    pub(super) fn book_charge(&mut self, charge: &str) {
        let held = self.copy(charge);
        let amount = int(&held, "amount");
        let at_once = maybe(&held, "payment_method").is_some_and(|m| self.is_card(&m, AT_ONCE));
        let fee = fee_of(amount);
        let details = json!([{
            "amount": fee, "application": null, "currency": held["currency"],
            "description": "Stripe processing fees", "type": "stripe_fee",
        }]);
        let description = held["description"].clone();
        self.book(charge, "charge", (amount, fee), details, description, at_once);
    }

    /// Books a refund.
    pub(super) fn book_refund(&mut self, refund: &str) {
        let held = self.copy(refund);
        let charge = self.copy(text(&held, "charge"));
        let described = format!("REFUND FOR CHARGE ({})", text(&charge, "description"));
        let moved = (-int(&held, "amount"), 0);
        self.book(refund, "refund", moved, json!([]), json!(described), false);
    }

    fn book(
        &mut self,
        source: &str,
        kind: &str,
        (amount, fee): (i64, i64),
        details: Value,
        description: Value,
        at_once: bool,
    ) {
        let held = self.copy(source);
        let id = self.payment_id("txn_", text(&held, "payment_intent"));
        // The first midnight after six days.
        let later = (self.real() + 6 * DAY).div_euclid(DAY) * DAY + DAY;
        let available = if at_once { self.real() } else { later };
        self.keep(json!({
            "id": id, "object": "balance_transaction", "amount": amount,
            "available_on": available, "balance_type": "payments", "created": self.real(),
            "currency": held["currency"], "description": description, "exchange_rate": null,
            "fee": fee, "fee_details": details, "net": amount - fee, "reporting_category": kind,
            "source": source, "status": "pending", "type": kind,
        }));
        self.set(source, [("balance_transaction", json!(id))]);
    }

    /// An object as it is shown now: money becomes available as time passes.
    pub(super) fn shown(&self, mut object: Value) -> Value {
        if text(&object, "object") == "balance_transaction"
            && int(&object, "available_on") <= self.now
        {
            object["status"] = json!("available");
        }
        object
    }

    pub(super) fn list_balance_transactions<'a>(&'a self, given: &'a Given) -> List<'a, Value> {
        let fields = [("source", "source"), ("type", "type"), ("currency", "currency")];
        self.where_texts("balance_transaction", given, &fields)
    }

    pub(super) fn balance_object(&self) -> Value {
        let mut sums: BTreeMap<String, [i64; 2]> = BTreeMap::from([("usd".into(), [0, 0])]);
        for one in self.newest("balance_transaction") {
            let sum = sums.entry(text(one, "currency").to_owned()).or_default();
            sum[usize::from(int(one, "available_on") > self.now)] += int(one, "net");
        }
        let part = |which: usize| -> Value {
            let entries = sums.iter().map(|(currency, sum)| {
                let amount = sum[which];
                json!({ "amount": amount, "currency": currency, "source_types": { "card": amount } })
            });
            entries.collect()
        };
        let none = |which: usize| -> Value {
            let entries = part(which);
            let zero = |entry: &Value| json!({ "amount": 0, "currency": entry["currency"] });
            entries.as_array().into_iter().flatten().map(zero).collect()
        };
        json!({
            "object": "balance", "available": part(0), "livemode": false, "pending": part(1),
            "refund_and_dispute_prefunding": { "available": none(0), "pending": none(1) },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::fee_of;

    #[test]
    fn fees_round_halves_up() {
        for (amount, fee) in [(1_000, 59), (2_500, 103), (22_500, 683), (2_000, 88)] {
            assert_eq!(fee_of(amount), fee, "{amount}");
        }
    }
}
