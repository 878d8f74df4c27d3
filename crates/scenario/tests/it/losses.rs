//! Webhooks that are lost, late or doubled, and processes that end in the middle: what is left over
//! is finished by whoever comes next, once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Method, Request, Response};
use serde_json::{Value, json};
use specie_sandbox::{Fault, Odds};
use specie_scenario::{Card, Person, Stage, agree};
use specie_server::watermark;
use specie_store::{inbox, lanes, mails};
use specie_stripe::{Transport, TransportError};
use specie_vocab::WallClock;
use tokio::sync::Notify;
use tower::ServiceExt;

use crate::set::{On, Process, beside, both, having, lose_all, text, way};

const DAY: i64 = 86_400;

pub async fn assert_agreed(stage: &Stage) {
    let found = agree::compare(&stage.app.db, &stage.stripe).await.unwrap();
    assert_eq!(found.differing, [] as [String; 0]);
    let mut tx = stage.app.db.read().await.unwrap();
    assert!(lanes::at_rest(&mut tx).await.unwrap());
}

fn all_of(odds: Odds) -> Odds {
    Odds { longest_delay: 1_800, ..odds }
}

async fn mail_kinds(stage: &Stage) -> Vec<String> {
    let mut tx = stage.app.db.read().await.unwrap();
    let mut kinds: Vec<_> =
        mails::list(&mut tx, 100).await.unwrap().into_iter().map(|mail| mail.kind).collect();
    kinds.sort();
    kinds
}

