//! Whether a sentence asks for a technology, forbids it, or only mentions it.

use std::ops::Range;

use crate::technology::ALL;

/// What is said of a technology.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stance {
    Uses,
    Forbids,
    /// It is mentioned, and more cannot be told.
    Unclear,
}

/// How the technologies that are looked for are written, by their first letter.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    by_letter: Vec<Vec<Name>>,
}

#[derive(Clone, Copy, Debug)]
struct Name {
    technology: usize,
    text: &'static str,
    is_sure: bool,
}

impl Names {
    pub(super) fn of(technologies: impl IntoIterator<Item = usize>) -> Self {
        let mut by_letter: Vec<Vec<Name>> = Vec::new();
        for technology in technologies {
            let it = &ALL[technology];
            let sure = it.sure.iter().map(|text| (*text, true));
            for (text, is_sure) in sure.chain(it.unsure.iter().map(|text| (*text, false))) {
                by_letter.resize(26, Vec::new());
                let letter = text.as_bytes()[0].to_ascii_lowercase().wrapping_sub(b'a');
                by_letter[usize::from(letter) % 26].push(Name { technology, text, is_sure });
            }
        }
        // The longest first: `SQL Server` before `SQL`.
        by_letter
            .iter_mut()
            .for_each(|names| names.sort_by_key(|it| std::cmp::Reverse(it.text.len())));
        Self { by_letter }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_letter.is_empty()
    }

    /// The name that a word begins with which stands at the start of `rest`.
    fn at(&self, rest: &str) -> Option<Name> {
        let letter = rest.as_bytes().first()?.to_ascii_lowercase().checked_sub(b'a')?;
        let fits = |name: &&Name| {
            let Some(head) = rest.get(..name.text.len()) else { return false };
            let same =
                if name.is_sure { head.eq_ignore_ascii_case(name.text) } else { head == name.text };
            same && ends_word(&rest[name.text.len()..])
        };
        self.by_letter.get(usize::from(letter))?.iter().find(fits).copied()
    }
}

fn ends_word(after: &str) -> bool {
    let mut after = after.chars();
    match after.next() {
        Some('.') => !after.next().is_some_and(char::is_alphanumeric),
        Some(c) => !c.is_alphanumeric() && !"-_/@".contains(c),
        None => true,
    }
}

/// The technologies of a text, where each stands, and what is said of it. `heads` is whether an item
/// that begins with one asks for it, as in a list of what a project is made of.
pub(super) fn stances(
    text: &str,
    names: &Names,
    heads: bool,
) -> Vec<(usize, Range<usize>, Stance)> {
    let mut found: Vec<(usize, Range<usize>, Stance)> = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let begins = at == 0
            || !(bytes[at - 1].is_ascii_alphanumeric() || b"-_/@.$".contains(&bytes[at - 1]));
        let name = if begins && text.is_char_boundary(at) { names.at(&text[at..]) } else { None };
        let Some(name) = name else {
            at += 1;
            continue;
        };
        let span = at..at + name.text.len();
        let before = found.last().filter(|(_, last, _)| joins(&text[last.end..span.start]));
        let stance = match before.map(|(.., stance)| *stance) {
            Some(Stance::Unclear) | None => one(text, span.clone(), name, heads),
            Some(same) => same,
        };
        at = span.end;
        found.push((name.technology, span, stance));
    }
    found
}

/// Whether two names stand in one list: `Jest, Mocha or Vitest`.
fn joins(between: &str) -> bool {
    let between = between.trim_matches(|c: char| c.is_whitespace() || "*`_".contains(c));
    [",", "or", "and", "nor", ", or", ", and", ", nor", "/", "&", "+"].contains(&between)
}

/// Words that leave open what is meant.
const OPEN: [&str; 40] = [
    "from",
    "legacy",
    "deprecated",
    "previous",
    "previously",
    "formerly",
    "was",
    "were",
    "unless",
    "except",
    "if",
    "optional",
    "optionally",
    "either",
    "future",
    "later",
    "eventually",
    "consider",
    "evaluate",
    "e.g",
    "such",
    "like",
    "similar",
    "compatible",
    "vs",
    "versus",
    "alternative",
    "alternatives",
    "replace",
    "replaces",
    "replaced",
    "replacing",
    "old",
    "example",
    "could",
    "might",
    "migrate",
    "migrating",
    "migration",
    "remove",
];
/// Words that turn a sentence round.
const NOT: [&str; 12] = [
    "no", "not", "never", "don't", "cannot", "without", "avoid", "avoids", "nor", "neither",
    "isn't", "mustn't",
];
const USE: [&str; 4] = ["use", "uses", "using", "via"];
const MAKE: [&str; 8] =
    ["set", "setup", "install", "configure", "connect", "provision", "adopt", "introduce"];
