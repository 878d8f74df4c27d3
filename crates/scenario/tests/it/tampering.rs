//! What a browser or a program sends names a plan and a price of the catalog by their keys. Nothing
//! else that it says about money, customers or addresses reaches Stripe.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use specie_scenario::{Person, Stage};

use crate::browser::Browser;
use crate::set::{both, having, text};

/// What a checkout of Ada's monthly plan must be at Stripe, and is the only session there.
async fn assert_only_session_is_honest(stage: &Stage, url: &str) {
    let sessions = stage.sandbox.list("checkout.session");
    let [session] = sessions.as_slice() else { panic!("{} sessions", sessions.len()) };
    assert_eq!(text(&session["url"]), url);
    assert_eq!((&session["amount_total"], &session["currency"]), (&json!(2900), &json!("usd")));
    let customers = stage.sandbox.list("customer");
    let [customer] = customers.as_slice() else { panic!("{} customers", customers.len()) };
    assert_eq!(session["customer"], customer["id"]);
    assert!(session["success_url"].as_str().unwrap().starts_with("http://service.localhost/"));
    assert!(session["cancel_url"].as_str().unwrap().starts_with("http://service.localhost/"));

    let ada = Person::new(stage, "ada", "Ada");
    let path = format!("/v1/checkout/sessions/{}/line_items", text(&session["id"]));
    let lines = ada.api(Method::GET, &path, "").await.unwrap();
    let lines = lines["data"].as_array().unwrap();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["quantity"], 1);
    assert_eq!(lines[0]["price"]["unit_amount"], 2900);
    assert_eq!(lines[0]["price"]["recurring"]["interval_count"], 30);
}

fn nothing_at_stripe(stage: &Stage) {
    assert_eq!(stage.sandbox.list("checkout.session"), [] as [Value; 0]);
    assert_eq!(stage.sandbox.list("customer"), [] as [Value; 0]);
}

/// Fields with which somebody could try to pay less, or let another pay.
fn temptations() -> Vec<(&'static str, Value)> {
    vec![
        ("amount", json!(1)),
        ("unit_amount", json!(1)),
        ("amount_total", json!("1")),
        ("currency", json!("jpy")),
        ("customer", json!("cus_another")),
        ("customer_email", json!("bob@example.com")),
        ("price_id", json!("price_cheap")),
        ("stripe_price", json!("price_cheap")),
        ("quantity", json!(0)),
        ("line_items", json!([{ "price": "price_cheap", "quantity": 1 }])),
        ("line_items[0][price]", json!("price_cheap")),
        ("discounts", json!([{ "coupon": "free" }])),
        ("trial_days", json!(365)),
        ("metadata", json!({ "specie_intent": "00000000-0000-0000-0000-000000000000" })),
        ("return_url", json!("https://evil.example/")),
        ("mode", json!("setup")),
    ]
}

