//! The shipped power, on many texts.

use std::collections::{BTreeMap, BTreeSet};

use specie_engine::make::asked;
use specie_engine::{Locked, Tree};
use specie_spec::power::{Around, Power, Value, lint};

use crate::power::{Spec, billing, findings, spec};

const MONTHLY: &str = "Add subscription billing so users can pay monthly";
const TIERS: &str = "Build subscription billing with three tiers, Basic $5, Advanced $7 and Pro $10 a month, and a pass of $4 for 3 months that is paid once.";
const PAYMENTS: &str = "Create a payment processing system with Stripe integration. Need to support:\n- One-time payments\n- Subscription billing\n- Payment history\n- Refund processing\n- Webhook handling\n- PCI compliance\n\nTechnology: Node.js, TypeScript, PostgreSQL, Stripe API";

fn texts() -> BTreeMap<String, Vec<String>> {
    #[derive(serde::Deserialize)]
    struct One {
        text: String,
    }
    let all: BTreeMap<String, Vec<One>> =
        toml_edit::de::from_str(include_str!("paraphrases.toml")).unwrap();
    all.into_iter().map(|(name, all)| (name, all.into_iter().map(|it| it.text).collect())).collect()
}

#[test]
fn nothing_is_wrong_with_the_power() {
    assert_eq!(lint(&billing()), []);
}

