//! Links into the hosted pages: each counts once, and not for long. Only digests are kept.

use specie_vocab::{PayerId, WallTime};

use crate::sql::{one, row, run, statements};
use crate::{StoreError, Tx};

row! {
    /// Whose a token is.
    pub(crate) struct Owner in "session_tokens" by payer: PayerId {
        pub payer: PayerId,
    }
}

statements! {
    ADD = "insert into session_tokens (hash, payer, expires_at) values ($1, $2, $3)";
    TAKE: Owner = "update session_tokens set used_at = $2 \
                   where hash = $1 and used_at is null and expires_at > $2 returning {columns}";
    SWEEP = "delete from session_tokens where expires_at <= $1";
}

/// Adds a token by its digest (in hex).
pub async fn add(
    tx: &mut Tx,
    hash: &str,
    payer: PayerId,
    expires_at: WallTime,
) -> Result<(), StoreError> {
    run!(tx, ADD, [hash, payer, expires_at]);
    Ok(())
}

/// Uses a token. None, if it was used, is too old, or never was.
pub async fn take(tx: &mut Tx, hash: &str, now: WallTime) -> Result<Option<PayerId>, StoreError> {
    let owner: Option<Owner> = one!(tx, TAKE, [hash, now]);
    Ok(owner.map(|owner| owner.payer))
}

/// Forgets tokens that are too old.
pub async fn sweep(tx: &mut Tx, now: WallTime) -> Result<u64, StoreError> {
    Ok(run!(tx, SWEEP, [now]))
}
