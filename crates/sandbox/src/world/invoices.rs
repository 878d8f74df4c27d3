//! Invoices: finalising, payment, and what a failed payment leads to.

use serde_json::{Value, json};

use crate::cards::Decline;

use super::World;
use super::drafts::MINIMUM;
use super::fault::{Answer, Fault};
use super::given::Given;
use super::methods::decline_body;
use super::payments::Purpose;
use super::state::{difference, int, is, maybe, put, rank, text};

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
                    ("status_transitions.paid_at", json!(self.real())),
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

    /// An invoice on which nothing is due is paid at once.
    pub(super) fn owes_nothing(&mut self, invoice: &str) {
        self.mark_paid(invoice, 0);
        self.tell_paid(invoice);
        self.review_invoice(invoice);
    }

    fn invoice(&self, id: &str) -> Answer {
        let invoice = self.find("invoice", id).cloned();
        invoice.ok_or_else(|| Fault::missing(404, "invoice", id, "id"))
    }

    pub(super) fn pay_invoice(&mut self, id: &str, given: &Given) -> Answer {
        let invoice = self.invoice(id)?;
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
                self.owes_nothing(id);
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
        let invoice = self.invoice(id)?;
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
            None => self.owes_nothing(id),
        }
        Ok(self.copy(id))
    }

    pub(super) fn void_invoice(&mut self, id: &str) -> Answer {
        let invoice = self.invoice(id)?;
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
                ("canceled_at", json!(self.real())),
                ("cancellation_reason", json!(reason)),
                ("next_action", Value::Null),
            ],
        );
        self.emit("payment_intent.canceled", intent);
    }

    pub(super) fn update_invoice(&mut self, id: &str, given: &Given) -> Answer {
        let old = self.invoice(id)?;
        let mut invoice = old.clone();
        super::events::merge_metadata(&mut invoice, given);
        let previous = difference(&old, &invoice);
        self.replace(id, invoice);
        self.emit_change("invoice.updated", id, previous);
        Ok(self.copy(id))
    }

    /// What Stripe shows of an invoice that is expanded to its payments.
    pub(super) fn payments_of(&self, invoice: &str) -> Value {
        let of = self.newest_with("invoice_payment", "invoice", invoice);
        let data: Vec<Value> = of.cloned().collect();
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
        self.replace(id, new);
        self.emit_change("invoice.updated", id, previous);
    }
}

fn not_open() -> Box<Fault> {
    Fault::invalid("You can only pass in open invoices. This invoice isn't open.")
}
