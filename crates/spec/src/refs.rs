//! References: what a line such as `_Requirements: 1.1, 2_` names.

use std::ops::Range;

use crate::document::{By, Ref, RefKind};
use crate::ids::is_id;

/// The words before a colon that make a line one of references, and what they name when nothing
/// else says so.
const LABELS: &[(&str, RefKind)] = &[
    ("requirements", RefKind::Requirement),
    ("requirement", RefKind::Requirement),
    ("validates", RefKind::Requirement),
    ("dependencies", RefKind::Task),
    ("depends on", RefKind::Task),
    ("depends", RefKind::Task),
];

/// What a line of references is about, and where they begin; none for any other line.
pub(crate) fn label(text: &str) -> Option<(RefKind, usize)> {
    let bare = text.trim_start_matches(['*', '_', ' ', '-']);
    let skipped = text.len() - bare.len();
    let (name, _) = bare.split_once(':')?;
    let word = name.trim_end_matches(['*', '_', ' ']);
    let (_, kind) = LABELS.iter().find(|(label, _)| label.eq_ignore_ascii_case(word))?;
    Some((*kind, skipped + name.len() + 1))
}

/// The references in `text`, which begins at `start` in the file.
///
/// `members` is how many members of ranges may still be written out in this file; a range that is
/// larger stays as its two ends, so that a small file cannot become a large one.
pub(crate) fn all(text: &str, start: usize, kind: RefKind, members: &mut u32) -> Vec<Ref> {
    let lower = text.to_ascii_lowercase();
    let mut found = Vec::new();
    if kind == RefKind::Requirement && lower.trim_start_matches(['*', '_', ' ']).starts_with("all")
    {
        let word = text.trim_matches(['*', '_', ' ', '.']);
        let at = start + text.find(word).unwrap_or(0);
        let (span, text) = (at..at + word.len(), word.to_owned());
        found.push(Ref { kind, text, span, to: None, by: By::All });
        return found;
    }
    let mut before: Option<(String, Range<usize>)> = None;
    let mut joined = false;
    for (word, span) in words(text) {
        let span = start + span.start..start + span.end;
        let lower = word.to_ascii_lowercase();
        if matches!(word, "-" | "–" | "—") || lower == "to" || lower == "through" {
            joined = before.is_some();
            continue;
        }
        let (first, last) = word.split_once(['-', '–']).unwrap_or((word, ""));
        if is_number(first) && is_number(last) {
            range(first, last, &span, kind, (&mut found, members));
            (before, joined) = (None, false);
        } else if is_id(word) {
            match before.take().filter(|_| joined && is_number(word)) {
                Some((first, whole)) if is_number(&first) => {
                    found.pop();
                    range(&first, word, &(whole.start..span.end), kind, (&mut found, members));
                }
                _ => {
                    found.push(one(word, &span, kind, By::Unresolved));
                    before = Some((word.into(), span));
                }
            }
            joined = false;
        } else {
            (before, joined) = (None, false);
        }
    }
    found
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.split('.').all(|part| part.parse::<u32>().is_ok())
}

/// Words and where they stand; commas, brackets and marks part them. What stands in brackets after
/// an id is a remark.
fn words(text: &str) -> Vec<(&str, Range<usize>)> {
    let parts =
        |c: char| c.is_whitespace() || ",;()[]{}*_`\"'&+/".contains(c) || c == '、' || c == '，';
    let mut all = Vec::new();
    let mut start = None;
    let mut deep = 0_usize;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        if parts(c) {
            if let Some(start) = start.take().filter(|_| deep == 0) {
                let word: &str = &text[start..at];
                let word = word.trim_end_matches(['.', ':']);
                if !word.is_empty() {
                    all.push((word, start..start + word.len()));
                }
            }
            deep = match c {
                '(' => deep + 1,
                ')' => deep.saturating_sub(1),
                _ => deep,
            };
        } else if start.is_none() {
            start = Some(at);
        }
    }
    all
}

