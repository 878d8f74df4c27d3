//! Calls: what is sent, what is tried again, what an answer means.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use specie_stripe::{
    API_VERSION, Answer, Client, Form, Priority, RateBudget, StoredRequest, StripeError,
    https_transport,
};
use specie_vocab::Secret;

use crate::script::{Reply, Script, reply};

const CUSTOMER: &str = r#"{"id": "cus_1", "object": "customer"}"#;

async fn get(script: &Script) -> Result<Value, StripeError> {
    script.client.get("/v1/customers/cus_1", &Form::new(), Priority::Interactive).await
}

fn stored() -> StoredRequest {
    let form = Form::new().set("email", "ada@example.com").set("metadata[a b]", "1");
    StoredRequest::post("/v1/customers", &form, "intent:customer:1")
}

async fn send(reply: Reply) -> Result<Answer, StripeError> {
    let script = Script::new([reply]);
    let answer = script.client.send(&stored()).await;
    assert_eq!(script.asked().len(), 1, "a stored request is sent once");
    answer
}

#[tokio::test]
async fn a_read_says_who_asks_and_in_which_version() {
    let script = Script::new([reply(200, CUSTOMER)]);
    let query = Form::new().set("expand[]", "invoice_settings.default_payment_method");
    let found = script.client.get("/v1/customers/cus_1", &query, Priority::Background).await;
    assert_eq!(found.unwrap()["id"], "cus_1");
    let asked = &script.asked()[0];
    assert_eq!(
        asked.line,
        "GET http://stripe.test/v1/customers/cus_1\
         ?expand%5B%5D=invoice_settings.default_payment_method"
    );
    assert_eq!(asked.header("authorization"), Some("Bearer sk_test_hidden"));
    assert_eq!(asked.header("stripe-version"), Some(API_VERSION));
    assert_eq!(asked.header("idempotency-key"), None);
    assert_eq!(asked.body, "");
    assert!(!format!("{:?} {:?}", asked.headers, script.client).contains("hidden"));
}

#[tokio::test]
async fn a_stored_request_is_sent_as_it_was_stored() {
    let script = Script::new([reply(200, CUSTOMER), reply(200, CUSTOMER)]);
    let mut stored = stored();
    stored.version = "2025-03-31.basil".into();
    script.client.send(&stored).await.unwrap();
    let again: StoredRequest =
        serde_json::from_str(&serde_json::to_string(&stored).unwrap()).unwrap();
    script.client.send(&again).await.unwrap();
    for asked in script.asked() {
        assert_eq!(asked.line, "POST http://stripe.test/v1/customers");
        assert_eq!(asked.body, "email=ada%40example.com&metadata%5Ba%20b%5D=1");
        assert_eq!(asked.header("idempotency-key"), Some("intent:customer:1"));
        assert_eq!(asked.header("stripe-version"), Some("2025-03-31.basil"));
        assert_eq!(asked.header("content-type"), Some("application/x-www-form-urlencoded"));
    }
    assert!(!format!("{stored:?}").contains("example"), "bodies are not printed");
}

