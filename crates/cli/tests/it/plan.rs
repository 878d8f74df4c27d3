//! `specie spec plan`, `tasks`, `prompt` and `sync`, from outside.

use crate::new::{FOLDER, NOW, SENTENCE, files, made, new};
use crate::place::{Ended, Place};

fn spec(place: &Place, arguments: &[&str]) -> Ended {
    place.run(&[&["spec"], arguments, &["--now", NOW]].concat())
}

fn names(place: &Place) -> Vec<String> {
    files(place).into_iter().map(|(name, _)| name).collect()
}

#[test]
fn tasks_and_prompts_are_made_of_what_was_approved_or_say_draft() {
    let place = made();
    let before = files(&place);
    spec(&place, &["tasks"]).refused(2, &["is not approved (nobody has approved it)", "--draft"]);
    spec(&place, &["prompt"]).refused(2, &["are not approved (nobody", "--level task"]);
    spec(&place, &["tasks", "--draft", "--nogenerate"]).fine();
    spec(&place, &["plan", "--nogenerate"]).fine();
    spec(&place, &["prompt", "--draft", "--nogenerate"]).fine();
    assert!(before == files(&place), "nothing was written");
    for making in [&["plan"][..], &["tasks", "--draft"], &["prompt", "--draft"]] {
        let told = spec(&place, making).fine().out;
        assert!(told.contains("created  "), "{told}");
        let again = spec(&place, making).fine().out;
        assert!(again.contains("unchanged  ") && !again.contains("created  "), "{again}");
    }
    for name in ["plan.md", "tasks.md", "kilo-prompt.md"] {
        let text = place.read(&format!("{FOLDER}/{name}"));
        assert!(text.lines().take(6).any(|it| it.starts_with("**Status:** DRAFT")), "{name}");
    }
    place.run(&["spec", "check"]).fine();
    place.run(&["spec", "sync", "--check"]).fine();
}

#[test]
fn an_approved_spec_gives_tasks_that_are_no_draft() {
    let place = made();
    let folder = place.path("own").display().to_string();
    let place = place.with("XDG_CONFIG_HOME", &folder);
    let word = "four plain old words";
    let made = [("characters or more", word), ("The same again", word)];
    let signed = [("[y/N]", "y"), ("Passphrase", word)];
    let Some(key) = place.on_terminal(&["spec", "approvers", "key"], &made) else { return };
    key.fine();
    let add = ["spec", "approvers", "add", "ada", "--levels", "spec,plan,task"];
    place.on_terminal(&add, &signed).unwrap().fine();
    place.on_terminal(&["spec", "approve", FOLDER, "--level", "spec"], &signed).unwrap().fine();
    spec(&place, &["tasks", FOLDER]).fine();
    spec(&place, &["plan", FOLDER]).fine();
    let plan = place.read(&format!("{FOLDER}/plan.md"));
    assert!(!plan.contains("**Status:** DRAFT"), "{plan}");
    let again = new(&place, SENTENCE, &["--now", "2026-05-01T00:00:00Z"]).fine().out;
    assert!(again.contains("unchanged    .kiro/specs/subscription-billing/requirements.md"));
    spec(&place, &["tasks", FOLDER]).fine();
    spec(&place, &["amend", FOLDER, "Add refunds", "--defaults"]).fine();
    spec(&place, &["tasks", FOLDER]).refused(2, &["it was, and lapsed"]);
}

#[test]
fn a_prompt_that_says_something_else_has_the_time_in_its_name() {
    let place = made();
    spec(&place, &["prompt", "--draft"]).fine();
    let first = place.read(&format!("{FOLDER}/kilo-prompt.md"));
    place.run(&["spec", "tick", &format!("{FOLDER}/tasks.md"), "1.1", "--state", "done"]).fine();
    let told = spec(&place, &["prompt", "--draft"]).fine().out;
    assert!(told.contains("kilo-prompt-20260131-0800.md"), "{told}");
    assert_eq!(place.read(&format!("{FOLDER}/kilo-prompt.md")), first);
    assert!(spec(&place, &["prompt", "--draft"]).fine().out.contains("unchanged  "));
}

#[test]
fn a_prompt_keeps_within_its_budget() {
    let place = made();
    let before = files(&place);
    let small = spec(&place, &["prompt", "--draft", "--budget", "300"]);
    small.refused(2, &["more than the budget of 300", "hint: raise `--budget`"]);
    assert!(before == files(&place));
    let told = spec(&place, &["prompt", "--draft", "--budget", "4000", "--json"]).fine().json();
    let parts = told["files"].as_array().unwrap();
    assert!(parts.len() > 1, "{told}");
    assert!(parts.iter().all(|it| it["tokens"].as_u64().unwrap() <= 4000), "{told}");
    assert!(names(&place).contains(&format!("{FOLDER}/kilo-prompt-part-2.md")));
}

#[test]
fn an_edited_task_list_is_kept_and_named() {
    let place = made();
    let path = format!("{FOLDER}/tasks.md");
    let mine = format!("{}\nKept by hand.\n", place.read(&path));
    place.write(&path, &mine);
    spec(&place, &["tasks", "--draft"]).fine();
    assert_eq!(place.read(&path), mine);
    assert!(names(&place).contains(&format!("{FOLDER}/tasks.new.md")));
}

#[test]
fn a_spec_of_somebody_else_has_no_tasks_to_be_made() {
    let place = Place::new();
    place.write("requirements.md", "# Requirements Document\n\nNotes are kept.\n");
    for making in ["plan", "tasks", "sync"] {
        place.run(&["spec", making]).refused(2, &["was not made by `specie spec new`", "hint: "]);
    }
    assert_eq!(place.names(), ["requirements.md"]);
}

