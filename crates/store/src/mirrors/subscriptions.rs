//! Subscriptions, as Stripe last described them.

use specie_vocab::{BusinessTime, Currency, CustomerId, InvoiceId, PriceId, SubscriptionId};

use crate::mirrors::mirror;

mirror! {
    /// A subscription of Stripe's.
    pub struct SubscriptionRow in "stripe_subscriptions" by SubscriptionId, of customer, ended |row| match row.status.as_str() {
            "canceled" | "incomplete_expired" => Some(&row.status),
            _ => None,
        };
    /// Whose.
    pub customer: CustomerId,
    /// Stripe's word for its state.
    pub status: String,
    /// The price of its first item.
    pub price: Option<PriceId>,
    /// How many of it.
    pub quantity: Option<i64>,
    /// In which currency.
    pub currency: Currency,
    /// Whether it ends with the period.
    pub cancel_at_period_end: bool,
    /// When it is to end.
    pub cancel_at: Option<BusinessTime>,
    /// When its end was asked for.
    pub canceled_at: Option<BusinessTime>,
    /// When it ended.
    pub ended_at: Option<BusinessTime>,
    /// The first second of the current period.
    pub current_period_start: Option<BusinessTime>,
    /// The first second after it.
    pub current_period_end: Option<BusinessTime>,
    /// Its latest invoice.
    pub latest_invoice: Option<InvoiceId>,
    /// What pays it, where it has its own.
    pub default_payment_method: Option<String>,
    /// When it began.
    pub start_date: BusinessTime,
    /// When it was made.
    pub created: BusinessTime,
    ---
}
