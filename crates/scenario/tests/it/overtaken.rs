//! A worker that takes so long that something happens meanwhile.

use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Method, Request, Response};
use serde_json::json;
use specie_scenario::{Card, Person, Stage, agree};
use specie_server::intents::{Driven, drive};
use specie_server::lanes::{self, WishFor};
use specie_server::{Patience, alarms};
use specie_store::customers::{self, Payer};
use specie_store::inbox::{self, InboxState};
use specie_store::{Fate, Gate, intents, lanes as stored, leases};
use specie_stripe::{Transport, TransportError};
use specie_vocab::{IntentId, PayerId};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::block_in_place;
use tower::ServiceExt;
use uuid::Uuid;

use crate::alarms::Right;
use crate::set::{beside, beside_but, both, tell, text, way};

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

    /// Whether a further one is there.
    pub fn is_there(&self) -> bool {
        self.has_read.available_permits() > 0
    }

    /// It, and all others, may be heard.
    pub fn go_on(&self) {
        self.may_hear.add_permits(100);
    }
}

/// A way on which no subscription is changed: Stripe refuses to, or does not answer.
fn unchanging(inner: Transport, refuses: bool) -> Transport {
    way(move |request: Request<Bytes>| {
        let inner = inner.clone();
        async move {
            let of_one = request.uri().path().starts_with("/v1/subscriptions/");
            if !of_one || request.method() != Method::POST {
                return inner.oneshot(request).await;
            }
            if !refuses {
                return Err(TransportError::new("nobody answers"));
            }
            let error = json!({ "error": { "type": "invalid_request_error", "message": "no" } });
            let answer = Response::builder().status(400).body(Bytes::from(error.to_string()));
            Ok(answer.unwrap())
        }
    })
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
    let (lane, what) = (text(&subscription["customer"]).to_owned(), WishFor::object(&id));
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
    async fn a_refusal_that_is_told_late_ends_nothing_that_another_asks_for(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        stage.conductor.settle().await.unwrap();
        let cut_off = beside(stage, unchanging(stage.stripe.transport.clone(), false));
        ada.at(&cut_off.service).cancel().await.unwrap_err();
        let id = intent_of_ada(stage).await;

        let (first, second) = (Reading::new(), Reading::new());
        let slow = beside(stage, unchanging(first.way(stage), true)).app;
        let quick = beside(stage, second.way(stage)).app;
        a_lease_ends(stage);
        let refused = tokio::spawn(async move { drive(&slow, id).await });
        first.wait().await; // It looks at what it was refused to change.
        a_lease_ends(stage);
        let asked = tokio::spawn(async move { drive(&quick, id).await });
        second.wait().await;
        first.go_on();
        assert_eq!(refused.await.unwrap().unwrap(), Driven::Busy);
        second.go_on();
        let done = Driven::Finished(intents::IntentState::Done);
        assert_eq!(asked.await.unwrap().unwrap(), done);
        assert_agreed(stage).await;
    }

    async fn what_comes_while_a_lane_is_read_is_looked_at_afterwards(stage: &Stage) {
        read_while(stage, async || stage.conductor.pulse().await.unwrap()).await;
        stage.conductor.settle().await.unwrap();
        assert_agreed(stage).await;
    }

    async fn who_comes_too_late_writes_over_nothing(stage: &Stage) {
        read_while(stage, async || stage.conductor.settle().await.unwrap()).await;
        assert_agreed(stage).await;
    }

    async fn who_waits_for_a_lane_that_another_holds_only_reads(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        stage.conductor.settle().await.unwrap();
        let lane = ada_here(stage).await.stripe.unwrap().to_string();
        take(stage, &lane).await;

        let commits = Arc::new(Commits::default());
        let waiting = beside_but(stage, stage.stripe.transport.clone(), |parts| {
            parts.db = parts.db.clone().with_gate(commits.clone());
            parts.patience = Patience::Yields;
        });
        let look = lanes::look_now(&waiting.app, &lane, WishFor::Everything, "call:portal");
        assert_eq!(look.await.unwrap_err().code, "stripe_unavailable");
        assert_eq!(commits.0.load(Ordering::SeqCst), 1, "its wish alone");
        stage.conductor.settle().await.unwrap();
    }

    async fn a_right_that_is_missing_elsewhere_cuts_nobodys_waiting_short(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        stage.conductor.settle().await.unwrap();
        let lane = ada_here(stage).await.stripe.unwrap().to_string();
        let db = stage.app.db.clone();
        let gate = Arc::new(At::new(async move || {
            let mut tx = db.begin().await.unwrap();
            let now = tx.now().await.unwrap();
            leases::end_all(&mut tx, now).await.unwrap();
            tx.commit().await.unwrap();
        }));
        let without = Right::new().way(stage, &Method::GET, "/v1/webhook_endpoints");
        let waiting = beside_but(stage, without, |parts| {
            parts.db = parts.db.clone().with_gate(gate.clone());
            parts.patience = Patience::Yields;
        });
        alarms::look_at_endpoint(&waiting.app).await.unwrap_err();
        assert!(waiting.app.stripe.may_not_read());

        take(stage, &lane).await;
        gate.acts_in(25);
        lanes::settle(&waiting.app, &lane).await.unwrap();
    }

    async fn who_becomes_ours_while_a_worker_takes_them_for_a_stranger_is_none(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        let made = ada.api(Method::POST, "/v1/customers", "name=Eve").await.unwrap();
        let customer = text(&made["id"]);
        tell(stage, "customer.created").await;
        let eve = Payer {
            id: PayerId(Uuid::from_u128(7)),
            realm: "app".into(),
            app_id: "eve".into(),
            stripe: Some(customer.try_into().unwrap()),
            version: 0,
            created_at: stage.app.wall.now(),
        };
        // A worker has claimed the lane, has seen that they are not ours, and is about to leave it.
        let db = stage.app.db.clone();
        let gate = Arc::new(At::new(async move || {
            let mut tx = db.begin().await.unwrap();
            assert!(customers::insert(&mut tx, &eve).await.unwrap());
            let customer = eve.stripe.as_ref().unwrap();
            inbox::pend_unclaimed(&mut tx, customer.as_str()).await.unwrap();
            tx.commit().await.unwrap();
        }));
        gate.acts_in(2);
        let process = beside_but(stage, stage.stripe.transport.clone(), |parts| {
            parts.db = stage.app.db.clone().with_gate(gate);
        });
        lanes::run(&process.app, customer).await.unwrap();
        let mut tx = stage.app.db.read().await.unwrap();
        assert!(customers::find(&mut tx, "app", "eve").await.unwrap().is_some());
        drop(tx);
        stage.conductor.settle().await.unwrap();
        let mut tx = stage.app.db.read().await.unwrap();
        let events = inbox::of_customer(&mut tx, customer).await.unwrap();
        let states: Vec<_> = events.iter().map(|event| event.state).collect();
        assert_eq!(states, [InboxState::Handled]);
    }

    // One process has made a customer and has not heard of it yet; another hears of it, they are
    // deleted in the dashboard, and buy again.
    async fn who_was_deleted_and_is_somebody_else_by_now_is_not_bound_again(stage: &Stage) {
        let reading = Reading::new();
        let slow = beside(stage, reading.way_of(stage, |path| path == "/v1/customers"));
        let no_sessions = Arc::new(AtomicBool::new(true));
        let quick = beside(stage, without_sessions(stage, &no_sessions));
        let [slowly, ada] = [&slow, &quick].map(|it| Person::new(stage, "ada", "Ada").at(&it.service));
        let choice = json!({ "plan": "pro", "price": "monthly" });
        let (late, ()) = tokio::join!(slowly.call(Method::POST, "checkout", choice), async {
            reading.wait().await;
            a_lease_ends(stage);
            assert_eq!(drive(&quick.app, intent_of_ada(stage).await).await.unwrap(), Driven::Waits);
            let made = text(&stage.sandbox.list("customer")[0]["id"]).to_owned();
            ada.api(Method::DELETE, &format!("/v1/customers/{made}"), "").await.unwrap();
            no_sessions.store(false, Ordering::SeqCst);
            quick.conductor.settle().await.unwrap();
            ada.checkout("pro", "monthly").await.unwrap();
            reading.go_on();
        });
        let late = late.unwrap();
        assert!(!late.status.is_server_error(), "{}: {}", late.status, late.text());
        quick.conductor.settle().await.unwrap();
        let customers = stage.sandbox.list("customer");
        let known = ada_here(stage).await.stripe.map(|id| id.to_string());
        assert_eq!((customers.len(), known.as_deref()), (1, customers[0]["id"].as_str()));
        let found = agree::compare(&stage.app.db, &stage.stripe).await.unwrap();
        assert_eq!(found.differing, [] as [String; 0]);
    }
}

