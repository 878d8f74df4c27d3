//! Every door's real answers against the document that describes them, and what no door may let out.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};
use specie_scenario::{Card, Door, Person, Reply, Stage};
use specie_server::routes::openapi;
use tokio::sync::Notify;
use tower::ServiceExt;
use tracing_subscriber::filter::LevelFilter;

use crate::set::{On, beside, both, text, way};

/// Where a value is not as the document says it is.
struct Faults<'a> {
    document: &'a Value,
    found: Vec<String>,
}

impl<'a> Faults<'a> {
    fn resolved(&self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str() {
            Some(to) => self.document.pointer(to.strip_prefix('#').unwrap()).unwrap(),
            None => schema,
        }
    }

    /// The fields that a schema and its parts name.
    fn known(&self, schema: &'a Value) -> Vec<&'a String> {
        let schema = self.resolved(schema);
        let own = schema["properties"].as_object().into_iter().flat_map(|fields| fields.keys());
        let parts = schema["allOf"].as_array().into_iter().flatten();
        own.chain(parts.flat_map(|part| self.known(part))).collect()
    }

    fn check(&mut self, schema: &'a Value, value: &Value, at: &str) {
        let schema = self.resolved(schema);
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.check(part, value, at);
        }
        if let Some(ways) = schema["oneOf"].as_array() {
            let fits = |way: &&'a Value| {
                let mut inner = Faults { document: self.document, found: Vec::new() };
                inner.strictly(way, value, at);
                inner.found.is_empty()
            };
            if !ways.iter().any(|way| fits(&way)) {
                self.found.push(format!("{at} is none of what it may be: {value}"));
            }
            return;
        }
        self.kind(schema, value, at);
        if schema["format"] == "date-time"
            && let Some(time) = value.as_str()
            && time.parse::<Timestamp>().is_err()
        {
            self.found.push(format!("{at} is no time: {time}"));
        }
        for (field, inner) in schema["properties"].as_object().into_iter().flatten() {
            if let Some(value) = value.get(field) {
                self.strictly(inner, value, &format!("{at}.{field}"));
            }
        }
        for field in schema["required"].as_array().into_iter().flatten() {
            if value.get(text(field)).is_none() {
                self.found.push(format!("{at} lacks {field}"));
            }
        }
        for (n, value) in value.as_array().into_iter().flatten().enumerate() {
            self.strictly(&schema["items"], value, &format!("{at}[{n}]"));
        }
    }

    fn kind(&mut self, schema: &Value, value: &Value, at: &str) {
        let kinds = match &schema["type"] {
            Value::String(kind) => vec![kind.as_str()],
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            _ => return,
        };
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        if !kinds.contains(&kind) {
            self.found.push(format!("{at} is {kind} and not {kinds:?}"));
        }
    }

    /// The same, and nothing that the document does not name.
    fn strictly(&mut self, schema: &'a Value, value: &Value, at: &str) {
        self.check(schema, value, at);
        let known = self.known(schema);
        for field in value.as_object().into_iter().flat_map(|fields| fields.keys()) {
            if !known.contains(&field) && !known.is_empty() {
                self.found.push(format!("{at}.{field} is not in the document"));
            }
        }
    }
}

/// Says what of an answer the document does not say.
fn faults(document: &Value, method: &Method, path: &str, reply: &Reply) -> Vec<String> {
    let door = &document["paths"][format!("/api/billing/{path}")][method.as_str().to_lowercase()];
    let answer = &door["responses"][reply.status.as_str()];
    if answer.is_null() {
        return vec![format!("{method} {path}: {} is not in the document", reply.status)];
    }
    let mut faults = Faults { document, found: Vec::new() };
    let at = format!("{method} {path} {}", reply.status.as_u16());
    let kind = if reply.status.is_success() { "json" } else { "problem+json" };
    assert_eq!(reply.headers["content-type"], format!("application/{kind}"), "{at}");
    let value = reply.json().unwrap();
    let content = &answer["content"];
    let schema = &content.as_object().unwrap().values().next().unwrap()["schema"];
    if reply.status.is_success() {
        faults.strictly(schema, &value, &at);
    } else {
        // Some problems say more, such as the state that a conflict found.
        faults.check(schema, &value, &at);
    }
    faults.found
}

