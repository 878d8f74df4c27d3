//! Prices, as Stripe last described them.

use specie_vocab::{BusinessTime, Currency, PriceId, ProductId};

use crate::mirrors::mirror;

mirror! {
    /// A price of Stripe's.
    pub struct PriceRow in "stripe_prices" by PriceId, ended |_| None;
    /// Of which product.
    pub product: ProductId,
    /// Whether it can be bought.
    pub active: bool,
    /// In which currency.
    pub currency: Currency,
    /// How much, in minor units.
    pub unit_amount: Option<i64>,
    /// The unit in which it recurs.
    pub interval = "interval_unit": Option<String>,
    /// How many of that unit.
    pub interval_count: Option<i64>,
    /// By which key of ours it is found.
    pub lookup_key: Option<String>,
    /// When it was made.
    pub created: BusinessTime,
    ---
}