fn one(word: &str, span: &Range<usize>, kind: RefKind, by: By) -> Ref {
    let kind = match kind {
        RefKind::Requirement if word.contains('.') => RefKind::Criterion,
        other => other,
    };
    Ref { kind, text: word.into(), span: span.clone(), to: None, by }
}

/// `1.1-1.5` is five; one that does not count upwards within one requirement stays two.
fn range(
    first: &str,
    last: &str,
    span: &Range<usize>,
    kind: RefKind,
    (found, members): (&mut Vec<Ref>, &mut u32),
) {
    let (stem, from) = first.rsplit_once('.').map_or(("", first), |(stem, it)| (stem, it));
    let (other, to) = last.rsplit_once('.').map_or((stem, last), |(stem, it)| (stem, it));
    let counted = from.parse::<u32>().ok().zip(to.parse::<u32>().ok());
    match counted.filter(|(from, to)| stem == other && from <= to && to - from < *members) {
        Some((from, to)) => {
            *members -= to - from;
            let member =
                |n: u32| if stem.is_empty() { n.to_string() } else { format!("{stem}.{n}") };
            found.extend((from..=to).map(|n| one(&member(n), span, kind, By::Range)));
        }
        None => found.extend([first, last].map(|word| one(word, span, kind, By::Unresolved))),
    }
}

/// Files that are named between backticks.
pub(crate) fn files(text: &str, start: usize) -> Vec<Ref> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(open) = text[from..].find('`').map(|at| from + at + 1) {
        let Some(close) = text[open..].find('`').map(|at| open + at) else { break };
        let name = &text[open..close];
        let is_path =
            name.contains(['/', '.']) && !name.contains(char::is_whitespace) && name.len() > 2;
        if is_path {
            let (span, text) = (start + open..start + close, name.to_owned());
            found.push(Ref { kind: RefKind::File, text, span, to: None, by: By::Unresolved });
        }
        from = close + 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        let (kind, at) = label(text).unwrap();
        let found = all(&text[at..], at, kind, &mut 100);
        for one in &found {
            assert!(one.by == By::Range || text[one.span.clone()] == one.text, "{one:?}");
        }
        found.iter().map(|it| format!("{}:{}", it.kind.as_str(), it.text)).collect()
    }

    #[test]
    fn lines_of_references_are_read_as_people_write_them() {
        let cases: [(&str, &[&str]); 11] = [
            ("_Requirements: 1.1, 2_", &["criterion:1.1", "requirement:2"]),
            ("_Requirements: 1.1-1.3_", &["criterion:1.1", "criterion:1.2", "criterion:1.3"]),
            (
                "_Requirements: 1.1 - 1.2, 4.1_",
                &["criterion:1.1", "criterion:1.2", "criterion:4.1"],
            ),
            ("**Validates: Requirements 1.1, 1.2**", &["criterion:1.1", "criterion:1.2"]),
            ("_Requirements: REQ-3, FR-001_", &["requirement:REQ-3", "requirement:FR-001"]),
            ("_Requirements: All requirements_", &["requirement:All requirements"]),
            ("**Dependencies:** T001", &["task:T001"]),
            ("**Dependencies:** T001 (Schema must exist), T002", &["task:T001", "task:T002"]),
            ("- Dependencies: Task 2, Task 3", &["task:2", "task:3"]),
            ("- Dependencies: Tasks 1-3", &["task:1", "task:2", "task:3"]),
            ("**Dependencies:** None", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(texts(text), expected, "{text}");
        }
        assert_eq!(label("Some words: 1.1"), None);
    }

    #[test]
    fn a_range_that_is_too_large_stays_as_its_ends() {
        let mut members = 10;
        let found = all("1.1-1.9, 2.1-2.9", 0, RefKind::Requirement, &mut members);
        assert_eq!((found.len(), members), (9 + 2, 2));
    }

    #[test]
    fn files_stand_between_backticks() {
        let found = files("edit `src/a.rs` and `fn main`, `Cargo.toml`", 10);
        let named: Vec<_> = found.iter().map(|it| (it.text.as_str(), it.span.start)).collect();
        assert_eq!(named, [("src/a.rs", 16), ("Cargo.toml", 42)]);
    }
}
