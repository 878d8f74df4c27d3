//! Approvals, and the ledger that they are kept in: `.specie/ledger/`, one file an entry, named by its
//! digest, so that two branches are merged by putting their files together.
//!
//! What an entry is lies in [`entry`], how it is written in `written`; whether the files are what they say, in `chain`; who might
//! sign what, in `rights`; what holds for the texts of today, in `standing`; files, in `store`. All
//! but `store` is pure.

mod approvals;
mod bits;
mod chain;
pub mod entry;
pub mod form;
mod key;
mod name;
mod need;
mod rights;
mod roster;
mod standing;
mod store;
mod subject;
mod verify;
mod written;

pub use approvals::{Approvals, approvals, approvals_in};
pub use chain::{Fault, FaultKind};
pub use key::{ApproverKey, ITERATIONS, KeyError, KeyFile, SHORTEST};
pub use name::{Digest, NoName, PublicKey};
pub use need::{Need, Step, Touched, need};
pub use rights::{Approver, Verdict, Void};
pub use standing::{Difference, Signer, Standing};
pub use store::Store;
pub use subject::{Place, Subject, named, task_file};
pub use verify::{Beside, verify};
pub use written::written;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use chain::{Chain, Node, chain, newest};
use entry::{Approval, By, Entry, LARGEST, Mode, What, is_name, is_word};
use rights::Judgement;
use written::signed_part;

/// A ledger, read and judged.
#[derive(Clone, Debug)]
pub struct Ledger {
    nodes: Vec<Node>,
    verdicts: Vec<Verdict>,
    disputed: BTreeMap<usize, Void>,
    approvers: BTreeMap<PublicKey, Approver>,
    /// What is wrong with its files.
    faults: Vec<Fault>,
    /// Entries that rest on what is not there, or not sound.
    loose: Vec<Digest>,
    /// The specs that any entry names.
    specs: BTreeSet<String>,
}

/// A sound entry, and what it is worth.
#[derive(Clone, Copy, Debug)]
pub struct Judged<'a> {
    /// Its name.
    pub digest: Digest,
    /// What it says.
    pub entry: &'a Entry,
    /// Whether it counts.
    pub verdict: &'a Verdict,
    /// Why it would not count if it did more than take rights away.
    pub disputed: Option<&'a Void>,
}

impl Ledger {
    /// Reads the files of a ledger, each with its name.
    pub fn read(files: &[(String, Vec<u8>)]) -> Self {
        let Chain { nodes, faults, loose, specs } = chain(files);
        let Judgement { verdicts, disputed } = rights::judge(&nodes);
        let approvers = rights::approvers(&nodes, &verdicts);
        Self { nodes, verdicts, disputed, approvers, faults, loose, specs }
    }

