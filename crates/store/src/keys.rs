//! Server keys: found by a part that is kept as it is, known by the digest of all of it.

use specie_vocab::WallTime;
use uuid::Uuid;

use crate::sql::{all, one, row, run, statements};
use crate::{StoreError, Tx};

row! {
    /// A server key.
    pub struct ApiKey in "api_keys" by id: Uuid {
        /// Ours.
        pub id: Uuid,
        /// By which it is found.
        pub prefix: String,
        /// Its SHA-256, in hex.
        pub hash: String,
        /// Within which the app's ids are unique.
        pub realm: String,
        /// What a person calls it.
        pub name: String,
        /// What it may do, words with spaces between them.
        pub scopes: String,
        /// When it was made.
        pub created_at: WallTime,
        /// When it stopped to count.
        pub revoked_at: Option<WallTime>,
    }
}

statements! {
    INSERT: ApiKey = "insert into api_keys ({columns}) values ({places}) on conflict do nothing";
    BY_PREFIX: ApiKey = "select {columns} from api_keys where prefix = $1";
    LIST: ApiKey = "select {columns} from api_keys order by created_at, id";
    REVOKE = "update api_keys set revoked_at = $2 where id = $1 and revoked_at is null";
}

/// Adds a key. False, if there is one with its prefix.
pub async fn insert(tx: &mut Tx, key: &ApiKey) -> Result<bool, StoreError> {
    let ApiKey { id, prefix, hash, realm, name, scopes, created_at, revoked_at } = key;
    Ok(run!(tx, INSERT, [id, prefix, hash, realm, name, scopes, created_at, revoked_at]) == 1)
}

/// The key with this prefix, revoked or not.
pub async fn by_prefix(tx: &mut Tx, prefix: &str) -> Result<Option<ApiKey>, StoreError> {
    Ok(one!(tx, BY_PREFIX, [prefix]))
}

/// All keys, oldest first.
pub async fn list(tx: &mut Tx) -> Result<Vec<ApiKey>, StoreError> {
    Ok(all!(tx, LIST, []))
}

/// Takes a key's power away. False, if it has none.
pub async fn revoke(tx: &mut Tx, id: Uuid, now: WallTime) -> Result<bool, StoreError> {
    Ok(run!(tx, REVOKE, [id, now]) == 1)
}
