//! Documents of both dialects, with every oddity that real ones have.

use proptest::prelude::*;
use specie_spec::{
    Dialect, Document, Kind, NodeKind, State, TickError, Which, apply, detect, read, tick,
};

fn kiro(path: &str, text: &str) -> Document {
    let (dialect, kind) = detect(path, text.as_bytes());
    read(text.as_bytes(), dialect, kind)
}

/// Each line with the kind of its owner, ids, ordinals and states, as one short line of text.
fn shown(document: &Document) -> Vec<String> {
    let of = |owner: &usize| {
        let node = &document.nodes[*owner];
        let mut all = vec![node.kind.as_str().to_owned()];
        all.extend(node.id.clone());
        all.extend(node.ordinal.as_ref().map(|ordinal| format!("#{ordinal}")));
        all.extend(node.state.map(|state| state.as_str().to_owned()));
        all.extend(node.optional.then(|| "optional".to_owned()));
        all.extend(node.refs.iter().map(|it| {
            let to = it.to.as_deref().unwrap_or("?");
            format!("->{}:{}={to}/{}", it.kind.as_str(), it.text, it.by.as_str())
        }));
        all.join(" ")
    };
    document.owners.iter().map(of).collect()
}

const REQUIREMENTS: &str = "\
# Requirements Document
## Introduction
Refund handling.
## Glossary
- **Ledger**: the double-entry store
## Requirements
### Requirement 1: Partial refunds
**User Story:** As a support agent, I want to refund part, so that I can settle.
#### Acceptance Criteria
1. WHEN a refund is asked, THE Ledger SHALL create one entry.
   - a remark
2. THE Ledger SHALL keep debits equal to credits.
### Requirement 2: Feeds
#### Acceptance Criteria
7. THE System SHALL a.
7. THE System SHALL b.
8. THE System SHALL c.
";

#[test]
fn requirements_have_stories_and_criteria_with_both_numbers() {
    let document = kiro(".kiro/specs/refunds/requirements.md", REQUIREMENTS);
    assert_eq!(document.dialect, Dialect::Kiro);
    assert_eq!(document.kind, Kind::Requirements);
    assert_eq!(
        shown(&document),
        [
            "heading",
            "heading",
            "prose",
            "heading",
            "glossary Ledger",
            "heading",
            "requirement 1 #1",
            "story User Story",
            "heading",
            "criterion 1.1 #1.1",
            "entry",
            "criterion 1.2 #1.2",
            "requirement 2 #2",
            "heading",
            "criterion 2.7 #2.7",
            "criterion 2.7 #2.8",
            "criterion 2.8 #2.9",
        ]
    );
    let story = document.nodes.iter().find(|node| node.kind == NodeKind::Story).unwrap();
    assert!(story.text.starts_with("As a support agent"));
}

#[test]
fn tasks_have_boxes_ids_marks_and_references() {
    let text = "\
# Implementation Plan: Refunds
## Tasks
- [x] 1. Ledger entry types
  - [X] 1.1 Add refund entry in `src/ledger.rs`
    - guard against negative amounts
    - _Requirements: 1.1, 1.5_
  - [ ]* 1.2 Write property test
    - **Property 3: Refund never exceeds capture**
    - **Validates: Requirements 1.1, 1.2**
  - [ ]\\* 1.3 Escaped by a formatter
- [-] 2. HTTP endpoint
- [~] 3: Queued
- [ ]
  4. Title on the next line
[ ] 5. Without a bullet
- [ ] No id at all
- [ ] 7.9* Optional after its id
- [ ] 8. Checkpoint - ensure all tests pass
## Notes
- Tasks marked `*` are optional
## Task Dependency Graph
```json
{\"waves\":[{\"id\":0,\"tasks\":[\"1.1\"]}]}
- [ ] 9. in a fence is no task
```
";
    let document = kiro(".kiro/specs/refunds/tasks.md", text);
    let lines = shown(&document);
    assert_eq!(
        lines[2..],
        [
            "task 1 #1 done",
            "task 1.1 #1.1 done",
            "detail",
            "detail ->criterion:1.1=?/unresolved ->criterion:1.5=?/unresolved",
            "task 1.2 #1.2 open optional",
            "detail",
            "detail ->criterion:1.1=?/unresolved ->criterion:1.2=?/unresolved",
            "task 1.3 #1.3 open optional",
            "task 2 #2 doing",
            "task 3 #3 queued",
            "task 4 #4 open",
            "task 4 #4 open",
            "task 5 #5 open",
            "task #6 open",
            "task 7.9 #7 open optional",
            "checkpoint 8 #8 open",
            "heading",
            "entry",
            "heading",
            "graph",
            "graph",
            "graph",
            "graph",
        ]
    );
    assert_eq!(document.boxes().count(), 11);
}

