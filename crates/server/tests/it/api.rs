//! The API's credentials, strictness, keys and documents.

use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};
use specie_server::routes::openapi;

use crate::house::{Answer, House, Wish, both};

const DOORS: [(Method, &str); 8] = [
    (Method::POST, "/api/billing/checkout"),
    (Method::POST, "/api/billing/checkout/cs_1/sync"),
    (Method::POST, "/api/billing/portal"),
    (Method::GET, "/api/billing/subscription"),
    (Method::POST, "/api/billing/subscription/cancellation"),
    (Method::DELETE, "/api/billing/subscription/cancellation"),
    (Method::GET, "/api/billing/payments"),
    (Method::POST, "/api/billing/session-tokens"),
];

async fn with_bearer(house: &House, method: &Method, path: &str, bearer: &str) -> Answer {
    let request = Request::builder()
        .method(method.clone())
        .uri(path)
        .header(header::AUTHORIZATION, format!("Bearer {bearer}"))
        .header("specie-customer", "user_1")
        .body(Body::empty());
    house.send(request.unwrap()).await
}

both! {
    async fn every_door_but_the_open_ones_wants_credentials(house: &House) {
        let forged = format!("sk_specie_{}", "0".repeat(64));
        for (method, path) in DOORS {
            let request = Request::builder().method(method.clone()).uri(path).body(Body::empty());
            let answer = house.send(request.unwrap()).await;
            assert_eq!(answer.problem(), (401, "unauthenticated".into()), "{method} {path}");
            assert!(answer.header("www-authenticate").starts_with("Bearer"), "{method} {path}");
            for wrong in [forged.as_str(), "sk_specie_x", "a.b.c", &house.server_key[..40]] {
                let answer = with_bearer(house, &method, path, wrong).await;
                assert_eq!(answer.problem().0, 401, "{method} {path} {wrong}");
            }
        }
        for path in ["/api/billing/plans", "/healthz", "/openapi.json", "/docs"] {
            let answer = house.send(Request::get(path).body(Body::empty()).unwrap()).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}");
        }
        assert_eq!(house.calls.load(Ordering::SeqCst), 0);
    }

    async fn a_server_key_names_its_customer(house: &House) {
        let request = Request::get("/api/billing/subscription")
            .header(header::AUTHORIZATION, format!("Bearer {}", house.server_key))
            .body(Body::empty());
        assert_eq!(house.send(request.unwrap()).await.problem(), (400, "invalid_request".into()));
        for wrong in ["", &"x".repeat(201)] {
            let answer =
                house.server(Method::GET, "/api/billing/subscription", wrong, Value::Null).await;
            assert_eq!(answer.problem().0, 400, "{wrong:?}");
        }
        let view =
            house.server(Method::GET, "/api/billing/subscription", "user_1", Value::Null).await;
        assert_eq!(
            (view.json()["status"].as_str(), view.json()["access"].as_bool()),
            (Some("none"), Some(false))
        );
    }

    async fn a_subscription_that_did_not_change_is_not_sent_again(house: &House) {
        let path = "/api/billing/subscription";
        let first = house.server(Method::GET, path, "user_1", Value::Null).await;
        let tag = first.header("etag").to_owned();
        let again = house.asking(Method::GET, path, "user_1").header("if-none-match", &tag);
        let again = house.send(again.body(Body::empty()).unwrap()).await;
        assert_eq!((again.status, again.text.as_str()), (StatusCode::NOT_MODIFIED, ""));
    }

    async fn a_key_brings_the_same_answer_and_no_other_request(house: &House) {
        let keyed = |path: &'static str, body: Value, customer: &'static str| {
            let request =
                house.asking(Method::POST, path, customer).header("idempotency-key", "k1");
            house.send(request.body(Body::from(body.to_string())).unwrap())
        };
        let cancel = "/api/billing/subscription/cancellation";
        let first = keyed(cancel, json!({}), "user_1").await;
        assert_eq!(first.problem(), (409, "not_subscribed".into()));
        assert_eq!(first.header("idempotent-replayed"), "");
        let second = keyed(cancel, json!({}), "user_1").await;
        assert_eq!((second.problem(), &second.text), (first.problem(), &first.text));
        assert_eq!(second.header("idempotent-replayed"), "true");

        let other = keyed("/api/billing/portal", json!({}), "user_1").await;
        assert_eq!(other.problem(), (422, "idempotency_key_reused".into()));
        let theirs = keyed("/api/billing/portal", json!({}), "user_2").await;
        assert_eq!(theirs.problem(), (409, "no_stripe_customer".into()));
    }

    async fn a_cursor_that_no_page_gave_is_refused(house: &House) {
        for query in [
            "cursor=",
            "cursor=x",
            "cursor=1.sub_1",
            "cursor=1.pi_1.2",
            "cursor=-1.pi_1",
            "cursor=-300000000000000000.pi_1",
            "limit=0",
            "limit=101",
            "limit=-1",
            "page=2",
        ] {
            let path = format!("/api/billing/payments?{query}");
            let answer = house.server(Method::GET, &path, "user_1", Value::Null).await;
            assert_eq!(answer.problem().0, 400, "{query}");
        }
        let page = house.server(Method::GET, "/api/billing/payments", "user_1", Value::Null).await;
        assert_eq!(page.json(), json!({ "data": [], "next_cursor": null }));
    }

    async fn somebody_elses_session_is_not_there(house: &House) {
        for session in ["cs_other", "sub_1", "..%2F..", "cs_"] {
            let path = format!("/api/billing/checkout/{session}/sync");
            let answer = house.server(Method::POST, &path, "user_1", Value::Null).await;
            assert_eq!(answer.problem(), (404, "not_found".into()), "{session}");
        }
        assert_eq!(house.calls.load(Ordering::SeqCst), 0);
    }

    async fn readiness_and_metrics_are_for_the_private_listener_alone(house: &House) {
        use tower::ServiceExt;

        for path in ["/readyz", "/metrics"] {
            let get = || Request::get(path).body(Body::empty()).unwrap();
            assert_eq!(house.send(get()).await.problem().0, 404, "{path}");
            let answer = Answer::of(house.private.clone().oneshot(get()).await.unwrap()).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
            match path {
                "/readyz" => assert_eq!(answer.json()["stripe"], "not asked yet"),
                _ => {
                    assert!(answer.text.contains("specie_http_requests_total{"), "{}", answer.text)
                }
            }
        }
    }
}

