//! Changing a file that somebody else may have changed too: a three-way merge of lines, as splices.

use std::borrow::Cow;

use crate::Change;
use crate::diff::{Side, diff};

/// Two changes of the same lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The line of the file from which on they meet, from 1.
    pub line: usize,
    /// What was to be written there.
    pub wanted: Vec<String>,
    /// What stands there.
    pub found: Vec<String>,
}

/// A run of lines of the base that are to be replaced.
struct Hunk {
    /// The lines of the base, `[start, end)`.
    base: std::ops::Range<usize>,
    /// What comes in their place.
    lines: Vec<String>,
}

/// The splices that bring what changed from `base` to `new` into `current`. Lines are compared without
/// their ends; what is put in has the line end that `current` uses. A change that `current` has made
/// already is none.
pub fn merge(base: &str, new: &str, current: &[u8]) -> (Vec<Change>, Vec<Conflict>) {
    let lines = spans(current);
    let told: Vec<Cow<'_, str>> =
        lines.iter().map(|it| String::from_utf8_lossy(&current[it.clone()])).collect();
    let plain: Vec<&str> = told.iter().map(|it| it.trim_end_matches(['\n', '\r'])).collect();
    let end = if current.windows(2).any(|it| it == b"\r\n") { "\r\n" } else { "\n" };
    let placed = placed(base, &plain);
    let (mut changes, mut conflicts) = (Vec::new(), Vec::new());
    let base_lines: Vec<&str> = base.lines().collect();
    for hunk in hunks(base, new).into_iter().flat_map(split) {
        match place(&hunk, &placed, &plain, &base_lines) {
            Place::At(at) => {
                let start = lines.get(at.start).map_or(current.len(), |it| it.start);
                let stop = if at.is_empty() { start } else { lines[at.end - 1].end };
                let put = ticked(&hunk.lines, &plain[at.clone()]);
                let mut now: String = put.iter().flat_map(|it| [it.as_str(), end]).collect();
                let is_open = current.last().is_some_and(|it| *it != b'\n');
                if start == current.len() && is_open && !now.is_empty() {
                    now.insert_str(0, end);
                }
                let was = String::from_utf8_lossy(&current[start..stop]).into_owned();
                if was.trim_end_matches(['\n', '\r']) != now.trim_end_matches(['\n', '\r']) {
                    changes.push(Change { span: start..stop, was, now });
                }
            }
            Place::Done => {}
            Place::Taken(at) => conflicts.push(Conflict {
                line: at.start + 1,
                wanted: hunk.lines,
                found: plain[at].iter().map(|it| (*it).to_owned()).collect(),
            }),
        }
    }
    (changes, conflicts)
}

/// A line as it would be with an open box: whether a task is ticked is nobody's wording.
pub(crate) fn unticked(line: &str) -> String {
    let blanks = line.len() - line.trim_start().len();
    let (indent, rest) = line.split_at(blanks);
    match rest.get(..6) {
        Some(head) if head.starts_with("- [") && head.ends_with("] ") && head.is_ascii() => {
            format!("{indent}- [ ] {}", &rest[6..])
        }
        _ => line.to_owned(),
    }
}

/// A line as it is compared: without its tick, and without the number of an item of a list, which a
/// renderer counts anew.
fn key(line: &str) -> String {
    let line = unticked(line);
    let blanks = line.len() - line.trim_start().len();
    let rest = &line[blanks..];
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    if let Some(words) = rest.strip_prefix("- ").filter(|it| !it.starts_with('[')) {
        return format!("{}1. {words}", &line[..blanks]);
    }
    match rest[digits..].strip_prefix(". ") {
        Some(words) if digits > 0 => format!("{}1. {words}", &line[..blanks]),
        _ => line,
    }
}

/// The new lines with the boxes of those they replace, one for one.
fn ticked(lines: &[String], replaced: &[&str]) -> Vec<String> {
    let keeps = lines.len() == replaced.len();
    let carry = |(n, line): (usize, &String)| {
        let Some(old) = replaced.get(n).filter(|old| keeps && unticked(old) != **old) else {
            return line.clone();
        };
        let at = line.find("- [ ] ").filter(|at| line[..*at].trim().is_empty());
        let mark = old.trim_start().chars().nth(3);
        match (at, mark) {
            (Some(at), Some(mark)) => format!("{}- [{mark}] {}", &line[..at], &line[at + 6..]),
            _ => line.clone(),
        }
    };
    lines.iter().enumerate().map(carry).collect()
}

