//! What references point to: by the number that is written there, else by the one that is shown.

use std::collections::HashSet;

use crate::document::{By, Node, NodeKind, Ref, RefKind};

/// All that references can point to.
#[derive(Clone, Debug, Default)]
pub struct Targets {
    literal: [HashSet<String>; 4],
    ordinal: HashSet<String>,
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
            add(&mut self.literal[space as usize], id);
        }
        if let (Space::Criterion, Some(shown)) = (space, &node.ordinal) {
            add(&mut self.ordinal, shown);
        }
    }

    /// Fills in what a reference points to. One that is resolved already stays as it is.
    pub fn resolve(&self, reference: &mut Ref) {
        if reference.to.is_none() {
            let (to, by) = self.find(reference);
            (reference.to, reference.by) = (to.map(Into::into), by);
        }
    }

    /// What a reference points to, and how that is known.
    pub fn find<'a>(&self, reference: &'a Ref) -> (Option<&'a str>, By) {
        if reference.to.is_some() {
            return (reference.to.as_deref(), reference.by);
        }
        if reference.by == By::All {
            return (self.has_requirements.then_some("all"), By::All);
        }
        let spaces: &[Space] = match reference.kind {
            RefKind::Requirement | RefKind::Criterion => &[Space::Criterion, Space::Requirement],
            RefKind::Property => &[Space::Property],
            RefKind::Task => &[Space::Task],
            RefKind::Spec | RefKind::File => return (None, reference.by),
        };
        let is_literal = |space: &Space| self.literal[*space as usize].contains(&reference.text);
        // What is written with another number there is named by the one that is shown.
        let is_shown =
            || spaces.contains(&Space::Criterion) && self.ordinal.contains(&reference.text);
        let by = match spaces.iter().any(is_literal) {
            true => By::Literal,
            false if is_shown() => By::Ordinal,
            false => return (None, By::Unresolved),
        };
        let by = if reference.by == By::Range { By::Range } else { by };
        (Some(&reference.text), by)
    }

    /// Whether there are criteria.
    pub fn has_criteria(&self) -> bool {
        !self.ordinal.is_empty()
    }

    /// The ids of all criteria, by the number that is shown.
    pub fn criteria(&self) -> HashSet<&str> {
        self.ordinal.iter().map(String::as_str).collect()
    }
}

fn add(names: &mut HashSet<String>, name: &String) {
    if !names.contains(name) {
        names.insert(name.clone());
    }
}
