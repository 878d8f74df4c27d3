//! Products, as Stripe last described them.

use specie_vocab::{BusinessTime, ProductId};

use crate::mirrors::mirror;
use crate::sql::run;

mirror! {
    /// A product of Stripe's.
    pub struct ProductRow in "stripe_products" by ProductId, ended |_| None;
    /// Its name.
    pub name: String,
    /// Whether it can be bought.
    pub active: bool,
    /// When it was made.
    pub created: BusinessTime,
    /// When it last changed.
    pub updated: BusinessTime,
    ---
    FORGET = "delete from stripe_products where id = $1";
}

/// A deleted one is not kept. Answers whether it was there.
pub async fn forget(tx: &mut Tx, id: &ProductId) -> Result<bool, StoreError> {
    Ok(run!(tx, FORGET, [id]) == 1)
}
