//! Server keys: made, listed and revoked by an operator.

use specie_store::keys::{self, ApiKey};
use specie_store::{Db, StoreError};
use specie_vocab::{Chance, Secret};

use crate::auth::key::{self, NewKey};

/// Makes a key of a realm. It is shown this once; only its digest is stored.
pub async fn create(
    db: &Db,
    chance: &dyn Chance,
    realm: &str,
    name: &str,
) -> Result<Secret, StoreError> {
    let new = key::make(chance);
    let secret = new.secret.clone();
    store(db, chance, realm, name, new).await?;
    Ok(secret)
}

/// Stores a key that is known already, such as the one that development keeps. Storing it twice
/// changes nothing. Answers whether it is a key at all.
pub async fn adopt(
    db: &Db,
    chance: &dyn Chance,
    realm: &str,
    name: &str,
    known: &Secret,
) -> Result<bool, StoreError> {
    let Some(new) = key::of_text(known.expose()) else { return Ok(false) };
    let mut tx = db.read().await?;
    let there = keys::by_prefix(&mut tx, &new.prefix).await?.is_some();
    drop(tx);
    if !there {
        store(db, chance, realm, name, new).await?;
    }
    Ok(true)
}

async fn store(
    db: &Db,
    chance: &dyn Chance,
    realm: &str,
    name: &str,
    new: NewKey,
) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    let now = tx.now().await?;
    let row = ApiKey {
        id: chance.uuid(now),
        prefix: new.prefix,
        hash: new.hash,
        realm: realm.into(),
        name: name.into(),
        scopes: "all".into(),
        created_at: now,
        revoked_at: None,
    };
    keys::insert(&mut tx, &row).await?;
    tx.commit().await
}
