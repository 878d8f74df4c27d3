//! Reads what is sold: groups, plans, prices, passes.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use specie_vocab::{Currency, Interval, IntervalUnit, Money};

use super::fields::{Fault, Faults, Fields, Spanned};
use super::read::{check_key, known_currency, optional, required, unknown_currency};
use super::{Feature, FeatureKind, Pass, Plan, PlanGroup, Price, Seats, values};

/// Reads what is sold, and notes what is wrong with it.
pub(super) struct Reader<'a> {
    faults: &'a Faults<'a>,
    currency: Currency,
    features: &'a [Feature],
    used: Vec<String>,
}

/// The shortest period that is sold, with the place that says so.
pub(super) type Shortest = Option<(Interval, String)>;

impl<'a> Reader<'a> {
    pub fn new(faults: &'a Faults<'a>, currency: Currency, features: &'a [Feature]) -> Self {
        Self { faults, currency, features, used: Vec::new() }
    }

    /// The keys of the features that something has.
    pub fn used(self) -> Vec<String> {
        self.used
    }

    pub fn groups(&mut self, root: &Fields<'_>, brand: &str) -> (Vec<PlanGroup>, Shortest) {
        let mut groups: Vec<(PlanGroup, Range<usize>)> = Vec::new();
        let mut seen = HashMap::new();
        for fields in root.tables("groups", "a group") {
            fields.only(&["key", "name"]);
            let key = self.key(&fields, "group", &mut seen);
            let name = required(&fields, "name", "write the name that pages show", self.faults);
            groups.push((PlanGroup { key, name, plans: Vec::new() }, fields.span.clone()));
        }
        if root.item("groups").is_none() {
            let only = PlanGroup { key: "main".into(), name: brand.into(), plans: Vec::new() };
            groups.push((only, 0..0));
        }
        let (mut shortest, mut seen) = (None, HashMap::new());
        for fields in root.tables("plans", "a plan") {
            let plan = self.plan(&fields, &mut seen, &mut shortest);
            if let Some(index) = self.group_of(&fields, &plan, &groups) {
                groups[index].0.plans.push(plan);
            }
        }
        if root.item("groups").is_some() {
            for (group, span) in groups.iter().filter(|(group, _)| group.plans.is_empty()) {
                self.faults.error(Fault {
                    rule: "empty-group",
                    span: span.clone(),
                    message: format!("group `{}` has no plan", group.key),
                    found: None,
                    expected: Some("at least one plan".into()),
                    help: Some(format!("write `group = \"{}\"` in a plan", group.key)),
                });
            }
        }
        let groups = groups.into_iter().map(|(group, _)| group);
        (groups.filter(|group| !group.plans.is_empty()).collect(), shortest)
    }

    fn group_of(
        &self,
        fields: &Fields<'_>,
        plan: &Plan,
        groups: &[(PlanGroup, Range<usize>)],
    ) -> Option<usize> {
        let keys: Vec<&str> = groups.iter().map(|(group, _)| &*group.key).collect();
        match (fields.text("group"), groups.len()) {
            (None, 1) => Some(0),
            (None, _) => {
                if fields.item("group").is_none() {
                    let help = format!("name one of the groups: {}", keys.join(", "));
                    fields.missing("group", &help);
                }
                None
            }
            (Some(Spanned { value, span }), _) => {
                let found = keys.iter().position(|key| *key == value);
                if found.is_none() {
                    self.unknown("group", value, &format!("plan `{}`", plan.key), span, &keys);
                }
                found
            }
        }
    }

    fn plan(
        &mut self,
        fields: &Fields<'_>,
        seen: &mut HashMap<String, usize>,
        shortest: &mut Shortest,
    ) -> Plan {
        fields.only(&[
            "key",
            "name",
            "description",
            "group",
            "features",
            "limits",
            "prices",
            "seats",
        ]);
        let key = self.key(fields, "plan", seen);
        let name = required(fields, "name", "write the name that pages show", self.faults);
        let (features, limits) = self.plan_features(fields, &key);
        let mut prices = Vec::new();
        let mut price_keys = HashMap::new();
        for price in fields.tables("prices", &format!("a price of plan `{key}`")) {
            if let Some(price) = self.price(&price, &key, &mut price_keys) {
                let days = values::shortest_days(price.interval);
                if shortest.as_ref().is_none_or(|(least, _)| days < values::shortest_days(*least)) {
                    *shortest = Some((price.interval, format!("{key}/{}", price.key)));
                }
                prices.push(price);
            }
        }
        let any = fields
            .item("prices")
            .is_some_and(|prices| prices.value.as_array().is_none_or(|prices| !prices.is_empty()));
        if !any {
            let help =
                "write `prices = [{ key = \"monthly\", amount = \"29.00\", every = \"month\" }]`";
            fields.missing("prices", help);
        }
        let description = optional(fields, "description", self.faults).unwrap_or_default();
        let seats = self.seats(fields, &key);
        Plan { key, name, description, features, limits, prices, seats }
    }

