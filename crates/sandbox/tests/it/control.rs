//! The control API: who may use it, and what it does.

use axum::body::Body;
use http::Request;
use serde_json::json;

use crate::desk::{Desk, HOME, KEY, START};
use crate::shop::{self, typed};

#[tokio::test]
async fn the_clock_moves_on_and_never_back() {
    let desk = Desk::in_memory();
    let clock = desk.control("GET", "clock", "").await.expect(200).json();
    assert_eq!(clock["now"], START);

    let to = json!({ "to": START + 60 }).to_string();
    let moved = desk.control("POST", "clock/advance", &to).await.expect(200).json();
    assert_eq!(moved["now"], START + 60);
    let moved = desk.control("POST", "clock/advance", r#"{"seconds": 60}"#).await.expect(200);
    assert_eq!(moved.json()["now"], START + 120);

    for wrong in [
        to.as_str(),
        r#"{"seconds": -1}"#,
        r#"{"to": 1e3}"#,
        "{}",
        "",
        "[]",
        r#"{"seconds": 9223372036854775807}"#,
        r#"{"seconds": 1, "to": 2}"#,
    ] {
        desk.control("POST", "clock/advance", wrong).await.expect(400);
    }
    assert_eq!(desk.sandbox.now(), START + 120);
}

#[tokio::test]
async fn a_jump_through_too_many_periods_is_refused_and_smaller_ones_go() {
    let desk = Desk::in_memory();
    let shop = shop::open(&desk).await;
    let path = format!("/c/pay/{}", shop.session);
    desk.form(&path, &typed("4242424242424242")).await.expect(303);
    let advance = async |days: i64| {
        let body = json!({ "seconds": days * 86_400 }).to_string();
        desk.control("POST", "clock/advance", &body).await
    };
    let changes = desk.sandbox.changes();
    let refused = advance(30 * 20_003).await.expect(400).json();
    let why = refused["error"]["message"].as_str().unwrap();
    assert!(why.contains(" 20002 periods ") && why.contains("smaller jumps"), "{why}");
    assert_eq!((desk.sandbox.now(), desk.sandbox.changes()), (START, changes));
    advance(95).await.expect(200);
    assert_eq!(desk.sandbox.list("invoice").len(), 4);
}

#[tokio::test]
async fn the_clock_goes_on_to_the_end_of_the_year_9990() {
    let desk = Desk::in_memory();
    let latest = 253_118_303_999_i64;
    let to = |at: i64| json!({ "to": at }).to_string();
    desk.control("POST", "clock/advance", &to(latest + 1)).await.expect(400);
    desk.control("POST", "clock/advance", &to(latest)).await.expect(200);
    assert_eq!(desk.sandbox.now(), latest);
}

/// An event is kept from when it happened, not from when somebody last called.
#[tokio::test]
async fn what_falls_due_after_a_long_silence_is_listed_for_thirty_days() {
    let desk = Desk::in_memory();
    crate::shop::open(&desk).await;
    desk.wait(40 * 86_400);
    desk.control("POST", "clock/advance", r#"{"seconds": 90000}"#).await.expect(200);
    let query = [("type", "checkout.session.expired")];
    let listed = desk.api("GET", "/v1/events", &query).await.expect(200).json();
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn it_asks_for_the_key_and_for_this_machine() {
    let desk = Desk::in_memory();
    let ask = async |key: Option<&str>, host: &str, origin: Option<&str>| {
        let mut request =
            Request::post("/_sandbox/clock/advance").header("content-type", "application/json");
        for (name, value) in [("specie-sandbox-key", key), ("host", Some(host)), ("origin", origin)]
        {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        desk.send(request.body(Body::from(r#"{"seconds": 1}"#)).unwrap()).await.status
    };
    assert_eq!(ask(Some(KEY), "127.0.0.1:12111", None).await, 200);
    assert_eq!(ask(Some(KEY), "localhost:12111", Some(HOME)).await, 200);
    assert_eq!(ask(Some(KEY), "[::1]:12111", None).await, 200);
    let before = desk.sandbox.now();
    assert_eq!(ask(None, "127.0.0.1:12111", None).await, 401);
    assert_eq!(ask(Some("control-kez"), "127.0.0.1:12111", None).await, 401);
    assert_eq!(ask(Some(KEY), "sandbox.example:12111", None).await, 403);
    assert_eq!(ask(Some(KEY), "127.0.0.1.example", None).await, 403);
    assert_eq!(ask(Some(KEY), "localhost", Some("https://evil.example")).await, 403);
    assert_eq!(ask(Some(KEY), "localhost", Some("null")).await, 403);
    assert_eq!(desk.sandbox.now(), before);

    let without_host = Request::get("/_sandbox/clock").header("specie-sandbox-key", KEY);
    desk.send(without_host.body(Body::empty()).unwrap()).await.expect(403);
}

#[tokio::test]
async fn a_page_of_the_sandboxs_own_public_name_may_not_drive_it() {
    let desk = Desk::in_memory();
    let wall = desk.wall.clone();
    let named = specie_sandbox::Sandbox::open(specie_sandbox::Options {
        seed: 1,
        data_dir: None,
        start: jiff::Timestamp::from_second(START).unwrap(),
        base_url: "http://box.example:12111".into(),
        control_key: specie_vocab::Secret::new(KEY),
        wall,
    });
    let desk = Desk { sandbox: named.unwrap(), wall: desk.wall };
    let ask = async |host: &str, origin: &str| {
        let request = Request::get("/_sandbox/clock").header("host", host).header("origin", origin);
        let request = request.header("specie-sandbox-key", KEY);
        desk.send(request.body(Body::empty()).unwrap()).await.status
    };
    assert_eq!(ask("127.0.0.1:12111", "http://127.0.0.1:3000").await, 200);
    assert_eq!(ask("127.0.0.1:12111", "http://box.example:12111").await, 403);
    assert_eq!(ask("box.example:12111", "http://127.0.0.1:3000").await, 403);
}

#[tokio::test]
async fn switches_keys_and_secrets_have_doors_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::kept(folder.path());
    let all = desk.control("GET", "switches", "").await.expect(200).json();
    assert_eq!(all["dunning"]["then"], "cancel");
    let set = desk.control("POST", "switches", r#"{"draft_seconds": 60}"#).await.expect(200).json();
    assert_eq!(set["draft_seconds"], 60);
    let refused =
        desk.control("POST", "switches", r#"{"draft_hours": 1}"#).await.expect(400).json();
    assert_eq!(refused["error"]["message"], "there is no switch `draft_hours`");
    desk.control("POST", "switches", "nonsense").await.expect(400);

    desk.control("POST", "idempotency_keys/k", "").await.expect(200);
    let ask = async |key: &str| {
        let request = Request::post(format!("{HOME}/v1/customers")).header("idempotency-key", key);
        let request = request.header("authorization", "Bearer sk_test_aaaaaaaaaaaaaaaaaaaaaaaa");
        desk.send(request.body(Body::empty()).unwrap()).await.status
    };
    assert_eq!(ask("k").await, 409);
    desk.control("DELETE", "idempotency_keys/k", "").await.expect(200);
    assert_eq!(ask("k").await, 200);

    let pairs = [("url", "http://127.0.0.1:8080/hook"), ("enabled_events[0]", "*")];
    let hook = desk.api("POST", "/v1/webhook_endpoints", &pairs).await.expect(200).json();
    let path = format!("webhook_endpoints/{}/roll", hook["id"].as_str().unwrap());
    let rolled =
        desk.control("POST", &format!("{path}?expire_in=3600"), "").await.expect(200).json();
    assert_ne!(rolled["secret"], hook["secret"]);
    assert!(rolled["secret"].as_str().unwrap().starts_with("whsec_"));
    desk.control("POST", &format!("{path}?expire_in=86401"), "").await.expect(400);
    desk.control("POST", "webhook_endpoints/we_x/roll", "").await.expect(404);

    drop(desk);
    let again = Desk::kept(folder.path());
    assert_eq!(again.sandbox.switches()["draft_seconds"], 60, "switches are kept");
}

#[tokio::test]
async fn a_body_that_is_not_said_to_be_json_is_told_so() {
    let desk = Desk::in_memory();
    for (path, body) in [
        ("clock/advance", r#"{"seconds": 5}"#),
        ("switches", r#"{"draft_seconds": 60}"#),
        ("chaos", r#"{"lose": 5}"#),
    ] {
        let request = Request::post(format!("{HOME}/_sandbox/{path}"))
            .header("specie-sandbox-key", KEY)
            .header("content-type", "application/x-www-form-urlencoded");
        let answer = desk.send(request.body(Body::from(body)).unwrap()).await.expect(400);
        assert!(answer.body.contains("`Content-Type: application/json` is missing"), "{path}");
    }
    assert_eq!(desk.sandbox.now(), START);
}

#[tokio::test]
async fn the_deliveries_can_be_seen_and_flushed() {
    let desk = Desk::in_memory();
    let seen = desk.control("GET", "deliveries", "").await.expect(200).json();
    assert_eq!(seen, json!({ "waiting": [], "log": [] }));
    let flushed = desk.control("POST", "deliveries/flush", "").await.expect(200).json();
    assert_eq!(flushed, json!({ "flushed": 0 }));
}

#[tokio::test]
async fn a_clock_that_flows_follows_the_wall() {
    let desk = Desk::in_memory();
    desk.sandbox.flow().unwrap();
    desk.wait(10);
    assert_eq!(desk.sandbox.now(), START + 10);
    desk.control("POST", "clock/advance", r#"{"seconds": 3600}"#).await.expect(200);
    assert_eq!(desk.sandbox.now(), START + 3_610);
    desk.wait(5);
    assert_eq!(desk.sandbox.now(), START + 3_615);
}
