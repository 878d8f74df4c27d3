//! Columns that are named, against the tables of the data model.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use super::rows::rows;
use super::{Input, finding};
use crate::diagnostic::Diagnostic;
use crate::sql::{Table, plain};
use crate::things::{Kind, quoted};
use crate::work::Work;
use crate::{NodeKind, rules};

/// What follows a point and is no column: the ends of files, and what is done with things.
const NO_COLUMNS: [&str; 61] = [
    "rs", "ts", "tsx", "js", "jsx", "mjs", "cjs", "py", "go", "rb", "java", "kt", "cs", "php",
    "sql", "json", "yaml", "yml", "toml", "md", "txt", "csv", "html", "css", "scss", "vue",
    "svelte", "prisma", "proto", "xml", "sh", "db", "log", "env", "lock", "create", "update",
    "delete", "insert", "select", "upsert", "remove", "add", "list", "get", "set", "find", "all",
    "count", "index", "query", "read", "write", "manage", "view", "edit", "test", "spec",
    "service", "pkey", "length",
];

/// Checks the columns that the files of a spec name. Of a need that nobody makes it has been told.
pub(super) fn check(
    files: &[Input<'_>],
    works: &[Work<'_>],
    tables: &BTreeMap<String, Table>,
    found: &mut Vec<Diagnostic>,
) {
    if tables.is_empty() {
        return;
    }
    let named = Named::of(files, works);
    let needs = found.iter().filter(|it| *it.rule == rules::NOT_MADE);
    let told: HashSet<(String, usize)> = needs.map(|it| (it.path.clone(), it.span.start)).collect();
    for file in files {
        let mut own = Vec::new();
        for (n, node) in file.document.nodes.iter().enumerate() {
            match node.kind {
                NodeKind::Code | NodeKind::Graph | NodeKind::Validation => {}
                _ => in_words(file, n, (tables, &named), &mut own),
            }
        }
        found
            .extend(own.into_iter().filter(|it| !told.contains(&(it.path.clone(), it.span.start))));
        fields(file, tables, found);
    }
    idle(files, &named, tables, found);
}

/// Columns that indexes and references name, and their tables do not have.
pub(super) fn uses(
    files: &[Input<'_>],
    tables: &BTreeMap<String, Table>,
    found: &mut Vec<Diagnostic>,
) {
    for it in crate::sql::uses(files) {
        let table = tables.get(&it.table.to_lowercase()).filter(|known| !known.has(&it.column));
        if let Some(table) = table {
            let file = &files[it.file];
            let owner = file.document.owners[file.document.line_at(it.span.start) - 1];
            let node = &file.document.nodes[owner];
            let message = format!("table `{}` has no column `{}`", table.name, it.column);
            found.push(finding(file, node, &rules::NO_COLUMN, Some(it.span), message));
        }
    }
}

/// The columns that tasks need or make by name.
#[derive(Default)]
struct Named {
    all: HashSet<String>,
    /// In which file and where they stand: there the word `column` says what is meant.
    places: HashSet<(String, usize)>,
}

impl Named {
    fn of(files: &[Input<'_>], works: &[Work<'_>]) -> Self {
        let mut named = Self::default();
        for (file, work) in files.iter().zip(works) {
            let things = work.jobs.iter().flat_map(|job| job.needs.iter().chain(&job.makes));
            for thing in things.filter(|thing| thing.kind == Kind::Column) {
                named.places.insert((file.path.to_owned(), thing.span.start));
                named.all.insert(compared(&thing.key));
            }
        }
        named
    }
}

fn compared(key: &str) -> String {
    key.split_once('.')
        .map_or_else(String::new, |(table, column)| format!("{table}.{}", plain(column)))
}

/// Names of the form `table.column` between backticks.
fn in_words(
    file: &Input<'_>,
    n: usize,
    (tables, named): (&BTreeMap<String, Table>, &Named),
    found: &mut Vec<Diagnostic>,
) {
    let node = &file.document.nodes[n];
    let own = file.document.own(n);
    let Some(text) = file.bytes.get(own.clone()).and_then(|it| std::str::from_utf8(it).ok()) else {
        return;
    };
    for span in quoted(text) {
        let name = &text[span.clone()];
        let at = own.start + span.start..own.start + span.end;
        let Some((table, column)) = name.split_once('.') else { continue };
        let Some(known) = tables.get(&table.to_lowercase()) else { continue };
        let is_told = || named.places.contains(&(file.path.to_owned(), at.start));
        let is_column = is_plain(table) && is_plain(column) && !is_other(column);
        if !known.has(column) && (is_column || is_told()) {
            let message = format!("table `{}` has no column `{column}`", known.name);
            found.push(finding(file, node, &rules::NO_COLUMN, Some(at), message));
        }
    }
}

fn is_plain(word: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    word.starts_with(|c: char| c.is_ascii_lowercase()) && word.chars().all(fits)
}

/// Whether a word that follows the name of a table may be something else: `users.rs`, `users.create`,
/// the event `users.created`.
fn is_other(word: &str) -> bool {
    NO_COLUMNS.contains(&word) || word.ends_with("ed") || word.ends_with("ing")
}

/// The fields of entities that say which table they are: `**Table:** `users`` under the same heading as
/// a table whose first column is headed Field.
fn fields(file: &Input<'_>, tables: &BTreeMap<String, Table>, found: &mut Vec<Diagnostic>) {
    let nodes = &file.document.nodes;
    let mut entities: BTreeMap<usize, &str> = BTreeMap::new();
    for (n, node) in nodes.iter().enumerate() {
        let Some(parent) = node.parent else { continue };
        if node.kind == NodeKind::Field
            && node.id.as_deref().is_some_and(|id| id.eq_ignore_ascii_case("table"))
        {
            entities.insert(parent, node.text.trim_matches(['`', ' ', '*']));
        }
        let entity = entities.get(&parent).filter(|_| node.kind == NodeKind::Table);
        let Some(table) = entity.and_then(|name| tables.get(&name.to_lowercase())) else {
            continue;
        };
        for (name, span) in first_cells(file, n) {
            if !table.has(&name) {
                let message = format!("table `{}` has no column `{name}`", table.name);
                found.push(finding(file, node, &rules::NO_COLUMN, Some(span), message));
            }
        }
    }
}

/// The names in the first column of a table whose head says that they are fields.
fn first_cells(file: &Input<'_>, node: usize) -> Vec<(String, Range<usize>)> {
    let rows = rows(file, node);
    let heads = ["field", "column", "name", "attribute"];
    let is_head = |cell: &str| heads.contains(&cell.to_lowercase().as_str());
    let mut cells = rows.into_iter().filter_map(|row| row.into_iter().nth(1));
    match cells.next().is_some_and(|(cell, _)| is_head(&cell)) {
        true => cells.filter(|(name, _)| is_plain(&name.to_lowercase())).collect(),
        false => Vec::new(),
    }
}

/// Columns that no task names, where tasks name at least half of those of the same table.
fn idle(
    files: &[Input<'_>],
    named: &Named,
    tables: &BTreeMap<String, Table>,
    found: &mut Vec<Diagnostic>,
) {
    for (key, table) in tables {
        let own = table.columns.iter().filter(|(name, ..)| !goes_without_saying(name));
        let is_named = |name: &str| named.all.contains(&compared(&format!("{key}.{name}")));
        let (known, idle): (Vec<_>, Vec<_>) = own.partition(|(name, ..)| is_named(name));
        if known.is_empty() || known.len() < idle.len() {
            continue;
        }
        for (name, f, span) in idle {
            let file = &files[*f];
            let owner = file.document.owners[file.document.line_at(span.start) - 1];
            let node = &file.document.nodes[owner];
            let message = format!("no task names the column `{name}` of table `{}`", table.name);
            found.push(finding(file, node, &rules::IDLE_COLUMN, Some(span.clone()), message));
        }
    }
}

/// Columns that every table has, and that nobody names.
fn goes_without_saying(name: &str) -> bool {
    ["id", "createdat", "updatedat", "deletedat"].contains(&plain(name).as_str())
}
