//! Where random bytes and new ids come from: an argument, so that a run can be repeated.

use std::sync::Mutex;

use uuid::{Builder, Uuid};

use crate::{PayerId, WallTime};

/// A source of random bytes.
pub trait Chance: Send + Sync {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);

    /// A new id of version 7: it sorts by `now`, to the millisecond.
    fn uuid(&self, now: WallTime) -> Uuid {
        let mut random = [0; 10];
        self.fill(&mut random);
        let millis = now.timestamp().as_millisecond().max(0).unsigned_abs();
        Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    /// A new id for whoever pays.
    fn payer(&self, now: WallTime) -> PayerId {
        PayerId(self.uuid(now))
    }

    /// 32 random bytes in lower-case hex: a key or a token.
    fn token(&self) -> String {
        let mut bytes = [0; 32];
        self.fill(&mut bytes);
        hex(&bytes)
    }
}

/// Bytes in lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The system's randomness. Only the binary makes one.
#[derive(Clone, Copy, Debug)]
pub struct SystemChance;

impl Chance for SystemChance {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system for chance")]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the system gives random bytes");
    }
}

/// Repeatable randomness from a seed (SplitMix64, Steele, Lea and Flood 2014). For tests,
/// simulations and the sandbox's ids; never for secrets of a real installation.
#[derive(Debug)]
pub struct SeededChance(Mutex<u64>);

impl SeededChance {
    /// Starts at `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }
}

impl Chance for SeededChance {
    fn fill(&self, bytes: &mut [u8]) {
        let mut state = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        for chunk in bytes.chunks_mut(8) {
            *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = *state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            chunk.copy_from_slice(&(z ^ (z >> 31)).to_le_bytes()[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_itself_and_ids_sort_by_time() {
        let (a, b) = (SeededChance::new(7), SeededChance::new(7));
        let early = a.uuid(WallTime::from_second(1_000));
        assert_eq!(early, b.uuid(WallTime::from_second(1_000)));
        assert!(early < a.uuid(WallTime::from_second(1_001)));
        assert_eq!(early.get_version_num(), 7);
    }
}
