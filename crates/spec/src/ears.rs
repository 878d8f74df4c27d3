//! EARS, the Easy Approach to Requirements Syntax: how a criterion begins and what it demands.
//!
//! ```text
//! criterion := lead* system modal response
//! lead      := WHEN trigger | WHILE state | WHERE feature | IF condition [","] [THEN]
//! system    := ["THE"] name          modal := SHALL ["NOT"] ["CONTINUE TO"] | MUST | SHOULD
//! ```

use crate::quantity::{Quantity, quantities};

/// The class of a criterion: by the clause that leads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "EARS' own words")]
pub enum Lead {
    When,
    While,
    Where,
    If,
    /// It holds always: there is no leading clause.
    Ubiquitous,
    /// It has neither a leading clause nor SHALL, MUST or SHOULD.
    None,
}

impl Lead {
    /// Its name in the JSON form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::When => "when",
            Self::While => "while",
            Self::Where => "where",
            Self::If => "if",
            Self::Ubiquitous => "ubiquitous",
            Self::None => "none",
        }
    }

    fn of(word: &Word<'_>) -> Option<Self> {
        let leads = [Self::When, Self::While, Self::Where, Self::If];
        leads.into_iter().find(|lead| word.is(lead.as_str()))
    }
}

/// How a demand is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "EARS' own words")]
pub enum Modal {
    Shall,
    Must,
    Should,
}

/// A criterion, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ears {
    /// The class.
    pub lead: Lead,
    /// Each leading clause, and what it depends on.
    pub clauses: Vec<(Lead, String)>,
    /// Who is to do it, without `THE`; empty if nobody is named.
    pub system: String,
    /// The first demand; none if there is none.
    pub modal: Option<Modal>,
    /// How many demands there are.
    pub demands: usize,
    /// Whether it says what SHALL NOT happen.
    pub negated: bool,
    /// What is to happen.
    pub response: String,
    /// The numbers in it.
    pub numbers: Vec<Quantity>,
}

/// The class of a criterion.
pub fn lead(text: &str) -> Lead {
    parse(text).lead
}

/// A word, without marks, and where it stands.
struct Word<'a> {
    text: &'a str,
    start: usize,
}

impl Word<'_> {
    fn is(&self, keyword: &str) -> bool {
        self.text.eq_ignore_ascii_case(keyword)
    }
}

fn words(text: &str) -> Vec<Word<'_>> {
    let mut all = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        let inside = c.is_alphanumeric() || c == '\'' || c == '-';
        match (inside, start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                let text = &text[from..at];
                all.push(Word { text, start: from });
                start = None;
            }
            _ => {}
        }
    }
    all
}

fn modal(word: &Word<'_>) -> Option<Modal> {
    let modals = [("shall", Modal::Shall), ("must", Modal::Must), ("should", Modal::Should)];
    modals.into_iter().find(|(keyword, _)| word.is(keyword)).map(|(_, modal)| modal)
}

/// Takes a criterion apart. Keywords count in any case; what is not found is empty.
pub fn parse(text: &str) -> Ears {
    let words = words(text);
    let demand = words.iter().position(|word| modal(word).is_some());
    let demands = words.iter().filter(|word| modal(word).is_some()).count();
    let before = &words[..demand.unwrap_or(words.len())];
    let (clauses, system_at) = clauses(text, before);
    let end = demand.map_or(text.len(), |at| words[at].start);
    let system = match demand {
        Some(_) => without_the(plain(&text[system_at.min(end)..end])),
        None => String::new(),
    };
    let first = clauses.first().map(|(lead, _)| *lead);
    let negated = demand.is_some_and(|at| words.get(at + 1).is_some_and(|it| it.is("not")));
    let response = demand.map_or("", |at| &text[words[at].start + words[at].text.len()..]);
    let response = plain(response).to_owned();
    Ears {
        lead: first.unwrap_or(if demand.is_some() { Lead::Ubiquitous } else { Lead::None }),
        clauses,
        system,
        modal: demand.and_then(|at| modal(&words[at])),
        demands,
        negated,
        numbers: quantities(&response),
        response,
    }
}

