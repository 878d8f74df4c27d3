//! Server keys: 32 random bytes, shown once, kept as a digest beside the part by which they are
//! found.

use aws_lc_rs::{constant_time, digest};
use specie_store::keys;
use specie_vocab::{Chance, Secret, hex};

use crate::{ApiError, App};

/// What every server key starts with.
pub const PREFIX: &str = "sk_specie_";
/// So much of a key is stored as it is, to find its row.
const LOOKUP: usize = PREFIX.len() + 12;
const LENGTH: usize = PREFIX.len() + 64;

/// A new key: the whole of it, to show once, and what is stored of it.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// The key itself.
    pub secret: Secret,
    /// By which it is found.
    pub prefix: String,
    /// The SHA-256 of all of it, in hex.
    pub hash: String,
}

/// Makes a key.
pub fn make(chance: &dyn Chance) -> NewKey {
    let text = format!("{PREFIX}{}", chance.token());
    NewKey { prefix: text[..LOOKUP].into(), hash: sha256(&text), secret: Secret::new(text) }
}

/// What is stored of a key that is known, such as the one of development.
pub fn of_text(text: &str) -> Option<NewKey> {
    let secret = Secret::new(text);
    Some(NewKey { prefix: lookup(text)?.into(), hash: sha256(text), secret })
}

/// The SHA-256 of a text in lower-case hex: how keys and tokens are stored.
pub fn sha256(text: &str) -> String {
    hex(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
}

fn lookup(text: &str) -> Option<&str> {
    let fits = text.len() == LENGTH && text.starts_with(PREFIX);
    if fits { text.get(..LOOKUP) } else { None }
}

/// A key that is known and not revoked.
pub(super) async fn check(app: &App, text: &str) -> Result<keys::ApiKey, ApiError> {
    let unknown = || ApiError::unauthenticated("this API key is unknown or revoked");
    let prefix = lookup(text).ok_or_else(unknown)?;
    let mut tx = app.db.read().await?;
    let found = keys::by_prefix(&mut tx, prefix).await?.ok_or_else(unknown)?;
    let equal =
        constant_time::verify_slices_are_equal(found.hash.as_bytes(), sha256(text).as_bytes());
    if equal.is_err() || found.revoked_at.is_some() {
        return Err(unknown());
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use specie_vocab::SeededChance;

    #[test]
    fn a_key_is_found_by_its_prefix_and_known_by_its_hash() {
        let key = make(&SeededChance::new(1));
        let again = of_text(key.secret.expose()).unwrap();
        assert_eq!((&again.prefix, &again.hash), (&key.prefix, &key.hash));
        assert!(key.secret.expose().starts_with(&key.prefix));
        assert!(!key.hash.contains(&key.secret.expose()[PREFIX.len()..]));
        assert_ne!(make(&SeededChance::new(2)).hash, key.hash);
    }

    #[test]
    fn what_is_no_key_has_no_prefix_to_look_up() {
        for wrong in ["", "sk_specie_", "sk_specie_abc", &"é".repeat(37), &"s".repeat(LENGTH)] {
            assert!(of_text(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn digests_are_sha_256() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(sha256(""), empty);
    }
}
