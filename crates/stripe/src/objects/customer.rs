//! Whoever pays, and how.

use std::collections::BTreeMap;

use serde_json::Value;
use specie_vocab::{Currency, CustomerId, PaymentMethodId};

use super::reader::Reader;
use crate::Unreadable;

/// A customer, or what is left of a deleted one.
#[derive(Clone, Debug, PartialEq)]
pub struct Customer {
    /// Its id.
    pub id: CustomerId,
    /// Its e-mail address.
    pub email: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Set by the first invoice; never changes after it.
    pub currency: Option<Currency>,
    /// The latest invoice was not paid in time.
    pub delinquent: bool,
    /// Pays subscriptions and invoices that name none of their own.
    pub default_payment_method: Option<PaymentMethodId>,
    /// What was noted on it.
    pub metadata: BTreeMap<String, String>,
    /// When it was made; a deleted one does not say.
    pub created: Option<i64>,
    /// Deleted: nothing but the id is left.
    pub deleted: bool,
    /// All that Stripe said.
    pub raw: Value,
}

impl Customer {
    /// Reads a customer.
    pub fn parse(value: &Value) -> Result<Self, Unreadable> {
        let reader = Reader::of(value, "customer")?;
        let deleted = reader.flag("deleted")?;
        let created = reader.opt_int("created")?;
        if created.is_none() && !deleted {
            return Err(reader.fault("created"));
        }
        Ok(Self {
            id: reader.id("id")?,
            email: reader.opt_text("email")?,
            name: reader.opt_text("name")?,
            currency: reader.opt_id("currency")?,
            delinquent: reader.flag("delinquent")?,
            default_payment_method: reader.modern_id("invoice_settings.default_payment_method")?,
            metadata: reader.metadata("metadata")?,
            created,
            deleted,
            raw: value.clone(),
        })
    }
}

/// A payment method; of cards, what may be shown.
#[derive(Clone, Debug, PartialEq)]
pub struct PaymentMethod {
    /// Its id: `pm_…`, or an old card's `card_…`.
    pub id: String,
    /// Whose it is; none before it is attached and after it is detached.
    pub customer: Option<CustomerId>,
    /// Stripe's `type`: `card`, `link`, …
    pub kind: String,
    /// The card's brand.
    pub brand: Option<String>,
    /// Its last four digits.
    pub last4: Option<String>,
    /// The month in which it expires, 1 to 12.
    pub exp_month: Option<i64>,
    /// The year.
    pub exp_year: Option<i64>,
    /// When it was made.
    pub created: i64,
    /// All that Stripe said.
    pub raw: Value,
}

impl PaymentMethod {
    /// Reads a payment method.
    pub fn parse(value: &Value) -> Result<Self, Unreadable> {
        let reader = Reader::of(value, "payment_method")?;
        Ok(Self {
            id: reader.text("id")?,
            customer: reader.opt_id("customer")?,
            kind: reader.text("type")?,
            brand: reader.opt_text("card.brand")?,
            last4: reader.opt_text("card.last4")?,
            exp_month: reader.opt_int("card.exp_month")?,
            exp_year: reader.opt_int("card.exp_year")?,
            created: reader.int("created")?,
            raw: value.clone(),
        })
    }
}
