//! Customers' views in memory: a bounded number of them, none older than the floor that the last
//! decision left.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use quick_cache::sync::Cache as Bounded;
use specie_billing::Held;
use specie_store::watermarks::Watermark;
use specie_vocab::{PayerId, WallTime};

use crate::views::SubscriptionView;

/// How many customers' views are kept in memory.
const KEPT: usize = 100_000;

/// Customers' views, in memory.
pub struct Cache {
    views: Bounded<PayerId, Kept>,
    floors: Mutex<BTreeMap<PayerId, i64>>,
    /// Customers for whom a reader is asking Stripe.
    asking: Mutex<BTreeSet<PayerId>>,
    passes: Mutex<Passes>,
}

/// What the database said last, and the second of this process's clock in which it did.
type Passes = Option<(i64, Arc<Passed>)>;

/// The watermark passes that count, and the clock by which they and all fetches are dated.
pub(super) struct Passed {
    /// The newest first.
    pub passes: Vec<Watermark>,
    /// By how many seconds that clock, the database's, is ahead of this process's.
    pub ahead: i64,
}

/// All that is kept of one customer.
#[derive(Clone)]
pub(super) struct Kept {
    pub version: i64,
    pub groups: BTreeMap<String, Known>,
    /// The customer's lane; none, if Stripe knows nothing of them.
    pub lane: Option<String>,
    pub created_at: WallTime,
    /// Whether an event of this customer is parked: what it told is not known yet.
    pub parked: bool,
}

/// What is known of one plan group of a customer, whatever the clock says.
#[derive(Clone)]
pub(super) struct Known {
    pub view: SubscriptionView,
    pub held: Option<Held>,
    /// The object that says whether what is shown is still true: the session of an open checkout,
    /// else the subscription.
    pub rests_on: Option<String>,
    /// When that was last fetched.
    pub fetched_at: Option<WallTime>,
}

impl Default for Cache {
    fn default() -> Self {
        let views = Bounded::new(KEPT);
        let (floors, asking) = (Mutex::default(), Mutex::default());
        Self { views, floors, asking, passes: Mutex::default() }
    }
}

impl Cache {
    /// Forgets what is older than `version`, and refuses it from now on.
    pub fn drop_below(&self, payer: PayerId, version: i64) {
        let mut floors = self.floors.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if floors.len() > KEPT {
            floors.clear();
            self.views.clear();
        }
        let floor = floors.entry(payer).or_insert(version);
        *floor = version.max(*floor);
        self.views.remove(&payer);
    }

    pub(super) fn asking(&self) -> MutexGuard<'_, BTreeSet<PayerId>> {
        self.asking.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(super) fn passes(&self) -> MutexGuard<'_, Passes> {
        self.passes.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(super) fn get(&self, payer: PayerId) -> Option<Kept> {
        self.views.get(&payer)
    }

    pub(super) fn fill(&self, payer: PayerId, kept: Kept) {
        let floors = self.floors.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if floors.get(&payer).is_none_or(|floor| kept.version >= *floor) {
            self.views.insert(payer, kept);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_at(version: i64) -> Kept {
        let created_at = WallTime::from_second(0);
        Kept { version, groups: BTreeMap::new(), lane: None, created_at, parked: false }
    }

    #[test]
    fn what_was_read_before_a_decision_does_not_fill_after_it() {
        let (cache, payer) = (Cache::default(), PayerId(uuid::Uuid::from_u128(1)));
        cache.fill(payer, read_at(4));
        cache.drop_below(payer, 5);
        assert!(cache.get(payer).is_none(), "it is forgotten");
        cache.fill(payer, read_at(4));
        assert!(cache.get(payer).is_none(), "a reader that began before brings it no more");
        cache.drop_below(payer, 3);
        cache.fill(payer, read_at(4));
        assert!(cache.get(payer).is_none(), "the floor never falls");
        cache.fill(payer, read_at(5));
        assert_eq!(cache.get(payer).map(|kept| kept.version), Some(5));
    }
}
