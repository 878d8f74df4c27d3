//! Objects that only a person can judge.

use serde_json::Value;
use specie_vocab::{PayerId, WallTime};

use crate::sql::{all, row, run, statements, value};
use crate::{StoreError, Tx};

row! {
    /// An object that waits for a person.
    pub struct Quarantined in "quarantine" by object: String {
        /// Whose.
        pub payer: PayerId,
        /// The object, as Stripe names it.
        pub object: String,
        /// Why nobody else can judge it.
        pub reason: String,
        /// What is known.
        pub details: Value,
        /// Since when.
        pub created_at: WallTime,
        /// Since when it needs nobody any more.
        pub resolved_at: Option<WallTime>,
    }
}

statements! {
    ADD: Quarantined = "insert into quarantine ({columns}) values ({places}) \
                        on conflict (payer, object, reason) do update \
                        set details = excluded.details, resolved_at = null";
    OPEN: Quarantined = "select {columns} from quarantine where resolved_at is null \
                         order by created_at, object limit $1";
    OF_PAYER: Quarantined = "select {columns} from quarantine \
                             where payer = $1 and resolved_at is null \
                             order by created_at, object";
    COUNT = "select count(*) from quarantine where resolved_at is null";
    WAITS = "select count(*) from quarantine \
             where payer = $1 and object = $2 and reason = $3 and resolved_at is null";
    RESOLVE = "update quarantine set resolved_at = $4 \
               where payer = $1 and object = $2 and reason = $3 and resolved_at is null";
}

/// Sets an object apart. One that waits for the same reason is kept once: false, if it did already.
/// The caller has locked the payer's row.
pub async fn add(
    tx: &mut Tx,
    payer: PayerId,
    object: &str,
    reason: &str,
    details: &Value,
) -> Result<bool, StoreError> {
    let waited = value!(tx, i64, WAITS, [payer, object, reason]) > 0;
    let now = tx.now().await?;
    run!(tx, ADD, [payer, object, reason, details, now, None::<WallTime>]);
    Ok(!waited)
}

/// What waits, oldest first.
pub async fn open(tx: &mut Tx, limit: i64) -> Result<Vec<Quarantined>, StoreError> {
    Ok(all!(tx, OPEN, [limit]))
}

/// What of a payer's waits, oldest first.
pub async fn of_payer(tx: &mut Tx, payer: PayerId) -> Result<Vec<Quarantined>, StoreError> {
    Ok(all!(tx, OF_PAYER, [payer]))
}

/// How many wait.
pub async fn count(tx: &mut Tx) -> Result<i64, StoreError> {
    Ok(value!(tx, i64, COUNT, []))
}

/// Notes that an object needs nobody any more. False, if it did not wait.
pub async fn resolve(
    tx: &mut Tx,
    payer: PayerId,
    object: &str,
    reason: &str,
    now: WallTime,
) -> Result<bool, StoreError> {
    Ok(run!(tx, RESOLVE, [payer, object, reason, now]) == 1)
}
