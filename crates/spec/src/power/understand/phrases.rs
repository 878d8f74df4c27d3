//! Phrases: words that stand together in any order and form, and whether they are negated.

use super::super::plain;
use super::super::words::{self, Token};

/// How many other words may stand between those of a phrase.
const GAP: usize = 3;

/// A phrase of a power, as stems; each place of it may have alternatives.
pub(super) struct Phrase {
    words: Vec<Vec<String>>,
}

impl Phrase {
    pub fn new(text: &str) -> Self {
        let parts = text.split([' ', '-']).filter(|it| !it.is_empty());
        let stems = |part: &str| part.split('|').map(words::stem).collect();
        Self { words: parts.map(stems).collect() }
    }

    /// Where it stands: for each time the places of its words.
    pub fn places(&self, tokens: &[Token]) -> Vec<Vec<usize>> {
        let mut all = Vec::new();
        let mut taken = 0;
        for start in 0..tokens.len() {
            if start < taken {
                continue;
            }
            if let Some(places) = self.at(tokens, start) {
                taken = places.iter().max().map_or(start, |last| last + 1);
                all.push(places);
            }
        }
        all
    }

    /// Its places, if the first of them is `start`.
    fn at(&self, tokens: &[Token], start: usize) -> Option<Vec<usize>> {
        let clause = tokens[start].clause;
        let window: Vec<usize> = (start..tokens.len())
            .take_while(|at| tokens[*at].clause == clause)
            .filter(|at| !tokens[*at].sign)
            .take(if self.words.len() == 1 { 1 } else { self.words.len() + GAP })
            .collect();
        let mut places = Vec::new();
        for word in &self.words {
            let place = window
                .iter()
                .find(|at| !places.contains(*at) && word.contains(&tokens[**at].stem))?;
            places.push(*place);
        }
        places.contains(&start).then_some(places)
    }
}

/// The words by which a text says that it does not want what stands at these places; none when it
/// does not say so.
pub(super) fn negated(tokens: &[Token], places: &[usize]) -> Option<Vec<usize>> {
    let (first, last) = (*places.iter().min()?, *places.iter().max()?);
    before(tokens, first, last).or_else(|| behind(tokens, last)).or_else(|| refused(tokens, last))
}

/// `no X`, `without Y or X`, `no X, Y or Z`, `instead of X`, `Drop X`.
fn before(tokens: &[Token], first: usize, last: usize) -> Option<Vec<usize>> {
    let mut joined = false;
    let mut listed = ends_with_or(tokens, last);
    for at in (0..first).rev().take(10) {
        let token = &tokens[at];
        if token.clause != tokens[first].clause || token.text == ":" {
            return None;
        }
        let next = tokens.get(at + 1).map_or("", |it| it.text.as_str());
        let begins = at == 0 || tokens[at - 1].clause != token.clause;
        let unless = |no: bool| if no { None } else { Some(vec![at]) };
        match token.text.as_str() {
            "," if !listed => return None,
            "or" | "nor" => listed = true,
            "and" | "plus" | "with" => joined = true,
            "not" | "don't" | "never"
                if matches!(next, "only" | "just" | "forget" | "miss" | "skip") =>
            {
                return None;
            }
            "just" if next == "not" => return None,
            "without" => return unless(tells_apart(tokens, at)),
            "excluding" | "except" => return Some(vec![at]),
            "instead" if next == "of" => return Some(vec![at]),
            "rather" if next == "than" => return Some(vec![at]),
            "drop" | "remove" | "delete" if begins => return unless(joined),
            word if plain::negates(word) => {
                let own = (0..=at).rev().take(10);
                let mut own = own.take_while(|it| tokens[*it].clause == token.clause);
                return unless(joined || own.any(|it| tells_apart(tokens, it)));
            }
            _ => {}
        }
    }
    None
}

/// Whether a negation says which people are meant, not that a thing is refused: `users without a X`,
/// `customers with no X`, `those who have no X`.
fn tells_apart(tokens: &[Token], at: usize) -> bool {
    let clause = tokens[at].clause;
    let word = |n: usize| {
        let token = at.checked_sub(n).map(|it| &tokens[it]).filter(|it| it.clause == clause);
        token.map_or("", |it| it.text.as_str())
    };
    let next = tokens.get(at + 1).map_or("", |it| it.text.as_str());
    match tokens[at].text.as_str() {
        "without" => {
            plain::is_person(word(1))
                && matches!(
                    next,
                    "a" | "an" | "any" | "one" | "the" | "their" | "active" | "paid" | "valid"
                )
        }
        no if plain::negates(no) => match word(1) {
            "with" => plain::is_person(word(2)),
            "who" | "that" => plain::is_person(word(2)),
            "have" | "has" | "do" | "does" if matches!(word(2), "who" | "that") => {
                plain::is_person(word(3))
            }
            _ => matches!(word(1), "who"),
        },
        _ => false,
    }
}

