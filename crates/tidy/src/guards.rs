//! Guards: each patch that takes one out has its row in the document, and each row its patch.

mod outcomes;

use std::collections::BTreeMap;

use crate::{Fault, tested};

pub use outcomes::{Missed, Outcomes, runs};

/// Where the rows are.
pub const DOCUMENT: &str = "docs/guards.md";

/// Rows without a patch, patches without a row, and rows that say something else than the patch.
/// `files` are all files with their texts.
pub fn unlike(files: &[(String, String)]) -> Vec<Fault> {
    let mut rows: BTreeMap<&str, (usize, &str)> = rows(table(files)).collect();
    let mut faults = Vec::new();
    for (path, patch) in files {
        let name = path.strip_prefix("guards/").and_then(|it| it.strip_suffix(".patch"));
        let Some(name) = name else { continue };
        let without = patch.lines().find_map(|line| line.strip_prefix("Without it: "));
        let expected = without.unwrap_or_default();
        match rows.remove(name) {
            Some((_, said)) if said == expected => {}
            Some((line, _)) => {
                faults.push(Fault::at(DOCUMENT, line, format!("{path} says `{expected}`")));
            }
            None => faults.push(Fault::at(path, 0, format!("it has no row in {DOCUMENT}"))),
        }
    }
    let left = rows.into_iter();
    faults.extend(left.map(|(name, (line, _))| {
        Fault::at(DOCUMENT, line, format!("there is no guards/{name}.patch"))
    }));
    faults
}

/// Rows that say of a guard that a test misses it which is not there.
pub fn untested(files: &[(String, String)]) -> Vec<Fault> {
    let told = cells(table(files)).filter_map(|(line, name, cells)| {
        let test = test_of(cells);
        (!tested::is_there(files, test)).then(|| {
            let text = format!("`{name}` is missed by `{test}`, and there is no such test");
            Fault::at(DOCUMENT, line, text)
        })
    });
    told.collect()
}

/// Patches that do not say `Database: postgres`, although the test that their row names does its work
/// there alone: without a server it passes without the guard too.
pub fn silent_about_postgres(files: &[(String, String)]) -> Vec<Fault> {
    let told = cells(table(files)).filter_map(|(_, name, cells)| {
        let place = format!("guards/{name}.patch");
        let (_, patch) = files.iter().find(|(path, _)| *path == place)?;
        let says = patch.lines().any(|line| line == "Database: postgres");
        let test = test_of(cells);
        (!says && is_of_postgres(files, test)).then(|| {
            let text = format!("`{test}` needs a server: add the line `Database: postgres`");
            Fault::at(&place, 0, text)
        })
    });
    told.collect()
}

/// Whether a test does its work on Postgres alone: its modules say so, or it ends at once elsewhere.
fn is_of_postgres(files: &[(String, String)], test: &str) -> bool {
    let (modules, name) = test.rsplit_once("::").unwrap_or(("", test));
    modules.split("::").any(|module| module == "postgres")
        || written(files, name).any(ends_at_once_elsewhere)
}

/// Whether the body of a function, which begins in `code`, does nothing where there is no Postgres.
fn ends_at_once_elsewhere(code: &str) -> bool {
    let body = code.split_once("{\n").map_or("", |(_, body)| body);
    let mut lines = body.lines().map(str::trim);
    let asks =
        lines.next().is_some_and(|it| it.starts_with("if !") && it.ends_with(".is_postgres() {"));
    asks && lines.next() == Some("return;")
}

/// The code of each function of this name, from its arguments on.
fn written<'a>(files: &'a [(String, String)], name: &str) -> impl Iterator<Item = &'a str> {
    let head = format!("fn {name}(");
    let code = files.iter().filter(|(path, _)| path.ends_with(".rs"));
    code.filter_map(move |(_, text)| text.split_once(&head).map(|(_, code)| code))
}

/// The document with the rows.
fn table(files: &[(String, String)]) -> &str {
    files.iter().find(|(path, _)| path == DOCUMENT).map_or("", |(_, text)| text)
}

