//! The amounts of a text, each with the name, the interval and the duration that stand around it.

use super::super::form::Slot;
use super::super::plain;
use super::super::quantities::{self, Money, Span};
use super::super::words::{self, Token};
use super::Reading;
use super::names::{self, begins, is_filler, listed};

/// No currency farther from a bare number is its own.
const FAR: usize = 100;

/// An amount that was found, with what stands around it.
pub(super) struct Found {
    pub name: Option<String>,
    pub money: Money,
    pub every: Option<Span>,
    pub lasts: Option<Span>,
    /// Whether it is paid in a way that has no place here: for each of something, or so often that it
    /// is no interval.
    pub odd: bool,
    pub tokens: Vec<usize>,
}

/// All amounts, in their order.
pub(super) fn amounts(reading: &Reading<'_>, slot: &Slot) -> Vec<Found> {
    let tokens = &reading.tokens;
    let mut all: Vec<Found> = Vec::new();
    let mut at = 0;
    let mut from = 0;
    while at < tokens.len() {
        let Some((money, next)) = amount(reading, slot, at) else {
            at += 1;
            continue;
        };
        let own = (at..next).collect();
        let mut found =
            Found { name: None, money, every: None, lasts: None, odd: false, tokens: own };
        let end = behind(tokens, next, &mut found);
        before(reading, from, at, slot, &mut found);
        if found.name.is_none() {
            name_behind(reading, end, slot, &mut found);
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

/// An amount, or a bare number whose currency another one of its clause says.
fn amount(reading: &Reading<'_>, slot: &Slot, at: usize) -> Option<(Money, usize)> {
    let tokens = &reading.tokens;
    if is_negative(reading, at) {
        return None;
    }
    if let Some(found) = quantities::money(tokens, at) {
        return Some(found);
    }
    let (hundredths, next) = words::number(tokens, at)?;
    let before = at.checked_sub(1).filter(|it| tokens[*it].clause == tokens[at].clause)?;
    let said =
        matches!(tokens[before].text.as_str(), "at" | "for" | "costs" | "cost" | ":" | "=" | "is");
    let priced = said || names::ending_at(reading, slot, 0, before).is_some();
    if !priced || !ends(tokens, next) || quantities::duration(tokens, at).is_some() {
        return None;
    }
    let own = |it: &usize| tokens[*it].clause == tokens[at].clause;
    let later = (next..tokens.len()).take(FAR).take_while(own);
    let earlier = (0..at).rev().take(FAR).take_while(own);
    let mut all = later.chain(earlier).filter_map(|it| quantities::money(tokens, it));
    all.next().map(|(money, _)| (Money { hundredths, currency: money.currency }, next))
}

/// Whether nothing is counted by the number that ends before `at`.
fn ends(tokens: &[Token], at: usize) -> bool {
    tokens.get(at).is_none_or(|it| {
        it.sign
            || matches!(it.text.as_str(), "and" | "or" | "for")
            || quantities::interval(tokens, at).is_some()
    })
}

/// Whether a minus sign stands right before an amount, and not between two words or before an item.
fn is_negative(reading: &Reading<'_>, at: usize) -> bool {
    let Some(sign) = at.checked_sub(1).map(|it| &reading.tokens[it]) else { return false };
    let touches = sign.span.end == reading.tokens[at].span.start;
    let apart = reading.text[..sign.span.start].ends_with([' ', '\t', ':', '(', '\u{a0}']);
    touches && apart && matches!(sign.text.as_str(), "-" | "−")
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
    found.odd |= skipped.is_empty() && is_odd(tokens, at, clause);
    skipped.first().copied().unwrap_or(at)
}

/// Whether an amount is paid for each of something, or in a way that is no interval: `per seat`,
/// `/seat`, `twice a month`.
fn is_odd(tokens: &[Token], at: usize, clause: usize) -> bool {
    let Some(token) = tokens.get(at).filter(|it| it.clause == clause) else { return false };
    let touches = |a: &Token, b: &Token| a.span.end == b.span.start;
    match token.text.as_str() {
        "per" | "every" | "twice" | "thrice" => true,
        "/" => tokens.get(at + 1).is_some_and(|it| touches(token, it) && !it.capital && !it.sign),
        word => ["weekly", "monthly", "yearly", "annually", "hourly", "nightly"]
            .iter()
            .any(|it| word.ends_with(it)),
    }
}

/// The name, and an interval such as `Monthly`, before an amount.
fn before(reading: &Reading<'_>, from: usize, at: usize, slot: &Slot, found: &mut Found) {
    let tokens = &reading.tokens;
    let (mut is_next, mut people, mut done) = (true, false, usize::MAX);
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
        if let Some(name) = names::ending_at(reading, slot, from, n) {
            let known = token.sign || (name.from..name.to).any(|it| listed(&tokens[it], slot));
            let order = begins(tokens, n) && (!is_next || plain::is_order(&token.text));
            if known || !(order || people || names::is_elsewhere(tokens, &name)) {
                found.tokens.splice(0..0, name.from..name.to);
                found.name = Some(name.shown);
            }
            return;
        }
        if plain::is_person(&token.text) || (people && token.number.is_some()) {
            people = true;
            continue;
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
        if !reading.concepts.contains(&n) {
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
fn name_behind(reading: &Reading<'_>, at: usize, slot: &Slot, found: &mut Found) {
    let tokens = &reading.tokens;
    let word = |at: usize| tokens.get(at).map_or("", |it| it.text.as_str());
    let skips = matches!(word(at), "for" | "as" | "(");
    let article = skips && matches!(word(at + 1), "the" | "our" | "a");
    let at = at + usize::from(skips) + usize::from(article);
    let same = |it: &&Token| it.clause == tokens[found.tokens[0]].clause;
    if tokens.get(at).filter(same).is_some()
        && let Some(name) = names::beginning_at(reading, slot, at)
    {
        found.tokens.extend(name.from..name.to);
        found.name = Some(name.shown);
    }
}
