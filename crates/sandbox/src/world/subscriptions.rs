//! Subscriptions: their beginning, their periods, their end.

use serde_json::{Value, json};
use specie_vocab::{Interval, IntervalUnit};

use super::World;
use super::events::merge_metadata;
use super::fault::{Answer, Fault};
use super::given::Given;
use super::methods::Outcome;
use super::state::{difference, int, is, put, text};

/// How long a first payment is waited for: 23 hours.
pub(super) const INCOMPLETE: i64 = 23 * 3_600;

/// What a new subscription is made of.
pub(super) struct Beginning {
    pub customer: String,
    /// Price, quantity and metadata of each item.
    pub items: Vec<(Value, i64, Value)>,
    pub metadata: Value,
    pub description: Option<String>,
    pub default_payment_method: Option<String>,
    pub save_default: bool,
}

/// How often a price recurs.
pub(super) fn interval(price: &Value) -> Interval {
    let unit = match text(price, "recurring.interval") {
        "day" => IntervalUnit::Day,
        "week" => IntervalUnit::Week,
        "year" => IntervalUnit::Year,
        _ => IntervalUnit::Month,
    };
    Interval {
        unit,
        count: u32::try_from(int(price, "recurring.interval_count")).unwrap_or(1).max(1),
    }
}

impl World {
    pub(super) fn create_subscription(&mut self, given: &Given) -> Answer {
        let id = given.filled("customer").unwrap_or_default();
        let customer = self.find("customer", id).cloned();
        let customer = customer.ok_or_else(|| Fault::missing(404, "customer", id, "customer"))?;
        let id = text(&customer, "id").to_owned();
        self.check_clock_room(&customer)?;
        let list = given.list("items");
        if list.is_empty() {
            let fault = Fault::parameter("Missing required param: items.", "items");
            return Err(fault.code("parameter_missing"));
        }
        if given.filled("collection_method") == Some("send_invoice") {
            return Err(Fault::unsupported("value of", "collection_method"));
        }
        if given.filled("billing_mode.type") == Some("classic") {
            return Err(Fault::unsupported("value of", "billing_mode[type]"));
        }
        let behavior = given.filled("payment_behavior").unwrap_or("allow_incomplete");
        if behavior == "pending_if_incomplete" {
            return Err(Fault::invalid(
                "Setting `payment_behavior` to `pending_if_incomplete` has no effect when creating \
                 a subscription.",
            )
            .param("payment_behavior"));
        }
        let chosen = self.checked_items(&list, "items")?;
        for (n, (price, ..)) in chosen.iter().enumerate() {
            if price["recurring"].is_null() {
                return Err(Fault::invalid(
                    "The price specified is set to `type=one_time` but this field only accepts \
                     prices with `type=recurring`.",
                )
                .param(&format!("items[{n}][price]")));
            }
        }
        let currency =
            chosen.first().map(|(p, ..)| text(p, "currency").to_owned()).unwrap_or_default();
        if given.filled("currency").is_some_and(|want| !want.eq_ignore_ascii_case(&currency)) {
            return Err(
                Fault::invalid("The currency does not match that of the prices.").param("currency")
            );
        }
        self.check_currency(&customer, &currency)?;
        let own = match given.filled("default_payment_method") {
            None => None,
            Some(method) => Some(self.owned_method(method, &id)?),
        };
        let method = own
            .clone()
            .or_else(|| super::state::maybe(&customer, "invoice_settings.default_payment_method"));
        let total: i64 = chosen.iter().map(|(p, n, _)| int(p, "unit_amount") * n).sum();
        let due = total + int(&customer, "balance");
        let due = if due < 50 { 0 } else { due };
        if due > 0 && behavior != "default_incomplete" {
            let Some(method) = &method else { return Err(Self::no_method()) };
            if behavior == "error_if_incomplete" {
                match self.outcome(method) {
                    Outcome::Paid => {}
                    Outcome::Declined(decline) => return Err(Self::refused(decline)),
                    Outcome::Asks => {
                        let fault = Fault::invalid(
                            "Subscription creation failed because a PaymentIntent requires \
                             additional user action.",
                        );
                        return Err(fault.code("subscription_payment_intent_requires_action"));
                    }
                }
            }
        }
        let (sub, invoice) = self.begin(Beginning {
            customer: id.clone(),
            items: chosen,
            metadata: given.metadata("metadata"),
            description: given.filled("description").map(str::to_owned),
            default_payment_method: own,
            save_default: given.filled("payment_settings.save_default_payment_method")
                == Some("on_subscription"),
        });
        if given.bool("cancel_at_period_end") == Some(true) {
            self.schedule_end(&sub);
        }
        let draft = self.copy(&invoice);
        self.finalize(&invoice, None);
        let open = self.copy(&invoice);
        let Some(intent) = self.intent_of(&invoice) else {
            self.mark_paid(&invoice, 0);
            self.settle_currency(&id, &currency);
            self.emit("customer.subscription.created", &sub);
            self.emit_as("invoice.created", &draft, None);
            self.emit_as("invoice.finalized", &open, None);
            self.tell_paid(&invoice);
            self.review_customer(&id);
            return Ok(self.copy(&sub));
        };
        let tried = match (&method, behavior) {
            (Some(method), "allow_incomplete" | "error_if_incomplete") => {
                Some((self.try_charge(&intent, method), method.clone()))
            }
            _ => None,
        };
        self.tell_beginning(&sub, &invoice, &intent, draft, open, tried);
        Ok(self.copy(&sub))
    }