const SMART: &str = "\
# Implementation Tasks - Payments

**Generated:** 2026-11-21 14:35
**Source SPEC:** SPEC-005 v1.0.0

| Phase | Tasks |
|-------|-------|
| Phase 1 | T001-T002 |

## Phase 1: Database (T001-T002)

### Task T001: Create Database Schema (~4 hours)

**Description:**
Create the schema.

**CREATE: `src/database/schema.sql`** (~200 lines - MEDIUM)

**Dependencies:** None

**Acceptance Criteria:**
- [ ] All tables created
- [x] Indexes defined

**Validation:**
```bash
psql -f src/database/schema.sql
```

### Task T002: Create Payment Model (~3 hours)

**Dependencies:**
- T001 (Schema must exist)

**Acceptance Criteria:**
- [ ] Model matches schema

## ⚡ CHECKPOINT: Phase 1 Complete

**Validation Required:**
- [ ] All 2 tasks completed
";

#[test]
fn smartspec_tasks_are_headings_with_criteria_files_and_commands() {
    let document = kiro("specs/feature/spec-005/tasks.md", SMART);
    assert_eq!(document.dialect, Dialect::SmartSpec);
    let mut lines = shown(&document);
    lines.dedup();
    assert_eq!(
        lines,
        [
            "heading",
            "field Generated",
            "field Source SPEC",
            "table",
            "phase 1",
            "task T001",
            "field Description",
            "file CREATE ->file:src/database/schema.sql=?/unresolved",
            "depends",
            "field Acceptance Criteria",
            "criterion #1 open",
            "criterion #2 done",
            "field Validation",
            "validation",
            "task T002",
            "depends",
            "depends ->task:T001=T001/literal",
            "field Acceptance Criteria",
            "criterion #1 open",
            "checkpoint",
            "field Validation Required",
            "check open",
        ]
    );
}

#[test]
fn files_of_tasks_stand_in_items_too() {
    let text = "\
- [ ] 1. Make the list
  - CREATE: `src/list.rs` (~80 lines - SMALL)
  - **EDIT: `src/lib.rs`** (add the module)
  - Create: a file for it
  - _Depends: 2_
";
    let document = kiro("tasks.md", text);
    assert_eq!(
        shown(&document)[1..],
        [
            "file CREATE ->file:src/list.rs=?/unresolved",
            "file EDIT ->file:src/lib.rs=?/unresolved",
            "detail",
            "detail ->task:2=?/unresolved",
        ]
    );
}

#[test]
fn ticking_a_box_changes_one_byte_and_a_task_without_one_its_criteria() {
    let text = "- [ ] 1. One\r\n  - [x] 1.1 Öne\r\n";
    let document = kiro("tasks.md", text);
    let ticked = tick(&document, text.as_bytes(), &Which::Id("1".into()), State::Done).unwrap();
    assert_eq!((ticked.from, ticked.line, ticked.changes.len()), (Some(State::Open), 1, 1));
    let after = apply(text.as_bytes(), &ticked.changes);
    assert_eq!(String::from_utf8(after).unwrap(), "- [x] 1. One\r\n  - [x] 1.1 Öne\r\n");
    let by_line = tick(&document, text.as_bytes(), &Which::Line(2), State::Done).unwrap();
    assert_eq!(by_line.changes, [], "it is so already");

    let document = kiro("tasks.md", SMART);
    let ticked = tick(&document, SMART.as_bytes(), &Which::Id("T001".into()), State::Done).unwrap();
    assert_eq!(ticked.changes.len(), 1, "one of its criteria is ticked already");
    let after = apply(SMART.as_bytes(), &ticked.changes);
    assert!(String::from_utf8(after).unwrap().contains("- [x] All tables created"));
}

#[test]
fn an_id_that_stands_nowhere_or_twice_is_refused_with_what_there_is() {
    let text = "- [ ] 1. One\n- [ ] 1. Again\n- [ ] 2. Two\n";
    let document = kiro("tasks.md", text);
    let asked = |id: &str| tick(&document, text.as_bytes(), &Which::Id(id.into()), State::Done);
    assert_eq!(asked("1"), Err(TickError::Ambiguous { lines: vec![1, 2] }));
    let known = vec![("1".into(), 1), ("1".into(), 2), ("2".into(), 3)];
    assert_eq!(asked("9"), Err(TickError::Missing { known }));
    let heading = tick(&document, text.as_bytes(), &Which::Line(9), State::Done);
    assert!(matches!(heading, Err(TickError::Missing { .. })));
}

