//! Sessions on Stripe's pages: Checkout and the portal.

use std::collections::BTreeMap;

use serde_json::Value;
use specie_vocab::{Currency, CustomerId, InvoiceId, PaymentIntentId, SessionId, SubscriptionId};

use super::reader::Reader;
use crate::Unreadable;

/// A Checkout Session.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckoutSession {
    /// Its id.
    pub id: SessionId,
    /// Who pays.
    pub customer: Option<CustomerId>,
    /// `open`, `complete` or `expired`.
    pub status: String,
    /// `paid`, `unpaid` or `no_payment_required`.
    pub payment_status: String,
    /// `subscription`, `payment` or `setup`.
    pub mode: String,
    /// The subscription; none before it is complete.
    pub subscription: Option<SubscriptionId>,
    /// Its invoice.
    pub invoice: Option<InvoiceId>,
    /// The payment intent of mode `payment`; none before the customer confirms.
    pub payment_intent: Option<PaymentIntentId>,
    /// What it comes to.
    pub amount_total: Option<i64>,
    /// In what.
    pub currency: Option<Currency>,
    /// Its page; none once it is over.
    pub url: Option<String>,
    /// When Stripe will end it.
    pub expires_at: i64,
    /// When it was made.
    pub created: i64,
    /// What was noted on it.
    pub metadata: BTreeMap<String, String>,
    /// All that Stripe said.
    pub raw: Value,
}

impl CheckoutSession {
    /// Reads a Checkout Session.
    pub fn parse(value: &Value) -> Result<Self, Unreadable> {
        let reader = Reader::of(value, "checkout.session")?;
        Ok(Self {
            id: reader.id("id")?,
            customer: reader.opt_id("customer")?,
            status: reader.text("status")?,
            payment_status: reader.text("payment_status")?,
            mode: reader.text("mode")?,
            subscription: reader.opt_id("subscription")?,
            invoice: reader.opt_id("invoice")?,
            payment_intent: reader.opt_id("payment_intent")?,
            amount_total: reader.opt_int("amount_total")?,
            currency: reader.opt_id("currency")?,
            url: reader.opt_text("url")?,
            expires_at: reader.int("expires_at")?,
            created: reader.int("created")?,
            metadata: reader.metadata("metadata")?,
            raw: value.clone(),
        })
    }
}

/// A link into the portal. Whoever has it is let in: it is shown to the customer, never kept.
#[derive(Clone, PartialEq, Eq)]
pub struct PortalSession {
    /// Its id.
    pub id: String,
    /// The link.
    pub url: String,
}

impl PortalSession {
    /// Reads a portal session.
    pub fn parse(value: &Value) -> Result<Self, Unreadable> {
        let reader = Reader::of(value, "billing_portal.session")?;
        Ok(Self { id: reader.text("id")?, url: reader.text("url")? })
    }
}

impl std::fmt::Debug for PortalSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PortalSession").field("id", &self.id).finish_non_exhaustive()
    }
}
