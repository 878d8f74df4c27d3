//! Alarms about Stripe: what it says of our endpoint, our key and our clock, and how long they stand.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use specie_scenario::{Card, Person, Stage};
use specie_server::{App, alarms, quiet, watermark};
use specie_store::lanes;
use specie_stripe::Transport;
use tower::ServiceExt;

use crate::set::{beside, beside_but, both, private, text, way};

async fn standing(app: &App) -> Vec<&'static str> {
    let standing = alarms::standing(app).await.unwrap();
    standing.iter().map(|it| it.alarm.code).collect()
}

async fn stripe(stage: &Stage, method: Method, path: &str, form: &str) -> Value {
    let headers = [
        ("authorization", "Bearer sk_test_somebody"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let reply = stage.stripe.send(method, path, &headers, form.to_owned()).await.unwrap();
    reply.json().unwrap()
}

both! {
    async fn an_endpoint_that_stripe_has_disabled_stands_until_it_is_enabled(stage: &Stage) {
        let list = stripe(stage, Method::GET, "/v1/webhook_endpoints", "").await;
        let endpoint = format!("/v1/webhook_endpoints/{}", list["data"][0]["id"].as_str().unwrap());
        for (form, expected) in
            [("disabled=true", &["webhook_disabled"][..]), ("disabled=false", &[])]
        {
            stripe(stage, Method::POST, &endpoint, form).await;
            alarms::look_at_endpoint(&stage.app).await.unwrap();
            assert_eq!(standing(&stage.app).await, expected, "{form}");
        }
    }

    async fn a_key_that_is_refused_stands_until_it_is_taken(stage: &Stage) {
        let status = Arc::new(AtomicU16::new(401));
        let said = status.clone();
        let to_stripe = changed(stage, move |mut answer| {
            let status = said.load(Ordering::SeqCst);
            *answer.status_mut() = status.try_into().unwrap();
            answer
        });
        let app = beside(stage, to_stripe).app;
        watermark::pass(&app).await.unwrap_err();
        assert_eq!(standing(&app).await, ["stripe_key_refused"]);
        status.store(200, Ordering::SeqCst);
        watermark::pass(&app).await.unwrap();
        assert_eq!(standing(&app).await, [""; 0]);
    }

    async fn a_right_that_is_missing_stands_and_is_asked_for_less_and_less_often(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        stage.conductor.settle().await.unwrap();
        let id = text(&stage.sandbox.list("subscription")[0]["id"]).to_owned();
        let path = format!("/v1/subscriptions/{id}");
        let right = Right::new();
        let process = beside(stage, right.way(stage, &Method::GET, &path));
        let app = &process.app;
        ada.api(Method::POST, &path, "metadata[from]=dashboard").await.unwrap();
        process.conductor.pulse().await.unwrap();

        let end = app.wall.now().plus_seconds(600);
        while let Some(next) = quiet::run_to_quiet(app).await.unwrap().wall.filter(|at| *at <= end) {
            stage.wall.advance_to(next.timestamp());
        }
        let calls = right.refused.load(Ordering::SeqCst);
        assert!((10..100).contains(&calls), "{calls} calls in ten minutes");
        watermark::pass(app).await.unwrap();
        assert!(standing(app).await.contains(&"stripe_right_missing"), "others are answered");

        right.missing.store(false, Ordering::SeqCst);
        process.conductor.settle().await.unwrap();
        assert!(lanes::at_rest(&mut app.db.read().await.unwrap()).await.unwrap());
        assert!(!standing(app).await.contains(&"stripe_right_missing"));
    }

    async fn a_right_to_write_that_is_missing_stands_until_it_is_given(stage: &Stage) {
        let right = Right::new();
        let process = beside(stage, right.way(stage, &Method::POST, "/v1/checkout/sessions"));
        let app = &process.app;
        let ada = Person::new(stage, "ada", "Ada").at(&process.service);
        ada.checkout("pro", "monthly").await.unwrap_err();
        watermark::pass(app).await.unwrap();
        assert_eq!(standing(app).await, ["stripe_right_missing"], "what is read is answered");

        right.missing.store(false, Ordering::SeqCst);
        ada.checkout("pro", "monthly").await.unwrap();
        assert_eq!(standing(app).await, [""; 0]);
    }

    async fn a_key_of_another_mode_stands(stage: &Stage) {
        watermark::pass(&stage.app).await.unwrap();
        let to_stripe = stage.stripe.transport.clone();
        let app = beside_but(stage, to_stripe, |parts| parts.settings.livemode = true).app;
        watermark::pass(&app).await.unwrap_err();
        assert_eq!(standing(&app).await, ["wrong_account"]);
        assert_eq!(standing(&stage.app).await, [""; 0]);
    }

    async fn a_clock_that_differs_from_stripes_stands_until_it_is_set(stage: &Stage) {
        let old = Arc::new(AtomicU16::new(1));
        let said = old.clone();
        let to_stripe = changed(stage, move |mut answer| {
            if said.load(Ordering::SeqCst) == 1 {
                let date = HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT");
                answer.headers_mut().insert("date", date);
            }
            answer
        });
        let app = beside(stage, to_stripe).app;
        watermark::pass(&app).await.unwrap();
        assert_eq!(standing(&app).await, ["clock_off"]);
        let ready = private(&app).get("/readyz", &[]).await.unwrap().status;
        assert_eq!(ready, StatusCode::OK, "the database's clock decides what is written");
        old.store(0, Ordering::SeqCst);
        watermark::pass(&app).await.unwrap();
        assert_eq!(standing(&app).await, [""; 0]);
    }
}

/// A right that the key lacks.
#[derive(Clone)]
pub struct Right {
    missing: Arc<AtomicBool>,
    /// So many calls were refused for it.
    refused: Arc<AtomicUsize>,
}

impl Right {
    pub fn new() -> Self {
        Self { missing: Arc::new(AtomicBool::new(true)), refused: Arc::default() }
    }

    /// A way on which this is not done at a path without it.
    pub fn way(&self, stage: &Stage, method: &Method, path: &str) -> Transport {
        let (inner, right) = (stage.stripe.transport.clone(), self.clone());
        let refused = (method.clone(), path.to_owned());
        way(move |request: Request<Bytes>| {
            let (inner, right) = (inner.clone(), right.clone());
            let needed = (request.method(), request.uri().path()) == (&refused.0, &*refused.1);
            async move {
                if !needed || !right.missing.load(Ordering::SeqCst) {
                    return inner.oneshot(request).await;
                }
                right.refused.fetch_add(1, Ordering::SeqCst);
                let body = json!({ "error": { "type": "invalid_request_error" } }).to_string();
                let mut answer = Response::new(Bytes::from(body));
                *answer.status_mut() = StatusCode::FORBIDDEN;
                Ok(answer)
            }
        })
    }
}

/// A way on which what comes back passes through `change`.
fn changed(
    stage: &Stage,
    change: impl Fn(Response<Bytes>) -> Response<Bytes> + Clone + Send + Sync + 'static,
) -> Transport {
    let inner = stage.stripe.transport.clone();
    way(move |request: Request<Bytes>| {
        let (inner, change) = (inner.clone(), change.clone());
        async move { inner.oneshot(request).await.map(change) }
    })
}