#[tokio::test]
async fn a_delete_carries_its_parameters_in_the_query() {
    let script = Script::new([reply(200, r#"{"id": "sub_1", "object": "subscription"}"#)]);
    let form = Form::new().set("prorate", "true");
    let stored = StoredRequest::delete("/v1/subscriptions/sub_1", &form, "i:cancel:1");
    script.client.send(&stored).await.unwrap();
    let asked = &script.asked()[0];
    assert_eq!(asked.line, "DELETE http://stripe.test/v1/subscriptions/sub_1?prorate=true");
    assert_eq!((asked.body.as_str(), asked.header("idempotency-key")), ("", Some("i:cancel:1")));
}

#[tokio::test]
async fn a_read_is_tried_twice_more_with_growing_waits() {
    let script = Script::new([Reply::Broken, reply(503, "down"), reply(200, CUSTOMER)]);
    assert_eq!(get(&script).await.unwrap()["id"], "cus_1");
    assert_eq!(script.slept(), [Duration::from_millis(500), Duration::from_secs(1)]);

    let script = Script::new([reply(409, "{}"), Reply::Broken, Reply::Broken]);
    assert!(matches!(get(&script).await, Err(StripeError::Unreachable(_))));
    assert_eq!(script.asked().len(), 3);
}

#[tokio::test]
async fn stripe_says_itself_whether_a_read_should_be_tried_again() {
    let says = |status, headers| Reply::Answer(status, headers, "{}".into());
    let script = Script::new([says(500, vec![("stripe-should-retry", "false")])]);
    assert!(matches!(get(&script).await, Err(StripeError::Server { status: 500, .. })));

    let wait = vec![("stripe-should-retry", "true"), ("retry-after", "7")];
    let script = Script::new([says(429, wait), reply(200, CUSTOMER)]);
    assert!(get(&script).await.is_ok());
    assert_eq!(script.slept(), [Duration::from_secs(7)]);

    let long = vec![("retry-after", "86400")];
    let script = Script::new([says(503, long), reply(200, CUSTOMER)]);
    assert!(get(&script).await.is_ok());
    assert_eq!(script.slept(), [Duration::from_secs(60)]);

    let script = Script::new([reply(429, "{}")]);
    assert!(matches!(get(&script).await, Err(StripeError::RateLimited)));
}

#[tokio::test]
async fn an_answer_that_never_comes_is_given_up() {
    let script = Script::new([Reply::Never]);
    let client = script.client.clone().with_timeout(Some(Duration::from_secs(30)));
    assert!(matches!(client.send(&stored()).await, Err(StripeError::Unreachable(_))));
    assert_eq!(script.slept(), [Duration::from_secs(30)]);
}

#[tokio::test]
async fn a_list_is_read_to_its_end() {
    let page = |ids: &[&str], has_more| {
        let data: Vec<_> = ids.iter().map(|id| json!({"id": id})).collect();
        reply(200, json!({"object": "list", "data": data, "has_more": has_more, "url": "/v1/x"}))
    };
    let script = Script::new([page(&["in_3", "in_2"], true), page(&["in_1"], false)]);
    let query = Form::new().set("customer", "cus_1");
    let all = script.client.list_all("/v1/invoices", &query, Priority::Background).await.unwrap();
    assert_eq!(
        all.iter().map(|x| x["id"].as_str().unwrap()).collect::<Vec<_>>(),
        ["in_3", "in_2", "in_1"]
    );
    assert_eq!(
        script.lines(),
        [
            "GET http://stripe.test/v1/invoices?customer=cus_1&limit=100",
            "GET http://stripe.test/v1/invoices?customer=cus_1&limit=100&starting_after=in_2",
        ]
    );

    for stuck in [vec![page(&[], true)], vec![page(&["in_1"], true), page(&["in_1"], true)]] {
        let all = Script::new(stuck).client;
        let all = all.list_all("/v1/invoices", &Form::new(), Priority::Background).await;
        assert!(matches!(all, Err(StripeError::Unreadable(_))), "a list must move on");
    }
}

#[tokio::test]
async fn each_answer_to_a_change_says_what_follows() {
    let fault = |status, error| reply(status, json!({ "error": error }));
    let invalid = |code| json!({"type": "invalid_request_error", "code": code, "message": "No"});

    assert!(matches!(send(Reply::Broken).await, Err(StripeError::Unreachable(_))));
    assert!(matches!(send(fault(401, json!({}))).await, Err(StripeError::Unauthorized)));
    assert!(matches!(send(fault(429, invalid("rate_limit"))).await, Err(StripeError::RateLimited)));
    let in_use = fault(409, invalid("idempotency_key_in_use"));
    assert!(matches!(send(in_use).await, Err(StripeError::KeyInUse)));
    let other = fault(400, json!({"type": "idempotency_error", "message": "Keys for …"}));
    assert!(matches!(send(other).await, Err(StripeError::Idempotency)));
    let missing = send(fault(404, invalid("resource_missing"))).await.unwrap_err();
    assert!(missing.is_missing() && !missing.is_outage());

    for (status, body) in [(200, "<html>"), (200, "[]"), (403, "<html>"), (302, "{}")] {
        let error = send(reply(status, body)).await.unwrap_err();
        assert!(matches!(error, StripeError::Unreadable(_)), "{status} {body}");
        assert!(error.is_outage(), "it says nothing of what was asked");
    }
}

#[tokio::test]
async fn a_refusal_keeps_what_stripe_said_and_prints_no_message() {
    let error = json!({"error": {
        "code": "card_declined", "decline_code": "insufficient_funds", "param": "",
        "message": "ada@example.com was declined.", "type": "card_error",
        "payment_intent": {"id": "pi_1", "object": "payment_intent"},
    }});
    let headers = vec![("request-id", "req_1"), ("original-request", "req_1")];
    let refused = send(Reply::Answer(402, headers, error.to_string())).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "stripe refused: 402 card_error `card_declined` `insufficient_funds` at ``"
    );
    let StripeError::Refused(fault) = refused else { panic!("{refused}") };
    assert_eq!(fault.message, "ada@example.com was declined.");
    assert_eq!(fault.request_id.as_deref(), Some("req_1"));
}

#[tokio::test]
async fn a_stored_failure_that_comes_back_is_a_replay() {
    let replayed = async |headers| match send(Reply::Answer(500, headers, "{}".into())).await {
        Err(StripeError::Server { status: 500, replayed }) => replayed,
        _ => panic!("a failure of the server"),
    };
    let first = vec![("request-id", "req_1"), ("original-request", "req_1")];
    assert!(!replayed(first).await);
    assert!(replayed(vec![("request-id", "req_2"), ("original-request", "req_1")]).await);
    assert!(replayed(vec![("request-id", "req_2"), ("idempotent-replayed", "true")]).await);
    assert!(!replayed(vec![("request-id", "req_2")]).await);

    let headers = vec![("request-id", "req_2"), ("original-request", "req_1")];
    let answer = send(Reply::Answer(200, headers, CUSTOMER.into())).await.unwrap();
    assert_eq!(answer.request_id.as_deref(), Some("req_2"));
    assert_eq!(answer.original_request.as_deref(), Some("req_1"));
    assert!(!format!("{answer:?}").contains("cus_1"));
}

#[tokio::test]
async fn what_cannot_be_a_request_is_not_sent() {
    let script = Script::new([]);
    let mut broken = stored();
    broken.idempotency_key = "a\nb".into();
    assert!(matches!(script.client.send(&broken).await, Err(StripeError::Unsendable(_))));
    let unsound = script.client.get("/v1/a b", &Form::new(), Priority::Interactive).await;
    assert!(matches!(unsound, Err(StripeError::Unsendable(_))));
    assert!(script.asked().is_empty());
}

/// Bodies that are nearly Stripe's, and others.
fn body() -> impl Strategy<Value = String> {
    let value = "(null|1|\"\"|\"idempotency_error\"|\\[\\]|\\{\\}|\\{\"type\":[1x]\\}|\\{\"code\":\"lock_timeout\"\\})";
    let list = (value, value).prop_map(|(a, b)| format!(r#"{{"data":{a},"has_more":{b}}}"#));
    let error = value.prop_map(|error| format!(r#"{{"error":{error}}}"#));
    prop_oneof![list, error, value.prop_map(String::from), any::<String>()]
}

proptest! {
    #[test]
    fn no_answer_panics(status in 200_u16..600, body in body()) {
        let reply = |_| Reply::Answer(status, vec![("retry-after", "x")], body.clone());
        let script = Script::new((0..9).map(reply));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let answer = runtime.block_on(script.client.send(&stored()));
        prop_assert_eq!(answer.is_ok(), status < 300 && body.trim_start().starts_with('{')
            && serde_json::from_str::<Value>(&body).is_ok());
        let query = Form::new();
        let list = script.client.list_all("/v1/events", &query, Priority::Background);
        let _ = runtime.block_on(list);
    }
}

/// The real transport, without leaving the machine.
#[tokio::test]
async fn a_key_does_not_cross_a_wire_unencrypted() {
    let client = |url: &str| {
        let key = Secret::new("sk_test_hidden");
        Client::new(https_transport(), url.into(), key, RateBudget::unlimited())
    };
    for url in ["http://192.0.2.1", "http://stripe.test", "http://127.0.0.1.test", "ftp://[::1]"] {
        let error = client(url).send(&stored()).await.unwrap_err();
        assert!(error.to_string().contains("must be `https://`"), "{url}: {error}");
    }
    // A port that was free a moment ago, on this machine: tried, and refused.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = client(&format!("http://127.0.0.1:{port}")).send(&stored()).await.unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
}

/// Over a socket: the client and a hand-written server agree on HTTP.
#[tokio::test]
async fn loopback_is_spoken_to_in_plain_http() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut heard = String::new();
        while !heard.ends_with("metadata%5Ba%20b%5D=1") {
            let mut bytes = [0; 1024];
            let n = socket.read(&mut bytes).await.unwrap();
            heard.push_str(std::str::from_utf8(&bytes[..n]).unwrap());
        }
        let body = CUSTOMER;
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        socket.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        heard
    });
    let client =
        Client::new(https_transport(), url, Secret::new("sk_test_1"), RateBudget::unlimited());
    assert_eq!(client.send(&stored()).await.unwrap().body["id"], "cus_1");
    let heard = server.await.unwrap();
    assert!(heard.starts_with("POST /v1/customers HTTP/1.1\r\n"), "{heard}");
    assert!(heard.to_lowercase().contains("content-length: 45\r\n"), "{heard}");
}

#[tokio::test]
async fn outages_are_counted_until_stripe_answers_again() {
    let away = || reply(503, "");
    let script = Script::new([
        away(),
        away(),
        away(),
        reply(500, r#"{"error": {"type": "api_error"}}"#),
        reply(409, r#"{"error": {"type": "idempotency_error", "code": "idempotency_key_in_use"}}"#),
        reply(402, r#"{"error": {"type": "card_error", "code": "card_declined"}}"#),
    ]);
    get(&script).await.unwrap_err();
    assert_eq!(script.client.outages(), 1, "a read with its repeats is one");
    let send = async || script.client.send(&stored()).await.unwrap_err();
    send().await;
    assert_eq!(script.client.clone().outages(), 2, "clones share it");
    send().await;
    assert_eq!(script.client.outages(), 2);
    send().await;
    assert_eq!(script.client.outages(), 0, "a refusal is an answer");
}
