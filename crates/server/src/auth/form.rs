//! The token of a form: it proves that the form came from a page of ours shown to this visitor, and
//! names the change, so that sending the form twice changes once.

use aws_lc_rs::{constant_time, hmac};
use specie_vocab::{Chance, hex};

/// 16 bytes in hex.
const NONCE: usize = 32;

/// A token for one form on a page of the visitor whose session secret this is.
pub fn make(session: &str, chance: &dyn Chance) -> String {
    let mut nonce = [0; NONCE / 2];
    chance.fill(&mut nonce);
    let nonce = hex(&nonce);
    let mark = mark(session, &nonce);
    format!("{nonce}.{mark}")
}

/// The idempotency key of a form whose token was made for this session; None for any other token.
pub fn check(session: &str, token: &str) -> Option<String> {
    let (nonce, found) = token.split_once('.')?;
    if nonce.len() != NONCE {
        return None;
    }
    let expected = mark(session, nonce);
    constant_time::verify_slices_are_equal(found.as_bytes(), expected.as_bytes()).ok()?;
    Some(nonce.into())
}

fn mark(session: &str, nonce: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, session.as_bytes());
    hex(hmac::sign(&key, format!("form:{nonce}").as_bytes()).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use specie_vocab::SeededChance;

    #[test]
    fn a_token_counts_for_the_session_it_was_made_for() {
        let chance = SeededChance::new(1);
        let token = make("session", &chance);
        let key = check("session", &token).unwrap();
        assert_eq!(key.len(), NONCE);
        assert_eq!(check("another", &token), None);
        assert_ne!(check("session", &make("session", &chance)), Some(key));
    }

    #[test]
    fn a_changed_token_is_no_token() {
        let token = make("session", &SeededChance::new(1));
        for place in [0, NONCE, NONCE + 1, token.len() - 1] {
            let mut changed = token.clone().into_bytes();
            changed[place] ^= 1;
            assert_eq!(check("session", std::str::from_utf8(&changed).unwrap()), None, "{place}");
        }
        for wrong in ["", ".", "a.b", &token[..token.len() - 1], &format!("{token}0")] {
            assert_eq!(check("session", wrong), None, "{wrong}");
        }
    }
}
