//! `GET /metrics`: counters and gauges, in the text form that Prometheus reads.

use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use specie_store::intents::{self, IntentState};
use specie_store::{Tx, lanes, mails, quarantine};
use specie_vocab::WallTime;

use crate::{ApiError, App, meter};

/// How many quarantined objects are counted at most.
const COUNTED: i64 = 1000;

/// Counts a request by its route, never by its address: that may name a customer.
pub(super) async fn count(State(app): State<App>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let route = route.unwrap_or_else(|| "none".into());
    let method = match request.method().as_str() {
        known @ ("GET" | "POST" | "DELETE" | "HEAD" | "OPTIONS") => known.to_owned(),
        _ => "other".into(),
    };
    let begun = app.wall.now();
    let response = next.run(request).await;
    let status = response.status().as_u16();
    tracing::debug!(%method, %route, status, "answered");
    let micros = |at: WallTime| at.timestamp().as_microsecond();
    let took = (micros(app.wall.now()) - micros(begun)).max(0);
    meter::answered(method, route, status, took as f64 / 1e6);
    response
}

/// What waits, as the database knows it: name, what it is, and how much.
async fn gauges(
    app: &App,
    tx: &mut Tx,
) -> Result<Vec<(&'static str, &'static str, i64)>, ApiError> {
    let now = tx.now().await?;
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let waiting = count(lanes::restless(tx).await?.len());
    let oldest = lanes::oldest_pending(tx).await?;
    let lag = oldest.map_or(0, |since| now.seconds_since(since).max(0));
    Ok(vec![
        ("lanes_waiting", "Lanes with work that waits", waiting),
        ("lanes_lag_seconds", "How long the oldest event waits for its lane", lag),
        ("events_parked", "Events set aside for a person", lanes::parked(tx).await?),
        (
            "intents_open",
            "Changes at Stripe that are not finished",
            intents::count_in(tx, IntentState::Open).await?,
        ),
        (
            "intents_stuck",
            "Changes at Stripe that wait for a person",
            intents::count_in(tx, IntentState::Stuck).await?,
        ),
        ("quarantined", "Objects kept apart", count(quarantine::open(tx, COUNTED).await?.len())),
        ("mails", "Mails written", mails::count(tx).await?),
        (
            "stripe_outages",
            "Calls in a row that Stripe did not answer",
            app.stripe.outages().into(),
        ),
    ])
}

/// `GET /metrics`.
pub(super) async fn show(State(app): State<App>) -> Result<Response, ApiError> {
    let mut registry = Registry::with_prefix("specie");
    meter::register(&mut registry);
    let mut tx = app.db.read().await?;
    for (name, help, value) in gauges(&app, &mut tx).await? {
        let gauge = Gauge::<i64>::default();
        gauge.set(value);
        registry.register(name, help, gauge);
    }
    let mut text = String::new();
    encode(&mut text, &registry).map_err(ApiError::internal)?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(CONTENT_TYPE, HeaderValue::from_static(kind))], text).into_response())
}
