//! A customer who buys in two plan groups is one customer at Stripe, whatever happens at once.

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use specie_scenario::{Card, Person, Stage};
use specie_server::app::AppParts;
use specie_server::catalog;
use specie_stripe::{Transport, TransportError};
use tower::ServiceExt;

use crate::one_subscription::customer_held_back;
use crate::set::{Process, beside_but, both, having, text, way};

/// A second group beside the first, with a plan `space`.
fn storage(parts: &mut AppParts) {
    let mut group = parts.catalog.groups[0].clone();
    group.key = "storage".into();
    group.plans.truncate(1);
    group.plans[0].key = "space".into();
    parts.catalog.groups.push(group);
}

/// A process that sells both groups, both of which are at Stripe.
pub async fn seller(stage: &Stage, to_stripe: Transport) -> Process {
    let process = beside_but(stage, to_stripe, storage);
    let app = &process.app;
    catalog::apply(&app.db, &stage.app.stripe, &app.catalog, None).await.unwrap();
    process
}

/// Ada asks for a plan: the status, and what was answered.
pub async fn asks(stage: &Stage, process: &Process, plan: &str) -> (u16, Value) {
    let ada = Person::new(stage, "ada", "Ada").at(&process.service);
    let body = json!({ "plan": plan, "price": "monthly" });
    let reply = ada.call(Method::POST, "checkout", body).await.unwrap();
    (reply.status.as_u16(), reply.json().unwrap())
}

/// Both are bought in the end, by one customer.
pub async fn assert_one_customer(stage: &Stage, process: &Process) {
    process.conductor.settle().await.unwrap();
    for plan in ["pro", "space"] {
        let (status, answer) = asks(stage, process, plan).await;
        assert!(matches!(status, 200 | 201), "{plan}: {status} {answer}");
        let ada = Person::new(stage, "ada", "Ada");
        ada.pay(text(&answer["url"]), Card::GOOD).await.unwrap();
        process.conductor.settle().await.unwrap();
    }
    assert_eq!(stage.sandbox.list("customer").len(), 1);
    assert_eq!(having(stage, "subscription", "active").len(), 2);
}

both! {
    async fn two_processes_that_hear_of_both_groups_at_once_make_one_customer(stage: &Stage) {
        let (slow, made, go) = customer_held_back(stage);
        let first = seller(stage, slow).await;
        let second = seller(stage, stage.stripe.transport.clone()).await;
        let (of_first, of_second) = tokio::join!(asks(stage, &first, "pro"), async {
            made.notified().await;
            let answer = asks(stage, &second, "space").await;
            go.notify_one();
            answer
        });
        assert_eq!(of_first.0, 201, "{}", of_first.1);
        assert_eq!(of_second.0, 503, "{}", of_second.1);
        assert_one_customer(stage, &second).await;
    }

    async fn a_customer_whose_making_was_not_heard_of_is_not_made_again_for_another_group(stage: &Stage) {
        let inner = stage.stripe.transport.clone();
        let deaf = way(move |request: Request<Bytes>| {
            let inner = inner.clone();
            async move {
                let of_it = request.method() == Method::POST && request.uri().path() == "/v1/customers";
                let answer = inner.oneshot(request).await;
                if of_it { Err(TransportError::new("nothing came back")) } else { answer }
            }
        });
        let process = seller(stage, deaf).await;
        for plan in ["pro", "space"] {
            let (status, answer) = asks(stage, &process, plan).await;
            assert_eq!(status, 503, "{answer}");
        }
        assert_eq!(stage.sandbox.list("customer").len(), 1);
        let hearing = seller(stage, stage.stripe.transport.clone()).await;
        assert_one_customer(stage, &hearing).await;
    }

    async fn a_customer_who_may_be_at_stripe_needs_a_person_in_each_group(stage: &Stage) {
        let inner = stage.stripe.transport.clone();
        let refusing = way(move |request: Request<Bytes>| {
            let inner = inner.clone();
            async move {
                let of_it = request.method() == Method::POST && request.uri().path() == "/v1/customers";
                if !of_it {
                    return inner.oneshot(request).await;
                }
                let error = json!({ "error": { "type": "idempotency_error", "message": "another" } });
                let mut answer = Response::new(Bytes::from(error.to_string()));
                *answer.status_mut() = StatusCode::BAD_REQUEST;
                Ok(answer)
            }
        });
        let process = seller(stage, refusing).await;
        asks(stage, &process, "pro").await;
        let (status, answer) = asks(stage, &process, "space").await;
        assert_eq!((status, &answer["code"]), (409, &json!("needs_operator")), "{answer}");
    }
}
