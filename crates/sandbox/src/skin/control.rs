//! The control API: the clock and the deliveries, for whoever holds the key.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::local;
use crate::sandbox::Sandbox;

/// The end of the year 9999.
const LATEST: i64 = 253_402_300_799;

/// Where the clock shall go.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Target {
    /// To this second of Unix time.
    To(i64),
    /// So many seconds on.
    Seconds(i64),
}

/// Asks for the key, and for a request that names this machine.
pub(super) async fn authorised(
    State(sandbox): State<Sandbox>,
    request: Request,
    next: Next,
) -> Response {
    if !local::is_loopback(request.headers(), request.uri()) {
        return refuse(StatusCode::FORBIDDEN, "the control API is for this machine alone");
    }
    let shown = request.headers().get("specie-sandbox-key").map_or(&b""[..], |key| key.as_bytes());
    let wanted = sandbox.shared().control_key.expose().as_bytes();
    let hash = |bytes| digest(&SHA256, bytes);
    if verify_slices_are_equal(hash(shown).as_ref(), hash(wanted).as_ref()).is_err() {
        let message = "the header `Specie-Sandbox-Key` does not hold the sandbox's key";
        return refuse(StatusCode::UNAUTHORIZED, message);
    }
    next.run(request).await
}

/// What the clock shows, and what waits for it.
pub(super) async fn clock(State(sandbox): State<Sandbox>) -> Json<Value> {
    Json(shown(&sandbox))
}

/// Moves the clock on.
pub(super) async fn advance(
    State(sandbox): State<Sandbox>,
    body: Result<Json<Target>, axum::extract::rejection::JsonRejection>,
) -> Response {
    let Ok(Json(target)) = body else {
        let message = r#"send `{"to": <Unix seconds>}` or `{"seconds": <how many>}` as JSON"#;
        return refuse(StatusCode::BAD_REQUEST, message);
    };
    let now = sandbox.now();
    let to = match target {
        Target::To(to) => to,
        Target::Seconds(seconds) => now.saturating_add(seconds),
    };
    if to < now || to > LATEST {
        let message = format!("the clock stands at {now} and goes on to {LATEST} at most");
        return refuse(StatusCode::BAD_REQUEST, &message);
    }
    match sandbox.advance(to) {
        Ok(()) => Json(shown(&sandbox)).into_response(),
        Err(broken) => refuse(StatusCode::INTERNAL_SERVER_ERROR, &broken.to_string()),
    }
}

/// The deliveries that wait, and the log.
pub(super) async fn deliveries(State(sandbox): State<Sandbox>) -> Json<Value> {
    Json(sandbox.read(|state| {
        let waiting = state.deliveries.waiting().iter().map(|waiting| {
            let pending = &waiting.pending;
            json!({
                "event": pending.event, "endpoint": pending.endpoint, "url": pending.url,
                "attempts": waiting.attempts, "due": waiting.due,
            })
        });
        let waiting: Vec<Value> = waiting.collect();
        let log: Vec<_> = state.deliveries.log().collect();
        json!({ "waiting": waiting, "log": log })
    }))
}

/// Makes all that waits for a later attempt due now.
pub(super) async fn flush(State(sandbox): State<Sandbox>) -> Response {
    match sandbox.flush() {
        Ok(flushed) => Json(json!({ "flushed": flushed })).into_response(),
        Err(broken) => refuse(StatusCode::INTERNAL_SERVER_ERROR, &broken.to_string()),
    }
}

fn shown(sandbox: &Sandbox) -> Value {
    json!({
        "now": sandbox.now(),
        "next_due": sandbox.next_due(),
        "next_delivery": sandbox.next_delivery().map(|at| at.as_second()),
    })
}

fn refuse(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "error": { "message": message } }))).into_response()
}
