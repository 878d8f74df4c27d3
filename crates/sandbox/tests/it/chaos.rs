//! Chaos: answers and webhooks go wrong as often as asked, and the same way for the same seed.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use specie_sandbox::Chaos;
use specie_stripe::{Transport, TransportError};
use tower::{ServiceExt, service_fn};

use crate::desk::{Desk, HOME, START};
use crate::shop::{self, id, typed};

const KEY: &str = "once";

/// A customer is asked for under a key. Gives the status, whether it is a replay, and the body; no
/// body if the answer was lost.
async fn create(desk: &Desk) -> (u16, bool, Option<Value>) {
    let request = Request::post(format!("{HOME}/v1/customers"))
        .header("authorization", "Bearer sk_test_a")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("idempotency-key", KEY)
        .body(Body::from("name=Ada"));
    let response: Response<Body> = desk.sandbox.router().oneshot(request.unwrap()).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.ok().map(|body| body.to_bytes());
    let replayed = head.headers.contains_key("idempotent-replayed");
    (head.status.as_u16(), replayed, body.map(|body| serde_json::from_slice(&body).unwrap()))
}

async fn only(desk: &Desk, knob: &str) {
    desk.control("DELETE", "chaos", "").await.expect(200);
    desk.control("POST", "chaos", &json!({ knob: 100 }).to_string()).await.expect(200);
}

fn customers(desk: &Desk) -> usize {
    desk.sandbox.list("customer").len()
}