/// Does something right before a process begins to read or to write once more: nothing that it does
/// itself can come between.
struct At<F> {
    act: F,
    /// How often it begins before that.
    left: AtomicUsize,
}

impl<F: AsyncFn() + Send + Sync> At<F> {
    fn new(act: F) -> Self {
        Self { act, left: AtomicUsize::new(usize::MAX) }
    }

    fn acts_in(&self, begun: usize) {
        self.left.store(begun, Ordering::SeqCst);
    }
}

impl<F: AsyncFn() + Send + Sync> Gate for At<F> {
    fn is_up(&self) -> bool {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 0 {
            block_in_place(|| Handle::current().block_on((self.act)()));
        }
        true
    }

    fn before_commit(&self) -> Pin<Box<dyn Future<Output = Fate> + Send + '_>> {
        Box::pin(ready(Fate::Lasts))
    }

    fn after_commit(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(ready(()))
    }
}

/// Counts what is committed.
#[derive(Default)]
struct Commits(AtomicUsize);

impl Gate for Commits {
    fn is_up(&self) -> bool {
        true
    }

    fn before_commit(&self) -> Pin<Box<dyn Future<Output = Fate> + Send + '_>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(ready(Fate::Lasts))
    }

    fn after_commit(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(ready(()))
    }
}