#[test]
fn a_file_may_be_empty_marked_or_without_a_last_line_end() {
    for text in
        ["", "\n", "\u{feff}# Title", "\u{feff}- [ ] 1. One\r\n- [ ] 2. 二", "\t- [ ] 1. Tab"]
    {
        let document = kiro("tasks.md", text);
        assert_eq!(document.print(text.as_bytes(), |_| true), text.as_bytes());
        assert_eq!(document.boxes().count(), text.matches("[ ]").count(), "{text:?}");
    }
    let broken = b"- [ ] 1. \xff\xfe broken\n";
    let document = read(broken, Dialect::Kiro, Kind::Tasks);
    assert_eq!(document.nodes[1].text, "\u{fffd}\u{fffd} broken");
    assert_eq!(document.print(broken, |_| true), broken);
}

#[test]
fn deleting_a_node_takes_its_bytes_and_no_other() {
    let document = kiro("requirements.md", REQUIREMENTS);
    let bytes = REQUIREMENTS.as_bytes();
    for n in 1..document.nodes.len() {
        let inside = document.subtree(n);
        let printed = document.print(bytes, |node| !inside.contains(&node));
        let span = document.nodes[n].span.clone();
        assert_eq!(printed, [&bytes[..span.start], &bytes[span.end..]].concat(), "node {n}");
    }
}

/// Text that looks like a spec, and bytes that look like nothing.
fn any_document() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        Just("- [ ] 1. One".to_owned()),
        Just("  - [x]* 1.1 Two".to_owned()),
        Just("### Requirement 1: R".to_owned()),
        Just("#### Acceptance Criteria".to_owned()),
        Just("1. WHEN a, THE b SHALL c".to_owned()),
        Just("_Requirements: 1.1-1.3, 2_".to_owned()),
        Just("```".to_owned()),
        Just("| a | b |".to_owned()),
        Just("**Dependencies:**".to_owned()),
        Just(String::new()),
        "[ \\t]{0,6}[-*#\\[\\]x~`_:.0-9a-zé二]{0,12}",
    ];
    let end = prop_oneof![Just("\n"), Just("\r\n")];
    let lines = proptest::collection::vec((line, end), 0..30)
        .prop_map(|lines| lines.into_iter().flat_map(|(a, b)| [a, b.into()]).collect::<String>());
    prop_oneof![lines.prop_map(String::into_bytes), proptest::collection::vec(any::<u8>(), 0..200)]
}

proptest! {
    #[test]
    fn every_byte_is_kept_and_every_line_owned(bytes in any_document()) {
        for kind in [Kind::Requirements, Kind::Tasks, Kind::Design, Kind::Spec] {
            let document = read(&bytes, Dialect::Kiro, kind);
            prop_assert_eq!(document.print(&bytes, |_| true), bytes.clone());
            prop_assert_eq!(document.lines.len(), document.owners.len());
            for (n, node) in document.nodes.iter().enumerate().skip(1) {
                let parent = node.parent.unwrap();
                prop_assert!(parent < n);
                let above = &document.nodes[parent].span;
                prop_assert!(above.start <= node.span.start && node.span.end <= above.end);
                prop_assert!(node.span.start < node.span.end && node.span.end <= bytes.len());
                for reference in &node.refs {
                    prop_assert!(reference.span.end <= bytes.len());
                }
            }
            let boxes: Vec<usize> = document.boxes().map(|(n, _)| n).collect();
            for n in boxes {
                let which = Which::Line(document.nodes[n].line);
                let ticked = tick(&document, &bytes, &which, State::Queued).unwrap();
                let after = apply(&bytes, &ticked.changes);
                let differing = bytes.iter().zip(&after).filter(|(a, b)| a != b).count();
                prop_assert_eq!(differing, ticked.changes.len());
                prop_assert!(ticked.changes.len() <= 1 && after.len() == bytes.len());
            }
        }
    }
}

#[test]
fn a_box_in_a_quotation_is_a_task_and_quoted_words_are_none() {
    let text =
        "- [ ] 9. A\n> - [x] 10. B\n> words [x] and\n> - an item\n\n```\n> - [ ] 11. C\n```\n";
    let document = read(text.as_bytes(), Dialect::Kiro, Kind::Tasks);
    let tasks: Vec<_> = document.nodes.iter().filter(|it| it.kind == NodeKind::Task).collect();
    let ids: Vec<_> = tasks.iter().map(|it| it.id.as_deref()).collect();
    assert_eq!(ids, [Some("9"), Some("10")]);
    assert_eq!(text.as_bytes()[tasks[1].mark.unwrap()], b'x');
    assert_eq!(document.print(text.as_bytes(), |_| true), text.as_bytes());
}
