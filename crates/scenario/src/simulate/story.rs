//! What happened, line by line: what a failure shows, and what two runs of a seed have in common.

use std::sync::{Arc, Mutex, PoisonError};

use specie_vocab::{BusinessTime, WallTime};

/// A story that is being told by several.
#[derive(Clone, Default)]
pub(super) struct Story(Arc<Mutex<String>>);

impl Story {
    /// Something that somebody did, or that happened to them.
    pub(super) fn tell(&self, business: BusinessTime, wall: WallTime, text: &str) {
        let wall = wall.timestamp().strftime("%H:%M:%S");
        self.add(&format!("{} ({wall}) {text}\n", business.timestamp().strftime("%F %T")));
    }

    /// What belongs to the line before.
    pub(super) fn note(&self, text: &str) {
        self.add(&format!("    {text}\n"));
    }

    fn add(&self, line: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_str(line);
    }

    /// All of it.
    pub(super) fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
