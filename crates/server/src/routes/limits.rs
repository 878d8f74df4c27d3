//! What holds for all doors: sizes, times, who may call from a browser, and what a panic becomes.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::app::Patience;
use crate::{ApiError, App};

/// The largest body of ours, in bytes.
const LARGEST: usize = 64 * 1024;
/// No answer takes longer, but for a jump of development's clock.
const LATEST: Duration = Duration::from_secs(120);

/// Sizes, times and panics.
pub(super) fn guarded(app: &App, doors: Router<App>) -> Router<App> {
    doors
        .layer(DefaultBodyLimit::max(LARGEST))
        .layer(middleware::from_fn_with_state(app.clone(), to_its_end))
        .layer(panics())
}

/// What a panic becomes.
pub(super) fn panics() -> CatchPanicLayer<fn(Panic) -> Response> {
    CatchPanicLayer::custom(|_| ApiError::internal("a handler panicked").into_response())
}

/// What a handler panicked with.
type Panic = Box<dyn std::any::Any + Send>;

/// Answers in time, and works to its end: a caller who hangs up, or waits no longer, does not leave
/// a lane or an intent half-done behind, which nobody could go on with before its lease is over.
async fn to_its_end(State(app): State<App>, request: Request, next: Next) -> Response {
    let work = next.run(request);
    let answer = async {
        if app.patience != Patience::Sleeps {
            return work.await;
        }
        let done = tokio::spawn(work).await;
        done.unwrap_or_else(|panic| ApiError::internal(panic).into_response())
    };
    tokio::time::timeout(LATEST, answer).await.unwrap_or_else(|_| {
        let text = "this took too long; what was begun is finished by itself";
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "timed_out", text).into_response()
    })
}

/// The app's own pages may call from the browser: the origins of its return addresses.
pub(super) fn cors(app: &App) -> CorsLayer {
    let allowed = app.catalog.settings.return_urls.iter().map(ToString::to_string);
    let origins = allowed.filter_map(|url| {
        let origin = crate::pages::origin(&url)?;
        HeaderValue::from_str(origin).ok()
    });
    let own = ["idempotency-key", "specie-customer"].map(HeaderName::from_static);
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers(
            [AUTHORIZATION, CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH]
                .into_iter()
                .chain(own)
                .collect::<Vec<_>>(),
        )
        .expose_headers([ETAG])
        .max_age(Duration::from_secs(600))
}

/// Behind a path prefix, a problem's `type` carries it too, so that it leads to the documentation.
pub(super) async fn under_prefix(
    State(prefix): State<Arc<str>>,
    request: Request,
    next: Next,
) -> Response {
    let response = next.run(request).await;
    let Some(error) = response.extensions().get::<ApiError>() else { return response };
    if !is_problem(&response) {
        return response;
    }
    let kind = format!("{prefix}/docs#{}", error.code);
    error.clone().with("type", kind).into_response()
}

fn is_problem(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes() == b"application/problem+json")
}

/// 405 as a problem document.
pub(super) async fn wrong_method() -> Response {
    let text = "this address does not take this method";
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", text).into_response()
}
