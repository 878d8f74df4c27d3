//! Times `specie spec check` on a made tree of specs, and on files that mean harm:
//! `cargo run --release -p specie-engine --example check_tree -- 1000 50`
//!
//! A third argument names the harmful file to time alone.

use std::fmt::Write;
use std::path::Path;

use specie_vocab::{SystemClock, WallClock, WallTime};

fn main() -> std::io::Result<()> {
    let number = |n: usize, else_: usize| {
        let said = std::env::args().nth(n).and_then(|it| it.parse().ok());
        said.unwrap_or(else_)
    };
    let (specs, tasks) = (number(1, 1000), number(2, 50));
    let folder = tempfile::tempdir()?;
    write_tree(folder.path(), specs, tasks)?;
    for _ in 0..3 {
        time(&format!("{specs} specs with {tasks} tasks each"), folder.path());
    }
    let only = std::env::args().nth(3).unwrap_or_default();
    for (what, name, text) in HARMFUL.iter().filter(|it| it.0.contains(&only)) {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join(name), text())?;
        time(what, folder.path());
    }
    Ok(())
}

fn time(what: &str, folder: &Path) {
    let now = || -> WallTime { WallClock::now(&SystemClock) };
    let start = now().timestamp();
    let checked = specie_engine::check(folder).expect("files that can be read");
    let took = now().timestamp().duration_since(start);
    let (files, found) = (checked.files().count(), checked.found.len());
    println!("{:6} ms  {what}: {files} files, {found} findings", took.as_millis());
}

fn write_tree(root: &Path, specs: usize, tasks: usize) -> std::io::Result<()> {
    std::fs::create_dir_all(root.join(".kiro/steering"))?;
    let steering =
        "# Tech\n\n- **PostgreSQL** - the database\n- Never use MongoDB.\n- Vitest for tests\n";
    std::fs::write(root.join(".kiro/steering/tech.md"), steering)?;
    for spec in 0..specs {
        let folder = root.join(format!(".kiro/specs/feature-{spec:04}"));
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("requirements.md"), requirements(tasks))?;
        std::fs::write(folder.join("design.md"), design())?;
        std::fs::write(folder.join("tasks.md"), task_list(tasks))?;
    }
    Ok(())
}

fn requirements(tasks: usize) -> String {
    let mut text = "# Requirements Document\n\n## Introduction\n\nWhat is wanted.\n\n".to_owned();
    for requirement in 1..=tasks.div_ceil(5) {
        write_to(
            &mut text,
            format_args!(
                "### Requirement {requirement}: Things\n\n**User Story:** As a user, I want it, so that I can go on.\n\n#### Acceptance Criteria\n\n"
            ),
        );
        for criterion in 1..=5 {
            write_to(
                &mut text,
                format_args!(
                    "{criterion}. WHEN thing {criterion} of {requirement} is asked for, THE Service SHALL answer within {criterion} seconds from `users.name`.\n"
                ),
            );
        }
        text.push('\n');
    }
    text.push_str("## Data Model\n\n```sql\nCREATE TABLE users (\n  id UUID PRIMARY KEY,\n  name TEXT NOT NULL\n);\n```\n");
    text
}

fn design() -> String {
    let part = "### Part\n\nThe part reads `users.name` and stores it in PostgreSQL. It is called by others, and calls none.\n\n```ts\nexport function part() {}\n```\n\n";
    format!("# Design\n\n## Overview\n\nWords.\n\n## Components\n\n{}", part.repeat(10))
}

fn task_list(tasks: usize) -> String {
    let mut text = "# Implementation Plan: Things\n\n## Tasks\n\n".to_owned();
    let mut waves = Vec::new();
    for n in 0..tasks {
        let (group, part) = (n / 5 + 1, n % 5 + 1);
        if part == 1 {
            write_to(&mut text, format_args!("- [ ] {group}. Group of tasks (~5h)\n"));
        }
        write_to(
            &mut text,
            format_args!(
                "  - [ ] {group}.{part} Make one thing (~1h)\n    - It is made as the design says.\n    - CREATE: `src/thing_{n}.rs` (~80 lines - SMALL)\n    - Provides: thing `thing-{n}`\n"
            ),
        );
        if n > 0 {
            let (before, last) = ((n - 1) / 5 + 1, (n - 1) % 5 + 1);
            write_to(
                &mut text,
                format_args!(
                    "    - Needs: thing `thing-{}`\n    - _Depends: {before}.{last}_\n",
                    n - 1
                ),
            );
        }
        write_to(&mut text, format_args!("    - _Requirements: {group}.{part}_\n"));
        waves.push(format!("{{\"id\":{n},\"tasks\":[\"{group}.{part}\"]}}"));
    }
    write_to(
        &mut text,
        format_args!(
            "\n## Task Dependency Graph\n\n```json\n{{\"waves\":[{}]}}\n```\n",
            waves.join(",")
        ),
    );
    text
}