const ON: [&str; 10] = [
    "built",
    "powered",
    "backed",
    "written",
    "implemented",
    "running",
    "runs",
    "hosted",
    "based",
    "deployed",
];
const KEEP: [&str; 15] = [
    "store",
    "stores",
    "stored",
    "save",
    "saves",
    "saved",
    "persist",
    "persists",
    "persisted",
    "write",
    "writes",
    "written",
    "keep",
    "keeps",
    "kept",
];

/// What is said of one technology.
fn one(text: &str, span: Range<usize>, name: Name, heads: bool) -> Stance {
    let clause = Clause::around(text, &span, name.is_sure);
    if clause.is_forbidden() {
        return Stance::Forbids;
    }
    let all = || clause.before.iter().chain(&clause.after).map(String::as_str);
    if all().any(|word| NOT.contains(&word) || OPEN.contains(&word)) {
        return Stance::Unclear;
    }
    let group = ALL[name.technology].group;
    let is_part = clause.is_followed_by(group.parts());
    let is_free = clause.is_free || is_part;
    let is_wanted = clause.is_wanted() || clause.is_told_of(group.labels());
    let is_head = heads && clause.is_head;
    match is_part || is_free && (is_wanted || is_head) {
        true => Stance::Uses,
        false => Stance::Unclear,
    }
}

/// The part of a sentence around a name.
struct Clause {
    /// Words before it, in lower case; the last is the next to it.
    before: Vec<String>,
    after: Vec<String>,
    /// The label before a colon or a cell before a bar, if the name follows that.
    label: Vec<String>,
    /// Whether nothing that belongs to the name follows it.
    is_free: bool,
    /// Whether nothing follows it that would limit a ban.
    is_unlimited: bool,
    /// Whether it begins the text.
    is_head: bool,
}

/// How far around a name is looked, in bytes.
const AROUND: usize = 300;

impl Clause {
    fn around(text: &str, span: &Range<usize>, is_sure: bool) -> Self {
        let more = if is_sure { MORE_JOINS.as_slice() } else { &[] };
        let joins: Vec<&str> = JOINS.iter().chain(more).copied().collect();
        let from = text[..span.start]
            .char_indices()
            .rev()
            .take(AROUND)
            .last()
            .map_or(span.start, |it| it.0);
        let rest = &text[span.end..];
        let to = rest.char_indices().nth(AROUND).map_or(rest.len(), |it| it.0);
        let head = &text[from..span.start];
        let cut = |c: char| ".;!?\n|()".contains(c);
        let start = sentence(head);
        let label = match head[..start].ends_with([':', '|']) {
            true => {
                let inside = head[..start].trim_end_matches([':', '|']).trim_end();
                words(inside.rsplit(['.', ';', '\n', '|', ',']).next().unwrap_or_default())
            }
            false => Vec::new(),
        };
        let tail = &rest[..to];
        let end = tail.find(cut).filter(|end| !is_version(tail, *end)).unwrap_or(tail.len());
        let is_head = text[..span.start].chars().all(|c| c.is_whitespace() || "*`_-".contains(c));
        Self {
            before: words(&head[start..]),
            after: words(&tail[..end]),
            label,
            is_free: is_free(tail, &joins),
            is_unlimited: is_free(tail, &NO_LIMITS),
            is_head,
        }
    }

    fn last(&self, n: usize) -> &str {
        self.before.iter().rev().nth(n).map_or("", String::as_str)
    }

