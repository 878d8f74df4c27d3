//! Invoices, their lines' period and their payments.

use std::collections::BTreeMap;

use serde_json::Value;
use specie_vocab::{Currency, CustomerId, InvoiceId, PaymentIntentId, Period, SubscriptionId};

use super::reader::Reader;
use crate::Unreadable;

/// An invoice.
#[derive(Clone, Debug, PartialEq)]
pub struct Invoice {
    /// Its id.
    pub id: InvoiceId,
    /// Who pays.
    pub customer: Option<CustomerId>,
    /// For which subscription.
    pub subscription: Option<SubscriptionId>,
    /// `draft`, `open`, `paid`, `uncollectible` or `void`.
    pub status: String,
    /// `subscription_create`, `subscription_cycle`, `subscription_update`, `manual`, …
    pub billing_reason: Option<String>,
    /// In what it is paid.
    pub currency: Currency,
    /// What is to be paid.
    pub amount_due: i64,
    /// What has been paid.
    pub amount_paid: i64,
    /// What is left.
    pub amount_remaining: i64,
    /// The sum; may be negative.
    pub total: i64,
    /// Attempts to collect it.
    pub attempt_count: i64,
    /// Whether there was one.
    pub attempted: bool,
    /// When the next one comes; none, if none is planned.
    pub next_payment_attempt: Option<i64>,
    /// Its number; none while it is a draft.
    pub number: Option<String>,
    /// Stripe's page for it. Differs at each read.
    pub hosted_invoice_url: Option<String>,
    /// Its PDF. Differs at each read.
    pub invoice_pdf: Option<String>,
    /// Of a cycle's invoice the period before the one that is billed.
    pub period_start: i64,
    /// Its end.
    pub period_end: i64,
    /// The period of the line that ends last: what is billed.
    pub line_period: Option<Period>,
    /// There are more lines than Stripe showed.
    pub lines_has_more: bool,
    /// When it was made.
    pub created: i64,
    /// When it was made final.
    pub finalized_at: Option<i64>,
    /// When it was paid.
    pub paid_at: Option<i64>,
    /// When it was voided.
    pub voided_at: Option<i64>,
    /// What paid it or should, where that was asked for.
    pub payments: Vec<InvoicePayment>,
    /// There are more payments than Stripe showed.
    pub payments_has_more: bool,
    /// What was noted on the subscription when the invoice was made.
    pub metadata: BTreeMap<String, String>,
    /// All that Stripe said.
    pub raw: Value,
}

/// What pays an invoice, or is meant to.
#[derive(Clone, Debug, PartialEq)]
pub struct InvoicePayment {
    /// Its id; before 2025-03-31.basil there was none.
    pub id: Option<String>,
    /// The payment intent; none, if something else pays.
    pub payment_intent: Option<PaymentIntentId>,
    /// `open`, `paid` or `canceled`.
    pub status: String,
    /// The one that Stripe made when the invoice was made final.
    pub is_default: bool,
}

impl Invoice {
    /// Reads an invoice. At 2025-03-31.basil the subscription moved under `parent`, and the payment
    /// intent into `payments`.
    pub fn parse(value: &Value) -> Result<Self, Unreadable> {
        let reader = Reader::of(value, "invoice")?;
        let subscription = match reader.opt_id("parent.subscription_details.subscription")? {
            None => reader.opt_id("subscription")?,
            found => found,
        };
        let metadata = match reader.at("parent.subscription_details.metadata") {
            Value::Null => reader.metadata("subscription_details.metadata")?,
            _ => reader.metadata("parent.subscription_details.metadata")?,
        };
        Ok(Self {
            id: reader.id("id")?,
            customer: reader.opt_id("customer")?,
            subscription,
            status: reader.text("status")?,
            billing_reason: reader.opt_text("billing_reason")?,
            currency: reader.id("currency")?,
            amount_due: reader.int("amount_due")?,
            amount_paid: reader.int("amount_paid")?,
            amount_remaining: reader.int("amount_remaining")?,
            total: reader.int("total")?,
            attempt_count: reader.opt_int("attempt_count")?.unwrap_or(0),
            attempted: reader.flag("attempted")?,
            next_payment_attempt: reader.opt_int("next_payment_attempt")?,
            number: reader.opt_text("number")?,
            hosted_invoice_url: reader.opt_text("hosted_invoice_url")?,
            invoice_pdf: reader.opt_text("invoice_pdf")?,
            period_start: reader.int("period_start")?,
            period_end: reader.int("period_end")?,
            line_period: last_period(reader.list("lines")?)?,
            lines_has_more: reader.flag("lines.has_more")?,
            created: reader.int("created")?,
            finalized_at: reader.opt_int("status_transitions.finalized_at")?,
            paid_at: reader.opt_int("status_transitions.paid_at")?,
            voided_at: reader.opt_int("status_transitions.voided_at")?,
            payments: payments(&reader)?,
            payments_has_more: reader.flag("payments.has_more")?,
            metadata,
            raw: value.clone(),
        })
    }
}

impl InvoicePayment {
    /// Reads a payment of an invoice.
    pub fn parse(value: &Value) -> Result<Self, Unreadable> {
        let reader = Reader::of(value, "invoice_payment")?;
        Ok(Self {
            id: Some(reader.text("id")?),
            payment_intent: reader.opt_id("payment.payment_intent")?,
            status: reader.text("status")?,
            is_default: reader.flag("is_default")?,
        })
    }
}

fn payments(invoice: &Reader) -> Result<Vec<InvoicePayment>, Unreadable> {
    if let Some(payment_intent) = invoice.opt_id("payment_intent")? {
        let status = if invoice.flag("paid")? { "paid" } else { "open" };
        let payment_intent = Some(payment_intent);
        let status = status.into();
        return Ok(vec![InvoicePayment { id: None, payment_intent, status, is_default: true }]);
    }
    invoice.list("payments")?.iter().map(InvoicePayment::parse).collect()
}

/// Of lines that end together, the one that starts last: the others bill changes.
fn last_period(lines: &[Value]) -> Result<Option<Period>, Unreadable> {
    let mut last: Option<Period> = None;
    for line in lines {
        let line = Reader::part(line, "line_item");
        let period = Period { start: line.int("period.start")?, end: line.int("period.end")? };
        if last.is_none_or(|last| (period.end, period.start) > (last.end, last.start)) {
            last = Some(period);
        }
    }
    Ok(last)
}
