//! Who might sign what, at each point of the ledger.
//!
//! An entry is judged by what it knew of: the entries that it rests on. Three rules are about
//! branches that did not know of each other. A change of somebody's rights on one branch also binds
//! what they sign on another, so that nobody who was removed can go on from an old entry. Who was let
//! in by such an entry gets nothing by it. And what only takes rights away always holds, so that
//! nobody can undo their own removal from behind.

use std::collections::BTreeMap;

use specie_spec::approval::Level;

use super::bits::Bits;
use super::chain::{Node, below};
use super::entry::{Approval, By, Entry, Levels, Mode, What, levels_text};
use super::name::{Digest, PublicKey};

/// An approver: how they are called, and where they may approve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approver {
    /// Their name.
    pub name: String,
    /// Where.
    pub levels: Levels,
}

/// Why an entry counts for nothing, though its bytes are well.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Void {
    /// There are several first entries, and nobody can tell which is the right one.
    #[error("it is one of {0} first entries, expected one")]
    SecondBeginning(usize),
    /// It rests on nothing, and is not the entry of a first approver.
    #[error("it rests on no other entry, and only that of the first approver may")]
    NotTheFirst,
    /// The key is none of an approver.
    #[error("{0} was no approver then")]
    Stranger(PublicKey),
    /// The approver has no right to it.
    #[error("{name} was no approver at level {} then", levels_text(.needs))]
    Lacks {
        /// How they are called.
        name: String,
        /// Where they would have to be one.
        needs: Levels,
    },
    /// Their rights were taken by an entry that this one did not know of, nor it of this one.
    #[error("{name}'s rights were changed by {}, which did not know of it", .by.short())]
    Overtaken {
        /// How they are called.
        name: String,
        /// By which entry.
        by: Digest,
    },
    /// Another approver is called so.
    #[error("another approver was called {0} then")]
    NameTaken(String),
    /// It is by rule, and the rule did not allow it.
    #[error("the mode was not set to auto by {}, or no longer, or not for this", .0.short())]
    NoRule(Digest),
}

/// Whether an entry counts: with the rights of who signed it, else why not.
pub type Verdict = Result<Levels, Void>;

type Verdicts = [Verdict];

/// What each entry is worth.
#[derive(Clone, Debug, Default)]
pub struct Judgement {
    /// Whether each counts.
    pub verdicts: Vec<Verdict>,
    /// Those that count because they only take rights away, and why they would not otherwise.
    pub disputed: BTreeMap<usize, Void>,
}

/// Judges each entry.
pub fn judge(nodes: &[Node]) -> Judgement {
    let rules = Rules::of(nodes);
    let first = nodes.iter().filter(|node| is_first(node)).count();
    let mut basis: Vec<Verdict> = Vec::with_capacity(nodes.len());
    for n in 0..nodes.len() {
        let verdict = rules.alone(n, first, &basis);
        basis.push(verdict);
    }
    let mut verdicts: Vec<Verdict> = Vec::with_capacity(nodes.len());
    let mut disputed = BTreeMap::new();
    for n in 0..nodes.len() {
        let verdict = match &basis[n] {
            Err(why) => Err(why.clone()),
            Ok(levels) => match rules.beside_others(n, &basis, &verdicts) {
                // What only takes rights away holds whatever another branch says: nobody can void
                // their own removal by going back behind it, and two who remove each other are gone.
                Err(why) if rules.only_takes(n, &basis) => {
                    disputed.insert(n, why);
                    Ok(levels.clone())
                }
                verdict => verdict,
            },
        };
        verdicts.push(verdict);
    }
    Judgement { verdicts, disputed }
}

/// The approvers after all entries that count, by their keys.
pub fn approvers(nodes: &[Node], verdicts: &Verdicts) -> BTreeMap<PublicKey, Approver> {
    let rules = Rules::of(nodes);
    let mut all = Bits::default();
    (0..rules.entries.len()).for_each(|rule| all.insert(rule));
    rules.among(&all, verdicts).collect()
}

/// Whether it is the entry by which a first approver lets themself in.
fn is_first(node: &Node) -> bool {
    let Entry { by, what, parents, .. } = &node.entry;
    let own = match (by, what) {
        (By::Key(by), What::Approver { key, levels, .. }) => by == key && !levels.is_empty(),
        _ => false,
    };
    own && parents.is_empty()
}