both! {
    async fn a_payment_of_which_no_webhook_came_is_found_by_the_watermark_pass(stage: &Stage) {
        stage.conductor.watermark().await.unwrap();
        let ada = Person::new(stage, "ada", "Ada");
        stage.sandbox.faults_by_chance(1, all_of(Odds { lose: 100, ..Odds::default() }));
        let checkout = ada.checkout("pro", "monthly").await.unwrap();
        ada.pay(text(&checkout["url"]), Card::GOOD).await.unwrap();
        stage.conductor.settle().await.unwrap();
        assert_eq!(ada.subscription().await.unwrap()["status"], "none", "nobody has told us");

        stage.conductor.watermark().await.unwrap();
        assert_eq!(ada.subscription().await.unwrap()["status"], "active");
        assert_eq!(mail_kinds(stage).await, ["receipt"]);
        assert_agreed(stage).await;
    }

    async fn what_a_pass_has_read_is_kept_though_it_fails_further_down(stage: &Stage) {
        stage.conductor.watermark().await.unwrap();
        stage.wall.advance_to(stage.wall.now().plus_seconds(601).timestamp());
        stage.sandbox.faults_by_chance(1, all_of(Odds { lose: 100, ..Odds::default() }));
        let ada = Person::new(stage, "ada", "Ada");
        for _ in 0..250 {
            ada.api(Method::POST, "/v1/customers", "name=Bob").await.unwrap();
        }
        let before = stored(stage).await;
        let process = beside(stage, failing_from_page(stage, 2));
        watermark::pass(&process.app).await.unwrap_err();
        assert_eq!(stored(stage).await, before + 100);
        assert_eq!(watermark::pass(&stage.app).await.unwrap(), 150);
        assert_eq!(watermark::pass(&stage.app).await.unwrap(), 0);
    }

    // When it appears, a younger one has stood in the list for just under ten minutes, and headed it in
    // a pass.
    async fn an_event_that_the_list_shows_ten_minutes_late_is_found(stage: &Stage) {
        stage.conductor.watermark().await.unwrap();
        lose_all(stage, true);
        stage.wall.advance_to(stage.wall.now().plus_seconds(600).timestamp());
        let dashboard = Person::new(stage, "ada", "Ada");
        dashboard.api(Method::POST, "/v1/customers", "name=Late").await.unwrap();
        let late = text(&stage.sandbox.list("event")[0]["id"]).to_owned();
        dashboard.api(Method::POST, "/v1/customers", "name=Young").await.unwrap();
        let process = beside(stage, not_yet_listing(stage, &late));
        assert_eq!(watermark::pass(&process.app).await.unwrap(), 1);

        stage.wall.advance_to(stage.wall.now().plus_seconds(599).timestamp());
        assert_eq!(watermark::pass(&stage.app).await.unwrap(), 1);
        stage.conductor.settle().await.unwrap();
        let mut tx = stage.app.db.read().await.unwrap();
        assert!(inbox::head(&mut tx, &late).await.unwrap().is_some());
    }

    async fn a_month_without_any_webhook_ends_as_one_with_all_of_them(stage: &Stage) {
        stage.conductor.watermark().await.unwrap();
        let ada = Person::new(stage, "ada", "Ada");
        ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        ada.bank_blocks_card().await.unwrap();
        stage.conductor.settle().await.unwrap();

        stage.sandbox.faults_by_chance(1, all_of(Odds { lose: 100, ..Odds::default() }));
        stage.conductor.advance_to(stage.sandbox.now() + 31 * DAY).await.unwrap();
        assert_eq!(ada.subscription().await.unwrap()["status"], "past_due");
        assert_eq!(mail_kinds(stage).await, ["payment_failed", "receipt"]);
        assert_agreed(stage).await;
    }

    async fn webhooks_that_come_twice_change_once(stage: &Stage) {
        stage.sandbox.faults_by_chance(1, all_of(Odds { duplicate: 100, ..Odds::default() }));
        a_month(stage).await;
    }

    async fn webhooks_that_come_late_and_in_another_order_end_in_the_same_state(stage: &Stage) {
        stage.sandbox.faults_by_chance(7, all_of(Odds { delay: 70, ..Odds::default() }));
        a_month(stage).await;
    }

    async fn webhooks_that_are_tried_again_arrive(stage: &Stage) {
        stage.sandbox.faults_by_chance(3, all_of(Odds { fail: 50, ..Odds::default() }));
        a_month(stage).await;
    }

    async fn webhooks_with_every_fault_at_once_end_in_the_same_state(stage: &Stage) {
        stage.conductor.watermark().await.unwrap();
        let odds = Odds { lose: 25, fail: 20, duplicate: 25, delay: 25, ..Odds::default() };
        stage.sandbox.faults_by_chance(5, all_of(odds));
        a_month(stage).await;
    }

    // Its answer was lost with the process, and nobody was there for a day and more: under the same key
    // Stripe would do it once more.
    async fn what_was_done_under_a_key_that_stripe_has_forgotten_is_found_and_not_repeated(stage: &Stage) {
        // Of a checkout's changes the first makes the customer, the second the session.
        for (nth, whose) in [(1, "ada"), (2, "bob")] {
            let (transport, dead) = ends_at(stage, nth, When::AfterTheAnswer);
            let process = beside(stage, transport);
            let person = Person::new(stage, whose, "Somebody").at(&process.service);
            tokio::select! {
                reply = person.checkout("pro", "monthly") => panic!("it has not ended: {reply:?}"),
                () = dead.notified() => {}
            }
            stage.wall.advance_to(stage.app.wall.now().plus_seconds(DAY + 3_600).timestamp());
            stage.conductor.settle().await.unwrap();
            assert_eq!(stage.sandbox.list("customer").len(), nth, "change {nth}");
            assert_eq!(stage.sandbox.list("checkout.session").len(), nth, "change {nth}");
            assert_agreed(stage).await;
        }
    }

    async fn an_event_that_is_lost_and_then_found_is_kept_once(stage: &Stage) {
        stage.conductor.watermark().await.unwrap();
        let ada = Person::new(stage, "ada", "Ada");
        stage.sandbox.name_faults([None, Some(Fault::Delay(900)), Some(Fault::Lose)]);
        ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        stage.conductor.pass().await.unwrap();
        stage.conductor.settle().await.unwrap();
        stage.conductor.watermark().await.unwrap();

        let mut tx = stage.app.db.read().await.unwrap();
        let heads = specie_store::inbox::recent(&mut tx, 1000).await.unwrap();
        let events = stage.sandbox.list("event");
        let of_ada: Vec<_> = events
            .iter()
            .filter(|event| heads.iter().any(|head| event["id"] == *head.id))
            .collect();
        assert_eq!(heads.len(), of_ada.len(), "each is one that stripe lists");
        drop(tx);
        assert_agreed(stage).await;
    }
}