#[tokio::test]
async fn knobs_are_set_all_or_none_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::kept(folder.path());
    let knobs = desk.control("GET", "chaos", "").await.expect(200).json();
    assert_eq!((&knobs["lose"], &knobs["seed"]), (&json!(0), &json!(1)));
    let set = desk.control("POST", "chaos", r#"{"lose": 5, "seed": 9}"#).await.expect(200).json();
    assert_eq!((&set["lose"], &set["seed"]), (&json!(5), &json!(9)));
    for (wrong, why) in [
        (r#"{"fail": 2, "win": 1}"#, "there is no knob `win`"),
        (r#"{"fail": 96}"#, "more than 100 %"),
        (r#"{"fail": "x"}"#, "`fail` is \"x\", and has to be a whole number from 0 to 100"),
        ("[]", "send a JSON object"),
        ("", "to set as a JSON object"),
    ] {
        let error = desk.control("POST", "chaos", wrong).await.expect(400).json();
        assert!(error["error"]["message"].as_str().unwrap().contains(why), "{error}");
    }
    drop(desk);
    let desk = Desk::kept(folder.path());
    assert_eq!(desk.sandbox.chaos(), Chaos { lose: 5, seed: 9, ..Chaos::default() });
    desk.control("DELETE", "chaos", "").await.expect(200);
    assert!(desk.sandbox.chaos().is_off());
}

#[tokio::test]
async fn chaos_that_is_set_again_strikes_the_same_calls_again() {
    let desk = Desk::in_memory();
    let mut rounds = Vec::new();
    for _ in 0..2 {
        desk.control("POST", "chaos", r#"{"limit": 50, "seed": 3}"#).await.expect(200);
        let mut statuses = Vec::new();
        for _ in 0..20 {
            statuses.push(desk.api("GET", "/v1/customers", &[]).await.status);
        }
        rounds.push(statuses);
    }
    assert!(rounds[0].contains(&200) && rounds[0].contains(&429), "{rounds:?}");
    assert_eq!(rounds[0], rounds[1]);
}

#[tokio::test]
async fn before_the_work_nothing_is_done_and_the_key_is_free() {
    for (knob, status) in [("limit", 429), ("error_before", 500)] {
        let desk = Desk::in_memory();
        only(&desk, knob).await;
        let error = desk.api("POST", "/v1/customers", &[]).await.expect(status);
        if status == 429 {
            assert_eq!(error.json()["error"]["code"], "rate_limit");
            assert_eq!(error.header("stripe-rate-limited-reason"), "global-rate");
        }
        assert_eq!(create(&desk).await.0, status);
        assert_eq!(customers(&desk), 0);
        desk.control("DELETE", "chaos", "").await.expect(200);
        assert_eq!(create(&desk).await.0, 200);
        assert_eq!(customers(&desk), 1);
    }
}

#[tokio::test]
async fn after_the_work_the_same_key_tells_the_truth() {
    for (knob, status) in [("error_after", 500), ("lose_answer", 200)] {
        let desk = Desk::in_memory();
        only(&desk, knob).await;
        let (found, _, body) = create(&desk).await;
        assert_eq!((found, body.is_some()), (status, status == 500), "{knob}");
        assert_eq!(customers(&desk), 1);
        desk.control("DELETE", "chaos", "").await.expect(200);
        let (status, replayed, body) = create(&desk).await;
        assert_eq!((status, replayed), (200, true));
        assert_eq!(body.unwrap()["name"], "Ada");
        assert_eq!(customers(&desk), 1);
    }
}

#[tokio::test]
async fn a_stored_error_stands_under_its_key() {
    let desk = Desk::in_memory();
    only(&desk, "error_stored").await;
    desk.api("POST", "/v1/customers", &[]).await.expect(200);
    assert_eq!(create(&desk).await.0, 500);
    desk.control("DELETE", "chaos", "").await.expect(200);
    let (status, replayed, body) = create(&desk).await;
    assert_eq!(
        (status, replayed, &body.unwrap()["error"]["type"]),
        (500, true, &json!("api_error"))
    );
    assert_eq!(customers(&desk), 1);
}

#[tokio::test]
async fn an_error_is_stored_for_a_post_with_a_key_alone() {
    let desk = Desk::in_memory();
    let made = desk.api("POST", "/v1/customers", &[]).await.expect(200).json();
    only(&desk, "error_stored").await;
    let one = format!("/v1/customers/{}", id(&made));
    for (method, key, status) in
        [("GET", "once", 200), ("POST", "", 200), ("POST", "once", 500), ("DELETE", "twice", 200)]
    {
        let request = Request::builder().method(method).uri(format!("{HOME}{one}"));
        let request = request
            .header("authorization", "Bearer sk_test_a")
            .header("idempotency-key", key)
            .body(Body::empty());
        assert_eq!(desk.send(request.unwrap()).await.status, status, "{method} {key}");
    }
}

#[tokio::test]
async fn a_stale_read_shows_the_world_before_the_last_write() {
    let desk = Desk::in_memory();
    only(&desk, "stale").await;
    let made = desk.api("POST", "/v1/customers", &[("name", "Ada")]).await.expect(200).json();
    let path = format!("/v1/customers/{}", id(&made));
    desk.api("GET", &path, &[]).await.expect(404);
    desk.api("POST", &path, &[("name", "Grace")]).await.expect(200);
    assert_eq!(desk.api("GET", &path, &[]).await.expect(200).json()["name"], "Ada");
    assert_eq!(desk.api("GET", &path, &[]).await.expect(200).json()["name"], "Ada");
    desk.control("DELETE", "chaos", "").await.expect(200);
    assert_eq!(desk.api("GET", &path, &[]).await.expect(200).json()["name"], "Grace");
}

#[tokio::test]
async fn a_stale_read_is_late_beyond_the_second_of_the_write() {
    let desk = Desk::in_memory();
    desk.sandbox.flow().unwrap();
    only(&desk, "stale").await;
    let made = desk.api("POST", "/v1/customers", &[("name", "Ada")]).await.expect(200).json();
    let path = format!("/v1/customers/{}", id(&made));
    desk.api("POST", &path, &[("name", "Grace")]).await.expect(200);
    for second in 1..=3 {
        desk.wait(1);
        let read = desk.api("GET", &path, &[]).await.expect(200).json();
        assert_eq!(read["name"], "Ada", "{second}");
    }
}

#[tokio::test]
async fn time_in_which_nothing_falls_due_is_no_write() {
    let desk = Desk::in_memory();
    let shop = shop::open(&desk).await;
    only(&desk, "stale").await;
    let path = format!("/v1/checkout/sessions/{}", shop.session);
    for day in 2..=4 {
        desk.sandbox.advance(START + day * 86_400).unwrap();
        let read = desk.api("GET", &path, &[]).await.expect(200).json();
        assert_eq!(read["status"], "open", "{day}: it expired on the first");
    }
    desk.control("DELETE", "chaos", "").await.expect(200);
    assert_eq!(desk.api("GET", &path, &[]).await.expect(200).json()["status"], "expired");
}

async fn sees_no_customer(desk: &Desk, after: &str) {
    let list = desk.api("GET", "/v1/customers", &[]).await.expect(200).json();
    assert_eq!(list["data"], json!([]), "{after}");
}

#[tokio::test]
async fn what_changes_no_object_is_no_write() {
    let desk = Desk::in_memory();
    let hook = [("url", "http://127.0.0.1:8080/hook"), ("enabled_events[0]", "*")];
    let hook = id(&desk.api("POST", "/v1/webhook_endpoints", &hook).await.expect(200).json());
    only(&desk, "stale").await;
    create(&desk).await;
    sees_no_customer(&desk, "the write").await;
    assert!(create(&desk).await.1);
    sees_no_customer(&desk, "a replay").await;
    desk.api("POST", "/v1/customers", &[("shoe_size", "42")]).await.expect(400);
    sees_no_customer(&desk, "a refusal").await;
    assert!(desk.sandbox.roll_secret(&hook, 60).unwrap().is_some());
    sees_no_customer(&desk, "another secret").await;
    desk.sandbox.hold_key("other", true).unwrap();
    sees_no_customer(&desk, "a key in use").await;
    desk.sandbox.flush().unwrap();
    sees_no_customer(&desk, "a flush").await;
    let switch = r#"{"idempotency_retention": 100}"#;
    desk.control("POST", "switches", switch).await.expect(200);
    sees_no_customer(&desk, "a switch").await;
}

#[tokio::test]
async fn a_test_clock_that_gets_ready_ends_the_write_that_advanced_it() {
    let desk = Desk::in_memory();
    let clocks = "/v1/test_helpers/test_clocks";
    let frozen = START.to_string();
    let made = desk.api("POST", clocks, &[("frozen_time", &frozen)]).await.expect(200).json();
    only(&desk, "stale").await;
    let path = format!("{clocks}/{}", id(&made));
    let to = (START + 60).to_string();
    desk.api("POST", &format!("{path}/advance"), &[("frozen_time", &to)]).await.expect(200);
    for _ in 0..2 {
        desk.wait(1);
        let read = desk.api("GET", &path, &[]).await.expect(200).json();
        assert_eq!(read["frozen_time"], START);
    }
}

#[tokio::test]
async fn a_slow_answer_comes_all_the_same_and_pages_are_left_alone() {
    let desk = Desk::in_memory();
    let shop = shop::open(&desk).await;
    desk.control("POST", "chaos", r#"{"slow": 100, "slowest": 1}"#).await.expect(200);
    desk.api("POST", "/v1/customers", &[]).await.expect(200);
    only(&desk, "limit").await;
    let page = format!("/c/pay/{}", shop.session);
    assert!(desk.get(&page).await.expect(200).body.contains("SaaSKit"));
    desk.form(&page, &typed("4242424242424242")).await.expect(303);
}

/// All that a client sees of a call, also of one whose answer is lost.
async fn seen_of(desk: &Desk, request: http::request::Builder, body: &'static str) -> String {
    let request = request.header("authorization", "Bearer sk_test_a").body(Body::from(body));
    let response: Response<Body> = desk.sandbox.router().oneshot(request.unwrap()).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes());
    format!("{} {:?} {body:?}", head.status, head.headers)
}

/// All that a client sees of a day with chaos: answers, and webhooks in the order of arrival. The
/// sandbox is opened anew in the middle, if asked.
async fn a_day(folder: &std::path::Path, knobs: &Value, restarts: bool) -> Vec<String> {
    let mut desk = Desk::kept(folder);
    let hook = [("url", "http://127.0.0.1:8080/hook"), ("enabled_events[0]", "*")];
    desk.api("POST", "/v1/webhook_endpoints", &hook).await.expect(200);
    desk.control("POST", "chaos", &knobs.to_string()).await.expect(200);
    let got: Arc<Mutex<Vec<String>>> = Arc::default();
    let transport = {
        let got = got.clone();
        Transport::new(service_fn(move |request: Request<Bytes>| {
            got.lock().unwrap().push(String::from_utf8_lossy(request.body()).into_owned());
            async move { Ok::<_, TransportError>(Response::new(Bytes::new())) }
        }))
    };
    let mut seen = Vec::new();
    for hour in 1..=40 {
        if restarts && hour == 20 {
            drop(desk);
            desk = Desk::kept(folder);
            desk.wait(19 * 60);
        }
        let request = Request::post(format!("{HOME}/v1/customers"))
            .header("idempotency-key", format!("k{hour}"))
            .header("content-type", "application/x-www-form-urlencoded");
        seen.push(seen_of(&desk, request, "name=A").await);
        let request = Request::get(format!("{HOME}/v1/customers"));
        seen.push(seen_of(&desk, request, "").await);
        desk.wait(60);
        desk.sandbox.advance(START + hour * 3_600).unwrap();
        desk.sandbox.deliver(&transport).await;
    }
    while let Some(due) = desk.sandbox.next_delivery() {
        desk.wall.advance_to(due.timestamp());
        desk.sandbox.deliver(&transport).await;
    }
    seen.extend(got.lock().unwrap().drain(..));
    seen
}

#[tokio::test]
async fn equal_seed_and_calls_give_equal_bytes_also_over_a_restart() {
    let knobs = |seed: u64| {
        json!({
            "seed": seed, "lose": 10, "fail": 10, "duplicate": 10, "delay": 10, "reorder": 20,
            "longest_delay": 500, "slow": 10, "slowest": 1, "stale": 10, "limit": 10,
            "error_before": 10, "error_after": 10, "error_stored": 10, "lose_answer": 10,
        })
    };
    let folders = [(); 4].map(|()| tempfile::tempdir().unwrap());
    let first = a_day(folders[0].path(), &knobs(1), false).await;
    assert_eq!(first, a_day(folders[1].path(), &knobs(1), false).await);
    assert_eq!(first, a_day(folders[2].path(), &knobs(1), true).await);
    assert_ne!(first, a_day(folders[3].path(), &knobs(2), false).await);
    let kept = |n: usize| std::fs::read(folders[n].path().join("journal")).unwrap();
    assert!(kept(0) == kept(1) && kept(0) == kept(2), "the journals differ");
    for what in ["429", "500", "rate_limit", "An unknown error occurred", "ConnectionReset"] {
        assert!(first.iter().any(|seen| seen.contains(what)), "{what}");
    }
    let hooks: Vec<&String> = first.iter().filter(|seen| seen.contains("\"evt_")).collect();
    let mut once = hooks.clone();
    once.sort_unstable();
    once.dedup();
    assert!(once.len() < hooks.len(), "some arrive twice");
}

#[tokio::test]
async fn a_key_stands_for_its_answer_for_as_long_as_the_switch_says() {
    let desk = Desk::in_memory();
    desk.control("POST", "switches", r#"{"idempotency_retention": 100}"#).await.expect(200);
    let (_, _, first) = create(&desk).await;
    desk.wait(100);
    assert_eq!(create(&desk).await, (200, true, first.clone()));
    desk.wait(1);
    let (status, replayed, second) = create(&desk).await;
    assert_eq!((status, replayed), (200, false));
    assert_ne!(first.unwrap()["id"], second.as_ref().unwrap()["id"]);
    desk.wait(3600);
    assert!(!create(&desk).await.1, "the next sweep has come");
}
