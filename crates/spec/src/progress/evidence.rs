//! What was recorded of commands that were run for a task, and what that is worth now.

use std::collections::BTreeMap;

/// What a task was when a command ran for it, or is now: digests, SHA-256 in hex.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// Of the task's own text: title, files, acceptance, validation. Never of its box.
    pub task: String,
    /// Of the criteria that it is for, by the number that is shown.
    pub criteria: BTreeMap<String, String>,
    /// Of the files that it names; none for one that is not there.
    pub files: BTreeMap<String, Option<String>>,
}

impl Fingerprint {
    /// What has changed from `before` to this, as clauses; none if nothing has.
    pub fn changed_since(&self, before: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        if self.task != before.task {
            changes.push("the task has changed".to_owned());
        }
        differences(&before.criteria, &self.criteria, |id, how| {
            changes.push(format!("criterion {id} {how}"));
        });
        differences(&before.files, &self.files, |path, how| {
            changes.push(format!("`{path}` {how}"));
        });
        changes
    }
}

fn differences<T: PartialEq>(
    before: &BTreeMap<String, T>,
    now: &BTreeMap<String, T>,
    mut tell: impl FnMut(&str, &str),
) {
    for (name, value) in now {
        match before.get(name) {
            Some(same) if same == value => {}
            Some(_) => tell(name, "has changed"),
            None => tell(name, "is named anew"),
        }
    }
    for name in before.keys().filter(|name| !now.contains_key(*name)) {
        tell(name, "is no longer named");
    }
}

/// A command that was run for a task, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The folder of the spec, from the root of the repository, with `/`; `.` is the root itself.
    pub spec: String,
    /// The task's id.
    pub task: String,
    /// What it was then.
    pub of: Fingerprint,
    /// What was run. Of a validation, the text that the task has.
    pub command: String,
    /// What it counted for, then.
    pub counts_as: CountsAs,
    /// How it ended.
    pub ended: Ended,
    /// Whether its output told that tests ran; none if it told nothing of tests.
    pub ran_tests: Option<bool>,
    /// When it began: RFC 3339 in UTC with milliseconds, so that it compares as text.
    pub started: String,
    /// How long it ran, in milliseconds.
    pub duration_ms: u64,
    /// The SHA-256 of what it printed, in hex.
    pub output_sha256: String,
    /// How much it printed, in bytes.
    pub output_bytes: u64,
    /// The commit that was checked out; none without git, or before the first.
    pub commit: Option<String>,
    /// Whether anything differed from that commit; none when nobody can tell.
    pub dirty: Option<bool>,
}

/// What a command counted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountsAs {
    /// It is one of the task's validations.
    Validation,
    /// The task has no validations: it stands for the whole of it.
    Task,
    /// The task has validations, and it is none of them.
    Nothing,
}

impl CountsAs {
    /// Its name in the JSON form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Validation => "validation",
            Self::Task => "task",
            Self::Nothing => "nothing",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Validation, Self::Task, Self::Nothing].into_iter().find(|it| it.as_str() == name)
    }
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this code.
    Code(i32),
    /// By a signal.
    Signal(i32),
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "ended with code {code}"),
            Self::Signal(signal) => write!(f, "was killed by signal {signal}"),
        }
    }
}

/// What a command says about a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It ended with 0.
    Good,
    /// It ended with 0, and ran no test: that proves nothing.
    Empty,
    /// It did not end with 0.
    Failed,
}

impl Evidence {
    /// What it says about the task.
    pub fn verdict(&self) -> Verdict {
        match (self.ended, self.ran_tests) {
            (Ended::Code(0), Some(false)) => Verdict::Empty,
            (Ended::Code(0), _) => Verdict::Good,
            _ => Verdict::Failed,
        }
    }
}

/// What all evidence of one command says together, now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stand {
    /// There is none.
    Missing,
    /// It ran no test.
    Empty,
    /// It succeeded, on what is there now.
    Good {
        /// When.
        started: String,
    },
    /// It succeeded, and something has changed since.
    Stale {
        /// When.
        started: String,
        /// What has changed, as clauses.
        since: Vec<String>,
    },
    /// It failed, and has not succeeded since.
    Failed {
        /// When.
        started: String,
        /// How.
        ended: Ended,
        /// What has changed, as clauses.
        since: Vec<String>,
    },
}

impl Stand {
    /// What the entries of one command say about what is there `now`.
    ///
    /// A failure holds until the command succeeds after it on what is there now; one on something
    /// else also until it succeeds after it on anything.
    pub fn of(entries: &[&Evidence], now: &Fingerprint) -> Self {
        let is_now = |it: &Evidence| it.of == *now;
        let of = |verdict: Verdict| entries.iter().filter(move |it| it.verdict() == verdict);
        let last = |verdict, only_now: bool| {
            of(verdict).filter(|it| !only_now || is_now(it)).map(|it| it.started.as_str()).max()
        };
        let (good_now, good) = (last(Verdict::Good, true), last(Verdict::Good, false));
        let holds = |it: &&&Evidence| {
            let mended = if is_now(it) { good_now } else { good };
            mended.is_none_or(|mended| mended <= it.started.as_str())
        };
        if let Some(it) = of(Verdict::Failed).filter(holds).max_by_key(|it| &it.started) {
            let (started, since) = (it.started.clone(), now.changed_since(&it.of));
            return Self::Failed { started, ended: it.ended, since };
        }
        let empty_now = last(Verdict::Empty, true);
        match (good_now, empty_now) {
            (Some(good), empty) if empty.is_none_or(|empty| empty < good) => {
                return Self::Good { started: good.into() };
            }
            (_, Some(_)) => return Self::Empty,
            _ => {}
        }
        match of(Verdict::Good).max_by_key(|it| &it.started) {
            Some(it) => {
                let since = now.changed_since(&it.of);
                Self::Stale { started: it.started.clone(), since }
            }
            None if entries.is_empty() => Self::Missing,
            None => Self::Empty,
        }
    }
}
