//! The documents beside the tasks: README, data-model and test-plan. OpenAPI has its own file.

use std::collections::BTreeSet;

use super::tasks::{Form, commands, number};
use super::{Draft, Page, kiro, openapi, sections};
use crate::power::{FragmentKind, Piece};

/// All of them.
pub(super) fn all(draft: &Draft<'_>) -> Vec<Page> {
    vec![readme(draft), data_model(draft), openapi::openapi(draft), test_plan(draft)]
}

fn head(draft: &Draft<'_>, path: &str, title: &str) -> Page {
    let mut page = Page::new(path, draft.base());
    page.lay(format!("# {title} - {}", draft.names.title));
    page.lay("");
    page.lay(format!("**Generated:** {}", draft.names.generated));
    page.lay(format!("**Author:** {}", draft.names.author));
    page
}

fn readme(draft: &Draft<'_>) -> Page {
    let mut page = head(draft, "README.md", "Implementation Guide");
    page.head("## Set-up");
    sections::list(draft, &mut page, FragmentKind::Prerequisite, "Nothing is needed first.");
    page.gap();
    for piece in draft.of_kind(FragmentKind::Variable) {
        let text = format!("- Set `{}`: {}", piece.text("name"), piece.text("text"));
        page.say(text, piece, &["name", "text"]);
    }
    let stack: BTreeSet<String> = ["stack".to_owned()].into();
    page.head("## Commands");
    match draft.stack {
        None => page.put(
            "The stack has no pack here: its commands are an open question.",
            "stack",
            stack.clone(),
        ),
        Some(pack) => {
            page.lay("```bash");
            for command in pack.commands.values().filter(|it| !it.contains("{{")) {
                page.put(command.as_str(), "stack", stack.clone());
            }
            page.lay("```");
        }
    }
    page.head("## Files");
    let mut any = false;
    for task in &draft.work.tasks {
        for file in task.files.iter().filter(|it| it.lines.is_some()) {
            let Some(path) = draft.path(&file.name) else { continue };
            let piece = &draft.pieces[task.piece];
            let facts =
                piece.facts(&["create", "title"]).into_iter().chain(stack.clone()).collect();
            page.put(format!("- `{path}`: {}", piece.text("title")), &piece.id, facts);
            any = true;
        }
    }
    if !any {
        page.put("Which files there will be is an open question of the stack.", "stack", stack);
    }
    page
}

fn data_model(draft: &Draft<'_>) -> Page {
    let mut page = head(draft, "data-model.md", "Data Model");
    page.head("## Entities");
    if draft.of_kind(FragmentKind::Table).next().is_none() {
        page.lay("Nothing is stored for it.");
    }
    for table in draft.of_kind(FragmentKind::Table) {
        entity(draft, &mut page, table);
    }
    page
}

fn entity(draft: &Draft<'_>, page: &mut Page, table: &Piece) {
    let name = table.text("name");
    page.gap();
    page.say(format!("### {}", camel(name)), table, &["name"]);
    page.lay("");
    page.say(format!("**Table:** `{name}`"), table, &["name"]);
    page.say(format!("**Description:** {}", table.text("text")), table, &["text"]);
    page.lay("");
    page.lay("**Fields:**");
    page.lay("");
    page.lay("| Field | Type | Required | Description |");
    page.lay("|-------|------|----------|-------------|");
    for column in sections::columns(draft, name) {
        let required = if is_required(column) { "Yes" } else { "No" };
        let cells = [column.text("name"), column.text("type"), required, column.text("text")];
        page.say(format!("| {} |", cells.join(" | ")), column, &["name", "type", "sql", "text"]);
    }
    page.lay("");
    page.lay("**Relationships:**");
    page.lay("");
    let own = |kind| {
        draft.of_kind(kind).filter(|it: &&Piece| it.text("table") == name).collect::<Vec<_>>()
    };
    let relations = own(FragmentKind::Relation);
    if relations.is_empty() {
        page.lay("None.");
    }
    for relation in relations {
        page.say(format!("- {}", relation.text("text")), relation, &["text"]);
    }
    page.lay("");
    page.lay("**Indexes:**");
    page.lay("");
    let indexes = own(FragmentKind::Index);
    if indexes.is_empty() {
        page.lay("None beside the primary key and what is unique.");
    }
    for index in indexes {
        let unique = if index.flag("unique") { " (unique)" } else { "" };
        page.say(
            format!("- `{}`{unique}", index.list("columns").join("`, `")),
            index,
            &["columns"],
        );
    }
}

/// Whether a column always holds something.
pub(super) fn is_required(column: &Piece) -> bool {
    let sql = column.text("sql");
    sql.contains("NOT NULL") || sql.contains("PRIMARY KEY")
}

/// `audit_logs` as `AuditLogs`.
pub(super) fn camel(name: &str) -> String {
    let word = |word: &str| {
        let mut chars = word.chars();
        chars
            .next()
            .map(|first| first.to_uppercase().chain(chars).collect::<String>())
            .unwrap_or_default()
    };
    name.split('_').map(word).collect()
}

fn test_plan(draft: &Draft<'_>) -> Page {
    let mut page = head(draft, "test-plan.md", "Test Plan");
    page.head("## Tests by Criterion");
    page.lay("| Criterion | Tasks | Shown by |");
    page.lay("|-----------|-------|----------|");
    let form = if draft.names.id.is_empty() { Form::Kiro } else { Form::SmartSpec };
    for (id, (requirement, n)) in sorted(draft) {
        let Some(criterion) = draft.of_kind(FragmentKind::Criterion).find(|it| it.id == *id) else {
            continue;
        };
        let own = |it: &usize| draft.work.tasks[*it].criteria.contains(id);
        let tasks: Vec<usize> = (0..draft.work.tasks.len()).filter(own).collect();
        let names: Vec<String> = tasks.iter().map(|it| number(draft, *it, form)).collect();
        let mut shown: Vec<String> = Vec::new();
        for command in
            tasks.iter().flat_map(|it| commands(draft, &draft.pieces[draft.work.tasks[*it].piece]))
        {
            if command.contains("test") && !shown.contains(&format!("`{command}`")) {
                shown.push(format!("`{command}`"));
            }
        }
        let shown = if shown.is_empty() { "an open question".to_owned() } else { shown.join(", ") };
        let mut facts = criterion.facts(&[]);
        facts.insert("stack".into());
        facts.extend(super::tasks::facts_of(draft, &tasks));
        page.put(format!("| {requirement}.{n} | {} | {shown} |", names.join(", ")), id, facts);
    }
    page.head("## Scenarios");
    kiro::scenarios(draft, &mut page);
    page
}

/// The criteria by number.
fn sorted<'a>(draft: &'a Draft<'_>) -> Vec<(&'a String, (usize, usize))> {
    let mut all: Vec<(&String, (usize, usize))> =
        draft.numbers.criteria.iter().map(|(id, number)| (id, *number)).collect();
    all.sort_by_key(|(_, number)| *number);
    all
}
