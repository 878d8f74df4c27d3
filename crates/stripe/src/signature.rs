//! Stripe's signature over the raw bytes of an event.

use aws_lc_rs::{constant_time, hmac};
use specie_vocab::{Secret, WallTime, hex};

/// How old a signature may be, in seconds, as in Stripe's libraries.
const TOLERANCE: i64 = 300;
/// No header of Stripe's comes near this; a longer one is not read.
const LONGEST_HEADER: usize = 4096;
/// While a secret is being replaced there are two; more than this are not tried.
const MOST_TAGS: usize = 16;

/// Why a delivery is not believed. Clients never see which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSignature {
    /// The header is not `t=…,v1=…`.
    #[error("the header is not `t=…,v1=…`")]
    Malformed,
    /// Signed too long ago.
    #[error("signed more than {TOLERANCE} s ago")]
    Late,
    /// No secret made this signature.
    #[error("no secret made this signature")]
    Wrong,
}

/// The secrets that may sign: one, or several while one is being replaced.
pub struct Secrets(Vec<hmac::Key>);

/// Bytes that Stripe signed. Only [`Secrets::verify`] makes one.
#[derive(Clone, Copy)]
pub struct Verified<'a> {
    bytes: &'a [u8],
    from_future: bool,
}

impl<'a> Verified<'a> {
    /// What was signed.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether the stamp lies ahead of our clock: accepted, as by Stripe's libraries, but worth a
    /// line in the log, because one of the two clocks is wrong.
    pub fn from_future(&self) -> bool {
        self.from_future
    }
}

impl Secrets {
    /// Prepares the keys. The whole text, `whsec_` included, is the key.
    pub fn new(secrets: impl IntoIterator<Item = Secret>) -> Self {
        Self(secrets.into_iter().map(|secret| key(&secret)).collect())
    }

    /// Whether there is no secret at all, so that nothing can be verified.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks `header` against the raw `body` at `now`, in constant time. The stamp
    /// counts only once the signature holds, so `Late` is a true signature that came too late.
    pub fn verify<'a>(
        &self,
        header: &str,
        body: &'a [u8],
        now: WallTime,
    ) -> Result<Verified<'a>, BadSignature> {
        if header.len() > LONGEST_HEADER {
            return Err(BadSignature::Malformed);
        }
        let parts = || header.split(',').filter_map(|part| part.trim().split_once('='));
        let stamp = parts().find(|(name, _)| *name == "t").ok_or(BadSignature::Malformed)?.1;
        if stamp.is_empty() || !stamp.bytes().all(|b| b.is_ascii_digit()) {
            return Err(BadSignature::Malformed);
        }
        let signed_at: i64 = stamp.parse().map_err(|_| BadSignature::Malformed)?;

        let tags: Vec<[u8; 32]> = parts()
            .filter(|(name, _)| *name == "v1")
            .filter_map(|(_, tag)| unhex(tag))
            .take(MOST_TAGS)
            .collect();
        // One pass over the body per secret, however many tags a stranger sends.
        let made = |key: &hmac::Key| {
            let own = tag(key, stamp, body);
            tags.iter().any(|tag| constant_time::verify_slices_are_equal(own.as_ref(), tag).is_ok())
        };
        if !self.0.iter().any(made) {
            return Err(BadSignature::Wrong);
        }

        let age = now.as_second().saturating_sub(signed_at);
        if age > TOLERANCE {
            return Err(BadSignature::Late);
        }
        Ok(Verified { bytes: body, from_future: age < 0 })
    }
}

/// The value of `Stripe-Signature` that `secret` gives to `body` at `at`: for the sandbox, which
/// signs as Stripe does.
pub fn sign(secret: &Secret, body: &[u8], at: WallTime) -> String {
    let stamp = at.as_second();
    format!("t={stamp},v1={}", hex(tag(&key(secret), &stamp.to_string(), body).as_ref()))
}

fn tag(key: &hmac::Key, stamp: &str, body: &[u8]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    context.update(stamp.as_bytes());
    context.update(b".");
    context.update(body);
    context.sign()
}

