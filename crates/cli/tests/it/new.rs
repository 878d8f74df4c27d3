//! `specie spec new`, from outside: a sentence becomes files, or one clear error.

use serde_json::json;

use crate::place::{Ended, Place};

/// The sentence of the README.
pub const SENTENCE: &str = "Add subscription billing so users can pay monthly";
/// When it is asked for.
pub const NOW: &str = "2026-01-31T08:00:00Z";
/// Where its spec stands.
pub const FOLDER: &str = ".kiro/specs/subscription-billing";

const USAGE: &str = "usage-based billing for API calls in euros, with reseller commissions";

/// `new` with all defaults, and more arguments.
pub fn new(place: &Place, request: &str, more: &[&str]) -> Ended {
    let all = ["spec", "new", request, "--defaults"];
    place.run(&[&all[..], more].concat())
}

/// A folder in which the spec of the sentence was made.
pub fn made() -> Place {
    let place = Place::new();
    new(&place, SENTENCE, &["--now", NOW]).fine();
    place
}

/// Every file below a folder, with its bytes.
pub fn files(place: &Place) -> Vec<(String, Vec<u8>)> {
    let (mut folders, mut all) = (vec![place.path("")], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(place.path("")).unwrap().display().to_string();
            all.push((name, std::fs::read(path).unwrap()));
        }
    }
    all.sort();
    all
}

#[test]
fn a_sentence_becomes_a_tree_and_a_catalog() {
    let place = made();
    let names: Vec<String> = files(&place).into_iter().map(|(name, _)| name).collect();
    let documents = ["design.md", "requirements.md", "tasks.md"].map(|it| format!("{FOLDER}/{it}"));
    let others = [".specie/lock.json".to_owned(), "specie.toml".to_owned()];
    assert_eq!(names, [&documents[..], &others[..]].concat());
    let checked = place.run(&["catalog", "check", "--json"]).fine();
    assert_eq!(checked.json()["errors"], json!(0), "{}", checked.out);
    let catalog = place.read("specie.toml");
    for price in
        ["amount = \"29.00\"\nevery = \"30 days\"", "amount = \"290.00\"\nevery = \"365 days\""]
    {
        assert!(catalog.contains(price), "{catalog}");
    }
    place.run(&["spec", "check"]).fine();
    let traced = place.run(&["spec", "trace", "--json"]).fine().json();
    assert_eq!(traced["totals"]["covered"], traced["totals"]["criteria"]);
}

#[test]
fn equal_requests_give_equal_bytes_wherever_and_whenever() {
    let here = files(&made());
    let elsewhere = Place::new()
        .with("TZ", "Pacific/Kiritimati")
        .with("LC_ALL", "tr_TR.UTF-8")
        .with("SOURCE_DATE_EPOCH", "1600000000");
    new(&elsewhere, SENTENCE, &["--now", NOW]).fine();
    assert!(here == files(&elsewhere), "`--now` goes before everything else");
    let epoch = Place::new().with("TZ", "America/Lima").with("SOURCE_DATE_EPOCH", "1769846400");
    new(&epoch, SENTENCE, &[]).fine();
    assert!(here == files(&epoch), "1769846400 is {NOW}");
    let soon = Place::new().with("SOURCE_DATE_EPOCH", "soon");
    new(&soon, SENTENCE, &[]).refused(2, &["`SOURCE_DATE_EPOCH` is `soon`", "hint: `--now`"]);
    assert_eq!(files(&soon), []);
}

#[test]
fn what_no_power_covers_is_refused_with_the_nearest() {
    let place = Place::new();
    let refused = new(&place, "add two-factor login", &[]);
    refused.refused(2, &["no power covers `add two-factor login`", "stripe-billing", "hint: "]);
    new(&place, " ", &[]).refused(2, &["the request is empty"]);
    new(&place, SENTENCE, &["--name", ""]).refused(2, &["cannot be a folder's name"]);
    assert_eq!(files(&place), []);
}

#[test]
fn what_is_not_understood_is_listed_and_never_guessed() {
    let place = Place::new();
    new(&place, USAGE, &["--strict"]).refused(3, &[]);
    assert_eq!(files(&place), []);
    let told = new(&place, USAGE, &["--now", NOW]).fine().out;
    let (_, text) = files(&place).into_iter().find(|it| it.0.ends_with("ments.md")).unwrap();
    let text = String::from_utf8(text).unwrap();
    let (_, rest) = text.split_once("### Not Covered").unwrap();
    let (listed, open) = rest.split_once("## Open Questions").unwrap();
    for words in ["usage-based", "reseller commissions"] {
        assert!(told.contains(&format!("not covered: {words}")), "{told}");
        assert!(listed.contains(words) && open.contains(&format!("\"{words}\"")), "{rest}");
    }
}

#[test]
fn a_question_that_nothing_answers_is_told_with_its_options() {
    let place = Place::new();
    let asked = place.run(&["spec", "new", SENTENCE]);
    asked.refused(2, &["a question is open, and there is no terminal", "--answers", "--defaults"]);
    for option in ["rust-axum", "node-express", "other", "default: rust-axum"] {
        assert!(asked.err.contains(option), "{}", asked.err);
    }
    assert_eq!(files(&place), []);
}

