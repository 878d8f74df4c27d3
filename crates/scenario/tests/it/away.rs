//! Stripe that does not answer, or answers with its own failures: nothing stops for good, nothing
//! is done twice, and what is shown says how old it is.

use std::future::ready;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use specie_billing::catalog::StaleAccess;
use specie_scenario::{Card, Person, Stage, agree};
use specie_server::Patience;
use specie_server::intents::{Driven, drive};
use specie_store::{Fate, Gate, customers, intents, leases};
use specie_stripe::{Transport, TransportError};
use specie_vocab::{ManualClock, WallClock};
use tokio::sync::Semaphore;
use tower::ServiceExt;

use crate::set::{beside, beside_but, both, having, text, way};

/// A way to Stripe on which calls fail as long as `fails` says so.
fn failing(
    stage: &Stage,
    fails: impl Fn(&Request<Bytes>) -> bool + Clone + Send + Sync + 'static,
) -> Transport {
    let inner = stage.stripe.transport.clone();
    way(move |request: Request<Bytes>| {
        let (inner, fails) = (inner.clone(), fails.clone());
        async move {
            if fails(&request) {
                return Err(TransportError::new("nobody answers"));
            }
            inner.oneshot(request).await
        }
    })
}

/// How Stripe's own failure leaves the call that met it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Failure {
    /// Nothing was carried out.
    BeforeTheWork,
    /// It was, and the answer is a failure all the same.
    AfterTheWork,
}

fn answer(status: StatusCode, headers: &[(&str, &str)], body: &Value) -> Response<Bytes> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Bytes::from(body.to_string())).unwrap()
}

/// A way on which the first key of a call to `path` is answered 500, and 500 again for ever, as a
/// stored failure is. Other keys go through. Counts the calls under the first key.
fn first_key_is_lost(
    stage: &Stage,
    path: &'static str,
    failure: Failure,
) -> (Transport, Arc<AtomicUsize>) {
    let inner = stage.stripe.transport.clone();
    let (first, count) = (Arc::new(Mutex::new(None::<String>)), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&count);
    let transport = way(move |request: Request<Bytes>| {
        let (inner, first, count) = (inner.clone(), Arc::clone(&first), Arc::clone(&counted));
        async move {
            let key = request.headers().get("idempotency-key").map(|key| key.to_str().unwrap());
            let (Some(key), true) = (key, request.uri().path() == path) else {
                return inner.oneshot(request).await;
            };
            let lost = first.lock().unwrap().get_or_insert_with(|| key.to_owned()) == key;
            if !lost {
                return inner.oneshot(request).await;
            }
            let n = count.fetch_add(1, Ordering::SeqCst);
            if n == 0 && failure == Failure::AfterTheWork {
                inner.oneshot(request).await?;
            }
            let id = format!("req_{n}");
            let error = json!({ "error": { "type": "api_error", "message": "sorry" } });
            let mut headers = vec![("request-id", id.as_str()), ("original-request", "req_0")];
            if n > 0 {
                headers.push(("idempotent-replayed", "true"));
            }
            Ok(answer(StatusCode::INTERNAL_SERVER_ERROR, &headers, &error))
        }
    });
    (transport, count)
}

/// A way on which the first key makes a session and is answered 500 for ever, and no list shows it for
/// nearly a minute.
fn done_and_unlisted(stage: &Stage) -> Transport {
    let path = "/v1/checkout/sessions";
    let (lost, _) = first_key_is_lost(stage, path, Failure::AfterTheWork);
    let (wall, made_at) = (stage.wall.clone(), Arc::new(Mutex::new(None)));
    way(move |request: Request<Bytes>| {
        let (lost, wall, made_at) = (lost.clone(), wall.clone(), Arc::clone(&made_at));
        async move {
            let now = WallClock::now(&*wall);
            if request.uri().path() == path && request.method() == Method::POST {
                made_at.lock().unwrap().get_or_insert(now);
            } else if request.uri().path() == path
                && made_at.lock().unwrap().is_some_and(|made_at| now.seconds_since(made_at) < 59)
            {
                let none = json!({ "object": "list", "data": [], "has_more": false, "url": path });
                return Ok(answer(StatusCode::OK, &[], &none));
            }
            lost.oneshot(request).await
        }
    })
}

