//! Collecting: attempts to pay an invoice, the next ones, and what follows the last.

use serde_json::{Value, json};

use super::fault::{Answer, Fault, doc_url};
use super::invoices::{By, NO_METHOD};
use super::methods::decline_body;
use super::payments::Tried;
use super::state::{difference, int, maybe, rank, text};
use super::{AfterDunning, World};

impl World {
    /// The card that pays an invoice, by Stripe's order.
    pub(super) fn payer_of(&self, invoice: &Value) -> Option<String> {
        let subscription = self.copy(text(invoice, "parent.subscription_details.subscription"));
        let customer = self.copy(text(invoice, "customer"));
        maybe(invoice, "default_payment_method")
            .or(maybe(&subscription, "default_payment_method"))
            .or(maybe(&customer, "invoice_settings.default_payment_method"))
    }

    /// The hour of a draft is over: finalises and collects.
    pub(super) fn finalize_due(&mut self, invoice: &str) {
        let old = self.copy(invoice);
        if text(&old, "status") != "draft" {
            return;
        }
        self.finalize(invoice, None);
        let previous = difference(&old, &self.copy(invoice));
        self.emit_change("invoice.updated", invoice, previous);
        self.emit("invoice.finalized", invoice);
        if self.intent_of(invoice).is_none() {
            self.owes_nothing(invoice);
            return;
        }
        // A refusal is told by events: nobody waits for an answer.
        let _ = self.collect(invoice, None, By::Clock, true);
    }

    /// Tries to collect an open invoice, and tells how it went.
    pub(super) fn collect(
        &mut self,
        invoice: &str,
        method: Option<String>,
        by: By,
        new_intent: bool,
    ) -> Answer<()> {
        let held = self.copy(invoice);
        let Some(intent) = self.intent_of(invoice) else { return Ok(()) };
        let automatic = by == By::Clock;
        let count = int(&held, "attempt_count");
        let counted = if automatic || count == 0 { count + 1 } else { count };
        let Some(method) = method.or_else(|| self.payer_of(&held)) else {
            if automatic {
                self.failed(invoice, counted, None);
            }
            return Err(Fault::invalid(NO_METHOD).code("resource_missing"));
        };
        if automatic && self.hard.get(invoice) == Some(&method) {
            self.failed(invoice, counted, None);
            return Ok(());
        }
        match self.try_charge(&intent, &method) {
            Tried::Paid { charge } => {
                self.mark_paid(invoice, counted);
                self.emit("charge.succeeded", &charge);
                self.emit("payment_intent.succeeded", &intent);
                if new_intent {
                    self.emit("payment_intent.created", &intent);
                }
                self.tell_paid(invoice);
                self.review_invoice(invoice);
                Ok(())
            }
            Tried::Declined { charge, decline } => {
                self.emit("charge.failed", &charge);
                self.emit("payment_intent.payment_failed", &intent);
                if new_intent {
                    self.emit("payment_intent.created", &intent);
                }
                if decline.is_final() {
                    self.hard.insert(invoice.to_owned(), method.clone());
                }
                self.failed(invoice, counted, Some(by));
                let mut body = decline_body(decline);
                body.insert("charge".into(), json!(charge));
                body.insert("payment_intent".into(), self.copy(&intent));
                body.insert("payment_method".into(), self.copy(&method));
                Err(Fault::card(body))
            }
            Tried::Asks => {
                if automatic {
                    self.hard.insert(invoice.to_owned(), method.clone());
                }
                if by == (By::Caller { off_session: true }) {
                    return Err(self.refuse_asking(&intent, &method));
                }
                self.emit("payment_intent.requires_action", &intent);
                if new_intent {
                    self.emit("payment_intent.created", &intent);
                }
                self.emit("invoice.payment_action_required", invoice);
                self.failed(invoice, counted, Some(by));
                let message = format!(
                    "This payment requires additional user action before it can be completed \
                     successfully. Payment can be completed using the PaymentIntent associated \
                     with the invoice: {invoice}."
                );
                let code = "invoice_payment_intent_requires_action";
                let body = json!({
                    "code": code, "doc_url": doc_url(code), "message": message,
                    "payment_intent": self.copy(&intent), "type": "card_error",
                });
                Err(Fault::card(body.as_object().cloned().unwrap_or_default()))
            }
        }
    }