    fn seats(&self, fields: &Fields<'_>, plan: &str) -> Option<Seats> {
        let Spanned { value, span } = fields.item("seats")?;
        let seats = Fields::of(value, format!("`seats` of plan `{plan}`"), span, self.faults)?;
        seats.only(&["min", "max"]);
        let min = seats.number("min", 1..=1_000_000).unwrap_or(1);
        let max = seats.number("max", i64::from(min)..=1_000_000);
        Some(Seats { min, max })
    }

    fn price(
        &self,
        fields: &Fields<'_>,
        plan: &str,
        seen: &mut HashMap<String, usize>,
    ) -> Option<Price> {
        fields.only(&["key", "amount", "every", "trial_days", "currency"]);
        let key = self.key(fields, "price", seen);
        if let Some(Spanned { value, span }) = fields.text("currency") {
            match known_currency(value) {
                None => unknown_currency(value, span, self.faults),
                Some(other) if other != self.currency => self.faults.error(Fault {
                    rule: "mixed-currencies",
                    span,
                    message: format!(
                        "price `{plan}/{key}` is in `{other}`, but the catalog is in `{}`",
                        self.currency
                    ),
                    found: Some(format!("`{other}`")),
                    expected: Some(format!("`{}`", self.currency)),
                    help: Some("all prices have the catalog's currency: leave the key out".into()),
                }),
                Some(_) => {}
            }
        }
        let amount = self.amount(fields);
        let interval = self.interval(fields, "every");
        let trial_days = fields.number("trial_days", 1..=730);
        Some(Price { key, amount: amount?, interval: interval?, trial_days })
    }

    fn plan_features(
        &mut self,
        fields: &Fields<'_>,
        plan: &str,
    ) -> (Vec<String>, BTreeMap<String, u64>) {
        let what = format!("plan `{plan}`");
        let mut limits = BTreeMap::new();
        if let Some(Spanned { value, span }) = fields.item("limits")
            && let Some(table) = Fields::of(value, format!("`limits` of {what}"), span, self.faults)
        {
            let every: Vec<&str> = table.entries().map(|(key, ..)| key).collect();
            table.only(&every);
            for (key, _, span) in table.entries() {
                let limit = table.number(key, 0..=i64::from(u32::MAX));
                let kind = self.known_feature(key, &what, span.clone());
                if kind == Some(FeatureKind::Switch) {
                    self.misplaced(key, span, "is a switch", "list it under `features`");
                } else if let (Some(_), Some(limit)) = (kind, limit) {
                    limits.insert(key.to_owned(), u64::from(limit));
                }
            }
        }
        let mut listed = self.listed_features(fields, &what);
        listed.extend(limits.keys().cloned());
        let rank = |key: &String| self.features.iter().position(|feature| feature.key == *key);
        listed.sort_by_key(rank);
        (listed, limits)
    }

    /// The switches that `features` lists.
    fn listed_features(&mut self, fields: &Fields<'_>, what: &str) -> Vec<String> {
        let mut listed: Vec<String> = Vec::new();
        for Spanned { value, span } in fields.texts("features") {
            match self.known_feature(value, what, span.clone()) {
                None => {}
                Some(FeatureKind::Switch) if listed.iter().any(|key| key == value) => {
                    self.twice("feature", value, what, span);
                }
                Some(FeatureKind::Switch) => listed.push(value.into()),
                Some(FeatureKind::Limit | FeatureKind::Metered) => {
                    let help = format!("write `limits = {{ {value} = 10 }}`");
                    self.misplaced(value, span, "needs a number", &help);
                }
            }
        }
        listed
    }

    fn known_feature(&mut self, key: &str, what: &str, span: Range<usize>) -> Option<FeatureKind> {
        let found = self.features.iter().find(|feature| feature.key == key);
        match found {
            Some(feature) => self.used.push(feature.key.clone()),
            None => {
                let known: Vec<&str> = self.features.iter().map(|known| &*known.key).collect();
                self.unknown("feature", key, what, span, &known);
            }
        }
        found.map(|feature| feature.kind)
    }

    pub fn passes(&mut self, root: &Fields<'_>, groups: &[PlanGroup]) -> Vec<Pass> {
        let plans = groups.iter().flat_map(|group| &group.plans);
        let mut seen: HashMap<String, usize> = plans.map(|plan| (plan.key.clone(), 0)).collect();
        let mut passes = Vec::new();
        for fields in root.tables("passes", "a pass") {
            fields.only(&["key", "name", "description", "amount", "for", "features"]);
            let key = self.key(&fields, "pass", &mut seen);
            let name = required(&fields, "name", "write the name that pages show", self.faults);
            let features = self.listed_features(&fields, &format!("pass `{key}`"));
            let description = optional(&fields, "description", self.faults).unwrap_or_default();
            let (amount, months) = (self.amount(&fields), self.months(&fields));
            if let (Some(amount), Some(months)) = (amount, months) {
                passes.push(Pass { key, name, description, amount, months, features });
            }
        }
        passes
    }