/// A way to Stripe on which the list of events is not answered from its `n`th page on.
fn failing_from_page(stage: &Stage, n: usize) -> Transport {
    let (inner, pages) = (stage.stripe.transport.clone(), Arc::new(AtomicUsize::default()));
    way(move |request: Request<Bytes>| {
        let (inner, pages) = (inner.clone(), Arc::clone(&pages));
        async move {
            let is_page = request.uri().path() == "/v1/events";
            if is_page && pages.fetch_add(1, Ordering::SeqCst) + 1 >= n {
                return Err(TransportError::new("nobody answers"));
            }
            inner.oneshot(request).await
        }
    })
}

/// A way to Stripe on which the list of events does not show one of them yet.
fn not_yet_listing(stage: &Stage, late: &str) -> Transport {
    let (inner, late) = (stage.stripe.transport.clone(), json!(late));
    way(move |request: Request<Bytes>| {
        let (inner, late) = (inner.clone(), late.clone());
        async move {
            let (head, body) = inner.oneshot(request).await?.into_parts();
            let mut answer: Value = serde_json::from_slice(&body).unwrap_or_default();
            let Some(events) = answer.get_mut("data").and_then(Value::as_array_mut) else {
                return Ok(Response::from_parts(head, body));
            };
            events.retain(|event| event["id"] != late);
            Ok(Response::from_parts(head, answer.to_string().into()))
        }
    })
}

/// How many events the inbox has.
async fn stored(stage: &Stage) -> i64 {
    let mut tx = stage.app.db.read().await.unwrap();
    inbox::count(&mut tx).await.unwrap()
}

/// A month with a decline, a new card and a cancellation, whatever the webhooks do.
async fn a_month(stage: &Stage) {
    let ada = Person::new(stage, "ada", "Ada");
    ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
    ada.bank_blocks_card().await.unwrap();
    stage.conductor.settle().await.unwrap();
    stage.conductor.watermark().await.unwrap();
    stage.conductor.advance_to(stage.sandbox.now() + 31 * DAY).await.unwrap();
    assert_eq!(ada.subscription().await.unwrap()["status"], "past_due");

    ada.replace_card(Card::OTHER).await.unwrap();
    stage.conductor.settle().await.unwrap();
    stage.conductor.watermark().await.unwrap();
    assert_eq!(ada.subscription().await.unwrap()["status"], "active");
    ada.cancel().await.unwrap();
    stage.conductor.advance_to(stage.sandbox.now() + 31 * DAY).await.unwrap();
    let view = ada.subscription().await.unwrap();
    assert_eq!((&view["status"], &view["access"]), (&json!("canceled"), &json!(false)));
    assert_eq!(having(stage, "charge", "succeeded").len(), 2);
    let once =
        ["canceled", "cancellation_scheduled", "payment_failed", "receipt", "receipt", "recovered"];
    assert_eq!(mail_kinds(stage).await, once);
    assert_agreed(stage).await;
}

/// When a process ends, seen from a call that changes something at Stripe.
#[derive(Clone, Copy, Debug)]
pub enum When {
    /// The request was stored, and never arrived.
    BeforeItArrives,
    /// Stripe has answered, and nothing of it was committed.
    AfterTheAnswer,
}

/// A way to Stripe on which the process stops at its `nth` change. Answers the way, and what tells
/// that it has come to that.
fn ends_at(stage: &Stage, nth: usize, when: When) -> (Transport, Arc<Notify>) {
    let dead = Arc::new(Notify::new());
    let (tell, inner) = (Arc::clone(&dead), stage.stripe.transport.clone());
    let changes = Arc::new(AtomicUsize::new(0));
    let transport = way(move |request: Request<Bytes>| {
        let (inner, tell, changes) = (inner.clone(), Arc::clone(&tell), Arc::clone(&changes));
        async move {
            let reads = request.method() == Method::GET;
            if reads || changes.fetch_add(1, Ordering::SeqCst) + 1 != nth {
                return inner.oneshot(request).await;
            }
            if let When::AfterTheAnswer = when {
                inner.oneshot(request).await?;
            }
            tell.notify_one();
            std::future::pending().await
        }
    });
    (transport, dead)
}