/// A way on which no session is expired, as while a payment of it is being processed, and how often that was
/// asked for.
pub fn refusing_to_expire(stage: &Stage) -> (Transport, Arc<AtomicUsize>) {
    let (inner, asked) = (stage.stripe.transport.clone(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&asked);
    let transport = way(move |request: Request<Bytes>| {
        let (inner, asked) = (inner.clone(), Arc::clone(&counted));
        async move {
            if !request.uri().path().ends_with("/expire") {
                return inner.oneshot(request).await;
            }
            asked.fetch_add(1, Ordering::SeqCst);
            let error = json!({ "error": {
                "type": "invalid_request_error",
                "message": "Only Checkout Sessions with a status in [\"open\"] can be expired.",
            } });
            Ok(answer(StatusCode::BAD_REQUEST, &[("request-id", "req_1")], &error))
        }
    });
    (transport, asked)
}

/// Ada's newest intent, and under how many keys it was tried.
async fn newest_intent(stage: &Stage) -> (intents::Intent, usize) {
    let mut tx = stage.app.db.read().await.unwrap();
    let ada = customers::find(&mut tx, "app", "ada").await.unwrap().unwrap();
    let intent = intents::of_payer(&mut tx, ada.id, 1).await.unwrap().remove(0);
    let tries = intents::tries(&mut tx, intent.id).await.unwrap().len();
    (intent, tries)
}

/// Whether a request of Ada's newest intent has come to this so far.
async fn came_to(stage: &Stage, outcome: &str) -> bool {
    let (intent, _) = newest_intent(stage).await;
    let mut tx = stage.app.db.read().await.unwrap();
    let tries = intents::tries(&mut tx, intent.id).await.unwrap();
    tries.iter().any(|it| it.outcome.as_deref() == Some(outcome))
}

/// What an earlier process had taken is free, as at the start of one that is alone.
async fn starts_anew(stage: &Stage) {
    let mut tx = stage.app.db.begin().await.unwrap();
    let now = tx.now().await.unwrap();
    leases::end_all(&mut tx, now).await.unwrap();
    tx.commit().await.unwrap();
}

async fn a_failure_that_is_stored(stage: &Stage, failure: Failure) {
    let (to_stripe, calls) = first_key_is_lost(stage, "/v1/checkout/sessions", failure);
    let process = beside(stage, to_stripe);
    let ada = Person::new(stage, "ada", "Ada").at(&process.service);
    let choice = json!({ "plan": "pro", "price": "monthly" });
    let reply = ada.call(Method::POST, "checkout", choice).await.unwrap();
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{}", reply.text());

    process.conductor.settle().await.unwrap();
    let (intent, tries) = newest_intent(stage).await;
    assert_eq!(intent.state, intents::IntentState::Done);
    let sessions = stage.sandbox.list("checkout.session");
    assert_eq!(sessions.len(), 1, "one was made");
    // Under the customer's key, and one or two of the session's.
    let keys = if failure == Failure::BeforeTheWork { 3 } else { 2 };
    assert_eq!(tries, keys);
    assert!(calls.load(Ordering::SeqCst) <= 3, "a stored answer is not asked for again and again");
    let view = ada.subscription().await.unwrap();
    assert_eq!(view["open_checkout"]["id"], sessions[0]["id"]);
}

/// A way on which the second look for what a lost key has done stands still once it has its answer.
/// A lane has looked through the new customer before.
fn standing_still(
    to_stripe: Transport,
    looked: &Arc<Semaphore>,
    goes_on: &Arc<Semaphore>,
) -> Transport {
    let (looked, goes_on) = (Arc::clone(looked), Arc::clone(goes_on));
    let looks = Arc::new(AtomicUsize::new(0));
    way(move |request: Request<Bytes>| {
        let (inner, looks) = (to_stripe.clone(), Arc::clone(&looks));
        let (looked, goes_on) = (Arc::clone(&looked), Arc::clone(&goes_on));
        async move {
            let path = request.uri().path();
            let is_look = request.method() == Method::GET && path == "/v1/checkout/sessions";
            let answer = inner.oneshot(request).await;
            if is_look && looks.fetch_add(1, Ordering::SeqCst) == 2 {
                looked.add_permits(1);
                goes_on.acquire().await.unwrap().forget();
            }
            answer
        }
    })
}

/// Whoever held something before holds it no more.
fn two_minutes_pass(wall: &ManualClock) {
    wall.advance_to(WallClock::now(wall).plus_seconds(120).timestamp());
}

/// One commit lasts, and its answer is lost: that before which so many were heard of.
struct Unheard(AtomicUsize);

impl Gate for Unheard {
    fn is_up(&self) -> bool {
        true
    }

    fn before_commit(&self) -> Pin<Box<dyn Future<Output = Fate> + Send + '_>> {
        let is_lost = self.0.fetch_sub(1, Ordering::SeqCst) == 0;
        Box::pin(ready(if is_lost { Fate::Unheard } else { Fate::Lasts }))
    }

    fn after_commit(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(ready(()))
    }
}

