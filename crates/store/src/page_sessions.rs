//! Browsers that are signed in to the hosted pages. Only digests of their cookies are kept.

use specie_vocab::{PayerId, WallTime};

use crate::sql::{one, row, run, statements};
use crate::{StoreError, Tx};

row! {
    /// Whose a session is.
    pub(crate) struct Owner in "page_sessions" by payer: PayerId {
        pub payer: PayerId,
    }
}

statements! {
    ADD = "insert into page_sessions (hash, payer, expires_at) values ($1, $2, $3)";
    FIND: Owner = "select {columns} from page_sessions where hash = $1 and expires_at > $2";
    REMOVE = "delete from page_sessions where hash = $1";
    SWEEP = "delete from page_sessions where expires_at <= $1";
}

/// Adds a session by the digest of its cookie (in hex).
pub async fn add(
    tx: &mut Tx,
    hash: &str,
    payer: PayerId,
    expires_at: WallTime,
) -> Result<(), StoreError> {
    run!(tx, ADD, [hash, payer, expires_at]);
    Ok(())
}

/// Whose session this is, if it still counts.
pub async fn find(tx: &mut Tx, hash: &str, now: WallTime) -> Result<Option<PayerId>, StoreError> {
    let owner: Option<Owner> = one!(tx, FIND, [hash, now]);
    Ok(owner.map(|owner| owner.payer))
}

/// Ends a session.
pub async fn remove(tx: &mut Tx, hash: &str) -> Result<(), StoreError> {
    run!(tx, REMOVE, [hash]);
    Ok(())
}

/// Forgets sessions that are too old.
pub async fn sweep(tx: &mut Tx, now: WallTime) -> Result<u64, StoreError> {
    Ok(run!(tx, SWEEP, [now]))
}
