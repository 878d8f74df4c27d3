//! What happens next, by the seed.

use specie_vocab::{Chance, SeededChance};

/// Repeatable luck.
pub(super) struct Dice(SeededChance);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(SeededChance::new(seed))
    }

    /// A number from 0, below `limit`.
    pub(super) fn below(&self, limit: u32) -> u32 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u32::try_from(u64::from_le_bytes(bytes) % u64::from(limit.max(1))).unwrap_or(0)
    }

    /// True so many times in a hundred.
    pub(super) fn percent(&self, often: u32) -> bool {
        self.below(100) < often
    }

    /// One of several.
    pub(super) fn one_of<T: Copy>(&self, all: &[T]) -> T {
        all[self.below(u32::try_from(all.len()).unwrap_or(1)) as usize]
    }
}
