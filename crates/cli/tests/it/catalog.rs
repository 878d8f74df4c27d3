//! `specie catalog` from outside, against a `specie sandbox` in another process.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use specie_store::raw;

use crate::doctor::in_database;
use crate::place::{Place, Running};
use crate::web::stripe;

const SOON: Duration = Duration::from_secs(10);
const TIERS: &str = include_str!("../../../../examples/tiers/specie.toml");
const APPLY: [&str; 4] = ["catalog", "apply", "--secret-file", "webhook.secret"];

/// A project, and the sandbox it talks to.
pub fn project() -> (Place, Running, String) {
    let place = Place::new();
    let sandbox = place.start(&["sandbox", "--port", "0", "--json"]);
    let url = sandbox.json()["url"].as_str().unwrap().to_owned();
    let place = place
        .with("STRIPE_API_BASE", &url)
        .with("STRIPE_SECRET_KEY", "sk_test_stranger")
        .with("PUBLIC_URL", "http://127.0.0.1:9");
    place.run(&["init"]).fine();
    (place, sandbox, url)
}

fn secret(place: &Place) -> String {
    let secret = place.read("webhook.secret").trim().to_owned();
    assert!(secret.starts_with("whsec_"), "{secret}");
    secret
}

#[test]
fn check_tells_every_fault_and_ends_with_3() {
    let place = Place::new();
    place.run(&["catalog", "check"]).refused(2, &["there is no `specie.toml`", "`specie init`"]);
    place.run(&["init"]).fine();
    let ended = place.run(&["catalog", "check"]).fine();
    assert_eq!(ended.out, "specie.toml: 1 plan with 2 prices, no errors\n");

    place.write("specie.toml", "currency = \"usd\"\n[brand]\nnme = \"x\"\nname = 1\n");
    let ended = place.run(&["catalog", "check"]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(3), ""));
    assert!(ended.out.contains("--> specie.toml:3:1") && ended.out.contains("--> specie.toml:4:8"));
    let ended = place.run(&["catalog", "check", "--json"]);
    assert_eq!(ended.code, Some(3));
    let told = ended.json();
    let all = told["diagnostics"].as_array().unwrap();
    let first = all.iter().find(|it| it["rule"] == "unknown-key").unwrap();
    assert_eq!((&first["line"], &first["column"]), (&3.into(), &1.into()));
    assert_eq!(first["span"], serde_json::json!([25, 28]));
    assert_eq!(told["errors"], told["diagnostics"].as_array().unwrap().len());

    std::fs::write(place.path("specie.toml"), b"\xff\xfe").unwrap();
    place.run(&["catalog", "check"]).refused(2, &["`specie.toml` is no UTF-8 text"]);
}

#[test]
fn check_names_what_is_not_sold_yet() {
    let place = Place::new();
    place.write("specie.toml", TIERS);
    let ended = place.run(&["catalog", "check"]).fine();
    assert!(ended.out.contains("note: pass `season` is not sold yet"), "{}", ended.out);
    let told = place.run(&["catalog", "check", "--json"]).fine().json();
    assert!(told["not_sold_yet"][0].as_str().unwrap().contains("pass `season`"));
}

#[test]
fn apply_can_be_repeated_and_keeps_the_secret_to_its_file() {
    let (place, sandbox, url) = project();
    let plan = place.run(&["catalog", "plan"]).fine().out;
    assert!(plan.contains("1. create product Pro (`pro`)") && plan.contains("4 changes"), "{plan}");
    assert!(stripe("GET", &url, "/v1/products", "")["data"].as_array().unwrap().is_empty());

    let ended = place.run(&APPLY).fine();
    let secret = secret(&place);
    let mode = place.path("webhook.secret").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(ended.out.contains("4. done: create webhook endpoint"), "{}", ended.out);
    for said in [&ended.out, &ended.err] {
        assert!(!said.contains(&secret), "the secret is in the file alone: {said}");
    }

    let again = place.run(&APPLY).fine();
    assert_eq!(again.out, "nothing to do: Stripe holds this catalog\n");
    assert_eq!(place.read("webhook.secret").trim(), secret);
    let told = place.run(&["catalog", "plan", "--json"]).fine().json();
    assert_eq!(told["changes"], serde_json::json!([]));
    sandbox.stops_by("INT", SOON);
}

#[test]
fn a_secret_in_the_way_is_not_overwritten_and_nothing_is_made() {
    let (place, sandbox, url) = project();
    place.write("webhook.secret", "whsec_of_another_endpoint\n");
    place.run(&APPLY).refused(2, &["`webhook.secret` is there already", "`--secret-file`"]);
    assert_eq!(place.read("webhook.secret"), "whsec_of_another_endpoint\n");
    let ended = place.run(&["catalog", "apply", "--secret-file", "no/such/folder"]);
    ended.refused(2, &["`no/such/folder` cannot be written"]);
    assert!(stripe("GET", &url, "/v1/products", "")["data"].as_array().unwrap().is_empty());
    sandbox.stops_by("INT", SOON);
}

