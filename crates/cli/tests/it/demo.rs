//! `specie demo` from outside.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::place::Place;

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// A place whose temporary files are its own, so that what stays behind is seen.
fn place() -> Place {
    let place = Place::new();
    let folder = place.path("").display().to_string();
    place.with("TMPDIR", &folder)
}

#[test]
fn the_environment_changes_nothing_and_the_document_has_its_form() {
    let mut place = place();
    for name in ["STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "JWT_SECRET", "SMTP_URL", "PORT"] {
        place = place.with(name, "rubbish");
    }
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "STRIPE_API_BASE"] {
        place = place.with(name, "http://127.0.0.1:1");
    }
    let place = place
        .with("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none")
        .with("PUBLIC_URL", "nowhere")
        .with("STRIPE_SECRET_KEY", "sk_live_rubbish");
    place.write(".env", "this is no setting\n");
    place.write("specie.toml", "this is no catalog\n");
    let told = place.run(&["demo", "--json"]).fine().json();

    let expected = ["agree", "charges", "events", "mails", "seconds", "timeline", "total"];
    assert_eq!(keys(&told), expected.into());
    assert_eq!(keys(&told["agree"]), ["equal", "of"].into());
    assert_eq!(told["agree"]["equal"], told["agree"]["of"]);
    assert!(told["agree"]["of"].as_u64().unwrap() >= 200);
    for charge in told["charges"].as_array().unwrap() {
        let expected =
            ["amount", "at", "currency", "customer", "period_end", "period_start", "status"];
        assert_eq!(keys(charge), expected.into());
        assert!(["succeeded", "failed"].contains(&charge["status"].as_str().unwrap()));
        assert!(charge["at"].as_str().unwrap().ends_with('Z'));
    }
    assert_eq!(told["charges"].as_array().unwrap().len(), 24);
    assert_eq!(told["total"], 37_700 + 29_000 + 8 * 2_900);
    for mail in told["mails"].as_array().unwrap() {
        assert_eq!(keys(mail), ["at", "kind", "to"].into());
    }
    assert!(told["events"].as_u64().unwrap() > 0 && told["seconds"].is_f64());
    assert_eq!(place.names(), [".env", "specie.toml"], "nothing stays behind");
}

#[test]
fn the_timeline_stands_in_columns_and_a_difference_is_exit_code_3() {
    let place = place();
    let running = place.start(&["demo", "--tamper"]);
    let first = running.line();
    assert!(running.began.elapsed() < Duration::from_secs(10), "the first line comes at once");
    assert!(first.starts_with("A year of three customers"), "{first}");
    let ended = running.end();
    assert_eq!(ended.code, Some(3), "{ended:?}");

    let mut lines = ended.out.lines().skip(1);
    let head = lines.next().unwrap();
    let starts = |name| head.find(name).unwrap();
    let (what, sees) = (starts("what happens"), starts("what the customer sees"));
    let timeline: Vec<_> = lines.clone().take_while(|line| !line.is_empty()).collect();
    assert!(timeline.len() > 60, "{}", ended.out);
    for line in timeline {
        let line: Vec<char> = line.chars().collect();
        assert!(line.len() <= 100, "{line:?}");
        for column in [what, sees] {
            let gap = line.get(column - 1).is_none_or(|it| *it == ' ');
            assert!(gap, "nothing runs into column {column}: {line:?}");
        }
    }
    assert!(
        ended.out.contains("the next 30 days begin") && ended.out.contains("total     $899.00")
    );
    let verdict = lines.find(|line| line.starts_with("service and Stripe agree: ")).unwrap();
    let numbers: Vec<u32> = verdict.split(' ').filter_map(|it| it.parse().ok()).collect();
    assert_eq!(numbers[0] + 1, numbers[1], "one field was changed: {verdict}");
    assert!(ended.out.contains("stripe_customers.name of"), "{}", ended.out);
    assert_eq!(place.names(), [] as [String; 0]);
}

#[test]
fn whoever_stops_to_read_ends_it_quietly() {
    let place = place();
    let (first, running) = place.start_unheard(&["demo"]);
    assert!(first.starts_with("A year of three customers"), "{first}");
    let ended = running.end().fine();
    assert_eq!(ended.err, "");
    assert_eq!(place.names(), [] as [String; 0]);
}

#[test]
fn it_can_be_interrupted_and_leaves_nothing_behind() {
    let place = place();
    let running = place.start(&["demo"]);
    while !running.line().contains("subscribes") {}
    let began = Instant::now();
    running.signal("INT");
    running.end().refused(1, &["stopped before the end"]);
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_eq!(place.names(), [] as [String; 0]);
}

#[test]
fn a_folder_for_temporary_files_that_is_not_there_is_told() {
    let place = Place::new();
    let nowhere = place.path("nowhere").display().to_string();
    place.with("TMPDIR", &nowhere).run(&["demo"]).refused(2, &["cannot be made", "`TMPDIR`"]);
}