fn spans(text: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut all = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive(|it| *it == b'\n') {
        all.push(start..start + line.len());
        start += line.len();
    }
    all
}

/// For each line of the base its line in the current text, if it is still there.
fn placed(base: &str, current: &[&str]) -> Vec<Option<usize>> {
    let (old, now) = (keyed(&base.lines().collect::<Vec<_>>()), keyed(current));
    let mut all = vec![None; base.lines().count()];
    for line in diff(old.as_bytes(), now.as_bytes()) {
        if line.side == Side::Both
            && let Some(place) = all.get_mut(line.old)
        {
            *place = Some(line.new);
        }
    }
    all
}

fn hunks(base: &str, new: &str) -> Vec<Hunk> {
    let (old, now): (Vec<&str>, Vec<&str>) = (base.lines().collect(), new.lines().collect());
    let mut all: Vec<Hunk> = Vec::new();
    let mut open = false;
    for line in diff(keyed(&old).as_bytes(), keyed(&now).as_bytes()) {
        if line.side == Side::Both {
            open = false;
            if old[line.old] != now[line.new] {
                let lines = vec![now[line.new].to_owned()];
                all.push(Hunk { base: line.old..line.old + 1, lines });
            }
            continue;
        }
        if !open {
            all.push(Hunk { base: line.old..line.old, lines: Vec::new() });
            open = true;
        }
        if let Some(hunk) = all.last_mut() {
            match line.side {
                Side::Old => hunk.base.end = line.old + 1,
                _ => hunk.lines.push(now[line.new].to_owned()),
            }
        }
    }
    all
}

/// The lines as they are compared.
fn keyed(lines: &[&str]) -> String {
    lines.iter().flat_map(|it| [key(it), "\n".into()]).collect()
}

/// Lines that are replaced one for one, each by itself: some of them may have been changed already.
fn split(hunk: Hunk) -> Vec<Hunk> {
    if hunk.base.len() != hunk.lines.len() {
        return vec![hunk];
    }
    let places = hunk.base.clone();
    places.zip(hunk.lines).map(|(at, line)| Hunk { base: at..at + 1, lines: vec![line] }).collect()
}

enum Place {
    /// These lines of the current text are replaced.
    At(std::ops::Range<usize>),
    /// It is so already.
    Done,
    /// Somebody else has changed them.
    Taken(std::ops::Range<usize>),
}

fn place(hunk: &Hunk, placed: &[Option<usize>], current: &[&str], base: &[&str]) -> Place {
    let before = hunk.base.start.checked_sub(1).and_then(|it| placed.get(it).copied().flatten());
    let after = placed.get(hunk.base.end).copied().flatten();
    let start = match hunk.base.start {
        0 => Some(0),
        _ => before.map(|it| it + 1),
    };
    let inside: Vec<Option<usize>> = placed[hunk.base.clone()].to_vec();
    if hunk.base.is_empty() {
        // The lines around may have moved apart: then what is put in follows the one before.
        let at = start.or(after).unwrap_or(current.len());
        let next = placed[hunk.base.start..].iter().flatten().next().copied();
        let gap = at..next.unwrap_or(current.len()).max(at) + 1;
        let done = gap.into_iter().any(|at| stands(current, at, &hunk.lines));
        return if done { Place::Done } else { Place::At(at..at) };
    }
    let whole = inside
        .iter()
        .zip(inside.iter().skip(1))
        .all(|(a, b)| matches!((a, b), (Some(a), Some(b)) if a + 1 == *b));
    if let (true, Some(Some(first)), Some(Some(last))) = (whole, inside.first(), inside.last()) {
        return Place::At(*first..last + 1);
    }
    let from = start.unwrap_or(0);
    let to = after.unwrap_or((from + base[hunk.base.clone()].len()).min(current.len())).max(from);
    let there: Vec<String> = current[from..to].iter().map(|it| key(it)).collect();
    if there == hunk.lines.iter().map(|it| key(it)).collect::<Vec<_>>() {
        return Place::Done;
    }
    let next = placed[hunk.base.end..].iter().flatten().next().copied().unwrap_or(current.len());
    let around: Vec<String> = current[from..next.max(to)].iter().map(|it| key(it)).collect();
    match is_made(hunk, &base[hunk.base.clone()], &around) {
        true => Place::Done,
        false => Place::Taken(from..to),
    }
}

