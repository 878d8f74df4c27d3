//! Requests to our own API that carried an `Idempotency-Key`: the same key brings the same answer.

use specie_vocab::WallTime;

use crate::sql::{one, row, run, statements};
use crate::{StoreError, Tx};

/// Whoever began a request and is not heard of for so many seconds is taken for dead.
const LEASE: i64 = 60;

/// What there is to do for a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It is new (or whoever began it is gone): carry it out.
    New,
    /// Another is carrying it out.
    Running,
    /// The key was used for another request.
    Mismatch,
    /// It was answered before.
    Done {
        /// The status of the answer.
        status: i64,
        /// The body of the answer, to the byte.
        body: Vec<u8>,
    },
}

row! {
    /// A request, as far as it has come.
    pub(crate) struct Kept in "idempotency" by key: String {
        pub fingerprint: Vec<u8>,
        pub leased_until: Option<WallTime>,
        pub status: Option<i64>,
        pub body: Option<Vec<u8>>,
    }
}

statements! {
    ADD = "insert into idempotency (scope, key, fingerprint, started_at, leased_until) \
           values ($1, $2, $3, $4, $5) on conflict (scope, key) do nothing";
    GET: Kept = "select {columns} from idempotency where scope = $1 and key = $2";
    RETAKE = "update idempotency set leased_until = $4 \
              where scope = $1 and key = $2 and leased_until <= $3";
    FINISH = "update idempotency set status = $3, body = $4, leased_until = null \
              where scope = $1 and key = $2 and status is null";
    FORGET = "delete from idempotency where scope = $1 and key = $2 and status is null";
    SWEEP = "delete from idempotency where started_at <= $1";
}

/// Begins a request. `scope` says whose key it is; `fingerprint` is what must be the same when the
/// key comes again.
pub async fn begin(
    tx: &mut Tx,
    scope: &str,
    key: &str,
    fingerprint: &[u8],
    now: WallTime,
) -> Result<Begun, StoreError> {
    let until = now.plus_seconds(LEASE);
    if run!(tx, ADD, [scope, key, fingerprint.to_vec(), now, until]) == 1 {
        return Ok(Begun::New);
    }
    let Some(kept): Option<Kept> = one!(tx, GET, [scope, key]) else { return Ok(Begun::Running) };
    if kept.fingerprint != fingerprint {
        return Ok(Begun::Mismatch);
    }
    if let (Some(status), Some(body)) = (kept.status, kept.body) {
        return Ok(Begun::Done { status, body });
    }
    match run!(tx, RETAKE, [scope, key, now, until]) {
        1 => Ok(Begun::New),
        _ => Ok(Begun::Running),
    }
}

/// Keeps the answer. False, if there is one, or the request was never begun.
pub async fn finish(
    tx: &mut Tx,
    scope: &str,
    key: &str,
    status: i64,
    body: &[u8],
) -> Result<bool, StoreError> {
    Ok(run!(tx, FINISH, [scope, key, status, body.to_vec()]) == 1)
}

/// Forgets a request that came to nothing, so that it may be tried again.
pub async fn forget(tx: &mut Tx, scope: &str, key: &str) -> Result<(), StoreError> {
    run!(tx, FORGET, [scope, key]);
    Ok(())
}

/// Forgets what was begun at or before a moment.
pub async fn sweep(tx: &mut Tx, before: WallTime) -> Result<u64, StoreError> {
    Ok(run!(tx, SWEEP, [before]))
}
