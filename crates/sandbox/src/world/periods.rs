//! Subscriptions over time: the next period, the end, and what an invoice says of them.

use serde_json::{Value, json};

use super::World;
use super::index::SUBSCRIPTION;
use super::invoices::By;
use super::state::{difference, int, is, items, put, rank, text};
use super::subscriptions::interval;

impl World {
    /// Puts what happens at the end of the period on the agenda.
    pub(super) fn plan_period(&mut self, id: &str) {
        self.unplan(rank::CANCEL, id);
        self.unplan(rank::ROLLOVER, id);
        self.unplan(rank::UPCOMING, id);
        let sub = self.copy(id);
        let end = int(&sub, "items.data.0.current_period_end");
        if matches!(text(&sub, "status"), "active" | "past_due" | "unpaid" | "trialing") {
            let rank = if is(&sub, "cancel_at_period_end") { rank::CANCEL } else { rank::ROLLOVER };
            self.plan(rank, id, end);
            if rank == rank::ROLLOVER && text(&sub, "status") != "unpaid" {
                self.plan_upcoming(id, end);
            }
        }
    }

    /// Ends a subscription now.
    pub(super) fn end_subscription(&mut self, id: &str, reason: &str) {
        let sub = self.copy(id);
        for rank in [rank::CANCEL, rank::ROLLOVER, rank::UPCOMING, rank::INCOMPLETE] {
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
        let unpaid = self
            .newest_with("invoice", SUBSCRIPTION, id)
            .filter(|invoice| matches!(text(invoice, "status"), "open" | "draft"));
        let unpaid: Vec<String> = unpaid.map(|invoice| text(invoice, "id").to_owned()).collect();
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
        self.replace(id, sub);
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
        let id = text(&held, SUBSCRIPTION).to_owned();
        let sub = self.copy(&id);
        let status = text(&sub, "status");
        let newest = self
            .newest_with("invoice", SUBSCRIPTION, &id)
            .find(|other| !matches!(text(other, "status"), "draft" | "void"))
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
        self.review_customer(text(&held, "customer"));
    }

    /// Whether a customer's newest invoice failed, of those that are collected by themselves. A
    /// first one that is open waits for its customer, and does not count yet.
    pub(super) fn review_customer(&mut self, customer: &str) {
        if self.find("customer", customer).is_none() {
            return;
        }
        let newest = self.newest_with("invoice", "customer", customer).find(|invoice| {
            let is_first = text(invoice, "billing_reason") == "subscription_create";
            text(invoice, "collection_method") == "charge_automatically"
                && match text(invoice, "status") {
                    "draft" | "void" => false,
                    "open" => !is_first,
                    _ => true,
                }
        });
        let owes = newest.is_some_and(|it| text(it, "status") == "open" && is(it, "attempted"));
        let previous = self.set(customer, [("delinquent", json!(owes))]);
        self.emit_change("customer.updated", customer, previous);
    }

    pub(super) fn retry(&mut self, invoice: &str) {
        if text(&self.copy(invoice), "status") == "open" {
            // A refusal is told by events: nobody waits for an answer.
            let _ = self.collect(invoice, None, By::Clock, false);
        }
    }
}
