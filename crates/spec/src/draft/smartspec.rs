//! `spec.md`, as SmartSpec writes it.

use super::{Draft, Page, kiro, sections, tasks};
use crate::power::FragmentKind;

/// `spec.md`
pub(super) fn spec(draft: &Draft<'_>) -> Page {
    let mut page = Page::new("spec.md", draft.base());
    let names = &draft.names;
    page.lay(format!("# {}: {}", names.id, names.title));
    page.lay("");
    sections::head(names, &mut page);
    overview(draft, &mut page);
    page.head("## Technology Stack");
    kiro::technologies(draft, &mut page);
    page.head("## Architecture");
    page.head("### Components");
    kiro::components(draft, &mut page);
    page.head("## Requirements");
    requirements(draft, &mut page);
    page.head("## Data Model");
    sections::sql(draft, &mut page);
    guide(draft, &mut page);
    page.head("## Related Specs");
    tasks::related(draft, &mut page);
    page.head("## Review Notes");
    sections::review(draft, &mut page, "###");
    page.head("### Open Questions");
    sections::open_questions(draft, &mut page);
    page
}

fn overview(draft: &Draft<'_>, page: &mut Page) {
    page.head("## Overview");
    page.lay("**Purpose:**");
    for piece in draft.of_kind(FragmentKind::Introduction) {
        page.say(piece.text("text"), piece, &["text"]);
    }
    for (title, kind, none) in [
        ("Scope", FragmentKind::Scope, "What the requirements say."),
        ("Non-Goals", FragmentKind::Nongoal, "None was named."),
        ("Key Features", FragmentKind::Feature, "What the requirements say."),
    ] {
        page.gap();
        page.lay(format!("**{title}:**"));
        sections::list(draft, page, kind, none);
    }
}

fn requirements(draft: &Draft<'_>, page: &mut Page) {
    page.head("### User Stories");
    for piece in draft.of_kind(FragmentKind::Requirement) {
        let Some(number) = draft.numbers.requirements.get(&piece.id) else { continue };
        let story = sections::story(piece);
        let story = story.trim_start_matches("**User Story:** ");
        page.say(format!("- {number}: {story}"), piece, &["as", "want", "so"]);
    }
    page.head("### Functional Requirements");
    sections::list(draft, page, FragmentKind::Functional, "None beside the criteria below.");
    sections::requirements(draft, page, "###");
    page.head("### Edge Cases");
    sections::list(draft, page, FragmentKind::Edge, "None is known.");
    page.head("### Non-functional Requirements");
    sections::list(draft, page, FragmentKind::Quality, "None was asked for.");
}

fn guide(draft: &Draft<'_>, page: &mut Page) {
    page.head("## Implementation Guide");
    page.head("### Prerequisites");
    sections::list(draft, page, FragmentKind::Prerequisite, "None.");
    page.head("### Configuration");
    for piece in draft.of_kind(FragmentKind::Variable) {
        let text = format!("- `{}`: {}", piece.text("name"), piece.text("text"));
        page.say(text, piece, &["name", "text"]);
    }
    page.head("### Security");
    sections::list(draft, page, FragmentKind::Security, "Nothing beside the criteria.");
    page.head("## Examples");
    for (n, piece) in draft.of_kind(FragmentKind::Example).enumerate() {
        page.gap();
        page.say(format!("### Example {}: {}", n + 1, piece.text("title")), piece, &["title"]);
        page.lay("");
        page.lay(format!("```{}", piece.text("language")));
        for line in piece.text("text").trim_end().lines() {
            page.say(line, piece, &["text"]);
        }
        page.lay("```");
    }
}
