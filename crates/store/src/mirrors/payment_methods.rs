//! Payment methods, as Stripe last described them.

use specie_vocab::{BusinessTime, CustomerId, PaymentMethodId};

use crate::mirrors::mirror;

mirror! {
    /// A payment method of Stripe's.
    pub struct PaymentMethodRow in "stripe_payment_methods" by PaymentMethodId, of customer, ended |_| None;
    /// Whose.
    pub customer: CustomerId,
    /// What kind, such as `card`.
    pub kind: String,
    /// The brand of a card.
    pub brand: Option<String>,
    /// The last four digits.
    pub last4: Option<String>,
    /// The month in which a card expires.
    pub exp_month: Option<i64>,
    /// The year in which a card expires.
    pub exp_year: Option<i64>,
    /// When it was made.
    pub created: BusinessTime,
    ---
}
