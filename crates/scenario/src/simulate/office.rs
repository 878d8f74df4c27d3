//! What an operator keeps apart from the database.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// See above.
#[derive(Clone, Default)]
pub(super) struct Office(Arc<Mutex<Notes>>);

#[derive(Default)]
struct Notes {
    /// The digests of roots, as the log told them.
    roots: BTreeSet<Vec<u8>>,
    replayed: u32,
    /// How many events were to be replayed by orders of which no end was heard.
    unheard: u32,
    decided: u32,
}

impl Office {
    /// Keeps the digest of a root. Answers all that were kept.
    pub(super) fn keep(&self, root: Option<Vec<u8>>) -> Vec<Vec<u8>> {
        let mut notes = self.notes();
        notes.roots.extend(root);
        notes.roots.iter().cloned().collect()
    }

    /// So many events are to be replayed.
    pub(super) fn asks_to_replay(&self, events: u32) {
        self.notes().unheard += events;
    }

    /// Of those that were asked for, so many were.
    pub(super) fn heard_of_replays(&self, asked: u32, events: u32) {
        let mut notes = self.notes();
        notes.unheard -= asked;
        notes.replayed += events;
    }

    /// It was decided about a change.
    pub(super) fn heard_of_a_decision(&self) {
        self.notes().decided += 1;
    }

    /// How many events were replayed.
    pub(super) fn replayed(&self) -> u32 {
        self.notes().replayed
    }

    /// About how many changes it was decided.
    pub(super) fn decided(&self) -> u32 {
        self.notes().decided
    }

    /// Whether so many replays may be told of: those that were heard of, and those that may have been.
    /// An event of nobody's is in no trail.
    pub(super) fn explains(&self, told: usize) -> Result<(), String> {
        let notes = self.notes();
        let most = notes.replayed + notes.unheard;
        if told <= most as usize {
            return Ok(());
        }
        Err(format!("the trails tell of {told} replayed events, and there were {most} at most"))
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replay_is_told_once_or_may_have_been_when_nothing_was_heard() {
        let office = Office::default();
        assert!(office.explains(0).is_ok() && office.explains(1).is_err());
        office.asks_to_replay(3);
        office.heard_of_replays(3, 2);
        assert!(office.explains(2).is_ok() && office.explains(3).is_err());
        office.asks_to_replay(1);
        assert!(office.explains(3).is_ok() && office.explains(4).is_err());
        assert_eq!(office.replayed(), 2);
    }
}
