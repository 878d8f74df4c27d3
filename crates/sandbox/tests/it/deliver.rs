//! Webhooks: signed, in order, tried again, and lost, late or doubled when a fault says so.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use serde_json::Value;
use specie_sandbox::{Fault, Odds, Outcome};
use specie_stripe::{Secrets, Transport, TransportError};
use specie_vocab::{Secret, WallClock};
use tower::service_fn;

use crate::desk::{Desk, START};
use crate::shop::{self, id, typed};

const CARD: &str = "4242424242424242";

/// A program that receives webhooks, and answers with a status that can be set.
#[derive(Clone)]
struct Receiver {
    got: Arc<Mutex<Vec<(http::HeaderMap, Bytes)>>>,
    status: Arc<Mutex<Result<u16, &'static str>>>,
}

impl Receiver {
    fn new() -> Self {
        Self { got: Arc::default(), status: Arc::new(Mutex::new(Ok(200))) }
    }

    fn answer(&self, with: Result<u16, &'static str>) {
        *self.status.lock().unwrap() = with;
    }

    fn transport(&self) -> Transport {
        let this = self.clone();
        Transport::new(service_fn(move |request: Request<Bytes>| {
            let (head, body) = request.into_parts();
            assert_eq!(head.method, "POST");
            assert_eq!(head.uri, "http://127.0.0.1:8080/hook");
            this.got.lock().unwrap().push((head.headers, body));
            let status = *this.status.lock().unwrap();
            async move {
                let status = status.map_err(TransportError::new)?;
                Ok(Response::builder().status(status).body(Bytes::new()).unwrap())
            }
        }))
    }

    fn events(&self) -> Vec<Value> {
        let got = self.got.lock().unwrap();
        got.iter().map(|(_, body)| serde_json::from_slice(body).unwrap()).collect()
    }

    fn ids(&self) -> Vec<String> {
        self.events().iter().map(id).collect()
    }
}

/// A shop whose events go to a webhook endpoint; nothing is sent yet. Gives the endpoint's secret.
async fn shop_with_endpoint(desk: &Desk) -> (shop::Shop, Value) {
    let pairs = [("url", "http://127.0.0.1:8080/hook"), ("enabled_events[0]", "*")];
    let endpoint = desk.api("POST", "/v1/webhook_endpoints", &pairs).await.expect(200).json();
    (shop::open(desk).await, endpoint)
}

#[tokio::test]
async fn events_arrive_signed_in_the_order_in_which_they_happened() {
    let desk = Desk::in_memory();
    let (shop, endpoint) = shop_with_endpoint(&desk).await;
    desk.form(&format!("/c/pay/{}", shop.session), &typed(CARD)).await.expect(303);
    desk.wait(7);
    let receiver = Receiver::new();
    let sent = desk.sandbox.deliver(&receiver.transport()).await;
    assert!(sent > 5, "{sent}");
    assert_eq!(desk.sandbox.deliver(&receiver.transport()).await, 0);
    assert_eq!(desk.sandbox.next_delivery(), None);

    let secrets = Secrets::new([Secret::new(endpoint["secret"].as_str().unwrap())]);
    for (headers, body) in receiver.got.lock().unwrap().iter() {
        let signature = headers["stripe-signature"].to_str().unwrap();
        let now = desk.wall.now();
        let parts: Vec<&str> = signature.split(',').map(|p| p.split_once('=').unwrap().0).collect();
        assert_eq!(parts, ["t", "v1", "v0"], "as in test mode");
        assert!(signature.starts_with(&format!("t={},", START + 7)), "{signature}");
        assert!(secrets.verify(signature, body, now).is_ok());
        assert_eq!(headers["content-type"], "application/json; charset=utf-8");
        assert_eq!(headers["user-agent"], "Stripe/1.0 (+https://stripe.com/docs/webhooks)");
        assert!(body.starts_with(b"{\n  \"id\": \"evt_"), "{body:?}");
    }
    let mut listed: Vec<_> = desk.sandbox.list("event").iter().map(id).collect();
    listed.reverse();
    assert_eq!(receiver.ids(), listed);
    assert!(receiver.events().iter().any(|e| e["type"] == "checkout.session.completed"));
    assert!(desk.sandbox.list("event").iter().all(|event| event["pending_webhooks"] == 0));
}