/// What was noted lasts, and whoever noted it does not hear so: it is waited for all the same. A change
/// at Stripe takes `seconds`.
async fn is_found_though_its_note_is_not_heard_of(stage: &Stage, seconds: i64) {
    let gate = Arc::new(Unheard(AtomicUsize::new(usize::MAX)));
    let (wall, to_stripe) = (stage.wall.clone(), done_and_unlisted(stage));
    let slowly = way(move |request: Request<Bytes>| {
        let (wall, to_stripe, writes) =
            (wall.clone(), to_stripe.clone(), request.method() == Method::POST);
        async move {
            let answer = to_stripe.oneshot(request).await;
            let seconds = if writes { seconds } else { 0 };
            wall.advance_to(WallClock::now(&*wall).plus_seconds(seconds).timestamp());
            answer
        }
    });
    let process = beside_but(stage, slowly, |parts| {
        parts.db = parts.db.clone().with_gate(gate.clone());
    });
    let ada = Person::new(stage, "ada", "Ada").at(&process.service);
    let choice = json!({ "plan": "pro", "price": "monthly" });
    ada.call(Method::POST, "checkout", choice).await.unwrap();
    let id = newest_intent(stage).await.0.id;
    // The second wait is longer than what is left of the lease.
    for (waits, after) in [("replayed", 2), ("replayed_looked", 50)] {
        for _ in 0..20 {
            if came_to(stage, waits).await {
                break;
            }
            let next = WallClock::now(&*stage.wall).plus_seconds(1);
            stage.wall.advance_to(next.timestamp());
            // It takes the change, and then notes what came of it.
            gate.0.store(1, Ordering::SeqCst);
            let _busy_or_lost = drive(&process.app, id).await;
        }
        assert!(came_to(stage, waits).await, "it is not `{waits}`");
        gate.0.store(usize::MAX, Ordering::SeqCst);
        let next = WallClock::now(&*stage.wall).plus_seconds(after);
        stage.wall.advance_to(next.timestamp());
        assert_eq!(drive(&process.app, id).await.unwrap(), Driven::Busy, "it is `{waits}`");
    }
    process.conductor.settle().await.unwrap();
    assert_eq!(newest_intent(stage).await.0.state, intents::IntentState::Done);
    assert_eq!(stage.sandbox.list("checkout.session").len(), 1);
}