#[test]
fn the_names_of_smartspec_are_commands() {
    let place = Place::new();
    let stems = ["spec", "plan", "tasks", "kilo_prompt"].map(|it| format!("generate_{it}"));
    let others = ["sync_spec_tasks".to_owned(), "verify_tasks_progress".to_owned()];
    for stem in stems.iter().chain(&others) {
        for name in [stem.clone(), format!("{stem}_v4")] {
            place.run(&["spec", &name, "--help"]).fine();
            place.run(&["spec", &format!("smartspec_{name}"), "--help"]).fine();
        }
    }
    let made = ["spec", "smartspec_generate_spec_v4", SENTENCE, "--dialect", "smartspec"];
    place.run(&[&made[..], &["--defaults", "--now", NOW]].concat()).fine();
    spec(&place, &["smartspec_generate_tasks_v4", "--draft"]).fine();
    let folder = "specs/feature/spec-001-subscription-billing";
    assert!(names(&place).contains(&format!("{folder}/openapi.yaml")));
    place.run(&["spec", "check"]).fine();
}

/// Three requests, from a sentence to a page.
const REQUESTS: [&str; 3] = [
    SENTENCE,
    "Create a payment processing system with Stripe integration. Need to support: one-time payments, subscription billing, payment history, refund processing, webhook handling, PCI compliance. Technology: Node.js, TypeScript, PostgreSQL, Stripe API",
    "Build subscription billing with three tiers, Basic $5, Advanced $7 and Pro $10 a month, and a pass of $4 for 3 months that is paid once.",
];

#[test]
fn all_that_is_made_gives_no_finding() {
    for (request, dialect) in REQUESTS.iter().flat_map(|it| [(it, "kiro"), (it, "smartspec")]) {
        let place = Place::new();
        new(&place, request, &["--dialect", dialect, "--now", NOW]).fine();
        spec(&place, &["plan"]).fine();
        spec(&place, &["tasks", "--draft"]).fine();
        let checked = place.run(&["spec", "check", "--json"]).fine().json();
        assert_eq!(checked["diagnostics"], serde_json::json!([]), "{request}");
        place.run(&["catalog", "check"]).fine();
        place.run(&["spec", "trace"]).fine();
        place.run(&["spec", "sync", "--check"]).fine();
        let told = files(&place).into_iter().map(|(_, bytes)| String::from_utf8(bytes).unwrap());
        let clumsy = ["When month", "When year", "a 3 months", "1 days"];
        let text: String = told.collect();
        assert!(!clumsy.iter().any(|it| text.contains(it)), "{request}");
    }
}

#[test]
fn after_every_task_come_its_own_validations_and_the_checks_of_the_stack() {
    let place = made();
    spec(&place, &["prompt", "--draft"]).fine();
    let text = place.read(&format!("{FOLDER}/kilo-prompt.md"));
    let (_, rest) = text.split_once("**Validation after each task:**").unwrap();
    let (rules, _) = rest.split_once("\nTick a task").unwrap();
    let commands = rules.lines().filter(|it| it.starts_with("- ")).count();
    assert_eq!(commands, 1, "{rules}");
    for word in ["catalog", "rollback", "revert", "coverage", "llvm-cov"] {
        assert!(!rules.contains(word), "{rules}");
    }
}

#[test]
fn a_path_is_no_request() {
    let place = Place::new();
    for path in ["specs/feature/spec-005-payment-system/spec.md", "a/b", "answers.toml"] {
        new(&place, path, &[]).refused(2, &["is a path", "amend", "sync"]);
        place
            .run(&["spec", "smartspec_generate_spec_v4", path, "--defaults"])
            .refused(2, &["is a path"]);
    }
    assert_eq!(names(&place), Vec::<String>::new());
}

#[test]
fn ticks_at_the_same_time_are_each_made() {
    let place = made();
    let tasks = format!("{FOLDER}/tasks.md");
    let ids = ["1.1", "1.2", "2.1", "3.1"];
    std::thread::scope(|scope| {
        for id in ids {
            let (place, tasks) = (&place, &tasks);
            scope.spawn(move || place.run(&["spec", "tick", tasks, id, "--state", "done"]).fine());
        }
    });
    let text = place.read(&tasks);
    for id in ids {
        assert!(text.contains(&format!("- [x] {id} ")), "{id}");
    }
}

#[test]
fn a_link_out_of_the_project_is_not_ticked() {
    let (place, other) = (made(), made());
    let there = other.path(&format!("{FOLDER}/tasks.md"));
    std::os::unix::fs::symlink(&there, place.path("tasks.md")).unwrap();
    let tick = |file: &str| place.run(&["spec", "tick", file, "1.1", "--state", "done"]);
    tick("tasks.md").refused(2, &["is a link to", "outside of"]);
    assert!(!other.read(&format!("{FOLDER}/tasks.md")).contains("[x]"));
    let inside = place.path(&format!("{FOLDER}/tasks.md"));
    std::os::unix::fs::symlink(&inside, place.path("mine.md")).unwrap();
    tick("mine.md").fine();
}

#[test]
fn the_index_is_told_of_and_one_that_is_no_json_is_named_with_its_place() {
    let place = Place::new();
    let smart = ["--dialect", "smartspec", "--now", NOW];
    let told = new(&place, SENTENCE, &smart).fine().out;
    assert!(told.contains("created      SPEC_INDEX.json"), "{told}");
    let again = new(&place, SENTENCE, &smart).fine().out;
    assert!(again.contains("unchanged    SPEC_INDEX.json"), "{again}");
    place.write("SPEC_INDEX.json", "{\n  \"specs\": [\n    {,\n");
    let broken = new(&place, SENTENCE, &smart);
    broken.refused(2, &["SPEC_INDEX.json", "no JSON", "line 3"]);
}
