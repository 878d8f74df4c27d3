//! The catalog: what is sold, on which terms, under which name. Read from `specie.toml`.

mod currencies;
mod fields;
mod file;
mod plans;
mod read;
mod secrets;
mod terms;
#[cfg(test)]
mod tests;
mod values;

use std::collections::BTreeMap;

use specie_vocab::{Currency, Interval, Money};

pub use file::{Checked, check, parse};
pub use terms::{
    AccessAfter, AfterDunning, Brand, Cancellation, CreditOnChange, JwtClaims, Policies, Settings,
    StaleAccess,
};
pub(crate) use values::masked;

/// The catalog that ships as the first example: Pro, monthly and annual.
pub const SAASKIT: &str = include_str!("../../../examples/saaskit/specie.toml");
/// The catalog that ships as the second example: three tiers and a pass.
pub const TIERS: &str = include_str!("../../../examples/tiers/specie.toml");

/// A checked catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalog {
    /// The currency of every price.
    pub currency: Currency,
    /// The plan groups, in the order of the file.
    pub groups: Vec<PlanGroup>,
    /// What is bought once, for a stretch of time.
    pub passes: Vec<Pass>,
    /// What plans contain, in the order of the file.
    pub features: Vec<Feature>,
    /// What happens when money does not come, and the like.
    pub policies: Policies,
    /// Under which name it is sold.
    pub brand: Brand,
    /// The rest.
    pub settings: Settings,
}

/// Plans of which a customer holds one at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanGroup {
    /// Its key.
    pub key: String,
    /// Its name.
    pub name: String,
    /// Its plans, from the lowest to the highest: the order of the file is their rank.
    pub plans: Vec<Plan>,
}

/// A plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Its key, unique in the whole catalog.
    pub key: String,
    /// Its name.
    pub name: String,
    /// One line about it; may be empty.
    pub description: String,
    /// The keys of the features it has, limits and allowances too, in the order of the file.
    pub features: Vec<FeatureKey>,
    /// How much of a limit or an allowance it has.
    pub limits: BTreeMap<FeatureKey, u64>,
    /// Its prices, in the order of the file.
    pub prices: Vec<Price>,
    /// How many seats can be bought, for a plan that is sold by the seat.
    pub seats: Option<Seats>,
}

/// The key of a feature.
pub type FeatureKey = String;

/// How many seats can be bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seats {
    /// At least this many.
    pub min: u32,
    /// At most this many.
    pub max: Option<u32>,
}

/// A price of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// Its key, unique in its plan.
    pub key: String,
    /// What each period costs.
    pub amount: Money,
    /// How long a period is.
    pub interval: Interval,
    /// How many days come before the first payment.
    pub trial_days: Option<u32>,
}

/// Access bought once, for a stretch of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    /// Its key, unique among plans and passes.
    pub key: String,
    /// Its name.
    pub name: String,
    /// One line about it; may be empty.
    pub description: String,
    /// What it costs.
    pub amount: Money,
    /// For how many calendar months it gives access.
    pub months: u32,
    /// The keys of its features.
    pub features: Vec<FeatureKey>,
}

/// Something that plans and passes contain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feature {
    /// Its key.
    pub key: FeatureKey,
    /// Its name, as pages show it.
    pub name: String,
    /// How much of it there can be.
    pub kind: FeatureKind,
}

/// How much of a feature there can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeatureKind {
    /// There or not there.
    Switch,
    /// Up to a number.
    Limit,
    /// A number in each period.
    Metered,
}

/// Names a price of the catalog by its keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PriceRef {
    /// The group's key.
    pub group: String,
    /// The plan's key.
    pub plan: String,
    /// The price's key.
    pub price: String,
}

impl Catalog {
    /// The price that these keys name.
    pub fn price(&self, plan: &str, price: &str) -> Option<PriceRef> {
        let (group, plan) = self.plan(plan)?;
        let price = plan.prices.iter().find(|found| found.key == price)?;
        Some(PriceRef {
            group: group.key.clone(),
            plan: plan.key.clone(),
            price: price.key.clone(),
        })
    }

    /// A plan with its group.
    pub fn plan(&self, key: &str) -> Option<(&PlanGroup, &Plan)> {
        self.groups
            .iter()
            .find_map(|group| Some((group, group.plans.iter().find(|plan| plan.key == key)?)))
    }

    /// A plan group.
    pub fn group(&self, key: &str) -> Option<&PlanGroup> {
        self.groups.iter().find(|group| group.key == key)
    }

    /// All that `found` names, if the catalog (still) has it.
    pub fn look_up(&self, found: &PriceRef) -> Option<(&PlanGroup, &Plan, &Price)> {
        let group = self.group(&found.group)?;
        let plan = group.plans.iter().find(|plan| plan.key == found.plan)?;
        let price = plan.prices.iter().find(|price| price.key == found.price)?;
        Some((group, plan, price))
    }

    /// Every price with what it belongs to, in the order of the file.
    pub fn prices(&self) -> impl Iterator<Item = (&PlanGroup, &Plan, &Price)> {
        self.groups.iter().flat_map(|group| {
            group
                .plans
                .iter()
                .flat_map(move |plan| plan.prices.iter().map(move |price| (group, plan, price)))
        })
    }

    /// A feature.
    pub fn feature(&self, key: &str) -> Option<&Feature> {
        self.features.iter().find(|feature| feature.key == key)
    }

    /// What a price is called where the group's plans are known: its own key if the group has one
    /// plan (`monthly`), else `plan/price`.
    pub fn short_name(&self, found: &PriceRef) -> String {
        match self.group(&found.group) {
            Some(group) if group.plans.len() == 1 => found.price.clone(),
            _ => format!("{}/{}", found.plan, found.price),
        }
    }

    /// What the catalog allows and the service cannot sell yet, each by name.
    pub fn unsellable(&self) -> Vec<Unsellable> {
        let passes = self.passes.iter().map(|pass| Unsellable {
            what: format!("pass `{}`", pass.key),
            plan: None,
            price: None,
            why: "passes cannot be sold yet",
        });
        let seats = self.groups.iter().flat_map(|group| &group.plans).filter_map(|plan| {
            plan.seats?;
            Some(Unsellable {
                what: format!("plan `{}`", plan.key),
                plan: Some(plan.key.clone()),
                price: None,
                why: "plans by the seat cannot be sold yet",
            })
        });
        let trials = self.prices().filter_map(|(_, plan, price)| {
            price.trial_days?;
            Some(Unsellable {
                what: format!("price `{}/{}`", plan.key, price.key),
                plan: Some(plan.key.clone()),
                price: Some(price.key.clone()),
                why: "trials cannot be sold yet",
            })
        });
        passes.chain(seats).chain(trials).collect()
    }

    /// Why this price cannot be sold yet; None: it can.
    pub fn why_unsellable(&self, found: &PriceRef) -> Option<Unsellable> {
        self.unsellable().into_iter().find(|entry| {
            entry.plan.as_ref() == Some(&found.plan)
                && entry.price.as_ref().is_none_or(|price| *price == found.price)
        })
    }
}

/// Something that the catalog allows and the service cannot sell yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsellable {
    /// What, for a message: `price `pro/monthly``.
    pub what: String,
    /// The plan it belongs to; None for a pass.
    pub plan: Option<String>,
    /// The price, if it is one price only.
    pub price: Option<String>,
    /// Why, for a message.
    pub why: &'static str,
}