both! {
    async fn a_key_that_another_process_has_given_up_is_not_given_up_again(stage: &Stage) {
        let (looked, goes_on) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let path = "/v1/checkout/sessions";
        let (to_stripe, _) = first_key_is_lost(stage, path, Failure::BeforeTheWork);
        let slow = beside(stage, standing_still(to_stripe.clone(), &looked, &goes_on));
        let quick = beside(stage, to_stripe);
        let ada = Person::new(stage, "ada", "Ada").at(&slow.service);
        let choice = json!({ "plan": "pro", "price": "monthly" });
        let reply = ada.call(Method::POST, "checkout", choice).await.unwrap();
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{}", reply.text());
        let (intent, _) = newest_intent(stage).await;

        let (app, wall) = (slow.app.clone(), stage.wall.clone());
        let driving = tokio::spawn(async move {
            loop {
                two_minutes_pass(&wall);
                match drive(&app, intent.id).await {
                    Ok(Driven::Waits | Driven::Busy) => {}
                    driven => return driven,
                }
            }
        });
        looked.acquire().await.unwrap().forget();
        two_minutes_pass(&stage.wall);
        quick.conductor.settle().await.unwrap();
        assert_eq!(newest_intent(stage).await.0.state, intents::IntentState::Done);
        goes_on.add_permits(1);
        let driven = driving.await.unwrap().unwrap();
        assert_eq!(driven, Driven::Finished(intents::IntentState::Done));
        assert_eq!(newest_intent(stage).await.1, 3, "the customer's, the lost one, and one more");
        assert_eq!(stage.sandbox.list("checkout.session").len(), 1);
    }

    async fn an_answer_that_cannot_be_followed_up_is_followed_up_later(stage: &Stage) {
        // The session is made, and then nobody can be asked about it for a while.
        let (failures, made) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let to_stripe = {
            let (failures, made) = (Arc::clone(&failures), Arc::clone(&made));
            failing(stage, move |request| {
                let path = request.uri().path();
                if path == "/v1/checkout/sessions" && request.method() == Method::POST {
                    made.fetch_add(1, Ordering::SeqCst);
                }
                path.starts_with("/v1/checkout/sessions/")
                    && request.method() == Method::GET
                    && failures.fetch_add(1, Ordering::SeqCst) < 20
            })
        };
        let process = beside(stage, to_stripe);
        let ada = Person::new(stage, "ada", "Ada").at(&process.service);
        let choice = json!({ "plan": "pro", "price": "monthly" });
        let reply = ada.call(Method::POST, "checkout", choice).await.unwrap();
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{}", reply.text());

        process.conductor.settle().await.unwrap();
        let (intent, _) = newest_intent(stage).await;
        assert_eq!(intent.state, intents::IntentState::Done);
        assert_eq!(made.load(Ordering::SeqCst), 1);
        let view = ada.subscription().await.unwrap();
        assert_eq!(view["open_checkout"]["id"], stage.sandbox.list("checkout.session")[0]["id"]);
        let found = agree::compare(&stage.app.db, &stage.stripe).await.unwrap();
        assert_eq!(found.differing, [] as [String; 0]);
    }

    async fn a_session_that_was_made_and_not_seen_yet_is_not_made_again(stage: &Stage) {
        // Stripe takes what is asked of it, and tells nobody about it.
        let blind = Arc::new(AtomicUsize::new(1));
        let seen = Arc::clone(&blind);
        let process = beside(stage, failing(stage, move |request| {
            let reads = request.uri().path().starts_with("/v1/checkout/sessions/")
                && request.method() == Method::GET;
            reads && seen.load(Ordering::SeqCst) == 1
        }));
        let ada = Person::new(stage, "ada", "Ada").at(&process.service);
        for price in ["monthly", "monthly", "annual"] {
            let choice = json!({ "plan": "pro", "price": price });
            let reply = ada.call(Method::POST, "checkout", choice).await.unwrap();
            assert!(!reply.status.is_success(), "{}", reply.text());
            let to = WallClock::now(&*stage.wall).plus_seconds(60);
            stage.wall.advance_to(to.timestamp());
        }
        assert_eq!(having(stage, "checkout.session", "open").len(), 1);
        blind.store(0, Ordering::SeqCst);
        process.conductor.settle().await.unwrap();
        ada.checkout("pro", "annual").await.unwrap();
        assert_eq!(having(stage, "checkout.session", "open").len(), 1);
    }

    async fn a_failure_that_stripe_stored_before_the_work_is_tried_under_another_key(stage: &Stage) {
        a_failure_that_is_stored(stage, Failure::BeforeTheWork).await;
    }

    async fn a_failure_that_stripe_stored_after_the_work_is_found_and_not_repeated(stage: &Stage) {
        a_failure_that_is_stored(stage, Failure::AfterTheWork).await;
    }

    async fn a_session_that_cannot_be_expired_is_answered_with_its_address(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        let first = ada.checkout("pro", "monthly").await.unwrap();
        stage.conductor.settle().await.unwrap();

        let (to_stripe, asked) = refusing_to_expire(stage);
        let process = beside(stage, to_stripe);
        let ada = ada.at(&process.service);
        let choice = json!({ "plan": "pro", "price": "annual" });
        let reply = ada.call(Method::POST, "checkout", choice).await.unwrap();
        assert_eq!(reply.status, StatusCode::CONFLICT, "{}", reply.text());
        let body = reply.json().unwrap();
        assert_eq!(body["code"], "checkout_in_progress");
        assert_eq!(body["checkout"]["url"], first["url"]);
        assert_eq!(asked.load(Ordering::SeqCst), 1);

        // It can still be paid, and is then what they have.
        ada.pay(text(&first["url"]), Card::GOOD).await.unwrap();
        stage.conductor.settle().await.unwrap();
        assert_eq!(ada.subscription().await.unwrap()["price"], "monthly");
        assert_eq!(having(stage, "charge", "succeeded").len(), 1);
    }

    // However late Stripe's lists show what was done, up to a minute: it is not done again.
    async fn what_a_stored_failure_did_is_found_though_lists_lag(stage: &Stage) {
        let process = beside(stage, done_and_unlisted(stage));
        let ada = Person::new(stage, "ada", "Ada").at(&process.service);
        let choice = json!({ "plan": "pro", "price": "monthly" });
        ada.call(Method::POST, "checkout", choice).await.unwrap();
        process.conductor.settle().await.unwrap();
        assert_eq!(newest_intent(stage).await.0.state, intents::IntentState::Done);
        assert_eq!(stage.sandbox.list("checkout.session").len(), 1);
    }

    // Who starts anew makes Stripe's lists no quicker.
    async fn what_a_stored_failure_did_is_found_though_a_process_starts_anew(stage: &Stage) {
        let process = beside(stage, done_and_unlisted(stage));
        let ada = Person::new(stage, "ada", "Ada").at(&process.service);
        let choice = json!({ "plan": "pro", "price": "monthly" });
        ada.call(Method::POST, "checkout", choice).await.unwrap();
        for waits in ["replayed", "replayed_looked"] {
            for _ in 0..20 {
                if came_to(stage, waits).await {
                    break;
                }
                let next = WallClock::now(&*stage.wall).plus_seconds(1);
                stage.wall.advance_to(next.timestamp());
                process.conductor.pulse().await.unwrap();
            }
            starts_anew(stage).await;
            process.conductor.pulse().await.unwrap();
            assert!(came_to(stage, waits).await, "it is not `{waits}`, or did not stay so");
        }
        process.conductor.settle().await.unwrap();
        assert_eq!(newest_intent(stage).await.0.state, intents::IntentState::Done);
        assert_eq!(stage.sandbox.list("checkout.session").len(), 1);
    }

    // Its note is as long ago as its lease then, and waits as long.
    async fn what_a_stored_failure_did_is_found_though_no_answer_to_its_note_comes(stage: &Stage) {
        is_found_though_its_note_is_not_heard_of(stage, 0).await;
    }

    async fn what_a_slow_stored_failure_did_is_found_though_no_answer_to_its_note_comes(stage: &Stage) {
        is_found_though_its_note_is_not_heard_of(stage, 12).await;
    }

    // Stripe's lists may lag behind what it did: it is looked for ten seconds after, and not before,
    // also by a process that could wait in the call itself.
    async fn what_a_stored_failure_did_is_not_looked_for_too_soon(stage: &Stage) {
        let path = "/v1/checkout/sessions";
        let (lost, _) = first_key_is_lost(stage, path, Failure::AfterTheWork);
        let (looks, calls) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (looked, called) = (Arc::clone(&looks), Arc::clone(&calls));
        let to_stripe = way(move |request: Request<Bytes>| {
            if request.uri().path() == path {
                if request.method() != Method::GET {
                    called.fetch_add(1, Ordering::SeqCst);
                } else if called.load(Ordering::SeqCst) > 0 {
                    looked.fetch_add(1, Ordering::SeqCst);
                }
            }
            lost.clone().oneshot(request)
        });
        let process = crate::views::process(stage, to_stripe, StaleAccess::Allow, Patience::Sleeps);
        let ada = Person::new(stage, "ada", "Ada").at(&process.service);
        let choice = json!({ "plan": "pro", "price": "monthly" });
        let reply = ada.call(Method::POST, "checkout", choice).await.unwrap();
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{}", reply.text());
        assert_eq!((calls.load(Ordering::SeqCst), looks.load(Ordering::SeqCst)), (2, 0));
        process.conductor.settle().await.unwrap();
        assert_eq!(stage.sandbox.list("checkout.session").len(), 1);
        assert_eq!(newest_intent(stage).await.0.state, intents::IntentState::Done);
    }
}
