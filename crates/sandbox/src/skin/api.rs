//! Stripe's API: a request becomes a [`Call`], its reply gets the headers that Stripe sends.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::Response;
use hyper::body::Frame;
use jiff::tz::TimeZone;
use serde_json::{Map, json};

use super::{LARGEST_BODY, header_value};
use crate::chaos::Mishap;
use crate::sandbox::{Sandbox, Unwritable};
use crate::world::{Call, Refusal, Reply};

/// What Stripe sends with every reply of the API.
const ALWAYS: [(&str, &str); 12] = [
    ("server", "nginx"),
    ("content-type", "application/json"),
    ("connection", "keep-alive"),
    ("access-control-allow-credentials", "true"),
    ("access-control-allow-methods", "GET, HEAD, PUT, PATCH, POST, DELETE"),
    ("access-control-allow-origin", "*"),
    (
        "access-control-expose-headers",
        "Request-Id, Stripe-Manage-Version, Stripe-Should-Retry, \
         X-Stripe-External-Auth-Required, X-Stripe-Privileged-Session-Required",
    ),
    ("access-control-max-age", "300"),
    ("cache-control", "no-cache, no-store"),
    (
        "content-security-policy",
        "base-uri 'none'; default-src 'none'; form-action 'none'; frame-ancestors 'none'; img-src 'self'; script-src 'self'; style-src 'self'",
    ),
    ("strict-transport-security", "max-age=63072000; includeSubDomains; preload"),
    ("vary", "Origin"),
];

/// Answers a call.
pub(super) async fn call(State(sandbox): State<Sandbox>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let reply = match to_bytes(body, LARGEST_BODY).await {
        Err(_) => {
            let call = call_of(&head, String::new());
            (refuse(&sandbox, call, 413, "the body is larger than 1 MiB"), None)
        }
        Ok(body) => answer(&sandbox, &head, body),
    };
    let (reply, mishap) = reply;
    let whole = respond(&sandbox, reply);
    match mishap {
        Some(Mishap::Lost) => whole.map(|_| Body::new(Lost)),
        Some(Mishap::Slow(millis)) => {
            tokio::time::sleep(Duration::from_millis(millis.into())).await;
            whole
        }
        _ => whole,
    }
}

/// The body of an answer that never arrives.
struct Lost;

impl hyper::body::Body for Lost {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into())))
    }
}

/// The reply, and what becomes of it on its way.
fn answer(sandbox: &Sandbox, head: &Parts, body: Bytes) -> (Reply, Option<Mishap>) {
    let Ok(body) = String::from_utf8(body.into()) else {
        let call = call_of(head, String::new());
        return (refuse(sandbox, call, 400, "Invalid request: the body is not UTF-8"), None);
    };
    if !is_of_v1(head) {
        // Whatever it holds, there is no such address.
        return called(sandbox, call_of(head, String::new()));
    }
    let kind = text(&head.headers, header::CONTENT_TYPE);
    if let Some(kind) = kind.filter(|kind| !body.is_empty() && !is_form(kind)) {
        let message = format!(
            "Invalid request (check that your POST content type is \
             application/x-www-form-urlencoded): it is {}",
            kind.chars().take(80).collect::<String>()
        );
        return (refuse(sandbox, call_of(head, String::new()), 400, &message), None);
    }
    called(sandbox, call_of(head, body))
}

fn called(sandbox: &Sandbox, call: Call) -> (Reply, Option<Mishap>) {
    sandbox.call_astray(call).unwrap_or_else(|broken| (unwritable(&broken), None))
}

fn is_of_v1(head: &Parts) -> bool {
    let rest = head.uri.path().strip_prefix("/v1");
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn is_form(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

fn call_of(head: &Parts, body: String) -> Call {
    let named = |name: &'static str| text(&head.headers, HeaderName::from_static(name));
    Call {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        body,
        authorization: text(&head.headers, header::AUTHORIZATION),
        idempotency_key: named("idempotency-key"),
        version: named("stripe-version"),
        account: named("stripe-account").or(named("stripe-context")),
    }
}

/// Refuses what is no call of the API at all.
fn refuse(sandbox: &Sandbox, call: Call, status: u16, message: &str) -> Reply {
    let error = [("message", message), ("type", "invalid_request_error")];
    let error = error.map(|(name, value)| (name.to_owned(), value.into()));
    let refusal = Refusal { status, error: Map::from_iter(error) };
    sandbox.refuse(call, refusal).unwrap_or_else(|broken| unwritable(&broken))
}

fn respond(sandbox: &Sandbox, reply: Reply) -> Response {
    let mut response = Response::new(reply.body.into());
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(HeaderName::from_static(name), header_value_of(value));
    }
    let date = sandbox.shared().wall.now().timestamp().to_zoned(TimeZone::UTC);
    let date = date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    headers.insert(header::DATE, header_value_of(&date));
    for (name, value) in reply.headers {
        if let Ok(name) = HeaderName::try_from(name) {
            headers.insert(name, header_value_of(&value));
        }
    }
    response
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// Blanks stay; what a header cannot hold is percent-encoded.
fn header_value_of(text: &str) -> axum::http::HeaderValue {
    axum::http::HeaderValue::from_str(text).unwrap_or_else(|_| header_value(text))
}

fn unwritable(broken: &Unwritable) -> Reply {
    let error = json!({ "error": { "message": broken.to_string(), "type": "api_error" } });
    Reply { status: 500, headers: Vec::new(), body: error.to_string() }
}
