//! A clock that goes before or after the others.

use std::sync::Arc;

use jiff::SignedDuration;
use specie_vocab::{ManualClock, WallClock, WallTime};

/// The stage's wall clock, so many seconds apart.
pub(super) struct Skewed {
    clock: Arc<ManualClock>,
    by: i64,
}

impl Skewed {
    pub(super) fn new(clock: Arc<ManualClock>, by: i64) -> Self {
        Self { clock, by }
    }
}

impl WallClock for Skewed {
    fn now(&self) -> WallTime {
        let now = WallClock::now(&*self.clock).timestamp();
        WallTime::new(now.saturating_add(SignedDuration::from_secs(self.by)).unwrap_or(now))
    }
}
