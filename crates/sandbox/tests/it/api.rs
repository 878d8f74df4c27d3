//! The API's door: Stripe's reply headers, and what is refused before the world sees it.

use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use tower::ServiceExt;

use crate::desk::{Answer, Desk, HOME, START};
use crate::shop;

async fn post(desk: &Desk, kind: &str, body: impl Into<Body>) -> Answer {
    let request = Request::post(format!("{HOME}/v1/customers"))
        .header("authorization", "Bearer sk_test_aaaaaaaaaaaaaaaaaaaaaaaa")
        .header("content-type", kind);
    desk.send(request.body(body.into()).unwrap()).await
}

const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn every_reply_has_stripes_headers() {
    let desk = Desk::in_memory();
    let known = desk.api("GET", "/v1/customers", &[]).await;
    let unknown = desk.api("GET", "/v1/nothing", &[]).await;
    let without_key = desk.get("/v1/customers").await;
    for reply in [known, unknown, without_key] {
        for (name, value) in [
            ("server", "nginx"),
            ("date", "Mon, 05 Jan 2026 00:00:00 GMT"),
            ("content-type", "application/json"),
            ("connection", "keep-alive"),
            ("cache-control", "no-cache, no-store"),
            ("vary", "Origin"),
            ("strict-transport-security", "max-age=63072000; includeSubDomains; preload"),
            ("access-control-allow-credentials", "true"),
            ("access-control-allow-methods", "GET, HEAD, PUT, PATCH, POST, DELETE"),
            ("access-control-allow-origin", "*"),
            ("access-control-max-age", "300"),
        ] {
            assert_eq!(reply.header(name), value, "{name}");
        }
        let exposed = "Request-Id, Stripe-Manage-Version, Stripe-Should-Retry, \
                       X-Stripe-External-Auth-Required, X-Stripe-Privileged-Session-Required";
        assert_eq!(reply.header("access-control-expose-headers"), exposed);
        assert!(reply.header("content-security-policy").contains("default-src 'none'"));
    }
    assert_eq!(desk.sandbox.now(), START);
}

#[tokio::test]
async fn a_form_is_one_however_its_type_is_written() {
    let desk = Desk::in_memory();
    for kind in [
        FORM,
        "APPLICATION/X-WWW-FORM-URLENCODED",
        " application/x-www-form-urlencoded ; charset=utf-8",
    ] {
        post(&desk, kind, "name=Ada").await.expect(200);
    }
    post(&desk, "application/x-www-form-urlencodedish", "name=Ada").await.expect(400);
}

#[tokio::test]
async fn an_address_that_the_api_does_not_have_is_told_in_its_own_words() {
    let desk = Desk::in_memory();
    for (method, path, kind) in [
        ("GET", "/v1", FORM),
        ("GET", "/v1/", FORM),
        ("GET", "/v2/core/events", FORM),
        ("POST", "/v2/core/event_destinations", "application/json"),
        ("GET", "/v2/", FORM),
    ] {
        let request = Request::builder().method(method).uri(format!("{HOME}{path}"));
        let request = request
            .header("authorization", "Bearer sk_test_aaaaaaaaaaaaaaaaaaaaaaaa")
            .header("content-type", kind)
            .body(Body::from(if method == "POST" { "{}" } else { "" }));
        let told = desk.send(request.unwrap()).await.expect(404).json();
        let said = told["error"]["message"].as_str().unwrap();
        let begin = format!("Unrecognized request URL ({method}: {path}).");
        assert!(said.starts_with(&begin), "{said}");
    }
}

#[tokio::test]
async fn what_is_no_form_is_refused() {
    let desk = Desk::in_memory();
    for (kind, body) in [
        ("application/json", &b"{\"email\": \"a@b.example\"}"[..]),
        ("multipart/form-data; boundary=x", b"--x--"),
        (FORM, b"name=\xff\xfe"),
    ] {
        let refused = post(&desk, kind, body).await.expect(400).json();
        assert_eq!(refused["error"]["type"], "invalid_request_error", "{kind}");
    }
    let kind = "application/x-www-form-urlencoded; charset=utf-8";
    assert_ne!(post(&desk, kind, "email=a%40b.example").await.status, 400);
}