fn write_to(text: &mut String, words: std::fmt::Arguments<'_>) {
    text.write_fmt(words).expect("a text takes all words");
}

/// How large a harmful file is, in bytes.
const SIZE: usize = 10_000_000;

fn fill(line: &str) -> String {
    line.repeat(SIZE / line.len())
}

fn count(of: impl Fn(usize) -> String) -> String {
    let mut text = String::new();
    let mut n = 0;
    while text.len() < SIZE {
        text.push_str(&of(n));
        n += 1;
    }
    text
}

fn sql(line: &str) -> String {
    format!("# Data Model\n```sql\n{}\n```\n", fill(line))
}

/// What it is, in a file of which name, and how to make it.
type Harmful = (&'static str, &'static str, fn() -> String);

const HARMFUL: [Harmful; 18] = [
    ("boxes", "tasks.md", || fill("- [x] 1. a\n")),
    ("nested boxes", "tasks.md", || count(|n| format!("{}- [ ] {n}. a\n", " ".repeat(n % 2000)))),
    ("tasks that wait for each other", "tasks.md", || {
        count(|n| {
            let (makes, waits) = (n + 7, n + 1);
            format!(
                "- [ ] {n}. a\n  - Needs: thing `x{n}`\n  - Provides: thing `x{makes}`\n  - _Depends: {waits}_\n"
            )
        })
    }),
    ("tasks that need what the last makes", "tasks.md", || {
        let task = |n: usize| {
            format!("- [ ] {n}. a\n  - Needs: thing `y`\n  - _Depends: {}_\n", n.saturating_sub(1))
        };
        count(task) + "- [ ] 999999. z\n  - Provides: thing `y`\n"
    }),
    ("one thing made by all", "tasks.md", || {
        fill("- [ ] a\n  - Provides: thing `x`\n  - EDIT: `a/b`\n")
    }),
    ("one long line", "requirements.md", || fill("WHEN a, THE b SHALL c within 5 `")),
    ("one long criterion", "requirements.md", || {
        format!(
            "### Requirement 1: a\n#### Acceptance Criteria\n1. {}",
            fill("WHEN a, THE b SHALL clearly c within 5 `")
        )
    }),
    ("criteria", "requirements.md", || {
        let list = count(|n| format!("{n}. THE S SHALL answer within {n} seconds\n"));
        format!("### Requirement 1: a\n#### Acceptance Criteria\n{list}")
    }),
    ("references", "tasks.md", || fill("- [ ] 1. a\n  - _Requirements: 1-999999, 1.1-1.99999_\n")),
    ("a wide table", "tasks.md", || fill("| Phase | Tasks | Hours |\n")),
    ("tables of SQL", "requirements.md", || sql("CREATE TABLE a (b INT);\n")),
    ("open SQL", "requirements.md", || sql("CREATE TABLE a (b ( \"")),
    ("a graph", "tasks.md", || {
        let names = fill("\"zz\",");
        format!("- [ ] 1. a\n## Task Dependency Graph\n```json\n[[{names}\"1\"]]\n```\n")
    }),
    ("brackets", "SPEC_INDEX.json", || fill("[")),
    ("totals", "tasks.md", || {
        "- [ ] 1. a (~1h)\n".repeat(300_000) + &"**Total:** 3 tasks, 4 hours\n".repeat(180_000)
    }),
    ("ticks", "spec.md", || fill("`a.b` ")),
    ("headings", "tasks.md", || fill("# a\n## b\n### c\n")),
    ("labels", "tasks.md", || fill("**a:** b\n")),
];