/// The entries that say who may do what, and which of them each entry knew of.
struct Rules<'a> {
    nodes: &'a [Node],
    /// Their places among all.
    entries: Vec<usize>,
    /// For each entry those that it rests on, as places in `entries`.
    known: Vec<Bits>,
    /// Those about each key.
    by_key: BTreeMap<PublicKey, Vec<usize>>,
    /// Those about the mode of each spec.
    by_spec: BTreeMap<&'a str, Vec<usize>>,
    /// For each of them the entries that it rests on.
    below: Vec<Bits>,
}

impl<'a> Rules<'a> {
    fn of(nodes: &'a [Node]) -> Self {
        let is_rule = |n: &usize| !matches!(nodes[*n].entry.what, What::Approval(_));
        let entries: Vec<usize> = (0..nodes.len()).filter(is_rule).collect();
        let (mut by_key, mut by_spec) = (BTreeMap::new(), BTreeMap::new());
        for (rule, n) in entries.iter().enumerate() {
            match &nodes[*n].entry.what {
                What::Approver { key, .. } => {
                    by_key.entry(*key).or_insert_with(Vec::new).push(rule)
                }
                What::Mode { spec, .. } => {
                    by_spec.entry(spec.as_str()).or_insert_with(Vec::new).push(rule);
                }
                What::Approval(_) => {}
            }
        }
        let mut known: Vec<Bits> = Vec::with_capacity(nodes.len());
        for node in nodes {
            let mut own = Bits::default();
            for parent in &node.parents {
                own.insert_all(&known[*parent]);
                entries.binary_search(parent).into_iter().for_each(|rule| own.insert(rule));
            }
            known.push(own);
        }
        let below = entries.iter().map(|n| below(nodes, &[*n])).collect();
        Self { nodes, entries, known, by_key, by_spec, below }
    }

