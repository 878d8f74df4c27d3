//! Invoices: drafts, finalising, payment, and what a failed payment leads to.

use serde_json::{Value, json};

use crate::cards::Decline;

use super::World;
use super::fault::{Answer, Fault};
use super::given::Given;
use super::methods::decline_body;
use super::payments::Purpose;
use super::state::{difference, int, is, items, maybe, object, put, rank, text, with};

/// The smallest amount that is charged; less is added to the next invoice.
const MINIMUM: i64 = 50;

pub(super) const NO_METHOD: &str = "This customer has no attached payment source or default payment method. \
    Please consider adding a default payment method. For more information, visit \
    https://stripe.com/docs/billing/subscriptions/payment-methods-setting#payment-method-priority.";

/// Who asked for a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// The world's own plan.
    Clock,
    /// A call.
    Caller { off_session: bool },
}

impl World {
    /// A new draft for a subscription's items over `period`, without an event.
    pub(super) fn make_invoice(
        &mut self,
        subscription: &str,
        reason: &str,
        period: (i64, i64),
        window: (i64, i64),
    ) -> String {
        let id = self.long_id("in_", '1');
        let (invoice, lines) = self.draft(&id, subscription, reason, period, window);
        self.keep(invoice);
        self.lines.insert(id.clone(), lines);
        id
    }

    /// A draft and its lines, which nobody keeps yet.
    pub(super) fn draft(
        &mut self,
        id: &str,
        subscription: &str,
        reason: &str,
        period: (i64, i64),
        window: (i64, i64),
    ) -> (Value, Vec<Value>) {
        let sub = self.copy(subscription);
        let customer = self.copy(text(&sub, "customer"));
        let mut lines = Vec::new();
        for item in items(&sub, "items.data") {
            let line = self.make_line(id, &sub, item, period);
            lines.push(line);
        }
        let total: i64 = lines.iter().map(|line| int(line, "amount")).sum();
        let starting = int(&customer, "balance");
        let due = (total + starting).max(0);
        let due = if due < MINIMUM { 0 } else { due };
        let draft_hour = reason == "subscription_cycle";
        let advance = text(&sub, "status") != "unpaid";
        let finalizes =
            (draft_hour && advance).then_some(self.now + self.config.switches.draft_seconds);
        let nulls = "account_tax_ids application custom_fields customer_account default_payment_method \
                     default_source description due_date effective_at ending_balance footer \
                     from_invoice hosted_invoice_url invoice_pdf last_finalization_error \
                     latest_revision number on_behalf_of receipt_number rendering shipping_cost \
                     shipping_details statement_descriptor test_clock";
        let shown: Vec<Value> = lines.iter().take(10).cloned().collect();
        let invoice = object(
            nulls,
            json!({
            "id": id, "object": "invoice", "account_country": "US",
            "account_name": "Specie sandbox", "amount_due": due, "amount_overpaid": 0,
            "amount_paid": 0, "amount_remaining": due, "amount_shipping": 0, "attempt_count": 0,
            "attempted": false, "auto_advance": advance,
            "automatic_tax": {
                "disabled_reason": null, "enabled": false, "liability": null, "provider": null,
                "status": null,
            },
            "automatically_finalizes_at": finalizes, "billing_reason": reason,
            "collection_method": "charge_automatically", "created": self.now,
            "currency": sub["currency"], "customer": customer["id"],
            "customer_address": customer["address"], "customer_email": customer["email"],
            "customer_name": customer["name"], "customer_phone": customer["phone"],
            "customer_shipping": customer["shipping"],
            "customer_tax_exempt": customer["tax_exempt"], "customer_tax_ids": [],
            "default_tax_rates": [], "discounts": [], "issuer": { "type": "self" },
            }),
        );
        let invoice = with(
            invoice,
            json!({"lines": {
                    "object": "list", "data": shown, "has_more": lines.len() > 10,
                    "total_count": lines.len(), "url": format!("/v1/invoices/{id}/lines"),
                },
                "livemode": false, "metadata": {},
                "next_payment_attempt": finalizes.map(|at| at - 1),
                "parent": {
                    "quote_details": null,
                    "subscription_details": { "metadata": sub["metadata"], "subscription": subscription },
                    "type": "subscription_details",
                },
                "payment_settings": {
                    "default_mandate": null, "payment_method_options": null,
                    "payment_method_types": null,
                },
                "period_end": window.1, "period_start": window.0,
                "post_payment_credit_notes_amount": 0, "pre_payment_credit_notes_amount": 0,
                "starting_balance": starting, "status": "draft",
                "status_transitions": {
                    "finalized_at": null, "marked_uncollectible_at": null, "paid_at": null,
                    "voided_at": null,
                },
                "subtotal": total, "subtotal_excluding_tax": total, "total": total,
                "total_discount_amounts": [], "total_excluding_tax": total,
                "total_pretax_credit_amounts": [], "total_taxes": [],
                "webhooks_delivered_at": self.now,
            }),
        );
        (invoice, lines)
    }

