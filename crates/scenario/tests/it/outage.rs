//! Stripe in bad shape for a while: a day without it, bad and slow answers. Nothing is parked or
//! stuck, and all of it is caught up with.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde_json::Value;
use specie_sandbox::Chaos;
use specie_scenario::{Card, Person, Stage, agree};
use specie_server::{App, alarms, runner};
use specie_store::inbox::{self, Filter, InboxState};
use specie_store::intents::{self, IntentState};
use specie_store::{lanes, mails};
use specie_stripe::client::Sleep;
use specie_stripe::{Client, Form, Limits, Priority, RateBudget, Transport, TransportError};
use specie_vocab::{Secret, WallClock};
use tower::ServiceExt;
use uuid::Uuid;

use crate::set::{Process, beside, beside_but, both, having, text, way};

const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;
/// What Stripe publishes for sandboxes, in calls a second.
const LIMIT: usize = 25;

/// A road to Stripe that can be closed, and notes when each call came through.
#[derive(Clone, Default)]
struct Road {
    closed: Arc<AtomicBool>,
    calls: Arc<Mutex<Vec<i64>>>,
}

impl Road {
    fn way(&self, stage: &Stage) -> Transport {
        let (inner, road, wall) =
            (stage.stripe.transport.clone(), self.clone(), stage.wall.clone());
        way(move |request: Request<Bytes>| {
            let (inner, road, wall) = (inner.clone(), road.clone(), wall.clone());
            async move {
                if road.closed.load(Ordering::SeqCst) {
                    return Err(TransportError::new("nobody answers"));
                }
                let now = WallClock::now(&*wall).timestamp().as_microsecond();
                road.calls.lock().unwrap().push(now);
                inner.oneshot(request).await
            }
        })
    }

    fn close(&self, closed: bool) {
        self.closed.store(closed, Ordering::SeqCst);
    }

    /// The most calls within one second.
    fn most(&self) -> usize {
        let calls = self.calls.lock().unwrap();
        let within =
            |from: &i64| calls.iter().filter(|at| (0..1_000_000).contains(&(*at - from))).count();
        calls.iter().map(within).max().unwrap_or(0)
    }
}

/// A process that keeps to the published limits, and for which waiting is wall time that passes.
fn measured(stage: &Stage, road: &Road) -> Process {
    let wall = stage.wall.clone();
    let sleep: Sleep = Arc::new(move |time| {
        let wall = wall.clone();
        Box::pin(async move {
            let to = WallClock::now(&*wall).timestamp() + time;
            wall.advance_to(to);
        })
    });
    let budget = RateBudget::new(stage.wall.clone(), Limits::TEST);
    let key = Secret::new("sk_test_measuredProcess000");
    let stripe = Client::new(road.way(stage), stage.stripe.base.clone(), key, budget)
        .with_sleep(sleep)
        .with_timeout(None);
    beside_but(stage, road.way(stage), |parts| parts.stripe = stripe)
}

async fn assert_whole(stage: &Stage, app: &App) {
    let mut tx = app.db.read().await.unwrap();
    let parked = Filter { state: Some(InboxState::Parked), ..Filter::default() };
    assert_eq!(inbox::list(&mut tx, &parked, 10).await.unwrap(), []);
    assert_eq!(intents::count_in(&mut tx, IntentState::Stuck).await.unwrap(), 0);
    assert!(intents::open_list(&mut tx, 10).await.unwrap().is_empty());
    assert!(lanes::at_rest(&mut tx).await.unwrap());
    drop(tx);
    let found = agree::compare(&app.db, &stage.stripe).await.unwrap();
    assert_eq!(found.differing, [] as [String; 0]);
}

async fn codes(app: &App) -> BTreeSet<&'static str> {
    let standing = alarms::standing(app).await.unwrap();
    standing.into_iter().map(|it| it.alarm.code).collect()
}

async fn mail_kinds(stage: &Stage, kind: &str) -> usize {
    let mut tx = stage.app.db.read().await.unwrap();
    let all = mails::list(&mut tx, 1000).await.unwrap();
    all.into_iter().filter(|mail| mail.kind == kind).count()
}

fn hours(stage: &Stage, hours: i64) {
    let to = stage.app.wall.now().plus_seconds(hours * HOUR);
    stage.wall.advance_to(to.timestamp());
}

