//! Names with amounts: `Basic $5, Pro $10 a month`, `a pass of $4 for 3 months`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::super::facts::Item;
use super::super::form::{Slot, SlotKind};
use super::super::quantities::{self, Span, Unit};
use super::super::words;
use super::Reading;
use super::amounts::{Found, amounts};
use super::items::{key, passes, price_key, prices};

/// The items of a slot, sorted, and the place of the first.
///
/// `once` are words near which an amount is paid once, for a duration.
pub(super) fn find(
    reading: &mut Reading<'_>,
    slot: &Slot,
    once: &[String],
) -> Option<(Vec<Item>, Range<usize>)> {
    let mut all = amounts(reading, slot);
    durations(reading, once, &mut all);
    let own: Vec<bool> = all.iter().map(|it| it.every.is_some()).collect();
    reach_back(reading, &mut all);
    general(reading, &mut all);
    usual(reading, &mut all);
    let mut all: Vec<(Found, bool)> = all.into_iter().zip(own).collect();
    all.retain(|(it, _)| is_sold(reading, slot, once, it));
    let all = without_rivals(all, slot);
    let first = all.first()?.tokens.first().copied()?;
    let span = reading.tokens[first].span.clone();
    let last = all.iter().flat_map(|it| &it.tokens).max().copied().unwrap_or(first);
    let span = span.start..reading.tokens[last].span.end;
    for found in &all {
        reading.used.extend(&found.tokens);
    }
    let is_pass = slot.kind == SlotKind::Passes;
    let items = if is_pass { passes(&all, slot) } else { prices(&all, slot) };
    Some((items, span))
}

/// Whether an amount is an item of the slot.
fn is_sold(reading: &Reading<'_>, slot: &Slot, once: &[String], found: &Found) -> bool {
    if found.odd || found.money.hundredths == 0 {
        return false;
    }
    match (slot.kind, found.every, found.lasts) {
        (SlotKind::Passes, _, Some(lasts)) => fits(slot, lasts) && is_once(reading, once, found),
        (SlotKind::Prices, Some(every), None) => fits(slot, every),
        _ => false,
    }
}

/// Whether the slot knows a length of time: its unit, and not longer than its longest.
fn fits(slot: &Slot, span: Span) -> bool {
    let longest = quantities::duration(&words::tokens(&slot.longest), 0).map(|it| it.0);
    let minutes = |it: Span| it.count.saturating_mul(it.unit.minutes());
    let unit = slot.units.iter().any(|it| it == span.unit.as_str());
    span.unit >= Unit::Day
        && (unit || slot.units.is_empty())
        && longest.is_none_or(|it| minutes(span) <= minutes(it))
}

/// Whether the sentence of an amount says that it is paid once; an answer need not.
fn is_once(reading: &Reading<'_>, once: &[String], found: &Found) -> bool {
    let group = reading.tokens[found.tokens[0]].group;
    let stems: Vec<String> = once.iter().map(|it| words::stem(it)).collect();
    let said = |stem: &String| stem == "once" || stems.contains(stem);
    let mut own = reading.tokens.iter().filter(|it| it.group == group);
    reading.answers || own.any(|it| said(&it.stem))
}

/// Of two amounts for the same thing one stays: the first that has a name, or else the first that has
/// an interval of its own. The other is not understood.
fn without_rivals(all: Vec<(Found, bool)>, slot: &Slot) -> Vec<Found> {
    let what = |it: &Found| {
        let name = key(it.name.as_deref().unwrap_or(&slot.unnamed));
        (name, it.every.filter(|_| it.lasts.is_none()).map(price_key), it.lasts)
    };
    let mut best = BTreeMap::new();
    for (n, (it, own)) in all.iter().enumerate() {
        let rank = (it.name.is_none(), !own, n);
        let least = best.entry(what(it)).or_insert(rank);
        *least = rank.min(*least);
    }
    let kept: BTreeSet<usize> = best.into_values().map(|it| it.2).collect();
    let all = all.into_iter().enumerate().filter(|(n, _)| kept.contains(n));
    all.map(|(_, (it, _))| it).collect()
}

/// An interval holds for the amounts before it in its sentence or list: `Basic $5, Pro $10 a month`.
/// One without a name takes it from one without a name only.
fn reach_back(reading: &Reading<'_>, all: &mut [Found]) {
    let mut source: Option<(usize, Span, bool)> = None;
    for found in all.iter_mut().rev() {
        let group = reading.tokens[found.tokens[0]].group;
        match (found.every, source) {
            (Some(every), _) => source = Some((group, every, found.name.is_some())),
            (None, Some((from, every, named))) if from == group => {
                found.every = Some(every).filter(|_| found.name.is_some() || !named);
            }
            _ => {}
        }
    }
}

/// An interval that the text names without an amount, such as in `pay monthly`, holds for the amounts
/// of its sentence or list; where that has none, and no amount has an interval, for all others. Beside
/// amounts with a name it is not for those without one, and of those elsewhere only for a single one.
fn general(reading: &Reading<'_>, all: &mut [Found]) {
    let tokens = &reading.tokens;
    let own: BTreeSet<usize> = all.iter().flat_map(|it| it.tokens.iter().copied()).collect();
    let mut said: BTreeMap<usize, Span> = BTreeMap::new();
    for at in (0..tokens.len()).filter(|at| !own.contains(at)) {
        if let Some(every) = quantities::adverb(&tokens[at].text) {
            said.entry(tokens[at].group).or_insert(every);
        }
    }
    let Some((first, often)) = said.first_key_value().map(|(group, every)| (*group, *every)) else {
        return;
    };
    let group = |it: &Found| tokens[it.tokens[0]].group;
    let elsewhere = all.iter().all(|it| it.every.is_none() && group(it) != first);
    let paid = all.iter().filter(|it| it.lasts.is_none());
    let named: BTreeSet<usize> = paid.clone().filter(|it| it.name.is_some()).map(group).collect();
    let single = paid.count() == 1;
    let open = |it: &&mut Found| it.every.is_none() && it.lasts.is_none();
    for found in all.iter_mut().filter(open) {
        let is_named = found.name.is_some();
        match said.get(&group(found)) {
            Some(every) if is_named || !named.contains(&group(found)) => found.every = Some(*every),
            None if elsewhere && (is_named || single) => found.every = Some(often),
            _ => {}
        }
    }
}

