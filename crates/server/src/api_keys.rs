//! Server keys: made, listed and revoked by an operator.

use specie_store::keys::{self, ApiKey};
use specie_store::{Db, StoreError};
use specie_vocab::{Chance, Secret};

use crate::auth::key::{self, NewKey};

/// The longest name and realm of a key, in characters.
const LONGEST: usize = 100;

/// What is wrong with a key's realm or name, in a sentence for whoever asked for it.
pub fn check(realm: &str, name: &str) -> Result<(), String> {
    let fits = |text: &str| (1..=LONGEST).contains(&text.chars().count());
    if !fits(name) || name.trim().is_empty() || name.chars().any(char::is_control) {
        return Err(format!(
            "a key's name has 1 to {LONGEST} characters, and none that cannot be seen"
        ));
    }
    let fine = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    if !fits(realm) || !realm.chars().all(fine) {
        return Err(format!(
            "a realm has 1 to {LONGEST} letters (a to z), digits, `-` and `_`, such as `app`"
        ));
    }
    Ok(())
}

/// Makes a key of a realm, both of which were checked. It is shown this once; only its digest is stored.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_a_name_that_can_be_read_and_a_realm_that_can_be_written() {
        let long = "x".repeat(LONGEST);
        let longer = format!("{long}x");
        for (realm, name) in [("app", "server"), ("my-app_2", "Bäcker & Söhne"), (&long, &long)] {
            assert_eq!(check(realm, name), Ok(()), "{realm}, {name}");
        }
        for name in ["", " ", "a\nb", "a\u{1b}[2J", longer.as_str()] {
            assert!(check("app", name).is_err_and(|it| it.contains("name")), "{name:?}");
        }
        for realm in ["", "a b", "a/b", "ä", "a\n", longer.as_str()] {
            assert!(check(realm, "x").is_err_and(|it| it.contains("realm")), "{realm:?}");
        }
    }
}