    fn entry(&self, rule: usize) -> &'a Entry {
        &self.nodes[self.entries[rule]].entry
    }

    /// What a key may do after the entries `known` that count. What several branches say of it
    /// without knowing of each other holds as far as all of them say it.
    fn rights(&self, known: &Bits, key: &PublicKey, counts: &Verdicts) -> Option<Approver> {
        let about = self.by_key.get(key)?.iter().copied();
        let said: Vec<usize> =
            about.filter(|it| known.has(*it) && counts[self.entries[*it]].is_ok()).collect();
        let is_old = |it: &usize| said.iter().any(|new| self.known[self.entries[*new]].has(*it));
        let last = said.iter().filter(|it| !is_old(it));
        let all = last.filter_map(|it| match &self.entry(*it).what {
            What::Approver { name, levels, .. } => {
                Some(Approver { name: name.clone(), levels: levels.clone() })
            }
            _ => None,
        });
        let both = |a: Approver, b: Approver| Approver { levels: &a.levels & &b.levels, ..a };
        all.reduce(both).filter(|it| !it.levels.is_empty())
    }

    /// All approvers after the entries `known` that count.
    fn among(
        &self,
        known: &Bits,
        counts: &Verdicts,
    ) -> impl Iterator<Item = (PublicKey, Approver)> {
        self.by_key.keys().filter_map(|key| Some((*key, self.rights(known, key, counts)?)))
    }

    /// Judges an entry by what it knew of.
    fn alone(&self, n: usize, first: usize, counts: &Verdicts) -> Verdict {
        let node = &self.nodes[n];
        if node.parents.is_empty() {
            return match (is_first(node), &node.entry.what) {
                (true, What::Approver { levels, .. }) if first == 1 => Ok(levels.clone()),
                (true, _) => Err(Void::SecondBeginning(first)),
                _ => Err(Void::NotTheFirst),
            };
        }
        match node.entry.by {
            By::Key(key) => {
                let who = self.rights(&self.known[n], &key, counts);
                let who = who.ok_or(Void::Stranger(key))?;
                self.may(n, &key, &who, counts)?;
                Ok(who.levels)
            }
            // Rules let nobody in, and set no other rules.
            By::Rule(mode) => match node.entry.what {
                What::Approval(_) => Ok(Levels::new()),
                _ => Err(Void::NoRule(mode)),
            },
        }
    }

    /// Whether who signed an entry has the levels that it takes.
    fn may(
        &self,
        n: usize,
        signer: &PublicKey,
        who: &Approver,
        counts: &Verdicts,
    ) -> Result<(), Void> {
        let needs = match &self.nodes[n].entry.what {
            What::Approval(approval) => Levels::from([approval.scope.level()]),
            What::Mode { .. } => Levels::from([Level::Task]),
            What::Approver { name, key, levels } => {
                let taken = |(of, it): &(PublicKey, Approver)| of != key && it.name == *name;
                let mut others = self.among(&self.known[n], counts);
                if !levels.is_empty() && others.any(|it| taken(&it)) {
                    return Err(Void::NameTaken(name.clone()));
                }
                let had = self.rights(&self.known[n], key, counts);
                needed((name, levels), had.as_ref(), key == signer)
            }
        };
        let lacks = needs.iter().any(|level| !who.levels.contains(level));
        let name = who.name.clone();
        if lacks { Err(Void::Lacks { name, needs }) } else { Ok(()) }
    }

    /// Judges an entry that is well by what it knew of, with what other branches say.
    fn beside_others(&self, n: usize, basis: &Verdicts, verdicts: &Verdicts) -> Verdict {
        let entry = &self.nodes[n].entry;
        let key = match entry.by {
            By::Rule(mode) => return self.by_rule(n, mode, verdicts),
            By::Key(_) if entry.parents.is_empty() => return basis[n].clone(),
            By::Key(key) => key,
        };
        let mut who = self.rights(&self.known[n], &key, verdicts).ok_or(Void::Stranger(key))?;
        self.may(n, &key, &who, verdicts)?;
        for other in self.beside(n, &key).filter(|it| basis[self.entries[*it]].is_ok()) {
            if let What::Approver { levels, .. } = &self.entry(other).what {
                who.levels = &who.levels & levels;
            }
            let is_void = who.levels.is_empty() || self.may(n, &key, &who, verdicts).is_err();
            if is_void {
                let by = self.nodes[self.entries[other]].digest;
                return Err(Void::Overtaken { name: who.name, by });
            }
        }
        Ok(who.levels)
    }

    /// Whether an entry only takes rights away.
    fn only_takes(&self, n: usize, basis: &Verdicts) -> bool {
        let What::Approver { name, key, levels } = &self.nodes[n].entry.what else { return false };
        let Some(had) = self.rights(&self.known[n], key, basis) else { return false };
        had.name == *name && had.levels != *levels && levels.is_subset(&had.levels)
    }

    /// The changes of a key's rights that an entry did not know of, nor they of it.
    fn beside(&self, n: usize, key: &PublicKey) -> impl Iterator<Item = usize> {
        let about = self.by_key.get(key).into_iter().flatten().copied();
        about.filter(move |it| {
            self.entries[*it] != n && !self.known[n].has(*it) && !self.below[*it].has(n)
        })
    }

    /// Whether the mode `auto` that an entry names was in force where it stands, set by one who might
    /// have approved this.
    fn by_rule(&self, n: usize, mode: Digest, verdicts: &Verdicts) -> Verdict {
        let wrong = Err(Void::NoRule(mode));
        let What::Approval(Approval { spec, scope, .. }) = &self.nodes[n].entry.what else {
            return wrong;
        };
        let about = self.by_spec.get(spec.as_str()).into_iter().flatten().copied();
        let counts = |it: &usize| self.known[n].has(*it) && verdicts[self.entries[*it]].is_ok();
        let modes: Vec<usize> = about.filter(counts).collect();
        let named = |it: &&usize| self.nodes[self.entries[**it]].digest == mode;
        let Some(rule) = modes.iter().find(named) else { return wrong };
        let is_auto = matches!(self.entry(*rule).what, What::Mode { mode: Mode::Auto, .. });
        let is_old = modes.iter().any(|it| self.known[self.entries[*it]].has(*rule));
        let by = verdicts[self.entries[*rule]].clone().unwrap_or_default();
        if is_auto && !is_old && by.contains(&scope.level()) { Ok(Levels::new()) } else { wrong }
    }
}

/// The levels that it takes to make an approver of what they were: those that are given or taken, and
/// for another name all. Anybody may go by themself.
fn needed(now: (&str, &Levels), had: Option<&Approver>, own: bool) -> Levels {
    let (name, levels) = now;
    let none = Levels::new();
    let had_levels = had.map_or(&none, |it| &it.levels);
    let renamed = had.is_some_and(|it| it.name != name);
    match (own, renamed) {
        (true, false) if levels.is_subset(had_levels) => none,
        (_, true) => had_levels | levels,
        (_, false) => had_levels ^ levels,
    }
}
