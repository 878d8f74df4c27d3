//! The control API: the clock and the deliveries, for whoever holds the key.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::chaos::Chaos;
use crate::local;
use crate::numbers::has_number;
use crate::sandbox::{Sandbox, Unwritable};
use crate::world::LATEST;

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
    body: Result<Json<Target>, JsonRejection>,
) -> Response {
    let target = match body {
        Ok(Json(target)) => target,
        Err(why) => {
            let wanted = r#"send `{"to": <Unix seconds>}` or `{"seconds": <how many>}` as JSON"#;
            return unread(&why, wanted);
        }
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
    if let Some(why) = sandbox.read(|state| state.world.too_far(to)) {
        return refuse(StatusCode::BAD_REQUEST, &why);
    }
    match sandbox.advance(to) {
        Ok(()) => Json(shown(&sandbox)).into_response(),
        Err(broken) => refuse(StatusCode::INTERNAL_SERVER_ERROR, &broken.to_string()),
    }
}

/// The deliveries that wait, and the log.
pub(super) async fn deliveries(State(sandbox): State<Sandbox>) -> Json<Value> {
    Json(sandbox.read(|state| {
        let waiting = state.deliveries.waiting().map(|waiting| {
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

/// How long a secret that was replaced still signs.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rolling {
    /// Seconds of wall time, a day at most.
    #[serde(default)]
    expire_in: i64,
}

/// Replaces an endpoint's signing secret: on Stripe the dashboard does that, and no call.
pub(super) async fn roll(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    rolling: Result<Query<Rolling>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let day = 0..=86_400;
    let Some(expire_in) = rolling.ok().map(|r| r.expire_in).filter(|s| day.contains(s)) else {
        let message = "`expire_in` is how many seconds the old secret still signs: 0 to 86400";
        return refuse(StatusCode::BAD_REQUEST, message);
    };
    if let Some(refusal) = number_in(&id) {
        return refusal;
    }
    match sandbox.roll_secret(&id, expire_in) {
        Ok(Some(secret)) => Json(json!({ "id": id, "secret": secret.expose() })).into_response(),
        Ok(None) => refuse(StatusCode::NOT_FOUND, "there is no such webhook endpoint"),
        Err(broken) => refuse(StatusCode::INTERNAL_SERVER_ERROR, &broken.to_string()),
    }
}

/// From now on a request with this idempotency key is told that another one is under way.
pub(super) async fn hold_key(State(sandbox): State<Sandbox>, Path(key): Path<String>) -> Response {
    let held = || done(sandbox.hold_key(&key, true), json!({ "key": key, "in_use": true }));
    number_in(&key).unwrap_or_else(held)
}

/// The request that held the key is over.
pub(super) async fn release_key(
    State(sandbox): State<Sandbox>,
    Path(key): Path<String>,
) -> Response {
    let free = || done(sandbox.hold_key(&key, false), json!({ "key": key, "in_use": false }));
    number_in(&key).unwrap_or_else(free)
}

/// The named switches and how they stand.
pub(super) async fn switches(State(sandbox): State<Sandbox>) -> Json<Value> {
    Json(sandbox.switches())
}

/// Sets the switches that are named, all or none.
pub(super) async fn switch(
    State(sandbox): State<Sandbox>,
    body: Result<Json<Value>, JsonRejection>,
) -> Response {
    let wanted = match body {
        Ok(Json(wanted)) => wanted,
        Err(why) => return unread(&why, "send the switches to set as a JSON object"),
    };
    if let Some(refusal) = number_in(&wanted.to_string()) {
        return refusal;
    }
    match sandbox.switch(&wanted) {
        Ok(Err(wrong)) => refuse(StatusCode::BAD_REQUEST, &wrong),
        Ok(Ok(())) => Json(sandbox.switches()).into_response(),
        Err(broken) => refuse(StatusCode::INTERNAL_SERVER_ERROR, &broken.to_string()),
    }
}

/// What goes wrong between the sandbox and its clients.
pub(super) async fn chaos(State(sandbox): State<Sandbox>) -> Json<Value> {
    Json(json!(sandbox.chaos()))
}

/// Sets the knobs that are named, all or none.
pub(super) async fn set_chaos(
    State(sandbox): State<Sandbox>,
    body: Result<Json<Value>, JsonRejection>,
) -> Response {
    let wanted = match body {
        Ok(Json(wanted)) => wanted,
        Err(why) => return unread(&why, "send the knobs to set as a JSON object"),
    };
    if let Some(refusal) = number_in(&wanted.to_string()) {
        return refusal;
    }
    match sandbox.set_chaos(&wanted) {
        Ok(Err(wrong)) => refuse(StatusCode::BAD_REQUEST, &wrong),
        Ok(Ok(())) => Json(json!(sandbox.chaos())).into_response(),
        Err(broken) => refuse(StatusCode::INTERNAL_SERVER_ERROR, &broken.to_string()),
    }
}

/// From now on nothing goes wrong.
pub(super) async fn end_chaos(State(sandbox): State<Sandbox>) -> Response {
    done(sandbox.unsettle(&Chaos::default()), json!(Chaos::default()))
}

/// The refusal of a body that cannot be read. `wanted` says what to send.
fn unread(why: &JsonRejection, wanted: &str) -> Response {
    let message = match why {
        JsonRejection::MissingJsonContentType(_) => {
            format!("the header `Content-Type: application/json` is missing: {wanted}")
        }
        _ => wanted.to_owned(),
    };
    refuse(StatusCode::BAD_REQUEST, &message)
}

/// The refusal of a text that holds a card's number: none is ever kept.
fn number_in(text: &str) -> Option<Response> {
    let message = "a card number stands where none belongs";
    has_number(text).then(|| refuse(StatusCode::BAD_REQUEST, message))
}

fn done(done: Result<(), Unwritable>, shown: Value) -> Response {
    match done {
        Ok(()) => Json(shown).into_response(),
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
