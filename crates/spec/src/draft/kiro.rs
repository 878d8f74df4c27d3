//! `requirements.md` and `design.md`, as Kiro writes them.

use super::{Draft, Page, sections};
use crate::power::{FragmentKind, Piece};

/// `requirements.md`
pub(super) fn requirements(draft: &Draft<'_>) -> Page {
    let mut page = Page::new("requirements.md", draft.base());
    let names = &draft.names;
    page.lay(format!("# Requirements Document: {}", names.title));
    page.lay("");
    sections::head(names, &mut page);
    page.head("## Introduction");
    introduction(draft, &mut page);
    page.head("## Glossary");
    for piece in draft.of_kind(FragmentKind::Glossary) {
        let text = format!("- **{}**: {}", piece.text("term"), piece.text("text"));
        page.say(text, piece, &["term", "text"]);
    }
    page.head("## Requirements");
    sections::requirements(draft, &mut page, "###");
    page.head("## Functional Requirements");
    sections::list(draft, &mut page, FragmentKind::Functional, "None beside the criteria above.");
    page.head("## Edge Cases");
    sections::list(draft, &mut page, FragmentKind::Edge, "None is known.");
    page.head("## Non-functional Requirements");
    sections::list(draft, &mut page, FragmentKind::Quality, "None was asked for.");
    page.head("## Data Model");
    sections::sql(draft, &mut page);
    page.head("## Review Notes");
    sections::review(draft, &mut page, "###");
    page.head("## Open Questions");
    sections::open_questions(draft, &mut page);
    page
}

fn introduction(draft: &Draft<'_>, page: &mut Page) {
    for piece in draft.of_kind(FragmentKind::Introduction) {
        page.say(piece.text("text"), piece, &["text"]);
        page.lay("");
    }
    page.lay("**Scope:**");
    page.lay("");
    sections::list(draft, page, FragmentKind::Scope, "What the requirements say.");
    page.gap();
    page.lay("**Non-Goals:**");
    page.lay("");
    sections::list(draft, page, FragmentKind::Nongoal, "None was named.");
}

/// `design.md`
pub(super) fn design(draft: &Draft<'_>) -> Page {
    let mut page = Page::new("design.md", draft.base());
    page.lay(format!("# Design Document: {}", draft.names.title));
    page.head("## Overview");
    for piece in draft.of_kind(FragmentKind::Feature) {
        page.say(format!("- {}", piece.text("text")), piece, &["text"]);
    }
    page.head("## Architecture");
    technologies(draft, &mut page);
    page.head("## Components and Interfaces");
    components(draft, &mut page);
    interfaces(draft, &mut page);
    page.head("## Data Models");
    models(draft, &mut page);
    page.head("## Correctness Properties");
    properties(draft, &mut page);
    page.head("## Error Handling");
    sections::list(
        draft,
        &mut page,
        FragmentKind::Failure,
        "No failure is known that the criteria do not name.",
    );
    page.head("## Testing Strategy");
    testing(draft, &mut page);
    page
}

/// The technologies of the stack.
pub(super) fn technologies(draft: &Draft<'_>, page: &mut Page) {
    let facts: std::collections::BTreeSet<String> = ["stack".to_owned()].into();
    let Some(stack) = draft.stack else {
        page.put(
            "The stack has no pack here: files and commands are open questions.",
            "stack",
            facts,
        );
        return;
    };
    page.put(format!("**Stack:** {}", stack.title), "stack", facts.clone());
    page.lay("");
    for (name, value) in &stack.technologies {
        page.put(format!("- **{name}:** {value}"), "stack", facts.clone());
    }
}

/// The parts, each with what it does.
pub(super) fn components(draft: &Draft<'_>, page: &mut Page) {
    for (n, piece) in draft.of_kind(FragmentKind::Component).enumerate() {
        let text = format!("{}. **{}**: {}", n + 1, piece.text("title"), piece.text("text"));
        page.say(text, piece, &["title", "text"]);
        for (n, line) in piece.list("does").into_iter().enumerate() {
            page.say(format!("   - {line}"), piece, &[&format!("does.{n}")]);
        }
    }
}