/// A flow in which every door answers, well and badly.
async fn walk(stage: &Stage) -> Vec<(Method, &'static str, Reply)> {
    let ada = Person::new(stage, "ada", "Ada");
    let mut all = Vec::new();
    let mut say = async |method: Method, door: &'static str, path: &str, body: Value| {
        let reply = ada.call(method.clone(), path, body).await.unwrap();
        all.push((method, door, reply.clone()));
        reply
    };
    let none = Value::Null;
    say(Method::GET, "plans", "plans", none.clone()).await;
    say(Method::GET, "subscription", "subscription", none.clone()).await;
    say(Method::GET, "subscription", "subscription?at_least=9", none.clone()).await;
    say(Method::GET, "subscription", "subscription?group=none", none.clone()).await;
    say(Method::POST, "portal", "portal", json!({})).await;
    let cancellation = "subscription/cancellation";
    say(Method::POST, cancellation, cancellation, none.clone()).await;
    let choice = json!({ "plan": "pro", "price": "monthly" });
    say(Method::POST, "checkout", "checkout", json!({ "plan": "pro" })).await;
    say(Method::POST, "checkout", "checkout", json!({ "plan": "pro", "price": "no" })).await;
    let open = say(Method::POST, "checkout", "checkout", choice.clone()).await.json().unwrap();
    say(Method::GET, "subscription", "subscription", none.clone()).await;
    ada.pay(text(&open["url"]), Card::GOOD).await.unwrap();
    let sync = format!("checkout/{}/sync", text(&open["id"]));
    say(Method::POST, "checkout/{session}/sync", &sync, none.clone()).await;
    say(Method::POST, "checkout/{session}/sync", "checkout/cs_no/sync", none.clone()).await;
    say(Method::POST, "checkout", "checkout", choice).await;
    say(Method::POST, "portal", "portal", json!({ "task": "replace_card" })).await;
    say(Method::POST, "portal", "portal", json!({ "task": "fly" })).await;
    say(Method::POST, cancellation, cancellation, none.clone()).await;
    say(Method::DELETE, cancellation, cancellation, none.clone()).await;
    say(Method::GET, "subscription", "subscription", none.clone()).await;
    stage.conductor.settle().await.unwrap();
    say(Method::GET, "payments", "payments", none.clone()).await;
    say(Method::GET, "payments", "payments?cursor=x", none.clone()).await;
    say(Method::POST, "session-tokens", "session-tokens", json!({})).await;
    all
}

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// On one thread, so that all of it is logged to where this test looks.
#[tokio::test]
async fn no_log_line_holds_a_secret_a_card_or_a_person() {
    for on in [On::Sqlite, On::Postgres] {
        let kept = Kept::default();
        let writer = kept.clone();
        let log = tracing_subscriber::fmt()
            .json()
            .with_max_level(LevelFilter::TRACE)
            .with_writer(move || writer.clone())
            .finish();
        let quiet = tracing::subscriber::set_default(log);
        on.play(async |stage: &Stage| {
            a_month_with_a_decline(stage).await;
            drop(quiet);
            assert_tells_nobody(stage, &String::from_utf8(kept.0.lock().unwrap().clone()).unwrap());
        })
        .await;
    }
}

async fn a_month_with_a_decline(stage: &Stage) {
    let ada = Person::new(stage, "ada", "Ada Lovelace");
    walk(stage).await;
    let bad = stage.service.send(
        Method::POST,
        "/api/billing/webhook",
        &[("stripe-signature", "t=1,v1=00")],
        r#"{"email":"mallory@example.com"}"#,
    );
    bad.await.unwrap();
    ada.bank_blocks_card().await.unwrap();
    let month = stage.sandbox.now() + 31 * 86_400;
    stage.conductor.advance_to(month).await.unwrap();
}

