//! `POST session-tokens`: a link into the hosted pages for one customer.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::Strict;
use super::problems::Problem;
use crate::auth::session::{self, TOKEN_SECONDS};
use crate::auth::{Changer, Server};
use crate::{ApiError, App};

/// Nothing needs to be said; the header `Specie-Customer` names the customer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionTokenRequest {}

/// A link into the hosted pages. Whoever opens it is signed in, once.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SessionTokenView {
    /// Send the browser there.
    url: String,
    /// Until when the link counts.
    expires_at: Timestamp,
}

/// Makes a link into the hosted pages: one use, 15 minutes. Needs a server key.
#[utoipa::path(
    post, path = "/session-tokens", tag = "pages",
    request_body = Option<SessionTokenRequest>,
    responses(
        (status = 201, description = "The link", body = SessionTokenView),
        (status = 400, description = "No customer is named", body = Problem),
        (status = 403, description = "Not a server key", body = Problem),
    )
)]
pub(super) async fn make(
    State(app): State<App>,
    Server { .. }: Server,
    Changer(payer, _): Changer,
    Strict(SessionTokenRequest {}): Strict<SessionTokenRequest>,
) -> Result<(StatusCode, Json<SessionTokenView>), ApiError> {
    let token = session::token(&app, payer.id).await?;
    let url = format!("{}/billing/session?token={token}", app.settings.public_url);
    let expires_at = app.wall.now().plus_seconds(TOKEN_SECONDS).timestamp();
    Ok((StatusCode::CREATED, Json(SessionTokenView { url, expires_at })))
}
