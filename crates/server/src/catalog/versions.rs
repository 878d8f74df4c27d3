//! Which price of Stripe's a price of the catalog is sold as: noted when the catalog is applied, looked
//! up when it is sold.

use specie_billing::Catalog;
use specie_billing::catalog::{Plan, PlanGroup, Price};
use specie_store::price_versions::{self, PriceVersion};
use specie_store::{Db, StoreError, Tx};
use specie_stripe::{Client, Form, Priority};

use super::{CatalogError, StripePrice, can_be_sold_as, lookup_key};

/// A price of the catalog with what it belongs to.
type InCatalog<'a> = (&'a PlanGroup, &'a Plan, &'a Price);

/// What a price is sold as: the version that costs what the catalog says. None: it was not applied
/// since it says so, and whatever else is known costs something else than what is shown.
pub async fn sold_as(
    tx: &mut Tx,
    (group, plan, price): InCatalog<'_>,
) -> Result<Option<PriceVersion>, StoreError> {
    let keys = [group.key.as_str(), plan.key.as_str(), price.key.as_str()];
    price_versions::of_terms(tx, keys, price.amount, price.interval).await
}

/// The prices that cannot be sold until the catalog is applied, each with its terms, for a message:
/// `pro/monthly`, in backticks, `at $29.00 every 30 days`.
pub async fn not_applied(db: &Db, catalog: &Catalog) -> Result<Vec<String>, StoreError> {
    let mut tx = db.read().await?;
    let mut found = Vec::new();
    for (group, plan, price) in catalog.prices() {
        if sold_as(&mut tx, (group, plan, price)).await?.is_none() {
            found.push(named(plan, price));
        }
    }
    Ok(found)
}

fn named(plan: &Plan, Price { key, amount, interval, .. }: &Price) -> String {
    format!("`{}/{key}` at {amount} {interval}", plan.key)
}

/// The prices that were applied, and that Stripe does not have so any more: archived, deleted, or
/// with other terms. They are named as in [`not_applied`].
pub async fn not_in_stripe(
    db: &Db,
    stripe: &Client,
    catalog: &Catalog,
) -> Result<Vec<String>, CatalogError> {
    let all = stripe.list_all("/v1/prices", &Form::new(), Priority::Interactive).await?;
    let all = all.iter().map(StripePrice::parse).collect::<Result<Vec<_>, _>>()?;
    let mut tx = db.read().await?;
    let mut found = Vec::new();
    for (group, plan, price) in catalog.prices() {
        let Some(sold) = sold_as(&mut tx, (group, plan, price)).await? else { continue };
        let there = all.iter().find(|it| it.id == sold.stripe_price.as_str());
        if !there.is_some_and(|there| can_be_sold_as(there, price)) {
            found.push(named(plan, price));
        }
    }
    Ok(found)
}

/// Notes what a price is sold as from now on, unless that is so already.
pub(super) async fn note(
    db: &Db,
    (group, plan, price): InCatalog<'_>,
    product: &str,
    stripe_price: &str,
) -> Result<(), CatalogError> {
    let unexpected = |error: specie_vocab::InvalidId| CatalogError::Unexpected(error.to_string());
    let mut tx = db.begin().await?;
    let newest = price_versions::current(&mut tx, &group.key, &plan.key, &price.key).await?;
    if newest.as_ref().is_some_and(|it| it.stripe_price.as_str() == stripe_price) {
        return Ok(());
    }
    let version = PriceVersion {
        group: group.key.clone(),
        plan: plan.key.clone(),
        price: price.key.clone(),
        version: newest.map_or(1, |it| it.version + 1),
        stripe_product: product.try_into().map_err(unexpected)?,
        stripe_price: stripe_price.try_into().map_err(unexpected)?,
        amount: price.amount.minor,
        currency: price.amount.currency,
        interval: price.interval.unit.as_str().into(),
        count: i64::from(price.interval.count),
        created_at: tx.now().await?,
    };
    if !price_versions::make_newest(&mut tx, &version).await? {
        if price_versions::by_stripe(&mut tx, &version.stripe_price).await?.is_none() {
            let text = "another catalog is being applied at the same time; apply this one again";
            return Err(CatalogError::Unexpected(text.into()));
        }
        return Err(CatalogError::Unexpected(format!(
            "stripe's price `{stripe_price}` has the lookup key `{}`, but is known as another price \
             of the catalog; take the lookup key off it in Stripe's dashboard, and apply again",
            lookup_key(group, plan, price),
        )));
    }
    tx.commit().await?;
    Ok(())
}
