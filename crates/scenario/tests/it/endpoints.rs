//! What happens to the endpoint of the webhooks: it is disabled, its secret is replaced, there are two
//! of them, and the clocks on both sides differ.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode};
use jiff::fmt::rfc2822;
use serde_json::{Value, json};
use specie_scenario::{Card, Person, Stage, agree};
use specie_server::{App, alarms};
use specie_store::{inbox, mails, watermarks};
use specie_stripe::{Secrets, Transport};
use specie_vocab::{ManualClock, Secret, WallClock, WallTime};
use tower::ServiceExt;

use crate::set::{Process, beside_but, both, having, lose_all, private, text, way};

const DAY: i64 = 86_400;

async fn codes(app: &App) -> Vec<&'static str> {
    let standing = alarms::standing(app).await.unwrap();
    standing.into_iter().map(|it| it.alarm.code).collect()
}

async fn assert_agreed(stage: &Stage) {
    let found = agree::compare(&stage.app.db, &stage.stripe).await.unwrap();
    assert_eq!(found.differing, [] as [String; 0]);
}

fn wait(stage: &Stage, seconds: i64) {
    let to = stage.app.wall.now().plus_seconds(seconds);
    stage.wall.advance_to(to.timestamp());
}

/// The one endpoint of the stage.
async fn endpoint(ada: &Person<'_>) -> String {
    let list = ada.api(Method::GET, "/v1/webhook_endpoints", "").await.unwrap();
    text(&list["data"][0]["id"]).to_owned()
}

/// The same service with other secrets.
fn believing(stage: &Stage, secrets: &[&Secret]) -> Process {
    let secrets: Vec<_> = secrets.iter().map(|secret| (*secret).clone()).collect();
    let to_stripe = stage.stripe.transport.clone();
    beside_but(stage, to_stripe, |parts| parts.webhook_secrets = Secrets::new(secrets))
}

async fn name_here(stage: &Stage) -> Value {
    let rows = specie_store::rows::of_table(&stage.app.db, "stripe_customers").await.unwrap();
    rows[0]["name"].clone()
}

async fn named(ada: &Person<'_>, name: &str) {
    let list = ada.api(Method::GET, "/v1/customers", "").await.unwrap();
    let path = format!("/v1/customers/{}", text(&list["data"][0]["id"]));
    ada.api(Method::POST, &path, &format!("name={name}")).await.unwrap();
}

