//! Who visits a page, and how they come in.

use axum::extract::{FromRequestParts, Query, State};
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use specie_store::customers::{self, Payer};

use crate::auth::form;
use crate::auth::session::{self, Session};
use crate::{ApiError, App};

/// A visitor who is signed in.
pub(crate) struct Visitor {
    pub payer: Payer,
    pub session: Session,
}

impl Visitor {
    /// A token for the forms of a page.
    pub fn form_token(&self, app: &App) -> String {
        form::make(self.session.secret.expose(), &*app.chance)
    }

    /// The idempotency key of a form that this visitor was shown.
    pub fn check_form(&self, token: &str) -> Result<String, ApiError> {
        form::check(self.session.secret.expose(), token).ok_or_else(|| {
            ApiError::new(
                StatusCode::FORBIDDEN,
                "form_expired",
                "this form was not made for this session",
            )
        })
    }
}

impl FromRequestParts<App> for Visitor {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let unknown = || ApiError::unauthenticated("this page needs a link made for its visitor");
        let session = parts.extensions.get::<Session>().cloned().ok_or_else(unknown)?;
        let mut tx = app.db.read().await?;
        let payer = customers::get(&mut tx, session.payer).await?.ok_or_else(unknown)?;
        Ok(Self { payer, session })
    }
}

#[derive(Deserialize)]
pub(super) struct Link {
    token: String,
}

/// Mail scanners look at links before people do: looking uses nothing up.
pub(super) async fn peek() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// Exchanges a link's token for a cookie. The redirect takes the token out of the address.
pub(super) async fn enter(
    State(app): State<App>,
    link: Result<Query<Link>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, ApiError> {
    let refused = || ApiError::unauthenticated("this link was used, or is too old");
    let Query(Link { token }) = link.map_err(|_| refused())?;
    let session = session::exchange(&app, &token).await?.ok_or_else(refused)?;
    let account = format!("{}/billing/account", app.settings.prefix());
    Ok(([(SET_COOKIE, session::cookie(&app, &session))], Redirect::to(&account)).into_response())
}