#[tokio::test]
async fn a_token_that_may_read_may_not_change() {
    let house = House::new(Wish::default()).await;
    let read = house.jwt("user_1", "read");
    for (method, path) in DOORS {
        let answer = with_bearer(&house, &method, path, &read).await;
        match method {
            Method::GET => assert_eq!(answer.status, StatusCode::OK, "{path}"),
            _ => assert_eq!(answer.problem(), (403, "forbidden".into()), "{method} {path}"),
        }
    }
    // A user of the app may change billing, and never makes links for others.
    let write = house.jwt("user_1", "write");
    let answer = with_bearer(&house, &Method::POST, "/api/billing/session-tokens", &write).await;
    assert_eq!(answer.problem().0, 403);
    house.wait(600 + 60);
    let late = with_bearer(&house, &Method::GET, "/api/billing/subscription", &read).await;
    assert_eq!(late.problem().0, 401);
}

#[tokio::test]
async fn what_another_says_it_costs_never_reaches_stripe() {
    let house = House::new(Wish::default()).await;
    let (plan, price) = choice(&house);
    let good = json!({ "plan": plan, "price": price });
    let but = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    let wrong = [
        (but("amount", json!(1)), 400),
        (but("currency", json!("eur")), 400),
        (but("customer", json!("cus_other")), 400),
        (but("price", json!("price_1ABC")), 404),
        (but("plan", json!("other")), 404),
        (but("plan", json!(["pro"])), 400),
        (but("success_url", json!("https://evil.example.com/")), 400),
        (but("cancel_url", json!("javascript:alert(1)")), 400),
        (but("success_url", json!("http://127.0.0.1:8080@evil.example.com/")), 400),
        (json!([]), 400),
        (json!("pro"), 400),
    ];
    for (body, status) in wrong {
        let answer =
            house.server(Method::POST, "/api/billing/checkout", "user_1", body.clone()).await;
        assert_eq!(answer.problem().0, status, "{body}: {}", answer.text);
    }
    let large = json!({ "plan": "x".repeat(100_000), "price": price });
    let answer = house.server(Method::POST, "/api/billing/checkout", "user_1", large).await;
    assert_eq!(answer.problem(), (413, "too_large".into()));
    let query = "/api/billing/subscription?group=main&customer=cus_other";
    assert_eq!(house.server(Method::GET, query, "user_1", Value::Null).await.problem().0, 400);
    assert_eq!(house.calls.load(Ordering::SeqCst), 0);
}

