//! Checking the files of one spec, each by itself and together.

mod columns;
mod needs;
mod numbers;
mod rows;
mod structure;
mod totals;
mod trace;
mod waves;
mod wording;

use std::ops::Range;

use crate::diagnostic::{Diagnostic, Rule};
use crate::work::Work;
use crate::{Document, Node, graph, sql};

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
    let mut found = Vec::new();
    let mut said = numbers::Said::default();
    for file in files {
        wording::check(file, &mut said, &mut found);
        structure::check(file, &mut found);
    }
    trace::check(files, &mut found);
    together(files, &mut found);
    let place = |path: &str| files.iter().position(|file| file.path == path);
    found.sort_by(|a, b| {
        (place(&a.path), a.span.start, a.rule.name).cmp(&(
            place(&b.path),
            b.span.start,
            b.rule.name,
        ))
    });
    found
}

/// What the files say of each other, and the tasks of one another.
fn together(files: &[Input<'_>], found: &mut Vec<Diagnostic>) {
    let tables = sql::tables(files);
    let works: Vec<Work<'_>> = files.iter().map(Work::of).collect();
    for (file, work) in files.iter().zip(&works) {
        let graph = graph::waves(file).filter(|_| !work.jobs.is_empty());
        let waves = graph.as_ref().map(|(_, waves)| waves.as_slice()).unwrap_or_default();
        needs::check(file, work, waves, &tables, found);
        if let Some((node, waves)) = &graph {
            waves::check(file, work, (*node, waves), found);
        }
        totals::check(file, work, found);
    }
    needs::endpoints(files, &works, found);
    columns::check(files, &works, &tables, found);
}

/// A finding about a node: at its first line, or at a narrower place.
fn finding(
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
    let before = file.bytes.get(line.start..span.start).unwrap_or_default();
    Diagnostic {
        rule,
        path: file.path.into(),
        line: number,
        column: String::from_utf8_lossy(before).chars().count() + 1,
        span,
        message,
        help: Some(format!("write for example: {}", rule.good)),
        id: node.id.clone().or_else(|| node.ordinal.clone()),
    }
}
