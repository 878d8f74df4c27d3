//! Numbers that stood in a document when it was made, and no longer do.

use super::{Input, finding};
use crate::diagnostic::Diagnostic;
use crate::diff::{Side, diff};
use crate::rules;

/// Lines of `file` that have lost a number which they had in `base`, the text that was written. What
/// was taken over since belongs to the base.
pub fn drift(file: &Input<'_>, base: &str) -> Vec<Diagnostic> {
    let current: String = String::from_utf8_lossy(file.bytes).replace("\r\n", "\n");
    let mut found = Vec::new();
    let (mut lost, mut there, mut at): (Vec<&str>, Vec<&str>, usize) = (Vec::new(), Vec::new(), 0);
    let base = base.trim_end();
    let lines = diff(base.as_bytes(), current.trim_end().as_bytes());
    for line in &lines {
        let text = std::str::from_utf8(line.bytes).unwrap_or_default();
        match line.side {
            Side::Both => {
                tell(file, &lost, &there, at, &mut found);
                lost.clear();
                there.clear();
                at = line.new + 1;
            }
            Side::Old => lost.push(text),
            Side::New => there.push(text),
        }
    }
    tell(file, &lost, &there, at, &mut found);
    found
}

/// What was lost between two lines that are still there; the first new line is number `at`, from 0.
fn tell(file: &Input<'_>, lost: &[&str], there: &[&str], at: usize, found: &mut Vec<Diagnostic>) {
    let now: Vec<&str> = there.iter().flat_map(|it| numbers(it)).collect();
    let gone = |line: &&&str| numbers(line).iter().any(|number| !now.contains(number));
    for line in lost.iter().filter(gone) {
        let missing: Vec<&str> = numbers(line).into_iter().filter(|it| !now.contains(it)).collect();
        let nodes = &file.document.nodes;
        let owner = file.document.owners.get(at.min(file.document.owners.len().saturating_sub(1)));
        let Some(owner) = owner.and_then(|it| nodes.get(*it)) else { continue };
        let message = format!(
            "{} stood here when it was made: `{}`",
            missing.join(", "),
            line.trim().chars().take(120).collect::<String>()
        );
        let mut one = finding(file, owner, &rules::NUMBER_LOST, None, message);
        if let Some(span) = file.document.lines.get(at) {
            (one.line, one.column, one.span) = (at + 1, 1, span.start..span.start);
        }
        one.help = Some("put it back, or take the change over: `specie spec sync --apply`".into());
        found.push(one);
    }
}

/// Digits with what belongs to them: `$29.00`, `30`, `1.5`.
pub fn numbers(line: &str) -> Vec<&str> {
    let mut all = Vec::new();
    let mut rest = 0;
    while let Some(start) = line[rest..].find(|c: char| c.is_ascii_digit()).map(|at| rest + at) {
        let inside = |c: char| c.is_ascii_digit() || c == '.' || c == ',';
        let end = line[start..].find(|c| !inside(c)).map_or(line.len(), |at| start + at);
        let number = line[start..end].trim_end_matches(['.', ',']);
        all.push(number);
        rest = end;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dialect, Kind, read};

    const BASE: &str = "# R\n\n1. THE A SHALL charge $29.00 every 30 days.\n2. THE A SHALL wait.\n3. THE A SHALL answer within 5 seconds.\n";

    fn found(now: &str) -> Vec<(usize, String)> {
        let document = read(now.as_bytes(), Dialect::Kiro, Kind::Requirements);
        let file = Input { path: "requirements.md", bytes: now.as_bytes(), document: &document };
        drift(&file, BASE).into_iter().map(|it| (it.line, it.message)).collect()
    }

    #[test]
    fn a_number_that_is_gone_is_found_where_it_stood() {
        assert_eq!(found(BASE), []);
        assert_eq!(found(&BASE.replace("wait", "stop")), []);
        let one = found(&BASE.replace("$29.00 every", "every"));
        assert!(
            one.len() == 1 && one[0].0 == 3 && one[0].1.starts_with("29.00 stood here"),
            "{one:?}"
        );
        let gone = found(&BASE.replace("3. THE A SHALL answer within 5 seconds.\n", ""));
        assert!(gone.len() == 1 && gone[0].1.starts_with("3, 5 stood here"), "{gone:?}");
        assert_eq!(found(&BASE.replace('\n', "\r\n")), []);
    }
}