/// The leading clauses, and where what follows them begins. A clause ends at the last comma or THEN
/// before the next keyword or the system.
fn clauses(text: &str, before: &[Word<'_>]) -> (Vec<(Lead, String)>, usize) {
    let mut found = Vec::new();
    let mut at = 0;
    let starts: Vec<usize> = before
        .iter()
        .enumerate()
        .filter(|(n, word)| {
            let free = *n == 0 || text[..word.start].trim_end().ends_with([',', ';']) || {
                let last = &before[n - 1];
                last.is("and") || last.is("then")
            };
            free && Lead::of(word).is_some()
        })
        .map(|(n, _)| n)
        .collect();
    for (i, start) in starts.iter().enumerate() {
        if i == 0 && *start != 0 {
            break;
        }
        let lead = Lead::of(&before[*start]).unwrap_or(Lead::When);
        let from = before[*start].start + before[*start].text.len();
        let limit =
            starts.get(i + 1).map_or_else(|| end_of(text, before, *start), |n| before[*n].start);
        let condition = plain(&text[from..limit.max(from)]);
        let condition = condition.strip_suffix("AND").unwrap_or(condition);
        found.push((lead, plain(condition).to_owned()));
        at = limit;
    }
    (found, at)
}

/// Where the last clause ends: at THEN, else at the last comma, else at THE before the system.
fn end_of(text: &str, before: &[Word<'_>], start: usize) -> usize {
    let inside = &before[start + 1..];
    if let Some(then) = inside.iter().find(|word| word.is("then")) {
        return then.start + then.text.len();
    }
    let last = before.last().map_or(text.len(), |word| word.start + word.text.len());
    let from = before[start].start;
    if let Some(comma) = text[from..last].rfind([',', ';']) {
        return from + comma + 1;
    }
    let the = inside.iter().rev().find(|word| word.is("the"));
    the.map_or(last, |word| word.start)
}

fn plain(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || ",;:.*_`".contains(c))
}

fn without_the(text: &str) -> String {
    let rest = text.get(..4).filter(|head| head.eq_ignore_ascii_case("the ")).map(|_| &text[4..]);
    let bare = if text.eq_ignore_ascii_case("the") { "" } else { rest.unwrap_or(text) };
    plain(bare).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_leading_clause_is_the_class() {
        let cases = [
            ("WHEN a refund is asked, THE Ledger SHALL create one entry", Lead::When),
            ("**When** a refund is asked, the Ledger shall create one entry", Lead::When),
            ("IF the amount is too large, THEN THE API SHALL answer 400", Lead::If),
            (
                "WHILE a dispute is open, WHEN a refund is asked, THE API SHALL reject it",
                Lead::While,
            ),
            ("WHERE webhooks are enabled, THE API SHALL emit it", Lead::Where),
            ("THE Ledger SHALL keep debits equal to credits", Lead::Ubiquitous),
            ("All tables created", Lead::None),
            ("", Lead::None),
        ];
        for (text, expected) in cases {
            assert_eq!(lead(text), expected, "{text}");
        }
    }

    #[test]
    fn a_criterion_is_taken_apart() {
        let ears =
            parse("WHILE a dispute is open, WHEN a refund is asked, THE API SHALL NOT pay it.");
        let clauses =
            [(Lead::While, "a dispute is open".into()), (Lead::When, "a refund is asked".into())];
        assert_eq!(ears.clauses, clauses);
        assert_eq!((ears.system.as_str(), ears.negated), ("API", true));
        assert_eq!(ears.response, "NOT pay it");

        let ears = parse("IF the amount exceeds it THEN the API shall answer 400");
        assert_eq!(ears.clauses, [(Lead::If, "the amount exceeds it THEN".into())]);
        assert_eq!(ears.system, "API");
        let ears = parse("WHEN a refund is asked THE Ledger SHALL create one entry");
        assert_eq!(ears.clauses, [(Lead::When, "a refund is asked".into())]);
        assert_eq!(ears.system, "Ledger");
        let ears = parse("WHEN, THE Ledger SHALL.");
        assert_eq!((ears.clauses[0].1.as_str(), ears.response.as_str()), ("", ""));
        let ears = parse("SHALL create one entry and SHALL tell");
        assert_eq!((ears.system.as_str(), ears.demands), ("", 2));
    }
}