both! {
    async fn a_disabled_endpoint_is_noticed_and_what_it_missed_is_caught_up_with(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        stage.conductor.settle().await.unwrap();
        stage.conductor.watermark().await.unwrap();
        let path = format!("/v1/webhook_endpoints/{}", endpoint(&ada).await);
        ada.api(Method::POST, &path, "disabled=true").await.unwrap();
        alarms::look_at_endpoint(&stage.app).await.unwrap();
        assert_eq!(codes(&stage.app).await, ["webhook_disabled"]);

        let before = stage.sandbox.attempts().len();
        named(&ada, "Countess").await;
        stage.conductor.settle().await.unwrap();
        assert_ne!(name_here(stage).await, "Countess", "nobody has told us");
        stage.conductor.watermark().await.unwrap();
        assert_eq!(name_here(stage).await, "Countess");
        assert_agreed(stage).await;
        wait(stage, 301);
        stage.conductor.watermark().await.unwrap();
        assert_eq!(codes(&stage.app).await, ["no_webhook", "webhook_disabled"]);
        let view = ada.subscription().await.unwrap();
        assert_eq!(view["stale"], false, "it is confirmed all the same");

        ada.api(Method::POST, &path, "disabled=false").await.unwrap();
        named(&ada, "Ada").await;
        stage.conductor.settle().await.unwrap();
        alarms::look_at_endpoint(&stage.app).await.unwrap();
        assert_eq!(codes(&stage.app).await, [""; 0]);
        assert!(stage.sandbox.attempts().len() > before, "deliveries come again");
        assert_agreed(stage).await;
    }

    async fn who_was_away_for_longer_than_events_are_listed_looks_at_each_customer(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        stage.conductor.settle().await.unwrap();
        stage.conductor.watermark().await.unwrap();
        lose_all(stage, true);
        named(&ada, "Countess").await;
        stage.conductor.settle().await.unwrap();
        wait(stage, 31 * DAY);
        let listed = ada.api(Method::GET, "/v1/events", "").await.unwrap();
        assert_eq!(listed["data"], json!([]), "nobody is told any more");
        stage.conductor.pass().await.unwrap();
        assert_ne!(name_here(stage).await, "Countess");
        let mut tx = stage.app.db.read().await.unwrap();
        let latest = watermarks::latest(&mut tx).await.unwrap().unwrap();
        let list = ada.api(Method::GET, "/v1/customers", "").await.unwrap();
        assert!(!latest.confirms(text(&list["data"][0]["id"])), "it has not been looked at");
        drop(tx);
        stage.conductor.settle().await.unwrap();
        assert_eq!(name_here(stage).await, "Countess");
        assert_agreed(stage).await;
    }

    async fn what_our_own_doing_changes_is_found_though_nobody_is_told(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        ada.bank_blocks_card().await.unwrap();
        stage.conductor.advance_to(stage.sandbox.now() + 31 * DAY).await.unwrap();
        let path = format!("/v1/webhook_endpoints/{}", endpoint(&ada).await);
        ada.api(Method::POST, &path, "disabled=true").await.unwrap();
        ada.replace_card(Card::OTHER).await.unwrap();
        stage.conductor.settle().await.unwrap();
        assert_eq!(having(stage, "charge", "succeeded").len(), 1, "nobody has told us of the card");

        stage.conductor.watermark().await.unwrap();
        assert_eq!(having(stage, "charge", "succeeded").len(), 2);
        assert_eq!(having(stage, "subscription", "active").len(), 1);
        stage.conductor.watermark().await.unwrap();
        assert_agreed(stage).await;
        assert_eq!(ada.subscription().await.unwrap()["status"], "active");
    }

    async fn a_secret_is_replaced_without_losing_an_event(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        stage.conductor.settle().await.unwrap();
        let old = stage.webhook_secret.clone();
        let rolled = stage.sandbox.roll_secret(&endpoint(&ada).await, DAY).unwrap();
        let new = rolled.unwrap();
        let [before, during, after] =
            [&[&old][..], &[&old, &new], &[&new]].map(|secrets| believing(stage, secrets));

        // As long as both sign, it does not matter which one a process knows.
        for (process, name) in [(&before, "First"), (&during, "Second"), (&after, "Third")] {
            named(&ada, name).await;
            process.conductor.settle().await.unwrap();
            assert_eq!(name_here(stage).await, name);
        }
        let answered = |attempt: &specie_sandbox::Attempt| attempt.outcome.clone();
        let good = specie_sandbox::Outcome::Answered(200);
        assert!(stage.sandbox.attempts().iter().all(|it| answered(it) == good));

        wait(stage, DAY + 1);
        named(&ada, "Fourth").await;
        before.conductor.pulse().await.unwrap();
        assert_eq!(name_here(stage).await, "Third", "the old secret signs no more");
        let last = stage.sandbox.attempts().pop().unwrap();
        assert_eq!(answered(&last), specie_sandbox::Outcome::Answered(400));
        after.conductor.settle().await.unwrap();
        assert_eq!(name_here(stage).await, "Fourth", "and it was sent again");
        assert_agreed(stage).await;
    }

    async fn an_event_that_comes_by_two_endpoints_counts_once(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        let form = format!(
            "url={}/api/billing/webhook&enabled_events[0]=*",
            stage.service.base.replace("://", "%3A%2F%2F")
        );
        let second = ada.api(Method::POST, "/v1/webhook_endpoints", &form).await.unwrap();
        let other = Secret::new(text(&second["secret"]));
        let process = believing(stage, &[&stage.webhook_secret, &other]);
        let ada = ada.at(&process.service);
        ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        process.conductor.settle().await.unwrap();
        ada.cancel().await.unwrap();
        process.conductor.settle().await.unwrap();

        let mut came: BTreeMap<String, usize> = BTreeMap::new();
        for attempt in stage.sandbox.attempts() {
            assert_eq!(attempt.outcome, specie_sandbox::Outcome::Answered(200));
            *came.entry(attempt.event).or_default() += 1;
        }
        assert!(
            came.len() > 5 && came.values().filter(|times| **times == 2).count() > 5,
            "{came:?}"
        );
        let mut tx = stage.app.db.read().await.unwrap();
        assert_eq!(inbox::count(&mut tx).await.unwrap(), came.len() as i64);
        let mails = mails::list(&mut tx, 100).await.unwrap();
        let mut kinds: Vec<_> = mails.iter().map(|mail| mail.kind.as_str()).collect();
        kinds.sort_unstable();
        assert_eq!(kinds, ["cancellation_scheduled", "receipt"]);
        drop(tx);
        assert_agreed(stage).await;
    }

    async fn a_clock_ten_minutes_ahead_refuses_webhooks_and_catches_up_by_the_list_of_events(stage: &Stage) {
        stage.conductor.watermark().await.unwrap();
        let process = off_by(stage, 600);
        let ada = Person::new(stage, "ada", "Ada").at(&process.service);
        let checkout = ada.checkout("pro", "monthly").await.unwrap();
        ada.pay(text(&checkout["url"]), Card::GOOD).await.unwrap();
        process.conductor.pulse().await.unwrap();
        let attempts = stage.sandbox.attempts();
        let refused = specie_sandbox::Outcome::Answered(400);
        assert!(!attempts.is_empty() && attempts.iter().all(|it| it.outcome == refused), "too old");
        process.conductor.watermark().await.unwrap();
        assert_eq!(codes(&process.app).await, ["clock_off"]);
        let view = ada.subscription().await.unwrap();
        assert_eq!((&view["status"], &view["access"]), (&"active".into(), &true.into()));
        stage.conductor.settle().await.unwrap();
        assert_agreed(stage).await;
    }

    async fn a_clock_ten_minutes_behind_believes_webhooks_and_is_reported(stage: &Stage) {
        stage.conductor.watermark().await.unwrap();
        let process = off_by(stage, -600);
        let ada = Person::new(stage, "ada", "Ada").at(&process.service);
        ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        process.conductor.settle().await.unwrap();
        let good = specie_sandbox::Outcome::Answered(200);
        assert!(
            stage.sandbox.attempts().iter().all(|it| it.outcome == good),
            "signed in the future"
        );
        process.conductor.watermark().await.unwrap();
        assert_eq!(codes(&process.app).await, ["clock_off"]);
        assert_eq!(ada.subscription().await.unwrap()["status"], "active");
        assert_agreed(stage).await;
        let ready = process.service.get("/readyz", &[]).await.unwrap().status;
        assert_eq!(ready, StatusCode::NOT_FOUND, "it is asked on the private listener alone");
    }

    async fn a_machine_that_is_more_than_a_minute_off_is_not_ready_until_its_clock_is_set(stage: &Stage) {
        let own = Arc::new(ManualClock::new(stage.app.wall.now().plus_seconds(61).timestamp()));
        let to_stripe = stage.stripe.transport.clone();
        let process = beside_but(stage, to_stripe, |parts| parts.wall = own.clone());
        let readiness = async || private(&process.app).get("/readyz", &[]).await.unwrap();
        // The database's clock goes from a minute behind this machine's to a minute ahead of it.
        for (seconds, status) in [(0, 503), (1, 200), (120, 200), (1, 503)] {
            wait(stage, seconds);
            let found = readiness().await;
            assert_eq!(found.status.as_u16(), status, "{seconds} s more: {}", found.text());
        }
        let told = readiness().await.json().unwrap();
        assert_eq!(told["ready"], false);
        assert_eq!(told["database"], "its clock and this machine's differ by more than a minute");
        own.advance_to(stage.app.wall.now().timestamp());
        let told = readiness().await.json().unwrap();
        assert_eq!((&told["ready"], &told["database"]), (&true.into(), &"ok".into()));
    }
}

/// A machine whose clock differs from Stripe's and the database's.
struct Off(Arc<ManualClock>, i64);

impl WallClock for Off {
    fn now(&self) -> WallTime {
        WallClock::now(&*self.0).plus_seconds(self.1)
    }
}

/// A way on which Stripe's answers say what its clock shows.
fn dated(stage: &Stage) -> Transport {
    let (inner, wall) = (stage.stripe.transport.clone(), stage.wall.clone());
    way(move |request: Request<Bytes>| {
        let (inner, wall) = (inner.clone(), wall.clone());
        async move {
            let mut answer = inner.oneshot(request).await?;
            let now = WallClock::now(&*wall).timestamp();
            let date = rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&now).unwrap();
            answer.headers_mut().insert("date", HeaderValue::from_str(&date).unwrap());
            Ok(answer)
        }
    })
}

/// A process whose clock is ahead by so many seconds.
fn off_by(stage: &Stage, seconds: i64) -> Process {
    beside_but(stage, dated(stage), |parts| {
        parts.wall = Arc::new(Off(stage.wall.clone(), seconds));
    })
}
