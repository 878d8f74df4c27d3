//! What is sold, and for how much.

use std::collections::BTreeMap;

use serde_json::Value;
use specie_vocab::{Currency, Interval, IntervalUnit};

use super::reader::Reader;
use crate::Unreadable;

/// A price. All that says how much and how often never changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Price {
    /// Its id: `price_…`, or whatever somebody named a plan before there were prices.
    pub id: String,
    /// Of which product.
    pub product: String,
    /// Whether it can still be bought.
    pub active: bool,
    /// In what.
    pub currency: Currency,
    /// How much; none if it is tiered or has parts of a minor unit.
    pub unit_amount: Option<i64>,
    /// How often; none if it is paid once.
    pub interval: Option<Interval>,
    /// It is paid by metered use.
    pub metered: bool,
    /// A name of our choice that can move to another price.
    pub lookup_key: Option<String>,
    /// What was noted on it.
    pub metadata: BTreeMap<String, String>,
    /// When it was made.
    pub created: i64,
    /// All that Stripe said.
    pub raw: Value,
}

/// A product.
#[derive(Clone, Debug, PartialEq)]
pub struct Product {
    /// Its id: `prod_…`, or one that somebody chose.
    pub id: String,
    /// What customers read; a deleted one has none.
    pub name: Option<String>,
    /// Whether it can still be bought.
    pub active: bool,
    /// What was noted on it.
    pub metadata: BTreeMap<String, String>,
    /// When it was made; a deleted one does not say.
    pub created: Option<i64>,
    /// When it was changed last.
    pub updated: Option<i64>,
    /// Deleted: nothing but the id is left.
    pub deleted: bool,
    /// All that Stripe said.
    pub raw: Value,
}

impl Price {
    /// Reads a price.
    pub fn parse(value: &Value) -> Result<Self, Unreadable> {
        let reader = Reader::of(value, "price")?;
        let product = reader.opt_ref("product")?.ok_or_else(|| reader.fault("product"))?;
        Ok(Self {
            id: reader.text("id")?,
            product: product.into(),
            active: reader.flag("active")?,
            currency: reader.id("currency")?,
            unit_amount: reader.opt_int("unit_amount")?,
            interval: interval(&reader)?,
            metered: reader.at("recurring.usage_type") == "metered",
            lookup_key: reader.opt_text("lookup_key")?,
            metadata: reader.metadata("metadata")?,
            created: reader.int("created")?,
            raw: value.clone(),
        })
    }
}

fn interval(price: &Reader) -> Result<Option<Interval>, Unreadable> {
    let Some(word) = price.opt_text("recurring.interval")? else { return Ok(None) };
    let unit = IntervalUnit::of(&word).ok_or_else(|| price.fault("recurring.interval"))?;
    let field = "recurring.interval_count";
    let count = u32::try_from(price.int(field)?).ok().filter(|count| *count > 0);
    Ok(Some(Interval { unit, count: count.ok_or_else(|| price.fault(field))? }))
}

impl Product {
    /// Reads a product.
    pub fn parse(value: &Value) -> Result<Self, Unreadable> {
        let reader = Reader::of(value, "product")?;
        let deleted = reader.flag("deleted")?;
        let name = reader.opt_text("name")?;
        if name.is_none() && !deleted {
            return Err(reader.fault("name"));
        }
        Ok(Self {
            id: reader.text("id")?,
            name,
            active: reader.flag("active")?,
            metadata: reader.metadata("metadata")?,
            created: reader.opt_int("created")?,
            updated: reader.opt_int("updated")?,
            deleted,
            raw: value.clone(),
        })
    }
}
