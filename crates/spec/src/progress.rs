//! How far the tasks of a spec are: what their boxes say, what was recorded, and what speaks for or
//! against it.

mod advice;
mod blockers;
mod command;
mod details;
mod evidence;
mod judge;
mod marks;
mod phases;
mod report;
mod runners;
mod tasks;

use crate::State;
use crate::check::Input;

pub use advice::{Advice, AdviceKind, advice};
pub use blockers::{Blocker, blockers};
pub use command::{line, visible, words};
pub use evidence::{CountsAs, Ended, Evidence, Fingerprint, Stand, Verdict};
pub use marks::marks;
pub use phases::{Phase, PhaseState, phases};
pub use report::report;
pub use runners::Runners;
pub use tasks::{Task, tasks};

/// What is known of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Progress {
    /// It is not ticked, and nothing proves it.
    Open,
    /// It is ticked, nothing speaks against it, and nothing proves it.
    Claimed,
    /// Each of its validations succeeded, on what is there now.
    Verified,
    /// It was verified, and something has changed since.
    Stale,
    /// It is ticked, and something speaks against it.
    Contradicted,
    /// It is ticked, and names neither a file nor a command by which one could tell.
    Unverifiable,
}

impl Progress {
    /// All there are, in the order in which they are told.
    pub const ALL: [Self; 6] = [
        Self::Open,
        Self::Claimed,
        Self::Verified,
        Self::Stale,
        Self::Contradicted,
        Self::Unverifiable,
    ];

    /// Its name in the JSON form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Claimed => "claimed",
            Self::Verified => "verified",
            Self::Stale => "stale",
            Self::Contradicted => "contradicted",
            Self::Unverifiable => "unverifiable",
        }
    }
}

/// A task, and how far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskProgress {
    /// The task.
    pub task: Task,
    /// What is known.
    pub progress: Progress,
    /// Why, one sentence each.
    pub because: Vec<String>,
    /// What each command says that counts for it: its validations; of a task without any, whatever
    /// was recorded.
    pub commands: Vec<(String, Stand)>,
}

impl TaskProgress {
    /// Whether it may be counted as done: it is verified, or ticked and not contradicted.
    pub fn is_complete(&self) -> bool {
        let ticked = self.task.mark == Some(State::Done);
        match self.progress {
            Progress::Verified => true,
            Progress::Open | Progress::Contradicted => false,
            Progress::Claimed | Progress::Stale | Progress::Unverifiable => ticked,
        }
    }

    /// Whether somebody has begun with it, and it is not complete.
    pub fn is_begun(&self) -> bool {
        let tried = self.commands.iter().any(|(_, stand)| *stand != Stand::Missing);
        let marked = matches!(self.task.mark, Some(State::Done | State::Doing));
        !self.is_complete() && (marked || tried)
    }

    /// Whether a command that counts for it failed.
    pub fn has_failed(&self) -> bool {
        self.commands.iter().any(|(_, stand)| matches!(stand, Stand::Failed { .. }))
    }
}

/// What must be looked up outside the documents.
pub struct Outside<'a> {
    /// Whether a file is there, or was once; none when nobody can tell.
    pub was_made: &'a dyn Fn(&str) -> Option<bool>,
    /// The SHA-256 of a file, in hex; none when it is not there.
    pub digest_of: &'a dyn Fn(&str) -> Option<String>,
    /// The SHA-256 of some bytes, in hex.
    pub sha256: &'a dyn Fn(&[u8]) -> String,
}

/// How far each task of one spec is. `evidence` is what was recorded for this spec, in any order.
pub fn progress(
    files: &[Input<'_>],
    evidence: &[Evidence],
    outside: &Outside<'_>,
) -> Vec<TaskProgress> {
    judge::judge(tasks(files), evidence, outside)
}
