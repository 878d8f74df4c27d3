//! How a subscription begins: its items, its first invoice, its first payment.

use serde_json::{Value, json};

use super::World;
use super::fault::{Answer, Fault};
use super::given::Given;
use super::payments::Tried;
use super::state::{int, is, object, rank, text};
use super::subscriptions::{Beginning, INCOMPLETE, interval, plan_of};

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
                     pending_setup_intent pending_update schedule transfer_data \
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
            "test_clock": self.copy(&new.customer)["test_clock"],
            "trial_settings": { "end_behavior": {
                "billing_cycle_anchor": "now", "missing_payment_method": "create_invoice",
            } },
        })));
        let invoice = self.make_invoice(&id, "subscription_create", (start, end), (start, start));
        self.set(&id, [("latest_invoice", json!(invoice))]);
        self.plan_period(&id);
        (id, invoice)
    }

    /// The customer's currency is that of the first subscription.
    pub(super) fn settle_currency(&mut self, customer: &str, currency: &str) {
        if self.copy(customer)["currency"].is_null() {
            let previous = self.set(customer, [("currency", json!(currency))]);
            self.emit_change("customer.updated", customer, previous);
        }
    }

    /// Settles and tells how a subscription made by a call began.
    pub(super) fn tell_beginning(
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
            self.emit_as("invoice.created", &draft, None);
            self.emit_as("invoice.finalized", &open, None);
            self.tell_paid(invoice);
            self.review_customer(&customer);
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
                self.emit_as("invoice.created", &draft, None);
                self.emit_as("invoice.finalized", &open, None);
                self.emit("invoice.payment_failed", invoice);
            }
            Some(_) => {
                self.set(invoice, [("attempted", json!(true))]);
                self.settle_currency(&customer, &currency);
                self.emit("customer.subscription.created", sub);
                self.emit("payment_intent.requires_action", intent);
                self.emit("payment_intent.created", intent);
                self.emit_as("invoice.created", &draft, None);
                self.emit_as("invoice.finalized", &open, None);
                self.emit("invoice.payment_action_required", invoice);
            }
            None => {
                self.settle_currency(&customer, &currency);
                self.emit("customer.subscription.created", sub);
                self.emit_as("invoice.created", &draft, None);
                self.emit_as("invoice.finalized", &open, None);
                self.emit("payment_intent.created", intent);
            }
        }
    }
}
