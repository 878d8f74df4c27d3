//! Whether what is there now is approved, and if not any longer, what has changed since.

use jiff::Timestamp;
use specie_spec::diff::{counts, diff};

use super::entry::{Approval, By, Entry, Mode, What};
use super::name::{Digest, PublicKey};
use super::subject::Subject;
use super::{Ledger, chain::newest};

/// Who approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signer {
    /// A person.
    Person {
        /// How they are called.
        name: String,
        /// Their key.
        key: PublicKey,
    },
    /// Nobody: the mode was auto.
    Rule,
}

/// Whether something is approved as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is.
    Approved {
        /// By whom.
        by: Signer,
        /// When.
        at: Timestamp,
        /// By which entry.
        entry: Digest,
    },
    /// It was, and no longer is.
    Lapsed {
        /// By whom it was.
        by: Signer,
        /// When.
        at: Timestamp,
        /// By which entry.
        entry: Digest,
        /// Why, one sentence each, beginning with the file that has changed, if one has.
        since: Vec<String>,
    },
    /// It never was.
    Never,
    /// There is nothing that could be.
    Absent,
}

/// A file that is not as it was approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its name.
    pub path: String,
    /// What was approved: none when it was not there, or when its text is not kept.
    pub was: Option<Vec<u8>>,
    /// What is there now; none when it is not there.
    pub now: Option<Vec<u8>>,
    /// In one sentence what has happened to it.
    pub what: String,
}

/// Where the text that had a digest can be had; none when it is not kept.
pub type Texts<'a> = &'a dyn Fn(&Digest) -> Option<Vec<u8>>;

impl Standing {
    /// Whether a person approved it as it is.
    pub fn is_by_person(&self) -> bool {
        matches!(self, Self::Approved { by: Signer::Person { .. }, .. })
    }

    /// Whether it is approved as it is, by a person or by rule.
    pub fn is_approved(&self) -> bool {
        matches!(self, Self::Approved { .. })
    }

    /// Its name in the JSON form: `approved`, `lapsed`, `never`, `absent`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Approved { .. } => "approved",
            Self::Lapsed { .. } => "lapsed",
            Self::Never => "never",
            Self::Absent => "absent",
        }
    }

    /// In one sentence.
    pub fn sentence(&self) -> String {
        match self {
            Self::Approved { by: Signer::Rule, at, .. } => {
                format!("approved by rule on {at}: the mode is auto, and no person looked at it")
            }
            Self::Approved { by, at, .. } => format!("approved by {} on {at}", by.name()),
            Self::Lapsed { by, at, since, .. } => {
                format!("approved by {} on {at}, and no longer: {}", by.name(), since.join("; "))
            }
            Self::Never => "never approved".into(),
            Self::Absent => "there is nothing to approve".into(),
        }
    }
}

impl Signer {
    /// How they are called: a name, or `rule`.
    pub fn name(&self) -> &str {
        match self {
            Self::Person { name, .. } => name,
            Self::Rule => "rule",
        }
    }
}

impl Ledger {
    /// Whether a subject is approved as it is now. Only the last approval counts, of several branches
    /// each one's last; one by rule only as long as its rule is in force, and never over a person's.
    pub fn standing(&self, subject: &Subject, texts: Texts<'_>) -> Standing {
        let now = subject.approval();
        let people = self.last(subject, |by| matches!(by, By::Key(_)));
        let rules = self.last(subject, |by| matches!(by, By::Rule(_)));
        let same = |n: &&usize| self.approval(**n).is_some_and(|it| it.files == now.files);
        let in_force = |n: &&usize| match self.nodes[**n].entry.by {
            By::Rule(mode) => self.auto(&subject.spec) == Some(mode),
            By::Key(_) => true,
        };
        let found = people.iter().find(same);
        if let Some(n) = found.or_else(|| rules.iter().filter(in_force).find(same)) {
            let (by, at, entry) = self.signed_by(*n);
            return Standing::Approved { by, at, entry };
        }
        match (people.last().or(rules.last()), subject.files.is_empty()) {
            (Some(n), _) => self.lapsed(*n, subject, texts),
            (None, true) => Standing::Absent,
            (None, false) => Standing::Never,
        }
    }