both! {
    // Five customers renew on that day, one cancels and one would buy.
    async fn a_day_without_stripe_parks_nothing_and_all_of_it_is_caught_up_with(stage: &Stage) {
        let road = Road::default();
        let process = measured(stage, &road);
        let people: Vec<_> = (0..5)
            .map(|n| Person::new(stage, &format!("p{n}"), "Somebody").at(&process.service))
            .collect();
        for person in &people {
            person.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        }
        process.conductor.settle().await.unwrap();
        process.conductor.advance_to(stage.sandbox.now() + 30 * DAY - 12 * HOUR).await.unwrap();
        assert_eq!(codes(&process.app).await, BTreeSet::new());

        road.close(true);
        let late = Person::new(stage, "late", "Late").at(&process.service);
        for hour in 1..=24 {
            hours(stage, 1);
            stage.sandbox.advance(stage.sandbox.now() + HOUR).unwrap();
            process.conductor.pulse().await.unwrap();
            if hour == 6 {
                for _again in 0..2 {
                    let refused = late.checkout("pro", "annual").await.unwrap_err().to_string();
                    assert!(refused.contains("stripe_unavailable"), "{refused}");
                    let refused = people[0].cancel().await.unwrap_err().to_string();
                    assert!(refused.contains("stripe_unavailable"), "{refused}");
                }
            }
        }
        assert_eq!(having(stage, "charge", "succeeded").len(), 10, "all have renewed");
        assert!(codes(&process.app).await.contains("stripe_unreachable"));
        assert_eq!(mail_kinds(stage, "receipt").await, 5, "and nobody here knows");
        let view = people[1].subscription().await.unwrap();
        assert_eq!((&view["stale"], &view["access"]), (&true.into(), &true.into()));

        road.close(false);
        process.conductor.settle().await.unwrap();
        process.conductor.watermark().await.unwrap();
        assert_whole(stage, &process.app).await;
        assert_eq!(codes(&process.app).await, BTreeSet::new());
        assert_eq!(mail_kinds(stage, "receipt").await, 10);
        assert_eq!(people[0].cancel().await.unwrap()["cancel_at_period_end"], true);
        assert_eq!(having(stage, "checkout.session", "open").len(), 1);
        late.subscribe("pro", "annual", Card::GOOD).await.unwrap();
        assert_eq!(having(stage, "subscription", "active").len(), 6);
        let most = road.most();
        assert!((5..=LIMIT).contains(&most), "{most} calls in a second");
    }

    async fn two_processes_share_the_limits(stage: &Stage) {
        let road = Road::default();
        let both = [measured(stage, &road), measured(stage, &road)];
        for _each_knows_of_the_other in 0..2 {
            for (n, process) in both.iter().enumerate() {
                let id = Uuid::from_u128(n as u128 + 1);
                runner::beat(&process.app, id, &mut None).await.unwrap();
            }
        }
        let reads = async |process: &Process| {
            for _ in 0..100 {
                let none = Form::new();
                process.app.stripe.get("/v1/account", &none, Priority::Interactive).await.unwrap();
            }
        };
        tokio::join!(reads(&both[0]), reads(&both[1]));
        let most = road.most();
        assert!((10..=LIMIT).contains(&most), "{most} calls in a second");
    }

    async fn a_month_of_everything_ends_as_a_good_one(stage: &Stage) {
        let all = "limit=10,stale=15,error_before=10,error_after=10,error_stored=10,lose_answer=10";
        a_month_of(stage, &format!("{all},seed=7")).await;
    }

    async fn a_month_of_limits_ends_as_a_good_one(stage: &Stage) {
        a_month_of(stage, "limit=40,seed=1").await;
    }

    // Here a read stays late until something else is written, which may be days: a lane looks twice,
    // ten seconds apart, and what both missed is found with the next event.
    async fn a_month_of_late_reads_ends_as_a_good_one(stage: &Stage) {
        a_month_of(stage, "stale=15,seed=2").await;
    }

    async fn a_month_of_failures_before_the_work_ends_as_a_good_one(stage: &Stage) {
        a_month_of(stage, "error_before=40,seed=3").await;
    }

    async fn a_month_of_failures_after_the_work_ends_as_a_good_one(stage: &Stage) {
        a_month_of(stage, "error_after=40,seed=4").await;
    }

    async fn a_month_of_stored_failures_ends_as_a_good_one(stage: &Stage) {
        a_month_of(stage, "error_stored=40,seed=5").await;
    }

    async fn a_month_of_lost_answers_ends_as_a_good_one(stage: &Stage) {
        a_month_of(stage, "lose_answer=40,seed=6").await;
    }

    // Each change is carried out and answered with 500, once; the same key gives the true answer.
    async fn what_was_done_and_answered_with_500_is_done_once(stage: &Stage) {
        let (inner, seen) = (stage.stripe.transport.clone(), Arc::new(Mutex::new(BTreeSet::new())));
        let failing = way(move |request: Request<Bytes>| {
            let (inner, seen) = (inner.clone(), Arc::clone(&seen));
            async move {
                let key = request.headers().get("idempotency-key").cloned();
                let first = key.is_some_and(|key| {
                    seen.lock()
                        .unwrap()
                        .insert(String::from_utf8_lossy(key.as_bytes()).into_owned())
                });
                let answer = inner.oneshot(request).await?;
                if !first {
                    return Ok(answer);
                }
                let mut failed = Response::new(Bytes::from_static(b"{}"));
                *failed.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                Ok(failed)
            }
        });
        let process = beside(stage, failing);
        let ada = Person::new(stage, "ada", "Ada").at(&process.service);
        let work = async || process.conductor.settle().await.unwrap();
        let _unknown = ada.checkout("pro", "monthly").await;
        work().await;
        ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        work().await;
        let _unknown = ada.cancel().await;
        work().await;
        assert_eq!(ada.subscription().await.unwrap()["cancel_at_period_end"], true);
        let counts = ["customer", "checkout.session", "subscription"];
        assert_eq!(counts.map(|kind| stage.sandbox.list(kind).len()), [1, 1, 1]);
        process.conductor.watermark().await.unwrap();
        assert_whole(stage, &process.app).await;
    }

    // Each answer takes twenty seconds: a lane's lease is over before its second one.
    async fn a_month_of_slow_answers_ends_as_a_good_one(stage: &Stage) {
        let (inner, wall) = (stage.stripe.transport.clone(), stage.wall.clone());
        let slow = way(move |request: Request<Bytes>| {
            let (inner, wall) = (inner.clone(), wall.clone());
            async move {
                wall.advance_to(WallClock::now(&*wall).plus_seconds(20).timestamp());
                inner.oneshot(request).await
            }
        });
        let process = beside(stage, slow);
        let ada = Person::new(stage, "ada", "Ada").at(&process.service);
        ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        process.conductor.advance_to(stage.sandbox.now() + 31 * DAY).await.unwrap();
        ada.cancel().await.unwrap();
        process.conductor.settle().await.unwrap();
        process.conductor.watermark().await.unwrap();
        let view: Value = ada.subscription().await.unwrap();
        assert_eq!(
            (&view["status"], &view["cancel_at_period_end"]),
            (&"active".into(), &true.into())
        );
        assert_eq!(mail_kinds(stage, "receipt").await, 2);
        assert_whole(stage, &process.app).await;
    }
}

