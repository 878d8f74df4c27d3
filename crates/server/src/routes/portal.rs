//! `POST portal`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::Strict;
use super::checkout::return_url;
use super::problems::Problem;
use crate::auth::Changer;
use crate::commands::portal;
use crate::once::{Key, Scope, once};
use crate::views::PortalView;
use crate::{ApiError, App};

/// What the customer comes for.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PortalRequest {
    /// Where the portal's way back leads; must be allowed by the catalog's settings. Default: the
    /// hosted account page.
    return_url: Option<String>,
    /// One task, or without it the whole portal.
    task: Option<PortalTask>,
}

/// A task of the portal.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum PortalTask {
    /// To replace the card.
    ReplaceCard,
    /// To end the subscription; 409 `not_subscribed` without one.
    Cancel,
}

/// Makes a session of Stripe's customer portal.
#[utoipa::path(
    post, path = "/portal", tag = "portal",
    request_body = Option<PortalRequest>,
    params(("Idempotency-Key" = Option<String>, Header, description = "Brings the same answer twice")),
    responses(
        (status = 201, description = "Send the browser to `url`", body = PortalView),
        (status = 400, description = "The return address is not allowed, or the body is wrong", body = Problem),
        (status = 409, description = "`no_stripe_customer`: nothing bought, or nothing since the customer was deleted at Stripe; `not_subscribed`: nothing to cancel", body = Problem),
        (status = 503, description = "Stripe does not answer", body = Problem),
    )
)]
pub(super) async fn start(
    State(app): State<App>,
    Changer(payer, who): Changer,
    key: Key,
    Strict(request): Strict<PortalRequest>,
) -> Result<Response, ApiError> {
    let scope = Scope::new(&payer, "portal", &request);
    let account = format!("{}/billing/account?from=portal", app.settings.public_url);
    let visit = portal::Visit {
        return_url: return_url(&app, request.return_url)?.unwrap_or(account),
        task: request.task.map(|task| match task {
            PortalTask::ReplaceCard => portal::Task::ReplaceCard,
            PortalTask::Cancel => portal::Task::Cancel,
        }),
        subscription: None,
    };
    once(&app, &scope, key, StatusCode::CREATED, portal::start(&app, &payer, who, &visit)).await
}
