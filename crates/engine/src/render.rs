//! Findings as people read them, with the lines they are about.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use specie_spec::{Diagnostic, Severity};

/// A finding with its lines, as compilers print them. `text` is what the file holds.
pub fn full(found: &Diagnostic, text: &[u8], coloured: bool) -> String {
    let level = match found.rule.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Advice => Level::INFO.with_name("advice"),
    };
    let renderer = if coloured { Renderer::styled() } else { Renderer::plain() };
    let title = level.primary_title(&found.message).id(found.rule.name);
    // The lines that it is about alone: a large file would be read through for each finding.
    let (lines, span) = lines(text, found.span.clone());
    // Bytes that are no text would move every place behind them.
    let Ok(text) = std::str::from_utf8(lines) else {
        let Diagnostic { rule, message, path, line, column, .. } = found;
        let severity = rule.severity.as_str();
        return format!("{severity}[{}]: {message}\n --> {path}:{line}:{column}", rule.name);
    };
    let mark = AnnotationKind::Primary.span(span);
    let source = Snippet::source(text).line_start(found.line).path(&found.path);
    let mut group = title.element(source.annotation(mark));
    if let Some(help) = &found.help {
        group = group.element(Level::HELP.message(help));
    }
    renderer.render(&[group])
}

/// The lines that a span touches, and where it stands in them.
fn lines(text: &[u8], span: Range<usize>) -> (&[u8], Range<usize>) {
    let (start, end) = (span.start.min(text.len()), span.end.min(text.len()));
    let from = text[..start].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let to = text[end..].iter().position(|byte| *byte == b'\n').map_or(text.len(), |at| end + at);
    (&text[from..to], start - from..end - from)
}
