//! Durations and numbers, each for the slot whose words stand nearest to it.

use std::collections::BTreeSet;
use std::ops::Range;

use super::super::facts::Value;
use super::super::form::{Power, Slot, SlotKind};
use super::super::quantities::{self, Unit};
use super::super::words;
use super::{Reading, Understanding, is_priced};

/// What a sign or an `and` between a quantity and a word adds to their distance.
const APART: usize = 10;

/// No word farther from a quantity speaks of it.
const FAR: usize = 40;

/// A quantity that a slot might hold.
struct Measure {
    distance: usize,
    slot: usize,
    value: i64,
    tokens: Range<usize>,
}

impl Reading<'_> {
    /// Fills the slots that hold a quantity: the nearest pair of a word and a quantity first, and each
    /// quantity once.
    pub(super) fn measures(&mut self, power: &Power, found: &mut Understanding) {
        let all = power.slots.iter().enumerate();
        let all = all.filter(|(_, it)| !is_priced(it.kind) && it.kind != SlotKind::Currency);
        let mut measures: Vec<Measure> = all.flat_map(|(n, it)| self.measures_of(n, it)).collect();
        measures.sort_by_key(|it| (it.distance, it.tokens.start, it.slot));
        let mut taken = BTreeSet::new();
        for it in measures {
            let id = &power.slots[it.slot].id;
            if found.slots.contains_key(id) || it.tokens.clone().any(|at| taken.contains(&at)) {
                continue;
            }
            taken.extend(it.tokens.clone());
            self.used.extend(it.tokens.clone());
            let places: Vec<usize> = it.tokens.collect();
            found.slots.insert(id.clone(), (Value::Number(it.value), self.span(&places)));
        }
    }

    /// The quantities that a slot might hold.
    fn measures_of(&self, n: usize, slot: &Slot) -> Vec<Measure> {
        let mut all = Vec::new();
        let mut at = 0;
        while at < self.tokens.len() {
            let quantity = self.quantity(slot, at).filter(|_| !self.used.contains(&at));
            let Some((value, next)) = quantity else {
                at += 1;
                continue;
            };
            if let Some(distance) = self.distance(slot, &(at..next)) {
                all.push(Measure { distance, slot: n, value, tokens: at..next });
            }
            at = next;
        }
        all
    }

    /// How far the nearest word of the slot is from a quantity of its clause; none when there is no
    /// such word near it, or when a part of the clause lies between them that speaks of something else.
    fn distance(&self, slot: &Slot, own: &Range<usize>) -> Option<usize> {
        let stems: Vec<String> = slot.near.iter().map(|it| words::stem(it)).collect();
        let clause = self.tokens[own.start].clause;
        let around = own.start.saturating_sub(FAR)..self.tokens.len().min(own.end + FAR);
        let near = around.filter(|at| {
            self.tokens[*at].clause == clause && stems.contains(&self.tokens[*at].stem)
        });
        near.filter_map(|at| {
            let between = if at < own.start { at + 1..own.start } else { own.end..at };
            let parts = between.clone().filter(|at| self.parts(*at)).count();
            (parts == 0 || !self.speaks_of_something_else(own, &stems))
                .then_some(between.len() + parts * APART)
        })
        .min()
    }

    /// Whether a token parts a clause.
    fn parts(&self, at: usize) -> bool {
        matches!(self.tokens[at].text.as_str(), "," | "(" | ")" | ":" | "and" | "or" | "plus")
    }

    /// Whether the part of a clause in which a quantity stands has a word of its own for a concept.
    fn speaks_of_something_else(&self, own: &Range<usize>, stems: &[String]) -> bool {
        let clause = self.tokens[own.start].clause;
        let is_own = |at: &usize| self.tokens[*at].clause == clause && !self.parts(*at);
        let before = (0..own.start).rev().take(FAR).take_while(is_own);
        let behind = (own.end..self.tokens.len()).take(FAR).take_while(is_own);
        let mut all = before.chain(behind);
        all.any(|at| self.concepts.contains(&at) && !stems.contains(&self.tokens[at].stem))
    }

    /// A quantity at `at`, in the unit of the slot, and where what follows begins.
    pub(super) fn quantity(&self, slot: &Slot, at: usize) -> Option<(i64, usize)> {
        let (span, next) = match slot.kind {
            SlotKind::Count => {
                let (hundredths, next) = words::number(&self.tokens, at)?;
                return (hundredths % 100 == 0).then_some((hundredths / 100, next));
            }
            _ => quantities::duration(&self.tokens, at)?,
        };
        let minutes = span.count.checked_mul(span.unit.minutes())?;
        match slot.kind {
            SlotKind::Minutes => Some((minutes, next)),
            _ if span.unit >= Unit::Day => Some((minutes / Unit::Day.minutes(), next)),
            _ => None,
        }
    }
}
