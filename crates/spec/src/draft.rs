//! A spec that was worked out, and the documents that are written of it.
//!
//! The sections of the documents are fixed; what stands in them comes from the pieces of a power.
//! Every line names the piece it comes from and the facts that called for it.

mod hand;
mod kiro;
mod names;
mod openapi;
mod page;
mod plan;
mod sections;
mod smartspec;
mod supporting;
mod tasks;

use std::collections::{BTreeMap, BTreeSet};

use crate::power::{
    Answer, ComposeError, Facts, FragmentKind, Open, Piece, Power, Stack, Value, Work, compose,
};
pub use names::{ByHand, Done, Names, Numbers, Related};
pub use page::{Line, Page};

/// Everything that the documents of a spec are written from.
#[derive(Clone, Debug)]
pub struct Draft<'a> {
    /// The power.
    pub power: &'a Power,
    /// What is known.
    pub facts: Facts,
    /// The questions that mattered, with their answers.
    pub answered: Vec<(Open, Answer)>,
    /// Words of the text that were not understood.
    pub unknown: Vec<String>,
    /// The pieces.
    pub pieces: Vec<Piece>,
    /// The work.
    pub work: Work,
    /// The completed tasks that the spec no longer asks for, by their pieces' ids.
    pub unwanted: Vec<String>,
    /// The stack; none when there is no pack for it.
    pub stack: Option<&'a Stack>,
    /// The numbers of requirements and criteria.
    pub numbers: Numbers,
    /// What heads the documents.
    pub names: Names,
    /// Whether the tasks are drafted on a spec that nobody has approved.
    pub is_draft: bool,
}

impl<'a> Draft<'a> {
    /// Works a spec out of what is known. `numbers` are those that were given before, and stay.
    pub fn of(
        power: &'a Power,
        facts: Facts,
        answered: Vec<(Open, Answer)>,
        unknown: Vec<String>,
        numbers: &Numbers,
        by_hand: &ByHand,
        names: Names,
    ) -> Result<Self, ComposeError> {
        let stack = match facts.get("stack") {
            Some(Value::Text(id)) => power.stack(id),
            _ => None,
        };
        let open = BTreeMap::new();
        let mut pieces = compose(power, &facts, stack.map_or(&open, |it| &it.files))?;
        let unwanted = hand::take_over(&mut pieces, numbers, by_hand);
        let mut numbers = numbers.with(&pieces);
        let waited = by_hand.done.iter().map(|(id, it)| (id.clone(), it.after.clone())).collect();
        let mut work = Work::of(&pieces, &numbers.phases, &waited)?;
        for task in &mut work.tasks {
            let done = by_hand.done.get(&task.id).and_then(|it| it.hours);
            let given = by_hand.hours.get(&task.id).copied().or(done);
            task.hours = given.unwrap_or(task.hours);
        }
        numbers.add_phases(&work);
        let mut draft = Self {
            power,
            facts,
            answered,
            unknown,
            pieces,
            work,
            unwanted,
            stack,
            numbers,
            names,
            is_draft: true,
        };
        if draft.names.title.is_empty() {
            draft.names.title =
                draft.first(FragmentKind::Title, "text").unwrap_or_else(|| power.title.clone());
        }
        if draft.names.slug.is_empty() {
            draft.names.slug =
                draft.first(FragmentKind::Title, "slug").unwrap_or_else(|| power.name.clone());
        }
        Ok(draft)
    }

    fn first(&self, kind: FragmentKind, field: &str) -> Option<String> {
        self.of_kind(kind).next().map(|it| it.text(field).to_owned())
    }

    /// The pieces of one kind, in order.
    pub fn of_kind(&self, kind: FragmentKind) -> impl Iterator<Item = &Piece> {
        self.pieces.iter().filter(move |it| it.kind == kind)
    }

    /// The facts that chose the power: what stands only because there is a spec at all.
    pub fn base(&self) -> BTreeSet<String> {
        let core = self.power.concepts.iter().filter(|it| it.core && self.facts.wants(&it.id));
        core.map(|it| it.id.clone()).collect()
    }

    /// The path of an abstract file; none when there is no stack.
    pub fn path(&self, file: &str) -> Option<&str> {
        self.stack?.files.get(file).map(String::as_str)
    }

    /// The numbers of the criteria that a piece names, those of items one by one.
    pub(crate) fn criteria_of(&self, piece: &Piece, field: &str) -> Vec<String> {
        let named = piece.list(field);
        let own = self
            .of_kind(FragmentKind::Criterion)
            .filter(|it| named.contains(&it.fragment.as_str()));
        own.filter_map(|it| self.numbers.criterion(&it.id)).collect()
    }

    /// The documents of the spec itself, for a tree of Kiro's.
    pub fn kiro(&self) -> Vec<Page> {
        vec![kiro::requirements(self), kiro::design(self), self.tasks_kiro()]
    }

    /// The document of the spec itself, for a tree of SmartSpec's.
    pub fn smartspec(&self) -> Vec<Page> {
        vec![smartspec::spec(self)]
    }

    /// The tasks, as Kiro writes them.
    pub fn tasks_kiro(&self) -> Page {
        tasks::kiro(self)
    }

    /// The tasks, as SmartSpec writes them.
    pub fn tasks_smartspec(&self) -> Page {
        tasks::smartspec(self)
    }

    /// The plan. `hours` are those that stand in the tasks now, by their numbers in the work.
    pub fn plan(&self) -> Page {
        plan::plan(self)
    }

    /// README, data-model, OpenAPI and test-plan.
    pub fn supporting(&self) -> Vec<Page> {
        supporting::all(self)
    }

    /// Files outside the spec, such as a configuration.
    pub fn blocks(&self) -> Vec<Page> {
        sections::blocks(self)
    }
}
