//! Names that are written almost as others.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::{Input, finding};
use crate::diagnostic::Diagnostic;
use crate::rules;
use crate::things::{Kind, quoted};
use crate::work::Work;

/// Names between backticks that stand once, and differ in one letter from an event, a variable or a
/// table that tasks need or make.
pub(super) fn check(files: &[Input<'_>], works: &[Work<'_>], found: &mut Vec<Diagnostic>) {
    let things =
        works.iter().flat_map(|it| &it.jobs).flat_map(|it| it.needs.iter().chain(&it.makes));
    let named: HashSet<&str> = things
        .filter(|it| {
            matches!(it.kind, Kind::Event | Kind::Variable | Kind::Table) && it.name.len() > 5
        })
        .map(|it| it.name.as_str())
        .collect();
    if named.is_empty() {
        return;
    }
    let mut times: HashMap<&str, usize> = HashMap::new();
    let mut places: Vec<(&Input<'_>, usize, Range<usize>, &str)> = Vec::new();
    for file in files {
        for (n, line) in file.document.lines.iter().enumerate() {
            let Ok(text) = std::str::from_utf8(&file.bytes[line.clone()]) else { continue };
            for at in quoted(text) {
                *times.entry(&text[at.clone()]).or_default() += 1;
                let span = line.start + at.start..line.start + at.end;
                places.push((file, file.document.owners[n], span, &text[at]));
            }
        }
    }
    for (file, owner, span, word) in places {
        if times[word] > 1 || word.len() < 6 || named.contains(word) {
            continue;
        }
        let mut close: Vec<&&str> = named.iter().filter(|it| is_near(word, it)).collect();
        close.sort_unstable();
        let Some(meant) = close.first() else { continue };
        let node = &file.document.nodes[owner];
        let what = format!("`{word}` stands here alone, and tasks name `{meant}`");
        let one = finding(file, node, &rules::NEAR_NAME, Some(span), what);
        found.push(Diagnostic { help: Some(format!("write `{meant}`, if it is meant")), ..one });
    }
}

/// Whether two names differ in one letter: one too many, too few, another one, or two the other way
/// round. A plural, and another number, is another name.
fn is_near(one: &str, other: &str) -> bool {
    if one.len().abs_diff(other.len()) > 1 || !one.is_ascii() || !other.is_ascii() {
        return false;
    }
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let from = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    let (a, b) = (&one[from..], &other[from..]);
    let behind = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[..a.len() - behind], &b[..b.len() - behind]);
    let is_letter = |it: &[u8]| it.iter().all(u8::is_ascii_alphabetic);
    let is_plural = behind == 0 && (a == b"s" || b == b"s");
    let is_turned = a.len() == 2 && b.len() == 2 && a[0] == b[1] && a[1] == b[0];
    is_letter(a) && is_letter(b) && !is_plural && (is_turned || a.len().max(b.len()) == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_near_by_one_letter() {
        for near in ["paymets", "paymentts", "paymants", "paymnets"] {
            assert!(is_near(near, "payments"), "{near}");
        }
        for far in ["payment", "payments", "pay", "payments_2", "invoices", "payments2"] {
            assert!(!is_near(far, "payments"), "{far}");
        }
    }

    fn found(design: &str) -> Vec<String> {
        let tasks = "- [ ] 1. A\n  - Provides: table `payments`, event `order.completed`\n";
        let texts = [("design.md", design), ("tasks.md", tasks)];
        let documents = texts.map(|(path, text)| {
            let (dialect, kind) = crate::detect(path, text.as_bytes());
            crate::read(text.as_bytes(), dialect, kind)
        });
        let all = texts.iter().zip(&documents);
        let files: Vec<Input<'_>> = all
            .map(|((path, text), document)| Input { path, bytes: text.as_bytes(), document })
            .collect();
        let found = crate::check::check(&files);
        let near = found.into_iter().filter(|it| *it.rule == rules::NEAR_NAME);
        near.map(|it| design[it.span].to_owned()).collect()
    }

    #[test]
    fn a_name_that_stands_once_is_held_to_those_of_the_tasks() {
        assert_eq!(found("# D\n\n`paymnts` and `order.completed`, `payment`\n"), ["paymnts"]);
        assert_eq!(found("# D\n\n`paymnts`, again `paymnts`\n"), Vec::<String>::new());
        assert_eq!(found("# D\n\n`payments`\n"), Vec::<String>::new());
    }
}