#[tokio::test]
async fn a_failed_delivery_is_tried_three_times_by_the_wall_clock() {
    for answer in [Ok(500), Ok(302), Err("connection refused")] {
        let desk = Desk::in_memory();
        let (_shop, endpoint) = shop_with_endpoint(&desk).await;
        let receiver = Receiver::new();
        receiver.answer(answer);
        let transport = receiver.transport();
        let events = desk.sandbox.deliver(&transport).await;
        assert!(events > 0);
        assert_eq!(desk.sandbox.next_delivery().unwrap().as_second(), START + 300);

        // A year of business time changes nothing; five minutes of wall time do.
        desk.sandbox.advance(START + 60).unwrap();
        assert_eq!(desk.sandbox.deliver(&transport).await, 0);
        desk.wait(299);
        assert_eq!(desk.sandbox.deliver(&transport).await, 0);
        desk.wait(1);
        assert_eq!(desk.sandbox.deliver(&transport).await, events);
        assert_eq!(desk.sandbox.next_delivery().unwrap().as_second(), START + 300 + 3_600);
        desk.wait(3_600);
        assert_eq!(desk.sandbox.deliver(&transport).await, events);
        assert_eq!(desk.sandbox.next_delivery(), None);
        desk.wait(1_000_000);
        assert_eq!(desk.sandbox.deliver(&transport).await, 0);

        let attempts = desk.sandbox.attempts();
        assert_eq!(attempts.len(), events * 3);
        assert!(attempts.iter().all(|a| a.endpoint == id(&endpoint)));
        let numbers: Vec<_> = attempts.iter().map(|a| a.attempt).collect();
        assert_eq!(numbers.iter().filter(|n| **n == 3).count(), events);
        let expected = answer.map_or_else(|e| Outcome::Failed(e.into()), Outcome::Answered);
        assert!(attempts.iter().all(|a| a.outcome == expected));
    }
}

#[tokio::test]
async fn live_retries_go_on_for_three_days_with_growing_pauses() {
    let desk = Desk::in_memory();
    desk.control("POST", "switches", r#"{"webhook_retries": "live"}"#).await.expect(200);
    let (_shop, _) = shop_with_endpoint(&desk).await;
    let receiver = Receiver::new();
    receiver.answer(Ok(500));
    let transport = receiver.transport();
    let events = desk.sandbox.deliver(&transport).await;
    let mut tries = 1;
    while let Some(due) = desk.sandbox.next_delivery() {
        assert!(due.as_second() <= START + 3 * 86_400);
        desk.wall.advance_to(due.timestamp());
        assert_eq!(desk.sandbox.deliver(&transport).await, events);
        tries += 1;
    }
    assert!((16..=20).contains(&tries), "{tries}");
    let first: Vec<i64> = desk.sandbox.attempts()[..].iter().map(|a| a.at - START).collect();
    assert!(first.contains(&5) && first.contains(&15) && first.contains(&35), "{first:?}");
}

#[tokio::test]
async fn a_disabled_endpoint_gets_its_retries_if_it_is_back_in_time() {
    for (back, wanted) in [(true, 1), (false, 0)] {
        let desk = Desk::in_memory();
        let (_, endpoint) = shop_with_endpoint(&desk).await;
        let receiver = Receiver::new();
        receiver.answer(Ok(500));
        let events = desk.sandbox.deliver(&receiver.transport()).await;
        let path = format!("/v1/webhook_endpoints/{}", id(&endpoint));
        let off = desk.api("POST", &path, &[("disabled", "true")]).await.expect(200).json();
        assert_eq!(off["status"], "disabled");
        desk.api("POST", "/v1/customers", &[]).await.expect(200);
        if back {
            desk.api("POST", &path, &[("disabled", "false")]).await.expect(200);
        }
        desk.wait(300);
        receiver.answer(Ok(200));
        assert_eq!(desk.sandbox.deliver(&receiver.transport()).await, events * wanted);
        assert_eq!(desk.sandbox.next_delivery(), None);
    }
}

#[tokio::test]
async fn a_rolled_secret_signs_what_was_waiting() {
    let desk = Desk::in_memory();
    let (_, endpoint) = shop_with_endpoint(&desk).await;
    let new = desk.sandbox.roll_secret(&id(&endpoint), 60).unwrap().unwrap();
    let receiver = Receiver::new();
    desk.sandbox.deliver(&receiver.transport()).await;
    let old = Secret::new(endpoint["secret"].as_str().unwrap());
    for (headers, body) in receiver.got.lock().unwrap().iter() {
        let signature = headers["stripe-signature"].to_str().unwrap();
        assert_eq!(signature.matches("v1=").count(), 2, "{signature}");
        for secret in [&new, &old] {
            let secrets = Secrets::new([Secret::new(secret.expose())]);
            assert!(secrets.verify(signature, body, desk.wall.now()).is_ok());
        }
    }
}

#[tokio::test]
async fn a_retry_can_be_flushed() {
    let desk = Desk::in_memory();
    shop_with_endpoint(&desk).await;
    let receiver = Receiver::new();
    receiver.answer(Ok(500));
    let events = desk.sandbox.deliver(&receiver.transport()).await;
    receiver.answer(Ok(200));
    assert_eq!(desk.sandbox.deliver(&receiver.transport()).await, 0);
    let flushed = desk.control("POST", "deliveries/flush", "").await.expect(200).json();
    assert_eq!(flushed["flushed"], events);
    assert_eq!(desk.sandbox.deliver(&receiver.transport()).await, events);
}

#[tokio::test]
async fn an_endpoint_that_was_deleted_gets_nothing_more() {
    let desk = Desk::in_memory();
    let (_, endpoint) = shop_with_endpoint(&desk).await;
    let receiver = Receiver::new();
    receiver.answer(Ok(500));
    desk.sandbox.deliver(&receiver.transport()).await;
    desk.api("DELETE", &format!("/v1/webhook_endpoints/{}", id(&endpoint)), &[]).await.expect(200);
    desk.wait(300);
    assert_eq!(desk.sandbox.deliver(&receiver.transport()).await, 0);
    assert_eq!(desk.sandbox.next_delivery(), None);
}

#[tokio::test]
async fn a_delivery_that_is_under_way_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::kept(folder.path());
    shop_with_endpoint(&desk).await;
    let receiver = Receiver::new();
    receiver.answer(Ok(503));
    let events = desk.sandbox.deliver(&receiver.transport()).await;
    drop(desk);

    let again = Desk::kept(folder.path());
    assert_eq!(again.sandbox.deliver(&receiver.transport()).await, 0);
    again.wait(300);
    receiver.answer(Ok(200));
    assert_eq!(again.sandbox.deliver(&receiver.transport()).await, events);
    let ids = receiver.ids();
    assert_eq!(ids[..events], ids[events..]);
}