    /// What differs from the last approval of a subject by a person, else by rule. All of it when
    /// there is none.
    pub fn differences(&self, subject: &Subject, texts: Texts<'_>) -> Vec<Difference> {
        let people = self.last(subject, |by| matches!(by, By::Key(_)));
        let rules = self.last(subject, |by| matches!(by, By::Rule(_)));
        let last = people.last().or(rules.last()).and_then(|n| self.approval(*n));
        differences(last, subject, texts)
    }

    fn lapsed(&self, n: usize, subject: &Subject, texts: Texts<'_>) -> Standing {
        let (by, at, entry) = self.signed_by(n);
        let found = differences(self.approval(n), subject, texts);
        let mut since: Vec<String> = found.into_iter().map(|it| it.what).collect();
        if since.is_empty() && by == Signer::Rule {
            let mode = self.mode(&subject.spec).as_str();
            since.push(match self.mode(&subject.spec) {
                Mode::Auto => "it was by a rule that was made anew since".into(),
                _ => format!("it was by rule, and the mode is {mode} now"),
            });
        }
        Standing::Lapsed { by, at, entry, since }
    }

    /// The approvals of a subject that count and that no other of them knew of.
    fn last(&self, subject: &Subject, by: impl Fn(&By) -> bool) -> Vec<usize> {
        let about = |entry: &Entry| match &entry.what {
            What::Approval(it) => it.spec == subject.spec && it.scope == subject.scope,
            _ => false,
        };
        newest(&self.nodes, &self.counting(|entry| by(&entry.by) && about(entry)))
    }

    fn approval(&self, n: usize) -> Option<&Approval> {
        match &self.nodes[n].entry.what {
            What::Approval(approval) => Some(approval),
            _ => None,
        }
    }

    fn signed_by(&self, n: usize) -> (Signer, Timestamp, Digest) {
        let node = &self.nodes[n];
        let by = match node.entry.by {
            By::Rule(_) => Signer::Rule,
            By::Key(key) => {
                let name = self.name_of(&key).map_or_else(|| key.to_string(), str::to_owned);
                Signer::Person { name, key }
            }
        };
        (by, node.entry.at, node.digest)
    }
}

fn differences(last: Option<&Approval>, subject: &Subject, texts: Texts<'_>) -> Vec<Difference> {
    let before = last.map(|it| it.files.as_slice()).unwrap_or_default();
    let was = |path: &str| before.iter().find(|(known, _)| known == path).and_then(|it| it.1);
    let mut found = Vec::new();
    for (path, now) in &subject.files {
        let was = was(path);
        if was != now.as_deref().map(Digest::of) {
            found.push(difference(path, was, now.as_ref(), texts));
        }
    }
    let gone = before.iter().filter(|(path, _)| !subject.files.iter().any(|(it, _)| it == path));
    found.extend(gone.map(|(path, was)| difference(path, *was, None, texts)));
    found
}

fn difference(
    path: &str,
    was: Option<Digest>,
    now: Option<&Vec<u8>>,
    texts: Texts<'_>,
) -> Difference {
    let kept = was.and_then(|digest| texts(&digest));
    let what = match (was, now) {
        (None, Some(_)) => format!("{path} is new"),
        (_, None) => format!("{path} is gone"),
        (Some(_), Some(now)) => match &kept {
            None => format!("{path} has changed"),
            Some(was) => {
                let (added, removed) = counts(&diff(was, now));
                let lines = if added == 1 { "line" } else { "lines" };
                format!("{path} has changed ({added} {lines} added, {removed} removed)")
            }
        },
    };
    Difference { path: path.into(), was: kept, now: now.cloned(), what }
}