fn interfaces(draft: &Draft<'_>, page: &mut Page) {
    let mut table = |title: &str, head: &str, kind, row: &dyn Fn(&Piece) -> String| {
        if draft.of_kind(kind).next().is_none() {
            return;
        }
        page.head(format!("### {title}"));
        page.lay(head);
        page.lay(format!("|{}", " --- |".repeat(head.matches('|').count() - 1)));
        for piece in draft.of_kind(kind) {
            page.say(row(piece), piece, &["text", "name", "method", "path"]);
        }
    };
    table("Endpoints", "| Endpoint | What it does | Signed in |", FragmentKind::Endpoint, &|it| {
        let auth = if it.flag("auth") { "yes" } else { "no" };
        format!("| `{} {}` | {} | {auth} |", it.text("method"), it.text("path"), it.text("text"))
    });
    table("Events", "| Event | What follows |", FragmentKind::Event, &|it| {
        format!("| `{}` | {} |", it.text("name"), it.text("text"))
    });
    table(
        "Variables of the environment",
        "| Variable | What it is |",
        FragmentKind::Variable,
        &|it| format!("| `{}` | {} |", it.text("name"), it.text("text")),
    );
}

fn models(draft: &Draft<'_>, page: &mut Page) {
    page.lay("The SQL stands in the requirements, under Data Model.");
    page.lay("");
    for table in draft.of_kind(FragmentKind::Table) {
        let text = format!("- `{}`: {}", table.text("name"), table.text("text"));
        page.say(text, table, &["name", "text"]);
        for relation in draft.of_kind(FragmentKind::Relation) {
            if relation.text("table") == table.text("name") {
                page.say(format!("  - {}", relation.text("text")), relation, &["text"]);
            }
        }
    }
}

fn properties(draft: &Draft<'_>, page: &mut Page) {
    let mut any = false;
    for (n, piece) in draft.of_kind(FragmentKind::Property).enumerate() {
        any = true;
        page.gap();
        page.say(format!("### Property {}: {}", n + 1, piece.text("title")), piece, &["title"]);
        page.lay("");
        page.say(piece.text("text"), piece, &["text"]);
        let numbers = draft.criteria_of(piece, "criteria");
        if !numbers.is_empty() {
            page.lay("");
            page.say(format!("**Validates: Requirements {}**", numbers.join(", ")), piece, &[]);
        }
    }
    if !any {
        page.lay("None is known.");
    }
}

fn testing(draft: &Draft<'_>, page: &mut Page) {
    page.lay("Each criterion is named by a task, and shown by that task's tests. Scenarios that stand for criteria:");
    page.lay("");
    scenarios(draft, page);
}

/// The scenarios in one fence, each with the criteria that it stands for as tags.
pub(super) fn scenarios(draft: &Draft<'_>, page: &mut Page) {
    if draft.of_kind(FragmentKind::Scenario).next().is_none() {
        page.lay("The power has no scenarios for it.");
        return;
    }
    page.lay("```gherkin");
    page.lay(format!("Feature: {}", draft.names.title));
    for piece in draft.of_kind(FragmentKind::Scenario) {
        let numbers = draft.criteria_of(piece, "criteria");
        if numbers.is_empty() {
            continue;
        }
        page.lay("");
        let tags: Vec<String> = numbers.iter().map(|it| format!("@criterion-{it}")).collect();
        page.say(format!("  {}", tags.join(" ")), piece, &[]);
        page.say(format!("  Scenario: {}", piece.text("title")), piece, &["title"]);
        for (n, step) in piece.list("steps").into_iter().enumerate() {
            page.say(format!("    {step}"), piece, &[&format!("steps.{n}")]);
        }
    }
    page.lay("```");
}
