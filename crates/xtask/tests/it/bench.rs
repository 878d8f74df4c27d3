//! `cargo xtask bench`, at a size that measures nothing: it comes to its end, and each table has its
//! rows and figures.

use crate::{has_postgres, printed, specie, xtask};

fn bench(arguments: &[&str]) -> String {
    let specie = specie().display().to_string();
    printed(&[&["bench"], arguments, &["--specie", &specie]].concat())
}

/// The cells of the rows that begin so.
fn rows(printed: &str, begin: &str) -> Vec<Vec<String>> {
    let rows = printed.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let rows = rows.filter(|row| row.starts_with(begin));
    rows.map(|row| row.split(" | ").map(String::from).collect()).collect()
}

/// A figure above nothing.
fn is_measured(cell: &str) -> bool {
    cell.split(' ').next().and_then(|it| it.parse::<f64>().ok()).is_some_and(|it| it > 0.0)
}

#[test]
fn ingest_is_measured() {
    let only = if has_postgres() { "sqlite,postgres" } else { "sqlite" };
    let sizes = "--events 40 --at-once 4 --customers 2 --stored 50 --pace 40 --lag-seconds 1";
    let sizes: Vec<_> = sizes.split(' ').collect();
    let printed = bench(&[&["ingest", "--only", only], &sizes[..]].concat());
    for peer in only.split(',') {
        let name = if peer == "sqlite" { "Specie, SQLite" } else { "Specie, Postgres" };
        let rows = rows(&printed, name);
        assert_eq!(rows.len(), 4, "answer, written, lag, stored: {printed}");
        assert!(rows.iter().all(|row| is_measured(&row[2])), "{printed}");
    }
}

#[test]
fn reads_are_measured_and_call_nobody() {
    let size = ["--customers", "20", "--hot", "5", "--reads", "40", "--at-once", "2"];
    let only: &[&str] = if has_postgres() { &[] } else { &["--only-sqlite"] };
    let printed = bench(&[&["reads"], &size[..], only].concat());
    let rows = [rows(&printed, "SQLite"), rows(&printed, "Postgres")].concat();
    assert_eq!(rows.len(), if only.is_empty() { 4 } else { 2 }, "{printed}");
    for row in rows {
        assert!(is_measured(&row[3]), "{printed}");
        assert_eq!(row[8], "0", "calls to Stripe: {printed}");
    }
}

#[test]
fn reads_that_are_older_than_they_say_end_the_measurement() {
    let specie = specie().display().to_string();
    let size = ["--customers", "3", "--hot", "2", "--reads", "4", "--at-once", "1"];
    let demand = ["--only-sqlite", "--fresh=-1", "--specie", &specie];
    let out = xtask(&[&["bench", "reads"], &size[..], &demand].concat());
    assert_eq!(out.status.code(), Some(1));
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(said.contains("s old, and not marked as stale: {"), "{said}");
}

#[test]
fn the_sandbox_is_measured() {
    let printed = bench(&["sandbox", "--stored", "30,60", "--creates", "10", "--flows", "3"]);
    for stored in ["30", "60"] {
        assert!(rows(&printed, stored).iter().any(|row| is_measured(&row[1])), "{printed}");
    }
}

#[test]
fn the_start_is_measured() {
    let printed = bench(&["start", "--only-sqlite"]);
    for what in ["size of the binary", "start to the first answer", "memory of the service"] {
        assert!(rows(&printed, what).iter().any(|row| is_measured(&row[1])), "{printed}");
    }
}

#[test]
fn a_binary_that_is_not_there_is_named() {
    let out = xtask(&["bench", "start", "--specie", "nowhere/specie"]);
    assert_eq!(out.status.code(), Some(1));
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(said.contains("`nowhere/specie` is not there"), "{said}");
    assert!(said.contains("hint: cargo build --release"), "{said}");
}
