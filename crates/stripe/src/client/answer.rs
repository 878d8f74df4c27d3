//! What an answer means.

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use serde_json::Value;

use super::Answer;
use crate::{ApiFault, StripeError, Unreadable};

/// Sorts an answer into what callers do differently.
pub(super) fn read(response: &Response<Bytes>) -> Result<Answer, StripeError> {
    let status = response.status().as_u16();
    let request_id = header(response, "request-id").map(String::from);
    let original_request = header(response, "original-request").map(String::from);
    let body: Option<Value> = serde_json::from_slice(response.body()).ok();
    let unreadable = |field| StripeError::from(Unreadable { object: Unreadable::ANSWER, field });
    match status {
        200..=299 => {
            let body = body.filter(Value::is_object).ok_or_else(|| unreadable("body"))?;
            Ok(Answer { status, body, request_id, original_request })
        }
        401 => Err(StripeError::Unauthorized),
        409 => Err(StripeError::KeyInUse),
        429 => Err(StripeError::RateLimited),
        424 | 500..=599 => Err(StripeError::Server { status, replayed: is_replay(response) }),
        400..=499 => {
            let error = body.as_ref().map(|body| &body["error"]).filter(|e| e.is_object());
            // A refusal without Stripe's error is somebody else's on the way: no step ends by it.
            let error = error.ok_or_else(|| unreadable("error"))?;
            let text = |name: &str| error[name].as_str().map(String::from);
            let fault = ApiFault {
                status,
                kind: text("type").unwrap_or_default(),
                code: text("code"),
                decline_code: text("decline_code"),
                message: text("message").unwrap_or_default(),
                param: text("param"),
                request_id,
                original_request,
            };
            match fault.kind.as_str() {
                "idempotency_error" => Err(StripeError::Idempotency),
                _ => Err(StripeError::Refused(Box::new(fault))),
            }
        }
        _ => Err(unreadable("status")),
    }
}

/// How long Stripe asks to wait before a read is tried again; none, if it should not be.
pub(super) fn retry_after(response: &Response<Bytes>) -> Option<Duration> {
    let status = response.status().as_u16();
    let retry = match header(response, "stripe-should-retry") {
        Some("true") => true,
        Some("false") => false,
        _ => status == 409 || status >= 500,
    };
    let seconds = header(response, "retry-after").and_then(|text| text.parse().ok());
    (retry && status >= 400).then(|| Duration::from_secs(seconds.unwrap_or(0)))
}

/// Why Stripe limits us, if it does. A locked object (`lock_timeout`) says nothing of our rate.
pub(super) fn rate_limit(response: &Response<Bytes>) -> Option<&str> {
    if response.status() != 429 {
        return None;
    }
    let reason = header(response, "stripe-rate-limited-reason").unwrap_or_default();
    let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    let locked = body["error"]["code"] == "lock_timeout" || reason == "resource-specific";
    (!locked).then_some(reason)
}

fn is_replay(response: &Response<Bytes>) -> bool {
    let said = header(response, "idempotent-replayed") == Some("true");
    match (header(response, "original-request"), header(response, "request-id")) {
        (Some(original), Some(this)) => said || original != this,
        _ => said,
    }
}

fn header<'a>(response: &'a Response<Bytes>, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}
