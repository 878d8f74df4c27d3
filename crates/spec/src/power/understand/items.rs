//! What is made of the amounts that were found: the items of a slot.

use std::collections::BTreeMap;

use super::super::facts::{Item, Value};
use super::super::form::Slot;
use super::super::quantities::{Money, Span, Unit};
use super::amounts::Found;

/// What an item of this name is called: small letters, digits and `_`, beginning with a letter, at
/// most 40.
pub(super) fn key(name: &str) -> String {
    let mut key = String::new();
    for c in name.to_lowercase().chars() {
        match c {
            'a'..='z' | '0'..='9' => key.push(c),
            '+' => key.push_str("_plus"),
            '&' => key.push_str("_and_"),
            _ => match latin(c) {
                Some(letters) => key.push_str(letters),
                None if c.is_alphanumeric() => key.push_str(&format!("u{:x}", u32::from(c))),
                None => key.push('_'),
            },
        }
    }
    let parts: Vec<&str> = key.split('_').filter(|it| !it.is_empty()).collect();
    let key = parts.join("_");
    let begins = key.starts_with(|c: char| c.is_ascii_lowercase());
    let key = if begins { key } else { format!("plan_{key}") };
    key.chars().take(40).collect()
}

/// A letter with a mark, without it.
fn latin(c: char) -> Option<&'static str> {
    const LETTERS: &[(&str, &str)] = &[
        ("a", "àáâãäåāăą"),
        ("ae", "æ"),
        ("c", "çćĉċč"),
        ("d", "ďđð"),
        ("e", "èéêëēĕėęě"),
        ("g", "ĝğġģ"),
        ("h", "ĥħ"),
        ("i", "ìíîïĩīĭįı"),
        ("j", "ĵ"),
        ("k", "ķ"),
        ("l", "ĺļľŀł"),
        ("n", "ñńņňŋ"),
        ("o", "òóôõöøōŏő"),
        ("oe", "œ"),
        ("r", "ŕŗř"),
        ("s", "śŝşšș"),
        ("ss", "ß"),
        ("t", "ţťŧț"),
        ("th", "þ"),
        ("u", "ùúûüũūŭůűų"),
        ("w", "ŵ"),
        ("y", "ýÿŷ"),
        ("z", "źżž"),
        // A mark of its own behind its letter.
        ("", "\u{300}\u{301}\u{302}\u{303}\u{308}\u{30a}\u{30c}\u{327}"),
    ];
    LETTERS.iter().find(|(_, all)| all.contains(c)).map(|(letters, _)| *letters)
}

/// What a price of this interval is called.
pub(super) fn price_key(every: Span) -> String {
    match (every.count, every.unit) {
        (1, Unit::Month) | (30, Unit::Day) => "monthly".into(),
        (1, Unit::Year) | (365, Unit::Day) | (12, Unit::Month) => "annual".into(),
        (1, Unit::Week) | (7, Unit::Day) => "weekly".into(),
        (1, Unit::Day) => "daily".into(),
        (3, Unit::Month) => "quarterly".into(),
        _ => format!("every_{}", key(&every.long()).trim_start_matches("plan_")),
    }
}

/// The fewest days that an interval has.
fn shortest_days(every: Span) -> i64 {
    let days = match every.unit {
        Unit::Minute | Unit::Hour => 0,
        Unit::Day => 1,
        Unit::Week => 7,
        Unit::Month => 28,
        Unit::Year => 365,
    };
    every.count.saturating_mul(days)
}

fn text(value: impl Into<String>) -> Value {
    Value::Text(value.into())
}

pub(crate) fn money_fields(money: Money) -> BTreeMap<&'static str, Value> {
    BTreeMap::from([
        ("amount", text(money.shown())),
        ("decimal", text(money.decimal())),
        ("minor", Value::Number(money.minor())),
        ("currency", text(money.currency)),
    ])
}

pub(super) fn prices(all: &[Found], slot: &Slot) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    for found in all {
        let plan = found.name.clone().unwrap_or_else(|| slot.unnamed.clone());
        let every = found.every.unwrap_or(Span { count: 1, unit: Unit::Month });
        let (plan_key, price_key) = (key(&plan), price_key(every));
        let item_key = format!("{plan_key}_{price_key}");
        if items.iter().any(|it| it.key == item_key) {
            continue;
        }
        let mut fields = money_fields(found.money);
        fields.extend([
            ("key", text(&item_key)),
            ("plan", text(plan)),
            ("plan_key", text(plan_key)),
            ("price_key", text(price_key)),
            ("every", text(every.every())),
            ("period", text(every.long())),
            ("interval", text(format!("every {}", every.every()))),
            ("day_price", Value::Flag(every.unit == Unit::Day)),
            ("by_date", Value::Flag(every.unit >= Unit::Month)),
            ("days", Value::Number(shortest_days(every))),
        ]);
        items.push(Item { key: item_key, fields });
    }
    sorted(items)
}

/// Items by amount, the lowest first; the prices of a plan stand together.
pub(crate) fn sorted(mut items: Vec<Item>) -> Vec<Item> {
    let minor = |it: &Item| match it.fields.get("minor") {
        Some(Value::Number(minor)) => *minor,
        _ => 0,
    };
    let plan = |it: &Item| match it.fields.get("plan_key") {
        Some(Value::Text(plan)) => plan.clone(),
        _ => it.key.clone(),
    };
    let mut least: BTreeMap<String, i64> = BTreeMap::new();
    for item in &items {
        let known = least.entry(plan(item)).or_insert_with(|| minor(item));
        *known = minor(item).min(*known);
    }
    items.sort_by_key(|it| (least.get(&plan(it)).copied(), plan(it), minor(it), it.key.clone()));
    let mut last = None;
    for item in items.iter_mut().filter(|it| it.fields.contains_key("plan_key")) {
        let own = plan(item);
        item.fields.insert("first", Value::Flag(last.as_ref() != Some(&own)));
        last = Some(own);
    }
    items
}

pub(super) fn passes(all: &[Found], slot: &Slot) -> Vec<Item> {
    let mut sorted: Vec<&Found> = all.iter().collect();
    sorted.sort_by_key(|it| (it.money.minor(), it.name.clone()));
    let mut items: Vec<Item> = Vec::new();
    for found in sorted {
        let name = found.name.clone().unwrap_or_else(|| slot.unnamed.clone());
        let mut item_key = key(&name);
        if items.iter().any(|it| it.key == item_key) {
            item_key =
                format!("{item_key}_{}", key(&found.lasts.map(Span::long).unwrap_or_default()));
        }
        let mut fields = money_fields(found.money);
        fields.extend([
            ("key", text(&item_key)),
            ("name", text(name)),
            ("lasts", text(found.lasts.map(Span::long).unwrap_or_default())),
        ]);
        items.push(Item { key: item_key, fields });
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_small_plain_letters() {
        for (name, expected) in [
            ("Pro", "pro"),
            ("Élite", "elite"),
            ("Große", "grosse"),
            ("Çé", "ce"),
            ("Ñé", "ne"),
            ("4You", "plan_4you"),
            ("Pro+", "pro_plus"),
            ("Pro Plus", "pro_plus"),
            ("Про", "u43fu440u43e"),
        ] {
            assert_eq!(key(name), expected, "{name}");
        }
        assert_eq!(key(&"long".repeat(20)).len(), 40);
        assert_eq!(price_key(Span { count: 45, unit: Unit::Day }), "every_45_days");
    }
}
