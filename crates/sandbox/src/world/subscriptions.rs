//! Subscriptions: their beginning, their periods, their end.

use serde_json::{Value, json};
use specie_vocab::{Interval, IntervalUnit};

use super::World;
use super::events::merge_metadata;
use super::fault::{Answer, Fault};
use super::given::Given;
use super::invoices::By;
use super::methods::Outcome;
use super::payments::Tried;
use super::state::{difference, int, is, items, object, put, rank, text};

/// How long a first payment is waited for: 23 hours.
const INCOMPLETE: i64 = 23 * 3_600;

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
    /// Checks the prices of a new subscription: active, recurring, of one currency and interval.
    pub(super) fn checked_items(
        &self,
        list: &[Given],
        param: &str,
    ) -> Answer<Vec<(Value, i64, Value)>> {
        let mut checked: Vec<(Value, i64, Value)> = Vec::new();
        for (n, item) in list.iter().enumerate() {
            let name = format!("{param}[{n}][price]");
            let Some(id) = item.filled("price") else {
                let message = format!("Missing required param: {name}.");
                return Err(Fault::parameter(message, &name).code("parameter_missing"));
            };
            let price = self.find("price", id).cloned();
            let price = price.ok_or_else(|| Fault::missing(400, "price", id, &name))?;
            if !is(&price, "active") {
                return Err(Fault::invalid(format!(
                    "The price specified is inactive. This field only accepts active prices: {id}."
                ))
                .param(&name));
            }
            let product = self.copy(text(&price, "product"));
            if !is(&product, "active") {
                let message = format!(
                    "The product {} is marked as inactive, and cannot be used.",
                    text(&product, "id")
                );
                return Err(Fault::invalid(message).code("product_inactive").param(&name));
            }
            let quantity = item.int("quantity").unwrap_or(1);
            if quantity < 0 {
                let message = "This value must be greater than or equal to 0.";
                let fault = Fault::parameter(message, &format!("{param}[{n}][quantity]"));
                return Err(fault.code("parameter_invalid_integer"));
            }
            let amount = i128::from(int(&price, "unit_amount")) * i128::from(quantity);
            if amount > 99_999_999 {
                let fault = Fault::invalid("Amount must be no more than $999,999.99");
                return Err(fault
                    .code("amount_too_large")
                    .param(&format!("{param}[{n}][quantity]")));
            }
            if checked.iter().any(|(other, ..)| other["id"] == price["id"]) {
                return Err(Fault::invalid(format!(
                    "Cannot create a Subscription with multiple Subscription Items with the same \
                     Price: {id}"
                ))
                .param("plan"));
            }
            if let Some((first, ..)) = checked.first() {
                if first["currency"] != price["currency"] {
                    return Err(
                        Fault::invalid("All prices must have the same currency.").param(&name)
                    );
                }
                if !price["recurring"].is_null()
                    && !first["recurring"].is_null()
                    && interval(first) != interval(&price)
                {
                    return Err(Fault::unsupported("mix of intervals in", &name));
                }
            }
            checked.push((price, quantity, item.metadata("metadata")));
        }
        if checked.len() > 20 {
            return Err(Fault::invalid("A subscription can have at most 20 items.").param(param));
        }
        Ok(checked)
    }

    /// A customer pays in one currency as long as something of it is active.
    pub(super) fn check_currency(&self, customer: &Value, currency: &str) -> Answer<()> {
        match customer.get("currency").and_then(Value::as_str) {
            Some(held) if held != currency => Err(Fault::invalid(format!(
                "You cannot combine currencies on a single customer. This customer has an active \
                 subscription, subscription schedule, discount, quote, or invoice item with \
                 currency {held}"
            ))),
            _ => Ok(()),
        }
    }

    /// A new subscription and its first invoice, a draft. Tells nobody.
    pub(super) fn begin(&mut self, new: Beginning) -> (String, String) {
        let id = self.long_id("sub_", '1');
        let first = new.items.first().map(|(price, ..)| price.clone()).unwrap_or_default();
        let start = self.now;
        let end = interval(&first).boundary(start, 1).unwrap_or(i64::MAX);
        let mut made = Vec::new();
        for (price, quantity, metadata) in &new.items {
            let item = self.short_id("si_");
            let entry = json!({
                "id": item, "object": "subscription_item", "billing_thresholds": null,
                "created": start, "current_period_end": end, "current_period_start": start,
                "current_trial": null, "discounts": [], "metadata": metadata,
                "plan": plan_of(price), "price": price, "quantity": quantity, "subscription": id,
                "tax_rates": [],
            });
            made.push(entry);
        }
        let (plan, quantity) = match new.items.as_slice() {
            [(price, quantity, _)] => (plan_of(price), json!(quantity)),
            _ => (Value::Null, Value::Null),
        };
        let nulls = "application application_fee_percent billing_cycle_anchor_config \
                     billing_thresholds cancel_at canceled_at customer_account days_until_due \
                     default_source ended_at latest_invoice next_pending_invoice_item_invoice \
                     on_behalf_of pause_collection pending_invoice_item_interval \
                     pending_setup_intent pending_update schedule test_clock transfer_data \
                     trial_end trial_start";
        self.keep(object(nulls, json!({
            "id": id, "object": "subscription",
            "automatic_tax": { "disabled_reason": null, "enabled": false, "liability": null },
            "billing_cycle_anchor": start,
            "billing_mode": {
                "flexible": { "proration_discounts": "included" }, "type": "flexible",
                "updated_at": start,
            },
            "billing_schedules": [], "cancel_at_period_end": false,
            "cancellation_details": {
                "comment": null, "feedback": null, "feedback_option": null, "reason": null,
            },
            "collection_method": "charge_automatically", "created": start,
            "currency": first["currency"], "customer": new.customer,
            "default_payment_method": new.default_payment_method, "default_tax_rates": [],
            "description": new.description, "discounts": [],
            "invoice_settings": {
                "account_tax_ids": null, "custom_fields": null, "description": null,
                "footer": null, "issuer": { "type": "self" },
            },
            "items": {
                "object": "list", "data": made, "has_more": false, "total_count": new.items.len(),
                "url": format!("/v1/subscription_items?subscription={id}"),
            },
            "livemode": false, "managed_payments": { "enabled": false },
            "metadata": new.metadata,
            "payment_settings": {
                "payment_method_options": null, "payment_method_types": null,
                "save_default_payment_method": if new.save_default { "on_subscription" } else { "off" },
            },
            "plan": plan, "quantity": quantity, "start_date": start, "status": "active",
            "trial_settings": { "end_behavior": {
                "billing_cycle_anchor": "now", "missing_payment_method": "create_invoice",
            } },
        })));
        let invoice = self.make_invoice(&id, "subscription_create", (start, end), (start, start));
        self.set(&id, [("latest_invoice", json!(invoice))]);
        self.plan_period(&id);
        (id, invoice)
    }

    /// Puts what happens at the end of the period on the agenda.
    pub(super) fn plan_period(&mut self, id: &str) {
        self.unplan(rank::CANCEL, id);
        self.unplan(rank::ROLLOVER, id);
        let sub = self.copy(id);
        let end = int(&sub, "items.data.0.current_period_end");
        if matches!(text(&sub, "status"), "active" | "past_due" | "unpaid" | "trialing") {
            let rank = if is(&sub, "cancel_at_period_end") { rank::CANCEL } else { rank::ROLLOVER };
            self.plan(rank, id, end);
        }
    }

    /// The customer's currency is that of the first subscription.
    pub(super) fn settle_currency(&mut self, customer: &str, currency: &str) {
        if self.copy(customer)["currency"].is_null() {
            let previous = self.set(customer, [("currency", json!(currency))]);
            self.emit_change("customer.updated", customer, previous);
        }
    }

    pub(super) fn create_subscription(&mut self, given: &Given) -> Answer {
        let id = given.filled("customer").unwrap_or_default();
        let customer = self.find("customer", id).cloned();
        let customer = customer.ok_or_else(|| Fault::missing(404, "customer", id, "customer"))?;
        let id = text(&customer, "id").to_owned();
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
        if given.filled("currency").is_some_and(|want| want != currency) {
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
            self.emit_as("invoice.created", draft, None);
            self.emit_as("invoice.finalized", open, None);
            self.tell_paid(&invoice);
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

    /// Settles and tells how a subscription made by a call began.
    fn tell_beginning(
        &mut self,
        sub: &str,
        invoice: &str,
        intent: &str,
        draft: Value,
        open: Value,
        tried: Option<(Tried, String)>,
    ) {
        let held = self.copy(sub);
        let (customer, currency) =
            (text(&held, "customer").to_owned(), text(&held, "currency").to_owned());
        if let Some((Tried::Paid { charge }, method)) = &tried {
            self.mark_paid(invoice, 1);
            self.emit("charge.succeeded", charge);
            if text(&held, "payment_settings.save_default_payment_method") == "on_subscription" {
                self.set(sub, [("default_payment_method", json!(method))]);
            }
            self.settle_currency(&customer, &currency);
            self.emit("customer.subscription.created", sub);
            self.emit("payment_intent.succeeded", intent);
            self.emit("payment_intent.created", intent);
            self.emit_as("invoice.created", draft, None);
            self.emit_as("invoice.finalized", open, None);
            self.tell_paid(invoice);
            return;
        }
        self.set(sub, [("status", json!("incomplete"))]);
        self.plan_period(sub);
        self.plan(rank::INCOMPLETE, sub, self.now + INCOMPLETE);
        match &tried {
            Some((Tried::Declined { charge, .. }, _)) => {
                self.set(invoice, [("attempted", json!(true)), ("attempt_count", json!(1))]);
                self.emit("charge.failed", charge);
                self.settle_currency(&customer, &currency);
                self.emit("customer.subscription.created", sub);
                self.emit("payment_intent.payment_failed", intent);
                self.emit("payment_intent.created", intent);
                self.emit_as("invoice.created", draft, None);
                self.emit_as("invoice.finalized", open, None);
                self.emit("invoice.payment_failed", invoice);
            }
            Some(_) => {
                self.set(invoice, [("attempted", json!(true))]);
                self.settle_currency(&customer, &currency);
                self.emit("customer.subscription.created", sub);
                self.emit("payment_intent.requires_action", intent);
                self.emit("payment_intent.created", intent);
                self.emit_as("invoice.created", draft, None);
                self.emit_as("invoice.finalized", open, None);
                self.emit("invoice.payment_action_required", invoice);
            }
            None => {
                self.settle_currency(&customer, &currency);
                self.emit("customer.subscription.created", sub);
                self.emit_as("invoice.created", draft, None);
                self.emit_as("invoice.finalized", open, None);
                self.emit("payment_intent.created", intent);
            }
        }
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

    fn schedule_end(&mut self, id: &str) {
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
        self.objects.insert(id.to_owned(), sub);
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
        self.objects.insert(id.to_owned(), sub);
        self.end_subscription(id, "cancellation_requested");
        Ok(self.copy(id))
    }

    /// Ends a subscription now.
    pub(super) fn end_subscription(&mut self, id: &str, reason: &str) {
        let sub = self.copy(id);
        for rank in [rank::CANCEL, rank::ROLLOVER, rank::INCOMPLETE] {
            self.unplan(rank, id);
        }
        let first =
            if sub["canceled_at"].is_null() { json!(self.now) } else { sub["canceled_at"].clone() };
        let at_end = is(&sub, "cancel_at_period_end") && int(&sub, "cancel_at") <= self.now;
        self.set(
            id,
            [
                ("status", json!("canceled")),
                ("ended_at", json!(self.now)),
                ("canceled_at", first),
                ("cancellation_details.reason", json!(reason)),
            ],
        );
        if !at_end {
            self.set(id, [("cancel_at", Value::Null), ("cancel_at_period_end", json!(false))]);
        }
        let of = |invoice: &&Value| {
            text(invoice, "parent.subscription_details.subscription") == id
                && matches!(text(invoice, "status"), "open" | "draft")
        };
        let unpaid: Vec<String> = self
            .newest("invoice")
            .filter(of)
            .map(|invoice| text(invoice, "id").to_owned())
            .collect();
        for invoice in unpaid {
            self.stop_invoice(&invoice);
        }
        self.emit("customer.subscription.deleted", id);
    }

    /// The next period begins: a draft for it, finalised an hour later.
    pub(super) fn roll_over(&mut self, id: &str) {
        let old = self.copy(id);
        let Some(first) = items(&old, "items.data").first() else { return };
        let anchor = int(&old, "billing_cycle_anchor");
        let (was_start, was_end) =
            (int(first, "current_period_start"), int(first, "current_period_end"));
        let Some(next) = interval(&first["price"]).period_at(anchor, was_end) else { return };
        let count = items(&old, "items.data").len();
        let mut sub = old.clone();
        for n in 0..count {
            put(&mut sub, &format!("items.data.{n}.current_period_start"), json!(next.start));
            put(&mut sub, &format!("items.data.{n}.current_period_end"), json!(next.end));
        }
        self.objects.insert(id.to_owned(), sub);
        let period = (next.start, next.end);
        let invoice = self.make_invoice(id, "subscription_cycle", period, (was_start, was_end));
        self.set(id, [("latest_invoice", json!(invoice))]);
        self.plan_period(id);
        if let Some(due) = self.copy(&invoice)["automatically_finalizes_at"].as_i64() {
            self.plan(rank::FINALIZE, &invoice, due);
        }
        self.emit("invoice.created", &invoice);
        let previous = difference(&old, &self.copy(id));
        self.emit_change("customer.subscription.updated", id, previous);
    }

    /// A first payment was waited for long enough.
    pub(super) fn expire_incomplete(&mut self, id: &str) {
        let sub = self.copy(id);
        if text(&sub, "status") != "incomplete" {
            return;
        }
        let previous =
            self.set(id, [("status", json!("incomplete_expired")), ("ended_at", json!(self.now))]);
        self.void(text(&sub, "latest_invoice"), "void_invoice");
        self.emit_change("customer.subscription.updated", id, previous);
    }

    /// After an invoice was paid, refused or voided: what it says of its subscription and customer.
    pub(super) fn review_invoice(&mut self, invoice: &str) {
        let held = self.copy(invoice);
        let id = text(&held, "parent.subscription_details.subscription").to_owned();
        let sub = self.copy(&id);
        let status = text(&sub, "status");
        let newest = self
            .newest("invoice")
            .find(|other| {
                text(other, "parent.subscription_details.subscription") == id
                    && !matches!(text(other, "status"), "draft" | "void")
            })
            .cloned();
        let paid =
            newest.as_ref().is_none_or(|n| matches!(text(n, "status"), "paid" | "uncollectible"));
        let failed =
            newest.as_ref().is_some_and(|n| text(n, "status") == "open" && is(n, "attempted"));
        let becomes = match status {
            "incomplete" if text(&held, "status") == "paid" => "active",
            "incomplete" if text(&held, "status") == "void" => "incomplete_expired",
            "past_due" | "unpaid" if paid => "active",
            "active" if failed => "past_due",
            same => same,
        };
        if becomes != status {
            let previous = self.set(&id, [("status", json!(becomes))]);
            if status == "incomplete" {
                self.unplan(rank::INCOMPLETE, &id);
                if becomes == "incomplete_expired" {
                    self.set(&id, [("ended_at", json!(self.now))]);
                }
                self.plan_period(&id);
            }
            self.emit_change("customer.subscription.updated", &id, previous);
        }
        let customer = text(&held, "customer").to_owned();
        if self.find("customer", &customer).is_none() || status == "incomplete" {
            return;
        }
        let owes = self.newest("invoice").any(|other| {
            text(other, "customer") == customer
                && text(other, "status") == "open"
                && is(other, "attempted")
        });
        let previous = self.set(&customer, [("delinquent", json!(owes))]);
        self.emit_change("customer.updated", &customer, previous);
    }

    pub(super) fn retry(&mut self, invoice: &str) {
        if text(&self.copy(invoice), "status") == "open" {
            // A refusal is told by events: nobody waits for an answer.
            let _ = self.collect(invoice, None, By::Clock, false);
        }
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