/// The first plan and price of the catalog.
fn choice(house: &House) -> (String, String) {
    let (_, plan, price) = house.app.catalog.prices().next().unwrap();
    (plan.key.clone(), price.key.clone())
}

#[tokio::test]
async fn the_document_names_every_door_and_its_errors() {
    let document = serde_json::to_value(openapi()).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    for (method, path) in DOORS {
        let path = path.replace("cs_1", "{session}");
        let door = &document["paths"][&path][method.as_str().to_lowercase()];
        assert!(door["summary"].as_str().is_some_and(|text| !text.is_empty()), "{method} {path}");
        assert!(door["responses"]["401"].is_object(), "{method} {path}");
    }
    let answers = |method: &str, path: &str| {
        let answers = document["paths"][path][method]["responses"].as_object().unwrap();
        answers.keys().map(String::as_str).collect::<Vec<_>>().join(" ")
    };
    let all = "201 400 401 403 404 409 413 415 422 429 503";
    assert_eq!(answers("post", "/api/billing/checkout"), all);
    let path = "/api/billing/subscription/cancellation";
    assert_eq!(answers("delete", path), "200 400 401 403 404 409 412 422 429 503");
    assert_eq!(answers("post", "/api/billing/webhook"), "200 400 413 503");
    assert_eq!(answers("get", "/healthz"), "200");
    let body = &document["paths"]["/api/billing/portal"]["post"]["requestBody"];
    assert_ne!(body["required"], true);
    let plans = &document["paths"]["/api/billing/plans"]["get"];
    assert_eq!(plans["security"], json!([{}]));
    let body = &document["components"]["schemas"]["CheckoutRequest"];
    assert_eq!(body["additionalProperties"], json!(false));
    // Whatever is referred to is there.
    let text = document.to_string();
    for (at, mark) in text.match_indices("#/components/schemas/") {
        let name = text[at + mark.len()..].split('"').next().unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
}

#[tokio::test]
async fn the_documentation_page_shows_doors_and_codes_without_script() {
    let house = House::new(Wish::default()).await;
    let page = house.send(Request::get("/docs").body(Body::empty()).unwrap()).await;
    for part in ["/api/billing/checkout", "success_url", "id=\"already_subscribed\"", "PATCH"] {
        assert_eq!(page.text.contains(part), part != "PATCH", "{part}");
    }
    assert!(!page.text.contains("<script") && !page.text.contains("style="));
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    let house = House::new(Wish::default()).await;
    let get = Request::get("/api/billing/nothing").body(Body::empty()).unwrap();
    assert_eq!(house.send(get).await.problem(), (404, "not_found".into()));
    let put = Request::put("/api/billing/plans").body(Body::empty()).unwrap();
    assert_eq!(house.send(put).await.problem(), (405, "method_not_allowed".into()));
}
