//! What this process remembers for its alarms: what no table holds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use specie_vocab::{BusinessTime, WallTime};

/// See above. Shared by all tasks of a process.
#[derive(Debug, Default)]
pub struct Watch(Mutex<Seen>);

/// One moment, by both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Began {
    /// By that of the database.
    pub(super) wall: WallTime,
    /// By that in which events are made.
    pub(super) business: BusinessTime,
}

#[derive(Debug, Default)]
struct Seen {
    /// When this process first looked.
    began: Option<Began>,
    /// When a webhook last came to this process.
    delivered_at: Option<WallTime>,
    /// Seconds by which Stripe's clock is ahead of this machine's.
    stripe_ahead: Option<i64>,
    /// Whether Stripe has switched our endpoint off, as far as it is known.
    endpoint_disabled: bool,
    /// Whether the key is of another account than this installation.
    wrong_account: bool,
    /// When something last happened that leaves nothing to look at.
    happened: BTreeMap<String, WallTime>,
    /// What stood when it was told last.
    told: BTreeSet<&'static str>,
}

impl Watch {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// A webhook came: Stripe reaches us.
    pub(crate) fn delivered(&self, now: WallTime) {
        self.seen().delivered_at = Some(now);
    }

    /// When one last did; none since the start.
    pub(crate) fn delivered_at(&self) -> Option<WallTime> {
        self.seen().delivered_at
    }

    /// Stripe's clock showed `stripe` (Unix seconds) just before `now`.
    pub(crate) fn compared(&self, stripe: i64, now: WallTime) {
        self.seen().stripe_ahead = Some(stripe - now.as_second());
    }

    /// By how many seconds Stripe's clock is ahead; none before its first answer.
    pub(crate) fn stripe_ahead(&self) -> Option<i64> {
        self.seen().stripe_ahead
    }

    /// What the list of webhook endpoints said.
    pub(super) fn saw_endpoint(&self, disabled: bool) {
        self.seen().endpoint_disabled = disabled;
    }

    pub(super) fn endpoint_disabled(&self) -> bool {
        self.seen().endpoint_disabled
    }

    /// Whether the key was of another account when it was last looked at.
    pub(crate) fn saw_account(&self, wrong: bool) {
        self.seen().wrong_account = wrong;
    }

    pub(super) fn wrong_account(&self) -> bool {
        self.seen().wrong_account
    }

    /// Notes that something happened which leaves nothing to look at.
    pub(super) fn happened(&self, code: &str, now: WallTime) {
        self.seen().happened.insert(code.into(), now);
    }

    /// Whether it did at `moment` or later.
    pub(super) fn happened_since(&self, code: &str, moment: WallTime) -> bool {
        self.seen().happened.get(code).is_some_and(|at| *at >= moment)
    }

    /// When this process first looked.
    pub(super) fn began(&self, now: Began) -> Began {
        *self.seen().began.get_or_insert(now)
    }

    /// Takes what stands now for told, and answers with what is new and what is over.
    pub(super) fn changes(
        &self,
        standing: &BTreeSet<&'static str>,
    ) -> (Vec<&'static str>, Vec<&'static str>) {
        let mut seen = self.seen();
        let new = standing.difference(&seen.told).copied().collect();
        let over = seen.told.difference(standing).copied().collect();
        seen.told.clone_from(standing);
        (new, over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_is_told_once_and_again_when_it_is_over() {
        let watch = Watch::default();
        let told = |codes: &[&'static str]| watch.changes(&codes.iter().copied().collect());
        assert_eq!(told(&["a", "b"]), (vec!["a", "b"], vec![]));
        assert_eq!(told(&["a", "b"]), (vec![], vec![]));
        assert_eq!(told(&["b", "c"]), (vec!["c"], vec!["a"]));
        assert_eq!(told(&[]), (vec![], vec!["b", "c"]));
    }
}