/// The test that the row of a guard in the document names, with its modules.
pub fn named<'a>(document: &'a str, guard: &str) -> Option<&'a str> {
    let row = cells(document).find(|(_, name, _)| *name == guard);
    row.map(|(_, _, cells)| test_of(cells)).filter(|test| !test.is_empty())
}

/// The test that the cells after a row's name say.
fn test_of<'a>(mut cells: impl Iterator<Item = &'a str>) -> &'a str {
    cells.nth(1).unwrap_or_default().trim_matches('`')
}

/// The rows of the table: name, line, and what happens without the guard.
fn rows(text: &str) -> impl Iterator<Item = (&str, (usize, &str))> {
    cells(text).filter_map(|(line, name, mut cells)| Some((name, (line, cells.next()?))))
}

/// The rows of the table: line, name, and the cells that follow it.
fn cells(text: &str) -> impl Iterator<Item = (usize, &str, impl Iterator<Item = &str>)> {
    text.lines().enumerate().filter_map(|(n, line)| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        Some((n + 1, cells.next()?.strip_suffix('`')?, cells))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_and_its_row_say_the_same() {
        let files = |row: &str, patch: &str| {
            let named = |path: &str, text: &str| (path.to_owned(), text.to_owned());
            [named(DOCUMENT, row), named("guards/fence.patch", patch)]
        };
        let patch = "Without it: late writes\nTest: -p a\n\ndiff";
        assert_eq!(unlike(&files("| `fence` | late writes | a test |", patch)), []);
        for row in ["", "| `fence` | other writes | a test |"] {
            assert_eq!(unlike(&files(row, patch)).len(), 1, "{row}");
        }
        let two = "| `fence` | late writes | a |\n| `lock` | early writes | b |";
        assert_eq!(unlike(&files(two, patch)).len(), 1);
    }

    #[test]
    fn the_test_that_a_row_names_is_there() {
        let found = |row: &str| {
            let code = "#[test]\nfn late_is_late() {}".to_owned();
            let document = (DOCUMENT.to_owned(), format!("| `fence` | late writes | {row} | x |"));
            untested(&[document, ("a.rs".to_owned(), code)]).len()
        };
        assert_eq!(found("`flow::late_is_late`"), 0);
        for gone in ["`flow::late_is_lat`", "`late`", "", "a test"] {
            assert_eq!(found(gone), 1, "{gone}");
        }
    }

    #[test]
    fn a_guard_that_only_postgres_shows_says_so() {
        let found = |test: &str, first: &str, patch: &str| {
            let named = |path: &str, text: String| (path.to_owned(), text);
            let code = format!("async fn held(db: Db) {{\n    {first}\n}}\n");
            let row = format!("| `lock` | early writes | `{test}` | x |");
            let patch = format!("Without it: early writes\n{patch}\ndiff");
            let files =
                [named(DOCUMENT, row), named("a.rs", code), named("guards/lock.patch", patch)];
            silent_about_postgres(&files).len()
        };
        let ends = "if !db.is_postgres() {\n        return;\n    }";
        let asks = "if !db.is_postgres() {\n        more(&db);\n    }";
        let silent = "Test: -p a";
        for (test, first) in [("late::held", ends), ("late::postgres::held", ""), ("held", ends)] {
            assert_eq!(found(test, first, silent), 1, "{test}: {first}");
            assert_eq!(found(test, first, "Test: -p a\nDatabase: postgres"), 0, "{test}: {first}");
        }
        for (test, first) in [("late::sqlite::held", "let a = 1;"), ("late::held", asks)] {
            assert_eq!(found(test, first, silent), 0, "{test}: {first}");
        }
        assert_eq!(found("late::other", ends, silent), 0);
    }

    #[test]
    fn a_row_names_its_test_with_its_modules() {
        let document =
            "| `lock` | early | `a::b` | x |\n| `fence` | late | `c::d::e` | x |\n| `x` |";
        assert_eq!(named(document, "fence"), Some("c::d::e"));
        for none in ["x", "fences", "guard"] {
            assert_eq!(named(document, none), None, "{none}");
        }
    }
}
