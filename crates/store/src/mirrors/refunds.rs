//! Refunds, as Stripe last described them.

use specie_vocab::{BusinessTime, Currency, CustomerId, PaymentIntentId, RefundId};

use crate::mirrors::mirror;

mirror! {
    /// A refund of Stripe's.
    pub struct RefundRow in "stripe_refunds" by RefundId, of customer, ended |_| None;
    /// Whose.
    pub customer: CustomerId,
    /// Of which payment.
    pub payment_intent: Option<PaymentIntentId>,
    /// Of which charge.
    pub charge: Option<String>,
    /// How much, in minor units.
    pub amount: i64,
    /// In which currency.
    pub currency: Currency,
    /// Stripe's word for its state.
    pub status: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// When it was made.
    pub created: BusinessTime,
    ---
}
