//! The sandbox over HTTP: Stripe's API, the hosted pages, and the doors of the sandbox's own.

mod api;
mod control;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};

use crate::local::{self, Foreign};
use crate::pages;
use crate::sandbox::Sandbox;

/// Stripe's largest requests are far below this.
const LARGEST_BODY: usize = 1 << 20;

const STYLE: &str = include_str!("../assets/style.css");

impl Sandbox {
    /// The sandbox as a `tower` service: the API under `/v1`, the hosted pages, the read-only
    /// pages of all objects, and the control API under `/_sandbox`.
    pub fn router(&self) -> Router {
        let pages = Router::new()
            .route("/c/pay/{session}", get(pages::checkout::show).post(pages::checkout::pay))
            .route("/p/session/{session}", get(pages::portal::show))
            .route("/p/session/{session}/card", post(pages::portal::replace_card))
            .route(
                "/p/session/{session}/cancel/{subscription}",
                get(pages::portal::confirm).post(pages::portal::cancel),
            )
            .route("/p/session/{session}/resume/{subscription}", post(pages::portal::resume))
            .route("/receipts/{charge}", get(pages::documents::receipt))
            .route("/i/{invoice}", get(pages::documents::invoice))
            .route("/i/{invoice}/pay", post(pages::documents::pay))
            .route("/i/{invoice}/pdf", get(pages::documents::print))
            .route("/objects", get(pages::objects::kinds))
            .route("/objects/{kind}", get(pages::objects::list))
            .route("/objects/{kind}/{id}", get(pages::objects::show))
            .route("/", get(pages::home))
            .fallback(pages::nothing)
            .layer(middleware::from_fn(own_pages_only));
        let style = ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE);
        let control = Router::new()
            .route("/_sandbox/clock", get(control::clock))
            .route("/_sandbox/clock/advance", post(control::advance))
            .route("/_sandbox/deliveries", get(control::deliveries))
            .route("/_sandbox/deliveries/flush", post(control::flush))
            .route("/_sandbox/webhook_endpoints/{id}/roll", post(control::roll))
            .route(
                "/_sandbox/idempotency_keys/{key}",
                post(control::hold_key).delete(control::release_key),
            )
            .route("/_sandbox/switches", get(control::switches).post(control::switch))
            .route(
                "/_sandbox/chaos",
                get(control::chaos).post(control::set_chaos).delete(control::end_chaos),
            )
            .layer(middleware::from_fn_with_state(self.clone(), control::authorised));
        Router::new()
            .route("/v1/{*path}", any(api::call))
            .route("/v1", any(api::call))
            .route("/v1/", any(api::call))
            .route("/v2", any(api::call))
            .route("/v2/", any(api::call))
            .route("/v2/{*path}", any(api::call))
            .route("/assets/style.css", get(|| async move { style }))
            .merge(control)
            .merge(pages)
            .layer(DefaultBodyLimit::max(LARGEST_BODY))
            .layer(middleware::from_fn_with_state(self.clone(), from_here))
            .with_state(self.clone())
    }
}

/// Refuses what comes from elsewhere, and brings a flowing clock up to now.
async fn from_here(State(sandbox): State<Sandbox>, request: Request, next: Next) -> Response {
    let base_url = &sandbox.shared().base_url;
    if let Err(foreign) = local::check(request.headers(), request.uri(), base_url) {
        return refuse(foreign);
    }
    if sandbox.catch_up().is_err() {
        tracing::error!("the clock cannot be moved");
    }
    next.run(request).await
}

/// Refuses a form that was sent from a page of another site.
async fn own_pages_only(request: Request, next: Next) -> Response {
    let acts = request.method() != Method::GET && request.method() != Method::HEAD;
    match local::check_own_page(request.headers(), request.uri()) {
        Err(foreign) if acts => refuse(foreign),
        _ => next.run(request).await,
    }
}

fn refuse(foreign: Foreign) -> Response {
    let message = match foreign {
        Foreign::Host => {
            "the sandbox answers to its own address alone: open it as `localhost` or `127.0.0.1`\n"
        }
        Foreign::Origin => "a page of another site may not use the sandbox\n",
    };
    (StatusCode::FORBIDDEN, message).into_response()
}

/// A header's value from a text: what a header cannot hold is percent-encoded.
pub(crate) fn header_value(text: &str) -> HeaderValue {
    let plain: String = text
        .bytes()
        .map(|byte| match byte {
            0x21..=0x7e => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect();
    HeaderValue::try_from(plain).unwrap_or_else(|_| HeaderValue::from_static(""))
}
