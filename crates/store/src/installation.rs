//! Whose installation this is. It is bound to one Stripe account and one mode, once and for all.

use specie_vocab::{AccountId, WallTime};
use uuid::Uuid;

use crate::sql::{one, row, run, statements};
use crate::{StoreError, Tx};

row! {
    /// This installation.
    pub struct Installation in "installation" by id: Uuid {
        /// Ours; what we make at Stripe carries it.
        pub id: Uuid,
        /// The account it is bound to.
        pub account: Option<AccountId>,
        /// Whether it is bound to the mode in which real money moves.
        pub livemode: Option<bool>,
        /// When it was bound.
        pub bound_at: Option<WallTime>,
        /// When it was made.
        pub created_at: WallTime,
    }
}

statements! {
    GET: Installation = "select {columns} from installation where one = 1";
    ADD = "insert into installation (one, id, created_at) values (1, $1, $2) \
           on conflict (one) do nothing";
    BIND = "update installation set account = $1, livemode = $2, bound_at = coalesce(bound_at, $3) \
            where account is null or (account = $1 and livemode = $2)";
}

/// This installation, if it was made.
pub async fn get(tx: &mut Tx) -> Result<Option<Installation>, StoreError> {
    Ok(one!(tx, GET, []))
}

/// This installation, made with `id` if it was not yet.
pub async fn get_or_make(tx: &mut Tx, id: Uuid, now: WallTime) -> Result<Installation, StoreError> {
    run!(tx, ADD, [id, now]);
    let found: Option<Installation> = one!(tx, GET, []);
    found.ok_or_else(|| StoreError::Corrupt {
        table: "installation",
        column: "id",
        id: id.to_string(),
        found: "nothing".into(),
    })
}

/// Binds this installation to an account and a mode. False, if it is bound to others.
pub async fn bind(
    tx: &mut Tx,
    account: &AccountId,
    livemode: bool,
    now: WallTime,
) -> Result<bool, StoreError> {
    Ok(run!(tx, BIND, [account, livemode, now]) == 1)
}