#[tokio::test]
async fn nothing_is_sent_once_the_journal_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::kept(folder.path());
    shop_with_endpoint(&desk).await;
    // No snapshot can be written, and one is due after some thousand inputs.
    std::fs::create_dir(folder.path().join("snapshot.new")).unwrap();
    let inputs = (0..10_000).take_while(|n| desk.sandbox.hold_key("k", n % 2 == 0).is_ok());
    assert!(inputs.count() < 10_000, "the journal broke");
    assert!(desk.sandbox.next_delivery().is_some());
    let receiver = Receiver::new();
    assert_eq!(desk.sandbox.deliver(&receiver.transport()).await, 0);
    assert_eq!(receiver.ids(), Vec::<String>::new());
}

#[tokio::test]
async fn named_faults_lose_double_and_delay() {
    let desk = Desk::in_memory();
    shop_with_endpoint(&desk).await;
    desk.sandbox.name_faults([
        Some(Fault::Lose),
        Some(Fault::Duplicate),
        Some(Fault::Delay(60)),
        Some(Fault::Fail),
    ]);
    let mut all: Vec<_> = desk.sandbox.list("event").iter().map(id).collect();
    all.reverse();
    let receiver = Receiver::new();
    let transport = receiver.transport();
    desk.sandbox.deliver(&transport).await;
    let mut expected = vec![all[1].clone(), all[1].clone()];
    expected.extend_from_slice(&all[4..]);
    assert_eq!(receiver.ids(), expected);

    desk.wait(60);
    assert_eq!(desk.sandbox.deliver(&transport).await, 1);
    assert_eq!(receiver.ids().last(), Some(&all[2]));
    desk.wait(240);
    assert_eq!(desk.sandbox.deliver(&transport).await, 1);
    assert_eq!(receiver.ids().last(), Some(&all[3]));
    assert_eq!(desk.sandbox.next_delivery(), None);
    assert!(!receiver.ids().contains(&all[0]));
}

#[tokio::test]
async fn faults_by_chance_repeat_themselves_and_come_to_an_end() {
    let run = async |seed| {
        let desk = Desk::in_memory();
        let (shop, _) = shop_with_endpoint(&desk).await;
        let odds = Odds { lose: 20, fail: 20, duplicate: 20, delay: 20, longest_delay: 100 };
        desk.sandbox.faults_by_chance(seed, odds);
        desk.form(&format!("/c/pay/{}", shop.session), &typed(CARD)).await.expect(303);
        let receiver = Receiver::new();
        desk.sandbox.deliver(&receiver.transport()).await;
        while let Some(due) = desk.sandbox.next_delivery() {
            desk.wall.advance_to(due.timestamp());
            desk.sandbox.deliver(&receiver.transport()).await;
        }
        receiver.ids()
    };
    let (once, again, other) = (run(1).await, run(1).await, run(2).await);
    assert_eq!(once, again);
    assert_ne!(once, other);
}
