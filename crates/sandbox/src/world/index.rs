//! The index: where each object stands among those of its kind, and which objects say a text in a
//! field. It is derived from the objects, so that it is kept nowhere, and only grows: what it finds
//! is looked at again, as an object may say something else by now, or be gone.

use std::collections::BTreeMap;

use serde_json::Value;

use super::World;
use super::state::{is, items, text};

/// Where an invoice names its subscription.
pub(super) const SUBSCRIPTION: &str = "parent.subscription_details.subscription";
/// The ids of a subscription's items.
pub(super) const ITEMS: &str = "items.data.*.id";

/// The fields that objects are looked for by, with a `*` for each entry of a list.
static FIELDS: [(&str, &[&str]); 12] = [
    ("balance_transaction", &["source"]),
    ("billing_portal.session", &["customer"]),
    ("charge", &["customer", "payment_intent"]),
    ("checkout.session", &["customer", "payment_intent", "subscription"]),
    ("customer", &["email", "invoice_prefix", "test_clock"]),
    ("invoice", &["customer", SUBSCRIPTION, "test_clock"]),
    ("invoice_payment", &["invoice", "payment.payment_intent"]),
    ("payment_intent", &["customer"]),
    ("payment_method", &["customer"]),
    ("price", &["lookup_key", "product"]),
    ("refund", &["charge", "payment_intent"]),
    ("subscription", &["customer", "default_payment_method", ITEMS, "test_clock"]),
];

/// What is derived from the objects of all kinds.
#[derive(Clone, Default)]
pub(super) struct Index {
    kinds: BTreeMap<String, Shelf>,
}

/// What is derived from the objects of one kind.
#[derive(Clone, Default)]
struct Shelf {
    /// Where each id stands in the order in which they were made.
    places: BTreeMap<String, usize>,
    /// How many have left the order: those that stood first.
    gone: usize,
    /// By field and text: the places of the objects that say it, or said it once, in order.
    said: BTreeMap<&'static str, BTreeMap<String, Vec<usize>>>,
}

impl Shelf {
    fn note(&mut self, place: usize, object: &Value, fields: &[&'static str]) {
        for &field in fields {
            let by_text = self.said.entry(field).or_default();
            for said in texts(object, field).filter(|said| !said.is_empty()) {
                let Some(places) = by_text.get_mut(said) else {
                    by_text.insert(said.to_owned(), vec![place]);
                    continue;
                };
                if let Err(at) = places.binary_search(&place) {
                    places.insert(at, place);
                }
            }
        }
    }
}

impl Index {
    fn of(kinds: &BTreeMap<String, Vec<String>>, objects: &BTreeMap<String, Value>) -> Self {
        let mut index = Self::default();
        for (kind, ids) in kinds {
            index.fill(kind, ids, objects);
        }
        index
    }

    /// Begins one kind anew.
    fn fill(&mut self, kind: &str, ids: &[String], objects: &BTreeMap<String, Value>) {
        self.kinds.remove(kind);
        for (at, id) in ids.iter().enumerate() {
            self.push(kind, id, at);
            if let Some(object) = objects.get(id) {
                self.note(id, object);
            }
        }
    }

    /// Gives an id the place `at` among those of its kind.
    fn push(&mut self, kind: &str, id: &str, at: usize) {
        let shelf = self.kinds.entry(kind.to_owned()).or_default();
        shelf.places.insert(id.to_owned(), shelf.gone + at);
    }

    /// Notes what an object says.
    fn note(&mut self, id: &str, object: &Value) {
        let Some((kind, fields)) = fields_of(text(object, "object")) else { return };
        let Some(shelf) = self.kinds.get_mut(kind) else { return };
        if let Some(place) = shelf.places.get(id).copied() {
            shelf.note(place, object, fields);
        }
    }

