//! An approver's key: made from chance, kept in a file that a passphrase opens.
//!
//! The seed of the key (Ed25519) is encrypted with AES-256-GCM under a key that PBKDF2 makes of the
//! passphrase; the lines before it are authenticated with it.

use std::num::NonZeroU32;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::pbkdf2;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use specie_vocab::{Chance, Secret, hex};

use super::entry::Entry;
use super::name::{PublicKey, unhex};
use super::written::{signed_part, written};

/// How often a passphrase is hashed in every key file but those of tests.
pub const ITERATIONS: NonZeroU32 = NonZeroU32::new(600_000).expect("it is not zero");
/// No passphrase has fewer characters.
pub const SHORTEST: usize = 12;
/// A file that asks for more would keep the machine busy for minutes.
const MOST: u32 = 20_000_000;
const FIRST: &str = "specie approver key 1";

/// A key that is open.
pub struct ApproverKey(Ed25519KeyPair);

/// A key file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFile {
    /// The public half of its key.
    pub public: PublicKey,
    iterations: NonZeroU32,
    salt: [u8; 16],
    nonce: [u8; 12],
    /// The seed and the tag of the encryption.
    sealed: [u8; 48],
}

/// Why there is no open key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The file is none of ours.
    #[error("it is not the file of an approver's key")]
    Malformed,
    /// Another passphrase, or the file was changed: no one can tell which.
    #[error("this passphrase does not open it")]
    WrongPassphrase,
}

impl ApproverKey {
    /// Its public half.
    pub fn public(&self) -> PublicKey {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.public_key().as_ref());
        PublicKey::new(bytes)
    }

    /// The entry as it lies on disk, signed. It must be by this key.
    pub fn signed(&self, entry: &Entry) -> Vec<u8> {
        let mut signature = [0; 64];
        signature.copy_from_slice(self.0.sign(signed_part(entry).as_bytes()).as_ref());
        written(entry, Some(&signature))
    }
}

impl KeyFile {
    /// A new key under a passphrase, and its file. `iterations` is [`ITERATIONS`].
    pub fn make(passphrase: &Secret, iterations: NonZeroU32, chance: &dyn Chance) -> Self {
        let (mut seed, mut salt, mut nonce) = ([0; 32], [0; 16], [0; 12]);
        chance.fill(&mut seed);
        chance.fill(&mut salt);
        chance.fill(&mut nonce);
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).expect("a seed has 32 bytes");
        let public = ApproverKey(pair).public();
        let mut file = Self { public, iterations, salt, nonce, sealed: [0; 48] };
        file.sealed[..32].copy_from_slice(&seed);
        let (clear, tag) = file.sealed.split_at_mut(32);
        let key = sealing(passphrase, iterations, &salt);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let head = Aad::from(head(&public, iterations, &salt, &file.nonce));
        let made = key.seal_in_place_separate_tag(nonce, head, clear);
        tag.copy_from_slice(made.expect("32 bytes can be encrypted").as_ref());
        file
    }

    /// The key, if this is its passphrase.
    pub fn open(&self, passphrase: &Secret) -> Result<ApproverKey, KeyError> {
        let key = sealing(passphrase, self.iterations, &self.salt);
        let head = Aad::from(head(&self.public, self.iterations, &self.salt, &self.nonce));
        let mut sealed = self.sealed;
        let nonce = Nonce::assume_unique_for_key(self.nonce);
        let seed =
            key.open_in_place(nonce, head, &mut sealed).map_err(|_| KeyError::WrongPassphrase)?;
        Ed25519KeyPair::from_seed_and_public_key(seed, self.public.bytes())
            .map(ApproverKey)
            .map_err(|_| KeyError::Malformed)
    }

    /// The file's text.
    pub fn print(&self) -> String {
        let head = head(&self.public, self.iterations, &self.salt, &self.nonce);
        format!("{head}sealed {}\n", hex(&self.sealed))
    }

    /// The file that has this text.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        read(text).filter(|file| file.print() == text).ok_or(KeyError::Malformed)
    }
}

fn read(text: &str) -> Option<KeyFile> {
    let mut lines = text.lines();
    let mut after = |word: &str| lines.next()?.strip_prefix(word);
    after(FIRST)?;
    let public = after("public ")?.parse().ok()?;
    let iterations = after("pbkdf2-hmac-sha256 ")?.parse().ok()?;
    let (salt, nonce) = (unhex(after("salt ")?)?, unhex(after("aes-256-gcm ")?)?);
    let sealed = unhex(after("sealed ")?)?;
    let file = KeyFile { public, iterations, salt, nonce, sealed };
    (iterations.get() <= MOST).then_some(file)
}

fn head(public: &PublicKey, iterations: NonZeroU32, salt: &[u8], nonce: &[u8]) -> String {
    let (salt, nonce) = (hex(salt), hex(nonce));
    format!(
        "{FIRST}\npublic {public}\npbkdf2-hmac-sha256 {iterations}\nsalt {salt}\naes-256-gcm {nonce}\n"
    )
}

fn sealing(passphrase: &Secret, iterations: NonZeroU32, salt: &[u8]) -> LessSafeKey {
    let mut key = [0; 32];
    let secret = passphrase.expose().as_bytes();
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, salt, secret, &mut key);
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).expect("a key has 32 bytes"))
}

#[cfg(test)]
mod tests {
    use specie_vocab::SeededChance;

    use super::*;

    fn quick() -> NonZeroU32 {
        NonZeroU32::new(2).unwrap()
    }

    #[test]
    fn a_key_file_opens_with_its_passphrase_alone() {
        let right = Secret::new("four plain old words");
        let file = KeyFile::make(&right, quick(), &SeededChance::new(1));
        let read = KeyFile::parse(&file.print()).unwrap();
        assert_eq!(read, file);
        assert_eq!(read.open(&right).unwrap().public(), file.public);
        for wrong in ["", "four plain old word", "four plain old words "] {
            assert_eq!(read.open(&Secret::new(wrong)).err(), Some(KeyError::WrongPassphrase));
        }
        let other = KeyFile::make(&right, quick(), &SeededChance::new(2));
        assert_ne!(other.public, file.public);
        let seed = SeededChance::new(1).token();
        assert!(!file.print().contains(&seed[..64]), "the seed does not stand in it");
    }

    #[test]
    fn a_changed_key_file_opens_with_nothing() {
        let right = Secret::new("four plain old words");
        let text = KeyFile::make(&right, quick(), &SeededChance::new(1)).print();
        for (at, c) in text.char_indices() {
            let other = if c == '3' { '5' } else { '3' };
            let changed = format!("{}{other}{}", &text[..at], &text[at + c.len_utf8()..]);
            let opened = KeyFile::parse(&changed).and_then(|file| file.open(&right));
            assert!(opened.is_err(), "at {at}: {changed}");
        }
        let slow = text.replace("sha256 2\n", "sha256 4000000000\n");
        assert_eq!(KeyFile::parse(&slow), Err(KeyError::Malformed));
    }

    #[test]
    fn key_files_of_people_are_slow_to_guess() {
        assert!(ITERATIONS.get() >= 600_000);
    }
}
