//! Files that mean harm: whatever they hold, checking ends, and every finding has its place.

use proptest::prelude::*;
use specie_spec::check::{Input, check_with};
use specie_spec::steering::{Manifest, Steering};
use specie_spec::{Diagnostic, Document, detect, index, read};

fn document(path: &str, bytes: &[u8]) -> Document {
    let (dialect, kind) = detect(path, bytes);
    read(bytes, dialect, kind)
}

/// Everything that is found in these files, taken for files of one spec, for steering and for an index.
fn found(files: &[(&str, Vec<u8>)]) -> Vec<Diagnostic> {
    let documents: Vec<Document> = files.iter().map(|it| document(it.0, &it.1)).collect();
    let inputs: Vec<Input<'_>> = files
        .iter()
        .zip(&documents)
        .map(|((path, bytes), document)| Input { path, bytes, document })
        .collect();
    let steering = Steering::of(&inputs);
    let texts: Vec<String> = files.iter().map(|it| String::from_utf8_lossy(&it.1).into()).collect();
    let names = ["package.json", "Cargo.toml", "go.mod", "requirements.txt", "Gemfile"];
    let manifests: Vec<Manifest<'_>> = names
        .iter()
        .flat_map(|path| texts.iter().map(move |text| Manifest { path, text }))
        .collect();
    let mut all = check_with(&inputs, &steering);
    all.extend(steering.stale(&inputs, &manifests));
    for input in &inputs {
        all.extend(index::check(input, &["specs/a".to_owned()], &|_| false));
    }
    all
}

fn any_line() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "- [ ] 1. One (~3h)",
        "  - [x]* 1.1 Two (~1h)",
        "- [ ] 2. Checkpoint",
        "  - Needs: table `users` (given), column `users.é`, thing `x`",
        "  - Provides: table `users`, endpoint `GET /a/:b`",
        "  - CREATE: `src/a.rs`",
        "  - EDIT: `src/a.rs`",
        "  - _Depends: 1, 1.1, 2_",
        "### Task T001: Words (~1 hour)",
        "**Needs:** thing `é",
        "**Total:** 2 phases, 3 tasks, 4 hours",
        "**Duration:** 3 weeks",
        "**Table:** `users`",
        "| Phase | Tasks | Hours |",
        "| Field | Type |",
        "| Phase 1 | T001-T002 | ~9h |",
        "| é",
        "## Phase 1: A (T001-T003)",
        "### Milestone 1 (Weeks 1-9)",
        "## Data Model",
        "```sql",
        "CREATE TABLE users (id INT, \"é\" TEXT, name TEXT);",
        "ALTER TABLE users ADD",
        "## Task Dependency Graph",
        "```json",
        "{\"waves\":[{\"id\":0,\"tasks\":[\"1\",\"1.1\",\"9\"]}]}",
        "[[\"1\"],[\"é\"]]",
        "{\"specs\":[{\"id\":\"a\",\"path\":\"b\",\"dependencies\":[\"a\",\"c\"]}]}",
        "```",
        "### Requirement 1: R",
        "#### Acceptance Criteria",
        "1. WHEN é, THE S SHALL answer `GET /é` within 5.",
        "2. WHEN é, THE S SHALL answer quickly within $5.00 and 7 days, from `users.rank`.",
        "2. WHEN é, THE S SHALL answer quickly within $6 and 7 days, from `users.rank`.",
        "Use PostgreSQL, never MongoDB; no Redis — é",
        "- **Database**: MongoDB",
        "\"dependencies\": {\"pg\": \"1\"},",
        "---",
        "",
    ]);
    let any = "[ \\t]{0,3}[-*#|`\\[\\]{}()\":,.x~_$%0-9a-zé二\u{feff}]{0,14}";
    prop_oneof![4 => known.prop_map(str::to_owned), 1 => any]
}

fn any_file() -> impl Strategy<Value = Vec<u8>> {
    let lines =
        proptest::collection::vec(any_line(), 0..40).prop_map(|it| it.join("\n").into_bytes());
    prop_oneof![9 => lines, 1 => proptest::collection::vec(any::<u8>(), 0..200)]
}

proptest! {
    #[test]
    fn whatever_files_hold_each_finding_has_its_place(
        requirements in any_file(), tasks in any_file(), other in any_file(), broken in any::<bool>()
    ) {
        let names = if broken { ["spec.md", "SPEC_INDEX.json"] } else { ["data-model.md", "plan.md"] };
        let mut tasks_read = tasks.clone();
        if broken {
            tasks_read.push(0xff);
        }
        let files = [
            ("requirements.md", requirements),
            ("tasks.md", tasks_read),
            (names[0], other.clone()),
            (names[1], other),
        ];
        for it in found(&files) {
            let bytes = &files.iter().find(|(path, _)| *path == it.path).unwrap().1;
            prop_assert!(it.span.start <= it.span.end && it.span.end <= bytes.len(), "{:?}", it);
            let before = &bytes[..it.span.start];
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            prop_assert!(it.line == line || before.len() == bytes.len(), "{:?} {}", it, line);
            prop_assert!(it.column >= 1 && !it.message.is_empty());
        }
    }
}

#[test]
fn what_is_repeated_without_end_is_told_of_to_an_end() {
    let tasks = [("tasks.md", "- [ ] 1. a\n".repeat(5_000).into_bytes())];
    let twice = found(&tasks).iter().filter(|it| it.rule.name == "duplicate-id").count();
    assert_eq!(twice, 999);
    let names = "\"zz\",".repeat(20_000);
    let graph = format!("- [ ] 1. a\n## Task Dependency Graph\n```json\n[[{names}\"1\"]]\n```\n");
    let told = found(&[("tasks.md", graph.into_bytes())]);
    let nowhere = told.iter().filter(|it| it.rule.name == "dangling-reference").count();
    assert_eq!(nowhere, 10_000);
}
