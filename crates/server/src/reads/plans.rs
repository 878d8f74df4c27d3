//! The plans on offer.

use specie_billing::catalog::Price;
use specie_vocab::Money;

use crate::App;
use crate::views::{AmountView, PlanView, PriceView};

/// The plans that can be bought, in the catalog's order.
pub fn plans(app: &App) -> Vec<PlanView> {
    let catalog = &app.catalog;
    let feature = |key: &String| {
        catalog.features.iter().find(|it| it.key == *key).map_or(key.clone(), |it| it.name.clone())
    };
    let mut plans = Vec::new();
    for group in &catalog.groups {
        for plan in &group.plans {
            plans.push(PlanView {
                group: group.key.clone(),
                plan: plan.key.clone(),
                name: plan.name.clone(),
                description: Some(plan.description.clone()).filter(|text| !text.is_empty()),
                features: plan.features.iter().map(feature).collect(),
                prices: plan.prices.iter().map(price_view).collect(),
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
