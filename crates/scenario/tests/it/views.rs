//! What a customer is shown: how old it may be, what is done about it, and what other processes of
//! the service know at the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};
use specie_billing::catalog::StaleAccess;
use specie_scenario::{Card, Person, Stage};
use specie_server::Patience;
use specie_server::events;
use specie_server::lanes::{self, WishFor};
use specie_store::inbox::{Filter, InboxState};
use specie_store::{audit, inbox, keys};
use specie_stripe::{Transport, TransportError};
use specie_vocab::{ManualClock, WallClock, WallTime};
use tokio::sync::Notify;
use tower::ServiceExt;

use crate::set::{Process, beside, beside_but, both, deliver, text, way};

/// A further process with another policy for what is stale, and its own way of waiting.
pub fn process(
    stage: &Stage,
    to_stripe: Transport,
    policy: StaleAccess,
    patience: Patience,
) -> Process {
    beside_but(stage, to_stripe, |parts| {
        parts.catalog.policies.access_when_stale = policy;
        parts.patience = patience;
    })
}

/// A way to Stripe that counts what is read, and answers nothing at all if `away`.
pub fn counting(stage: &Stage, away: bool) -> (Transport, Arc<AtomicUsize>) {
    let (inner, count) = (stage.stripe.transport.clone(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&count);
    let transport = way(move |request: Request<Bytes>| {
        let (inner, count) = (inner.clone(), Arc::clone(&counted));
        async move {
            count.fetch_add(1, Ordering::SeqCst);
            if away {
                return Err(TransportError::new("nobody answers"));
            }
            inner.oneshot(request).await
        }
    });
    (transport, count)
}

/// A process that cannot read what lies at a path.
fn misreading(stage: &Stage, path: &str) -> Process {
    let (inner, bad) = (stage.stripe.transport.clone(), path.to_owned());
    let to_stripe = way(move |request: Request<Bytes>| {
        let (inner, bad) = (inner.clone(), bad.clone());
        async move {
            if request.method() != Method::GET || request.uri().path() != bad {
                return inner.oneshot(request).await;
            }
            let body = json!({ "id": bad.rsplit('/').next() });
            Ok(Response::new(Bytes::from(body.to_string())))
        }
    });
    beside(stage, to_stripe)
}

/// A process that cannot read Ada's subscription, and has parked an event over it.
async fn parking(stage: &Stage, ada: &Person<'_>) -> Process {
    let subscription = ada.subscription().await.unwrap()["subscription"].clone();
    let path = format!("/v1/subscriptions/{}", text(&subscription));
    let process = misreading(stage, &path);
    let told = stage.stripe.send(
        Method::POST,
        &path,
        &[
            ("authorization", "Bearer sk_test_specieStage00000000"),
            ("content-type", "application/x-www-form-urlencoded"),
        ],
        "metadata[from]=dashboard",
    );
    assert_eq!(told.await.unwrap().status, StatusCode::OK);
    process.conductor.settle().await.unwrap();
    process
}

/// A process for which Stripe fails whenever Ada's subscription is read.
async fn unable(stage: &Stage, ada: &Person<'_>) -> Process {
    let subscription = ada.subscription().await.unwrap()["subscription"].clone();
    let (inner, bad) = (stage.stripe.transport.clone(), text(&subscription).to_owned());
    let failing = way(move |request: Request<Bytes>| {
        let (inner, bad) = (inner.clone(), bad.clone());
        async move {
            if request.method() == Method::GET && request.uri().path().ends_with(&bad) {
                let mut failed = Response::new(Bytes::from_static(b"{}"));
                *failed.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                return Ok(failed);
            }
            inner.oneshot(request).await
        }
    });
    beside(stage, failing)
}

/// The stage's clock, so many seconds apart.
struct Apart(Arc<ManualClock>, i64);

impl WallClock for Apart {
    fn now(&self) -> WallTime {
        WallClock::now(&*self.0).plus_seconds(self.1)
    }
}

/// Somebody with the dashboard changes Ada's subscription.
async fn touch(stage: &Stage, ada: &Person<'_>) {
    let subscription = stage.sandbox.list("subscription");
    let own = subscription.iter().find(|it| it["items"]["data"][0]["price"]["unit_amount"] == 2900);
    let path = format!("/v1/subscriptions/{}", text(&own.unwrap()["id"]));
    ada.api(Method::POST, &path, "metadata[from]=dashboard").await.unwrap();
}

/// Ada, who has paid, and the first watermark pass.
pub async fn subscribed(stage: &Stage) -> Person<'_> {
    let ada = Person::new(stage, "ada", "Ada");
    ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
    stage.conductor.settle().await.unwrap();
    stage.conductor.watermark().await.unwrap();
    ada
}

