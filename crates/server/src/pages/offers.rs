//! The plans as the plan page shows them: one price each, by the interval that was chosen.

use specie_billing::PriceRef;
use specie_billing::catalog::{Catalog, Plan, PlanGroup, Price};
use specie_vocab::{Interval, IntervalUnit, Money};

use super::texts::{Texts, fill};
use super::words;
use crate::views::SubscriptionView;

/// One entry of the toggle.
pub(crate) struct Choice {
    /// `30day`.
    pub key: String,
    pub label: String,
    /// `save 17%`: the least that any plan saves by it.
    pub saves: Option<String>,
    pub chosen: bool,
}

/// A plan with the price that is shown.
pub(crate) struct Offer {
    pub plan: String,
    pub price: String,
    pub name: String,
    pub description: Option<String>,
    pub amount: String,
    pub every: String,
    pub saves: Option<String>,
    pub features: Vec<String>,
    pub features_label: String,
    /// This is what the visitor has.
    pub yours: bool,
    /// The visitor has another plan of the group.
    pub taken: bool,
    /// The service cannot sell it yet.
    pub not_sold: bool,
    /// What the button says.
    pub action: String,
}

/// A plan group's offers.
pub(crate) struct Section {
    /// The group's name, where there are several.
    pub name: Option<String>,
    pub offers: Vec<Offer>,
}

/// `30day`, as the address names an interval.
pub(crate) fn key(interval: Interval) -> String {
    format!("{}{}", interval.count, interval.unit.as_str())
}

/// How long an interval lasts on average, in seconds; for comparing prices alone.
fn seconds(interval: Interval) -> i64 {
    let unit = match interval.unit {
        IntervalUnit::Day => 86_400,
        IntervalUnit::Week => 604_800,
        // A twelfth of the mean Gregorian year, so that twelve months are a year.
        IntervalUnit::Month => 2_629_746,
        IntervalUnit::Year => 31_556_952,
    };
    unit * i64::from(interval.count)
}

/// The catalog's intervals, shortest first.
pub(crate) fn intervals(catalog: &Catalog) -> Vec<Interval> {
    let mut all: Vec<Interval> = catalog.prices().map(|(_, _, price)| price.interval).collect();
    all.sort_by_key(|interval| seconds(*interval));
    all.dedup();
    all
}

/// The toggle, with the named interval chosen, or else the first.
pub(crate) fn toggle(t: &Texts, catalog: &Catalog, named: Option<&str>) -> Vec<Choice> {
    let all = intervals(catalog);
    let chosen = all.iter().position(|it| Some(key(*it).as_str()) == named).unwrap_or(0);
    let name = |interval: &Interval| words::interval_name(t, *interval);
    // Where two would have the same name, each is called what it is.
    let label =
        |interval: &Interval| match all.iter().filter(|it| name(it) == name(interval)).count() {
            1 => name(interval),
            _ => words::capital(&words::every(t, *interval)),
        };
    let entry = |(i, interval): (usize, &Interval)| Choice {
        key: key(*interval),
        label: label(interval),
        saves: least_saved(catalog, *interval)
            .map(|percent| fill(&t.plans_toggle_saves, &[("percent", &percent.to_string())])),
        chosen: i == chosen,
    };
    all.iter().enumerate().map(entry).collect()
}

/// A group's plans for one interval. A plan without such a price shows its first one.
pub(crate) fn section(
    t: &Texts,
    catalog: &Catalog,
    group: &PlanGroup,
    chosen: &str,
    held: &SubscriptionView,
) -> Section {
    let of = |plan: &Plan| {
        let price = plan.prices.iter().find(|price| key(price.interval) == chosen);
        let price = price.or(plan.prices.first())?;
        let found =
            PriceRef { group: group.key.clone(), plan: plan.key.clone(), price: price.key.clone() };
        let not_sold = catalog.why_unsellable(&found).is_some();
        Some(Offer { not_sold, ..offer(t, catalog, plan, price, held) })
    };
    let name = (catalog.groups.len() > 1).then(|| group.name.clone());
    Section { name, offers: group.plans.iter().filter_map(of).collect() }
}

