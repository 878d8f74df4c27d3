//! The hosted billing pages: rendered here, working without script, under any path prefix.

mod account;
mod assets;
mod frame;
pub(crate) mod offers;
mod plans;
mod session;
mod strip;
pub mod texts;
pub(crate) mod theme;
pub mod words;

use askama::Template;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};

pub(crate) use frame::{Frame, Link, Message, Notice};
pub(crate) use session::Visitor;

use crate::auth::session::{Session, recognise};
use crate::{ApiError, App};

/// Everything under `/billing`.
pub(crate) fn router(app: &App) -> Router<App> {
    let pages = Router::new()
        .route("/", get(to_plans))
        .route("/plans", get(plans::show))
        .route("/choose", post(plans::choose))
        .route("/return", get(plans::come_back))
        .route("/account", get(account::show))
        .route("/cancel", get(account::ask_to_cancel).post(account::cancel))
        .route("/resume", post(account::resume))
        .route("/portal", post(account::portal))
        .route("/session", get(session::enter).head(session::peek));
    Router::new()
        .nest("/billing", dressed(pages, app))
        .route("/billing/", get(to_plans))
        .route("/billing/theme.css", get(assets::theme))
        .route("/billing/assets/billing.css", get(assets::stylesheet))
        .route("/billing/assets/icon.svg", get(assets::icon))
}

/// Pages know their visitor, show errors as pages, and carry the headers of pages.
pub(crate) fn dressed(pages: Router<App>, app: &App) -> Router<App> {
    let policy =
        HeaderValue::from_str(&policy(app)).expect("the origins of settings are printable");
    pages
        .fallback(async || ApiError::not_found("page"))
        .layer(middleware::from_fn_with_state(app.clone(), explain))
        .layer(middleware::from_fn_with_state(app.clone(), recognise))
        .layer(middleware::from_fn(move |request, next| head(policy.clone(), request, next)))
}

async fn to_plans(State(app): State<App>) -> Redirect {
    Redirect::to(&format!("{}/billing/plans", app.settings.prefix()))
}

/// A template as an answer.
pub(crate) fn html(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => {
            let kind = [(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))];
            (status, kind, text).into_response()
        }
        Err(error) => ApiError::internal(error).into_response(),
    }
}

/// Nothing runs and nothing is framed. Forms go to us, and to where we send them on: Chrome checks
/// redirects too.
fn policy(app: &App) -> String {
    let targets = app.settings.form_targets.join(" ");
    let logo = app.catalog.brand.logo.as_deref().and_then(origin).unwrap_or_default();
    let frames = if app.dev.is_some() { "; frame-src 'self'" } else { "" };
    format!(
        "default-src 'none'; style-src 'self'; img-src 'self' {logo}; form-action 'self' {targets}; \
         base-uri 'none'; frame-ancestors 'none'{frames}"
    )
}

/// `https://example.com` of an address there; nothing that could end the directive.
pub(crate) fn origin(url: &str) -> Option<&str> {
    let host = url.find("://")? + 3;
    let end = url[host..].find(['/', '?', '#']).map_or(url.len(), |end| host + end);
    let origin = &url[..end];
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:/[]".contains(&byte);
    origin.bytes().all(plain).then_some(origin)
}

async fn head(policy: HeaderValue, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(policy);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Not `no-referrer`, under which forms are sent with the origin `null`.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    // A page that the back button brings back would hold a form that was sent already.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Shows an error as a page.
async fn explain(State(app): State<App>, uri: Uri, request: Request, next: Next) -> Response {
    let session = request.extensions().get::<Session>().cloned();
    let response = next.run(request).await;
    let Some(error) = response.extensions().get::<ApiError>().cloned() else { return response };
    let wait = response.headers().get(RETRY_AFTER).cloned();
    let mut page = error_page(&app, session.as_ref(), &uri, &error).await;
    if let Some(wait) = wait {
        page.headers_mut().insert(RETRY_AFTER, wait);
    }
    page
}

async fn error_page(app: &App, session: Option<&Session>, uri: &Uri, error: &ApiError) -> Response {
    let t = texts::english();
    let mut frame = match Frame::new(app, &t.error_title, session, uri).await {
        Ok(frame) => frame,
        Err(error) => return error.into_response(),
    };
    let account = Link { url: format!("{}/account", frame.base), text: t.error_back.clone() };
    let (title, text, action) = match error.code {
        "unauthenticated" => (&t.sign_in_title, t.sign_in_text.as_str(), frame.way_to_app()),
        "not_found" => (&t.error_not_found, t.error_not_found_text.as_str(), Some(account)),
        _ => (&t.error_title, sentence(t, error), Some(account)),
    };
    frame.title.clone_from(title);
    let actions = action.into_iter().collect();
    html(error.status, &Message { frame, title: title.clone(), text: text.into(), actions })
}

fn sentence<'a>(t: &'a texts::Texts, error: &ApiError) -> &'a str {
    match error.code {
        "form_expired" => &t.error_form,
        "already_subscribed" => &t.error_subscribed,
        "stripe_unavailable" => &t.error_stripe,
        "checkout_in_progress" | "change_in_progress" => &t.error_busy,
        "rate_limited" => &t.error_often,
        "catalog_not_applied" => &t.error_catalog,
        "no_stripe_customer" => &t.error_no_customer,
        "not_sold_yet" => &t.error_not_sold,
        "not_possible" | "needs_operator" | "conflict" => &t.error_not_possible,
        _ if error.status.is_client_error() => &t.error_request,
        _ => &t.error_other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_never_ends_the_directive_it_stands_in() {
        assert_eq!(origin("https://cdn.example.com/a.svg"), Some("https://cdn.example.com"));
        assert_eq!(origin("https://cdn.example.com?x"), Some("https://cdn.example.com"));
        assert_eq!(origin("/logo.svg"), None);
        assert_eq!(origin("https://x;script-src *"), None);
    }
}