/// A worker takes a lane in which something is to be done, and is not heard of again.
async fn take(stage: &Stage, lane: &str) {
    let (app, what) = (&stage.app, WishFor::Everything);
    let mut tx = app.db.begin().await.unwrap();
    let now = tx.now().await.unwrap();
    lanes::wish(app, &mut tx, lane, &what, now, "call:portal").await.unwrap();
    let taken = stored::claim(&mut tx, lane, 30, now, app.business.now()).await.unwrap();
    assert!(taken.is_some());
    tx.commit().await.unwrap();
}

async fn ada_here(stage: &Stage) -> Payer {
    let mut tx = stage.app.db.read().await.unwrap();
    customers::find(&mut tx, "app", "ada").await.unwrap().unwrap()
}

async fn intent_of_ada(stage: &Stage) -> IntentId {
    let ada = ada_here(stage).await;
    let mut tx = stage.app.db.read().await.unwrap();
    intents::of_payer(&mut tx, ada.id, 1).await.unwrap()[0].id
}

/// Whoever holds something holds it no more.
fn a_lease_ends(stage: &Stage) {
    stage.wall.advance_to(stage.app.wall.now().plus_seconds(120).timestamp());
}

/// A way on which no session can be opened as long as `closed`.
fn without_sessions(stage: &Stage, closed: &Arc<AtomicBool>) -> Transport {
    let (inner, closed) = (stage.stripe.transport.clone(), Arc::clone(closed));
    way(move |request: Request<Bytes>| {
        let (inner, closed) = (inner.clone(), Arc::clone(&closed));
        async move {
            let opens =
                request.method() == Method::POST && request.uri().path() == "/v1/checkout/sessions";
            match opens && closed.load(Ordering::SeqCst) {
                true => Err(TransportError::new("nobody answers")),
                false => inner.oneshot(request).await,
            }
        }
    })
}
