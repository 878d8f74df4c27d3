//! The one door from errors to HTTP: RFC 9457 problem details with a stable `code`.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use specie_store::StoreError;
use specie_stripe::StripeError;

/// A refusal or failure, as a client sees it. What caused it goes to the log alone.
#[derive(Clone, Debug)]
pub struct ApiError {
    /// The HTTP status.
    pub status: StatusCode,
    /// Stable, for programs.
    pub code: &'static str,
    /// What the client can act on.
    pub detail: String,
    /// More members of the problem document, such as the state that a conflict found.
    pub more: Map<String, Value>,
    /// Whether a row of the database is at fault, that cannot be read.
    pub(crate) corrupt: bool,
}

impl ApiError {
    /// An error with a status, a stable code and a sentence.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), more: Map::new(), corrupt: false }
    }

    /// The same with one more member.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.more.insert(name.into(), value.into());
        self
    }

    /// 400: what was sent cannot be read.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", detail)
    }

    /// 401.
    pub fn unauthenticated(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail)
    }

    /// 403.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// 404, also for what belongs to somebody else.
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("there is no such {what}"))
    }

    /// 409 with a code of its own.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// 429: too many calls; the next may come after so many seconds.
    pub fn rate_limited(seconds: i64) -> Self {
        let text = format!("too many calls for this customer: try again in {seconds} s");
        Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", text).with("retry_after", seconds)
    }

    /// 503: Stripe did not answer; what was begun is finished later.
    pub fn stripe_unavailable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "stripe_unavailable",
            "Stripe does not answer at the moment; what was begun is finished by itself, and the \
             same call may be repeated",
        )
    }

    /// 503: the database is away, or busy with others; the cause is logged here and shown to nobody.
    pub fn unavailable(cause: impl std::fmt::Display) -> Self {
        tracing::warn!(%cause, "the database was not to be had");
        let text = "this cannot be said at the moment; the same call may be repeated";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", text).with("retry_after", 1)
    }

    /// 500: our fault; the cause is logged here and shown to nobody.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "a request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "this went wrong on our side")
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        if error.is_transient() {
            return Self::unavailable(error);
        }
        let corrupt = error.is_corrupt();
        Self { corrupt, ..Self::internal(error) }
    }
}

impl From<StripeError> for ApiError {
    fn from(error: StripeError) -> Self {
        match error {
            StripeError::Unreachable(_) | StripeError::RateLimited | StripeError::Server { .. } => {
                Self::stripe_unavailable()
            }
            // Nothing was carried out, and the alarm `stripe_key_refused` stands until it can be.
            StripeError::Unauthorized => {
                tracing::error!("stripe does not accept the API key");
                Self::stripe_unavailable()
            }
            other => Self::internal(other),
        }
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.status.as_u16(), self.code, self.detail)
    }
}

impl ApiError {
    /// The problem document.
    pub fn body(&self) -> String {
        let mut body = self.more.clone();
        body.entry("type").or_insert_with(|| json!(format!("/docs#{}", self.code)));
        body.insert("title".into(), json!(self.status.canonical_reason().unwrap_or("Error")));
        body.insert("status".into(), json!(self.status.as_u16()));
        body.insert("code".into(), json!(self.code));
        body.insert("detail".into(), json!(self.detail));
        Value::Object(body).to_string()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.body()).into_response();
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
        if self.status == StatusCode::UNAUTHORIZED {
            let bearer = HeaderValue::from_static("Bearer realm=\"Specie\"");
            headers.insert(header::WWW_AUTHENTICATE, bearer);
        }
        if let Some(seconds) = self.more.get("retry_after").and_then(Value::as_i64) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        // Pages show the same error in their own form.
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_stripe_refuses_is_no_fault_of_whoever_asks_and_passes() {
        let refused = ApiError::from(StripeError::Unauthorized);
        assert_eq!((refused.status.as_u16(), refused.code), (503, "stripe_unavailable"));
        let unknown = ApiError::from(StripeError::Unsendable("path".into()));
        assert_eq!((unknown.status.as_u16(), unknown.code), (500, "internal"));
    }
}
