//! Checking the files of one spec, each by itself and together.

mod drift;
mod structure;
mod trace;
mod wording;

use std::ops::Range;

pub use drift::drift;

use crate::diagnostic::{Diagnostic, Rule};
use crate::{Document, Node};

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
    for file in files {
        wording::check(file, &mut found);
        structure::check(file, &mut found);
    }
    trace::check(files, &mut found);
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

/// A finding about a node: at its first line, or at a narrower place.
fn finding(
    file: &Input<'_>,
    node: &Node,
    rule: &'static Rule,
    span: Option<Range<usize>>,
    message: String,
) -> Diagnostic {
    let line = file.document.lines.get(node.line - 1).cloned().unwrap_or(0..0);
    let words = &file.bytes[line.clone()];
    let blanks = words.len() - words.trim_ascii_start().len();
    let end = line.start + words.trim_ascii_end().len();
    let span = span.unwrap_or((line.start + blanks).min(end)..end);
    let before = file.bytes.get(line.start..span.start).unwrap_or_default();
    Diagnostic {
        rule,
        path: file.path.into(),
        line: node.line,
        column: String::from_utf8_lossy(before).chars().count() + 1,
        span,
        message,
        help: Some(format!("write for example: {}", rule.good)),
        id: node.id.clone().or_else(|| node.ordinal.clone()),
    }
}