    fn make_line(&mut self, invoice: &str, sub: &Value, item: &Value, period: (i64, i64)) -> Value {
        let prefix = if invoice.starts_with("upcoming_") { "il_tmp_" } else { "il_" };
        let id = self.long_id(prefix, '1');
        let price = &item["price"];
        let quantity = int(item, "quantity");
        let unit = int(price, "unit_amount");
        let name = text(&self.copy(text(price, "product")), "name").to_owned();
        let label = maybe(&self.copy(text(price, "product")), "unit_label");
        let of = label.map(|label| format!("{label} ")).unwrap_or_default();
        let each = match super::payments::vocab_currency(text(price, "currency")) {
            Some(currency) => specie_vocab::Money::new(unit, currency).to_string(),
            None => unit.to_string(),
        };
        let every =
            match (int(price, "recurring.interval_count"), text(price, "recurring.interval")) {
                (1, interval) => interval.to_owned(),
                (count, interval) => format!("every {count} {interval}s"),
            };
        let description = format!("{quantity} {of}× {name} (at {each} / {every})");
        json!({
            "id": id, "object": "line_item", "amount": unit.saturating_mul(quantity),
            "currency": sub["currency"], "description": description, "discount_amounts": [],
            "discountable": true, "discounts": [], "invoice": invoice, "livemode": false,
            "metadata": sub["metadata"],
            "parent": {
                "invoice_item_details": null,
                "subscription_item_details": {
                    "invoice_item": null, "proration": false,
                    "proration_details": { "credited_items": null },
                    "subscription": sub["id"], "subscription_item": item["id"],
                },
                "type": "subscription_item_details",
            },
            "period": { "end": period.1, "start": period.0 }, "pretax_credit_amounts": [],
            "pricing": {
                "price_details": { "price": price["id"], "product": price["product"] },
                "type": "price_details", "unit_amount_decimal": price["unit_amount_decimal"],
            },
            "quantity": quantity, "quantity_decimal": quantity.to_string(),
            "subscription": null, "subtotal": unit.saturating_mul(quantity), "taxes": [],
        })
    }

    /// Makes a draft an invoice: number, pages, and the intent that pays it. Tells nobody.
    pub(super) fn finalize(&mut self, invoice: &str, intent: Option<String>) {
        self.unplan(rank::FINALIZE, invoice);
        let held = self.copy(invoice);
        let customer = text(&held, "customer").to_owned();
        let payer = self.copy(&customer);
        let sequence = int(&payer, "next_invoice_sequence");
        let number = format!("{}-{sequence:04}", text(&payer, "invoice_prefix"));
        let starting = int(&payer, "balance");
        let owed = int(&held, "total") + starting;
        let due = if owed < MINIMUM { 0 } else { owed };
        let ending = owed - due;
        if !self.is_stub(&customer) {
            self.set(&customer, [("next_invoice_sequence", json!(sequence + 1))]);
            if starting != ending {
                let previous = self.set(&customer, [("balance", json!(ending))]);
                self.emit_change("customer.updated", &customer, previous);
            }
        }
        let page = format!("{}/i/{invoice}", self.config.base_url);
        // What it says of the customer is frozen now.
        for field in ["address", "email", "name", "phone", "shipping", "tax_exempt"] {
            if !self.is_stub(&customer) {
                self.set(invoice, [(&format!("customer_{field}"), payer[field].clone())]);
            }
        }
        self.set(
            invoice,
            [
                ("status", json!("open")),
                ("number", json!(number)),
                ("effective_at", json!(self.now)),
                ("automatically_finalizes_at", Value::Null),
                ("next_payment_attempt", Value::Null),
                ("starting_balance", json!(starting)),
                ("ending_balance", json!(ending)),
                ("amount_due", json!(due)),
                ("amount_remaining", json!(due)),
                ("hosted_invoice_url", json!(page)),
                ("invoice_pdf", json!(format!("{page}/pdf"))),
                ("status_transitions.finalized_at", json!(self.now)),
            ],
        );
        if due == 0 {
            return;
        }
        let description = match text(&held, "billing_reason") {
            "subscription_create" => "Subscription creation",
            _ => "Subscription update",
        };
        let intent = intent.unwrap_or_else(|| {
            self.make_intent(Purpose {
                customer: Some(customer),
                amount: due,
                currency: text(&held, "currency").to_owned(),
                description: description.into(),
                invoice: Some(invoice.to_owned()),
            })
        });
        let id = self.long_id("inpay_", '1');
        self.keep(json!({
            "id": id, "object": "invoice_payment", "amount_paid": null, "amount_requested": due,
            "created": self.now, "currency": held["currency"], "invoice": invoice,
            "is_default": true, "livemode": false,
            "payment": { "payment_intent": intent, "type": "payment_intent" }, "status": "open",
            "status_transitions": { "canceled_at": null, "paid_at": null },
        }));
        self.payments.insert(invoice.to_owned(), id);
    }

