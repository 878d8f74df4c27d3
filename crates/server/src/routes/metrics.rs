//! Counters, in the text form that Prometheus reads.

use std::sync::LazyLock;

use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use specie_store::{lanes, mails, quarantine};

use crate::{ApiError, App};

/// One process, one set of counters, whatever number of routers it has.
static REQUESTS: LazyLock<Family<Labels, Counter>> = LazyLock::new(Family::default);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    method: String,
    route: String,
    status: u16,
}

/// How many quarantined objects are counted at most.
const COUNTED: i64 = 1000;

/// Counts a request by its route, never by its address: that may name a customer.
pub(super) async fn count(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let route = route.unwrap_or_else(|| "none".into());
    let method = match request.method().as_str() {
        known @ ("GET" | "POST" | "DELETE" | "HEAD" | "OPTIONS") => known.to_owned(),
        _ => "other".into(),
    };
    let response = next.run(request).await;
    let status = response.status().as_u16();
    tracing::debug!(%method, %route, status, "answered");
    REQUESTS.get_or_create(&Labels { method, route, status }).inc();
    response
}

/// `GET /metrics`.
pub(super) async fn show(State(app): State<App>) -> Result<Response, ApiError> {
    let mut registry = Registry::with_prefix("specie");
    registry.register("http_requests", "Requests answered", REQUESTS.clone());
    let mut gauge = |name, help, value: i64| {
        let gauge = Gauge::<i64>::default();
        gauge.set(value);
        registry.register(name, help, gauge);
    };
    let mut tx = app.db.read().await?;
    let now = tx.now().await?;
    let waiting = lanes::restless(&mut tx, now).await?.len();
    gauge(
        "lanes_waiting",
        "Customers with work that waits",
        waiting.try_into().unwrap_or(i64::MAX),
    );
    let apart = quarantine::open(&mut tx, COUNTED).await?.len();
    gauge("quarantined", "Objects kept apart", apart.try_into().unwrap_or(i64::MAX));
    gauge("mails", "Mails written", mails::count(&mut tx).await?);
    let mut text = String::new();
    encode(&mut text, &registry).map_err(ApiError::internal)?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(CONTENT_TYPE, HeaderValue::from_static(kind))], text).into_response())
}
