//! A worker that reads from Stripe for so long that something happens meanwhile.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request};
use specie_scenario::{Card, Person, Stage, agree};
use specie_server::lanes::{self, WishFor};
use specie_stripe::Transport;
use tokio::sync::Semaphore;
use tower::ServiceExt;

use crate::set::{beside, both, text, way};

/// A reading that has its answer, and may not hear it yet.
#[derive(Clone)]
pub struct Reading {
    has_read: Arc<Semaphore>,
    may_hear: Arc<Semaphore>,
}

impl Reading {
    pub fn new() -> Self {
        Self { has_read: Arc::new(Semaphore::new(0)), may_hear: Arc::new(Semaphore::new(0)) }
    }

    /// A way to Stripe on which answers about a subscription are held back.
    fn way(&self, stage: &Stage) -> Transport {
        self.way_of(stage, |path| path.starts_with("/v1/subscriptions/"))
    }

    /// The same for these paths.
    pub fn way_of(&self, stage: &Stage, held: fn(&str) -> bool) -> Transport {
        let (inner, reading) = (stage.stripe.transport.clone(), self.clone());
        way(move |request: Request<Bytes>| {
            let (inner, reading) = (inner.clone(), reading.clone());
            async move {
                let is_held = held(request.uri().path());
                let answer = inner.oneshot(request).await;
                if is_held {
                    reading.has_read.add_permits(1);
                    reading.may_hear.acquire().await.unwrap().forget();
                }
                answer
            }
        })
    }

    /// Until the answer is there.
    pub async fn wait(&self) {
        self.has_read.acquire().await.unwrap().forget();
    }

    /// It, and all others, may be heard.
    pub fn go_on(&self) {
        self.may_hear.add_permits(100);
    }
}

/// Reads ada's subscription in a process of its own, and cancels it in the dashboard, and does
/// `meanwhile`, before that process hears what it was like.
async fn read_while(stage: &Stage, meanwhile: impl AsyncFnOnce()) {
    let ada = Person::new(stage, "ada", "Ada");
    ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
    stage.conductor.settle().await.unwrap();
    let subscription = stage.sandbox.list("subscription").remove(0);
    let id = text(&subscription["id"]).to_owned();

    let reading = Reading::new();
    let process = beside(stage, reading.way(stage));
    let (lane, what) =
        (text(&subscription["customer"]).to_owned(), WishFor::Object { id: id.clone() });
    let app = process.app.clone();
    let slow = tokio::spawn(async move { lanes::look_now(&app, &lane, what, "call:test").await });
    reading.wait().await;

    let path = format!("/v1/subscriptions/{id}");
    ada.api(Method::POST, &path, "cancel_at_period_end=true").await.unwrap();
    meanwhile().await;
    reading.go_on();
    let _late = slow.await.unwrap();
}

async fn assert_agreed(stage: &Stage) {
    let found = agree::compare(&stage.app.db, &stage.stripe).await.unwrap();
    assert_eq!(found.differing, [] as [String; 0]);
    let ada = Person::new(stage, "ada", "Ada");
    assert_eq!(ada.subscription().await.unwrap()["cancel_at_period_end"], true);
}

both! {
    async fn what_comes_while_a_lane_is_read_is_looked_at_afterwards(stage: &Stage) {
        read_while(stage, async || stage.conductor.pulse().await.unwrap()).await;
        stage.conductor.settle().await.unwrap();
        assert_agreed(stage).await;
    }

    async fn who_comes_too_late_writes_over_nothing(stage: &Stage) {
        read_while(stage, async || stage.conductor.settle().await.unwrap()).await;
        assert_agreed(stage).await;
    }
}
