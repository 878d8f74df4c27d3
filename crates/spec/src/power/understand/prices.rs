//! Names with amounts: `Basic $5, Pro $10 a month`, `a pass of $4 for 3 months`.

use std::ops::Range;

use super::super::facts::Item;
use super::super::form::{Slot, SlotKind};
use super::super::plain;
use super::super::quantities::{self, Money, Span};
use super::super::words::{self, Token};
use super::Reading;
use super::items::{passes, prices};

/// An amount that was found, with what stands around it.
pub(super) struct Found {
    pub(super) name: Option<String>,
    pub(super) money: Money,
    pub(super) every: Option<Span>,
    pub(super) lasts: Option<Span>,
    tokens: Vec<usize>,
}

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
    let general = general(&reading.tokens);
    let mut interval = None;
    for found in all.iter_mut().rev() {
        interval = found.every.or(interval);
        found.every = found.every.or(interval);
    }
    for found in &mut all {
        found.every = found.every.or(general);
    }
    let is_pass = slot.kind == SlotKind::Passes;
    all.retain(|it| it.lasts.is_some() == is_pass && (is_pass || it.every.is_some()));
    without_rivals(&mut all);
    let first = all.first()?.tokens.first().copied()?;
    let span = reading.tokens[first].span.clone();
    let last = all.iter().flat_map(|it| &it.tokens).max().copied().unwrap_or(first);
    let span = span.start..reading.tokens[last].span.end;
    for found in &all {
        reading.used.extend(&found.tokens);
    }
    let items = if is_pass { passes(&all, slot) } else { prices(&all, slot) };
    Some((items, span))
}

/// Of two amounts for the same thing the first one stays; the other is not understood.
fn without_rivals(all: &mut Vec<Found>) {
    let mut seen: Vec<(Option<String>, Option<Span>, Option<Span>)> = Vec::new();
    all.retain(|it| {
        let what = (it.name.clone(), it.every, it.lasts);
        let is_new = !seen.contains(&what);
        seen.push(what);
        is_new
    });
}