/// Lets a customer try until it works, each time when all has come to rest.
async fn until_it_works<T, E: std::fmt::Display>(
    stage: &Stage,
    call: impl AsyncFn() -> Result<T, E>,
) -> T {
    for _ in 0..200 {
        match call().await {
            Ok(done) => return done,
            Err(error) => tracing::info!(%error, "they try again"),
        }
        // What waits for its next try comes first: a lane that waits would keep them waiting, too.
        stage.conductor.settle().await.unwrap();
    }
    panic!("it does not work even now");
}

/// A month with a decline, a recovery and a cancellation, while so many calls go wrong.
async fn a_month_of(stage: &Stage, knobs: &str) {
    let ada = Person::new(stage, "ada", "Ada");
    ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
    ada.bank_blocks_card().await.unwrap();
    stage.conductor.settle().await.unwrap();
    stage.conductor.watermark().await.unwrap();

    stage.sandbox.unsettle(&Chaos::parse(knobs).unwrap()).unwrap();
    let to = stage.sandbox.now() + 31 * DAY;
    while stage.conductor.step(to).await.unwrap() {}
    let good = "/v1/payment_methods/pm_card_visa/attach";
    let customer = text(&stage.sandbox.list("customer")[0]["id"]).to_owned();
    let subscription = text(&stage.sandbox.list("subscription")[0]["id"]).to_owned();
    let card = until_it_works(stage, async || {
        ada.api(Method::POST, good, &format!("customer={customer}")).await
    });
    let card = card.await;
    until_it_works(stage, async || {
        let form = format!("default_payment_method={}", text(&card["id"]));
        ada.api(Method::POST, &format!("/v1/subscriptions/{subscription}"), &form).await
    })
    .await;
    until_it_works(stage, async || ada.cancel().await).await;
    let to = stage.sandbox.now() + 10 * DAY;
    while stage.conductor.step(to).await.unwrap() {}

    stage.sandbox.unsettle(&Chaos::parse("off").unwrap()).unwrap();
    stage.conductor.settle().await.unwrap();
    stage.conductor.watermark().await.unwrap();
    stage.conductor.settle().await.unwrap();
    assert_whole(stage, &stage.app).await;
    assert_eq!(having(stage, "charge", "succeeded").len(), 2, "{knobs}");
    for kind in ["payment_failed", "recovered", "cancellation_scheduled"] {
        assert_eq!(mail_kinds(stage, kind).await, 1, "{knobs}: {kind}");
    }
    let view = ada.subscription().await.unwrap();
    assert_eq!((&view["status"], &view["cancel_at_period_end"]), (&"active".into(), &true.into()));
}
