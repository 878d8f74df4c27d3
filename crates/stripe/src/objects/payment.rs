//! Payment intents, their charges, and refunds.

use std::collections::BTreeMap;

use serde_json::Value;
use specie_vocab::{Currency, CustomerId, InvoiceId, PaymentIntentId, PaymentMethodId};

use super::reader::Reader;
use crate::Unreadable;

/// An intent to take one amount.
#[derive(Clone, Debug, PartialEq)]
pub struct PaymentIntent {
    /// Its id.
    pub id: PaymentIntentId,
    /// Who pays.
    pub customer: Option<CustomerId>,
    /// What should be taken.
    pub amount: i64,
    /// What was taken.
    pub amount_received: i64,
    /// In what.
    pub currency: Currency,
    /// `succeeded`, `requires_action`, `requires_payment_method`, …
    pub status: String,
    /// The last attempt.
    pub latest_charge: Option<ChargeRef>,
    /// Why the last attempt failed.
    pub last_payment_error: Option<PaymentFailure>,
    /// Where the customer goes on, if the bank asks something.
    pub next_action_url: Option<String>,
    /// What pays; none again after a failed attempt.
    pub payment_method: Option<PaymentMethodId>,
    /// The invoice that it pays.
    pub invoice: Option<InvoiceId>,
    /// What was noted on it.
    pub metadata: BTreeMap<String, String>,
    /// When it was made.
    pub created: i64,
    /// All that Stripe said.
    pub raw: Value,
}

/// Why a payment failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentFailure {
    /// Stripe's `code`, such as `card_declined`.
    pub code: Option<String>,
    /// The bank's reason, such as `insufficient_funds`.
    pub decline_code: Option<String>,
    /// A text that may be shown.
    pub message: Option<String>,
}

/// A charge, or its id where it is not expanded.
#[derive(Clone, Debug, PartialEq)]
pub enum ChargeRef {
    /// Its id only.
    Id(String),
    /// All of it.
    Expanded(Box<Charge>),
}

/// One attempt to take money.
#[derive(Clone, Debug, PartialEq)]
pub struct Charge {
    /// Its id: `ch_…`, or `py_…` where it was no card.
    pub id: String,
    /// The intent that it is an attempt of.
    pub payment_intent: Option<PaymentIntentId>,
    /// What should be taken.
    pub amount: i64,
    /// What was given back.
    pub amount_refunded: i64,
    /// All of it was given back.
    pub refunded: bool,
    /// In what.
    pub currency: Currency,
    /// `succeeded`, `pending` or `failed`.
    pub status: String,
    /// Stripe's code, if it failed.
    pub failure_code: Option<String>,
    /// The receipt's page.
    pub receipt_url: Option<String>,
    /// The card's brand.
    pub brand: Option<String>,
    /// Its last four digits.
    pub last4: Option<String>,
    /// When it was made.
    pub created: i64,
    /// Who paid.
    pub customer: Option<CustomerId>,
    /// All that Stripe said.
    pub raw: Value,
}

/// Money given back.
#[derive(Clone, Debug, PartialEq)]
pub struct Refund {
    /// Its id: `re_…`, or `pyr_…` where it was no card.
    pub id: String,
    /// Of which payment.
    pub payment_intent: Option<PaymentIntentId>,
    /// Of which charge.
    pub charge: Option<String>,
    /// How much.
    pub amount: i64,
    /// In what.
    pub currency: Currency,
    /// `succeeded`, `pending`, `requires_action`, `failed` or `canceled`.
    pub status: Option<String>,
    /// `requested_by_customer`, `duplicate`, `fraudulent`, …
    pub reason: Option<String>,
    /// Why it failed.
    pub failure_reason: Option<String>,
    /// Whose it is; said since 2026-07-29.
    pub customer: Option<CustomerId>,
    /// What was noted on it.
    pub metadata: BTreeMap<String, String>,
    /// When it was made.
    pub created: i64,
    /// All that Stripe said.
    pub raw: Value,
}

