//! What `check` finds, and what it does not.

use specie_spec::check::{Input, check};
use specie_spec::{Document, detect, read, rules};

fn found(files: &[(&str, &str)]) -> Vec<String> {
    let documents: Vec<Document> = files
        .iter()
        .map(|(path, text)| {
            let (dialect, kind) = detect(path, text.as_bytes());
            read(text.as_bytes(), dialect, kind)
        })
        .collect();
    let inputs: Vec<Input<'_>> = files
        .iter()
        .zip(&documents)
        .map(|((path, text), document)| Input { path, bytes: text.as_bytes(), document })
        .collect();
    check(&inputs)
        .iter()
        .map(|it| {
            let text =
                files.iter().find(|(path, _)| *path == it.path).expect("a file that was given").1;
            assert!(it.span.start <= it.span.end && it.span.end <= text.len(), "{it:?}");
            format!("{}:{}:{} {}: {}", it.path, it.line, it.column, it.rule.name, it.message)
        })
        .collect()
}

fn criterion(text: &str) -> Vec<String> {
    let requirements = format!("### Requirement 1: R\n#### Acceptance Criteria\n1. {text}\n");
    found(&[("requirements.md", &requirements)])
}

#[test]
fn good_criteria_are_left_alone() {
    for text in [
        "WHEN a refund is asked, THE Ledger SHALL create one entry.",
        "IF the amount exceeds it, THEN THE API SHALL answer 400 with code `charge_already_refunded`.",
        "WHILE a dispute is open, WHEN a refund is asked, THE API SHALL reject it.",
        "THE Ledger SHALL CONTINUE TO keep debits equal to credits.",
        "当用户退款时，系统应创建一条记录。",
    ] {
        assert_eq!(criterion(text), [] as [String; 0], "{text}");
    }
}

#[test]
fn wording_that_cannot_be_tested_is_found() {
    let cases = [
        (
            "The ledger is balanced.",
            "3:1 criterion-without-shall: criterion 1.1 has no SHALL, and so demands nothing",
        ),
        (
            "WHEN, THE Ledger SHALL create one.",
            "3:1 clause-without-condition: criterion 1.1 has nothing after WHEN",
        ),
        (
            "WHEN a refund is asked, SHALL create one.",
            "3:1 criterion-without-system: criterion 1.1 does not say who shall do it",
        ),
        (
            "THE Ledger SHALL.",
            "3:1 criterion-without-response: criterion 1.1 does not say what shall happen",
        ),
        (
            "THE API SHALL store it and SHALL answer.",
            "3:1 criterion-with-two-demands: criterion 1.1 has 2 demands, expected one",
        ),
        (
            "THE API SHOULD answer 200.",
            "3:1 weak-modal: criterion 1.1 is demanded with SHOULD, expected SHALL",
        ),
        (
            "THE API SHALL respond quickly.",
            "3:26 vague-word: `quickly` in criterion 1.1 cannot be measured",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(criterion(text), [format!("requirements.md:{expected}")], "{text}");
    }
}

#[test]
fn ids_and_criteria_that_are_missing_or_doubled_are_found() {
    let text = "\
### Requirement 1: A
#### Acceptance Criteria
7. THE S SHALL a.
7. THE S SHALL b.
### Requirement 2: B
**User Story:** As a user, I want it.
### Requirement 2: C
#### Acceptance Criteria
1. THE S SHALL c.
";
    assert_eq!(
        found(&[("requirements.md", text)]),
        [
            "requirements.md:4:1 repeated-number: the number 1.7 stands on line 3 already; a renderer shows 1.8 here",
            "requirements.md:5:1 requirement-without-criteria: requirement 2 has no acceptance criteria",
            "requirements.md:7:1 duplicate-id: requirement 2 stands on line 5 already",
        ]
    );
}

#[test]
fn what_tasks_name_must_be_there_and_all_of_it_be_named() {
    let requirements = "\
### Requirement 1: A
#### Acceptance Criteria
1. THE S SHALL a.
2. THE S SHALL b.
### Requirement 2: B
#### Acceptance Criteria
1. THE S SHALL c.
";
    let tasks = "\
- [x] 1. Parent
  - [ ] 1.1 One
    - _Requirements: 1.1, 9.9_
- [ ] 2. Two
  - _Requirements: 2_
- [ ] 3. Three
- [ ]* 4. Optional
";
    assert_eq!(
        found(&[("requirements.md", requirements), ("tasks.md", tasks)]),
        [
            "requirements.md:4:1 criterion-without-task: no task names criterion 1.2",
            "tasks.md:1:1 ticked-before-its-parts: task 1 is ticked, and its part 1.1 is not",
            "tasks.md:3:27 dangling-reference: there is no criterion 9.9",
            "tasks.md:6:1 task-without-criterion: task 3 names no criterion",
        ]
    );
    assert_eq!(found(&[("tasks.md", tasks)]).len(), 1, "without the criteria nothing dangles");
}

#[test]
fn a_circle_of_tasks_is_found_and_what_waits_for_it_is_not_in_it() {
    let task = |id: &str, needs: &str| {
        format!("### Task {id}: Words (~1h)\n**Dependencies:** {needs}\n\n")
    };
    let text =
        [task("T001", "T002"), task("T002", "T001"), task("T003", "T002"), task("T004", "None")]
            .concat();
    let text = format!("# Implementation Tasks - A\n\n{text}");
    let said = found(&[("tasks.md", &text)]);
    let ids: Vec<_> = said.iter().map(|it| it.split(' ').nth(3).unwrap()).collect();
    assert_eq!(ids, ["T001", "T002"], "{said:?}");
}

#[test]
fn every_rule_explains_itself_and_its_good_example_passes() {
    for rule in rules::ALL {
        assert_eq!(rules::named(rule.name), Some(*rule));
        assert!(rule.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'));
        for text in [rule.what, rule.why] {
            assert!(text.ends_with('.') && text.len() > 20, "{}", rule.name);
        }
        if rule.good.starts_with("THE ") || rule.good.starts_with("WHEN ") {
            assert_eq!(criterion(rule.good), [] as [String; 0], "{}", rule.name);
            assert!(criterion(rule.bad).iter().any(|it| it.contains(rule.name)), "{}", rule.name);
        }
    }
}

#[test]
fn the_page_of_the_rules_is_up_to_date() {
    let kept = include_str!("../../../../docs/spec-rules.md");
    let mend = "cargo run -p specie-spec --example rules > docs/spec-rules.md";
    assert!(kept == rules::page(), "the page differs from the rules: {mend}");
}
