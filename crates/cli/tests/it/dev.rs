//! `specie dev` from outside: what it says, what it keeps, how it ends.

use std::net::TcpListener;
use std::time::Duration;

use serde_json::Value;

use crate::place::{Place, Running};
use crate::web::{get, linger, send, stripe};

/// Within a second on a machine that does nothing else; far less than any patience of ours.
const SOON: Duration = Duration::from_secs(10);
const TIERS: &str = include_str!("../../../../examples/tiers/specie.toml");

pub fn start(place: &Place, more: &[&str]) -> (Running, Value) {
    let running =
        place.start(&[&["dev", "--port", "0", "--sandbox-port", "0", "--json"], more].concat());
    let said = running.json();
    (running, said)
}

fn text<'a>(said: &'a Value, name: &str) -> &'a str {
    said[name].as_str().unwrap_or_else(|| panic!("no `{name}` in {said}"))
}

/// Ada begins a checkout.
fn checkout(said: &Value) -> Value {
    let bearer = format!("Bearer {}", text(said, "server_key"));
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Specie-Customer", "ada"),
        ("Content-Type", "application/json"),
    ];
    let url = format!("{}/api/billing/checkout", text(said, "service"));
    let answer = send("POST", &url, &headers, r#"{"plan": "pro", "price": "monthly"}"#);
    assert!([200, 201].contains(&answer.status), "{answer:?}");
    answer.json()
}

#[test]
fn a_second_start_goes_on_where_the_first_one_stopped() {
    let place = Place::new();
    let (first, said) = start(&place, &[]);
    for name in ["plans", "account", "mailbox", "docs", "objects"] {
        let status = get(text(&said, name)).status;
        assert!([200, 303].contains(&status), "{name} answers {status}");
    }
    let session = checkout(&said)["id"].as_str().unwrap().to_owned();
    // A browser keeps its connections open.
    let kept = linger(text(&said, "service"));
    let ended = first.stops_by("INT", SOON);
    assert!(ended.err.contains("everything is kept"), "{ended:?}");
    drop(kept);

    let (second, again) = start(&place, &[]);
    assert_eq!(text(&again, "server_key"), text(&said, "server_key"));
    assert_eq!(checkout(&again)["id"], session.as_str(), "the open session is still open");
    let endpoints = stripe("GET", text(&again, "sandbox"), "/v1/webhook_endpoints", "");
    let urls: Vec<_> = endpoints["data"].as_array().unwrap().iter().map(|it| &it["url"]).collect();
    let webhook = format!("{}/api/billing/webhook", text(&again, "service"));
    assert_eq!(urls, [&Value::from(webhook)], "nobody listens on the port of the first start");
    second.stops_by("TERM", SOON);
    assert_eq!(place.read(".specie/local/.gitignore"), "*\n");
}

#[test]
fn it_says_what_runs_where_and_what_to_click() {
    let place = Place::new();
    let running = place.start(&["dev", "--port", "0", "--sandbox-port", "0"]);
    let mut said = String::new();
    while !said.contains("Ctrl-C") {
        said.push_str(&format!("{}\n", running.line()));
    }
    assert!(running.began.elapsed() < SOON, "it took {:?}", running.began.elapsed());
    for text in [
        "plans       http://127.0.0.1:",
        "/billing/account",
        "/dev/mailbox",
        "/docs",
        "/objects",
        ".specie/local",
        "server key  sk_specie_",
        "JWT secret",
        "4242 4242 4242 4242",
        "--fresh",
    ] {
        assert!(said.contains(text), "`{text}` is not in {said}");
    }
    running.stops_by("INT", SOON);
}

#[test]
fn a_taken_port_names_the_option_that_chooses_another() {
    let place = Place::new();
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ended = place.run(&["dev", "--port", &port, "--sandbox-port", "0"]);
    ended.refused(1, &[&format!("port {port} is taken"), "`--port PORT`"]);
    let ended = place.run(&["dev", "--port", "0", "--sandbox-port", &port]);
    ended.refused(1, &[&format!("port {port} is taken"), "`--sandbox-port PORT`"]);
    assert_eq!(place.names(), [] as [String; 0], "nothing was made");
}

#[test]
fn a_folder_is_for_one_process() {
    let place = Place::new();
    let (first, said) = start(&place, &[]);
    for more in [&[][..], &["--fresh"]] {
        let ended = place.run(&[&["dev", "--port", "0", "--sandbox-port", "0"], more].concat());
        ended.refused(1, &["another `specie` runs on the folder `.specie/local`", "`--data-dir`"]);
    }
    assert_eq!(get(&format!("{}/healthz", text(&said, "service"))).status, 200);
    first.stops_by("INT", SOON);
}