#[track_caller]
fn assert_tells_nobody(stage: &Stage, text: &str) {
    assert!(text.lines().count() > 50, "something was logged");
    assert!(text.contains("\"target\":\"specie_server"), "by the service, too");
    let key = stage.server_key.expose();
    let secrets = [
        key,
        &key[22..],
        stage.webhook_secret.expose(),
        "sk_test_specieStage",
        "4242424242424242",
        "ada@example.com",
        "mallory@example.com",
        "Lovelace",
        "idempotency-key",
        "v1=00",
    ];
    for secret in secrets {
        let line = text.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
}

/// A checkout of Ada's under an idempotency key.
async fn keyed(stage: &Stage, door: &Door, price: &str) -> Reply {
    let bearer = format!("Bearer {}", stage.server_key.expose());
    let headers = [
        ("authorization", bearer.as_str()),
        ("specie-customer", "ada"),
        ("content-type", "application/json"),
        ("idempotency-key", "order 1"),
    ];
    let body = json!({ "plan": "pro", "price": price }).to_string();
    door.send(Method::POST, "/api/billing/checkout", &headers, body).await.unwrap()
}

both! {
    async fn a_key_is_carried_out_once_however_many_ask_at_the_same_time(stage: &Stage) {
        let (arrived, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (inner, at, wait) = (stage.stripe.transport.clone(), arrived.clone(), go_on.clone());
        let process = beside(stage, way(move |request: Request<Bytes>| {
            let (inner, at, wait) = (inner.clone(), at.clone(), wait.clone());
            async move {
                if request.uri().path().ends_with("/sessions") && request.method() == Method::POST {
                    at.notify_one();
                    wait.notified().await;
                }
                inner.oneshot(request).await
            }
        }));
        let meanwhile = async {
            arrived.notified().await;
            let second = keyed(stage, &process.service, "monthly").await;
            assert_eq!(second.status, StatusCode::CONFLICT);
            assert_eq!(second.json().unwrap()["code"], "idempotency_key_in_use");
            let other = keyed(stage, &process.service, "annual").await;
            assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY);
            go_on.notify_one();
        };
        let (first, ()) = tokio::join!(keyed(stage, &process.service, "monthly"), meanwhile);
        assert_eq!(first.status, StatusCode::CREATED, "{}", first.text());
        // Another process knows the answer, too.
        let again = keyed(stage, &stage.service, "monthly").await;
        assert_eq!((again.status, &again.body), (first.status, &first.body));
        assert_eq!(again.headers["idempotent-replayed"], "true");
        assert_eq!(stage.sandbox.list("checkout.session").len(), 1);
    }

    async fn pages_of_payments_neither_lose_nor_repeat_one_when_new_ones_come(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        let month = 30 * 86_400;
        stage.conductor.advance_to(stage.sandbox.now() + 4 * month + 7_200).await.unwrap();
        let whole = ada.payments().await.unwrap()["data"].as_array().unwrap().clone();
        assert_eq!(whole.len(), 5);

        let mut seen = Vec::new();
        let mut path = String::from("payments?limit=2");
        for round in 0.. {
            let page = ada.call(Method::GET, &path, Value::Null).await.unwrap().json().unwrap();
            seen.extend(page["data"].as_array().unwrap().clone());
            if round == 0 {
                stage.conductor.advance_to(stage.sandbox.now() + month).await.unwrap();
            }
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            path = format!("payments?limit=2&cursor={cursor}");
        }
        assert_eq!(seen, whole);
        assert!(whole.is_sorted_by(|a, b| a["created_at"].as_str() > b["created_at"].as_str()));
    }

    async fn every_answer_is_as_the_document_says(stage: &Stage) {
        let document = serde_json::to_value(openapi()).unwrap();
        let answers = walk(stage).await;
        let found: Vec<_> = answers
            .iter()
            .flat_map(|(method, path, reply)| faults(&document, method, path, reply))
            .collect();
        assert_eq!(found, [] as [String; 0]);
        let seen = |status: StatusCode| answers.iter().filter(|it| it.2.status == status).count();
        assert!(seen(StatusCode::OK) >= 8 && seen(StatusCode::CREATED) >= 3);
        assert!(seen(StatusCode::CONFLICT) >= 4 && seen(StatusCode::BAD_REQUEST) >= 3);
    }
}