    /// Lets go of the first ids of a kind.
    fn leave(&mut self, kind: &str, ids: &[String]) {
        let Some(shelf) = self.kinds.get_mut(kind) else { return };
        shelf.gone += ids.len();
        for id in ids {
            shelf.places.remove(id);
        }
    }

    /// The places of the objects that say `said` in `field`, or said it once; none if nobody looks
    /// for them by that.
    fn places(&self, kind: &str, field: &str, said: &str) -> Option<&[usize]> {
        let (_, fields) = fields_of(kind)?;
        if said.is_empty() || !fields.contains(&field) {
            return None;
        }
        let by_text = self.kinds.get(kind).and_then(|shelf| shelf.said.get(field));
        let found = by_text.and_then(|by_text| by_text.get(said));
        Some(found.map(Vec::as_slice).unwrap_or_default())
    }
}

fn fields_of(kind: &str) -> Option<(&'static str, &'static [&'static str])> {
    FIELDS.iter().find(|(of, _)| *of == kind).copied()
}

/// What stands in a field of an object, or in that of each entry of a list.
fn texts<'a>(object: &'a Value, field: &'a str) -> impl Iterator<Item = &'a str> {
    let (entries, field) = match field.split_once(".*.") {
        Some((list, field)) => (items(object, list), field),
        None => (std::slice::from_ref(object), field),
    };
    entries.iter().map(move |entry| text(entry, field))
}

/// Whether an object says `said` in `field`.
pub(super) fn says(object: &Value, field: &str, said: &str) -> bool {
    texts(object, field).any(|text| text == said)
}

/// Ids of one kind, the oldest first: all of them, or those at some places.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    ids: &'a [String],
    places: Option<&'a [usize]>,
}

impl<'a> Row<'a> {
    pub fn count(self) -> usize {
        self.places.map_or(self.ids.len(), <[usize]>::len)
    }

    pub fn at(self, position: usize) -> Option<&'a str> {
        let place = match self.places {
            Some(places) => *places.get(position)?,
            None => position,
        };
        self.ids.get(place).map(String::as_str)
    }

    /// How many stand before a place.
    pub fn before(self, place: usize) -> usize {
        match self.places {
            Some(places) => places.partition_point(|other| *other < place),
            None => place.min(self.ids.len()),
        }
    }

    /// None of them.
    pub fn none(self) -> Self {
        Self { places: Some(&[]), ..self }
    }

    /// All of them, the newest first.
    pub fn newest(self) -> impl Iterator<Item = &'a str> {
        (0..self.count()).rev().filter_map(move |position| self.at(position))
    }
}

impl World {
    fn index(&self) -> &Index {
        self.index.get_or_init(|| Index::of(&self.kinds, &self.objects))
    }

    /// Puts an id at the end of its kind's order.
    pub(super) fn enlist(&mut self, kind: &str, id: &str) {
        if let Some(place) = self.place(kind, id) {
            self.leave_place(kind, place);
        }
        let ids = self.kinds.entry(kind.to_owned()).or_default();
        if let Some(index) = self.index.get_mut() {
            index.push(kind, id, ids.len());
        }
        ids.push(id.to_owned());
        self.note(id);
    }

    /// Takes one that was deleted and is made again out of the order.
    fn leave_place(&mut self, kind: &str, place: usize) {
        let Some(ids) = self.kinds.get_mut(kind) else { return };
        ids.remove(place);
        if let Some(index) = self.index.get_mut() {
            index.fill(kind, ids, &self.objects);
        }
    }

    /// Notes what an object says now.
    pub(super) fn note(&mut self, id: &str) {
        if let (Some(index), Some(object)) = (self.index.get_mut(), self.objects.get(id)) {
            index.note(id, object);
        }
    }

    /// Takes the oldest of a kind out of its order. Nobody may look for those of that kind by what
    /// they say.
    pub(super) fn take_oldest(&mut self, kind: &str, count: usize) -> Vec<String> {
        let Some(ids) = self.kinds.get_mut(kind) else { return Vec::new() };
        let taken: Vec<String> = ids.drain(..count.min(ids.len())).collect();
        if let Some(index) = self.index.get_mut() {
            index.leave(kind, &taken);
        }
        taken
    }

