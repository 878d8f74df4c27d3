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

/// Whether a text says that it does not want what stands at these places.
pub(super) fn negated(tokens: &[Token], places: &[usize]) -> bool {
    let (Some(first), Some(last)) = (places.iter().min(), places.iter().max()) else {
        return false;
    };
    before(tokens, *first) || behind(tokens, *last)
}

/// `no X`, `without Y or X`, `instead of X`.
fn before(tokens: &[Token], first: usize) -> bool {
    let mut joined = false;
    for at in (0..first).rev().take(8) {
        let token = &tokens[at];
        if token.clause != tokens[first].clause || token.text == "," || token.text == ":" {
            return false;
        }
        let next = tokens.get(at + 1).map_or("", |it| it.text.as_str());
        match token.text.as_str() {
            "and" | "plus" | "with" => joined = true,
            "not" | "just" if next == "only" || next == "just" => return false,
            "without" | "excluding" | "except" => return true,
            "instead" if next == "of" => return true,
            "rather" if next == "than" => return true,
            word if plain::negates(word) => return !joined,
            _ => {}
        }
    }
    false
}

/// `X is not needed`, `X is out of scope`.
fn behind(tokens: &[Token], last: usize) -> bool {
    let clause = tokens[last].clause;
    let rest: Vec<&Token> = tokens[last + 1..]
        .iter()
        .take(6)
        .take_while(|it| it.clause == clause && it.text != ",")
        .collect();
    let not = rest.iter().position(|it| plain::negates(&it.text));
    let wanted =
        ["need", "requir", "want", "support", "includ", "part", "allow", "offer", "possibl"];
    let denied = not.is_some_and(|at| {
        at <= 2 && rest[at + 1..].iter().take(2).any(|it| wanted.contains(&it.stem.as_str()))
    });
    let scope = rest
        .windows(3)
        .any(|it| it[0].text == "out" && it[1].text == "of" && it[2].text == "scope");
    denied || scope || rest.iter().take(2).any(|it| it.text == "unnecessary")
}