/// A process that will end, and the stage that goes on.
pub struct Mortal<'a> {
    stage: &'a Stage,
    process: Process,
    dead: Arc<Notify>,
    pub died: bool,
}

impl<'a> Mortal<'a> {
    pub fn of(stage: &'a Stage, nth: usize, when: When) -> Self {
        let (transport, dead) = ends_at(stage, nth, when);
        Self { stage, process: beside(stage, transport), dead, died: false }
    }

    /// A call of Ada's app; when the process ends at it, another one settles what is left, and the
    /// app repeats its call there.
    pub async fn call(&mut self, method: Method, path: &str, body: Value) -> Value {
        let ada = || Person::new(self.stage, "ada", "Ada");
        if !self.died {
            let person = ada().at(&self.process.service);
            tokio::select! {
                reply = person.call(method.clone(), path, body.clone()) => {
                    let reply = reply.unwrap();
                    assert!(reply.status.is_success(), "{path}: {}", reply.text());
                    return reply.json().unwrap();
                }
                () = self.dead.notified() => {}
            }
            self.died = true;
            self.stage.conductor.settle().await.unwrap();
        }
        let reply = ada().call(method, path, body).await.unwrap();
        assert!(reply.status.is_success(), "{path}: {}", reply.text());
        reply.json().unwrap()
    }

    /// Work in the background, until it is at rest or the process has ended; then the other one's.
    async fn settle(&mut self) {
        if !self.died {
            tokio::select! {
                settled = self.process.conductor.settle() => settled.unwrap(),
                () = self.dead.notified() => self.died = true,
            }
        }
        self.stage.conductor.settle().await.unwrap();
    }
}

/// Chooses, chooses again, pays, cancels and resumes. Answers whether the process ended meanwhile.
async fn first_subscription(stage: &Stage, nth: usize, when: When) -> bool {
    let mut mortal = Mortal::of(stage, nth, when);
    let choice = |price: &str| json!({ "plan": "pro", "price": price });
    mortal.call(Method::POST, "checkout", choice("monthly")).await;
    let second = mortal.call(Method::POST, "checkout", choice("annual")).await;
    let ada = Person::new(stage, "ada", "Ada");
    ada.pay(text(&second["url"]), Card::GOOD).await.unwrap();
    let sync = format!("checkout/{}/sync", text(&second["id"]));
    assert_eq!(mortal.call(Method::POST, &sync, Value::Null).await["status"], "active");
    let path = "subscription/cancellation";
    let canceled = mortal.call(Method::POST, path, json!({})).await;
    assert_eq!(canceled["cancel_at_period_end"], true);
    let resumed = mortal.call(Method::DELETE, path, Value::Null).await;
    assert_eq!(resumed["cancel_at_period_end"], false);
    stage.conductor.settle().await.unwrap();

    assert_eq!(stage.sandbox.list("customer").len(), 1);
    assert_eq!(stage.sandbox.list("checkout.session").len(), 2);
    assert_eq!(having(stage, "checkout.session", "expired").len(), 1);
    assert_eq!(stage.sandbox.list("subscription").len(), 1);
    assert_eq!(having(stage, "charge", "succeeded").len(), 1);
    assert_eq!(stage.sandbox.list("refund"), [] as [Value; 0]);
    let changes = stage.sandbox.list("event");
    let changes = changes.iter().filter(|event| {
        let before = &event["data"]["previous_attributes"]["cancel_at_period_end"];
        event["type"] == "customer.subscription.updated" && before.is_boolean()
    });
    assert_eq!(changes.count(), 2, "one cancellation, one resumption");
    assert_agreed(stage).await;
    mortal.died
}