    /// The intent that pays an invoice.
    pub(super) fn intent_of(&self, invoice: &str) -> Option<String> {
        let payment = self.objects.get(self.payments.get(invoice)?)?;
        maybe(payment, "payment.payment_intent")
    }

    /// Marks an invoice and its payment as paid. Tells nobody.
    pub(super) fn mark_paid(&mut self, invoice: &str, count: i64) {
        self.unplan(rank::RETRY, invoice);
        self.dunned.remove(invoice);
        self.hard.remove(invoice);
        let due = int(&self.copy(invoice), "amount_due");
        self.set(
            invoice,
            [
                ("status", json!("paid")),
                ("amount_paid", json!(due)),
                ("amount_remaining", json!(0)),
                ("attempted", json!(true)),
                ("attempt_count", json!(count)),
                ("auto_advance", json!(false)),
                ("next_payment_attempt", Value::Null),
                ("status_transitions.paid_at", json!(self.now)),
            ],
        );
        if let Some(payment) = self.payments.get(invoice).cloned() {
            self.set(
                &payment,
                [
                    ("status", json!("paid")),
                    ("amount_paid", json!(due)),
                    ("status_transitions.paid_at", json!(self.now)),
                ],
            );
        }
    }

    /// Tells that an invoice was paid.
    pub(super) fn tell_paid(&mut self, invoice: &str) {
        self.emit("invoice.paid", invoice);
        self.emit("invoice.payment_succeeded", invoice);
        if let Some(payment) = self.payments.get(invoice).cloned() {
            self.emit("invoice_payment.paid", &payment);
        }
    }

    pub(super) fn pay_invoice(&mut self, id: &str, given: &Given) -> Answer {
        let invoice = self.find("invoice", id).cloned();
        let invoice = invoice.ok_or_else(|| Fault::missing(404, "invoice", id, "id"))?;
        match text(&invoice, "status") {
            "paid" => return Err(Fault::invalid("Invoice is already paid")),
            "void" => return Err(not_open()),
            _ => {}
        }
        let customer = text(&invoice, "customer").to_owned();
        let method = match given.filled("payment_method") {
            None => None,
            Some(method) => {
                let method = self.method_or_template(method, "payment_method", 400)?;
                self.check_owner(&method, &customer)?;
                if self.copy(&method)["customer"].is_null() {
                    self.attach(&method, &customer)?;
                }
                Some(method)
            }
        };
        if text(&invoice, "status") == "draft" {
            self.finalize(id, None);
            self.emit("invoice.finalized", id);
            if self.intent_of(id).is_none() {
                self.mark_paid(id, 0);
                self.tell_paid(id);
                self.review_invoice(id);
                return Ok(self.copy(id));
            }
            let intent = self.intent_of(id).unwrap_or_default();
            self.emit("payment_intent.created", &intent);
        }
        let off_session = given.bool("off_session").unwrap_or(true);
        self.collect(id, method, By::Caller { off_session }, false)?;
        Ok(self.copy(id))
    }

