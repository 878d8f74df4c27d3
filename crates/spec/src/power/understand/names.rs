//! The names that stand beside amounts: `Team Pro`, `"Pro | Plus"`.

use super::super::form::Slot;
use super::super::plain;
use super::super::quantities;
use super::super::words::Token;
use super::Reading;

/// A name in a text.
pub(super) struct Name {
    /// As it is shown.
    pub shown: String,
    /// Its first token.
    pub from: usize,
    /// The token behind its last one.
    pub to: usize,
}

/// No name is longer, in characters.
const LONGEST: usize = 40;
/// No name has more words and signs.
const MOST: usize = 6;

/// The name whose last token is `last`, and which begins at `from` or behind it.
pub(super) fn ending_at(
    reading: &Reading<'_>,
    slot: &Slot,
    from: usize,
    last: usize,
) -> Option<Name> {
    let tokens = &reading.tokens;
    if let Some(open) = opening(tokens, from, last) {
        return quoted(reading, open, last);
    }
    if !is_name(reading, slot, last) {
        return None;
    }
    let mut first = last;
    while let Some(next) = before(reading, slot, from, first) {
        if last - next >= MOST || reading.knows(&shown(reading, first, last + 1)) {
            break;
        }
        first = next;
    }
    named(reading, first, last + 1)
}

/// The name that begins at `first`.
pub(super) fn beginning_at(reading: &Reading<'_>, slot: &Slot, first: usize) -> Option<Name> {
    let tokens = &reading.tokens;
    let close = tokens.get(first).and_then(|it| closing(&it.text)).and_then(|sign| {
        let rest = tokens[first + 1..].iter().take(8);
        let mut rest = rest.take_while(|it| it.clause == tokens[first].clause);
        rest.position(|it| it.text == sign).map(|it| first + 1 + it)
    });
    if let Some(close) = close {
        return quoted(reading, first, close);
    }
    let is_part = |at: usize| {
        tokens.get(at).is_some_and(|it| it.clause == tokens[first].clause)
            && is_name(reading, slot, at)
    };
    if !is_part(first) {
        return None;
    }
    let to = (first + 1..first + MOST).find(|at| !is_part(*at))?;
    let people = tokens.get(to).is_some_and(|it| plain::is_person(&it.text));
    if people && !listed(&tokens[first], slot) {
        return None;
    }
    named(reading, first, to)
}

/// The words from one token up to another as a name, if it is not too long.
fn named(reading: &Reading<'_>, from: usize, to: usize) -> Option<Name> {
    let shown = shown(reading, from, to);
    (shown.chars().count() <= LONGEST).then_some(Name { shown, from, to })
}

/// Whether the power or an earlier text knows a word as a name, or as a part of one.
pub(super) fn listed(token: &Token, slot: &Slot) -> bool {
    slot.names.contains(&token.text)
}

/// Whether a token begins its clause, where a capital letter says nothing.
pub(super) fn begins(tokens: &[Token], at: usize) -> bool {
    tokens[..at].iter().rev().take_while(|it| it.clause == tokens[at].clause).all(|it| it.sign)
}

/// Whether what stands before a name says that it is a place or somebody: `to X`, `from X`, `for X`.
pub(super) fn is_elsewhere(tokens: &[Token], name: &Name) -> bool {
    let clause = tokens[name.from].clause;
    let mut before = tokens[..name.from].iter().rev().take_while(|it| it.clause == clause);
    let before = before.find(|it| !matches!(it.text.as_str(), "the" | "our" | "all" | "a" | "an"));
    before.is_some_and(|it| {
        matches!(
            it.text.as_str(),
            "to" | "from"
                | "for"
                | "in"
                | "into"
                | "inside"
                | "within"
                | "via"
                | "using"
                | "through"
                | "across"
                | "against"
                | "around"
                | "like"
        )
    })
}

/// The token before a name, if it is a part of the name.
fn before(reading: &Reading<'_>, slot: &Slot, from: usize, first: usize) -> Option<usize> {
    let tokens = &reading.tokens;
    let touches = |a: usize, b: usize| tokens[a].span.end == tokens[b].span.start;
    let at = first.checked_sub(1).filter(|it| *it >= from)?;
    let hyphen = tokens[at].text == "-" && touches(at, first);
    let at = match at.checked_sub(1).filter(|it| hyphen && *it >= from && touches(*it, at)) {
        Some(at) => at,
        None => at,
    };
    if tokens[at].clause != tokens[first].clause || !is_name(reading, slot, at) {
        return None;
    }
    let order = begins(tokens, at) && plain::is_order(&tokens[at].text);
    (!order || listed(&tokens[at], slot)).then_some(at)
}

fn is_name(reading: &Reading<'_>, slot: &Slot, at: usize) -> bool {
    let token = &reading.tokens[at];
    let plan = at.checked_sub(1).map(|it| reading.tokens[it].text.as_str());
    if token.text.len() == 1 && token.capital && matches!(plan, Some("plan" | "tier" | "level")) {
        return true; // Plan A
    }
    let counts = token.number.is_some() || quantities::currency(&token.text).is_some();
    let often = quantities::adverb(&token.text).is_some();
    if token.sign || counts || often || is_filler(&token.text) {
        return false;
    }
    let speaks = reading.concepts.contains(&at) || plain::is_plain(&token.text);
    listed(token, slot) || (token.capital && !speaks && token.text.len() > 1)
}

/// The quotation mark that opens what the one at `last` closes.
fn opening(tokens: &[Token], from: usize, last: usize) -> Option<usize> {
    let clause = tokens[last].clause;
    let places = (from..last).rev().take(8).take_while(|at| tokens[*at].clause == clause);
    places
        .into_iter()
        .find(|at| closing(&tokens[*at].text).is_some_and(|it| it == tokens[last].text))
}

/// The quotation mark that closes what one opens.
fn closing(open: &str) -> Option<&'static str> {
    Some(match open {
        "\"" => "\"",
        "'" => "'",
        "`" => "`",
        "“" | "„" => "”",
        "‘" => "’",
        "«" => "»",
        _ => return None,
    })
}

/// What stands between two quotation marks, without the signs that documents give a meaning.
fn quoted(reading: &Reading<'_>, open: usize, close: usize) -> Option<Name> {
    let inside = &reading.text[reading.tokens[open].span.end..reading.tokens[close].span.start];
    let plain = |c: char| if c.is_alphanumeric() || " -+&.'/".contains(c) { c } else { ' ' };
    let clean: String = inside.chars().map(plain).collect();
    let clean = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    let fits = clean.chars().any(char::is_alphanumeric) && clean.chars().count() <= LONGEST;
    fits.then_some(Name { shown: clean, from: open, to: close + 1 })
}

/// The words from one token up to another, each with a capital letter.
fn shown(reading: &Reading<'_>, from: usize, to: usize) -> String {
    let mut text = String::new();
    for (n, token) in reading.tokens[from..to].iter().enumerate() {
        let apart = n > 0 && reading.tokens[from + n - 1].span.end < token.span.start;
        text.push_str(if apart { " " } else { "" });
        text.push_str(&title(&reading.text[token.span.clone()]));
    }
    text
}

/// A word with a capital letter; the others are small, unless it mixes them on purpose.
fn title(word: &str) -> String {
    let inner: String = word.chars().skip(1).collect();
    let mixed = inner.chars().any(char::is_uppercase) && word.chars().any(char::is_lowercase);
    let word = if mixed { word.to_owned() } else { word.to_lowercase() };
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// A word that may stand between a name and its amount.
pub(super) fn is_filler(word: &str) -> bool {
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
