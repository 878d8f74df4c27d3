//! Lanes whose events were stored just now: their workers need not look for them in the database.
//!
//! Events of one customer come in bursts. A lane gathers for a moment, and is worked on once for
//! all that came meanwhile. What is lost here, with the process or when there are too many, is found
//! in the database by whoever looks next.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So many lanes are kept; others are found in the database.
const MOST: usize = 50_000;

/// The lanes.
#[derive(Debug, Default)]
pub struct Fresh(Mutex<Lanes>);

#[derive(Debug, Default)]
struct Lanes {
    gathering: BTreeSet<String>,
    ripe: VecDeque<String>,
    /// The same as `ripe`, to find one in it.
    known: BTreeSet<String>,
}

impl Fresh {
    /// An event for this lane was stored.
    pub fn add(&self, lane: &str) {
        let mut lanes = self.lock();
        if lanes.gathering.len() < MOST && !lanes.gathering.contains(lane) {
            lanes.gathering.insert(lane.to_owned());
        }
    }

    /// What has gathered may be worked on now, and so may `others`.
    pub fn ripen(&self, others: Vec<String>) {
        let lanes = &mut *self.lock();
        let gathered = std::mem::take(&mut lanes.gathering);
        for lane in others.into_iter().chain(gathered) {
            if lanes.ripe.len() < MOST && lanes.known.insert(lane.clone()) {
                lanes.ripe.push_back(lane);
            }
        }
    }

    /// The lane that may be worked on next.
    pub fn next(&self) -> Option<String> {
        let lanes = &mut *self.lock();
        let lane = lanes.ripe.pop_front()?;
        lanes.known.remove(&lane);
        Some(lane)
    }

    /// How many may be worked on.
    pub fn ripe(&self) -> usize {
        self.lock().ripe.len()
    }

    fn lock(&self) -> MutexGuard<'_, Lanes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_waits_once_and_in_turn() {
        let fresh = Fresh::default();
        for lane in ["cus_1", "cus_2", "cus_1"] {
            fresh.add(lane);
        }
        assert_eq!(fresh.next(), None, "they gather");
        fresh.ripen(vec!["cus_3".into(), "cus_2".into()]);
        fresh.add("cus_1");
        fresh.ripen(Vec::new());
        let all: Vec<_> = std::iter::from_fn(|| fresh.next()).collect();
        assert_eq!(all, ["cus_3", "cus_2", "cus_1"]);
        fresh.add("cus_1");
        fresh.ripen(Vec::new());
        assert_eq!((fresh.ripe(), fresh.next()), (1, Some("cus_1".into())), "it came again");
    }

    #[test]
    fn too_many_are_left_to_the_database() {
        let fresh = Fresh::default();
        for n in 0..MOST + 9 {
            fresh.add(&format!("cus_{n}"));
        }
        fresh.ripen(vec!["cus_other".into()]);
        assert_eq!(fresh.ripe(), MOST);
    }
}
