//! `POST checkout` and its sync.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use specie_billing::{AllowedReturn, check_return_url};
use specie_vocab::SessionId;
use utoipa::ToSchema;

use super::body::{PathId, Strict};
use super::problems::Problem;
use crate::auth::Changer;
use crate::commands::checkout;
use crate::once::{Key, Scope, once};
use crate::views::{CheckoutView, SubscriptionView};
use crate::{ApiError, App};

/// What a customer chose, by the catalog's keys. What it costs is never asked of the caller.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckoutRequest {
    /// The plan's key.
    pub plan: String,
    /// The price's key within the plan.
    pub price: String,
    /// Where the browser goes when it has paid; must be allowed by the catalog's settings. Stripe
    /// puts the session's id in place of `{CHECKOUT_SESSION_ID}`. Default: the hosted account page.
    pub success_url: Option<String>,
    /// Where it goes when it did not; the same rules. Default: the hosted plan page.
    pub cancel_url: Option<String>,
}

/// Begins a checkout, or answers with the one that is open for the same choice.
#[utoipa::path(
    post, path = "/checkout", tag = "checkout",
    request_body = CheckoutRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "Brings the same answer twice")),
    responses(
        (status = 201, description = "Send the browser to `url`", body = CheckoutView),
        (status = 400, description = "A return address is not allowed, or the body is wrong", body = Problem),
        (status = 404, description = "The catalog has no such price", body = Problem),
        (status = 409, description = "`already_subscribed`, `checkout_in_progress`", body = Problem),
        (status = 503, description = "Stripe does not answer", body = Problem),
    )
)]
pub(super) async fn start(
    State(app): State<App>,
    Changer(payer, who): Changer,
    key: Key,
    Strict(request): Strict<CheckoutRequest>,
) -> Result<Response, ApiError> {
    let scope = Scope::new(&payer, "checkout", &request);
    let CheckoutRequest { plan, price, success_url, cancel_url } = request;
    let price = app.catalog.price(&plan, &price).ok_or_else(|| ApiError::not_found("price"))?;
    let base = format!("{}/billing", app.settings.public_url);
    let choice = checkout::Choice {
        price,
        success_url: return_url(&app, success_url)?
            .unwrap_or_else(|| format!("{base}/return?session={{CHECKOUT_SESSION_ID}}")),
        cancel_url: return_url(&app, cancel_url)?
            .unwrap_or_else(|| format!("{base}/plans?unpaid=1")),
    };
    let work = checkout::start(&app, &payer, who, &choice);
    once(&app, &scope, key, StatusCode::CREATED, work).await
}

/// A return address that the catalog's settings allow, or one of our own pages.
pub(super) fn return_url(app: &App, given: Option<String>) -> Result<Option<String>, ApiError> {
    let Some(given) = given else { return Ok(None) };
    let mut allowed = app.catalog.settings.return_urls.clone();
    allowed.extend(AllowedReturn::parse(&format!("{}/billing/", app.settings.public_url)));
    let checked = check_return_url(&given, &allowed).map_err(|wrong| {
        ApiError::new(StatusCode::BAD_REQUEST, "return_url_not_allowed", wrong.to_string())
    })?;
    Ok(Some(checked.as_str().into()))
}

/// Reads a Checkout Session from Stripe now, and answers with what is true then. Call it when the
/// customer comes back before the webhook.
#[utoipa::path(
    post, path = "/checkout/{session}/sync", tag = "checkout",
    params(("session" = String, Path, description = "Stripe's id of the session, `cs_…`")),
    responses(
        (status = 200, description = "The subscription, as it is now", body = SubscriptionView),
        (status = 404, description = "No such session of this customer", body = Problem),
        (status = 503, description = "Stripe does not answer", body = Problem),
    )
)]
pub(super) async fn sync(
    State(app): State<App>,
    Changer(payer, _): Changer,
    PathId(session): PathId<String>,
) -> Result<Json<SubscriptionView>, ApiError> {
    let session =
        SessionId::try_from(session).map_err(|_| ApiError::not_found("checkout session"))?;
    Ok(Json(checkout::sync(&app, &payer, &session).await?))
}
