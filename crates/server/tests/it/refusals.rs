//! What is refused, and how: as a problem document, with a status that says what to do, and without
//! a word that would help whoever should not be here.

use aws_lc_rs::hmac;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use specie_vocab::WallClock;

use crate::house::{Answer, House, JWT_SECRET, Wish, both};

const SUBSCRIPTION: &str = "/api/billing/subscription";

async fn with_token(house: &House, token: &str) -> Answer {
    let request = Request::get(SUBSCRIPTION)
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .body(Body::empty());
    house.send(request.unwrap()).await
}

/// Base64url without padding, as RFC 7515 wants it.
fn base64(bytes: &[u8]) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let mut word = [0; 4];
        word[1..=three.len()].copy_from_slice(three);
        let word = u32::from_be_bytes(word);
        let signs = (0..=three.len()).map(|n| SIGNS[(word >> (18 - 6 * n)) as usize & 63]);
        text.extend(signs.map(char::from));
    }
    text
}

/// A token with any header, signed by the app's own secret whatever the header says.
fn signed(head: &Value, claims: &Value) -> String {
    let text = format!(
        "{}.{}",
        base64(head.to_string().as_bytes()),
        base64(claims.to_string().as_bytes())
    );
    let key = hmac::Key::new(hmac::HMAC_SHA256, JWT_SECRET.as_bytes());
    let signature = base64(hmac::sign(&key, text.as_bytes()).as_ref());
    format!("{text}.{signature}")
}

