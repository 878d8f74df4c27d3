//! Checking the files of one spec, each by itself and together.

mod columns;
mod copies;
mod critical;
mod drift;
mod endpoints;
mod near;
mod needs;
mod numbers;
mod rows;
mod structure;
mod totals;
mod trace;
mod waves;
mod wording;

use std::ops::Range;

pub use drift::{drift, numbers};

use crate::diagnostic::{Diagnostic, Rule};
use crate::steering::Steering;
use crate::work::Work;
use crate::{Document, Node, graph, json, sql};

/// A file of a spec.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// As messages name it.
    pub path: &'a str,
    /// What it holds.
    pub bytes: &'a [u8],
    /// What that means.
    pub document: &'a Document,
}

/// All that is found in the files of one spec, in their order.
pub fn check(files: &[Input<'_>]) -> Vec<Diagnostic> {
    check_with(files, &Steering::default())
}

/// The same, and what the spec uses against steering.
pub fn check_with(files: &[Input<'_>], steering: &Steering) -> Vec<Diagnostic> {
    let (apis, own): (Vec<Input<'_>>, Vec<Input<'_>>) =
        files.iter().copied().partition(endpoints::is_api);
    let mut found = steering.against(&own);
    let mut said = numbers::Said::default();
    for file in &own {
        wording::check(file, &mut said, &mut found);
        structure::check(file, &mut found);
    }
    trace::check(&own, &mut found);
    together(&own, &apis, &mut found);
    finish(files, &mut found);
    found
}

/// What the files say of each other and of what `apis` describe, and the tasks of one another.
fn together(files: &[Input<'_>], apis: &[Input<'_>], found: &mut Vec<Diagnostic>) {
    let tables = sql::tables(files);
    let works: Vec<Work<'_>> = files.iter().map(Work::of).collect();
    for (file, work) in files.iter().zip(&works) {
        let graph = graph::waves(file).filter(|_| !work.jobs.is_empty());
        needs::order(file, work, found);
        let waves = graph.as_ref().map(|(_, waves)| waves.as_slice()).unwrap_or_default();
        needs::check(file, work, waves, &tables, found);
        if let Some((node, broken)) = graph::broken(file).filter(|_| !work.jobs.is_empty()) {
            found.push(graph_finding(file, node, &broken));
        }
        if let Some((node, waves)) = &graph {
            waves::check(file, work, (*node, waves), found);
        }
        totals::check(file, work, found);
    }
    endpoints::check(files, apis, &works, found);
    columns::check(files, &works, &tables, found);
    columns::uses(files, &tables, found);
    copies::check(files, &works, found);
    critical::check(files, &works, found);
    near::check(files, &works, found);
}

/// A graph that nobody can read.
fn graph_finding(file: &Input<'_>, node: usize, broken: &json::Broken) -> Diagnostic {
    let span = broken.at.min(file.bytes.len())..broken.at.min(file.bytes.len());
    let what = format!("the graph is no JSON: expected {} here", broken.expected);
    finding(file, &file.document.nodes[node], &crate::rules::BROKEN_JSON, Some(span), what)
}

/// Puts findings in the order of the files, and counts the columns: along a line once, however many
/// findings it has.
pub(crate) fn finish(files: &[Input<'_>], found: &mut [Diagnostic]) {
    let place = |it: &Diagnostic| files.iter().position(|file| file.path == it.path);
    found.sort_by_cached_key(|it| (place(it), it.span.start, it.rule.name));
    let mut last = (0, 0, 0, 1);
    for it in found {
        let Some(n) = place(it) else { continue };
        let line = files[n].document.lines.get(it.line - 1).cloned().unwrap_or(0..0);
        let (file, number, at, column) = last;
        let (from, before) = match (file, number) == (n, it.line) && at <= it.span.start {
            true => (at, column),
            false => (line.start, 1),
        };
        let between = files[n].bytes.get(from..it.span.start).unwrap_or_default();
        it.column = before + String::from_utf8_lossy(between).chars().count();
        last = (n, it.line, it.span.start, it.column);
    }
}

/// A finding about a node: at its first line, or at a narrower place. Its column is counted when all
/// are found.
pub(crate) fn finding(
    file: &Input<'_>,
    node: &Node,
    rule: &'static Rule,
    span: Option<Range<usize>>,
    message: String,
) -> Diagnostic {
    let number = span.as_ref().map_or(node.line, |span| file.document.line_at(span.start));
    let line = file.document.lines.get(number - 1).cloned().unwrap_or(0..0);
    let words = &file.bytes[line.clone()];
    let blanks = words.len() - words.trim_ascii_start().len();
    let end = line.start + words.trim_ascii_end().len();
    let span = span.unwrap_or((line.start + blanks).min(end)..end);
    Diagnostic {
        rule,
        path: file.path.into(),
        line: number,
        column: 1,
        span,
        message,
        help: Some(format!("write for example: {}", rule.good)),
        id: node.id.clone().or_else(|| node.ordinal.clone()),
    }
}