    /// `never use X`, `no X`, `avoid X`, `instead of X`, `X is forbidden`, with nothing behind that
    /// would limit it.
    fn is_forbidden(&self) -> bool {
        let after: Vec<&str> = self.after.iter().take(5).map(String::as_str).collect();
        let is_told = match after.as_slice() {
            ["is" | "are", rest @ ..] => matches!(
                rest,
                ["forbidden" | "banned" | "prohibited" | "disallowed", ..]
                    | ["strictly", "forbidden" | "prohibited", ..]
                    | ["not", "allowed" | "permitted", ..]
            ),
            ["must" | "may" | "shall" | "should", "not" | "never", "be", "used", ..] => true,
            _ => false,
        };
        if is_told {
            return true;
        }
        let is_article = |word: &str| ["the", "a", "an", "any"].contains(&word);
        let skip = usize::from(is_article(self.last(0)));
        let (one, two, three) = (self.last(skip), self.last(skip + 1), self.last(skip + 2));
        let verb = ["use", "using", "add", "introduce", "adopt", "install", "import"];
        let says = match one {
            "no" | "avoid" => true,
            "not" => ["and", "but", ""].contains(&two) || self.before.len() > 1 && !is_verb(two),
            "of" => two == "instead",
            "than" => two == "rather",
            it if verb.contains(&it) => {
                let is_no = |word: &str| NOT.contains(&word) && !["no", "without"].contains(&word);
                is_no(two) || two == "ever" && is_no(three)
            }
            _ => false,
        };
        says && self.is_unlimited
            && !self.before.iter().any(|word| ["if", "unless", "when"].contains(&word.as_str()))
    }

    /// `use X`, `using the X`, `stored in X`, `built with X`, `set up X`.
    fn is_wanted(&self) -> bool {
        let near: Vec<&str> = self.before.iter().rev().take(3).map(String::as_str).collect();
        let has = |words: &[&str]| self.before.iter().any(|word| words.contains(&word.as_str()));
        let is_plain = |word: &&str| !["with", "to", "for", "by", "in"].contains(word);
        let direct = near.iter().take_while(|word| USE.contains(word) || is_plain(word));
        let makes = near.iter().any(|word| MAKE.contains(word));
        match near.first().copied().unwrap_or_default() {
            "with" | "on" | "by" => has(&ON),
            "in" | "into" => has(&KEEP) || has(&["written", "implemented"]),
            "to" => near.get(1) == Some(&"connect") || has(&KEEP),
            _ => direct.clone().any(|word| USE.contains(word)) || makes,
        }
    }

    /// `a X collection`, `X as the database`, `X is our database`, `X is used`.
    fn is_followed_by(&self, parts: &[&str]) -> bool {
        let is_part = |word: &&String| parts.contains(&word.as_str());
        let mut after = self.after.iter();
        match after.next().map(String::as_str) {
            Some("is" | "as") => after.take(4).any(|word| is_part(&word) || word == "used"),
            Some(_) => self.after.first().is_some_and(|word| is_part(&word)),
            None => false,
        }
    }

    /// `Database: X`, `The database is X`.
    fn is_told_of(&self, labels: &[&str]) -> bool {
        let is_label = |word: &String| labels.contains(&word.as_str());
        let is_labelled = self.before.is_empty() && self.label.iter().any(is_label);
        is_labelled || self.last(0) == "is" && self.before.iter().any(is_label)
    }
}

fn is_verb(word: &str) -> bool {
    ["is", "are", "was", "does", "do", "did", "can", "must", "should", "shall", "will", "may"]
        .contains(&word)
}

/// Where the last sentence, label or cell of a text begins.
fn sentence(text: &str) -> usize {
    let mut start = 0;
    for (at, c) in text.char_indices() {
        let after = &text[at + c.len_utf8()..];
        let is_end = match c {
            ';' | '!' | '?' | '\n' | '|' | '(' | ')' | '—' => true,
            '.' | ':' => after.starts_with([' ', '*', '\n', '`']) || after.is_empty(),
            '-' | '–' => after.starts_with(' ') && text[..at].ends_with(' '),
            _ => false,
        };
        if is_end {
            start = at + c.len_utf8();
        }
    }
    start
}

/// Whether the point at `end` stands in a number: `PostgreSQL 16.2`.
fn is_version(text: &str, end: usize) -> bool {
    let digit = |at: usize| text.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    text[end..].starts_with('.') && digit(end + 1) && end > 0 && digit(end - 1)
}