    fn months(&self, fields: &Fields<'_>) -> Option<u32> {
        let interval = self.interval(fields, "for")?;
        match interval.unit {
            IntervalUnit::Month => Some(interval.count),
            IntervalUnit::Year => Some(interval.count * 12),
            IntervalUnit::Day | IntervalUnit::Week => {
                self.faults.error(Fault {
                    rule: "invalid-interval",
                    span: fields.item("for").map_or(0..0, |item| item.span),
                    message: format!("{} runs for days or weeks, expected months", fields.what),
                    found: None,
                    expected: Some("calendar months".into()),
                    help: Some("write for example `for = \"3 months\"`".into()),
                });
                None
            }
        }
    }

    fn amount(&self, fields: &Fields<'_>) -> Option<Money> {
        let example = values::example_amount(self.currency);
        let help = format!("write it in quotes with its decimals: `amount = \"{example}\"`");
        let Some(Spanned { value: item, span }) = fields.item("amount") else {
            fields.missing("amount", &help);
            return None;
        };
        let source = self.faults.text.get(span.clone()).unwrap_or_default();
        let found = item.as_str().unwrap_or(source).to_owned();
        let minor = item.as_str().and_then(|text| values::amount(text, self.currency));
        let (rule, expected) = match minor {
            Some(1..=99_999_999) => {
                let amount = Money::new(minor.unwrap_or_default(), self.currency);
                self.warn_if_too_small(amount, span);
                return Some(amount);
            }
            Some(0) => ("amount-not-above-zero", "an amount above zero"),
            Some(_) => ("amount-too-large", "an amount of at most 8 digits, as Stripe takes it"),
            None => ("invalid-amount", "an amount in quotes with its decimals"),
        };
        self.faults.error(Fault {
            rule,
            span,
            message: format!("`amount` of {} is `{found}`, expected {expected}", fields.what),
            found: Some(format!("`{found}`")),
            expected: Some(expected.into()),
            help: Some(help),
        });
        None
    }

    fn warn_if_too_small(&self, amount: Money, span: Range<usize>) {
        let least = match amount.currency.as_str() {
            "usd" | "eur" => 50,
            "gbp" => 30,
            _ => return,
        };
        if amount.minor < least {
            let least = Money::new(least, amount.currency);
            self.faults.warning(Fault {
                rule: "below-minimum",
                span,
                message: format!("Stripe charges nothing below {least}: {amount} is kept as debt"),
                found: Some(amount.to_string()),
                expected: Some(format!("at least {least}")),
                help: None,
            });
        }
    }

    fn interval(&self, fields: &Fields<'_>, name: &str) -> Option<Interval> {
        let help = format!("write for example `{name} = \"month\"` or `{name} = \"30 days\"`");
        if fields.item(name).is_none() {
            fields.missing(name, &help);
        }
        let Spanned { value, span } = fields.text(name)?;
        let expected = match values::interval(value) {
            Some(interval) if interval.is_accepted_by_stripe() => return Some(interval),
            Some(_) => "at most three years, as Stripe takes it",
            None => "a number of days, weeks, months or years",
        };
        self.faults.error(Fault {
            rule: "invalid-interval",
            span,
            message: format!("`{name}` of {} is `{value}`, expected {expected}", fields.what),
            found: Some(format!("`{value}`")),
            expected: Some(expected.into()),
            help: Some(help),
        });
        None
    }

    /// The key of a thing, which must be its own.
    fn key(&self, fields: &Fields<'_>, what: &str, seen: &mut HashMap<String, usize>) -> String {
        let help = format!("write `key = \"…\"`, with {}", values::KEY);
        let Some(Spanned { value, span }) = fields.text("key") else {
            if fields.item("key").is_none() {
                fields.missing("key", &help);
            }
            return "?".into();
        };
        check_key(what, value, span.clone(), self.faults);
        if seen.insert(value.into(), span.start).is_some() {
            self.twice(what, value, "the catalog", span);
        }
        value.into()
    }

    fn twice(&self, what: &str, key: &str, place: &str, span: Range<usize>) {
        self.faults.error(Fault {
            rule: "duplicate-key",
            span,
            message: format!("{what} `{key}` stands twice in {place}"),
            found: Some(format!("`{key}` again")),
            expected: Some("a key of its own".into()),
            help: None,
        });
    }

    fn unknown(&self, kind: &str, key: &str, what: &str, span: Range<usize>, known: &[&str]) {
        let near = values::nearest(key, known).map(|near| format!("did you mean `{near}`?"));
        let rule = if kind == "feature" { "unknown-feature" } else { "unknown-group" };
        self.faults.error(Fault {
            rule,
            span,
            message: format!("{what} names the {kind} `{key}`, which does not exist"),
            found: Some(format!("`{key}`")),
            expected: Some(format!("a key under `{kind}s`")),
            help: near.or_else(|| Some(format!("describe `{key}` under `{kind}s`"))),
        });
    }

    fn misplaced(&self, key: &str, span: Range<usize>, why: &str, help: &str) {
        self.faults.error(Fault {
            rule: "misplaced-feature",
            span,
            message: format!("the feature `{key}` {why}"),
            found: Some(format!("`{key}`")),
            expected: None,
            help: Some(help.into()),
        });
    }
}
