//! The doors: each parses, calls one function, and wraps the answer.

mod body;
mod checkout;
mod docs;
mod health;
mod limits;
mod metrics;
mod payments;
mod plans;
mod portal;
mod problems;
mod session_tokens;
mod subscription;
mod webhook;

use std::sync::Arc;

use axum::extract::State;
use axum::middleware;
use axum::response::Redirect;
use axum::routing::get;
use axum::{Extension, Router};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::docs::{CommonAnswers, Security};
use self::problems::Problem;
use crate::rates::Rates;
use crate::{ApiError, App, dev, pages};

pub use problems::{CODES, Code};

/// What is said of the whole API.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Specie",
        description = "Subscription billing on Stripe. Amounts are whole numbers of the currency's \
                       smallest unit, times RFC 3339 in UTC. Errors are problem details (RFC 9457) \
                       with a stable `code`. Changes take an `Idempotency-Key`: the same key brings \
                       the same answer.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    modifiers(&Security),
    paths(webhook::receive, health::healthz),
    components(schemas(Problem))
)]
struct Api;

/// Everything that browsers, the app and Stripe reach, also under the path prefix of the public
/// address, for proxies that leave it in place.
pub fn router(app: App) -> Router {
    let root = app.settings.prefix().to_owned();
    let doors = api()
        .0
        .layer(limits::cors(&app))
        .merge(docs::router())
        .route("/healthz", get(health::healthz))
        .route("/", get(to_plans))
        .merge(pages::router(&app))
        .merge(dev::router(&app))
        .fallback(async || ApiError::not_found("address"))
        .method_not_allowed_fallback(limits::wrong_method)
        .layer(middleware::from_fn_with_state(app.clone(), metrics::count));
    let rates = Extension(Arc::new(Rates::default()));
    let doors = limits::guarded(&app, doors).layer(Extension(app.clone())).layer(rates);
    let doors = doors.merge(webhook::router(&app)).with_state(app.clone());
    let doors = match root.as_str() {
        "" => doors,
        path => {
            let seen = middleware::from_fn_with_state(Arc::<str>::from(path), limits::under_prefix);
            // A nested `/` answers to the bare prefix only.
            let bare = get(to_plans).with_state(app.clone());
            let nested = Router::new().nest(path, doors.clone());
            nested.route(&format!("{path}/"), bare).merge(doors).layer(seen)
        }
    };
    match app.dev {
        Some(_) => doors.layer(middleware::from_fn_with_state(app, dev::local::only)),
        None => doors,
    }
}

/// For operators alone: readiness and metrics.
pub fn private_router(app: App) -> Router {
    Router::new()
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(metrics::show))
        .fallback(async || ApiError::not_found("address"))
        .with_state(app)
}

/// The OpenAPI document, as `/openapi.json` serves it.
pub fn openapi() -> utoipa::openapi::OpenApi {
    api().1
}

fn api() -> (Router<App>, utoipa::openapi::OpenApi) {
    let billing = OpenApiRouter::new()
        .routes(routes!(plans::list))
        .routes(routes!(checkout::start))
        .routes(routes!(checkout::sync))
        .routes(routes!(portal::start))
        .routes(routes!(subscription::show))
        .routes(routes!(subscription::cancel, subscription::resume))
        .routes(routes!(payments::list))
        .routes(routes!(session_tokens::make));
    let doors = OpenApiRouter::with_openapi(Api::openapi()).nest("/api/billing", billing);
    let (router, mut document) = doors.split_for_parts();
    CommonAnswers.modify(&mut document);
    (router, document)
}

async fn to_plans(State(app): State<App>) -> Redirect {
    Redirect::to(&format!("{}/billing/plans", app.settings.prefix()))
}