#[test]
fn answers_come_from_a_file_with_the_name_of_who_gave_them() {
    let place = Place::new();
    let with = |text: &str| {
        place.write("answers.toml", text);
        new(&place, SENTENCE, &["--answers", "answers.toml", "--now", NOW])
    };
    with("colour = \"red\"\n").refused(2, &["answers `colour`", "hint: asked are ", "page"]);
    with("page = \"paper\"\n")
        .refused(2, &["`paper` is no answer to `page`", "checkout, elements"]);
    with("page\n").refused(2, &["`answers.toml` is no list of answers"]);
    assert_eq!(place.names(), ["answers.toml"]);
    with("by = \"Ada\"\npage = \"elements\"\n").fine();
    let text = place.read(&format!("{FOLDER}/requirements.md"));
    let decided = text.lines().find(|it| it.contains("(`page`;")).unwrap();
    assert!(decided.contains("**elements**") && decided.contains("Ada"), "{decided}");
}

#[test]
fn nothing_is_written_where_that_is_asked() {
    let place = Place::new();
    let told = new(&place, SENTENCE, &["--nogenerate"]).fine().out;
    assert!(told.contains("would write  .kiro/specs/subscription-billing/design.md"), "{told}");
    assert_eq!(files(&place), []);
}

#[test]
fn a_catalog_that_cannot_be_sold_is_refused_and_others_pass_the_check() {
    let place = Place::new();
    let refused = new(&place, "Sell subscriptions: Pro $99999999 a month", &["--now", NOW]);
    refused.refused(2, &["cannot be sold", "amount-too-large", "hint: "]);
    assert_eq!(files(&place), []);
    for request in [
        "Subscriptions at $10 daily",
        "Users pay $0 monthly for Free, $9 monthly for Pro",
        "Subscriptions: Élite $10 a month, Ünter $12 a month, 4You $14 a month, Про $16 a month",
        "Subscriptions: $10 every 45 days, $20 every 2 years, $30 every five years",
        "Sell a pass of $4 for 90 days and a pass of $5 for 2 months",
    ] {
        let place = Place::new();
        new(&place, request, &["--now", NOW]).fine();
        place.run(&["catalog", "check"]).fine();
    }
}

#[test]
fn an_amendment_leaves_something_to_sell() {
    let place = made();
    let before = files(&place);
    let amend =
        |request| place.run(&["spec", "amend", FOLDER, request, "--defaults", "--now", NOW]);
    amend("no subscriptions").refused(2, &["nothing is sold any more", "specie.toml", "hint: "]);
    amend(" ").refused(2, &["the request is empty", "hint: "]);
    amend("Sell Gold at $99999999 a month").refused(2, &["cannot be sold"]);
    assert!(before == files(&place));
    amend("Sell Gold at $50 a month").fine();
    amend("Raise Gold to $60").fine();
    let catalog = place.read("specie.toml");
    assert!(catalog.contains("amount = \"60.00\"\nevery = \"month\""), "{catalog}");
}

#[test]
fn the_same_request_changes_nothing_and_another_one_is_refused() {
    let place = made();
    let before = files(&place);
    let again = new(&place, SENTENCE, &["--now", "2026-03-01T08:00:00Z"]).fine().out;
    assert_eq!(again.matches("unchanged ").count(), 4, "{again}");
    let other = new(&place, "Sell subscriptions at $5 a month", &[]);
    other.refused(2, &["was made from another request", "spec amend", "--name", "--force"]);
    assert!(before == files(&place));
}

#[test]
fn what_somebody_has_edited_is_kept() {
    let place = made();
    let path = format!("{FOLDER}/requirements.md");
    let mine = place.read(&path).replacen('\n', "\n\nKept by hand.\n", 1);
    place.write(&path, &mine);
    let told = new(&place, SENTENCE, &["--now", "2026-02-01T08:00:00Z"]).fine().out;
    assert!(told.contains(&format!("beside       {FOLDER}/requirements.new.md")), "{told}");
    assert_eq!(place.read(&path), mine);
    let again = new(&place, SENTENCE, &["--now", "2026-02-01T08:00:00Z"]).fine().out;
    assert!(again.contains(&format!("beside       {FOLDER}/requirements.new.md")), "{again}");
    place.write(&format!("{FOLDER}/requirements.new.md"), "Mine too.\n");
    let third = new(&place, SENTENCE, &["--now", "2026-02-01T08:00:00Z"]).fine().out;
    assert!(third.contains(&format!("beside       {FOLDER}/requirements.new-2.md")), "{third}");
    assert_eq!(place.read(&format!("{FOLDER}/requirements.new.md")), "Mine too.\n");
    for name in ["requirements.new.md", "requirements.new-2.md"] {
        std::fs::remove_file(place.path(&format!("{FOLDER}/{name}"))).unwrap();
    }
    let amend = ["spec", "amend", FOLDER, "Add refunds", "--defaults", "--now", NOW];
    place.run(&amend).fine();
    let amended = place.read(&path);
    assert!(amended.contains("\n\nKept by hand.\n") && amended.contains("Refunds"), "{amended}");
    new(&place, SENTENCE, &["--force"]).fine();
    assert!(!place.read(&path).contains("Kept by hand"));
}