pub fn wait(stage: &Stage, seconds: i64) {
    let to = stage.wall.now().plus_seconds(seconds);
    stage.wall.advance_to(to.timestamp());
}

both! {
    async fn a_view_that_nobody_has_confirmed_is_asked_about_once(stage: &Stage) {
        let ada = subscribed(stage).await;
        let (to_stripe, calls) = counting(stage, false);
        let process = beside(stage, to_stripe);
        let ada = ada.at(&process.service);
        wait(stage, 300);
        let view = ada.subscription().await.unwrap();
        assert_eq!((&view["stale"], calls.load(Ordering::SeqCst)), (&json!(false), 0));

        wait(stage, 1);
        let view = ada.subscription().await.unwrap();
        assert_eq!((&view["stale"], &view["status"]), (&json!(false), &json!("active")));
        assert_eq!(view["as_of"], json!(stage.wall.now().timestamp()));
        let asked = calls.load(Ordering::SeqCst);
        assert!(asked > 0, "stripe was asked");
        ada.subscription().await.unwrap();
        assert_eq!(calls.load(Ordering::SeqCst), asked, "and not again");

        // A watermark pass confirms all, in one call.
        wait(stage, 301);
        stage.conductor.pass().await.unwrap();
        let view = ada.subscription().await.unwrap();
        assert_eq!((&view["stale"], calls.load(Ordering::SeqCst)), (&json!(false), asked));
    }

    async fn a_view_is_confirmed_whatever_else_its_lane_waits_for(stage: &Stage) {
        let ada = subscribed(stage).await;
        wait(stage, 301);
        let now = stage.wall.now();
        let [lane, invoice] = ["customer", "invoice"].map(|kind| {
            text(&stage.sandbox.list(kind)[0]["id"]).to_owned()
        });
        let what = WishFor::object(invoice);
        let mut tx = stage.app.db.begin().await.unwrap();
        lanes::wish(&stage.app, &mut tx, &lane, &what, now, "call:sync").await.unwrap();
        tx.commit().await.unwrap();

        let view = ada.subscription().await.unwrap();
        let shown = (&view["stale"], &view["as_of"]);
        assert_eq!(shown, (&json!(false), &json!(now.timestamp())));
        let mut tx = stage.app.db.read().await.unwrap();
        assert!(!specie_store::lanes::has_due(&mut tx, &lane, now).await.unwrap());
    }

    async fn five_minutes_are_the_databases_whatever_a_process_takes_for_the_time(stage: &Stage) {
        subscribed(stage).await;
        for apart in [-600, 600] {
            let (to_stripe, calls) = counting(stage, false);
            let clock = Arc::new(Apart(stage.wall.clone(), apart));
            let process = beside_but(stage, to_stripe, |parts| parts.wall = clock);
            let ada = Person::new(stage, "ada", "Ada").at(&process.service);
            wait(stage, 300);
            let view = ada.subscription().await.unwrap();
            assert_eq!((&view["stale"], calls.load(Ordering::SeqCst)), (&json!(false), 0), "{apart}");

            wait(stage, 1);
            let view = ada.subscription().await.unwrap();
            assert!(calls.load(Ordering::SeqCst) > 0, "{apart}: stripe was asked");
            let now = json!(stage.wall.now().timestamp());
            assert_eq!((&view["stale"], &view["as_of"]), (&json!(false), &now), "{apart}");
        }
    }

    async fn a_view_that_cannot_be_confirmed_says_so_and_follows_the_policy(stage: &Stage) {
        subscribed(stage).await;
        let confirmed = stage.wall.now();
        for (policy, access) in [(StaleAccess::Allow, true), (StaleAccess::Deny, false)] {
            let (to_stripe, calls) = counting(stage, true);
            let process = process(stage, to_stripe, policy, Patience::Returns);
            let ada = Person::new(stage, "ada", "Ada").at(&process.service);
            if policy == StaleAccess::Allow {
                assert_eq!(ada.subscription().await.unwrap()["stale"], false);
                wait(stage, 301);
            }
            for _ in 0..5 {
                // After a start in the middle of an outage, too: nothing in memory says otherwise.
                let view = ada.subscription().await.unwrap();
                assert_eq!((&view["stale"], &view["access"]), (&json!(true), &json!(access)));
                assert_eq!(view["as_of"], json!(confirmed.timestamp()));
                wait(stage, 20);
            }
            let before = calls.load(Ordering::SeqCst);
            ada.subscription().await.unwrap();
            assert_eq!(calls.load(Ordering::SeqCst), before, "known to be away, it is not asked");
        }
        stage.conductor.settle().await.unwrap();
        assert_eq!(Person::new(stage, "ada", "Ada").subscription().await.unwrap()["stale"], false);
    }

    async fn a_view_of_an_open_checkout_is_confirmed_by_its_session(stage: &Stage) {
        let ada = subscribed(stage).await;
        let ended = text(&ada.subscription().await.unwrap()["subscription"]).to_owned();
        ada.api(Method::DELETE, &format!("/v1/subscriptions/{ended}"), "").await.unwrap();
        stage.conductor.settle().await.unwrap();
        let again = ada.checkout("pro", "monthly").await.unwrap();
        stage.conductor.settle().await.unwrap();
        // All further looks are over.
        wait(stage, 120);
        stage.conductor.settle().await.unwrap();
        stage.conductor.watermark().await.unwrap();
        // Neither a webhook nor a pass tells of this.
        ada.pay(text(&again["url"]), Card::GOOD).await.unwrap();
        wait(stage, 301);
        let view = ada.subscription().await.unwrap();
        assert_eq!((&view["stale"], &view["status"]), (&json!(false), &json!("active")));
        assert_ne!(view["subscription"], json!(ended));
        stage.conductor.settle().await.unwrap();
    }

    async fn a_pass_confirms_all_but_those_whose_lane_is_stuck(stage: &Stage) {
        let ada = subscribed(stage).await;
        let ben = Person::new(stage, "ben", "Ben");
        ben.subscribe("pro", "annual", Card::OTHER).await.unwrap();
        stage.conductor.settle().await.unwrap();
        stage.conductor.watermark().await.unwrap();
        let confirmed = stage.wall.now();
        let process = unable(stage, &ada).await;
        let (ada, ben) = (ada.at(&process.service), ben.at(&process.service));
        ada.call(Method::GET, "subscription", Value::Null).await.unwrap();
        touch(stage, &ada).await;
        for minute in 1..=7 {
            wait(stage, 40);
            process.conductor.pulse().await.unwrap();
            process.conductor.pass().await.unwrap();
            let now = stage.wall.now();
            let fresh = ben.subscription().await.unwrap();
            assert_eq!((&fresh["stale"], &fresh["as_of"]), (&json!(false), &json!(now.timestamp())));
            // By then the lane may be tried again, and who asks is not kept waiting for it.
            wait(stage, 20);
            let stuck = ada.subscription().await.unwrap();
            assert_eq!(stuck["stale"], json!(minute > 5), "after {minute} minutes");
            assert_eq!(stuck["as_of"], json!(confirmed.timestamp()), "after {minute} minutes");
            assert_eq!(stuck["access"], true, "the policy lets them in");
        }
        stage.conductor.settle().await.unwrap();
        stage.conductor.pass().await.unwrap();
        assert_eq!(ada.subscription().await.unwrap()["stale"], false);
    }

    async fn an_event_that_cannot_be_read_is_parked_and_its_customer_alone_is_stale(stage: &Stage) {
        let ada = subscribed(stage).await;
        let ben = Person::new(stage, "ben", "Ben");
        ben.subscribe("pro", "annual", Card::OTHER).await.unwrap();
        stage.conductor.settle().await.unwrap();
        let process = parking(stage, &ada).await;

        let states = {
            let mut tx = stage.app.db.read().await.unwrap();
            let heads = specie_store::inbox::recent(&mut tx, 1000).await.unwrap();
            heads.into_iter().filter(|it| it.state == InboxState::Parked).count()
        };
        assert_eq!(states, 1);
        let there = Person::new(stage, "ada", "Ada").at(&process.service);
        let view = there.subscription().await.unwrap();
        assert_eq!((&view["stale"], &view["status"]), (&json!(true), &json!("active")));
        assert_eq!(ben.subscription().await.unwrap()["stale"], false);

        // What comes next is handled all the same.
        ben.cancel().await.unwrap();
        ada.cancel().await.unwrap();
        stage.conductor.settle().await.unwrap();
        let view = ada.subscription().await.unwrap();
        assert_eq!(view["cancel_at_period_end"], true);
        assert_eq!(view["stale"], true, "it is not forgotten");
    }

    async fn no_pass_confirms_a_customer_with_a_parked_event(stage: &Stage) {
        let ada = subscribed(stage).await;
        let confirmed = stage.wall.now();
        wait(stage, 1);
        parking(stage, &ada).await;
        stage.conductor.pass().await.unwrap();
        let view = ada.subscription().await.unwrap();
        assert_eq!(view["stale"], true);
        let as_of: Timestamp = text(&view["as_of"]).parse().unwrap();
        assert!(as_of <= confirmed.timestamp(), "{as_of} is after {confirmed:?}");
    }

    async fn whoever_reads_does_not_keep_an_event_from_being_parked(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        let session = text(&ada.checkout("pro", "monthly").await.unwrap()["id"]).to_owned();
        let expire = format!("/v1/checkout/sessions/{session}/expire");
        ada.api(Method::POST, &expire, "").await.unwrap();
        stage.conductor.settle().await.unwrap();
        let customer = format!("customer={}", text(&stage.sandbox.list("customer")[0]["id"]));
        let card = ada.api(Method::POST, "/v1/payment_methods/pm_card_visa/attach", &customer);
        let path = format!("/v1/payment_methods/{}", text(&card.await.unwrap()["id"]));
        let process = misreading(stage, &path);
        let events = stage.sandbox.list("event");
        let told = events.iter().find(|it| it["type"] == "payment_method.attached").unwrap();
        deliver(stage, told).await;
        wait(stage, 400);

        let ada = ada.at(&process.service);
        let mut tx = stage.app.db.read().await.unwrap();
        let parked = Filter { state: Some(InboxState::Parked), ..Filter::default() };
        for _ in 0..10 {
            ada.subscription().await.unwrap();
            wait(stage, 20);
        }
        assert_eq!(inbox::list(&mut tx, &parked, 10).await.unwrap().len(), 1);
    }

    async fn a_parked_event_that_is_replayed_is_stale_no_more(stage: &Stage) {
        let ada = subscribed(stage).await;
        let process = parking(stage, &ada).await;
        let there = Person::new(stage, "ada", "Ada").at(&process.service);
        assert_eq!(there.subscription().await.unwrap()["stale"], true);
        let mut tx = stage.app.db.read().await.unwrap();
        let filter = Filter { state: Some(InboxState::Parked), ..Filter::default() };
        let parked = inbox::list(&mut tx, &filter, 10).await.unwrap();
        let [event] = &parked[..] else { panic!("{parked:?}") };
        let reason = event.reason.as_deref().unwrap();
        assert!(reason.contains("could not be read") || reason.contains("unreadable"), "{reason}");
        assert!(event.failures > 0);
        drop(tx);

        let (db, now) = (&stage.app.db, stage.wall.now());
        let replay = async |ids: &[&str]| {
            let ids: Vec<_> = ids.iter().map(|id| id.to_string()).collect();
            events::replay(db, &*stage.app.chance, &ids, now).await
        };
        let unknown = replay(&[&event.id, "evt_unknown"]).await.unwrap_err();
        assert_eq!(unknown.to_string(), "there is no event `evt_unknown`");
        let replayed = events::replay_all(db, &*stage.app.chance, now).await.unwrap();
        assert_eq!(replayed.events, std::slice::from_ref(&event.id));
        let [(payer, version)] = replayed.customers[..] else { panic!("{replayed:?}") };
        stage.app.cache.drop_below(payer, version);
        stage.conductor.settle().await.unwrap();

        let view = ada.subscription().await.unwrap();
        assert_eq!((&view["stale"], &view["status"]), (&json!(false), &json!("active")));
        let mut tx = db.read().await.unwrap();
        let found = inbox::head(&mut tx, &event.id).await.unwrap().unwrap();
        assert_eq!(found.state, InboxState::Handled);
        let entries = audit::list(&mut tx, payer).await.unwrap();
        let told: Vec<_> = entries.iter().filter(|it| it.what == "event.replayed").collect();
        let [told] = told[..] else { panic!("{told:?}") };
        assert_eq!((told.who.as_str(), &told.why), ("operator", &event.id));
        drop(tx);
        let again = replay(&[&event.id]).await.unwrap_err().to_string();
        assert!(again.contains("is handled, and only parked ones are replayed"), "{again}");
        assert!(events::replay_all(db, &*stage.app.chance, now).await.unwrap().events.is_empty());
    }

    async fn what_one_process_decides_all_others_show_at_once(stage: &Stage) {
        if !stage.app.db.is_postgres() {
            return;
        }
        let other = beside(stage, stage.stripe.transport.clone());
        let [here, there] = [
            Person::new(stage, "ada", "Ada"),
            Person::new(stage, "ada", "Ada").at(&other.service),
        ];
        assert_eq!(there.subscription().await.unwrap()["status"], "none");
        here.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        assert_eq!(there.subscription().await.unwrap()["status"], "active");
        let ahead = there.call(Method::GET, "subscription?at_least=1000", Value::Null).await.unwrap();
        assert_eq!(ahead.status, StatusCode::CONFLICT);
        assert_eq!(ahead.json().unwrap()["code"], "version_ahead");
        for _ in 0..3 {
            let canceled = here.cancel().await.unwrap();
            let path = format!("subscription?at_least={}", canceled["version"]);
            let seen = there.call(Method::GET, &path, Value::Null).await.unwrap().json().unwrap();
            assert_eq!(seen["cancel_at_period_end"], true);
            there.resume().await.unwrap();
            assert_eq!(here.subscription().await.unwrap()["cancel_at_period_end"], false);
        }

        let mut tx = stage.app.db.begin().await.unwrap();
        for key in keys::list(&mut tx).await.unwrap() {
            assert!(keys::revoke(&mut tx, key.id, stage.wall.now()).await.unwrap());
        }
        tx.commit().await.unwrap();
        for person in [&here, &there] {
            let reply = person.call(Method::GET, "subscription", Value::Null).await.unwrap();
            assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
        }
    }

    // Whoever hangs up leaves work that goes on by itself.
    async fn a_caller_who_hangs_up_leaves_nothing_half_done(stage: &Stage) {
        let (arrived, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (inner, at, wait) = (stage.stripe.transport.clone(), arrived.clone(), go_on.clone());
        let slow = way(move |request: Request<Bytes>| {
            let (inner, at, wait) = (inner.clone(), at.clone(), wait.clone());
            async move {
                if request.method() == Method::POST && request.uri().path().ends_with("/sessions") {
                    at.notify_one();
                    wait.notified().await;
                }
                inner.oneshot(request).await
            }
        });
        let process = process(stage, slow, StaleAccess::Allow, Patience::Sleeps);
        let ada = Person::new(stage, "ada", "Ada").at(&process.service);
        tokio::select! {
            view = ada.checkout("pro", "monthly") => panic!("it waits for stripe: {view:?}"),
            () = arrived.notified() => {}
        }
        go_on.notify_one();
        // The same call, from a browser that tries again: it joins what is under way.
        let checkout = ada.checkout("pro", "monthly").await.unwrap();
        let sessions = stage.sandbox.list("checkout.session");
        assert_eq!((sessions.len(), &sessions[0]["id"]), (1, &checkout["id"]));
    }
}
