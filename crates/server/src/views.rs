//! What clients see: the JSON forms of the API. A change here is a change of a door.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An amount: minor units, and the same as a person reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AmountView {
    /// In the currency's smallest unit.
    pub amount: i64,
    /// ISO 4217, lower case.
    pub currency: String,
    /// For people: `$29.00`.
    pub text: String,
}

/// A plan that can be bought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PlanView {
    /// The group of which a customer holds one plan at a time.
    pub group: String,
    /// Its key in the catalog.
    pub plan: String,
    /// Its name.
    pub name: String,
    /// A sentence about it; may be absent.
    pub description: Option<String>,
    /// What it gives, for people.
    pub features: Vec<String>,
    /// How it can be paid.
    pub prices: Vec<PriceView>,
}

/// A price of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PriceView {
    /// Its key in the catalog.
    pub price: String,
    /// How much.
    #[serde(flatten)]
    pub amount: AmountView,
    /// `day`, `week`, `month` or `year`.
    pub interval: String,
    /// How many of them.
    pub interval_count: u32,
    /// For people: `every 30 days`.
    pub every: String,
}

/// A checkout that was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckoutView {
    /// Stripe's id of the Checkout Session, `cs_…`.
    pub id: String,
    /// Where the customer pays.
    pub url: String,
    /// When Stripe closes it; Stripe's time, RFC 3339.
    pub expires_at: Timestamp,
}

/// A portal session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PortalView {
    /// Where the customer goes.
    pub url: String,
}

/// A customer's subscription in one plan group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SubscriptionView {
    /// The plan group.
    pub group: String,
    /// `none`, or Stripe's status: `trialing`, `active`, `past_due`, `unpaid`, `canceled`,
    /// `incomplete`, `incomplete_expired`, `paused`.
    pub status: String,
    /// Whether the customer has access now.
    pub access: bool,
    /// Until when access lasts unless something else happens; absent without access.
    pub access_until: Option<Timestamp>,
    /// Stripe's id; absent with status `none`.
    pub subscription: Option<String>,
    /// The plan's key.
    pub plan: Option<String>,
    /// The price's key.
    pub price: Option<String>,
    /// What a period costs.
    pub amount: Option<AmountView>,
    /// `every 30 days`.
    pub every: Option<String>,
    /// The current period's first second.
    pub current_period_start: Option<Timestamp>,
    /// The first second after the current period.
    pub current_period_end: Option<Timestamp>,
    /// Whether it ends with the current period.
    pub cancel_at_period_end: bool,
    /// When it will end, or did.
    pub ends_at: Option<Timestamp>,
    /// When the customer asked for the end.
    pub canceled_at: Option<Timestamp>,
    /// Until when access lasts in spite of a failed payment.
    pub grace_until: Option<Timestamp>,
    /// When Stripe tries a failed payment again.
    pub next_payment_attempt: Option<Timestamp>,
    /// The card that pays, if known.
    pub card: Option<CardView>,
    /// A checkout that waits to be paid, unless the customer was deleted at Stripe meanwhile.
    pub open_checkout: Option<CheckoutView>,
    /// Subscriptions that stand beside this one and need a person; empty in the normal case.
    pub conflicts: Vec<String>,
    /// Raised by each decision about the customer; the entity tag.
    pub version: i64,
    /// As of when this is known to be true; wall time.
    pub as_of: Timestamp,
    /// Whether it could not be confirmed in time.
    pub stale: bool,
}

/// A card, as far as anybody may see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CardView {
    /// `visa`, `mastercard`, …
    pub brand: String,
    /// The last four digits.
    pub last4: String,
}

/// A payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PaymentView {
    /// Stripe's payment intent.
    pub id: String,
    /// When it was begun; business time.
    pub created_at: Timestamp,
    /// How much.
    #[serde(flatten)]
    pub amount: AmountView,
    /// How much of it was given back.
    pub refunded_amount: i64,
    /// `pending`, `requires_action`, `succeeded`, `failed`, `partially_refunded`, `refunded` or
    /// `disputed`.
    pub status: String,
    /// The card that paid, if known.
    pub card: Option<CardView>,
    /// Stripe's receipt; absent unless it succeeded.
    pub receipt_url: Option<String>,
    /// The invoice as PDF, if there is one.
    pub invoice_pdf: Option<String>,
    /// The invoice's own page, if there is one.
    pub invoice_url: Option<String>,
}

/// A page of a list, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PageView<T> {
    /// The rows.
    pub data: Vec<T>,
    /// Pass it as `cursor` for what follows; null at the end.
    pub next_cursor: Option<String>,
}