/// Whether what was to be put there stands there, and what was to go has gone, among lines that somebody
/// else has put around it.
fn is_made(hunk: &Hunk, replaced: &[&str], there: &[String]) -> bool {
    let wanted: Vec<String> = hunk.lines.iter().map(|it| key(it)).collect();
    let mut rest = there.iter();
    let says = wanted.iter().all(|line| rest.any(|it| it == line));
    let mut gone = replaced.iter().map(|it| key(it)).filter(|it| !wanted.contains(it));
    !wanted.is_empty() && says && gone.all(|line| line.trim().is_empty() || !there.contains(&line))
}

fn stands(current: &[&str], at: usize, lines: &[String]) -> bool {
    current
        .get(at..at + lines.len())
        .is_some_and(|there| there.iter().zip(lines).all(|(a, b)| key(a) == key(b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply;

    const BASE: &str = "a\nb\nc\nd\ne\n";

    fn merged(new: &str, current: &str) -> (String, usize) {
        let (changes, conflicts) = merge(BASE, new, current.as_bytes());
        (String::from_utf8(apply(current.as_bytes(), &changes)).unwrap(), conflicts.len())
    }

    #[test]
    fn changes_of_both_come_together_and_untouched_bytes_stay() {
        assert_eq!(merged("a\nb\nX\nc\nd\ne\n", BASE).0, "a\nb\nX\nc\nd\ne\n");
        assert_eq!(merged("a\nB\nc\nd\ne\n", "0\na\nb\nc\nd\n\ne2\n").0, "0\na\nB\nc\nd\n\ne2\n");
        assert_eq!(merged("a\nc\nd\ne\n", "a\r\nb\r\nc\r\nd\r\ne").0, "a\r\nc\r\nd\r\ne");
        assert_eq!(merged("a\nb\nc\nd\ne\nf\n", "a\nb\nc\nd\ne").0, "a\nb\nc\nd\ne\nf\n");
        assert_eq!(merged("Z\na\nb\nc\nd\ne\n", BASE).0, "Z\na\nb\nc\nd\ne\n");
    }

    #[test]
    fn a_change_that_is_made_already_is_none_beside_lines_of_others() {
        let new = "a\nB\nC\nd\ne\n";
        for current in ["a\nB\nC\nmine\nd\ne\n", "a\nmine\nB\nC\nd\ne\n"] {
            assert_eq!(merged(new, current), (current.to_owned(), 0));
        }
        assert_eq!(merged("a\nc\nd\ne\n", "a\nmine\nc\nd\ne\n").1, 1);
        assert_eq!(merged("a\nB\nc\nd\ne\n", "a\nother\nc\nd\ne\n").1, 1);
    }

    #[test]
    fn boxes_are_left_as_they_are() {
        let base = "- [ ] 1 a\n  - x\n- [ ] 2 b\n";
        let current = "- [x] 1 a\n  - x\n- [-] 2 b\n";
        let new = "- [ ] 1 a\n  - y\n- [ ] 2 c\n";
        let (changes, conflicts) = merge(base, new, current.as_bytes());
        let merged = String::from_utf8(apply(current.as_bytes(), &changes)).unwrap();
        assert_eq!((merged.as_str(), conflicts.len()), ("- [x] 1 a\n  - y\n- [-] 2 c\n", 0));
        assert_eq!(merge(base, new, merged.as_bytes()).0, Vec::new());
    }

    #[test]
    fn a_change_that_is_made_already_is_none_and_two_of_one_line_conflict() {
        for new in ["a\nB\nc\nd\ne\n", "a\nb\nX\nc\nd\ne\n", "a\nb\nc\nd\ne\nf\n", "a\nd\ne\n"] {
            let (once, conflicts) = merged(new, BASE);
            assert_eq!((once.as_str(), conflicts), (new, 0));
            assert_eq!(merged(new, &once), (once.clone(), 0), "{new:?}");
        }
        let (kept, conflicts) = merged("a\nB\nc\nd\ne\n", "a\nother\nc\nd\ne\n");
        assert_eq!((kept.as_str(), conflicts), ("a\nother\nc\nd\ne\n", 1));
    }
}
