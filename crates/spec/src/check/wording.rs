//! How criteria are worded.

use super::numbers::{self, Said};
use super::{Input, finding};
use crate::diagnostic::Diagnostic;
use crate::ears::{self, Ears, Modal};
use crate::{Dialect, Kind, Node, NodeKind, rules};

/// Words that everybody measures in another way.
const VAGUE: &[&str] = &[
    "appropriate",
    "appropriately",
    "adequate",
    "adequately",
    "clear",
    "clearly",
    "easily",
    "easy",
    "efficient",
    "efficiently",
    "fast",
    "flexible",
    "friendly",
    "gracefully",
    "intuitive",
    "meaningful",
    "normally",
    "properly",
    "quick",
    "quickly",
    "reasonable",
    "reasonably",
    "relevant",
    "robust",
    "seamless",
    "seamlessly",
    "simple",
    "smooth",
    "smoothly",
    "suitable",
    "timely",
    "typically",
    "usually",
    "user-friendly",
];

/// Checks every criterion of a file that is to be written in EARS, in a language whose words we know.
pub(super) fn check<'a>(file: &Input<'a>, said: &mut Said<'a>, found: &mut Vec<Diagnostic>) {
    let kinds = [Kind::Requirements, Kind::Bugfix, Kind::Spec];
    if !kinds.contains(&file.document.kind) || file.document.dialect == Dialect::Unknown {
        return;
    }
    let criteria = file.document.nodes.iter().filter(|node| node.kind == NodeKind::Criterion);
    for node in criteria.filter(|node| is_english(&node.text)) {
        let ears = ears::parse(&node.text);
        one(file, node, &ears, found);
        numbers::units(file, node, &ears, found);
        said.again(file, node, &ears, found);
    }
}

/// Whether the words are in an alphabet that English is written in.
fn is_english(text: &str) -> bool {
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let plain = text.chars().filter(char::is_ascii_alphabetic).count();
    letters > 0 && plain * 10 >= letters * 9
}

fn one(file: &Input<'_>, node: &Node, ears: &Ears, found: &mut Vec<Diagnostic>) {
    let Ears { clauses, system, modal, demands, response, .. } = ears;
    let name = node.id.as_deref().or(node.ordinal.as_deref()).unwrap_or("?");
    let mut add = |rule, message| found.push(finding(file, node, rule, None, message));
    let Some(modal) = modal else {
        add(&rules::NO_MODAL, format!("criterion {name} has no SHALL, and so demands nothing"));
        return;
    };
    if let Some((lead, _)) = clauses.iter().find(|(_, condition)| condition.is_empty()) {
        let lead = lead.as_str().to_uppercase();
        add(&rules::NO_TRIGGER, format!("criterion {name} has nothing after {lead}"));
    }
    if system.is_empty() {
        add(&rules::NO_SYSTEM, format!("criterion {name} does not say who shall do it"));
    }
    if response.is_empty() {
        add(&rules::NO_RESPONSE, format!("criterion {name} does not say what shall happen"));
    }
    if *demands > 1 {
        add(&rules::COMPOUND, format!("criterion {name} has {demands} demands, expected one"));
    }
    if *modal != Modal::Shall {
        let word = if *modal == Modal::Must { "MUST" } else { "SHOULD" };
        add(&rules::WEAK, format!("criterion {name} is demanded with {word}, expected SHALL"));
    }
    for word in vague(&node.text) {
        let span = place(file, node, &word);
        let message = format!("`{word}` in criterion {name} cannot be measured");
        found.push(finding(file, node, &rules::VAGUE, span, message));
    }
}

/// Each of them once.
fn vague(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '-');
    let is_vague = |word: &&str| VAGUE.iter().any(|vague| word.eq_ignore_ascii_case(vague));
    let mut found: Vec<String> = Vec::new();
    for word in words.filter(is_vague) {
        if !found.iter().any(|it| it == word) {
            found.push(word.into());
        }
    }
    found
}

/// Where some words stand in a node's first line.
pub(super) fn place(file: &Input<'_>, node: &Node, word: &str) -> Option<std::ops::Range<usize>> {
    let line = file.document.lines.get(node.line - 1)?;
    let text = std::str::from_utf8(&file.bytes[line.clone()]).ok()?;
    let at = line.start + text.find(word)?;
    Some(at..at + word.len())
}