#[test]
fn an_invalid_catalog_is_told_whole_and_nothing_is_made() {
    let place = Place::new();
    place.write("specie.toml", "currency = \"usd\"\n[brand]\nnme = \"x\"\nname = 1\n");
    let ended = place.run(&["dev", "--port", "0", "--sandbox-port", "0"]);
    ended.refused(
        2,
        &[
            "specie.toml:3:1",
            "specie.toml:4:8",
            "did you mean `name`?",
            "faults; nothing was started",
        ],
    );
    assert_eq!(place.names(), ["specie.toml"]);
    let ended = place.run(&["dev", "--catalog", "other.toml"]);
    ended.refused(2, &["there is no `other.toml`", "`specie init`"]);
}

#[test]
fn what_cannot_be_sold_yet_is_named_at_the_start() {
    let place = Place::new();
    place.write("specie.toml", TIERS);
    let (running, said) = start(&place, &[]);
    let note = said["not_sold_yet"][0].as_str().unwrap();
    assert!(note.contains("pass `season`") && note.contains("take it out"), "{note}");
    running.stops_by("INT", SOON);
    let running = place.start(&["dev", "--port", "0", "--sandbox-port", "0"]);
    while !running.line().contains("note: pass `season` is not sold yet") {}
    running.stops_by("INT", SOON);
}

#[test]
fn a_database_that_is_gone_is_noticed() {
    let place = Place::new();
    let (running, _) = start(&place, &[]);
    running.stops_by("INT", SOON);
    place.write(".specie/local/specie.db", "");
    let ended = place.run(&["dev", "--port", "0", "--sandbox-port", "0"]);
    ended.refused(2, &["specie.db` is missing or empty", "`--fresh`"]);
    assert_eq!(place.read(".specie/local/specie.db"), "");
}

#[test]
fn a_live_key_does_not_belong_here() {
    let place = Place::new();
    place.write(".env", "STRIPE_SECRET_KEY=sk_live_abc\n");
    let ended = place.run(&["dev", "--port", "0", "--sandbox-port", "0"]);
    ended.refused(2, &["`STRIPE_SECRET_KEY` is a live key", "`.env`"]);
    assert!(!ended.err.contains("sk_live_abc"));
    assert_eq!(place.names(), [".env"]);
}

#[test]
fn it_works_behind_a_proxy_under_a_prefix() {
    let place = Place::new().with("PUBLIC_URL", "https://dev.example.com/pay/");
    let running = place.start(&["dev", "--port", "0", "--sandbox-port", "0", "--json"]);
    let said = running.json();
    assert_eq!(text(&said, "account"), "https://dev.example.com/pay/billing/account");
    let endpoints = stripe("GET", text(&said, "sandbox"), "/v1/webhook_endpoints", "");
    let webhook = endpoints["data"][0]["url"].as_str().unwrap();
    let own = webhook.strip_suffix("/api/billing/webhook").unwrap();
    let host = [("X-Forwarded-Proto", "https")];
    let page = send("GET", &format!("{own}/pay/billing/plans"), &host, "");
    assert!([200, 303].contains(&page.status), "{page:?}");
    running.stops_by("INT", SOON);

    let wrong = place.with("PUBLIC_URL", "nowhere");
    wrong
        .run(&["dev", "--port", "0", "--sandbox-port", "0"])
        .refused(2, &["`PUBLIC_URL` is `nowhere`"]);
}

#[test]
fn the_address_of_serve_in_the_settings_file_is_not_for_dev() {
    let place = Place::new();
    place.write(".env", "PUBLIC_URL=https://billing.example.com\nSTRIPE_SECRET_KEY=sk_test_abc\n");
    let (running, said) = start(&place, &[]);
    assert!(text(&said, "plans").starts_with("http://127.0.0.1:"), "{said}");
    running.stops_by("INT", SOON);
}

#[test]
fn without_a_browser_it_says_where_to_go() {
    let place = Place::new().with("PATH", "");
    let (running, said) = start(&place, &["--open"]);
    let line = running.until("no browser could be opened").pop().unwrap();
    assert!(line.contains(text(&said, "service")), "{line}");
    running.stops_by("INT", SOON);
}