/// Ada is subscribed, and a second session with the mark of one of our intents is paid.
pub async fn pay_a_second_session(stage: &Stage) {
    let ada = Person::new(stage, "ada", "Ada");
    let first = ada.checkout("pro", "monthly").await.unwrap();
    ada.subscribe("pro", "annual", Card::GOOD).await.unwrap();
    stage.conductor.settle().await.unwrap();
    let old = stage.sandbox.object(text(&first["id"])).unwrap();
    let (customer, mark) = (text(&old["customer"]), text(&old["metadata"]["specie_intent"]));
    let prices = stage.sandbox.list("price");
    let price = prices.iter().find(|price| price["unit_amount"] == 2900).unwrap();
    let form = format!(
        "mode=subscription&customer={customer}&line_items[0][price]={}&line_items[0][quantity]=1\
         &success_url=http://service.localhost/billing/&metadata[specie_intent]={mark}\
         &subscription_data[metadata][specie_intent]={mark}",
        text(&price["id"])
    );
    let second = ada.api(Method::POST, "/v1/checkout/sessions", &form).await.unwrap();
    stage.sandbox.pay_checkout(text(&second["id"]), "pm_card_visa", None, None).unwrap();
}

/// A second session of ours that completes. Answers whether the process ended when it took it back.
async fn taken_back(stage: &Stage, nth: usize, when: When) -> bool {
    pay_a_second_session(stage).await;
    let ada = Person::new(stage, "ada", "Ada");
    let mut mortal = Mortal::of(stage, nth, when);
    mortal.settle().await;
    assert_eq!(having(stage, "subscription", "canceled").len(), 1);
    assert_eq!(having(stage, "subscription", "active").len(), 1);
    assert_eq!(stage.sandbox.list("refund").len(), 1);
    assert_eq!(ada.subscription().await.unwrap()["conflicts"], json!([]));
    assert_agreed(stage).await;
    mortal.died
}

/// A new card for a renewal that was declined. Answers whether the process ended when it charged it.
async fn recovered(stage: &Stage, nth: usize, when: When) -> bool {
    let ada = Person::new(stage, "ada", "Ada");
    ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
    ada.bank_blocks_card().await.unwrap();
    stage.conductor.advance_to(stage.sandbox.now() + 31 * DAY).await.unwrap();
    ada.replace_card(Card::OTHER).await.unwrap();

    let mut mortal = Mortal::of(stage, nth, when);
    mortal.settle().await;
    assert_eq!(ada.subscription().await.unwrap()["status"], "active");
    assert_eq!(having(stage, "charge", "succeeded").len(), 2);
    let kinds = mail_kinds(stage).await;
    assert_eq!(kinds, ["payment_failed", "receipt", "receipt", "recovered"]);
    assert_agreed(stage).await;
    mortal.died
}

/// Tells a story again and again, ending the process at each of its changes in turn, and once at
/// none. Answers how many changes there were; none, where there is no such database.
pub async fn at_each_change(
    on: On,
    story: impl AsyncFn(&Stage, usize, When) -> bool,
    when: When,
) -> Option<usize> {
    let mut nth = 1;
    while on.play(async |stage: &Stage| story(stage, nth, when).await).await? {
        nth += 1;
    }
    Some(nth - 1)
}

/// Both databases must bear an end after an answer: what was done at Stripe is not written down. An end
/// before a call, where nothing was done, is told on SQLite alone: each stage on Postgres takes a while.
pub async fn survives(story: impl AsyncFn(&Stage, usize, When) -> bool, changes: usize) {
    let told = at_each_change(On::Sqlite, &story, When::AfterTheAnswer).await;
    assert_eq!(told, Some(changes));
    let told = at_each_change(On::Postgres, &story, When::AfterTheAnswer).await;
    assert!(told.is_none_or(|told| told == changes), "{told:?} on Postgres");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_subscription_survives_an_end_after_each_of_stripes_answers() {
    survives(first_subscription, 6).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_subscription_survives_an_end_before_each_of_its_calls() {
    let told = at_each_change(On::Sqlite, first_subscription, When::BeforeItArrives).await;
    assert_eq!(told, Some(6));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_subscription_is_taken_back_once_though_the_process_ends_meanwhile() {
    survives(taken_back, 2).await;
    let told = at_each_change(On::Sqlite, taken_back, When::BeforeItArrives).await;
    assert_eq!(told, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_card_is_charged_once_though_the_process_ends_meanwhile() {
    survives(recovered, 2).await;
    let told = at_each_change(On::Sqlite, recovered, When::BeforeItArrives).await;
    assert_eq!(told, Some(2));
}