    pub(super) fn finalize_invoice(&mut self, id: &str, given: &Given) -> Answer {
        let invoice = self.find("invoice", id).cloned();
        let invoice = invoice.ok_or_else(|| Fault::missing(404, "invoice", id, "id"))?;
        if text(&invoice, "status") != "draft" {
            return Err(Fault::invalid(
                "This invoice is already finalized, you can't re-finalize a non-draft invoice.",
            ));
        }
        if let Some(advance) = given.bool("auto_advance") {
            self.set(id, [("auto_advance", json!(advance))]);
        }
        self.finalize(id, None);
        self.emit("invoice.finalized", id);
        match self.intent_of(id) {
            Some(intent) => {
                self.emit("payment_intent.created", &intent);
                if is(&self.copy(id), "auto_advance") {
                    self.plan(rank::RETRY, id, self.now + 3_600);
                    self.set(id, [("next_payment_attempt", json!(self.now + 3_600))]);
                }
            }
            None => {
                self.mark_paid(id, 0);
                self.tell_paid(id);
                self.review_invoice(id);
            }
        }
        Ok(self.copy(id))
    }

    pub(super) fn void_invoice(&mut self, id: &str) -> Answer {
        let invoice = self.find("invoice", id).cloned();
        let invoice = invoice.ok_or_else(|| Fault::missing(404, "invoice", id, "id"))?;
        match text(&invoice, "status") {
            "open" => {}
            "paid" => {
                return Err(Fault::invalid("Invoices with `paid` payments cannot be voided."));
            }
            "uncollectible" if self.config.switches.void_uncollectible => {}
            _ => return Err(not_open()),
        }
        self.void(id, "void_invoice");
        self.review_invoice(id);
        Ok(self.copy(id))
    }

    /// Voids an open invoice, and cancels what was to pay it.
    pub(super) fn void(&mut self, id: &str, reason: &str) {
        self.unplan(rank::RETRY, id);
        self.set(
            id,
            [
                ("status", json!("void")),
                ("auto_advance", json!(false)),
                ("next_payment_attempt", Value::Null),
                ("status_transitions.voided_at", json!(self.now)),
            ],
        );
        self.emit("invoice.voided", id);
        if let Some(payment) = self.payments.get(id).cloned() {
            self.set(
                &payment,
                [
                    ("status", json!("canceled")),
                    ("status_transitions.canceled_at", json!(self.now)),
                ],
            );
        }
        if let Some(intent) = self.intent_of(id) {
            self.cancel_intent(&intent, reason);
        }
    }

    /// Cancels an intent that has not succeeded.
    pub(super) fn cancel_intent(&mut self, intent: &str, reason: &str) {
        if matches!(text(&self.copy(intent), "status"), "succeeded" | "canceled") {
            return;
        }
        self.set(
            intent,
            [
                ("status", json!("canceled")),
                ("canceled_at", json!(self.now)),
                ("cancellation_reason", json!(reason)),
                ("next_action", Value::Null),
            ],
        );
        self.emit("payment_intent.canceled", intent);
    }

    pub(super) fn update_invoice(&mut self, id: &str, given: &Given) -> Answer {
        let old = self.find("invoice", id).cloned();
        let old = old.ok_or_else(|| Fault::missing(404, "invoice", id, "id"))?;
        let mut invoice = old.clone();
        super::events::merge_metadata(&mut invoice, given);
        let previous = difference(&old, &invoice);
        self.objects.insert(id.to_owned(), invoice);
        self.emit_change("invoice.updated", id, previous);
        Ok(self.copy(id))
    }

    /// What Stripe shows of an invoice that is expanded to its payments.
    pub(super) fn payments_of(&self, invoice: &str) -> Value {
        let of = self.newest("invoice_payment");
        let data: Vec<Value> = of.filter(|p| text(p, "invoice") == invoice).cloned().collect();
        json!({ "object": "list", "data": data, "has_more": false, "url": "/v1/invoices/payments" })
    }

    /// The error when nothing can pay.
    pub(super) fn no_method() -> Box<Fault> {
        Fault::invalid(NO_METHOD).code("resource_missing")
    }

    /// The error body when a first payment is refused.
    pub(super) fn refused(decline: Decline) -> Box<Fault> {
        Fault::card(decline_body(decline))
    }

    /// Sets one field of an invoice that belongs to a subscription which ends.
    pub(super) fn stop_invoice(&mut self, id: &str) {
        self.unplan(rank::RETRY, id);
        self.unplan(rank::FINALIZE, id);
        let old = self.copy(id);
        let mut new = old.clone();
        put(&mut new, "auto_advance", json!(false));
        put(&mut new, "next_payment_attempt", Value::Null);
        put(&mut new, "automatically_finalizes_at", Value::Null);
        let previous = difference(&old, &new);
        self.objects.insert(id.to_owned(), new);
        self.emit_change("invoice.updated", id, previous);
    }
}

fn not_open() -> Box<Fault> {
    Fault::invalid("You can only pass in open invoices. This invoice isn't open.")
}
