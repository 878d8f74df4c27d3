//! Who calls: a server key with an acting customer, or the app's own JWT. What a handler takes as
//! an argument (`Reader`, `Changer`, `Server`) exists only after its check.

pub mod form;
pub mod jwt;
pub mod key;
pub mod session;

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::Extensions;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use specie_store::customers::Payer;
use specie_vocab::PayerId;
use uuid::Uuid;

use crate::rates::{Kind, Rates};
use crate::trail::Who;
use crate::{ApiError, App, payers};

/// The header in which a server key names the customer for whom it acts.
pub const CUSTOMER_HEADER: &str = "specie-customer";

/// A customer's data may be read.
#[derive(Clone, Debug)]
pub struct Reader(pub Payer);

/// A customer's billing may be changed, by whoever is named.
#[derive(Clone, Debug)]
pub struct Changer(pub Payer, pub Who);

/// The app's own server, with no customer yet.
#[derive(Clone, Debug)]
pub struct Server {
    /// Customers are ids within it.
    pub realm: String,
}

/// What a credential proves, before the customer is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Proof {
    Key { id: Uuid, realm: String },
    Jwt { payer: String, rights: Rights },
}

/// What the app lets this user do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// See billing.
    Read,
    /// Change it.
    Change,
}

impl FromRequestParts<App> for Reader {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let (payer, ..) = customer(parts, app).await?;
        counted(&parts.extensions, app, payer.id, Kind::Read)?;
        Ok(Self(payer))
    }
}

impl FromRequestParts<App> for Changer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        match customer(parts, app).await? {
            (payer, who, Rights::Change) => {
                counted(&parts.extensions, app, payer.id, Kind::Change)?;
                Ok(Self(payer, who))
            }
            (.., Rights::Read) => Err(ApiError::forbidden(
                "this token may only read (its claim `billing` says `read`)",
            )),
        }
    }
}

impl FromRequestParts<App> for Server {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        match prove(parts, app).await? {
            Proof::Key { realm, .. } => Ok(Self { realm }),
            Proof::Jwt { .. } => Err(ApiError::forbidden("this call needs a server key")),
        }
    }
}

/// Counts a call of this customer; 429 if there were too many.
pub(crate) fn counted(
    extensions: &Extensions,
    app: &App,
    payer: PayerId,
    kind: Kind,
) -> Result<(), ApiError> {
    let rates = extensions.get::<Arc<Rates>>();
    rates.map_or(Ok(()), |rates| rates.count(payer, kind, app.wall.now()))
}

async fn customer(parts: &Parts, app: &App) -> Result<(Payer, Who, Rights), ApiError> {
    match prove(parts, app).await? {
        Proof::Key { id, realm } => {
            let named = acting_for(parts)?;
            let payer = payers::find_or_create(app, &realm, &named).await?;
            Ok((payer, Who::Key(id), Rights::Change))
        }
        Proof::Jwt { payer, rights } => {
            let payer = payers::find_or_create(app, &app.settings.realm, &payer).await?;
            Ok((payer, Who::Customer, rights))
        }
    }
}

/// Whom the header names. Its bytes are UTF-8, as ids of an app may be.
fn acting_for(parts: &Parts) -> Result<String, ApiError> {
    let mut named = parts.headers.get_all(CUSTOMER_HEADER).iter();
    let Some(value) = named.next() else {
        return Err(ApiError::invalid(
            "a server key acts for one customer: name them in the header `Specie-Customer`",
        ));
    };
    if named.next().is_some() {
        return Err(ApiError::invalid("`Specie-Customer` may be given once"));
    }
    String::from_utf8(value.as_bytes().to_vec())
        .map_err(|_| ApiError::invalid("`Specie-Customer` must be UTF-8"))
}

async fn prove(parts: &Parts, app: &App) -> Result<Proof, ApiError> {
    let token = bearer(parts)?;
    if token.starts_with(key::PREFIX) {
        let key = key::check(app, token).await?;
        return Ok(Proof::Key { id: key.id, realm: key.realm });
    }
    let Some(settings) = &app.settings.jwt else {
        return Err(ApiError::unauthenticated(
            "this is no API key, and no JWT secret is configured",
        ));
    };
    let names = &app.catalog.settings.jwt;
    let claims = jwt::check(settings, names, token, app.wall.now()).map_err(|wrong| {
        tracing::info!(%wrong, "a JWT was refused");
        ApiError::unauthenticated(format!("the JWT is not accepted: {wrong}"))
    })?;
    Ok(Proof::Jwt { payer: claims.payer, rights: claims.rights })
}

fn bearer(parts: &Parts) -> Result<&str, ApiError> {
    let missing = || {
        ApiError::unauthenticated(
            "send `Authorization: Bearer …` with a server key or your app's JWT",
        )
    };
    let value = parts.headers.get(AUTHORIZATION).ok_or_else(missing)?;
    let text = value.to_str().map_err(|_| missing())?;
    let (scheme, token) = text.split_once(' ').ok_or_else(missing)?;
    let token = token.trim();
    if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() {
        Ok(token)
    } else {
        Err(missing())
    }
}
