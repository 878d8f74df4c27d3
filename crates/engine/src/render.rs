//! Findings as people read them, with the lines they are about.

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
    // Bytes that are no text would move every place behind them.
    let Ok(text) = std::str::from_utf8(text) else {
        let Diagnostic { rule, message, path, line, column, .. } = found;
        let severity = rule.severity.as_str();
        return format!("{severity}[{}]: {message}\n --> {path}:{line}:{column}", rule.name);
    };
    let mark = AnnotationKind::Primary.span(found.span.clone());
    let mut group = title.element(Snippet::source(text).path(&found.path).annotation(mark));
    if let Some(help) = &found.help {
        group = group.element(Level::HELP.message(help));
    }
    renderer.render(&[group])
}