#[tokio::test]
async fn a_token_counts_only_if_all_of_it_is_right() {
    let house = House::new(Wish::default()).await;
    let now = WallClock::now(&*house.clock).as_second();
    let claims = json!({ "sub": "user_1", "exp": now + 60, "aud": "specie", "iss": "app" });
    let hs256 = json!({ "alg": "HS256", "typ": "JWT" });
    assert_eq!(with_token(&house, &signed(&hs256, &claims)).await.status, StatusCode::OK);

    let but = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        claims
    };
    let without = |name: &str| {
        let mut claims = claims.clone();
        claims.as_object_mut().unwrap().remove(name);
        claims
    };
    let other_key = EncodingKey::from_secret(b"another secret of the same length");
    let good = signed(&hs256, &claims);
    let body = good.split('.').nth(1).unwrap();
    let mut tokens = vec![
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &other_key).unwrap(),
        format!("{}.{body}.", base64(br#"{"alg":"none"}"#)),
        format!("{}.{body}.", base64(br#"{"alg":"HS256"}"#)),
        format!("{good}x"),
        format!("{good}.{body}"),
        good[..good.len() - 1].into(),
        "..".into(),
        "a".repeat(100_000),
        signed(&json!({ "alg": "HS256", "kid": "x".repeat(20_000) }), &claims),
    ];
    for algorithm in
        ["none", "None", "nOnE", "RS256", "ES256", "EdDSA", "HS512", "HS384", "", "hs256"]
    {
        tokens.push(signed(&json!({ "alg": algorithm }), &claims));
    }
    tokens.push(signed(&json!({ "typ": "JWT" }), &claims));
    for name in ["sub", "exp", "aud", "iss"] {
        tokens.push(signed(&hs256, &without(name)));
        tokens.push(signed(&hs256, &but(name, json!(null))));
        tokens.push(signed(&hs256, &but(name, json!({ "a": 1 }))));
    }
    for (name, value) in [
        ("exp", json!(now - 61)),
        ("exp", json!("later")),
        ("nbf", json!(now + 61)),
        ("aud", json!("other")),
        ("iss", json!("other")),
        ("sub", json!(1)),
        ("billing", json!("all")),
    ] {
        tokens.push(signed(&hs256, &but(name, value)));
    }
    for token in &tokens {
        let shown = &token[..token.len().min(80)];
        let answer = with_token(&house, token).await;
        assert_eq!(answer.problem(), (401, "unauthenticated".into()), "{shown}: {}", answer.text);
        for word in [JWT_SECRET, "Base64", "serde", "line 1", "signature", "user_1", "other"] {
            assert!(!answer.text.contains(word), "{word} in {}", answer.text);
        }
    }
    // What an app may put beside it changes nothing.
    let more = json!({ "alg": "HS256", "kid": "../../etc/passwd", "jku": "https://evil.example" });
    assert_eq!(with_token(&house, &signed(&more, &claims)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn every_refusal_is_a_problem_document() {
    let house = House::new(Wish::default()).await;
    let send = async |method: Method, path: &str, kind: &str, body: String| {
        let request = house.asking(method, path, "user_1");
        let request = match kind {
            "" => request.body(Body::from(body)).unwrap(),
            kind => {
                let mut request = request.body(Body::from(body)).unwrap();
                request.headers_mut().insert(header::CONTENT_TYPE, kind.parse().unwrap());
                request
            }
        };
        house.send(request).await
    };
    let checkout = "/api/billing/checkout";
    let refused = [
        (Method::GET, "/nowhere", "", "", 404),
        (Method::GET, "/api", "", "", 404),
        (Method::GET, "/api/billing/", "", "", 404),
        (Method::GET, "/api/billing/checkout/%ff/sync", "", "", 405),
        (Method::POST, "/api/billing/checkout/%ff/sync", "", "", 404),
        (Method::PUT, checkout, "", "{}", 405),
        (Method::PATCH, SUBSCRIPTION, "", "{}", 405),
        (Method::POST, "/openapi.json", "", "", 405),
        (Method::GET, "/api/billing/webhook", "", "", 405),
        (Method::POST, checkout, "text/plain", "{}", 415),
        (Method::POST, checkout, "application/x-www-form-urlencoded", "plan=pro", 415),
        (Method::POST, "/api/billing/portal", "application/jsonx", "{}", 415),
        (Method::POST, checkout, "", "{\"plan\":\n  pro}", 400),
        (Method::POST, checkout, "", "\u{feff}{}", 400),
        (Method::GET, "/api/billing/payments?limit=x", "", "", 400),
        (Method::GET, "/api/billing/payments?limit=%ff", "", "", 400),
        (Method::GET, "/api/billing/subscription?at_least=-1", "", "", 400),
        (Method::GET, "/api/billing/subscription?at_least=1", "", "", 409),
        (Method::GET, "/api/billing/subscription?group=main&group=main", "", "", 400),
    ];
    for (method, path, kind, body, status) in refused {
        let answer = send(method.clone(), path, kind, body.into()).await;
        assert_eq!(answer.problem().0, status, "{method} {path} {body}: {}", answer.text);
        let problem = answer.json();
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], format!("/docs#{}", problem["code"].as_str().unwrap()));
        assert!(problem["title"].is_string() && problem["detail"].is_string());
    }
    let wrong = send(Method::POST, checkout, "", "{\"plan\":\n  pro}".into()).await;
    let detail = wrong.json()["detail"].to_string();
    assert!(detail.contains("line 2 column 3"), "it says where: {detail}");
    for path in [checkout, "/api/billing/portal", "/api/billing/session-tokens"] {
        let large = send(Method::POST, path, "", " ".repeat(64 * 1024 + 1)).await;
        assert_eq!(large.problem(), (413, "too_large".into()), "{path}");
    }
    let plans = send(Method::HEAD, "/api/billing/plans", "", String::new()).await;
    assert_eq!((plans.status, plans.text.as_str()), (StatusCode::OK, ""));
}

#[tokio::test]
async fn a_customer_who_calls_without_end_is_told_when_to_come_back() {
    let house = House::new(Wish::default()).await;
    let cancel = "/api/billing/subscription/cancellation";
    for _ in 0..300 {
        let answer = house.server(Method::POST, cancel, "user_1", Value::Null).await;
        assert_eq!(answer.problem().0, 409);
    }
    let answer = house.server(Method::POST, cancel, "user_1", Value::Null).await;
    assert_eq!(answer.problem(), (429, "rate_limited".into()));
    assert_eq!(answer.header("retry-after"), "1");
    // Reading goes on, and so do others.
    let view = house.server(Method::GET, SUBSCRIPTION, "user_1", Value::Null).await;
    assert_eq!(view.status, StatusCode::OK);
    assert_eq!(house.server(Method::POST, cancel, "user_2", Value::Null).await.problem().0, 409);
    house.wait(1);
    assert_eq!(house.server(Method::POST, cancel, "user_1", Value::Null).await.problem().0, 409);
}

both! {
    async fn what_is_counted_is_shown_to_whoever_watches(house: &House) {
        use tower::ServiceExt;

        house.deliver_with(b"{}", "t=1,v1=00").await;
        house.deliver(b"no event", crate::house::WEBHOOK_SECRET).await;
        house.send(Request::get("/api/billing/plans").body(Body::empty()).unwrap()).await;
        let get = Request::get("/metrics").body(Body::empty()).unwrap();
        let text = Answer::of(house.private.clone().oneshot(get).await.unwrap()).await.text;
        for line in [
            "specie_webhooks_total{outcome=\"bad_signature\"}",
            "specie_webhooks_total{outcome=\"unroutable\"}",
            "specie_http_request_seconds_bucket{le=\"0.05\",method=\"GET\",route=\"/api/billing/plans\"}",
            "specie_lanes_lag_seconds 0",
            "specie_events_parked 0",
            "specie_intents_stuck 0",
            "specie_stripe_outages 0",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
