//! `POST webhook`: the one door that takes raw bytes. Its signature is its credential.

use std::time::Duration;

use axum::Router;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware;
use axum::routing::post;
use bytes::Bytes;
use tower_http::timeout::TimeoutLayer;

use super::{limits, metrics};
use crate::{App, ingest};

/// The largest event that is taken, in bytes; Stripe's are far smaller.
const LARGEST: usize = 1024 * 1024;
/// Stripe hears back within this time, whatever happens.
const LATEST: Duration = Duration::from_secs(5);

/// It has layers of its own, the fewest that do: nothing is left half-done by a caller who hangs up,
/// because the writer writes to its end.
pub(super) fn router(app: &App) -> Router<App> {
    let late = TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, LATEST);
    Router::new()
        .route("/api/billing/webhook", post(receive))
        .method_not_allowed_fallback(limits::wrong_method)
        .layer(DefaultBodyLimit::max(LARGEST))
        .layer(late)
        .layer(middleware::from_fn_with_state(app.clone(), metrics::count))
        .layer(limits::panics())
}

/// Takes Stripe's events, signed in `Stripe-Signature` over the raw body. An answer says nothing but
/// its status.
#[utoipa::path(
    post, path = "/api/billing/webhook", tag = "webhook", security(()),
    request_body(content = String, content_type = "application/json", description = "The event, as Stripe signed it"),
    responses(
        (status = 200, description = "It is stored, or was before"),
        (status = 400, description = "The signature is not good"),
        (status = 413, description = "The body is too large"),
        (status = 503, description = "It could not be stored in time; send it again"),
    )
)]
pub(super) async fn receive(
    State(app): State<App>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> StatusCode {
    match body {
        Ok(body) => ingest::receive(&app, &headers, &body).await,
        Err(rejection) => rejection.status(),
    }
}
