//! Alarms about Stripe: what it says of our endpoint, our key and our clock, and how long they stand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use serde_json::Value;
use specie_scenario::Stage;
use specie_server::{App, alarms, watermark};
use specie_stripe::Transport;
use tower::ServiceExt;

use crate::set::{beside, beside_but, both, private, way};

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
