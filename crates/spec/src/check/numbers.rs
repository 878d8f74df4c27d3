//! Numbers in criteria: limits without a unit, and criteria that contradict each other.

use std::collections::HashMap;

use super::{Input, finding};
use crate::diagnostic::Diagnostic;
use crate::ears::Ears;
use crate::quantity::Quantity;
use crate::{Node, rules};

/// What was said first in some words: the numbers, the file and the node.
#[derive(Default)]
pub(super) struct Said<'a> {
    first: HashMap<String, (Vec<String>, &'a str, &'a Node)>,
}

/// How many limits of one criterion are told of.
const MOST: usize = 10;

/// A limit that says neither of what nor in which unit, at the end of a sentence.
pub(super) fn units(file: &Input<'_>, node: &Node, ears: &Ears, found: &mut Vec<Diagnostic>) {
    let name = node.id.as_deref().or(node.ordinal.as_deref()).unwrap_or("?");
    let bare = ears.numbers.iter().filter(|it| it.is_limit && it.is_last && it.unit.is_none());
    for it in bare.take(MOST) {
        // Nothing and one, and shares of one, are what they are.
        if ["0", "1"].contains(&it.value.as_str()) || it.value.starts_with("0.") {
            continue;
        }
        let before = ears.response[..it.span.start].trim_end();
        let from = before.rfind(char::is_whitespace).map_or(0, |at| at + 1);
        let words = &ears.response[from..it.span.end];
        let span = super::wording::place(file, node, words);
        let message = format!("`{words}` in criterion {name} has no unit");
        found.push(finding(file, node, &rules::NO_UNIT, span, message));
    }
}

impl<'a> Said<'a> {
    /// A criterion that says the same as one before it, but for a number of the same unit.
    pub(super) fn again(
        &mut self,
        file: &Input<'a>,
        node: &'a Node,
        ears: &Ears,
        found: &mut Vec<Diagnostic>,
    ) {
        let counts = |it: &&Quantity| it.is_measure || it.is_limit && it.unit.is_some();
        let numbers: Vec<&Quantity> = ears.numbers.iter().filter(counts).collect();
        if numbers.is_empty() {
            return;
        }
        let values: Vec<String> = numbers.iter().map(|it| value(it)).collect();
        let words =
            format!("{:?} {} {}", ears.clauses, ears.system, masked(&ears.response, &numbers));
        let words: Vec<&str> = words.split_whitespace().collect();
        let words = words.join(" ").to_lowercase();
        let (first, path, other) =
            self.first.entry(words).or_insert((values.clone(), file.path, node));
        if *first == values {
            return;
        }
        let name = |node: &Node| node.ordinal.clone().or(node.id.clone()).unwrap_or_default();
        let differs = first.iter().zip(&values).position(|(one, other)| one != other);
        let at = differs.unwrap_or_default();
        let place = if *path == file.path { String::new() } else { format!(" of {path}") };
        let message = format!(
            "criterion {} says {}, and criterion {}{place} says {} in the same words",
            name(node),
            shown(numbers[at], &values[at]),
            name(other),
            shown(numbers[at], &first[at]),
        );
        found.push(finding(file, node, &rules::CONTRADICTION, None, message));
    }
}

/// A number as it is compared: `29.00` is `29`.
fn value(it: &Quantity) -> String {
    let whole = it.value.split_once('.').map(|(whole, rest)| (whole, rest.trim_end_matches('0')));
    match whole {
        Some((whole, "")) => whole.to_owned(),
        Some((whole, rest)) => format!("{whole}.{rest}"),
        None => it.value.clone(),
    }
}

fn shown(it: &Quantity, value: &str) -> String {
    match it.unit.as_deref().unwrap_or_default() {
        "%" => format!("{value} %"),
        sign if !sign.starts_with(char::is_alphabetic) => format!("{sign}{value}"),
        unit => format!("{value} {unit}{}", if value == "1" { "" } else { "s" }),
    }
}

/// The words with a mark and the unit in place of each number.
fn masked(text: &str, numbers: &[&Quantity]) -> String {
    let mut words = String::new();
    let mut from = 0;
    for it in numbers {
        words.push_str(&text[from..it.span.start]);
        words.push_str(&format!("# {} ", it.unit.as_deref().unwrap_or_default()));
        from = it.span.end;
    }
    words + &text[from..]
}