    /// Nobody is there to authenticate: no charge is made.
    pub(super) fn refuse_asking(&mut self, intent: &str, method: &str) -> Box<Fault> {
        let code = "authentication_required";
        let error = json!({
            "code": code, "decline_code": code, "doc_url": doc_url(code),
            "message": "Your card was declined. This transaction requires authentication.",
            "payment_method": self.copy(method), "type": "card_error",
        });
        self.set(
            intent,
            [
                ("status", json!("requires_payment_method")),
                ("payment_method", Value::Null),
                ("next_action", Value::Null),
                ("last_payment_error", error.clone()),
            ],
        );
        self.emit("payment_intent.payment_failed", intent);
        let mut body = error.as_object().cloned().unwrap_or_default();
        body.insert("payment_intent".into(), self.copy(intent));
        Fault::card(body)
    }

    /// An attempt failed: counts it, plans the next one, or gives up.
    pub(super) fn failed(&mut self, invoice: &str, count: i64, by: Option<By>) {
        let automatic = !matches!(by, Some(By::Caller { .. }));
        let held = self.copy(invoice);
        let subscription = text(&held, "parent.subscription_details.subscription").to_owned();
        let first = text(&self.copy(&subscription), "status") == "incomplete";
        let mut next = held["next_payment_attempt"].clone();
        let mut exhausted = false;
        if automatic && !first {
            let done = self.dunned.get(invoice).copied().unwrap_or_default();
            match self.config.dunning.retries.get(done).copied() {
                Some(pause) => {
                    let due = self.now.saturating_add(pause);
                    self.dunned.insert(invoice.to_owned(), done + 1);
                    self.plan(rank::RETRY, invoice, due);
                    next = json!(due);
                }
                None => {
                    self.unplan(rank::RETRY, invoice);
                    next = Value::Null;
                    exhausted = true;
                }
            }
        }
        let previous = self.set(
            invoice,
            [
                ("attempted", json!(true)),
                ("attempt_count", json!(count)),
                ("next_payment_attempt", next),
            ],
        );
        self.emit("invoice.payment_failed", invoice);
        self.emit_change("invoice.updated", invoice, previous);
        self.review_invoice(invoice);
        if exhausted {
            self.give_up(invoice, &subscription);
        }
    }

    /// The last attempt failed.
    pub(super) fn give_up(&mut self, invoice: &str, subscription: &str) {
        if text(&self.copy(subscription), "status") == "canceled" {
            return;
        }
        match self.config.dunning.then {
            AfterDunning::Cancel => self.end_subscription(subscription, "payment_failed"),
            AfterDunning::Unpaid => {
                let previous = self.set(invoice, [("auto_advance", json!(false))]);
                self.emit_change("invoice.updated", invoice, previous);
                let previous = self.set(subscription, [("status", json!("unpaid"))]);
                self.emit_change("customer.subscription.updated", subscription, previous);
            }
            AfterDunning::PastDue => {
                let previous = self.set(invoice, [("auto_advance", json!(false))]);
                self.emit_change("invoice.updated", invoice, previous);
            }
        }
        if self.config.dunning.mark_uncollectible {
            self.mark_uncollectible(invoice);
        }
    }

    fn mark_uncollectible(&mut self, invoice: &str) {
        self.set(
            invoice,
            [
                ("status", json!("uncollectible")),
                ("auto_advance", json!(false)),
                ("next_payment_attempt", Value::Null),
                ("status_transitions.marked_uncollectible_at", json!(self.now)),
            ],
        );
        self.emit("invoice.marked_uncollectible", invoice);
        let subscription = self.copy(invoice);
        let subscription = text(&subscription, "parent.subscription_details.subscription");
        if text(&self.copy(subscription), "status") == "past_due" {
            self.review_invoice(invoice);
        }
    }
}