fn offer(
    t: &Texts,
    catalog: &Catalog,
    plan: &Plan,
    price: &Price,
    held: &SubscriptionView,
) -> Offer {
    let subscribed = is_held(held);
    let same = held.plan.as_deref() == Some(&plan.key) && held.price.as_deref() == Some(&price.key);
    let name = [("plan", plan.name.as_str())];
    Offer {
        plan: plan.key.clone(),
        price: price.key.clone(),
        name: plan.name.clone(),
        description: Some(plan.description.clone()).filter(|text| !text.is_empty()),
        amount: price.amount.to_string(),
        every: words::every(t, price.interval),
        saves: shortest(plan).and_then(|short| saves(t, short, price)),
        features: plan.features.iter().map(|key| feature(catalog, plan, key)).collect(),
        features_label: fill(&t.plans_features, &name),
        yours: subscribed && same,
        taken: subscribed && !same,
        not_sold: false,
        action: fill(&t.plans_choose, &name),
    }
}

/// Whether the customer has a subscription in the group, in whatever state.
pub(crate) fn is_held(view: &SubscriptionView) -> bool {
    !matches!(view.status.as_str(), "none" | "canceled" | "incomplete_expired")
}

/// What a plan gives: a feature, with its limit if it has one.
pub(crate) fn feature(catalog: &Catalog, plan: &Plan, key: &str) -> String {
    let name = catalog.feature(key).map_or(key, |feature| &feature.name);
    match plan.limits.get(key) {
        Some(limit) => format!("{name}: {limit}"),
        None => name.into(),
    }
}

fn shortest(plan: &Plan) -> Option<&Price> {
    plan.prices.iter().min_by_key(|price| seconds(price.interval))
}

/// What every plan that is sold at an interval saves by it at least, in per cent; none, if one of
/// them saves nothing.
fn least_saved(catalog: &Catalog, interval: Interval) -> Option<i128> {
    let plans = catalog.groups.iter().flat_map(|group| &group.plans);
    let saved = plans.filter_map(|plan| {
        let price = plan.prices.iter().find(|price| price.interval == interval)?;
        Some(shortest(plan).and_then(|short| saved(short, price)).map(|(_, percent)| percent))
    });
    saved.min().flatten()
}

/// What a longer interval saves over the same time: in money, and in per cent, both rounded down.
fn saved(short: &Price, long: &Price) -> Option<(i128, i128)> {
    let (span, step) = (seconds(long.interval), seconds(short.interval));
    let full = i128::from(short.amount.minor) * i128::from(span) / i128::from(step.max(1));
    let saved = full - i128::from(long.amount.minor);
    let percent = saved * 100 / full.max(1);
    (span > step && percent >= 1).then_some((saved, percent))
}

fn saves(t: &Texts, short: &Price, long: &Price) -> Option<String> {
    let (saved, percent) = saved(short, long)?;
    let amount = Money::new(i64::try_from(saved).ok()?, long.amount.currency).to_string();
    let every = words::every(t, short.interval);
    let percent = percent.to_string();
    Some(fill(&t.plans_saves, &[("amount", &amount), ("percent", &percent), ("every", &every)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::texts::english;
    use specie_vocab::Currency;

    fn price(minor: i64, unit: IntervalUnit, count: u32) -> Price {
        Price {
            key: "k".into(),
            amount: Money::new(minor, Currency::USD),
            interval: Interval { unit, count },
            trial_days: None,
        }
    }

    #[test]
    fn what_a_longer_interval_saves_is_counted_over_the_same_time() {
        use IntervalUnit::{Day, Month, Year};
        let saves = |short, long| saves(english(), &short, &long);
        let monthly = || price(2900, Day, 30);
        // 365 days of $29.00 every 30 days are $352.83.
        assert_eq!(
            saves(monthly(), price(29_000, Day, 365)).unwrap(),
            "Saves $62.83 (17%) compared with paying every 30 days"
        );
        assert_eq!(
            saves(price(1000, Month, 1), price(10_000, Year, 1)).unwrap(),
            "Saves $20.00 (16%) compared with paying every month"
        );
        assert_eq!(saves(monthly(), monthly()), None);
        assert_eq!(saves(price(1000, Month, 1), price(12_000, Year, 1)), None);
        assert_eq!(saves(price(1000, Month, 1), price(13_000, Year, 1)), None);
    }
}
