//! What a lane asks Stripe for: each object once, and no more calls than Stripe's depth of expansion
//! makes necessary.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request};
use specie_scenario::{Card, Person, Stage, agree};
use specie_server::lanes::{self, WishFor};
use tower::ServiceExt;

use crate::set::{beside, both, tell, text, way};

/// The kinds of objects for which a process asks while it settles, in order.
async fn asked(stage: &Stage) -> Vec<String> {
    let (inner, calls) = (stage.stripe.transport.clone(), Arc::<Mutex<Vec<_>>>::default());
    let seen = Arc::clone(&calls);
    let process = beside(
        stage,
        way(move |request: Request<Bytes>| {
            let path = request.uri().path().to_owned();
            let mut seen = seen.lock().unwrap();
            assert!(seen.len() < 100, "it is asked for again and again");
            seen.push(format!("{} {path}", request.method()));
            drop(seen);
            inner.clone().oneshot(request)
        }),
    );
    process.conductor.settle().await.unwrap();
    let calls = calls.lock().unwrap();
    let kind = |call: &String| call.rsplit_once('/').map(|(kind, _)| kind.to_owned());
    calls.iter().filter(|call| !call.ends_with("/account")).filter_map(kind).collect()
}

both! {
    async fn what_hangs_on_an_object_comes_with_it(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        stage.conductor.settle().await.unwrap();

        let subscription = stage.sandbox.list("subscription").remove(0);
        let path = format!("/v1/subscriptions/{}", text(&subscription["id"]));
        ada.api(Method::POST, &path, "metadata[seats]=3").await.unwrap();
        assert_eq!(asked(stage).await, ["GET /v1/subscriptions", "GET /v1/payment_intents"]);

        ada.is_renamed_at_stripe().await.unwrap();
        // Looked at twice more, since its name changed so soon after it was read.
        assert_eq!(asked(stage).await, ["GET /v1/customers"; 3]);
        let found = agree::compare(&stage.app.db, &stage.stripe).await.unwrap();
        assert_eq!(found.differing, [] as [String; 0]);
    }

    async fn everything_is_listed_once_however_many_wished_for_it(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        stage.conductor.settle().await.unwrap();
        let lane = text(&stage.sandbox.list("customer")[0]["id"]).to_owned();
        let mut tx = stage.app.db.begin().await.unwrap();
        let now = tx.now().await.unwrap();
        for ago in 0..5 {
            let (what, due) = (WishFor::Everything, now.plus_seconds(-ago));
            lanes::wish(&stage.app, &mut tx, &lane, &what, due, "call:portal").await.unwrap();
        }
        tx.commit().await.unwrap();

        let calls = asked(stage).await;
        let lists = calls.iter().filter(|it| ["GET /v1", "GET /v1/checkout"].contains(&it.as_str()));
        assert_eq!(lists.count(), 4, "subscriptions, invoices, payments, sessions: {calls:?}");
    }

    async fn what_is_sold_is_read_once_where_that_shows_what_was_told(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        let product = ada.api(Method::POST, "/v1/products", "name=One").await.unwrap();
        tell(stage, "product.created").await;
        assert_eq!(asked(stage).await, ["GET /v1/products"]);

        let form = format!(
            "product={}&currency=usd&unit_amount=700&recurring[interval]=month",
            text(&product["id"])
        );
        ada.api(Method::POST, "/v1/prices", &form).await.unwrap();
        for kind in ["plan.created", "price.created"] {
            tell(stage, kind).await;
        }
        assert_eq!(asked(stage).await, ["GET /v1/prices"]);
    }

    // No database of ours keeps it as it was said.
    async fn a_null_character_is_no_reason_to_look_again_and_again(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        stage.conductor.settle().await.unwrap();

        let customer = stage.sandbox.list("customer").remove(0);
        let path = format!("/v1/customers/{}", text(&customer["id"]));
        ada.api(Method::POST, &path, "name=A%00B").await.unwrap();
        assert_eq!(stage.sandbox.list("customer")[0]["name"], "A\0B");
        assert_eq!(asked(stage).await, ["GET /v1/customers"; 3]);
    }
}
