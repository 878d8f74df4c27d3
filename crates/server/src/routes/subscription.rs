//! `GET subscription`, and ending it.

use axum::Json;
use axum::extract::State;
use axum::http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use specie_store::customers::Payer;
use utoipa::IntoParams;

use super::body::StrictQuery;
use super::problems::Problem;
use crate::auth::{Changer, Reader};
use crate::commands::cancellation::{self, Change, Wanted};
use crate::once::{Key, Scope, once};
use crate::views::SubscriptionView;
use crate::{ApiError, App, reads};

/// Which plan group.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct InGroup {
    /// The plan group's key; needed where the catalog has several.
    group: Option<String>,
}

/// Which plan group, and how new.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Shown {
    /// The plan group's key; needed where the catalog has several.
    group: Option<String>,
    /// The `version` that a change has answered with: what is shown is no older.
    at_least: Option<u32>,
}

/// The customer's subscription.
#[utoipa::path(
    get, path = "/subscription", tag = "subscription",
    params(Shown, ("If-None-Match" = Option<String>, Header, description = "An `ETag`")),
    responses(
        (status = 200, description = "With status `none` when there is none", body = SubscriptionView),
        (status = 304, description = "Nothing changed since that `ETag`"),
        (status = 404, description = "No such plan group", body = Problem),
        (status = 409, description = "`version_ahead`: nothing as new as `at_least` is there yet", body = Problem),
    )
)]
pub(super) async fn show(
    State(app): State<App>,
    Reader(payer): Reader,
    StrictQuery(Shown { group, at_least }): StrictQuery<Shown>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let group = reads::only_group(&app, group.as_deref())?;
    let at_least = at_least.unwrap_or(0).into();
    let view = reads::subscription_at_least(&app, &payer, &group, at_least).await?;
    let tag = tag(&view);
    let value = HeaderValue::from_str(&tag).map_err(ApiError::internal)?;
    let known = headers.get(IF_NONE_MATCH).is_some_and(|given| names(given, &tag));
    if known && !view.stale {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, value)]).into_response());
    }
    Ok(([(ETAG, value)], Json(view)).into_response())
}

/// Says that the subscription is to end with its period.
#[utoipa::path(
    post, path = "/subscription/cancellation", tag = "subscription",
    params(
        InGroup,
        ("Idempotency-Key" = Option<String>, Header, description = "Brings the same answer twice"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` it was decided on"),
    ),
    responses(
        (status = 200, description = "Also when it was so before", body = SubscriptionView),
        (status = 409, description = "`not_subscribed`, `not_possible`, `change_in_progress`", body = Problem),
        (status = 412, description = "It has changed since that `ETag`", body = Problem),
        (status = 503, description = "Stripe does not answer", body = Problem),
    )
)]
pub(super) async fn cancel(
    State(app): State<App>,
    changer: Changer,
    StrictQuery(group): StrictQuery<InGroup>,
    key: Key,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    change(&app, changer, group, key, &headers, Wanted::End).await
}

/// Takes the cancellation back: the subscription goes on.
#[utoipa::path(
    delete, path = "/subscription/cancellation", tag = "subscription",
    params(
        InGroup,
        ("Idempotency-Key" = Option<String>, Header, description = "Brings the same answer twice"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` it was decided on"),
    ),
    responses(
        (status = 200, description = "Also when it was so before", body = SubscriptionView),
        (status = 409, description = "`not_subscribed`, `not_possible`, `change_in_progress`", body = Problem),
        (status = 412, description = "It has changed since that `ETag`", body = Problem),
        (status = 503, description = "Stripe does not answer", body = Problem),
    )
)]
pub(super) async fn resume(
    State(app): State<App>,
    changer: Changer,
    StrictQuery(group): StrictQuery<InGroup>,
    key: Key,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    change(&app, changer, group, key, &headers, Wanted::GoOn).await
}

async fn change(
    app: &App,
    Changer(payer, who): Changer,
    InGroup { group }: InGroup,
    key: Key,
    headers: &HeaderMap,
    wanted: Wanted,
) -> Result<Response, ApiError> {
    let group = reads::only_group(app, group.as_deref())?;
    let scope = Scope::new(&payer, "cancellation", &(&group, wanted == Wanted::End));
    let work = async {
        let decided_on = match headers.get(IF_MATCH) {
            Some(given) => still(app, &payer, &group, given).await?,
            None => None,
        };
        cancellation::set(app, &payer, who, &group, Change { wanted, decided_on }).await
    };
    once(app, &scope, key, StatusCode::OK, work).await
}

/// The version that the caller saw, none if any will do; 412 when it is not that of now.
async fn still(
    app: &App,
    payer: &Payer,
    group: &str,
    given: &HeaderValue,
) -> Result<Option<i64>, ApiError> {
    let view = reads::subscription(app, payer, group).await?;
    match given.as_bytes() {
        b"*" => Ok(None),
        _ if names(given, &tag(&view)) => Ok(Some(view.version)),
        _ => Err(cancellation::changed_meanwhile(app, payer, group).await),
    }
}

/// What tells two states apart: the version of the last decision, and what time alone changes.
fn tag(view: &SubscriptionView) -> String {
    let (access, stale) = (u8::from(view.access), u8::from(view.stale));
    format!("\"{}.{}.{access}{stale}\"", view.version, view.group)
}

/// Whether a list of entity tags names this one, or any.
fn names(given: &HeaderValue, tag: &str) -> bool {
    let given = given.to_str().unwrap_or_default();
    given
        .split(',')
        .map(str::trim)
        .any(|entry| entry == "*" || entry.strip_prefix("W/").unwrap_or(entry) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_tags_names_one_of_them_or_any() {
        let names = |given: &'static str| names(&HeaderValue::from_static(given), "\"3.main.10\"");
        assert!(names("\"3.main.10\""));
        assert!(names("\"2\", W/\"3.main.10\""));
        assert!(names("*"));
        assert!(!names("\"3.main.11\""));
        assert!(!names("3.main.10"));
        assert!(!names(""));
    }
}