    /// A card that belongs to the customer already.
    fn owned_method(&self, method: &str, customer: &str) -> Answer<String> {
        let held = self.find("payment_method", method);
        let held = held.ok_or_else(|| {
            Fault::missing(400, "PaymentMethod", method, "default_payment_method")
        })?;
        if text(held, "customer") == customer {
            return Ok(method.to_owned());
        }
        Err(Fault::invalid(format!(
            "The customer does not have a payment method with the ID {method}. The payment method \
             must be attached to the customer."
        ))
        .code("resource_missing")
        .param("default_payment_method"))
    }

    pub(super) fn schedule_end(&mut self, id: &str) {
        let end = int(&self.copy(id), "items.data.0.current_period_end");
        self.set(
            id,
            [
                ("cancel_at_period_end", json!(true)),
                ("cancel_at", json!(end)),
                ("canceled_at", json!(self.now)),
                ("cancellation_details.reason", json!("cancellation_requested")),
            ],
        );
        self.plan_period(id);
    }

    pub(super) fn update_subscription(&mut self, id: &str, given: &Given) -> Answer {
        let old = self.need("subscription", id)?;
        let named: Vec<&str> = given
            .0
            .as_object()
            .map(|map| map.keys().map(String::as_str).collect())
            .unwrap_or_default();
        let only =
            |allowed: &[&str]| named.iter().all(|name| *name == "expand" || allowed.contains(name));
        match text(&old, "status") {
            "canceled" | "incomplete_expired" if !only(&["metadata", "cancellation_details"]) => {
                return Err(Fault::invalid(
                    "A canceled subscription can only update its cancellation_details and metadata.",
                )
                .code("invalid_canceled_subscription_fields"));
            }
            "incomplete" if !only(&["metadata", "description", "default_payment_method"]) => {
                return Err(Fault::invalid(
                    "Cannot update items on an incomplete subscription. Only metadata, description, \
                     default_source and default_payment_method can be updated.",
                )
                .code("status_transition_invalid"));
            }
            _ => {}
        }
        let method = match given.filled("default_payment_method") {
            Some(method) => Some(self.owned_method(method, text(&old, "customer"))?),
            None => None,
        };
        match given.bool("cancel_at_period_end") {
            Some(true) if !is(&old, "cancel_at_period_end") => self.schedule_end(id),
            Some(false) if is(&old, "cancel_at_period_end") => {
                self.set(
                    id,
                    [
                        ("cancel_at_period_end", json!(false)),
                        ("cancel_at", Value::Null),
                        ("canceled_at", Value::Null),
                        ("cancellation_details.reason", Value::Null),
                    ],
                );
                self.plan_period(id);
            }
            _ => {}
        }
        let mut sub = self.copy(id);
        if given.text("default_payment_method").is_some() {
            sub["default_payment_method"] = json!(method);
        }
        if let Some(description) = given.text("description") {
            sub["description"] =
                if description.is_empty() { Value::Null } else { json!(description) };
        }
        if let Some(save) = given.filled("payment_settings.save_default_payment_method") {
            put(&mut sub, "payment_settings.save_default_payment_method", json!(save));
        }
        cancellation_details(&mut sub, given);
        merge_metadata(&mut sub, given);
        let previous = difference(&old, &sub);
        self.replace(id, sub);
        self.emit_change("customer.subscription.updated", id, previous);
        Ok(self.copy(id))
    }

    pub(super) fn cancel_subscription(&mut self, id: &str, given: &Given) -> Answer {
        let sub = self.need("subscription", id)?;
        if matches!(text(&sub, "status"), "canceled" | "incomplete_expired") {
            return Err(Fault::missing(404, "subscription", id, "id"));
        }
        for name in ["invoice_now", "prorate"] {
            if given.bool(name) == Some(true) {
                return Err(Fault::unsupported("value of", name));
            }
        }
        let mut sub = sub;
        cancellation_details(&mut sub, given);
        self.replace(id, sub);
        self.end_subscription(id, "cancellation_requested");
        Ok(self.copy(id))
    }
}

fn cancellation_details(sub: &mut Value, given: &Given) {
    for field in ["comment", "feedback"] {
        if let Some(value) = given.text(&format!("cancellation_details.{field}")) {
            let value = if value.is_empty() { Value::Null } else { json!(value) };
            put(sub, &format!("cancellation_details.{field}"), value);
        }
    }
}

/// The legacy twin of a recurring price.
pub(super) fn plan_of(price: &Value) -> Value {
    json!({
        "id": price["id"], "object": "plan", "active": price["active"],
        "amount": price["unit_amount"], "amount_decimal": price["unit_amount_decimal"],
        "billing_scheme": "per_unit", "created": price["created"], "currency": price["currency"],
        "interval": price["recurring"]["interval"],
        "interval_count": price["recurring"]["interval_count"], "livemode": false,
        "metadata": price["metadata"], "meter": null, "nickname": price["nickname"],
        "product": price["product"], "tiers_mode": null, "transform_usage": null,
        "trial_period_days": price["recurring"]["trial_period_days"], "usage_type": "licensed",
    })
}
