//! What comes to the webhook's door and is not Stripe's word about our account as it is now: nobody's
//! state changes by it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use specie_scenario::{Card, Door, Person, Stage};
use specie_server::watermark;
use specie_store::inbox::{self, InboxState};
use specie_store::{customers, held, mails, slots};
use specie_stripe::{API_VERSION, Secrets, Transport, sign};
use specie_vocab::Secret;
use tower::ServiceExt;

use crate::set::{self, Process, beside, beside_but, both, way};

/// The largest body that is taken.
const LARGEST: usize = 1024 * 1024;

async fn deliver(stage: &Stage, signature: Option<&str>, body: impl Into<Bytes>) -> StatusCode {
    deliver_at(&stage.service, signature, body).await
}

async fn deliver_at(door: &Door, signature: Option<&str>, body: impl Into<Bytes>) -> StatusCode {
    let headers: Vec<_> = signature.map(|text| ("stripe-signature", text)).into_iter().collect();
    let sent = door.send(Method::POST, "/api/billing/webhook", &headers, body).await;
    sent.unwrap().status
}

/// Signed as Stripe does, now.
fn signed(stage: &Stage, body: &[u8]) -> String {
    sign(&stage.webhook_secret, body, stage.app.wall.now())
}

/// Two customers, of whom one pays, at rest.
async fn inhabited(stage: &Stage) -> [Person<'_>; 2] {
    let people = [Person::new(stage, "ada", "Ada"), Person::new(stage, "bob", "Bob")];
    people[0].subscribe("pro", "monthly", Card::GOOD).await.unwrap();
    people[1].checkout("pro", "annual").await.unwrap();
    stage.conductor.settle().await.unwrap();
    people
}

/// News that would end Ada's subscription, were it believed: a subscription's end is data.
fn bad_news(stage: &Stage, id: &str) -> Value {
    let mut subscription = stage.sandbox.list("subscription").remove(0);
    let now = stage.sandbox.now();
    subscription["status"] = "canceled".into();
    subscription["ended_at"] = now.into();
    subscription["canceled_at"] = now.into();
    json!({
        "id": id, "object": "event", "api_version": API_VERSION, "created": now,
        "data": { "object": subscription }, "livemode": false, "pending_webhooks": 1,
        "request": { "id": null, "idempotency_key": null },
        "type": "customer.subscription.deleted",
    })
}

/// News that Ada's subscription is in a state in which Stripe does not show it.
fn unconfirmed(stage: &Stage, id: &str, status: &str) -> Value {
    let mut event = bad_news(stage, id);
    event["type"] = "customer.subscription.updated".into();
    let subscription = &mut event["data"]["object"];
    subscription["status"] = status.into();
    subscription["ended_at"] = Value::Null;
    subscription["canceled_at"] = Value::Null;
    event
}

