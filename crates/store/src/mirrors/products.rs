//! Products, as Stripe last described them.

use specie_vocab::{BusinessTime, ProductId};

use crate::mirrors::mirror;

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
}