#[test]
fn ten_paraphrases_of_each_request_give_the_same_facts() {
    let power = billing();
    let mut faults = Vec::new();
    for (name, texts) in texts() {
        assert!(texts.len() > 10, "{name}");
        let first = spec(&power, Tree::Kiro, &texts[0], &[]);
        for text in &texts {
            let other = spec(&power, Tree::Kiro, text, &[]);
            let differs: Vec<String> = first
                .facts
                .iter()
                .filter(|(name, value)| other.facts.get(*name) != Some(value))
                .map(|(name, value)| format!("{name}: {value} / {:?}", other.facts.get(name)))
                .chain(
                    other
                        .facts
                        .keys()
                        .filter(|it| !first.facts.contains_key(*it))
                        .map(|it| format!("+{it}")),
                )
                .collect();
            if !differs.is_empty() || !other.unknown.is_empty() {
                faults.push(format!(
                    "{name}: {text}\n   {differs:?}\n   unknown {:?}",
                    other.unknown
                ));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The lines of two specs that differ: page, line, and what it says in each.
fn changed(a: &Spec, b: &Spec) -> Vec<(String, usize, String, String)> {
    let mut all = Vec::new();
    assert_eq!(a.pages.keys().collect::<Vec<_>>(), b.pages.keys().collect::<Vec<_>>());
    for (path, page) in &a.pages {
        let other = &b.pages[path];
        assert_eq!(page.lines.len(), other.lines.len(), "{path}");
        for (n, (x, y)) in page.lines.iter().zip(&other.lines).enumerate() {
            if x.text != y.text {
                all.push((path.clone(), n, x.text.clone(), y.text.clone()));
            }
        }
    }
    all
}

#[test]
fn every_line_names_its_cause() {
    let power = billing();
    for (tree, text) in
        [(Tree::Kiro, MONTHLY), (Tree::SmartSpec, TIERS), (Tree::SmartSpec, PAYMENTS)]
    {
        let spec = spec(&power, tree, text, &[]);
        let known = |fact: &str| {
            spec.facts.contains_key(fact)
                || spec.facts.keys().any(|it| it.starts_with(&format!("{fact}.")))
                || power.concepts.iter().any(|it| it.id == fact)
                || power.slots.iter().any(|it| it.id == fact)
                || power.questions.iter().any(|it| it.id == fact)
                || fact == "stack"
        };
        for (path, page) in &spec.pages {
            for (n, line) in page.lines.iter().enumerate() {
                assert!(!line.fragment.is_empty(), "{path}:{} {line:?}", n + 1);
                assert!(!line.facts.is_empty(), "{path}:{} {line:?}", n + 1);
                let stray = line.facts.iter().find(|it| !known(it));
                assert_eq!(stray, None, "{path}:{} {line:?}", n + 1);
            }
        }
    }
}

#[test]
fn another_amount_changes_exactly_the_lines_that_it_caused() {
    let power = billing();
    for tree in [Tree::Kiro, Tree::SmartSpec] {
        let seven = spec(&power, tree, TIERS, &[]);
        let eight = spec(&power, tree, &TIERS.replace("Advanced $7", "Advanced $8"), &[]);
        let changed = changed(&seven, &eight);
        assert!(changed.len() >= 4, "{changed:?}");
        let says = ["amount", "decimal", "minor"].map(|it| format!("prices.advanced_monthly.{it}"));
        for (path, page) in &seven.pages {
            for (n, line) in page.lines.iter().enumerate() {
                let caused = says.iter().any(|it| line.facts.contains(it));
                let differs = changed.iter().any(|(p, m, _, _)| p == path && *m == n);
                assert_eq!(caused, differs, "{path}:{} {line:?}", n + 1);
            }
        }
    }
}

#[test]
fn what_is_struck_out_takes_its_fragments_along_and_nothing_else() {
    let power = billing();
    for tree in [Tree::Kiro, Tree::SmartSpec] {
        let with = spec(&power, tree, PAYMENTS, &[]);
        let without = spec(&power, tree, &PAYMENTS.replace("- Refund processing\n", ""), &[]);
        let (before, after) = (with.fragments(), without.fragments());
        let about = |page: &specie_spec::draft::Page, fragment: &str| {
            let lines = page.lines.iter().filter(|it| it.fragment == fragment);
            lines.clone().next().is_some()
                && lines.into_iter().all(|it| {
                    it.facts.contains("refunds")
                        || it.facts.iter().any(|it| it.starts_with("refund"))
                })
        };
        for gone in before.difference(&after) {
            let of_refunds = with.pages.values().any(|page| about(page, gone))
                || gone.starts_with("question:refund");
            assert!(of_refunds, "{gone} is gone, and not because of refunds");
        }
        assert!(before.difference(&after).count() > 20);
        for page in without.pages.values() {
            for line in page.lines.iter().filter(|it| it.text.to_lowercase().contains("refund")) {
                let named_on_purpose =
                    line.facts.contains("refunds") || line.fragment.starts_with("nongoal");
                assert!(named_on_purpose, "{}: {line:?}", page.path);
            }
        }
        assert_eq!(without.findings(), [] as [String; 0]);
    }
}

#[test]
fn what_is_not_wanted_becomes_a_non_goal_and_no_criterion() {
    let power = billing();
    let text = PAYMENTS.replace("- Refund processing", "- No refunds");
    let spec = spec(&power, Tree::SmartSpec, &text, &[]);
    assert_eq!(spec.facts["refunds"], "Flag(false)");
    let text = spec.text("s/spec.md");
    let goals =
        text.split("**Non-Goals:**").nth(1).unwrap().split("**Key Features:**").next().unwrap();
    assert!(goals.to_lowercase().contains("refund"), "{goals}");
    let criteria =
        text.split("### Requirement 1").nth(1).unwrap().split("### Edge Cases").next().unwrap();
    assert!(!criteria.to_lowercase().contains("refund"), "{criteria}");
}

#[test]
fn a_fourth_tier_stands_wherever_the_others_stand() {
    let power = billing();
    let three = spec(&power, Tree::SmartSpec, TIERS, &[]);
    let text = TIERS
        .replace("three tiers", "four tiers")
        .replace(" and Pro $10", ", Pro $10 and Studio $25");
    let four = spec(&power, Tree::SmartSpec, &text, &[]);
    assert_eq!(four.facts["prices.studio_monthly.amount"], "$25.00");
    let spec_text = four.text("s/spec.md");
    assert!(spec_text.contains("SHALL show Studio monthly at $25.00 every month"), "{spec_text}");
    assert!(spec_text.contains("'basic', 'advanced', 'pro', 'studio'"));
    assert!(four.text("specie.toml").contains("key = \"studio\""));
    assert!(four.text("s/tasks.md").contains("Studio"));
    let total = |spec: &Spec| {
        let tasks = spec.text("s/tasks.md");
        let line =
            tasks.lines().find(|it| it.starts_with("**Estimated Effort:**")).unwrap().to_owned();
        line.split(' ').nth(2).unwrap().parse::<i64>().unwrap()
    };
    assert!(total(&four) > total(&three));
    assert_eq!(four.findings(), [] as [String; 0]);
}

/// The amounts of a spec, with what they are known from.
fn amounts(power: &Power, locked: &Locked) -> Vec<String> {
    let answers = locked.answers.iter().map(|(id, it)| (id.clone(), it.into())).collect();
    let (_, asked) = asked(power, &locked.requests, &answers, &Around::default()).unwrap();
    let all = asked.facts.all();
    let amounts = all.iter().filter(|(name, ..)| name.ends_with(".amount"));
    let text = |it: &Value| if let Value::Text(text) = it { text.clone() } else { String::new() };
    amounts.map(|(name, value, from)| format!("{name} {} {from:?}", text(value))).collect()
}

#[test]
fn what_is_added_later_leaves_what_was_answered() {
    let power = billing();
    let given = [("ask_prices", "Gold at €20 a month")];
    let mut locked = spec(&power, Tree::Kiro, "Add subscription billing", &given).locked;
    let gold = "prices.gold_monthly.amount €20.00 Answer(\"ask_prices\")";
    assert_eq!(amounts(&power, &locked), [gold]);
    locked.requests.push("Sell Team at €99 a month".into());
    let team = "prices.team_monthly.amount €99.00 Prompt(31..52)";
    assert_eq!(amounts(&power, &locked), [gold, team]);
    locked.requests.push("Raise Gold to €25 a month".into());
    let raised = "prices.gold_monthly.amount €25.00 Prompt(60..81)";
    assert_eq!(amounts(&power, &locked), [raised, team]);
    locked.requests.push("Raise Gold to €30".into());
    let raised = "prices.gold_monthly.amount €30.00 Prompt(89..102)";
    assert_eq!(amounts(&power, &locked), [raised, team]);
}

#[test]
fn the_order_of_sentences_does_not_matter() {
    let power = billing();
    let pairs = [
        (
            PAYMENTS.to_owned(),
            "Technology: Node.js, TypeScript, PostgreSQL, Stripe API\n\nCreate a payment processing system with Stripe integration. Need to support:\n- PCI compliance\n- Webhook handling\n- Refund processing\n- Payment history\n- Subscription billing\n- One-time payments".to_owned(),
        ),
        (
            "Add subscriptions. Basic costs $5 a month. Pro costs $10 a month. Offer a trial of 14 days.".into(),
            "Offer a trial of 14 days. Pro costs $10 a month. Basic costs $5 a month. Add subscriptions.".into(),
        ),
    ];
    for (a, b) in pairs {
        let (a, b) = (spec(&power, Tree::Kiro, &a, &[]), spec(&power, Tree::Kiro, &b, &[]));
        assert_eq!(changed(&a, &b), []);
    }
}

#[test]
fn another_stack_changes_files_and_commands_alone() {
    let power = billing();
    let a = spec(&power, Tree::SmartSpec, MONTHLY, &[("stack", "rust-axum")]);
    let b = spec(&power, Tree::SmartSpec, MONTHLY, &[("stack", "node-express")]);
    assert_eq!(a.fragments(), b.fragments());
    for (path, page) in &a.pages {
        let of = |page: &specie_spec::draft::Page| -> Vec<String> {
            page.lines
                .iter()
                .filter(|it| !it.facts.contains("stack"))
                .map(|it| it.text.clone())
                .collect()
        };
        for (x, y) in of(page).iter().zip(&of(&b.pages[path])) {
            assert_eq!(x, y, "{path}");
        }
    }
    assert!(a.text("s/tasks.md").contains("cargo test") && b.text("s/tasks.md").contains("vitest"));
    let none = spec(&power, Tree::SmartSpec, "Add subscription billing to our Django app", &[]);
    assert!(none.text("s/tasks.md").contains("Open question: which files"));
    assert!(!none.text("s/tasks.md").contains("cargo"));
}

#[test]
fn the_trees_give_no_finding() {
    let power = billing();
    for text in [MONTHLY, TIERS, PAYMENTS] {
        for tree in [Tree::Kiro, Tree::SmartSpec] {
            let spec = spec(&power, tree, text, &[]);
            assert_eq!(spec.findings(), [] as [String; 0], "{text}");
            assert!(spec.unknown.is_empty(), "{:?}", spec.unknown);
        }
    }
}

#[test]
fn tasks_come_after_what_they_wait_for_and_waves_collide_on_nothing() {
    let power = billing();
    for text in [MONTHLY, TIERS, PAYMENTS] {
        let spec = spec(&power, Tree::Kiro, text, &[]);
        let made = spec.locked.make(&power, "A", "").unwrap();
        let work = &made.draft.work;
        for (n, task) in work.tasks.iter().enumerate() {
            assert!(task.after.iter().all(|it| *it < n), "{}", task.id);
        }
        let waves = work.waves();
        assert_eq!(waves.iter().map(Vec::len).sum::<usize>(), work.tasks.len());
        for (n, wave) in waves.iter().enumerate() {
            let mut files = BTreeSet::new();
            for task in wave.iter().map(|it| &work.tasks[*it]) {
                assert!(task.files.iter().all(|it| files.insert(it.name.clone())), "{}", task.id);
                let before: BTreeSet<&usize> = waves[..n].iter().flatten().collect();
                assert!(task.after.iter().all(|it| before.contains(it)), "{}", task.id);
            }
        }
        assert!(work.phases.iter().all(|it| it.tasks.len() <= 10));
    }
}

/// One fault: in which file, what is replaced, by what, and the rule that finds it.
type Fault = (&'static str, &'static str, &'static str, &'static str);

fn each_fault_is_found(tree: Tree, text: &str, faults: &[Fault]) {
    let spec = spec(&billing(), tree, text, &[]);
    let made: Vec<(String, String)> =
        spec.pages.keys().map(|it| (it.clone(), spec.text(it))).collect();
    let mut missed = Vec::new();
    for (file, was, now, rule) in faults {
        let mut texts = made.clone();
        let (_, page) = texts.iter_mut().find(|(path, _)| path == &format!("s/{file}")).unwrap();
        assert!(page.contains(was), "`{was}` does not stand in {file}");
        *page = page.replacen(was, now, 1);
        let found = findings(&texts, &made);
        if !found.iter().any(|it| it.contains(&format!(" {rule}:"))) {
            missed.push(format!("{file}: `{was}` -> `{now}` wants {rule}, found {found:?}"));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
    assert_eq!(findings(&made, &made), [] as [String; 0]);
}

#[test]
fn twenty_faults_in_a_tree_of_kiros_are_found_one_by_one() {
    each_fault_is_found(
        Tree::Kiro,
        MONTHLY,
        &[
            (
                "requirements.md",
                "charge $29.00 every 30 days",
                "charge every 30 days",
                "number-lost",
            ),
            (
                "requirements.md",
                "at $290.00 every 365 days",
                "at $290.00 every year",
                "number-lost",
            ),
            ("requirements.md", "within 5 seconds", "within 50 seconds", "number-lost"),
            ("requirements.md", "within 5 seconds", "quickly", "vague-word"),
            (
                "requirements.md",
                "SHALL answer with HTTP status 400",
                "answers with HTTP status 400",
                "criterion-without-shall",
            ),
            (
                "requirements.md",
                "THE Checkout Endpoint SHALL answer with HTTP status 409",
                "SHALL answer with HTTP status 409",
                "criterion-without-system",
            ),
            ("requirements.md", "### Requirement 3:", "### Requirement 2:", "duplicate-id"),
            (
                "requirements.md",
                "  stripe_subscription_id VARCHAR",
                "  stripe_subscriptions_id VARCHAR",
                "unknown-column",
            ),
            ("requirements.md", "  handled_at TIMESTAMPTZ,\n", "", "unknown-column"),
            ("tasks.md", "    - _Depends: 1.1_\n", "", "need-not-made"),
            (
                "tasks.md",
                "column `subscriptions.status`",
                "column `subscriptions.state`",
                "unknown-column",
            ),
            ("tasks.md", "table `webhook_events`, ", "", "need-not-made"),
            ("tasks.md", " tasks, ", "0 tasks, ", "total-off"),
            ("tasks.md", "**Total:** ", "**Total:** 1", "total-off"),
            (
                "tasks.md",
                "Create the billing tables (~",
                "Create the billing tables (~1",
                "total-off",
            ),
            ("tasks.md", "_Requirements: 2.", "_Requirements: 22.", "dangling-reference"),
            ("tasks.md", "\"1.2\"", "\"1.9\"", "task-without-wave"),
            (
                "tasks.md",
                "Provides: endpoint `POST /api/billing/webhook`",
                "Provides: endpoint `POST /api/billing/hook`",
                "need-not-made",
            ),
            (
                "tasks.md",
                "CREATE: `src/billing/routes/webhook.rs`",
                "CREATE: `src/billing/worker.rs`",
                "made-twice",
            ),
            ("tasks.md", "  - [ ] 1.2 ", "  - [ ] 1.1 ", "duplicate-id"),
        ],
    );
}

#[test]
fn twenty_faults_in_a_tree_of_smartspecs_are_found_one_by_one() {
    each_fault_is_found(
        Tree::SmartSpec,
        PAYMENTS,
        &[
            ("spec.md", "charge $29.00 every 30 days", "charge every 30 days", "number-lost"),
            ("spec.md", "within 5 seconds", "within seconds", "number-lost"),
            ("spec.md", "within 60 seconds", "properly", "vague-word"),
            (
                "spec.md",
                "SHALL answer with HTTP status 400",
                "answers with HTTP status 400",
                "criterion-without-shall",
            ),
            ("spec.md", "### Requirement 4:", "### Requirement 3:", "duplicate-id"),
            ("spec.md", "  refunded_amount BIGINT", "  refund_amount BIGINT", "unknown-column"),
            ("spec.md", "  stripe_refund_id", "  stripe_refunds_id", "unknown-column"),
            ("spec.md", "TLS 1.2 or TLS 1.3", "TLS 1.3", "number-lost"),
            ("tasks.md", "**Dependencies:** T001\n", "**Dependencies:** None\n", "need-not-made"),
            (
                "tasks.md",
                "**Dependencies:** T001\n",
                "**Dependencies:** T001, T099\n",
                "dangling-reference",
            ),
            (
                "tasks.md",
                "**Dependencies:** None\n",
                "**Dependencies:** T001\n",
                "dependency-cycle",
            ),
            ("tasks.md", "**Total Tasks:** ", "**Total Tasks:** 1", "total-off"),
            ("tasks.md", "**Total Phases:** ", "**Total Phases:** 1", "total-off"),
            ("tasks.md", "**Estimated Effort:** ", "**Estimated Effort:** 1", "total-off"),
            ("tasks.md", "| Phase 1 | T001-T0", "| Phase 1 | T001-T1", "total-off"),
            (
                "tasks.md",
                "Create the billing tables (~",
                "Create the billing tables (~1",
                "total-off",
            ),
            ("tasks.md", "table `refunds`, ", "", "need-not-made"),
            ("tasks.md", "column `payments.amount`", "column `payments.sum`", "unknown-column"),
            ("tasks.md", "### Task T002:", "### Task T001:", "duplicate-id"),
            ("tasks.md", "**Requirements:** 1.", "**Requirements:** 91.", "dangling-reference"),
            ("tasks.md", "SPEC-001 v1.0.0", "SPEC-001 v1.1.0", "copy-differs"),
            ("tasks.md", "within 5 seconds", "within 50 seconds", "copy-differs"),
            ("tasks.md", " weeks for ", "0 weeks for ", "total-off"),
            ("plan.md", "(T001, ", "(T001, 1", "total-off"),
            ("plan.md", "(T002, ", "(T099, ", "dangling-reference"),
            ("plan.md", "**Critical Path:** T0", "**Critical Path:** T9", "dangling-reference"),
            ("plan.md", "**Timeline:** ", "**Timeline:** 1", "total-off"),
            ("plan.md", "- Backend developer (", "- Backend developer (1", "total-off"),
            ("plan.md", "→ T0", "→ T001 → T0", "total-off"),
            ("plan.md", " weeks, ", " weeks, 1", "total-off"),
            ("test-plan.md", "| 1.1 |", "| 1.99 |", "dangling-reference"),
            ("test-plan.md", "| 1.1 | T0", "| 1.1 | T9", "dangling-reference"),
            ("spec.md", "REFERENCES payments(id)", "REFERENCES payments(key)", "unknown-column"),
            (
                "openapi.yaml",
                "/api/billing/checkout\":",
                "/api/billing/chekout\":",
                "unknown-endpoint",
            ),
            ("openapi.yaml", "    post:\n", "    put:\n", "unknown-endpoint"),
        ],
    );
}

#[test]
fn a_graph_that_is_no_json_and_a_name_one_letter_away_are_found() {
    each_fault_is_found(
        Tree::Kiro,
        MONTHLY,
        &[
            ("tasks.md", "\"waves\": [", "\"waves\": ", "broken-json"),
            ("tasks.md", "{\"id\": 1, ", "{\"id\": 1 ", "broken-json"),
        ],
    );
}

#[test]
fn scenarios_parse_and_name_the_criteria_they_stand_for() {
    let power = billing();
    for text in [MONTHLY, TIERS, PAYMENTS] {
        let spec = spec(&power, Tree::Kiro, text, &[]);
        let design = spec.text("s/design.md");
        let fence = design.split("```gherkin\n").nth(1).unwrap().split("```").next().unwrap();
        let feature = gherkin::Feature::parse(fence, gherkin::GherkinEnv::default()).unwrap();
        assert!(feature.scenarios.len() >= 6, "{}", feature.scenarios.len());
        for scenario in &feature.scenarios {
            assert!(!scenario.tags.is_empty() && !scenario.steps.is_empty(), "{}", scenario.name);
            for tag in &scenario.tags {
                let number = tag.strip_prefix("criterion-").unwrap_or_else(|| panic!("{tag}"));
                let known =
                    spec.locked.criteria.values().any(|(r, n)| format!("{r}.{n}") == number);
                assert!(known, "{}: {tag}", scenario.name);
            }
        }
    }
}

/// The rows of the table: what is asked for, and the ids that answer it; those in brackets only when
/// the brackets say so.
fn answers() -> Vec<(&'static str, Vec<&'static str>)> {
    let rows =
        include_str!("answers.md").lines().filter(|it| it.starts_with("| ") && !it.contains("---"));
    let cells = rows.map(|it| it.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>());
    let filled = cells.filter(|it| it.len() == 3 && !it[2].is_empty() && it[0] != "asked for");
    let ids = |cell: &'static str| {
        cell.split([',', ';'])
            .map(|it| it.split('(').next().unwrap().trim())
            .filter(|it| !it.is_empty())
            .collect()
    };
    filled.map(|it| (it[0], ids(it[2]))).collect()
}

#[test]
fn everything_that_a_review_asks_for_has_its_fragment() {
    let power = billing();
    let bare = spec(&power, Tree::Kiro, MONTHLY, &[]);
    let trial = spec(&power, Tree::Kiro, &format!("{MONTHLY}, with a trial of 14 days"), &[]);
    let known: BTreeSet<String> = [&bare, &trial]
        .iter()
        .flat_map(|it| it.locked.make(&power, "", "").unwrap().draft.pieces)
        .map(|it| it.fragment)
        .chain(power.questions.iter().map(|it| it.id.clone()))
        .collect();
    let rows = answers();
    assert!(rows.len() > 45, "{}", rows.len());
    for (asked, ids) in rows {
        assert!(!ids.is_empty(), "{asked}");
        for id in ids {
            assert!(known.contains(id), "{asked}: there is no {id}");
        }
    }
    let text = bare.text("s/requirements.md");
    assert!(
        text.contains("SHALL charge $29.00 every 30 days")
            && text.contains("SHALL charge $290.00 every 365 days")
    );
}