    /// Where an object stands in the order of its kind, deleted ones included.
    pub(super) fn place(&self, kind: &str, id: &str) -> Option<usize> {
        let shelf = self.index().kinds.get(kind)?;
        shelf.places.get(id)?.checked_sub(shelf.gone)
    }

    /// All of a kind.
    pub(super) fn row(&self, kind: &str) -> Row<'_> {
        Row { ids: self.kinds.get(kind).map(Vec::as_slice).unwrap_or_default(), places: None }
    }

    /// Those of a kind that may say `said` in `field`: all, if nobody looks for them by that.
    pub(super) fn row_with(&self, kind: &str, field: &str, said: &str) -> Row<'_> {
        Row { places: self.index().places(kind, field, said), ..self.row(kind) }
    }

    /// The objects of a kind that say `said` in `field`, newest first.
    pub(crate) fn newest_with<'a>(
        &'a self,
        kind: &str,
        field: &'a str,
        said: &'a str,
    ) -> impl Iterator<Item = &'a Value> + use<'a> {
        let found = self.row_with(kind, field, said).newest();
        let found = found.filter_map(move |id| self.objects.get(id));
        found.filter(move |object| !is(object, "deleted") && says(object, field, said))
    }

    /// The ids of those objects, newest first.
    pub(super) fn ids_with(&self, kind: &str, field: &str, said: &str) -> Vec<String> {
        self.newest_with(kind, field, said).map(|found| text(found, "id").to_owned()).collect()
    }
}

/// For tests.
impl World {
    /// Where the index says something else than a look at all objects does: nowhere, ever.
    #[doc(hidden)]
    pub fn index_faults(&self) -> Vec<String> {
        let fields =
            FIELDS.iter().flat_map(|(kind, fields)| fields.iter().map(move |it| (kind, it)));
        let mut faults: Vec<String> =
            fields.flat_map(|(kind, field)| self.faults_of(kind, field)).collect();
        for (kind, ids) in &self.kinds {
            let lost = ids.iter().enumerate().filter(|(at, id)| self.place(kind, id) != Some(*at));
            faults.extend(lost.map(|(at, id)| format!("{kind} {id} stands at {at}")));
        }
        faults
    }

    fn faults_of(&self, kind: &str, field: &str) -> Vec<String> {
        let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for object in self.newest(kind) {
            for said in texts(object, field).filter(|said| !said.is_empty()) {
                all.entry(said).or_default().push(text(object, "id"));
            }
        }
        let wrong = all.into_iter().filter(|(said, ids)| self.ids_with(kind, field, said) != *ids);
        wrong.map(|(said, ids)| format!("{kind} with {field} {said}: {ids:?}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Config, World};

    #[test]
    fn only_what_once_said_so_is_looked_at() {
        let mut world = World::new(Config::new(1, 0, "http://h"));
        for n in 0..9 {
            let id = format!("pm_{n}");
            world.keep(json!({ "id": id, "object": "payment_method", "customer": null }));
        }
        for method in ["pm_5", "pm_2", "pm_7"] {
            world.set(method, [("customer", json!("cus_1"))]);
        }
        let (kind, field) = ("payment_method", "customer");
        assert_eq!(world.row_with(kind, field, "cus_1").count(), 3);
        assert_eq!(world.ids_with(kind, field, "cus_1"), ["pm_7", "pm_5", "pm_2"]);
        world.set("pm_5", [("customer", json!("cus_2"))]);
        assert_eq!(world.ids_with(kind, field, "cus_1"), ["pm_7", "pm_2"]);
        assert_eq!(world.ids_with(kind, field, "cus_2"), ["pm_5"]);
        assert_eq!(world.row_with(kind, "type", "card").count(), 9, "nobody looks by that");
    }
}
