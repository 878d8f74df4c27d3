//! The plans on offer.

use specie_billing::PriceRef;
use specie_billing::catalog::Price;
use specie_vocab::Money;

use crate::App;
use crate::pages::offers::feature;
use crate::views::{AmountView, PlanView, PriceView};

/// The plans that can be bought, in the catalog's order.
pub fn plans(app: &App) -> Vec<PlanView> {
    let catalog = &app.catalog;
    let mut plans = Vec::new();
    for group in &catalog.groups {
        for plan in &group.plans {
            let sold = |price: &&Price| {
                let (group, plan) = (group.key.clone(), plan.key.clone());
                let found = PriceRef { group, plan, price: price.key.clone() };
                catalog.why_unsellable(&found).is_none()
            };
            let prices: Vec<_> = plan.prices.iter().filter(sold).map(price_view).collect();
            if prices.is_empty() {
                continue;
            }
            plans.push(PlanView {
                group: group.key.clone(),
                plan: plan.key.clone(),
                name: plan.name.clone(),
                description: Some(plan.description.clone()).filter(|text| !text.is_empty()),
                features: plan.features.iter().map(|key| feature(catalog, plan, key)).collect(),
                prices,
            });
        }
    }
    plans
}

fn price_view(price: &Price) -> PriceView {
    PriceView {
        price: price.key.clone(),
        amount: amount(price.amount),
        interval: price.interval.unit.as_str().into(),
        interval_count: price.interval.count,
        every: price.interval.to_string(),
    }
}

pub(super) fn amount(money: Money) -> AmountView {
    AmountView {
        amount: money.minor,
        currency: money.currency.to_string(),
        text: money.to_string(),
    }
}
