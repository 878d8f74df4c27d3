//! How often one customer may call: generous to people, their apps and their double clicks; a limit
//! to a loop that has gone wild, which would use up what Stripe allows for everybody else.

use std::sync::{Mutex, PoisonError};

use quick_cache::unsync::Cache;
use specie_vocab::{PayerId, WallTime};

use crate::ApiError;

/// Customers that are remembered. Who is forgotten begins anew.
const CUSTOMERS: usize = 20_000;

/// What a call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// It reads: 1,000 at once, then 100 a second.
    Read,
    /// It changes something, and may ask Stripe: 300 at once, then 2 a second.
    Change,
}

impl Kind {
    /// The microseconds that one call costs, and for how many of them calls may run ahead.
    fn cost(self) -> (i64, i64) {
        match self {
            Self::Read => (10_000, 1_000 * 10_000),
            Self::Change => (500_000, 300 * 500_000),
        }
    }
}

/// When each customer's calls so far are paid for.
pub struct Rates(Mutex<Cache<(PayerId, Kind), i64>>);

impl Default for Rates {
    fn default() -> Self {
        Self(Mutex::new(Cache::new(CUSTOMERS)))
    }
}

impl Rates {
    /// Counts a call. 429 `rate_limited`, which says when to come back, if there were too many.
    pub fn count(&self, payer: PayerId, kind: Kind, now: WallTime) -> Result<(), ApiError> {
        let (cost, ahead) = kind.cost();
        let now = now.timestamp().as_microsecond();
        let mut paid = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let until = paid.get(&(payer, kind)).copied().unwrap_or(now).max(now) + cost;
        if until - now > ahead {
            let wait = (until - now - ahead + 999_999) / 1_000_000;
            return Err(ApiError::rate_limited(wait));
        }
        paid.insert((payer, kind), until);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use specie_vocab::{Chance, SeededChance};

    fn at(second: i64) -> WallTime {
        WallTime::from_second(1_800_000_000 + second)
    }

    #[test]
    fn a_customer_is_told_when_to_come_back_and_others_are_not_held_up() {
        let chance = SeededChance::new(1);
        let (ada, ben) = (chance.payer(at(0)), chance.payer(at(1)));
        let rates = Rates::default();
        for _ in 0..300 {
            rates.count(ada, Kind::Change, at(0)).unwrap();
        }
        let refused = rates.count(ada, Kind::Change, at(0)).unwrap_err();
        assert_eq!((refused.status.as_u16(), refused.code), (429, "rate_limited"));
        assert_eq!(refused.more["retry_after"], 1);
        rates.count(ada, Kind::Read, at(0)).unwrap();
        rates.count(ben, Kind::Change, at(0)).unwrap();

        rates.count(ada, Kind::Change, at(1)).unwrap();
        rates.count(ada, Kind::Change, at(1)).unwrap();
        rates.count(ada, Kind::Change, at(1)).unwrap_err();
        for _ in 0..300 {
            rates.count(ada, Kind::Change, at(1_000)).unwrap();
        }
    }

    #[test]
    fn a_clock_that_goes_back_locks_nobody_out() {
        let ada = SeededChance::new(1).payer(at(0));
        let rates = Rates::default();
        rates.count(ada, Kind::Read, at(0)).unwrap();
        rates.count(ada, Kind::Read, at(-3)).unwrap();
    }
}
