//! `Idempotency-Key`: a change that is asked for twice under one key is made once, and answered
//! twice with the same bytes.

use std::future::Future;

use axum::extract::FromRequestParts;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use specie_store::customers::Payer;
use specie_store::idempotency::{self, Begun};

use crate::auth::key::sha256;
use crate::{ApiError, App};

const HEADER: &str = "idempotency-key";
static REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The key of a request; programs may leave it out.
pub(crate) struct Key(pub Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for Key {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let Some(value) = parts.headers.get(HEADER) else { return Ok(Self(None)) };
        let text = value.to_str().unwrap_or_default();
        if (1..=255).contains(&text.len()) {
            return Ok(Self(Some(text.into())));
        }
        Err(ApiError::invalid("`Idempotency-Key` must have 1 to 255 printable ASCII characters"))
    }
}

/// Whose key it is, and what must be the same when it comes again.
pub(crate) struct Scope {
    payer: String,
    fingerprint: String,
}

impl Scope {
    /// `action` says which change, `what` with which arguments.
    pub fn new(payer: &Payer, action: &str, what: &impl Serialize) -> Self {
        let what = serde_json::to_string(what).expect("arguments of commands are plain data");
        Self { payer: payer.id.to_string(), fingerprint: sha256(&format!("{action}\n{what}")) }
    }
}

/// Makes the change, or answers as before. Without a key it is simply made.
pub(crate) async fn once<T: Serialize>(
    app: &App,
    scope: &Scope,
    Key(key): Key,
    status: StatusCode,
    work: impl Future<Output = Result<T, ApiError>>,
) -> Result<Response, ApiError> {
    let Some(key) = key else {
        let body = serde_json::to_vec(&work.await?).map_err(ApiError::internal)?;
        return Ok(answer(status, body));
    };
    match begin(app, &scope.payer, &key, &scope.fingerprint).await? {
        Begun::New => {}
        Begun::Running => {
            return Err(ApiError::conflict(
                "idempotency_key_in_use",
                "a request with this `Idempotency-Key` is still being carried out",
            ));
        }
        Begun::Mismatch => {
            return Err(ApiError::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "this `Idempotency-Key` was used for another request",
            ));
        }
        Begun::Done { status, body } => return replay(status, body),
    }
    match work.await {
        Ok(done) => {
            let body = serde_json::to_vec(&done).map_err(ApiError::internal)?;
            finish(app, &scope.payer, &key, status, &body).await?;
            Ok(answer(status, body))
        }
        Err(error) if is_final(&error) => {
            let body = error.body().into_bytes();
            finish(app, &scope.payer, &key, error.status, &body).await?;
            Err(error)
        }
        Err(error) => {
            forget(app, &scope.payer, &key).await?;
            Err(error)
        }
    }
}

/// The same for a form, whose token is the key. What fails may be sent again, and a double click
/// whose first half still runs joins it: every command comes to the same end twice.
pub(crate) async fn once_for_page<T: Serialize + DeserializeOwned>(
    app: &App,
    scope: &Scope,
    token: &str,
    work: impl Future<Output = Result<T, ApiError>>,
) -> Result<T, ApiError> {
    let payer = format!("page:{}", scope.payer);
    // All forms of a page have one token; what they ask for tells them apart.
    let key = format!("{token}:{}", &scope.fingerprint[..32]);
    match begin(app, &payer, &key, &scope.fingerprint).await? {
        Begun::Done { body, .. } => {
            return serde_json::from_slice(&body).map_err(ApiError::internal);
        }
        Begun::Running | Begun::Mismatch => return work.await,
        Begun::New => {}
    }
    match work.await {
        Ok(done) => {
            let body = serde_json::to_vec(&done).map_err(ApiError::internal)?;
            finish(app, &payer, &key, StatusCode::OK, &body).await?;
            Ok(done)
        }
        Err(error) => {
            forget(app, &payer, &key).await?;
            Err(error)
        }
    }
}

/// A refusal that will be the same next time; a failure, or a change under way, will not.
fn is_final(error: &ApiError) -> bool {
    let passing = [
        "checkout_in_progress",
        "change_in_progress",
        "catalog_not_applied",
        "needs_operator",
        "wrong_account",
    ];
    error.status.is_client_error() && !passing.contains(&error.code)
}

async fn begin(app: &App, scope: &str, key: &str, fingerprint: &str) -> Result<Begun, ApiError> {
    let mut tx = app.db.begin().await?;
    let now = app.wall.now();
    let begun = idempotency::begin(&mut tx, scope, key, fingerprint.as_bytes(), now).await?;
    tx.commit().await?;
    Ok(begun)
}

async fn finish(
    app: &App,
    scope: &str,
    key: &str,
    status: StatusCode,
    body: &[u8],
) -> Result<(), ApiError> {
    let mut tx = app.db.begin().await?;
    idempotency::finish(&mut tx, scope, key, status.as_u16().into(), body).await?;
    Ok(tx.commit().await?)
}

async fn forget(app: &App, scope: &str, key: &str) -> Result<(), ApiError> {
    let mut tx = app.db.begin().await?;
    idempotency::forget(&mut tx, scope, key).await?;
    Ok(tx.commit().await?)
}

fn answer(status: StatusCode, body: Vec<u8>) -> Response {
    let json = HeaderValue::from_static("application/json");
    (status, [(CONTENT_TYPE, json)], body).into_response()
}

fn replay(status: i64, body: Vec<u8>) -> Result<Response, ApiError> {
    let status = u16::try_from(status).ok().and_then(|code| StatusCode::from_u16(code).ok());
    let status = status.ok_or_else(|| ApiError::internal("a stored answer has no status"))?;
    let mut response = answer(status, body);
    if status.is_client_error() {
        let problem = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(CONTENT_TYPE, problem);
    }
    response.headers_mut().insert(REPLAYED.clone(), HeaderValue::from_static("true"));
    Ok(response)
}
