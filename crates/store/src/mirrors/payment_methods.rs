//! Payment methods, as Stripe last described them.

use specie_vocab::{BusinessTime, CustomerId, PaymentMethodId};

use crate::mirrors::mirror;
use crate::sql::run;

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
    FORGET = "delete from stripe_payment_methods where id = $1";
    FORGET_ALL = "delete from stripe_payment_methods where customer = $1";
}

/// One that belongs to nobody any more is not kept. Answers whether it was there.
pub async fn forget(tx: &mut Tx, id: &PaymentMethodId) -> Result<bool, StoreError> {
    Ok(run!(tx, FORGET, [id]) == 1)
}

/// Those of a customer who was deleted are detached. Answers whether there were any.
pub async fn forget_all(tx: &mut Tx, customer: &CustomerId) -> Result<bool, StoreError> {
    Ok(run!(tx, FORGET_ALL, [customer]) > 0)
}