fn words(text: &str) -> Vec<String> {
    let parts = |c: char| !c.is_alphanumeric() && c != '\'' && c != '-' && c != '.';
    let text = text.replace('’', "'");
    let all = text.split(parts).map(|word| word.trim_matches(['.', '-', '\'']));
    all.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

/// Words that may follow a name without belonging to it.
const JOINS: [&str; 12] = [
    "and",
    "or",
    "for",
    "with",
    "via",
    "because",
    "since",
    "here",
    "through",
    "server",
    "runtime",
    "framework",
];
/// Words that may follow a name that means nothing else.
const MORE_JOINS: [&str; 8] = ["as", "at", "on", "in", "to", "is", "are", "instead"];
/// Words that may follow a name that is forbidden, without limiting that.
const NO_LIMITS: [&str; 11] = [
    "and",
    "or",
    "nor",
    "because",
    "since",
    "here",
    "anywhere",
    "database",
    "databases",
    "orm",
    "at",
];

/// Whether what follows a name is a number, a mark, one of these words, or nothing.
fn is_free(tail: &str, joins: &[&str]) -> bool {
    let tail = tail.trim_start_matches(['*', '_', '`', '+']);
    let Some(rest) = tail.strip_prefix(' ') else {
        return tail.is_empty() || tail.starts_with(|c: char| !c.is_alphanumeric() && c != '-');
    };
    let next = words(rest.split(' ').next().unwrap_or_default());
    let digit = |c: char| c.is_ascii_digit();
    match next.first() {
        None => true,
        Some(word) => {
            joins.contains(&word.as_str()) || word.trim_start_matches('v').starts_with(digit)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let names = Names::of(0..ALL.len());
        let found = stances(text, &names, true).into_iter();
        found
            .map(|(technology, _, stance)| format!("{:?} {}", stance, ALL[technology].name))
            .collect()
    }

    #[test]
    fn sentences_ask_for_technologies() {
        for text in [
            "Use PostgreSQL.",
            "Always use the existing PostgreSQL 16.2 for data",
            "**Database**: PostgreSQL with row-level security",
            "Database: PostgreSQL",
            "| Database | PostgreSQL 16 |",
            "Data is stored in PostgreSQL",
            "A service built on PostgreSQL.",
            "PostgreSQL as the primary database",
            "PostgreSQL is the database.",
            "The database is PostgreSQL.",
            "Set up PostgreSQL",
            "- **PostgreSQL** - the database",
            "PostgreSQL for everything",
            "a PostgreSQL table",
        ] {
            let said = told(text.trim_start_matches("- "));
            assert_eq!(said.first().map(String::as_str), Some("Uses PostgreSQL"), "{text}");
        }
        assert_eq!(told("Use Vitest, Prisma and PostgreSQL").len(), 3);
        assert!(told("Use Vitest, Prisma and PostgreSQL").iter().all(|it| it.starts_with("Uses")));
        assert_eq!(told("Express.js 4 server"), ["Uses Express"]);
    }

    #[test]
    fn sentences_forbid_technologies() {
        for text in [
            "Never use MongoDB.",
            "Do not use MongoDB",
            "don’t use MongoDB; ask first",
            "Avoid MongoDB.",
            "Avoid using MongoDB",
            "File-based cache (no MongoDB)",
            "No MongoDB.",
            "Tables, not MongoDB",
            "Tables instead of MongoDB",
            "MongoDB is forbidden.",
            "MongoDB must not be used",
            "Never use a MongoDB database.",
            "Never use Redis or MongoDB",
        ] {
            let said = told(text);
            assert_eq!(said.last().map(String::as_str), Some("Forbids MongoDB"), "{text}");
        }
    }

    #[test]
    fn what_is_only_mentioned_is_left_alone() {
        for text in [
            "Do not use MongoDB in tests",
            "No MongoDB queries without an index",
            "Import data from MongoDB",
            "We migrate to PostgreSQL; MongoDB was first",
            "It is not MongoDB compatible",
            "Use MongoDB-like filters",
            "Export to `users.mongodb`",
            "Use Express delivery",
            "React to errors",
            "Mocha is a coffee, and we go to the diesel station",
            "Use MongoDB if nothing else fits",
            "Use PostgreSQL transactions",
            "é MongoDB é",
        ] {
            let said = told(text);
            assert!(said.iter().all(|it| it.starts_with("Unclear")), "{text}: {said:?}");
        }
    }
}
