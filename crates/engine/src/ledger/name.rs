//! Names that nobody gives: the digest of some bytes, and the public half of a key.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use specie_vocab::hex;

/// The SHA-256 of some bytes; shown in lower-case hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut own = [0; 32];
        own.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
        Self(own)
    }

    /// Its first twelve characters: enough for people to tell two apart.
    pub fn short(&self) -> String {
        hex(&self.0[..6])
    }
}

/// The public half of an approver's key (Ed25519); shown as `ed25519:` and lower-case hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// From its bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether its other half has signed `message` so.
    pub fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(message, signature).is_ok()
    }
}

/// What was found is no such name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not {expected}")]
pub struct NoName {
    /// What was found.
    pub found: String,
    /// What was expected.
    pub expected: &'static str,
}

impl FromStr for Digest {
    type Err = NoName;

    fn from_str(text: &str) -> Result<Self, NoName> {
        let expected = "a digest of 64 characters in lower-case hex";
        unhex(text).map(Self).ok_or_else(|| NoName { found: text.into(), expected })
    }
}

impl FromStr for PublicKey {
    type Err = NoName;

    fn from_str(text: &str) -> Result<Self, NoName> {
        let expected = "a public key: `ed25519:` and 64 characters in lower-case hex";
        let own = text.strip_prefix("ed25519:").and_then(unhex);
        own.map(Self).ok_or_else(|| NoName { found: text.into(), expected })
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short())
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ed25519:{}", hex(&self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ed25519:{}", hex(&self.0[..6]))
    }
}

/// The bytes that lower-case hex stands for, if it is that and as long.
pub(super) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let lower = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    if text.len() != N * 2 || !text.bytes().all(lower) {
        return None;
    }
    let mut bytes = [0; N];
    for (n, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[n * 2..n * 2 + 2], 16).ok()?;
    }
    Some(bytes)
}
