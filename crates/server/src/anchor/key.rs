//! The key that signs the roots of the audit trail (Ed25519). It is not in the database.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use specie_vocab::hex;

/// A key that signs roots. It shows its public half alone.
#[derive(Clone)]
pub struct AuditKey(Arc<Ed25519KeyPair>);

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuditKey({})", hex(&self.public()))
    }
}

impl AuditKey {
    /// The key of a seed.
    pub fn of_seed(seed: &[u8; 32]) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).expect("a seed has 32 bytes");
        Self(Arc::new(pair))
    }

    /// The key of a seed that is written in hex or base64. None, if it has not 32 bytes.
    pub fn parse(text: &str) -> Option<Self> {
        bytes_of(text).map(|seed| Self::of_seed(&seed))
    }

    /// Its public half.
    pub fn public(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.public_key().as_ref());
        bytes
    }

    /// The signature of a text: 64 bytes.
    pub(super) fn sign(&self, text: &str) -> Vec<u8> {
        self.0.sign(text.as_bytes()).as_ref().to_vec()
    }
}

/// A public key that is written in hex or base64. None, if it has not 32 bytes.
pub fn public_key(text: &str) -> Option<[u8; 32]> {
    bytes_of(text)
}

/// Whether a signature is this key's of this text.
pub fn is_signed_by(public: &[u8], text: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, public).verify(text, signature).is_ok()
}

/// 32 bytes in hex (64 digits) or base64 (44 characters).
fn bytes_of(text: &str) -> Option<[u8; 32]> {
    let text = text.trim();
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return STANDARD.decode(text).ok()?.try_into().ok();
    }
    let mut bytes = [0; 32];
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_in_hex_and_base64_and_signs() {
        let seed = "07".repeat(32);
        let key = AuditKey::parse(&format!("{seed}\n")).unwrap();
        let same = AuditKey::parse("BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=").unwrap();
        assert_eq!(key.public(), same.public());
        for wrong in
            ["", "07", "zz", &"zz".repeat(32), &"07".repeat(33), "BwcH", "+7", &"+7".repeat(32)]
        {
            assert!(AuditKey::parse(wrong).is_none(), "{wrong}");
        }
        let signature = key.sign("a text");
        assert!(is_signed_by(&key.public(), b"a text", &signature));
        assert!(!is_signed_by(&key.public(), b"another", &signature));
        assert!(!is_signed_by(&[9; 32], b"a text", &signature));
        assert!(!format!("{key:?}").contains(&seed));
    }
}