#[test]
fn a_secret_that_a_break_lost_is_told_again() {
    let (place, sandbox, url) = project();
    place.run(&APPLY).fine();
    let first = secret(&place);
    // As if the process had died between Stripe's answer and the file.
    std::fs::remove_file(place.path("webhook.secret")).unwrap();
    place.run(&APPLY).fine();
    assert_eq!(secret(&place), first);

    // Deleted in the dashboard: what Stripe remembers of its making is no endpoint any more.
    std::fs::remove_file(place.path("webhook.secret")).unwrap();
    let endpoint = &stripe("GET", &url, "/v1/webhook_endpoints", "")["data"][0]["id"];
    let path = format!("/v1/webhook_endpoints/{}", endpoint.as_str().unwrap());
    stripe("DELETE", &url, &path, "");
    place.run(&APPLY).fine();
    assert_ne!(secret(&place), first);
    let endpoints = stripe("GET", &url, "/v1/webhook_endpoints", "");
    assert_eq!(endpoints["data"].as_array().unwrap().len(), 1);
    sandbox.stops_by("INT", SOON);
}

#[test]
fn a_name_that_changes_there_and_back_is_changed_twice() {
    let (place, sandbox, url) = project();
    place.run(&APPLY).fine();
    let text = place.read("specie.toml");
    for (name, times) in [("Pro", "Max"), ("Max", "Pro"), ("Pro", "Max")].into_iter().zip(1..) {
        let (_, to) = name;
        place.write("specie.toml", &text.replace("name = \"Pro\"", &format!("name = \"{to}\"")));
        place.run(&APPLY).fine();
        let product = &stripe("GET", &url, "/v1/products", "")["data"][0]["name"];
        assert_eq!(product, to, "change {times}");
    }
    sandbox.stops_by("INT", SOON);
}

#[test]
fn a_secret_in_the_file_is_refused_and_never_shown() {
    let place = Place::new();
    place.run(&["init"]).fine();
    let text = place.read("specie.toml");
    let secret = format!("sk_live_{}", "HiddenHidden");
    place.write("specie.toml", &format!("stripe_key = \"{secret}\"\n{text}"));
    for arguments in [&["catalog", "check"][..], &["catalog", "check", "--json"], &["dev"]] {
        let ended = place.run(arguments);
        let all = format!("{}{}", ended.out, ended.err);
        assert!(all.contains("a live secret key") && !all.contains("Hidden"), "{all}");
    }
}

#[test]
fn what_it_needs_is_told_at_once_and_a_wrong_key_has_its_mend() {
    let place = Place::new();
    for what in [&["catalog", "plan"][..], &["catalog", "apply"]] {
        place.run(what).refused(2, &["there is no `specie.toml`", "`specie init`"]);
    }
    place.run(&["init"]).fine();
    let ended = place.run(&["catalog", "plan"]);
    ended.refused(2, &["2 settings are missing", "`STRIPE_SECRET_KEY`", "`PUBLIC_URL`", "`.env`"]);
    let place = place
        .with("PUBLIC_URL", "http://127.0.0.1:9")
        .with("STRIPE_SECRET_KEY", "sk_test_stranger")
        .with("STRIPE_API_BASE", "http://127.0.0.1:1");
    let said = ["stripe could not be reached", "(http://127.0.0.1:1)", "hint: look at the network"];
    place.run(&["catalog", "plan"]).refused(1, &said);
    assert_eq!(place.names(), [".env.example", "specie.toml"]);

    let (place, sandbox, _) = project();
    let place = place.with("STRIPE_SECRET_KEY", "rk_test_other");
    let ended = place.run(&["catalog", "plan"]);
    ended.refused(2, &["stripe does not accept the API key", "`STRIPE_SECRET_KEY` must be"]);
    assert!(!ended.err.contains("rk_test_other"));
    sandbox.stops_by("INT", SOON);
}

#[test]
fn a_key_of_another_account_is_refused_and_nothing_is_written() {
    let (place, sandbox, url) = project();
    place.run(&APPLY).fine();
    // As if the database had been bound by a key of somebody else's.
    in_database(&place, async |db| {
        let mut tx = db.begin().await.unwrap();
        let other = "update installation set account = 'acct_ofSomebodyElse'";
        raw(&mut tx, other).await.unwrap();
        tx.commit().await.unwrap();
    });
    let text = place.read("specie.toml");
    place.write("specie.toml", &text.replace("\"29.00\"", "\"39.00\""));
    let prices = || stripe("GET", &url, "/v1/prices", "")["data"].as_array().unwrap().len();
    let before = prices();
    let said = ["of another account or mode", "hint: use the key of the account"];
    for what in [&["catalog", "plan"][..], &["catalog", "apply"]] {
        place.run(what).refused(2, &said);
    }
    assert_eq!(prices(), before);
    in_database(&place, async |db| {
        let mut tx = db.begin().await.unwrap();
        raw(&mut tx, "update installation set account = null, livemode = null, bound_at = null")
            .await
            .unwrap();
        tx.commit().await.unwrap();
    });
    place.run(&APPLY[..2]).fine();
    assert!(prices() > before, "one that is bound to nobody is bound by it");
    sandbox.stops_by("INT", SOON);
}
