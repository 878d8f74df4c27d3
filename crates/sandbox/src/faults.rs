//! Faults on the way of webhooks, for simulations: repeatable from a seed.

use std::collections::VecDeque;

use specie_vocab::{Chance, SeededChance};

/// What goes wrong with one delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It never arrives, and is never tried again.
    Lose,
    /// This attempt does not arrive; it is tried again by the plan.
    Fail,
    /// It arrives twice.
    Duplicate,
    /// It arrives so many seconds of wall time later; others overtake it.
    Delay(i64),
}

/// How often things go wrong, each in percent of all attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Odds {
    /// [`Fault::Lose`].
    pub lose: u32,
    /// [`Fault::Fail`].
    pub fail: u32,
    /// [`Fault::Duplicate`].
    pub duplicate: u32,
    /// [`Fault::Delay`].
    pub delay: u32,
    /// The longest delay, in seconds.
    pub longest_delay: i64,
}

/// What goes wrong with the deliveries ahead: first those that were named, then by chance.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    named: VecDeque<Option<Fault>>,
    odds: Option<(Odds, SeededChance)>,
}

impl Faults {
    pub fn name(&mut self, faults: impl IntoIterator<Item = Option<Fault>>) {
        self.named.extend(faults);
    }

    pub fn by_chance(&mut self, seed: u64, odds: Odds) {
        self.odds = Some((odds, SeededChance::new(seed)));
    }

    pub fn none(&mut self) {
        *self = Self::default();
    }

    pub fn next(&mut self) -> Option<Fault> {
        if let Some(named) = self.named.pop_front() {
            return named;
        }
        let (odds, chance) = self.odds.as_ref()?;
        odds.roll(chance).ok()
    }
}

impl Odds {
    /// What goes wrong this time; if nothing does, how far above all the odds the die fell.
    pub(crate) fn roll(&self, chance: &SeededChance) -> Result<Fault, u32> {
        let rolled = below(chance, 100);
        let mut limit = 0_u32;
        let mut hits = |percent: u32| {
            limit = limit.saturating_add(percent);
            rolled < limit
        };
        if hits(self.lose) {
            Ok(Fault::Lose)
        } else if hits(self.fail) {
            Ok(Fault::Fail)
        } else if hits(self.duplicate) {
            Ok(Fault::Duplicate)
        } else if hits(self.delay) {
            let longest = u32::try_from(self.longest_delay.max(1)).unwrap_or(u32::MAX);
            Ok(Fault::Delay(1 + i64::from(below(chance, longest))))
        } else {
            Err(rolled - limit)
        }
    }
}

pub(crate) fn below(chance: &SeededChance, limit: u32) -> u32 {
    let mut bytes = [0; 8];
    chance.fill(&mut bytes);
    u32::try_from(u64::from_le_bytes(bytes) % u64::from(limit.max(1))).unwrap_or(0)
}
