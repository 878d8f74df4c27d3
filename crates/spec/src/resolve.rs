//! What references point to: by the number that is written there, else by the one that is shown.

use std::collections::{HashMap, HashSet};

use crate::document::{By, Node, NodeKind, Ref, RefKind};

/// All that references can point to.
#[derive(Clone, Debug, Default)]
pub struct Targets {
    literal: HashMap<(Space, String), String>,
    ordinal: HashMap<String, String>,
    has_requirements: bool,
}

/// Ids of one space do not meet those of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Space {
    Requirement,
    Criterion,
    Property,
    Task,
}

impl Targets {
    /// What the nodes of some documents offer.
    pub fn of<'a>(documents: impl IntoIterator<Item = &'a [Node]>) -> Self {
        let mut all = Self::default();
        for node in documents.into_iter().flatten() {
            all.add(node);
        }
        all
    }

    fn add(&mut self, node: &Node) {
        let space = match node.kind {
            NodeKind::Requirement => Space::Requirement,
            NodeKind::Criterion => Space::Criterion,
            NodeKind::Property => Space::Property,
            NodeKind::Task | NodeKind::Checkpoint => Space::Task,
            _ => return,
        };
        self.has_requirements |= space == Space::Requirement;
        if let Some(id) = &node.id {
            self.literal.entry((space, id.clone())).or_insert_with(|| id.clone());
        }
        if let (Space::Criterion, Some(shown)) = (space, &node.ordinal) {
            let to = node.id.clone().unwrap_or_else(|| shown.clone());
            self.ordinal.entry(shown.clone()).or_insert(to);
        }
    }

    /// Fills in what a reference points to. One that is resolved already stays as it is.
    pub fn resolve(&self, reference: &mut Ref) {
        if reference.to.is_some() {
            return;
        }
        if reference.by == By::All {
            if self.has_requirements {
                reference.to = Some("all".into());
            }
            return;
        }
        let spaces: &[Space] = match reference.kind {
            RefKind::Requirement | RefKind::Criterion => &[Space::Criterion, Space::Requirement],
            RefKind::Property => &[Space::Property],
            RefKind::Task => &[Space::Task],
            RefKind::Spec | RefKind::File => return,
        };
        let literal = spaces
            .iter()
            .find_map(|space| self.literal.get(&(*space, reference.text.clone())).cloned());
        let by_place = || {
            let criterion = spaces.contains(&Space::Criterion);
            // What is written with another number there is named by the one that is shown.
            criterion
                .then(|| self.ordinal.get(&reference.text))
                .flatten()
                .map(|_| reference.text.clone())
        };
        let ranged = reference.by == By::Range;
        (reference.to, reference.by) = match (literal, by_place) {
            (Some(id), _) => (Some(id), if ranged { By::Range } else { By::Literal }),
            (None, by_place) => match by_place() {
                Some(shown) => (Some(shown), if ranged { By::Range } else { By::Ordinal }),
                None => (None, By::Unresolved),
            },
        };
    }

    /// The ids of all criteria, by the number that is shown.
    pub fn criteria(&self) -> HashSet<&str> {
        self.ordinal.keys().map(String::as_str).collect()
    }
}
