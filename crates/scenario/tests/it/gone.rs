//! A customer who is deleted at Stripe, and forgotten here, in the middle of something.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use serde_json::json;
use specie_scenario::{Card, Person, Stage};
use specie_store::{customers, intents};
use specie_stripe::{Transport, TransportError};
use specie_vocab::CustomerId;
use tokio::sync::Semaphore;
use tower::ServiceExt;

use crate::losses::pay_a_second_session;
use crate::set::{beside, both, having, way};

/// A way to Stripe on which calls to `path` get no answer.
fn without(stage: &Stage, method: Method, path: &'static str) -> Transport {
    let inner = stage.stripe.transport.clone();
    way(move |request: Request<Bytes>| {
        let (inner, method) = (inner.clone(), method.clone());
        async move {
            if request.uri().path() == path && *request.method() == method {
                return Err(TransportError::new("nobody answers"));
            }
            inner.oneshot(request).await
        }
    })
}

/// A process that stands still in the middle of something, until it may go on.
struct Still {
    stands: Arc<Semaphore>,
    goes_on: Arc<Semaphore>,
    to_stripe: Transport,
}

impl Still {
    /// Once it has the answer to a call that `is_it`.
    fn once(stage: &Stage, is_it: fn(&Request<Bytes>) -> bool) -> Self {
        let (stands, goes_on) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let (inner, standing, going) =
            (stage.stripe.transport.clone(), Arc::clone(&stands), Arc::clone(&goes_on));
        let to_stripe = way(move |request: Request<Bytes>| {
            let (inner, stands, goes_on) = (inner.clone(), standing.clone(), going.clone());
            async move {
                let is_it = is_it(&request);
                let answer = inner.oneshot(request).await;
                if is_it {
                    stands.add_permits(1);
                    goes_on.acquire().await.unwrap().forget();
                }
                answer
            }
        });
        Self { stands, goes_on, to_stripe }
    }

    /// Does something while it stands still.
    async fn meanwhile(&self, something: impl Future<Output = ()>) {
        self.stands.acquire().await.unwrap().forget();
        something.await;
        self.goes_on.add_permits(1);
    }
}

/// Ada at Stripe.
pub async fn customer(stage: &Stage) -> CustomerId {
    let mut tx = stage.app.db.read().await.unwrap();
    customers::find(&mut tx, "app", "ada").await.unwrap().unwrap().stripe.unwrap()
}

both! {
    async fn a_portal_is_not_opened_for_who_was_forgotten_since_they_asked(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        stage.conductor.settle().await.unwrap();
        let path = format!("/v1/customers/{}", customer(stage).await);
        ada.api(Method::DELETE, &path, "").await.unwrap();
        stage.conductor.settle().await.unwrap();

        let still = Still::once(stage, |request| request.uri().path() == "/v1/account");
        let slow = beside(stage, still.to_stripe.clone());
        let cut_off = beside(stage, without(stage, Method::POST, "/v1/customers"));
        let visitor = Person::new(stage, "ada", "Ada").at(&slow.service);
        let buyer = Person::new(stage, "ada", "Ada").at(&cut_off.service);
        let visits = visitor.call(Method::POST, "portal", json!({}));
        let buys = still.meanwhile(async {
            let choice = json!({ "plan": "pro", "price": "monthly" });
            let reply = buyer.call(Method::POST, "checkout", choice).await.unwrap();
            assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{}", reply.text());
        });
        let (visited, ()) = tokio::join!(visits, buys);
        let visited = visited.unwrap();
        assert_eq!(visited.status, StatusCode::CONFLICT, "{}", visited.text());
        assert_eq!(visited.json().unwrap()["code"], "no_stripe_customer");

        // They are nobody at Stripe until what they have chosen goes on.
        stage.conductor.settle().await.unwrap();
        assert_eq!(having(stage, "checkout.session", "open").len(), 1);
    }

    async fn what_is_to_be_given_back_is_given_back_to_who_was_forgotten(stage: &Stage) {
        pay_a_second_session(stage).await;
        let old = customer(stage).await;
        let still = Still::once(stage, |request| *request.method() == Method::DELETE);
        let process = beside(stage, still.to_stripe.clone());
        let (settled, ()) = tokio::join!(
            process.conductor.settle(),
            still.meanwhile(async {
                let mut tx = stage.app.db.begin().await.unwrap();
                let ada = customers::find(&mut tx, "app", "ada").await.unwrap().unwrap();
                assert!(customers::unbind(&mut tx, ada.id, &old).await.unwrap());
                tx.commit().await.unwrap();
            })
        );
        settled.unwrap();
        assert_eq!(having(stage, "subscription", "canceled").len(), 1);
        assert_eq!(stage.sandbox.list("refund").len(), 1);
        let mut tx = stage.app.db.read().await.unwrap();
        let ada = customers::find(&mut tx, "app", "ada").await.unwrap().unwrap();
        let all = intents::of_payer(&mut tx, ada.id, 100).await.unwrap();
        let back = all.iter().find(|it| it.kind == "cancel_and_refund").unwrap();
        assert_eq!(back.state, intents::IntentState::Done);
        let found = specie_scenario::agree::compare(&stage.app.db, &stage.stripe).await.unwrap();
        assert_eq!(found.differing, [] as [String; 0]);
    }
}
