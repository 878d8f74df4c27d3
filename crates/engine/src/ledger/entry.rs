//! An entry of the ledger: what was decided, when, by whom, and what it knew of.

use std::collections::BTreeSet;

use jiff::Timestamp;
use specie_spec::approval::Level;
use specie_spec::diff::visible;

use super::name::{Digest, PublicKey};

/// No entry has more bytes.
pub const LARGEST: usize = 1024 * 1024;

/// Levels, each once.
pub type Levels = BTreeSet<Level>;

/// A decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When, to the second, by the clock of the machine that wrote it.
    pub at: Timestamp,
    /// By whom.
    pub by: By,
    /// What.
    pub what: What,
    /// The entries that it knew of and that no other of those knew of. None for the first alone.
    pub parents: BTreeSet<Digest>,
}

/// By whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// A person, by their key; the entry is signed with it.
    Key(PublicKey),
    /// Nobody: the entry that put the mode `auto` in force allows it. It is not signed.
    Rule(Digest),
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// These texts are approved.
    Approval(Approval),
    /// From now on this is what the steps of a spec ask for.
    Mode {
        /// The folder of the spec from the root of the repository.
        spec: String,
        /// What they ask for.
        mode: Mode,
    },
    /// From now on this key may approve at these levels; at none: no longer.
    Approver {
        /// How its owner is called.
        name: String,
        /// Their key.
        key: PublicKey,
        /// Where.
        levels: Levels,
    },
}

/// Texts, by their digests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// The folder of the spec from the root of the repository, with `/`; `.` is the root itself.
    pub spec: String,
    /// What part of it.
    pub scope: Scope,
    /// Each file with the digest of its text; without one it was approved that it is not there. They
    /// are named from the spec's folder; those of [`Scope::Files`] from the root of the repository.
    pub files: Vec<(String, Option<Digest>)>,
}

/// What part of a spec is approved.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// What is to be.
    Spec,
    /// The plan.
    Plan,
    /// All tasks, apart from what their boxes say.
    Tasks,
    /// One task with its parts, by its name.
    Task(String),
    /// The files that a task has left, by its name; or that `sync` would leave.
    Files(String),
}

impl Scope {
    /// The whole of a level.
    pub fn of(level: Level) -> Self {
        match level {
            Level::Spec => Self::Spec,
            Level::Plan => Self::Plan,
            Level::Task => Self::Tasks,
        }
    }

    /// Its name, as it is written: `spec`, `plan`, `tasks`, `task`, `files`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Spec => "spec",
            Self::Plan => "plan",
            Self::Tasks => "tasks",
            Self::Task(_) => "task",
            Self::Files(_) => "files",
        }
    }

    /// At which level one must be an approver.
    pub fn level(&self) -> Level {
        match self {
            Self::Spec => Level::Spec,
            Self::Plan => Level::Plan,
            Self::Tasks | Self::Task(_) | Self::Files(_) => Level::Task,
        }
    }
}

/// What the steps of a spec ask for, from the least to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mode {
    /// Nothing.
    Auto,
    /// An approval of each task that is ticked, and of edits to the tasks.
    PerTask,
    /// That, and an approval of each file that a task has left, and of edits to any file.
    PerFile,
}

impl Mode {
    /// Its name: `auto`, `per-task`, `per-file`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::PerTask => "per-task",
            Self::PerFile => "per-file",
        }
    }

    /// The mode of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Auto, Self::PerTask, Self::PerFile].into_iter().find(|it| it.as_str() == name)
    }
}

impl What {
    /// The spec that it is about, if it is about one.
    pub fn spec(&self) -> Option<&str> {
        match self {
            Self::Approval(Approval { spec, .. }) | Self::Mode { spec, .. } => Some(spec),
            Self::Approver { .. } => None,
        }
    }
}

/// The levels as they are written: `spec,task`, or `none`.
pub fn levels_text(levels: &Levels) -> String {
    let all: Vec<&str> = levels.iter().map(|level| level.as_str()).collect();
    if all.is_empty() { "none".into() } else { all.join(",") }
}

/// The levels that a text names; none if it names anything else.
pub fn levels_named(text: &str) -> Option<Levels> {
    if text == "none" {
        return Some(Levels::new());
    }
    text.split(',').map(Level::named).collect()
}

/// Whether a text can stand in an entry: it is not empty, has no control characters, and blanks
/// neither begin nor end it.
pub fn is_word(text: &str) -> bool {
    !text.is_empty() && text.trim() == text && !text.chars().any(char::is_control)
}

/// Whether a text can be the name of an approver: a word of at most 64 bytes without blanks, and
/// without anything that a terminal would not show.
pub fn is_name(text: &str) -> bool {
    let plain = visible(text.as_bytes()) == text && !text.contains(char::is_whitespace);
    is_word(text) && plain && text.len() <= 64 && !text.starts_with('#') && text != "rule"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_two_lines_is_no_word() {
        for bad in ["", " a", "a\nb", "a\u{7f}", "a "] {
            assert!(!is_word(bad), "{bad:?}");
        }
        assert!(is_word("specs/a b") && !is_name("a b") && !is_name("rule") && is_name("ada"));
    }
}
