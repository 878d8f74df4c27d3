//! Sections that several documents have.

use std::collections::{BTreeMap, BTreeSet};

use super::{Draft, Names, Page};
use crate::power::{Field, FragmentKind, Piece};

/// The fields under the title of a spec.
pub(super) fn head(names: &Names, page: &mut Page) {
    for (name, value) in [
        ("Status", &names.status),
        ("Version", &names.version),
        ("Author", &names.author),
        ("Created", &names.created),
        ("Last Updated", &names.updated),
    ] {
        page.lay(format!("**{name}:** {value}"));
    }
}

/// Where the values of a piece's `criteria` stand behind its text: ` (1.2, 3.4)`.
pub(super) fn behind(draft: &Draft<'_>, piece: &Piece) -> String {
    let numbers = draft.criteria_of(piece, "criteria");
    if numbers.is_empty() { String::new() } else { format!(" ({})", numbers.join(", ")) }
}

/// A list of the texts of one kind; says why when there is none.
pub(super) fn list(draft: &Draft<'_>, page: &mut Page, kind: FragmentKind, none: &str) {
    let mut any = false;
    for piece in draft.of_kind(kind) {
        page.say(format!("- {}{}", piece.text("text"), behind(draft, piece)), piece, &["text"]);
        any = true;
    }
    if !any {
        page.lay(none);
    }
}

/// The requirements by number, each with its story and its criteria; headings begin with `level`.
pub(super) fn requirements(draft: &Draft<'_>, page: &mut Page, level: &str) {
    let mut all: Vec<(usize, &Piece)> = draft
        .of_kind(FragmentKind::Requirement)
        .filter_map(|it| Some((*draft.numbers.requirements.get(&it.id)?, it)))
        .collect();
    all.sort_by_key(|(number, _)| *number);
    for (number, piece) in all {
        page.gap();
        page.say(
            format!("{level} Requirement {number}: {}", piece.text("title")),
            piece,
            &["title"],
        );
        page.lay("");
        page.say(story(piece), piece, &["as", "want", "so"]);
        page.head(format!("{level}# Acceptance Criteria"));
        for (n, criterion) in criteria(draft, number) {
            page.say(format!("{n}. {}", criterion.text("text")), criterion, &["text"]);
        }
    }
}

/// `**User Story:** As a …, I want …, so that ….`
pub(super) fn story(piece: &Piece) -> String {
    let (who, want, so) = (piece.text("as"), piece.text("want"), piece.text("so"));
    let article =
        if who.starts_with(['a', 'e', 'i', 'o', 'A', 'E', 'I', 'O']) { "an" } else { "a" };
    format!("**User Story:** As {article} {who}, I want {want}, so that {so}.")
}

/// The criteria of a requirement, by number.
pub(super) fn criteria<'a>(draft: &'a Draft<'_>, requirement: usize) -> Vec<(usize, &'a Piece)> {
    let mut all: Vec<(usize, &Piece)> = draft
        .of_kind(FragmentKind::Criterion)
        .filter_map(|it| {
            let (above, n) = draft.numbers.criteria.get(&it.id)?;
            (*above == requirement).then_some((*n, it))
        })
        .collect();
    all.sort_by_key(|(n, _)| *n);
    all
}

/// The data model as SQL.
pub(super) fn sql(draft: &Draft<'_>, page: &mut Page) {
    if draft.of_kind(FragmentKind::Table).next().is_none() {
        page.lay("Nothing is stored for it.");
        return;
    }
    page.lay("```sql");
    for kind in draft.of_kind(FragmentKind::Enum) {
        let values: Vec<String> = kind.list("values").iter().map(|it| format!("'{it}'")).collect();
        let text = format!("CREATE TYPE {} AS ENUM ({});", kind.text("name"), values.join(", "));
        page.say(text, kind, &["values"]);
        page.lay("");
    }
    for table in draft.of_kind(FragmentKind::Table) {
        let name = table.text("name");
        page.say(format!("CREATE TABLE {name} ("), table, &["name"]);
        let columns: Vec<&Piece> = columns(draft, name).collect();
        for (n, column) in columns.iter().enumerate() {
            let rest = [column.text("name"), column.text("type"), column.text("sql")];
            let words: Vec<&str> = rest.into_iter().filter(|it| !it.is_empty()).collect();
            let comma = if n + 1 < columns.len() { "," } else { "" };
            page.say(format!("  {}{comma}", words.join(" ")), column, &["name", "type", "sql"]);
        }
        page.say(");", table, &["name"]);
        for index in draft.of_kind(FragmentKind::Index).filter(|it| it.text("table") == name) {
            let unique = if index.flag("unique") { "UNIQUE " } else { "" };
            let text =
                format!("CREATE {unique}INDEX ON {name} ({});", index.list("columns").join(", "));
            page.say(text, index, &["columns"]);
        }
        page.lay("");
    }
    while page.lines.last().is_some_and(|it| it.text.is_empty()) {
        page.lines.pop();
    }
    page.lay("```");
}

