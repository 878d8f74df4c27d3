//! What is known for a spec, and from where.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// What a fact says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A concept is wanted, or not.
    Flag(bool),
    /// A number, in the unit of its slot.
    Number(i64),
    /// A text, such as a chosen option.
    Text(String),
    /// The items of a slot, in their order.
    Items(Vec<Item>),
}

impl Value {
    /// What holds when a later text says `later`: of items those of both, the later one of each key.
    #[must_use]
    pub(crate) fn with(&self, later: &Self) -> Self {
        let (Self::Items(before), Self::Items(now)) = (self, later) else { return later.clone() };
        let mut all = before.clone();
        for item in now {
            match all.iter_mut().find(|it| it.key == item.key) {
                Some(old) => *old = item.clone(),
                None => all.push(item.clone()),
            }
        }
        Self::Items(super::understand::items::sorted(all))
    }

    /// The items of which a later text says nothing.
    pub(crate) fn without(&self, later: &Self) -> Vec<&Item> {
        self.items().iter().filter(|it| later.items().iter().all(|now| now.key != it.key)).collect()
    }

    /// The items of a slot; none of another value.
    pub fn items(&self) -> &[Item] {
        if let Self::Items(items) = self { items } else { &[] }
    }
}

/// An item of a slot: its key and its fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What it is called in names of facts.
    pub key: String,
    /// What is known of it.
    pub fields: BTreeMap<&'static str, Value>,
}

/// From where a fact is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From this place of the text, in bytes.
    Prompt(Range<usize>),
    /// From the answer to a question.
    Answer(String),
    /// From the default of a question.
    Default(String),
    /// From a steering file or a manifest.
    Steering(String),
}

/// An answer that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// An option's id, or a text.
    pub text: String,
    /// Who gave it; `default` when nobody did.
    pub by: String,
    /// When, as RFC 3339 in UTC.
    pub at: String,
    /// Whether it is the question's default, taken because nobody was asked.
    pub by_default: bool,
}

/// All that is known for a spec, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    known: BTreeMap<String, (Value, Origin)>,
    /// The items that are known from elsewhere than their slot, by `slot.key`.
    items: BTreeMap<String, Origin>,
}

impl Facts {
    /// Adds a fact; one that is known already stays.
    pub fn add(&mut self, name: &str, value: Value, origin: Origin) {
        self.known.entry(name.into()).or_insert((value, origin));
    }

    /// Sets a fact anew.
    pub fn set(&mut self, name: &str, value: Value, origin: Origin) {
        self.known.insert(name.into(), (value, origin));
    }

    /// Says of an item, by `slot.key`, that it is known from elsewhere than its slot.
    pub(super) fn known_from(&mut self, item: String, origin: Origin) {
        self.items.entry(item).or_insert(origin);
    }

    /// What a fact says.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.known.get(name).map(|(value, _)| value)
    }

    /// From where it is known.
    pub fn origin(&self, name: &str) -> Option<&Origin> {
        self.known.get(name).map(|(_, origin)| origin)
    }

    /// Whether a concept is wanted.
    pub fn wants(&self, concept: &str) -> bool {
        self.get(concept) == Some(&Value::Flag(true))
    }

    /// All, by name; an item's fields one by one (`prices.pro_monthly.amount`).
    pub fn all(&self) -> Vec<(String, &Value, &Origin)> {
        let mut all = Vec::new();
        for (name, (value, origin)) in &self.known {
            let Value::Items(items) = value else {
                all.push((name.clone(), value, origin));
                continue;
            };
            for item in items {
                let named = |field: &str| format!("{name}.{}.{field}", item.key);
                let own = self.items.get(&format!("{name}.{}", item.key));
                let origin = own.unwrap_or(origin);
                all.extend(item.fields.iter().map(|(field, value)| (named(field), value, origin)));
            }
        }
        all
    }

    /// The origin of each name of `all`, and of the slots themselves.
    pub fn origin_of(&self, path: &str) -> Option<&Origin> {
        let mut dots = path.match_indices('.').map(|(at, _)| at);
        let (slot, item) = (dots.next(), dots.next().unwrap_or(path.len()));
        let own = self.items.get(&path[..item]);
        own.or_else(|| self.origin(&path[..slot.unwrap_or(path.len())]))
    }

    /// The names.
    pub fn names(&self) -> BTreeSet<&str> {
        self.known.keys().map(String::as_str).collect()
    }
}