/// All that customers see and all that was decided about them.
async fn state(stage: &Stage, people: &[Person<'_>]) -> String {
    stage.conductor.settle().await.unwrap();
    let mut all = String::new();
    for person in people {
        let mut view = person.subscription().await.unwrap();
        view["as_of"] = Value::Null;
        all += &format!("{view:#}\n{:#}\n", person.payments().await.unwrap());
    }
    let mut tx = stage.app.db.read().await.unwrap();
    for payer in customers::list(&mut tx, 100).await.unwrap() {
        all += &format!("{payer:?}\n");
        all += &format!("{:?}\n", slots::load(&mut tx, payer.id).await.unwrap());
        all += &format!("{:?}\n", held::load(&mut tx, payer.id).await.unwrap());
    }
    all + &format!("{:?}", mails::list(&mut tx, 100).await.unwrap())
}

async fn kept(stage: &Stage) -> i64 {
    let mut tx = stage.app.db.read().await.unwrap();
    inbox::count(&mut tx).await.unwrap()
}

/// How the last `count` events that came were kept.
async fn states(stage: &Stage, count: i64) -> Vec<InboxState> {
    let mut tx = stage.app.db.read().await.unwrap();
    let all = inbox::recent(&mut tx, 1000).await.unwrap();
    // All came in the same second of a clock that stands still.
    let strange = all
        .iter()
        .filter(|head| matches!(head.state, InboxState::Unroutable | InboxState::Foreign));
    strange.take(count as usize).map(|head| head.state).collect()
}

both! {
    async fn what_these_tests_refuse_would_end_a_subscription_if_it_were_signed(stage: &Stage) {
        let [ada, _bob] = inhabited(stage).await;
        let body = bad_news(stage, "evt_true").to_string();
        let signature = signed(stage, body.as_bytes());
        assert_eq!(deliver(stage, Some(&signature), body).await, StatusCode::OK);
        stage.conductor.settle().await.unwrap();
        assert_eq!(ada.subscription().await.unwrap()["status"], "canceled");
    }

    async fn a_bad_signature_is_400_and_changes_nothing(stage: &Stage) {
        let people = inhabited(stage).await;
        let (before, count) = (state(stage, &people).await, kept(stage).await);

        let body = bad_news(stage, "evt_forged").to_string();
        let bytes = body.as_bytes();
        let now = stage.app.wall.now();
        let second = now.as_second();
        let good = signed(stage, bytes);
        let tag = good.split_once("v1=").unwrap().1.to_owned();
        let stranger = Secret::new("whsec_stranger");
        let wrong = sign(&stranger, bytes, now);
        let bare = Secret::new(stage.webhook_secret.expose().trim_start_matches("whsec_"));
        let forged = format!("t={second},v1={}", "0".repeat(64));
        let mut flipped = body.clone();
        flipped.push(' ');

        let cases: Vec<(&str, Option<String>, Vec<u8>)> = vec![
            ("no signature", None, bytes.into()),
            ("an empty one", Some(String::new()), bytes.into()),
            ("a forged one", Some(forged), bytes.into()),
            ("another secret", Some(wrong), bytes.into()),
            ("the secret without its prefix", Some(sign(&bare, bytes, now)), bytes.into()),
            (
                "301 seconds old",
                Some(sign(&stage.webhook_secret, bytes, now.plus_seconds(-301))),
                bytes.into(),
            ),
            (
                "a stamp that was not signed",
                Some(format!("t={},v1={tag}", second + 1)),
                bytes.into(),
            ),
            ("no stamp", Some(format!("v1={tag}")), bytes.into()),
            ("a stamp that is no number", Some(format!("t=now,v1={tag}")), bytes.into()),
            ("another scheme", Some(format!("t={second},v0={tag}")), bytes.into()),
            ("a truncated signature", Some(good[..good.len() - 1].into()), bytes.into()),
            ("half a signature", Some(good[..good.len() / 2].into()), bytes.into()),
            ("a truncated body", Some(good.clone()), bytes[..bytes.len() - 1].into()),
            ("no body", Some(good.clone()), Vec::new()),
            ("a longer body", Some(good.clone()), flipped.into()),
            ("another event's signature", Some(signed(stage, b"{}")), bytes.into()),
            ("bytes that are no text", Some(good.clone()), vec![0xff, 0xfe, 0x00, 0x80]),
            (
                "several wrong ones",
                Some(format!("{},v1={}", sign(&stranger, bytes, now), "f".repeat(64))),
                bytes.into(),
            ),
        ];
        for (what, signature, body) in cases {
            let status = deliver(stage, signature.as_deref(), body).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{what}");
        }
        assert_eq!(kept(stage).await, count, "nothing of it is stored");
        assert_eq!(state(stage, &people).await, before);
    }

    async fn a_body_that_is_too_large_is_413_however_it_is_signed(stage: &Stage) {
        let people = inhabited(stage).await;
        let (before, count) = (state(stage, &people).await, kept(stage).await);

        let mut body = bad_news(stage, "evt_large").to_string();
        body += &" ".repeat(LARGEST + 1 - body.len());
        let signature = signed(stage, body.as_bytes());
        for signature in [None, Some("t=1,v1=00"), Some(&*signature)] {
            let status = deliver(stage, signature, body.clone()).await;
            assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{signature:?}");
        }
        assert_eq!(kept(stage).await, count);
        assert_eq!(state(stage, &people).await, before);

        // One byte less is taken.
        body.pop();
        let signature = signed(stage, body.as_bytes());
        assert_eq!(deliver(stage, Some(&signature), body).await, StatusCode::OK);
        assert_eq!(kept(stage).await, count + 1);
    }

    async fn a_signature_counts_for_five_minutes_and_from_the_future(stage: &Stage) {
        inhabited(stage).await;
        let now = stage.app.wall.now();
        for (n, seconds) in [-300, -1, 0, 1, 86_400].into_iter().enumerate() {
            let body = format!("{{\"n\":{n}}}");
            let signature = sign(&stage.webhook_secret, body.as_bytes(), now.plus_seconds(seconds));
            assert_eq!(deliver(stage, Some(&signature), body).await, StatusCode::OK, "{seconds}");
        }
    }

    async fn one_good_signature_among_several_is_enough(stage: &Stage) {
        let [ada, _bob] = inhabited(stage).await;
        let body = bad_news(stage, "evt_several").to_string();
        let good = signed(stage, body.as_bytes());
        let (stamp, tag) = good.split_once(",v1=").unwrap();
        let zeros = "0".repeat(64);
        let header = format!("{stamp},v0={zeros},v1={zeros},v1=short,v1={tag},v1={zeros}");
        assert_eq!(deliver(stage, Some(&header), body).await, StatusCode::OK);
        stage.conductor.settle().await.unwrap();
        assert_eq!(ada.subscription().await.unwrap()["status"], "canceled");
    }

    async fn while_a_secret_is_replaced_both_sign_and_no_other(stage: &Stage) {
        inhabited(stage).await;
        let [old, new] = ["whsec_old", "whsec_new"].map(Secret::new);
        let way = stage.stripe.transport.clone();
        let believing = |way, secrets: Vec<Secret>| {
            beside_but(stage, way, |parts| parts.webhook_secrets = Secrets::new(secrets))
        };
        let both = believing(way.clone(), vec![old.clone(), new.clone()]);
        let after = believing(way, vec![new.clone()]);

        let now = stage.app.wall.now();
        let body = br#"{"rotation":1}"#;
        let by = |secret: &Secret| sign(secret, body, now);
        let two = format!("{},{}", by(&old), by(&new).split_once(',').unwrap().1);
        let status = async |process: &Process, header: &str| {
            deliver_at(&process.service, Some(header), Bytes::from_static(body)).await.as_u16()
        };
        assert_eq!(status(&both, &by(&old)).await, 200);
        assert_eq!(status(&both, &by(&new)).await, 200);
        assert_eq!(status(&both, &two).await, 200, "signed with both, as Stripe does meanwhile");
        assert_eq!(status(&both, &by(&stage.webhook_secret)).await, 400);
        assert_eq!(status(&after, &by(&old)).await, 400, "the old one was taken out");
        assert_eq!(status(&after, &two).await, 200);
    }

    async fn a_signed_body_that_is_no_event_is_kept_as_unroutable(stage: &Stage) {
        let people = inhabited(stage).await;
        let before = state(stage, &people).await;

        let event = bad_news(stage, "evt_odd");
        let but = |field: &str, value: Value| {
            let mut event = event.clone();
            event[field] = value;
            event.to_string().into_bytes()
        };
        let mut nul = event.to_string().into_bytes();
        nul.push(0);
        let mut cut = event.to_string().into_bytes();
        cut.pop();
        let mut latin = event.to_string().replace("evt_odd", "evt_\u{1}").into_bytes();
        latin.iter_mut().filter(|byte| **byte == 1).for_each(|byte| *byte = 0xe9);
        let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
        let bodies: Vec<Vec<u8>> = vec![
            b"no JSON".into(),
            Vec::new(),
            vec![0xff, 0xfe, 0x00, 0x80],
            latin,
            b"[]".into(),
            b"null".into(),
            b"\"evt_text\"".into(),
            br#"{"id":"evt_lonely"}"#.into(),
            nul,
            cut,
            deep,
            but("object", "list".into()),
            but("object", json!("v2.core.event")),
            but("id", json!("cus_1")),
            but("id", json!("evt_x' or '1'='1")),
            but("id", json!(["evt_odd"])),
            but("type", Value::Null),
            but("created", json!("yesterday")),
            but("livemode", Value::Null),
            but("data", json!({ "object": { "id": "sub_\u{e9}", "customer": "cus_\u{e9}" } })),
        ];
        let count = bodies.len() as i64;
        for body in bodies {
            let shown = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
            let signature = signed(stage, &body);
            assert_eq!(deliver(stage, Some(&signature), body).await, StatusCode::OK, "{shown}");
        }
        let found = states(stage, 100).await;
        assert_eq!(found.len() as i64, count);
        assert!(found.iter().all(|state| *state == InboxState::Unroutable), "{found:?}");
        assert_eq!(state(stage, &people).await, before);
    }

    async fn an_event_of_another_account_or_mode_is_kept_apart(stage: &Stage) {
        let people = inhabited(stage).await;
        let before = state(stage, &people).await;

        let mut account = bad_news(stage, "evt_account");
        account["account"] = "acct_1Stranger".into();
        let mut mode = bad_news(stage, "evt_mode");
        mode["livemode"] = true.into();
        for event in [account, mode] {
            let body = event.to_string();
            let signature = signed(stage, body.as_bytes());
            // A refusal would make Stripe retry for days, and then switch the endpoint off.
            assert_eq!(deliver(stage, Some(&signature), body).await, StatusCode::OK);
        }
        assert_eq!(states(stage, 100).await, [InboxState::Foreign, InboxState::Foreign]);
        assert_eq!(state(stage, &people).await, before);
        stage.conductor.watermark().await.unwrap();
        assert_eq!(state(stage, &people).await, before);
    }

    async fn an_event_of_a_customer_who_is_not_ours_waits_unclaimed(stage: &Stage) {
        let people = inhabited(stage).await;
        let before = state(stage, &people).await;
        let stranger = people[0].api(Method::POST, "/v1/customers", "name=Stranger").await.unwrap();
        stage.conductor.settle().await.unwrap();

        let mut tx = stage.app.db.read().await.unwrap();
        let heads = inbox::recent(&mut tx, 1000).await.unwrap();
        let of_it: Vec<_> = heads
            .iter()
            .filter(|head| head.customer.as_deref() == stranger["id"].as_str())
            .map(|head| head.state)
            .collect();
        assert_eq!(of_it, [InboxState::Unclaimed]);
        drop(tx);
        assert_eq!(state(stage, &people).await, before);
    }

    async fn an_entry_of_the_list_that_is_no_event_is_kept_as_unroutable(stage: &Stage) {
        stage.conductor.watermark().await.unwrap();
        let _people = inhabited(stage).await;
        let process = beside(stage, odd_events(stage));
        watermark::pass(&process.app).await.unwrap();
        watermark::pass(&process.app).await.unwrap();
        let mut tx = stage.app.db.read().await.unwrap();
        let odd = inbox::Filter { state: Some(InboxState::Unroutable), ..Default::default() };
        assert_eq!(inbox::list(&mut tx, &odd, 9).await.unwrap().len(), 1);
    }

    async fn what_an_event_tells_and_stripe_does_not_show_changes_nothing(stage: &Stage) {
        let people = inhabited(stage).await;
        let before = state(stage, &people).await;
        for status in ["incomplete", "unpaid"] {
            set::deliver(stage, &unconfirmed(stage, &format!("evt_{status}"), status)).await;
            assert_eq!(state(stage, &people).await, before, "{status}");
        }
    }
}

/// A way on which Stripe's list of events has one that is none, and in other bytes each time.
fn odd_events(stage: &Stage) -> Transport {
    let (inner, read) = (stage.stripe.transport.clone(), Arc::new(AtomicUsize::new(0)));
    way(move |request: Request<Bytes>| {
        let (inner, read) = (inner.clone(), Arc::clone(&read));
        async move {
            let of_events = request.uri().path() == "/v1/events";
            let (head, body) = inner.oneshot(request).await?.into_parts();
            let mut list: Value = serde_json::from_slice(&body).unwrap_or_default();
            if of_events && list["data"][0].is_object() {
                list["data"][0]["object"] = json!("novelty");
                list["data"][0]["pending_webhooks"] = json!(read.fetch_add(1, Ordering::SeqCst));
                return Ok(Response::from_parts(head, list.to_string().into()));
            }
            Ok(Response::from_parts(head, body))
        }
    })
}