both! {
    async fn a_request_that_says_more_than_plan_and_price_is_refused(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        for (field, value) in temptations() {
            let mut body = json!({ "plan": "pro", "price": "monthly" });
            body[field] = value;
            let reply = ada.call(Method::POST, "checkout", body).await.unwrap();
            assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{field}");
            nothing_at_stripe(stage);
        }
        // A query is not read: what it says is not heard.
        let path = "checkout?price=annual&amount=1&currency=jpy&customer=cus_another";
        let body = json!({ "plan": "pro", "price": "monthly" });
        let reply = ada.call(Method::POST, path, body).await.unwrap();
        assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text());
        assert_only_session_is_honest(stage, text(&reply.json().unwrap()["url"])).await;
    }

    async fn a_price_that_is_not_of_the_catalog_is_404_though_stripe_has_it(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        let product = stage.sandbox.list("product").remove(0);
        let form = format!(
            "product={}&currency=usd&unit_amount=50&recurring[interval]=day&recurring[interval_count]=30",
            text(&product["id"])
        );
        let cheap = ada.api(Method::POST, "/v1/prices", &form).await.unwrap();
        let true_one = stage.sandbox.list("price").remove(0);
        for (plan, price) in [
            ("pro", text(&cheap["id"])),
            ("pro", text(&true_one["id"])),
            ("pro", "Monthly"),
            ("pro", "monthly "),
            ("pro", ""),
            ("", "monthly"),
            (text(&product["id"]), "monthly"),
            ("pro\0", "monthly"),
        ] {
            let body = json!({ "plan": plan, "price": price });
            let reply = ada.call(Method::POST, "checkout", body).await.unwrap();
            assert_eq!(reply.status, StatusCode::NOT_FOUND, "{plan} {price}");
            nothing_at_stripe(stage);
        }
    }

    async fn a_return_address_that_is_not_allowed_reaches_no_page_of_stripes(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        for address in [
            "https://evil.example/",
            "http://evil.example/billing/",
            "https://service.localhost/billing/account",
            "http://service.localhost:81/billing/account",
            "http://service.localhost.evil.example/billing/",
            "http://evil@service.localhost/billing/",
            "http://service.localhost@evil.example/billing/",
            "http://service.localhost/billing/../../evil",
            "http://service.localhost/billing/%2e%2e/%2e%2e/evil",
            "http://service.localhost\\@evil.example/billing/",
            "http://service.localhost/elsewhere",
            "//evil.example/billing/",
            "/billing/account",
            "javascript:alert(1)",
            "http://service.localhost/billing/\r\nx",
            "",
        ] {
            for field in ["success_url", "cancel_url"] {
                let mut body = json!({ "plan": "pro", "price": "monthly" });
                body[field] = address.into();
                let reply = ada.call(Method::POST, "checkout", body).await.unwrap();
                assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{field} {address:?}");
                assert_eq!(reply.json().unwrap()["code"], "return_url_not_allowed");
            }
            nothing_at_stripe(stage);
        }

        let body = json!({
            "plan": "pro", "price": "monthly",
            "success_url": "http://service.localhost/billing/return?session={CHECKOUT_SESSION_ID}",
        });
        let reply = ada.call(Method::POST, "checkout", body).await.unwrap();
        assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text());
        assert_only_session_is_honest(stage, text(&reply.json().unwrap()["url"])).await;
        let portals = async |address: &str| {
            let body = json!({ "return_url": address });
            ada.call(Method::POST, "portal", body).await.unwrap().status
        };
        assert_eq!(portals("https://evil.example/").await, StatusCode::BAD_REQUEST);
        assert_eq!(portals("http://service.localhost/billing/account").await, StatusCode::CREATED);
    }

    async fn the_same_key_with_another_choice_is_refused(stage: &Stage) {
        let bearer = format!("Bearer {}", stage.server_key.expose());
        let headers = [
            ("authorization", bearer.as_str()),
            ("specie-customer", "ada"),
            ("content-type", "application/json"),
            ("idempotency-key", "one-click"),
        ];
        let send = async |price: &str| {
            let body = json!({ "plan": "pro", "price": price }).to_string();
            stage.service.send(Method::POST, "/api/billing/checkout", &headers, body).await.unwrap()
        };
        let first = send("monthly").await;
        assert_eq!(first.status, StatusCode::CREATED);
        assert_eq!(send("annual").await.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(send("monthly").await.body, first.body);
        assert_only_session_is_honest(stage, text(&first.json().unwrap()["url"])).await;
    }

    async fn a_form_that_was_changed_is_refused(stage: &Stage) {
        let browser = Browser::of(stage, "ada").await;
        let token = browser.token("/billing/plans").await;
        let honest = [("token", token.as_str()), ("plan", "pro"), ("price", "monthly")];
        for (field, value) in temptations() {
            let value = value.to_string();
            let mut fields = honest.to_vec();
            fields.push((field, &value));
            let reply = browser.send("/billing/choose", &fields).await;
            assert!(reply.status.is_client_error(), "{field}: {}", reply.status);
            nothing_at_stripe(stage);
        }
        for (field, value) in
            [("success_url", "https://evil.example/"), ("plan", "pro"), ("price", "x")]
        {
            let mut fields = honest.to_vec();
            fields.push((field, value));
            let reply = browser.send("/billing/choose", &fields).await;
            assert!(reply.status.is_client_error(), "{field} once more: {}", reply.status);
            nothing_at_stripe(stage);
        }
        let of_bob = Browser::of(stage, "bob").await.token("/billing/plans").await;
        for token in ["", "guessed", &of_bob] {
            let fields = [("token", token), ("plan", "pro"), ("price", "monthly")];
            let reply = browser.send("/billing/choose", &fields).await;
            assert_eq!(reply.status, StatusCode::FORBIDDEN, "the token `{token}`");
            nothing_at_stripe(stage);
        }

        let reply = browser.send("/billing/choose", &honest).await;
        assert!(reply.status.is_redirection(), "{}", reply.status);
        assert_only_session_is_honest(stage, reply.location().unwrap()).await;
        let again = browser.send("/billing/choose", &honest).await;
        assert_eq!(again.location(), reply.location(), "a second click leads to the same page");
        assert_eq!(having(stage, "checkout.session", "open").len(), 1);
    }
}
