//! A change of which nobody knows what it has done at Stripe waits for an operator, who lets it go on
//! or ends it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};

use bytes::Bytes;
use http::{Method, Request, Response};
use serde_json::{Value, json};
use specie_scenario::checks::{self, Closed};
use specie_scenario::{Card, Person, Stage, agree};
use specie_server::intents::stuck::{Decision, NotDecided, decide, decide_here};
use specie_store::intents::{Intent, IntentState};
use specie_store::{audit, customers, intents, leases};
use specie_stripe::{Transport, TransportError};
use specie_vocab::{IntentId, SystemChance, WallClock};
use tower::ServiceExt;

use crate::losses::pay_a_second_session;
use crate::set::{beside, both, having, text, way};

/// A way to Stripe on which the key of the first request to `to` is said to stand for another, whether
/// it is carried out or not.
fn mistaken(stage: &Stage, to: (Method, &'static str), carried_out: bool) -> Transport {
    let (inner, done) = (stage.stripe.transport.clone(), Arc::new(AtomicBool::default()));
    way(move |request: Request<Bytes>| {
        let (inner, done, to) = (inner.clone(), Arc::clone(&done), to.clone());
        async move {
            let is_it = *request.method() == to.0 && request.uri().path().starts_with(to.1);
            if !is_it || done.swap(true, Ordering::SeqCst) {
                return inner.oneshot(request).await;
            }
            if carried_out {
                inner.oneshot(request).await?;
            }
            let error = json!({ "error": {
                "type": "idempotency_error", "message": "used with other parameters",
            } });
            let answer = Response::builder().status(400).body(Bytes::from(error.to_string()));
            Ok(answer.unwrap())
        }
    })
}

/// A way to Stripe on which no session is made, and whoever lists them is answered with `status`,
/// unless that is nothing.
fn without_sessions(stage: &Stage, status: &Arc<AtomicU16>) -> Transport {
    let (inner, status) = (stage.stripe.transport.clone(), Arc::clone(status));
    way(move |request: Request<Bytes>| {
        let (inner, status) = (inner.clone(), status.load(Ordering::SeqCst));
        async move {
            if request.uri().path() != "/v1/checkout/sessions" {
                return inner.oneshot(request).await;
            }
            if request.method() == Method::POST {
                return Err(TransportError::new("nobody answers"));
            }
            if status == 0 {
                return inner.oneshot(request).await;
            }
            let error = json!({ "error": { "type": "invalid_request_error", "message": "no" } });
            let answer = Response::builder().status(status).body(Bytes::from(error.to_string()));
            Ok(answer.unwrap())
        }
    })
}

/// A way to Stripe on which nobody answers whoever ends a subscription.
fn without_ends(stage: &Stage) -> Transport {
    let inner = stage.stripe.transport.clone();
    way(move |request: Request<Bytes>| {
        let inner = inner.clone();
        async move {
            let of_one = request.uri().path().starts_with("/v1/subscriptions/");
            if of_one && request.method() == Method::DELETE {
                return Err(TransportError::new("nobody answers"));
            }
            inner.oneshot(request).await
        }
    })
}

/// Ada's checkout is stuck. Answers it.
async fn stuck(stage: &Stage, carried_out: bool) -> IntentId {
    let to = (Method::POST, "/v1/checkout/sessions");
    let process = beside(stage, mistaken(stage, to, carried_out));
    let blind = Person::new(stage, "ada", "Ada").at(&process.service);
    for _ in 0..2 {
        let body = json!({ "plan": "pro", "price": "monthly" });
        let reply = blind.call(Method::POST, "checkout", body).await.unwrap().json().unwrap();
        assert_eq!(reply["code"], "needs_operator", "{reply}");
    }
    the_stuck(stage).await
}

/// A second subscription of Ada's is not taken back: that is stuck. Answers it.
async fn second_stuck(stage: &Stage, carried_out: bool) -> IntentId {
    pay_a_second_session(stage).await;
    let to = (Method::DELETE, "/v1/subscriptions/");
    let process = beside(stage, mistaken(stage, to, carried_out));
    process.conductor.settle().await.unwrap();
    the_stuck(stage).await
}

/// Somebody ends in the dashboard what Ada was subscribed to first.
async fn the_first_ends(stage: &Stage) {
    let ada = Person::new(stage, "ada", "Ada");
    let view = ada.subscription().await.unwrap();
    let first = format!("/v1/subscriptions/{}", text(&view["subscription"]));
    ada.api(Method::DELETE, &first, "").await.unwrap();
}

async fn the_stuck(stage: &Stage) -> IntentId {
    stage.conductor.settle().await.unwrap();
    let found = of_ada(stage).await;
    let all: Vec<_> = found.iter().filter(|it| it.state == IntentState::Stuck).collect();
    assert_eq!(all.len(), 1, "{found:?}");
    all[0].id
}

async fn of_ada(stage: &Stage) -> Vec<Intent> {
    let mut tx = stage.app.db.read().await.unwrap();
    let ada = customers::find(&mut tx, "app", "ada").await.unwrap().unwrap();
    intents::of_payer(&mut tx, ada.id, 100).await.unwrap()
}

async fn state_of(stage: &Stage, id: IntentId) -> IntentState {
    let mut tx = stage.app.db.read().await.unwrap();
    intents::get(&mut tx, id).await.unwrap().unwrap().state
}

async fn decided(stage: &Stage, id: IntentId, decision: Decision) -> Result<(), NotDecided> {
    decide_here(&stage.app, &[id], decision).await.map(drop)
}

/// What an operator did to it, in the words of the trail.
async fn by_operator(stage: &Stage, id: IntentId) -> Vec<String> {
    let mut tx = stage.app.db.read().await.unwrap();
    let ada = customers::find(&mut tx, "app", "ada").await.unwrap().unwrap();
    let all = audit::list(&mut tx, ada.id).await.unwrap().into_iter();
    let of_it = all.filter(|entry| entry.who == "operator" && entry.why == id.to_string());
    of_it.map(|entry| entry.what).collect()
}

/// What came of each request of it, in order.
async fn outcomes(stage: &Stage, id: IntentId) -> Vec<String> {
    let mut tx = stage.app.db.read().await.unwrap();
    let tries = intents::tries(&mut tx, id).await.unwrap();
    let of_it = tries.into_iter().filter(|sent| sent.path != "/v1/customers");
    of_it.map(|sent| format!("{} {:?}", sent.n, sent.outcome.as_deref())).collect()
}

async fn a_minute(stage: &Stage) {
    stage.wall.advance_to(stage.wall.now().plus_seconds(61).timestamp());
    stage.conductor.settle().await.unwrap();
}

/// Ada buys by the session that is open, the only one.
async fn buys(stage: &Stage) -> Value {
    let ada = Person::new(stage, "ada", "Ada");
    let checkout = ada.checkout("pro", "monthly").await.unwrap();
    stage.conductor.settle().await.unwrap();
    let open = having(stage, "checkout.session", "open");
    assert_eq!(open.len(), 1);
    ada.pay(text(&checkout["url"]), Card::GOOD).await.unwrap();
    stage.conductor.settle().await.unwrap();
    assert_eq!(ada.subscription().await.unwrap()["status"], "active");
    let found = agree::compare(&stage.app.db, &stage.stripe).await.unwrap();
    assert_eq!(found.differing, [] as [String; 0]);
    open[0].clone()
}

both! {
    async fn a_customer_may_ask_again_for_what_was_not_done(stage: &Stage) {
        let id = stuck(stage, false).await;
        assert_eq!(having(stage, "checkout.session", "open").len(), 0);
        decided(stage, id, Decision::Retry).await.unwrap();
        assert_eq!(state_of(stage, id).await, IntentState::Open);
        a_minute(stage).await;
        assert_eq!(state_of(stage, id).await, IntentState::Undone);
        assert_eq!(outcomes(stage, id).await, ["1 Some(\"reopened\")"]);
        buys(stage).await;
        assert_eq!(by_operator(stage, id).await, ["checkout.retried"]);
    }

    async fn what_was_done_is_taken_up_and_not_done_again(stage: &Stage) {
        let id = stuck(stage, true).await;
        let made = having(stage, "checkout.session", "open");
        assert_eq!(made.len(), 1);
        decided(stage, id, Decision::Retry).await.unwrap();
        a_minute(stage).await;
        assert_eq!(state_of(stage, id).await, IntentState::Done);
        assert_eq!(buys(stage).await["id"], made[0]["id"]);
        assert_eq!(stage.sandbox.list("checkout.session").len(), 1);
        assert_eq!(outcomes(stage, id).await, ["1 Some(\"found\")"]);
    }

    async fn a_change_that_may_not_be_looked_for_waits_for_a_person(stage: &Stage) {
        let status = Arc::new(AtomicU16::default());
        let process = beside(stage, without_sessions(stage, &status));
        let ada = Person::new(stage, "ada", "Ada").at(&process.service);
        // Its answer is lost. A day later Stripe may have forgotten the key: it is looked for first.
        let answers =
            [(0, "stripe_unavailable"), (401, "stripe_unavailable"), (400, "needs_operator")];
        for (answer, code) in answers {
            status.store(answer, Ordering::SeqCst);
            let body = json!({ "plan": "pro", "price": "monthly" });
            let reply = ada.call(Method::POST, "checkout", body).await.unwrap().json().unwrap();
            assert_eq!(reply["code"], code, "{answer}: {reply}");
            stage.wall.advance_to(stage.wall.now().plus_seconds(86_400).timestamp());
        }
        let id = the_stuck(stage).await;
        assert_eq!(outcomes(stage, id).await, ["1 Some(\"stuck\")"]);

        // It may not be looked for when it is retried, either: it is still to be looked for first.
        decided(stage, id, Decision::Retry).await.unwrap();
        stage.wall.advance_to(stage.wall.now().plus_seconds(61).timestamp());
        process.conductor.settle().await.unwrap();
        assert_eq!(state_of(stage, id).await, IntentState::Stuck);
        assert_eq!(outcomes(stage, id).await, ["1 Some(\"reopened\")"]);
        decided(stage, id, Decision::Retry).await.unwrap();
        a_minute(stage).await;
        assert_eq!(state_of(stage, id).await, IntentState::Undone);
        buys(stage).await;
    }

    async fn what_a_closed_change_has_made_stays_and_counts_for_nobody(stage: &Stage) {
        let id = stuck(stage, true).await;
        let left = having(stage, "checkout.session", "open");
        decided(stage, id, Decision::Close).await.unwrap();
        let ada = Person::new(stage, "ada", "Ada");
        let checkout = ada.checkout("pro", "monthly").await.unwrap();
        assert_ne!(checkout["id"], left[0]["id"]);
        stage.conductor.settle().await.unwrap();
        stage.conductor.watermark().await.unwrap();
        assert_eq!(having(stage, "checkout.session", "open").len(), 2);
        let twice = checks::at_stripe(&stage.sandbox, &Closed::default()).unwrap_err().to_string();
        assert!(twice.starts_with("two sessions of a customer can be paid"), "{twice}");
        checks::always(&stage.sides()).await.unwrap();
        checks::at_rest(&stage.sides()).await.unwrap();
    }

    async fn a_customer_whom_a_closed_change_has_made_is_nobody(stage: &Stage) {
        let process = beside(stage, mistaken(stage, (Method::POST, "/v1/customers"), true));
        let blind = Person::new(stage, "ada", "Ada").at(&process.service);
        assert!(blind.checkout("pro", "monthly").await.is_err());
        let id = the_stuck(stage).await;
        decided(stage, id, Decision::Close).await.unwrap();
        Person::new(stage, "ada", "Ada").checkout("pro", "monthly").await.unwrap();
        stage.conductor.settle().await.unwrap();
        stage.conductor.watermark().await.unwrap();
        assert_eq!(stage.sandbox.list("customer").len(), 2);
        let twice = checks::at_stripe(&stage.sandbox, &Closed::default()).unwrap_err().to_string();
        assert!(twice.starts_with("a customer is at Stripe twice"), "{twice}");
        checks::always(&stage.sides()).await.unwrap();
        checks::at_rest(&stage.sides()).await.unwrap();
    }

    async fn a_customer_who_was_bound_counts_whatever_was_closed_since(stage: &Stage) {
        let id = stuck(stage, false).await;
        decided(stage, id, Decision::Close).await.unwrap();
        stage.conductor.settle().await.unwrap();
        checks::always(&stage.sides()).await.unwrap();
        let made = stage.sandbox.list("customer").remove(0);
        assert_eq!(made["metadata"]["specie_intent"], id.to_string());
        let form = format!(
            "metadata[specie_customer]={}",
            text(&made["metadata"]["specie_customer"])
        );
        let ada = Person::new(stage, "ada", "Ada");
        ada.api(Method::POST, "/v1/customers", &form).await.unwrap();
        let twice = checks::always(&stage.sides()).await.unwrap_err().to_string();
        assert!(twice.starts_with("a customer is at Stripe twice"), "{twice}");
    }

    async fn a_retried_change_waits_until_no_list_lags_behind(stage: &Stage) {
        let id = stuck(stage, true).await;
        decided(stage, id, Decision::Retry).await.unwrap();
        stage.wall.advance_to(stage.wall.now().plus_seconds(50).timestamp());
        let mut tx = stage.app.db.begin().await.unwrap();
        let now = tx.now().await.unwrap();
        leases::end_all(&mut tx, now).await.unwrap(); // As when a service that is alone starts anew.
        assert!(!intents::due(&mut tx, now, 9).await.unwrap().contains(&id));
        assert!(intents::due(&mut tx, now.plus_seconds(11), 9).await.unwrap().contains(&id));
    }

    async fn a_closed_change_gives_its_slot_back(stage: &Stage) {
        let id = stuck(stage, false).await;
        decided(stage, id, Decision::Close).await.unwrap();
        assert_eq!(state_of(stage, id).await, IntentState::Undone);
        buys(stage).await;
        assert_eq!(by_operator(stage, id).await, ["checkout.undone"]);
        for decision in [Decision::Retry, Decision::Close] {
            let again = decided(stage, id, decision).await.unwrap_err().to_string();
            assert_eq!(
                again,
                format!("intent `{id}` is undone, and only stuck ones are retried or closed")
            );
        }
        let unknown = "019a0000-0000-7000-8000-000000000000".parse().unwrap();
        let refused = decided(stage, unknown, Decision::Close).await.unwrap_err();
        assert!(matches!(refused, NotDecided::Unknown(_)));
    }

    async fn a_second_subscription_is_taken_back_once_more(stage: &Stage) {
        let id = second_stuck(stage, false).await;
        assert_eq!(having(stage, "subscription", "active").len(), 2);
        decided(stage, id, Decision::Retry).await.unwrap();
        a_minute(stage).await;
        assert_eq!(state_of(stage, id).await, IntentState::Done);
        assert_eq!(having(stage, "subscription", "active").len(), 1);
        assert_eq!(stage.sandbox.list("refund").len(), 1);
        let outcomes = outcomes(stage, id).await;
        assert_eq!(outcomes[..2], ["1 Some(\"gave_up\")", "2 Some(\"answered\")"]);
    }

    async fn what_is_the_only_subscription_by_now_is_not_taken_back(stage: &Stage) {
        let id = second_stuck(stage, false).await;
        the_first_ends(stage).await;
        stage.conductor.settle().await.unwrap();
        decided(stage, id, Decision::Retry).await.unwrap();
        a_minute(stage).await;
        assert_eq!(state_of(stage, id).await, IntentState::Undone);
        assert_eq!(having(stage, "subscription", "active").len(), 1);
        assert_eq!(stage.sandbox.list("refund").len(), 0);
    }

    async fn what_is_the_only_subscription_by_now_is_not_asked_back_again(stage: &Stage) {
        pay_a_second_session(stage).await;
        let process = beside(stage, without_ends(stage));
        process.conductor.pulse().await.unwrap();
        let begun = of_ada(stage).await;
        let back = begun.iter().find(|it| it.kind == "cancel_and_refund").unwrap();
        assert_eq!(outcomes(stage, back.id).await, ["1 None"]);
        the_first_ends(stage).await;
        a_minute(stage).await;
        assert_eq!(outcomes(stage, back.id).await, ["1 Some(\"held\")"], "a read may be late");
        a_minute(stage).await;
        assert_eq!(state_of(stage, back.id).await, IntentState::Undone);
        assert_eq!(having(stage, "subscription", "active").len(), 1);
        assert_eq!(stage.sandbox.list("refund").len(), 0);
        let ada = Person::new(stage, "ada", "Ada");
        assert_eq!(ada.subscription().await.unwrap()["status"], "active");
    }

    async fn whether_a_canceled_one_is_paid_back_is_for_a_person_to_say(stage: &Stage) {
        let id = second_stuck(stage, true).await;
        decided(stage, id, Decision::Retry).await.unwrap();
        a_minute(stage).await;
        assert_eq!(state_of(stage, id).await, IntentState::Failed);
        assert_eq!(stage.sandbox.list("refund").len(), 0);
    }

    async fn a_change_that_is_named_twice_is_decided_once(stage: &Stage) {
        let id = stuck(stage, false).await;
        let now = stage.app.wall.now();
        let twice = decide(&stage.app.db, &SystemChance, &[id, id], Decision::Close, now).await;
        assert_eq!(twice.unwrap().intents, [id]);
        assert_eq!(by_operator(stage, id).await, ["checkout.undone"]);
    }
}