pub(super) fn columns<'a>(draft: &'a Draft<'_>, table: &str) -> impl Iterator<Item = &'a Piece> {
    draft.of_kind(FragmentKind::Column).filter(move |it| it.text("table") == table)
}

/// What a reviewer should know: dependencies, risks, suggestions, decisions, defaults taken, and what
/// is not covered.
pub(super) fn review(draft: &Draft<'_>, page: &mut Page, level: &str) {
    for (title, kind) in
        [("Dependencies", "dependency"), ("Risks", "risk"), ("Suggestions", "suggestion")]
    {
        page.head(format!("{level} {title}"));
        let notes: Vec<&Piece> =
            draft.of_kind(FragmentKind::Note).filter(|it| it.text("kind") == kind).collect();
        if notes.is_empty() {
            page.lay("The power has nothing to say here.");
        }
        for note in notes {
            page.say(format!("- {}", note.text("text")), note, &["text"]);
        }
    }
    decisions(draft, page, level);
    page.head(format!("{level} Not Covered"));
    if draft.unknown.is_empty() {
        page.lay("Every word of the request was understood.");
    }
    for words in &draft.unknown {
        page.put(
            format!("- \"{words}\": the power knows nothing of it"),
            "not-covered",
            BTreeSet::new(),
        );
    }
}

fn decisions(draft: &Draft<'_>, page: &mut Page, level: &str) {
    for (title, by_default, none) in [
        ("Decisions", false, "Nothing was asked of anybody."),
        ("Defaults Taken", true, "No default was taken."),
    ] {
        page.head(format!("{level} {title}"));
        let mut any = false;
        for (open, answer) in draft.answered.iter().filter(|(_, it)| it.by_default == by_default) {
            any = true;
            let means = open.options.iter().find(|(id, _)| *id == answer.text);
            let means = means.map(|(_, means)| format!(", {means}")).unwrap_or_default();
            let who = match by_default {
                true => format!("(`{}`; {})", open.id, open.why.trim_end_matches('.')),
                false => format!("(`{}`; {}, {})", open.id, answer.by, answer.at),
            };
            let text = format!("- {} **{}**{means} {who}", open.ask, answer.text);
            page.put(text, &format!("question:{}", open.id), asked_for(draft, &open.id));
        }
        if !any {
            page.lay(none);
        }
    }
}

/// The facts that an answer gave.
fn asked_for(draft: &Draft<'_>, question: &str) -> BTreeSet<String> {
    use crate::power::Origin;
    let all = draft.facts.all().into_iter();
    let own = all.filter(|(_, _, origin)| {
        matches!(origin, Origin::Answer(id) | Origin::Default(id) if id == question)
    });
    own.map(|(name, _, _)| name).collect()
}

/// What is still to be answered by somebody.
pub(super) fn open_questions(draft: &Draft<'_>, page: &mut Page) {
    for words in &draft.unknown {
        let text = format!("- What does \"{words}\" ask for? Nothing here is for it.");
        page.put(text, "not-covered", BTreeSet::new());
    }
    if draft.stack.is_none() {
        let text = "- How are files and commands called in this stack? No pack knows it, so tasks leave them open.";
        page.put(text, "stack", BTreeSet::from(["stack".to_owned()]));
    } else if draft.unknown.is_empty() {
        page.lay("None.");
    }
}

/// Files outside the spec that are put together of lines.
pub(super) fn blocks(draft: &Draft<'_>) -> Vec<Page> {
    let mut pages: BTreeMap<String, Page> = BTreeMap::new();
    for piece in draft.of_kind(FragmentKind::Block) {
        let path = piece.text("file").to_owned();
        let page = pages.entry(path.clone()).or_insert_with(|| Page::new(&path, draft.base()));
        for (n, line) in piece.tables("lines").into_iter().enumerate() {
            let text = line.get("text").and_then(Field::as_text).unwrap_or_default();
            page.say(text, piece, &[&format!("lines.{n}")]);
        }
    }
    pages.into_values().collect()
}