/// Whether a list goes on behind a word, and ends with `or`: `…, Y or Z`.
fn ends_with_or(tokens: &[Token], last: usize) -> bool {
    let clause = tokens[last].clause;
    let rest = tokens[last + 1..].iter().take(8);
    let listed = rest.take_while(|it| it.clause == clause && it.number.is_none() && !is_amount(it));
    let mut words = listed.map(|it| it.text.as_str());
    words.any(|it| it == "or" || it == "nor")
}

fn is_amount(token: &Token) -> bool {
    token.sign && token.text != ","
}

/// `X? No.`, `X: no`.
fn refused(tokens: &[Token], last: usize) -> Option<Vec<usize>> {
    let at = |n: usize| tokens.get(last + n).map_or("", |it| it.text.as_str());
    let no = matches!(at(1), "?" | ":" | "-" | "–" | "—")
        && matches!(at(2), "no" | "none" | "never")
        && tokens.get(last + 3).is_none_or(|it| it.sign || it.clause != tokens[last + 2].clause);
    no.then(|| vec![last + 2])
}

/// `X is not needed`, `X, Y and Z are out of scope`.
fn behind(tokens: &[Token], last: usize) -> Option<Vec<usize>> {
    let clause = tokens[last].clause;
    let rest: Vec<&Token> = tokens[last + 1..]
        .iter()
        .take(12)
        .take_while(|it| it.clause == clause && it.number.is_none())
        .collect();
    let verbs = [
        "is", "are", "isn't", "aren't", "will", "must", "need", "should", "shall", "do", "does",
        "can",
    ];
    let verb = rest.iter().position(|it| verbs.contains(&it.text.as_str()))?;
    let said = &rest[verb..];
    let from = last + 1 + verb;
    let wanted =
        ["need", "requir", "want", "support", "includ", "part", "allow", "offer", "possibl"];
    let is = |at: usize, word: &str| said.get(at).is_some_and(|it| it.text == word);
    if is(1, "out") && is(2, "of") && is(3, "scope") {
        return Some((from..from + 4).collect());
    }
    if is(1, "unnecessary") {
        return Some(vec![from, from + 1]);
    }
    let not = said.iter().take(3).position(|it| plain::negates(&it.text))?;
    let denied =
        said[not + 1..].iter().take(2).position(|it| wanted.contains(&it.stem.as_str()))?;
    Some((from..=from + not + 1 + denied).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no(text: &str, phrase: &str) -> bool {
        let tokens = words::tokens(text);
        let places = Phrase::new(phrase).places(&tokens);
        let places = places.first().unwrap_or_else(|| panic!("{text}: {phrase}"));
        negated(&tokens, places).is_some()
    }

    #[test]
    fn the_words_of_a_negation_are_known() {
        let text = "Trials and refunds are out of scope";
        let tokens = words::tokens(text);
        assert_eq!(negated(&tokens, &[2]), Some(vec![3, 4, 5, 6]));
        assert_eq!(negated(&words::tokens("Drop refunds"), &[1]), Some(vec![0]));
    }

    #[test]
    fn negations_reach_what_they_speak_of() {
        for text in [
            "no refunds",
            "without trials or refunds",
            "with no trial, refunds or coupons",
            "no trial, coupons or refunds",
            "Refunds, trials and coupons are out of scope.",
            "refunds are not needed",
            "Trials? Yes. Refunds? No.",
            "refunds: no, trials: yes",
            "Drop refunds",
            "subscriptions but no refunds",
            "credits instead of refunds",
            "users without refunds",
            "users need no refund",
            "Users cannot get a refund",
        ] {
            assert!(no(text, "refund"), "{text}");
        }
        for text in [
            "no trial, refunds within 30 days",
            "Do not forget refunds.",
            "Refunds? No later than after 30 days.",
            "not only trials but refunds",
            "no trial, refunds at $10 or $20",
            "refunds are wanted, trials are out of scope",
            "no trial and refunds",
            "Users without a refund cannot see the page",
            "Customers with no refund pay again",
            "Those who have no refund pay again",
        ] {
            assert!(!no(text, "refund"), "{text}");
        }
    }
}
