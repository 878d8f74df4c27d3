//! The stylesheet, the brand's colours, the icon.

use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};

use super::theme;
use crate::App;

fn file(kind: &'static str, text: impl IntoResponse) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, text).into_response()
}

pub(super) async fn stylesheet() -> Response {
    file("text/css; charset=utf-8", include_str!("../../assets/billing.css"))
}

pub(super) async fn icon() -> Response {
    file("image/svg+xml", include_str!("../../assets/icon.svg"))
}

pub(super) async fn theme(State(app): State<App>) -> Response {
    file("text/css; charset=utf-8", theme::stylesheet(&app.catalog.brand.accent))
}
