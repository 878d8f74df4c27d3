//! JSON bodies, read strictly: what is not known is refused, so that a price, an amount, a currency
//! or a customer from a browser never goes further.

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::ApiError;

/// A JSON body of a type that refuses unknown fields. An empty body is an empty object.
pub(super) struct Strict<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Strict<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let kind =
            request.headers().get(CONTENT_TYPE).map(|kind| kind.to_str().unwrap_or("?").to_owned());
        let bytes = Bytes::from_request(request, state).await.map_err(unreadable)?;
        parse(kind.as_deref(), &bytes).map(Self)
    }
}

fn unreadable(rejection: axum::extract::rejection::BytesRejection) -> ApiError {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "the body is too large");
    }
    ApiError::invalid("the body could not be read to its end")
}

fn parse<T: DeserializeOwned>(kind: Option<&str>, bytes: &[u8]) -> Result<T, ApiError> {
    let json = kind.is_some_and(|kind| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("application/json")
    });
    // Only this type makes a browser ask before it sends the body of another page.
    if !json && !bytes.is_empty() {
        return Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "send the body as `Content-Type: application/json`",
        ));
    }
    let bytes = if bytes.is_empty() { b"{}" } else { bytes };
    serde_json::from_slice(bytes)
        .map_err(|error| ApiError::invalid(format!("the body is not what was expected: {error}")))
}

/// A query string of a type that refuses unknown fields.
pub(super) struct StrictQuery<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for StrictQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let query = axum::extract::Query::from_request_parts(parts, state).await;
        query.map(|axum::extract::Query(query)| Self(query)).map_err(|wrong: QueryRejection| {
            ApiError::invalid(format!("the query is not what was expected: {}", wrong.body_text()))
        })
    }
}

/// A place in the path. What is no id names nothing.
pub(super) struct PathId<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for PathId<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = axum::extract::Path::from_request_parts(parts, state).await;
        path.map(|axum::extract::Path(id)| Self(id))
            .map_err(|_: PathRejection| ApiError::not_found("object"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::checkout::CheckoutRequest;

    fn read(text: &str) -> Result<CheckoutRequest, ApiError> {
        parse(Some("application/json; charset=utf-8"), text.as_bytes())
    }

    #[test]
    fn a_plan_and_a_price_are_all_that_is_needed() {
        assert_eq!(read(r#"{"plan":"pro","price":"monthly"}"#).unwrap().plan, "pro");
    }

    #[test]
    fn a_field_that_could_change_the_price_is_refused() {
        for field in ["amount", "unit_amount", "currency", "customer", "price_id", "quantity"] {
            let text = format!(r#"{{"plan":"pro","price":"monthly","{field}":"1"}}"#);
            let error = read(&text).unwrap_err();
            assert_eq!((error.status, error.code), (StatusCode::BAD_REQUEST, "invalid_request"));
            assert!(error.detail.contains(field), "{}", error.detail);
        }
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for wrong in ["", "{", "[]", "null", r#"{"plan":1,"price":"x"}"#, "{\"plan\":\"a\"}\0"] {
            assert_eq!(read(wrong).unwrap_err().status, StatusCode::BAD_REQUEST, "{wrong:?}");
        }
        assert!(read(r#"{"plan":"a","plan":"b","price":"c"}"#).is_err(), "a field twice");
        let form = parse::<CheckoutRequest>(Some("text/plain"), br#"{"plan":"a","price":"b"}"#);
        assert_eq!(form.unwrap_err().status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
}
