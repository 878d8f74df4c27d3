//! Alarms about what happens and leaves nothing to look at: each is told once, shown for a day, and
//! over then. What only the log tells. All on one thread, so that what is logged is seen.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use specie_scenario::{Card, Person, Stage};
use specie_server::{App, alarms, runner};
use specie_stripe::{API_VERSION, Transport};
use tokio::sync::{Notify, watch};
use tower::ServiceExt;

use crate::losses::pay_a_second_session;
use crate::set::{beside, beside_but, both, deliver_stamped, having, private, stage, text, way};

const DAY: i64 = 86_400;

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn begin() -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let to = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
        (log, tracing::subscriber::set_default(to))
    }

    /// All lines that say this.
    fn said(&self, message: &str) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let fields = lines.map(|mut line| line["fields"].take());
        fields.filter(|it| it["message"] == message).collect()
    }

    /// How often something was told of an alarm.
    fn told(&self, message: &str, code: &str) -> usize {
        self.said(message).iter().filter(|it| it["alarm"] == code).count()
    }
}

async fn gauge(app: &App, code: &str) -> String {
    let metrics = private(app).get("/metrics", &[]).await.unwrap().text();
    let start = format!("specie_alarm{{code=\"{code}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&start)).unwrap().to_owned()
}

async fn stands(app: &App, code: &str) -> bool {
    let codes: BTreeSet<_> =
        alarms::standing(app).await.unwrap().into_iter().map(|it| it.alarm.code).collect();
    codes.contains(code)
}

/// It stands now, for a day, and is told when it begins and when it is over.
async fn stands_for_a_day(stage: &Stage, app: &App, log: &Log, code: &str) {
    for _ in 0..2 {
        alarms::tell(app).await.unwrap();
        assert_eq!(log.told("an alarm began", code), 1, "{code}");
        assert_eq!(gauge(app, code).await, "1", "{code}");
    }
    let raised = app.wall.now();
    stage.wall.advance_to(raised.plus_seconds(DAY - 3600).timestamp());
    assert!(stands(app, code).await, "{code}");
    stage.wall.advance_to(raised.plus_seconds(DAY + 1).timestamp());
    alarms::tell(app).await.unwrap();
    assert_eq!(log.told("an alarm is over", code), 1, "{code}");
    assert_eq!(gauge(app, code).await, "0", "{code}");
}

/// A way on which some answers are others.
fn answering(
    stage: &Stage,
    instead: impl Fn(&Request<Bytes>) -> Option<(u16, Value)> + Clone + Send + Sync + 'static,
) -> Transport {
    let inner = stage.stripe.transport.clone();
    way(move |request: Request<Bytes>| {
        let (inner, other) = (inner.clone(), instead(&request));
        async move {
            let Some((status, body)) = other else { return inner.oneshot(request).await };
            let mut answer = Response::new(Bytes::from(body.to_string()));
            *answer.status_mut() = StatusCode::from_u16(status).unwrap();
            Ok(answer)
        }
    })
}

async fn change(ada: &Person<'_>, stage: &Stage) {
    let path = format!("/v1/subscriptions/{}", text(&stage.sandbox.list("subscription")[0]["id"]));
    ada.api(Method::POST, &path, "metadata[from]=dashboard").await.unwrap();
}

both! {
    on one thread:

    async fn a_price_that_is_not_in_the_catalog_is_an_alarm_for_a_day(stage: &Stage) {
        let (log, _guard) = Log::begin();
        let ada = Person::new(stage, "ada", "Ada");
        ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        stage.conductor.settle().await.unwrap();
        change(&ada, stage).await;
        let mut moved = stage.sandbox.list("subscription").remove(0);
        moved["items"]["data"][0]["price"]["id"] = "price_ofNobody".into();
        let path = format!("/v1/subscriptions/{}", text(&moved["id"]));
        let elsewhere = answering(stage, move |request| {
            let it = request.method() == Method::GET && request.uri().path() == path;
            it.then(|| (200, moved.clone()))
        });
        let process = beside(stage, elsewhere);
        assert!(!stands(&process.app, "unknown_price").await);
        process.conductor.settle().await.unwrap();
        assert_eq!(ada.subscription().await.unwrap()["plan"], "pro", "it goes on as it was");
        stands_for_a_day(stage, &process.app, &log, "unknown_price").await;
    }

    async fn more_second_subscriptions_than_are_taken_back_are_an_alarm_for_a_day(stage: &Stage) {
        let (log, _guard) = Log::begin();
        pay_a_second_session(stage).await;
        let to_stripe = stage.stripe.transport.clone();
        let none = beside_but(stage, to_stripe, |parts| {
            parts.catalog.policies.refunds_per_day = 0;
        });
        none.conductor.settle().await.unwrap();
        assert_eq!(having(stage, "subscription", "active").len(), 2, "a person decides");
        assert_eq!(stage.sandbox.list("refund"), [] as [Value; 0]);
        stands_for_a_day(stage, &none.app, &log, "refund_ceiling").await;
    }

    async fn a_second_subscription_that_cannot_be_taken_back_is_an_alarm_for_a_day(stage: &Stage) {
        let (log, _guard) = Log::begin();
        pay_a_second_session(stage).await;
        let refusing = answering(stage, |request| {
            let ends = request.method() == Method::DELETE
                || (request.method() == Method::POST && request.uri().path() == "/v1/refunds");
            let error = json!({ "error": {
                "type": "invalid_request_error", "message": "This account may not.",
            } });
            ends.then_some((400, error))
        });
        let process = beside(stage, refusing);
        process.conductor.settle().await.unwrap();
        assert_eq!(stage.sandbox.list("refund"), [] as [Value; 0]);
        stands_for_a_day(stage, &process.app, &log, "not_taken_back").await;
    }

    async fn what_cannot_be_looked_at_again_and_again_is_an_alarm_for_a_day(stage: &Stage) {
        let (log, _guard) = Log::begin();
        let ada = Person::new(stage, "ada", "Ada");
        let checkout = ada.checkout("pro", "monthly").await.unwrap();
        stage.conductor.settle().await.unwrap();
        let id = text(&checkout["id"]).to_owned();
        let path = format!("/v1/checkout/sessions/{id}");
        let half = json!({ "id": id, "object": "checkout.session" });
        let broken = answering(stage, move |request| {
            let it = request.method() == Method::GET && request.uri().path() == path;
            it.then(|| (200, half.clone()))
        });
        let process = beside(stage, broken);
        let blind = Person::new(stage, "ada", "Ada").at(&process.service);
        let sync = format!("checkout/{id}/sync");
        let refused = blind.call(Method::POST, &sync, Value::Null).await.unwrap();
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
        for _ in 0..20 {
            stage.wall.advance_to(process.app.wall.now().plus_seconds(20).timestamp());
            process.conductor.pulse().await.unwrap();
        }
        assert!(stands(&process.app, "wish_put_off").await);
        // It is tried again each hour, and told of once a day.
        stage.conductor.settle().await.unwrap();
        stands_for_a_day(stage, &process.app, &log, "wish_put_off").await;
    }

    async fn a_worker_that_panics_is_an_alarm_for_a_day_and_its_work_is_done(stage: &Stage) {
        let (log, _guard) = Log::begin();
        let ada = Person::new(stage, "ada", "Ada");
        let checkout = ada.checkout("pro", "monthly").await.unwrap();
        stage.conductor.settle().await.unwrap();
        ada.pay(text(&checkout["url"]), Card::GOOD).await.unwrap();
        stage.sandbox.deliver(&stage.service.transport).await;
        let (inner, reached) = (stage.stripe.transport.clone(), Arc::new(Notify::new()));
        let seen = reached.clone();
        let bug = way(move |request: Request<Bytes>| {
            let (inner, seen) = (inner.clone(), seen.clone());
            async move {
                if request.uri().path().starts_with("/v1/subscriptions/") {
                    seen.notify_one();
                    panic!("a bug of this test");
                }
                inner.oneshot(request).await
            }
        });
        let process = beside(stage, bug);
        let (stop, stopped) = watch::channel(false);
        let running = tokio::spawn(runner::run(process.app.clone(), stopped));
        reached.notified().await;
        stop.send(true).unwrap();
        running.await.unwrap();
        stands_for_a_day(stage, &process.app, &log, "worker_panicked").await;
        // Its lease has run out: somebody else does it.
        stage.conductor.settle().await.unwrap();
        assert_eq!(ada.subscription().await.unwrap()["status"], "active");
    }
}

#[tokio::test]
async fn a_webhook_whose_stamp_lies_ahead_is_taken_and_the_log_says_so() {
    let (log, _guard) = Log::begin();
    let (stage, _folder) = stage().await;
    let ahead = "a webhook's stamp lies ahead of this machine's clock";
    for (seconds, said) in [(-60, 0), (0, 0), (1, 1), (600, 2)] {
        let event = json!({
            "id": format!("evt_{said}{}", i64::abs(seconds)), "object": "event", "api_version": API_VERSION,
            "created": stage.sandbox.now(), "livemode": false, "type": "customer.updated",
            "data": { "object": { "id": "cus_ofNobody", "object": "customer" } },
        });
        deliver_stamped(&stage, &event, stage.app.wall.now().plus_seconds(seconds)).await;
        assert_eq!(log.said(ahead).len(), said, "{seconds} s");
    }
    stage.conductor.settle().await.unwrap();
}
