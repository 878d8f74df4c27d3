//! What heads the documents, and the numbers of requirements and criteria.

use std::collections::BTreeMap;

use crate::power::{FragmentKind, Piece, Work};

/// What heads the documents of a spec.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The feature's name.
    pub title: String,
    /// Its short name, for folders.
    pub slug: String,
    /// `SPEC-001`, in a tree of SmartSpec's; empty in others.
    pub id: String,
    /// Who wrote it: the program and the power.
    pub author: String,
    /// `DRAFT`, `ACTIVE`, `UPDATED`.
    pub status: String,
    /// `1.0.0`.
    pub version: String,
    /// The day it was made, as `2026-01-31`.
    pub created: String,
    /// The day it was last changed.
    pub updated: String,
    /// The day and minute of this document, as `2026-01-31 09:30`, in UTC.
    pub generated: String,
    /// Other specs, as `SPEC_INDEX.json` knows them.
    pub related: Vec<Related>,
}

/// Another spec.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Related {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// Where its file is.
    pub path: String,
    /// Whose it is.
    pub repo: String,
    /// Whether its file is at hand.
    pub is_here: bool,
}

/// What people have changed in the documents since they were made, and what was taken over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ByHand {
    /// Criteria by their pieces' ids: the text that stands there now; none for one that was taken out.
    /// One that the power does not have was added.
    pub criteria: BTreeMap<String, Option<String>>,
    /// Hours of tasks, by their pieces' ids.
    pub hours: BTreeMap<String, i64>,
    /// Tasks that are completed, by their pieces' ids. They stay, whether the spec asks for them or not.
    pub done: BTreeMap<String, Done>,
}

/// A completed task, as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// The id of its area.
    pub area: String,
    /// The title of its phase.
    pub phase: String,
    /// Its title, without hours.
    pub title: String,
    /// How long it took, in hours; none if it does not say so.
    pub hours: Option<i64>,
    /// What it waited for, by the pieces' ids.
    pub after: Vec<String>,
}

/// The numbers that requirements and criteria have. A number, once given, stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// By the piece's id.
    pub requirements: BTreeMap<String, usize>,
    /// By the piece's id: the requirement's number and the place in it.
    pub criteria: BTreeMap<String, (usize, usize)>,
    /// The phases that there ever were: the area of each, and its tasks by their pieces' ids. Those that
    /// are no longer there keep their places.
    pub phases: Vec<(String, Vec<String>)>,
}

impl Numbers {
    /// These, and the next ones for pieces that have none yet.
    pub(crate) fn with(&self, pieces: &[Piece]) -> Self {
        let mut all = self.clone();
        let of = |kind| pieces.iter().filter(move |it: &&Piece| it.kind == kind);
        for requirement in of(FragmentKind::Requirement) {
            let next = all.requirements.values().max().map_or(1, |it| it + 1);
            all.requirements.entry(requirement.id.clone()).or_insert(next);
        }
        for criterion in of(FragmentKind::Criterion) {
            let Some(above) = all.requirements.get(criterion.text("under")).copied() else {
                continue;
            };
            let own = all.criteria.values().filter(|(requirement, _)| *requirement == above);
            let next = own.map(|(_, n)| n + 1).max().unwrap_or(1);
            all.criteria.entry(criterion.id.clone()).or_insert((above, next));
        }
        all
    }

    /// Adds the phases of `work` that have no number yet.
    pub(crate) fn add_phases(&mut self, work: &Work) {
        let known = self.phases.len();
        for phase in work.phases.iter().filter(|it| it.number > known) {
            let ids = phase.tasks.iter().map(|n| work.tasks[*n].id.clone());
            self.phases.push((phase.area.clone(), ids.collect()));
        }
    }

    /// `2.3`
    pub fn criterion(&self, id: &str) -> Option<String> {
        self.criteria.get(id).map(|(requirement, n)| format!("{requirement}.{n}"))
    }
}