impl PaymentIntent {
    /// Reads a payment intent. Until 2022-11-15 its charges stood in a list, newest first; until
    /// 2025-03-31.basil it named its invoice.
    pub fn parse(value: &Value) -> Result<Self, Unreadable> {
        let reader = Reader::of(value, "payment_intent")?;
        let latest_charge = match reader.at("latest_charge") {
            Value::Null => reader.list("charges")?.first().map(ChargeRef::parse),
            charge => Some(ChargeRef::parse(charge)),
        };
        // An order reference may be a merchant's own: only an invoice's id is one.
        let invoice = match reader.opt_id("invoice")? {
            None => reader.modern_id("payment_details.order_reference")?,
            found => found,
        };
        Ok(Self {
            id: reader.id("id")?,
            customer: reader.opt_id("customer")?,
            amount: reader.int("amount")?,
            amount_received: reader.opt_int("amount_received")?.unwrap_or(0),
            currency: reader.id("currency")?,
            status: reader.text("status")?,
            latest_charge: latest_charge.transpose()?,
            last_payment_error: PaymentFailure::parse(reader.at("last_payment_error"))?,
            next_action_url: reader.opt_text("next_action.redirect_to_url.url")?,
            payment_method: reader.modern_id("payment_method")?,
            invoice,
            metadata: reader.metadata("metadata")?,
            created: reader.int("created")?,
            raw: value.clone(),
        })
    }
}

impl PaymentFailure {
    fn parse(value: &Value) -> Result<Option<Self>, Unreadable> {
        if value.is_null() {
            return Ok(None);
        }
        let reader = Reader::part(value, "last_payment_error");
        Ok(Some(Self {
            code: reader.opt_text("code")?,
            decline_code: reader.opt_text("decline_code")?,
            message: reader.opt_text("message")?,
        }))
    }
}

impl ChargeRef {
    fn parse(value: &Value) -> Result<Self, Unreadable> {
        match value {
            Value::String(id) => Ok(Self::Id(id.clone())),
            charge => Ok(Self::Expanded(Box::new(Charge::parse(charge)?))),
        }
    }

    /// The charge's id.
    pub fn id(&self) -> &str {
        match self {
            Self::Id(id) => id,
            Self::Expanded(charge) => &charge.id,
        }
    }

    /// The charge, where it is expanded.
    pub fn charge(&self) -> Option<&Charge> {
        match self {
            Self::Id(_) => None,
            Self::Expanded(charge) => Some(charge),
        }
    }
}

impl Charge {
    /// Reads a charge.
    pub fn parse(value: &Value) -> Result<Self, Unreadable> {
        let reader = Reader::of(value, "charge")?;
        Ok(Self {
            id: reader.text("id")?,
            payment_intent: reader.opt_id("payment_intent")?,
            amount: reader.int("amount")?,
            amount_refunded: reader.opt_int("amount_refunded")?.unwrap_or(0),
            refunded: reader.flag("refunded")?,
            currency: reader.id("currency")?,
            status: reader.text("status")?,
            failure_code: reader.opt_text("failure_code")?,
            receipt_url: reader.opt_text("receipt_url")?,
            brand: reader.opt_text("payment_method_details.card.brand")?,
            last4: reader.opt_text("payment_method_details.card.last4")?,
            created: reader.int("created")?,
            customer: reader.opt_id("customer")?,
            raw: value.clone(),
        })
    }
}

impl Refund {
    /// Reads a refund.
    pub fn parse(value: &Value) -> Result<Self, Unreadable> {
        let reader = Reader::of(value, "refund")?;
        Ok(Self {
            id: reader.text("id")?,
            payment_intent: reader.opt_id("payment_intent")?,
            charge: reader.opt_ref("charge")?.map(String::from),
            amount: reader.int("amount")?,
            currency: reader.id("currency")?,
            status: reader.opt_text("status")?,
            reason: reader.opt_text("reason")?,
            failure_reason: reader.opt_text("failure_reason")?,
            customer: reader.opt_id("customer")?,
            metadata: reader.metadata("metadata")?,
            created: reader.int("created")?,
            raw: value.clone(),
        })
    }
}