/// A plan that is known with one interval keeps it: `Raise Gold to $25`.
fn usual(reading: &Reading<'_>, all: &mut [Found]) {
    for found in all.iter_mut().filter(|it| it.every.is_none() && it.lasts.is_none()) {
        let known = found.name.as_ref().and_then(|it| reading.known.get(&it.to_lowercase()));
        if let Some([every]) = known.map(Vec::as_slice) {
            found.every = Some(*every);
        }
    }
}

/// Gives an amount without an interval the duration that stands in its part of the clause, if a word
/// there says that it is paid once.
fn durations(reading: &Reading<'_>, once: &[String], all: &mut [Found]) {
    let tokens = &reading.tokens;
    let stems: Vec<String> = once.iter().map(|it| words::stem(it)).collect();
    let places: Vec<(usize, usize)> = all
        .iter()
        .map(|it| {
            let (first, last) = (it.tokens.iter().min(), it.tokens.iter().max());
            (first.copied().unwrap_or(0), last.copied().unwrap_or(0))
        })
        .collect();
    for n in 0..all.len() {
        if all[n].every.is_some() || all[n].lasts.is_some() {
            continue;
        }
        let clause = tokens[places[n].0].clause;
        let from = n.checked_sub(1).map_or(0, |it| places[it].1 + 1);
        let to = places.get(n + 1).map_or(tokens.len(), |it| it.0);
        let own: Vec<usize> = (from..to).filter(|at| tokens[*at].clause == clause).collect();
        if !own.iter().any(|at| stems.contains(&tokens[*at].stem)) {
            continue;
        }
        let free = own.iter().filter(|at| !all[n].tokens.contains(at));
        let mut counted = free.filter(|at| !matches!(tokens[**at].text.as_str(), "a" | "an"));
        let found = counted.find_map(|at| Some((*at, quantities::duration(tokens, *at)?)));
        if let Some((at, (span, next))) = found {
            all[n].lasts = Some(span);
            all[n].tokens.extend(at..next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::facts::Value;
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let slot = Slot {
            id: "prices".into(),
            kind: SlotKind::Prices,
            near: Vec::new(),
            unnamed: "Only".into(),
            names: vec!["gold".into()],
            implies: Vec::new(),
            units: Vec::new(),
            longest: "3 years".into(),
        };
        let mut reading = Reading { text, tokens: words::tokens(text), ..Reading::default() };
        let found = find(&mut reading, &slot, &["pass".into()]);
        let items = found.map(|it| it.0).unwrap_or_default();
        let field = |it: &Item, name| match it.fields.get(name) {
            Some(Value::Text(text)) => text.clone(),
            other => format!("{other:?}"),
        };
        items
            .iter()
            .map(|it| {
                format!("{} {} {}", field(it, "plan"), field(it, "amount"), field(it, "every"))
            })
            .collect()
    }

    #[test]
    fn prices_are_read_in_many_forms() {
        let three = ["Basic $5.00 month", "Mid $7.00 month", "Top $10.00 month"];
        for text in [
            "Basic $5, Mid $7, Top $10 a month",
            "Basic at $5, Mid at 7 and Top at ten dollars per month",
            "$5 (Basic), $7 (Mid) and $10 (Top) a month",
            "$5 for Basic, $7 for Mid and $10 for Top, each month, as three tiers, and a pass for three months that users pay once ($4)",
            "monthly: Top costs $10, Mid $7.00, Basic 5 USD",
            "- Basic: $5 every month\n- Mid: $7 every month\n- Top: $10 every month",
        ] {
            assert_eq!(read(text), three, "{text}");
        }
        assert_eq!(
            read("Monthly ($29) and Annual ($290) plans"),
            ["Only $29.00 month", "Only $290.00 year"]
        );
        assert_eq!(
            read("Basic is $10/month or $100/year, Mid is $20/month or $200/year"),
            ["Basic $10.00 month", "Basic $100.00 year", "Mid $20.00 month", "Mid $200.00 year"]
        );
        assert_eq!(read("Increase Mid from $5 to $7 a month"), ["Mid $7.00 month"]);
        assert_eq!(read("Raise Mid to $30 a month"), ["Mid $30.00 month"]);
        assert_eq!(read("Gold $5 a month"), ["Gold $5.00 month"]);
        assert_eq!(read("in EUR at €5 a month"), ["Only €5.00 month"]);
        assert_eq!(read("Charge $5 a month"), ["Only $5.00 month"]);
        assert_eq!(read("Pay every 28 days, $5"), [] as [String; 0]);
        assert_eq!(read("Mid every 28 days for $10"), ["Mid $10.00 28 days"]);
        assert_eq!(read("Mid 9,99 € a month. Mid $12 a month."), ["Mid €9.99 month"]);
        assert_eq!(read("gold for €10 a week"), ["Gold €10.00 week"]);
        assert_eq!(read("a pass of $4 for 3 months"), [] as [String; 0]);
    }
}