fn key(secret: &Secret) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes())
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let text = text.as_bytes();
    if text.len() != 64 {
        return None;
    }
    let digit = |c: u8| Some(char::from(c).to_digit(16)? as u8);
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = (digit(pair[0])? << 4) | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // HMAC-SHA256 of `1700000000.{}` with `whsec_test`, made with openssl.
    const TAG: &str = "35495024f4ef3f94e5a93e22221544c4b75e9a42300cd965ab81cb85cd994e91";

    fn secrets() -> Secrets {
        Secrets::new(["whsec_old", "whsec_test"].map(Secret::new))
    }

    fn check(header: &str, body: &str, now: i64) -> Result<bool, BadSignature> {
        let verified = secrets().verify(header, body.as_bytes(), WallTime::from_second(now));
        verified.map(|verified| verified.from_future())
    }

    #[test]
    fn a_signature_holds_for_its_body_its_time_and_its_secret() {
        let header = format!("t=1700000000,v1={TAG}");
        let wrong = |header: &str| check(header, "{}", 1_700_000_000);
        assert_eq!(check(&header, "{}", 1_700_000_300), Ok(false));
        assert_eq!(check(&header, "{}", 1_700_000_301), Err(BadSignature::Late));
        assert_eq!(check(&header, "{} ", 1_700_000_000), Err(BadSignature::Wrong));
        assert_eq!(wrong(&header.replace("t=17", "t=16")), Err(BadSignature::Wrong));
        assert_eq!(wrong(&header.replace("v1=", "v0=")), Err(BadSignature::Wrong));
        let others = Secrets::new([Secret::new("whsec_other")]);
        let now = WallTime::from_second(1_700_000_000);
        assert_eq!(others.verify(&header, b"{}", now).err(), Some(BadSignature::Wrong));
        assert!(Secrets::new([]).verify(&header, b"{}", now).is_err());
    }

    /// A sender that signed with both secrets while one is being replaced, beside other schemes.
    #[test]
    fn one_good_tag_among_others_is_enough() {
        let zeros = "0".repeat(64);
        let header = format!("t=1700000000, v0={zeros},v1=short,v1={zeros},v1={TAG}");
        assert_eq!(check(&header, "{}", 1_700_000_000), Ok(false));
    }

    #[test]
    fn a_stamp_from_the_future_is_accepted_and_said() {
        let header = format!("t=1700000000,v1={TAG}");
        assert_eq!(check(&header, "{}", 1_600_000_000), Ok(true));
        assert_eq!(check(&header, "{}", 1_700_000_000), Ok(false));
    }

    #[test]
    fn what_is_no_header_is_malformed() {
        let long = format!("t=1700000000,{}v1={TAG}", "v0=0,".repeat(1000));
        let untimely = ["", "v1=00", "t=,v1=00", "t=-5,v1=00", "t=+5,v1=00", "t=1e9", "1700000000"];
        for header in untimely.into_iter().chain([long.as_str(), "t=99999999999999999999,v1=00"]) {
            assert_eq!(
                check(header, "{}", 1_700_000_000),
                Err(BadSignature::Malformed),
                "{header}"
            );
        }
        assert_eq!(check("t=1700000000", "{}", 1_700_000_000), Err(BadSignature::Wrong));
    }

    proptest! {
        #[test]
        fn what_is_signed_verifies_and_a_changed_bit_does_not(
            body in prop::collection::vec(any::<u8>(), 1..200), at in 0_i64..4_000_000_000,
            bit in 0_usize..8, place in any::<prop::sample::Index>(),
        ) {
            let at = WallTime::from_second(at);
            let header = sign(&Secret::new("whsec_test"), &body, at);
            prop_assert_eq!(secrets().verify(&header, &body, at).unwrap().bytes(), body.as_slice());
            let mut other = body.clone();
            other[place.index(body.len())] ^= 1 << bit;
            prop_assert_eq!(secrets().verify(&header, &other, at).err(), Some(BadSignature::Wrong));
        }

        #[test]
        fn no_header_is_believed_by_chance_nor_panics(
            header in "(t=|v1=|v0=|,|=|[0-9a-f]{1,70}|\\PC){0,12}", now in any::<i64>(),
        ) {
            prop_assert!(check(&header, "a body", now).is_err());
        }

        #[test]
        fn any_text_is_a_header_that_fails(header in any::<String>()) {
            prop_assert!(check(&header, "a body", 0).is_err());
        }
    }
}