/// An interval that the text names without an amount, such as in `pay monthly`.
fn general(tokens: &[Token]) -> Option<Span> {
    tokens.iter().find_map(|it| quantities::adverb(&it.text))
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

fn amounts(reading: &Reading<'_>, slot: &Slot) -> Vec<Found> {
    let tokens = &reading.tokens;
    let mut all: Vec<Found> = Vec::new();
    let mut at = 0;
    let mut from = 0;
    while at < tokens.len() {
        let Some((money, next)) = amount(tokens, at) else {
            at += 1;
            continue;
        };
        let mut found =
            Found { name: None, money, every: None, lasts: None, tokens: (at..next).collect() };
        let end = behind(tokens, next, &mut found);
        before(reading, from, at, slot, &mut found);
        if found.name.is_none() {
            name_behind(tokens, end, slot, &mut found);
        }
        follows(tokens, at, &mut all, &mut found);
        let behind_name = found.tokens.iter().max().map_or(end, |last| last + 1);
        if found.every.is_none() && found.lasts.is_none() && behind_name > end {
            behind(tokens, behind_name, &mut found);
        }
        from = found.tokens.iter().max().map_or(end, |last| last + 1).max(end);
        at = from;
        all.push(found);
    }
    all
}

/// An amount, or a bare number whose currency a later one of its clause says.
fn amount(tokens: &[Token], at: usize) -> Option<(Money, usize)> {
    if let Some(found) = quantities::money(tokens, at) {
        return Some(found);
    }
    let (hundredths, next) = words::number(tokens, at)?;
    let priced = at.checked_sub(1).is_some_and(|it| {
        matches!(tokens[it].text.as_str(), "at" | "for" | "costs" | "cost" | ":" | "=" | "is")
    });
    let counted = quantities::duration(tokens, at).is_some();
    let later = (next..tokens.len()).take_while(|it| tokens[*it].clause == tokens[at].clause);
    let currency =
        later.into_iter().find_map(|it| quantities::money(tokens, it)).map(|it| it.0.currency);
    let currency = currency.filter(|_| priced && !counted)?;
    Some((Money { hundredths, currency }, next))
}

/// The interval or the duration behind an amount; answers where the rest begins.
fn behind(tokens: &[Token], mut at: usize, found: &mut Found) -> usize {
    let clause = tokens[at.min(tokens.len() - 1)].clause;
    let word =
        |at: usize| tokens.get(at).filter(|it| it.clause == clause).map(|it| it.text.as_str());
    let mut skipped = Vec::new();
    while let Some(text) = word(at) {
        if let Some((span, next)) = quantities::interval(tokens, at) {
            found.every = Some(span);
            found.tokens.extend(skipped.drain(..).chain(at..next));
            return next;
        }
        if matches!(text, "for" | "valid")
            && let Some((span, next)) = quantities::duration(tokens, at + 1)
        {
            found.lasts = Some(span);
            found.tokens.extend(skipped.drain(..).chain(at..next));
            return next;
        }
        if !matches!(
            text,
            "billed"
                | "paid"
                | "once"
                | "charged"
                | "("
                | ")"
                | "valid"
                | ","
                | "one"
                | "-"
                | "time"
        ) || skipped.len() > 3
        {
            break;
        }
        if text == ","
            && !matches!(
                word(at + 1),
                Some("paid" | "billed" | "valid" | "for" | "charged" | "each" | "every" | "per")
            )
        {
            break;
        }
        skipped.push(at);
        at += 1;
    }
    skipped.first().copied().unwrap_or(at)
}

/// The name, and an interval such as `Monthly`, before an amount.
fn before(reading: &Reading<'_>, from: usize, at: usize, slot: &Slot, found: &mut Found) {
    let tokens = &reading.tokens;
    let (mut is_next, mut done) = (true, usize::MAX);
    for n in (from..at).rev().take(8) {
        if n >= done {
            continue;
        }
        let token = &tokens[n];
        if token.clause != tokens[at].clause || token.text == "," || token.text == "and" {
            return;
        }
        if let Some(span) = quantities::adverb(&token.text) {
            found.every = found.every.or(Some(span));
            found.tokens.insert(0, n);
            continue;
        }
        let ends_here = |start: usize| {
            quantities::duration(tokens, start).filter(|it| it.1 == n + 1).map(|it| (it.0, start))
        };
        let starts = from.max(n.saturating_sub(4))..n;
        if let Some((span, start)) = starts.into_iter().find_map(ends_here) {
            let often = start.checked_sub(1).map(|it| tokens[it].text.as_str());
            if matches!(often, Some("every" | "each" | "per")) {
                found.every = found.every.or(Some(span));
            } else {
                found.lasts = found.lasts.or(Some(span));
            }
            done = start;
            if found.every.is_some() && matches!(often, Some("every" | "each" | "per")) {
                done = start - 1;
            }
            found.tokens.splice(0..0, done..=n);
            continue;
        }
        let speaks = reading.concepts.contains(&n) && !listed(token, slot);
        if !speaks && is_name(token, slot) && (!begins(tokens, n) || listed(token, slot) || is_next)
        {
            found.name = Some(title(&token.text));
            found.tokens.insert(0, n);
            return;
        }
        is_next &= token.sign
            || matches!(
                token.text.as_str(),
                "at" | "for" | "is" | "cost" | "costs" | "plan" | "tier"
            );
        if token.sign || is_filler(&token.text) {
            found.tokens.insert(0, n);
            continue;
        }
        if !speaks {
            return;
        }
    }
}

/// What an amount directly behind another one means: `$10 a month or $100 a year` are two of one plan,
/// `from $5 to $7` is the second alone.
fn follows(tokens: &[Token], at: usize, all: &mut Vec<Found>, found: &mut Found) {
    let Some(last) = all.last().filter(|_| found.name.is_none()) else { return };
    let end = last.tokens.iter().max().map_or(0, |it| it + 1);
    let start = found.tokens.iter().min().copied().unwrap_or(at).max(end);
    let between: Vec<&str> =
        tokens.get(end..start).unwrap_or_default().iter().map(|it| it.text.as_str()).collect();
    let changed = |it: &&usize| tokens[**it].text == "to";
    if between == ["to"] || (between.is_empty() && found.tokens.iter().filter(changed).count() == 1)
    {
        if let Some(last) = all.pop() {
            found.name = last.name;
            found.every = found.every.or(last.every);
            found.tokens.extend(last.tokens);
        }
        return;
    }
    let joins = |it: &&str| matches!(*it, "," | "or" | "and" | "/" | "&");
    if start < at || found.lasts.is_some() {
        return; // it has words of its own
    }
    if tokens[end.saturating_sub(1)].clause == tokens[at].clause && between.iter().all(joins) {
        found.name = last.name.clone();
    }
}

/// `$5 Basic`, `$5 for Basic`.
fn name_behind(tokens: &[Token], at: usize, slot: &Slot, found: &mut Found) {
    let skips = tokens.get(at).is_some_and(|it| matches!(it.text.as_str(), "for" | "as" | "("));
    let at = at + usize::from(skips);
    let same = |it: &&Token| it.clause == tokens[found.tokens[0]].clause;
    if let Some(token) = tokens.get(at).filter(same)
        && is_name(token, slot)
    {
        found.name = Some(title(&token.text));
        found.tokens.push(at);
    }
}

fn is_name(token: &Token, slot: &Slot) -> bool {
    let counts = token.number.is_some() || quantities::currency(&token.text).is_some();
    if token.sign || counts || is_filler(&token.text) {
        return false;
    }
    listed(token, slot) || (token.capital && !plain::is_plain(&token.text) && token.text.len() > 1)
}

/// Whether the power knows it as a name.
fn listed(token: &Token, slot: &Slot) -> bool {
    slot.names.contains(&token.text)
}

/// Whether a token begins its clause, where a capital letter says nothing.
fn begins(tokens: &[Token], at: usize) -> bool {
    tokens[..at].iter().rev().take_while(|it| it.clause == tokens[at].clause).all(|it| it.sign)
}

fn is_filler(word: &str) -> bool {
    matches!(
        word,
        "at" | "for"
            | "cost"
            | "costs"
            | "costing"
            | "is"
            | "of"
            | "plan"
            | "plans"
            | "tier"
            | "tiers"
            | "a"
            | "an"
            | "the"
            | "price"
            | "priced"
            | "from"
            | "with"
            | "level"
            | "package"
            | "charge"
            | "charged"
            | "charges"
            | "pass"
            | "it"
            | "its"
            | "time"
            | "-"
            | "one"
            | "to"
    )
}

fn title(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
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