#[tokio::test]
async fn what_is_no_call_is_refused_like_any_other() {
    let desk = Desk::in_memory();
    let request = |key: &str| {
        let json = Request::post(format!("{HOME}/v1/customers"))
            .header("content-type", "application/json");
        json.header("authorization", key).body(Body::from("{}")).unwrap()
    };
    let refused = desk.send(request("Bearer sk_test_aaaaaaaaaaaaaaaaaaaaaaaa")).await.expect(400);
    assert!(refused.header("request-id").starts_with("req_"));
    assert_eq!(refused.header("stripe-version"), "2026-10-28.endive");
    let log = refused.json()["error"]["request_log_url"].as_str().unwrap().to_owned();
    assert!(log.ends_with(refused.header("request-id")), "{log}");
    desk.send(request("Bearer nonsense")).await.expect(401);
}

#[tokio::test]
async fn an_invoice_has_a_page_a_receipt_and_a_pdf() {
    let desk = Desk::in_memory();
    let shop = shop::open(&desk).await;
    desk.form(&format!("/c/pay/{}", shop.session), &shop::typed("4242424242424242"))
        .await
        .expect(303);
    let invoice = desk.sandbox.list("invoice").remove(0);
    let path =
        |url: &serde_json::Value| url.as_str().unwrap().strip_prefix(HOME).unwrap().to_owned();
    let page = desk.get(&path(&invoice["hosted_invoice_url"])).await.expect(200);
    assert!(page.body.contains(invoice["number"].as_str().unwrap()));
    let charge = desk.sandbox.list("charge").remove(0);
    assert!(desk.get(&path(&charge["receipt_url"])).await.expect(200).body.contains("$29.00"));

    let request = Request::get(format!("{HOME}{}", path(&invoice["invoice_pdf"])));
    let response =
        desk.sandbox.router().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/pdf");
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    assert!(bytes.starts_with(b"%PDF-1.4\n") && bytes.ends_with(b"%%EOF\n"));
    let holds = |text: &[u8]| bytes.windows(text.len()).any(|part| part == text);
    assert!(holds(b"($29.00) Tj") && holds(invoice["number"].as_str().unwrap().as_bytes()));
    let draft = desk.get("/i/in_nothing/pdf").await;
    assert_eq!(draft.status, 404);
}

#[tokio::test]
async fn a_body_may_have_one_mebibyte() {
    let desk = Desk::in_memory();
    let padding = "x".repeat((1 << 20) + 1);
    let refused = post(&desk, FORM, padding).await.expect(413).json();
    assert_eq!(refused["error"]["type"], "invalid_request_error");
}

#[tokio::test]
async fn a_card_that_is_no_test_card_is_declined_as_stripe_does() {
    let desk = Desk::in_memory();
    let card = |number: &'static str, month: &'static str| {
        [
            ("type", "card"),
            ("card[number]", number),
            ("card[exp_month]", month),
            ("card[exp_year]", "2034"),
            ("card[cvc]", "123"),
        ]
    };
    let tried = async |number, month| {
        let pairs = card(number, month);
        desk.api("POST", "/v1/payment_methods", &pairs).await.expect(402).json()["error"].clone()
    };
    let real = tried("4532015112830366", "12").await;
    assert_eq!(real["type"], "card_error");
    assert_eq!(real["code"], "card_declined");
    assert_eq!(real["decline_code"], "test_mode_live_card");
    assert_eq!(real["doc_url"], "https://stripe.com/docs/error-codes/card-declined");
    let mistyped = tried("4242424242424241", "12").await;
    assert_eq!(mistyped["code"], "incorrect_number");
    assert_eq!(mistyped["param"], "card[number]");
    let month = tried("4242424242424242", "13").await;
    assert_eq!(month["code"], "invalid_expiry_month");
    assert_eq!(month["param"], "card[exp_month]");
}
