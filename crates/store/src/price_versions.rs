//! Which price of Stripe's stands for a price of the catalog, version by version: who bought an
//! earlier one stays on it.

use specie_vocab::{Currency, Interval, IntervalUnit, Money, PriceId, ProductId, WallTime};

use crate::sql::{all, one, row, run, statements};
use crate::{StoreError, Tx};

row! {
    /// A version of a price.
    pub struct PriceVersion in "price_versions" by stripe_price: PriceId {
        /// The plan group's key.
        pub group = "plan_group": String,
        /// The plan's key.
        pub plan: String,
        /// The price's key.
        pub price: String,
        /// From 1; the newest is what the catalog said when it was applied last.
        pub version: i64,
        /// The product at Stripe.
        pub stripe_product: ProductId,
        /// The price at Stripe.
        pub stripe_price: PriceId,
        /// In minor units.
        pub amount: i64,
        /// In which currency.
        pub currency: Currency,
        /// The unit in which it recurs.
        pub interval = "interval_unit": String,
        /// How many of that unit.
        pub count = "interval_count": i64,
        /// When it was made.
        pub created_at: WallTime,
    }
}

impl PriceVersion {
    /// What a period costs, and how long it is.
    pub fn terms(&self) -> Option<(Money, Interval)> {
        let unit = IntervalUnit::of(&self.interval)?;
        let count = u32::try_from(self.count).ok()?;
        Some((Money::new(self.amount, self.currency), Interval { unit, count }))
    }
}

statements! {
    ADD: PriceVersion = "insert into price_versions ({columns}) values ({places}) \
                         on conflict do nothing";
    RENEW = "update price_versions set version = $5 \
             where stripe_price = $1 and plan_group = $2 and plan = $3 and price = $4";
    CURRENT: PriceVersion = "select {columns} from price_versions \
                             where plan_group = $1 and plan = $2 and price = $3 \
                             order by version desc limit 1";
    OF_TERMS: PriceVersion = "select {columns} from price_versions \
                              where plan_group = $1 and plan = $2 and price = $3 \
                              and amount = $4 and currency = $5 \
                              and interval_unit = $6 and interval_count = $7 \
                              order by version desc limit 1";
    BY_STRIPE: PriceVersion = "select {columns} from price_versions where stripe_price = $1";
    LIST: PriceVersion = "select {columns} from price_versions \
                          order by plan_group, plan, price, version";
}

/// Makes this the newest version: a new one, or one that was sold before and gets a new number.
/// False, if its number is taken, or its price at Stripe stands for another price of the catalog.
pub async fn make_newest(tx: &mut Tx, it: &PriceVersion) -> Result<bool, StoreError> {
    Ok(add(tx, it).await? || renew(tx, it).await?)
}

/// Gives the version of a price at Stripe another number. False, if there is none.
async fn renew(tx: &mut Tx, it: &PriceVersion) -> Result<bool, StoreError> {
    let PriceVersion { group, plan, price, version, stripe_price, .. } = it;
    Ok(run!(tx, RENEW, [stripe_price, group, plan, price, version]) == 1)
}

/// Adds a version. False, if it (or its price at Stripe) is there already.
pub async fn add(tx: &mut Tx, it: &PriceVersion) -> Result<bool, StoreError> {
    let PriceVersion { group, plan, price, version, stripe_product, stripe_price, .. } = it;
    let PriceVersion { amount, currency, interval, count, created_at, .. } = it;
    let added = run!(
        tx,
        ADD,
        [
            group,
            plan,
            price,
            version,
            stripe_product,
            stripe_price,
            amount,
            currency,
            interval,
            count,
            created_at
        ]
    );
    Ok(added == 1)
}

/// The newest version: the one that was applied last.
pub async fn current(
    tx: &mut Tx,
    group: &str,
    plan: &str,
    price: &str,
) -> Result<Option<PriceVersion>, StoreError> {
    Ok(one!(tx, CURRENT, [group, plan, price]))
}

/// The newest version of a price that costs just this for just so long.
pub async fn of_terms(
    tx: &mut Tx,
    [group, plan, price]: [&str; 3],
    amount: Money,
    interval: Interval,
) -> Result<Option<PriceVersion>, StoreError> {
    let Money { minor, currency } = amount;
    let (unit, count) = (interval.unit.as_str(), i64::from(interval.count));
    Ok(one!(tx, OF_TERMS, [group, plan, price, minor, currency, unit, count]))
}

/// The version that a price of Stripe's stands for.
pub async fn by_stripe(tx: &mut Tx, price: &PriceId) -> Result<Option<PriceVersion>, StoreError> {
    Ok(one!(tx, BY_STRIPE, [price]))
}

/// All versions.
pub async fn list(tx: &mut Tx) -> Result<Vec<PriceVersion>, StoreError> {
    Ok(all!(tx, LIST, []))
}