    /// Whether there is nothing in it at all.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty() && self.faults.is_empty()
    }

    /// Whether something is wrong with its files, so that nobody can tell what they said.
    pub fn is_damaged(&self) -> bool {
        !self.faults.is_empty()
    }

    /// The sound entries, each behind those that it rests on.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = Judged<'_>> {
        let all = self.nodes.iter().zip(&self.verdicts).enumerate();
        all.map(|(n, (node, verdict))| Judged {
            digest: node.digest,
            entry: &node.entry,
            verdict,
            disputed: self.disputed.get(&n),
        })
    }

    /// Who may approve what, by their keys.
    pub fn approvers(&self) -> &BTreeMap<PublicKey, Approver> {
        &self.approvers
    }

    /// How the owner of a key is called, or was called last. None for one who never was an approver.
    pub fn name_of<'a>(&'a self, key: &PublicKey) -> Option<&'a str> {
        let named = self.approvers.get(key).map(|it| it.name.as_str());
        let was = |it: Judged<'a>| match &it.entry.what {
            What::Approver { name, key: of, .. } if of == key && it.verdict.is_ok() => {
                Some(name.as_str())
            }
            _ => None,
        };
        named.or_else(|| self.entries().rev().find_map(was))
    }

    /// The entries that count and that no other that counts rests on: what a new one rests on.
    pub fn heads(&self) -> BTreeSet<Digest> {
        let counting = self.counting(|_| true);
        newest(&self.nodes, &counting).into_iter().map(|n| self.nodes[n].digest).collect()
    }

    /// Whether approvals are asked for in a spec: some entry is about it, or nobody can tell.
    pub fn governs(&self, spec: &str) -> bool {
        self.is_damaged() || self.specs.contains(spec)
    }

    /// What the steps of a spec ask for: what was decided last, of several branches the most; an
    /// approval of each task when nothing was. A damaged ledger is never believed to say `auto`.
    pub fn mode(&self, spec: &str) -> Mode {
        let mode = self.modes(spec).into_iter().map(|(mode, _)| mode).max();
        let mode = mode.unwrap_or(Mode::PerTask);
        if self.is_damaged() { mode.max(Mode::PerTask) } else { mode }
    }

    /// The entry by which the mode `auto` is in force in a spec; none when it is not.
    pub fn auto(&self, spec: &str) -> Option<Digest> {
        let auto = self.mode(spec) == Mode::Auto;
        self.modes(spec).into_iter().find(|_| auto).map(|(_, digest)| digest)
    }

    /// How many of its entries count: by people, and by rule.
    pub fn counts(&self) -> (usize, usize) {
        let rule = |entry: &Entry| matches!(entry.by, By::Rule(_));
        let rules = self.counting(rule).len();
        (self.counting(|_| true).len() - rules, rules)
    }

    /// An entry that would follow now, if it would count.
    pub fn propose(&self, by: By, what: What, now: Timestamp) -> Result<Entry, Unwritable> {
        let at = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let entry = Entry { at, by, what, parents: self.heads() };
        if entry.parents.is_empty() && !self.is_empty() {
            return Err(Unwritable::NoGround);
        }
        let text = signed_part(&entry);
        writable(&entry.what)?;
        if text.len() + 256 > LARGEST {
            return Err(Unwritable::Large);
        }
        let place = |digest: &Digest| self.nodes.iter().position(|node| node.digest == *digest);
        let parents = entry.parents.iter().filter_map(place).collect();
        let digest = Digest::of(text.as_bytes());
        let mut nodes = self.nodes.clone();
        nodes.push(Node { digest, entry: entry.clone(), parents });
        match rights::judge(&nodes).verdicts.pop() {
            Some(Err(why)) => Err(Unwritable::Void(why)),
            _ => Ok(entry),
        }
    }

    /// The places of the entries that count and are such.
    fn counting(&self, such: impl Fn(&Entry) -> bool) -> Vec<usize> {
        let counts = |n: &usize| self.verdicts[*n].is_ok() && such(&self.nodes[*n].entry);
        (0..self.nodes.len()).filter(counts).collect()
    }

    /// The decisions about a spec's mode that no other knew of.
    fn modes(&self, spec: &str) -> Vec<(Mode, Digest)> {
        let about =
            |entry: &Entry| matches!(&entry.what, What::Mode { spec: of, .. } if of == spec);
        let last = newest(&self.nodes, &self.counting(about));
        let of = |n: usize| match self.nodes[n].entry.what {
            What::Mode { mode, .. } => Some((mode, self.nodes[n].digest)),
            _ => None,
        };
        last.into_iter().filter_map(of).collect()
    }
}

/// Why a decision cannot be written down.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unwritable {
    /// It would count for nothing.
    #[error("{0}")]
    Void(Void),
    /// The ledger is not empty, and nothing in it counts: a first entry now would be a second one.
    #[error("nothing in the ledger counts, so that nothing can rest on it")]
    NoGround,
    /// A name in it would break its form.
    #[error("`{}` cannot be written into the ledger: it is empty, begins or ends with a blank, or has a control character", .0.escape_debug())]
    Word(String),
    /// It names too much.
    #[error("it is larger than an entry of the ledger may be")]
    Large,
}

fn writable(what: &What) -> Result<(), Unwritable> {
    let words: Vec<&str> = match what {
        What::Mode { spec, .. } => vec![spec],
        What::Approver { name, .. } if is_name(name) => vec![],
        What::Approver { name, .. } => return Err(Unwritable::Word(name.clone())),
        What::Approval(Approval { spec, scope, files }) => {
            let name = match scope {
                entry::Scope::Task(name) | entry::Scope::Files(name) => Some(name.as_str()),
                _ => None,
            };
            let paths = files.iter().map(|(path, _)| path.as_str());
            paths.chain(name).chain([spec.as_str()]).collect()
        }
    };
    match words.into_iter().find(|word| !is_word(word)) {
        Some(word) => Err(Unwritable::Word(word.into())),
        None => Ok(()),
    }
}
