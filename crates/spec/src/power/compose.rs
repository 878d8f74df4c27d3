//! The pieces of one spec: the fragments whose conditions hold, with their places filled.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;

use super::facts::{Facts, Item, Value};
use super::form::Power;
use super::fragments::{Field, Fields, Fragment, FragmentKind};
use super::texts::Texts;

/// A fragment in one spec.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// What it is.
    pub kind: FragmentKind,
    /// The fragment's id; of an item with its key behind it: `charge@pro_monthly`.
    pub id: String,
    /// The fragment's id.
    pub fragment: String,
    /// Its fields, with their places filled; what became empty is left out.
    fields: Fields,
    /// The facts that called for it.
    called: BTreeSet<String>,
    /// For each field (`text`, `does.0`) the facts that it speaks of.
    spoken: BTreeMap<String, BTreeSet<String>>,
}

impl Deref for Piece {
    type Target = Fields;

    fn deref(&self) -> &Fields {
        &self.fields
    }
}

/// Why a power gives no spec for these facts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("fragment `{id}`: {what}")]
pub struct ComposeError {
    /// Which fragment.
    pub id: String,
    /// What is wrong with it.
    pub what: String,
}

impl Piece {
    /// A piece that somebody wrote by hand.
    pub(crate) fn by_hand(kind: FragmentKind, id: &str, fields: &[(&str, Field)]) -> Self {
        let fields = fields.iter().map(|(name, field)| ((*name).to_owned(), field.clone()));
        Self {
            kind,
            id: id.into(),
            fragment: id.into(),
            fields: Fields(fields.collect()),
            called: BTreeSet::new(),
            spoken: BTreeMap::new(),
        }
    }

    /// Puts another text into a field.
    pub(crate) fn set(&mut self, field: &str, text: &str) {
        self.fields.0.insert(field.into(), Field::Text(text.into()));
    }

    /// The facts that called for it, with those that some of its fields speak of.
    pub fn facts(&self, fields: &[&str]) -> BTreeSet<String> {
        let mut all = self.called.clone();
        for field in fields {
            let own = self.spoken.iter().filter(|(name, _)| {
                name == field || name.strip_prefix(field).is_some_and(|it| it.starts_with('.'))
            });
            all.extend(own.flat_map(|(_, facts)| facts.iter().cloned()));
        }
        all
    }
}

/// The pieces of a spec, kind by kind, each kind in the order of the power.
pub fn compose(
    power: &Power,
    facts: &Facts,
    files: &BTreeMap<String, String>,
) -> Result<Vec<Piece>, ComposeError> {
    let texts = Texts::new(power, facts, files);
    let mut all = Vec::new();
    let mut titled = false;
    for fragment in &power.fragments {
        if fragment.kind == FragmentKind::Title && titled {
            continue;
        }
        let before = all.len();
        put(fragment, facts, &texts, &mut all)
            .map_err(|what| ComposeError { id: fragment.id.clone(), what })?;
        titled |= fragment.kind == FragmentKind::Title && all.len() > before;
    }
    all.sort_by_key(|piece| piece.kind);
    Ok(all)
}

fn put(
    fragment: &Fragment,
    facts: &Facts,
    texts: &Texts,
    all: &mut Vec<Piece>,
) -> Result<(), String> {
    let concept = fragment.text("concept");
    if fragment.kind == FragmentKind::Nongoal && facts.wants(concept) {
        return Ok(());
    }
    if fragment.each.is_empty() {
        return put_one(fragment, None, texts, all);
    }
    let Some(Value::Items(items)) = facts.get(&fragment.each) else { return Ok(()) };
    items.iter().try_for_each(|item| put_one(fragment, Some((&fragment.each, item)), texts, all))
}

fn put_one(
    fragment: &Fragment,
    it: Option<(&str, &Item)>,
    texts: &Texts,
    all: &mut Vec<Piece>,
) -> Result<(), String> {
    let (holds, mut called) = texts.holds(&fragment.when, it)?;
    if !holds {
        return Ok(());
    }
    let id = match it {
        Some((_, item)) => format!("{}@{}", fragment.id, item.key),
        None => fragment.id.clone(),
    };
    if let Some((slot, item)) = it {
        called.insert(format!("{slot}.{}.key", item.key));
    }
    if !fragment.text("concept").is_empty() && fragment.kind == FragmentKind::Nongoal {
        called.insert(fragment.text("concept").into());
    }
    let mut filling = Filling { texts, it, spoken: BTreeMap::new() };
    let mut fields = BTreeMap::new();
    for (name, field) in &fragment.fields.0 {
        if let Some(field) = filling.fill(name, field)? {
            fields.insert(name.clone(), field);
        }
    }
    let spoken = filling.spoken;
    all.push(Piece {
        kind: fragment.kind,
        id,
        fragment: fragment.id.clone(),
        fields: Fields(fields),
        called,
        spoken,
    });
    Ok(())
}

struct Filling<'a> {
    texts: &'a Texts,
    it: Option<(&'a str, &'a Item)>,
    spoken: BTreeMap<String, BTreeSet<String>>,
}

impl Filling<'_> {
    /// A field with its places filled; none when nothing is left of it.
    fn fill(&mut self, path: &str, field: &Field) -> Result<Option<Field>, String> {
        Ok(Some(match field {
            Field::Text(text) => {
                let told = self.texts.tell(text, self.it)?;
                if told.text.is_empty() && !text.is_empty() {
                    return Ok(None);
                }
                if !told.facts.is_empty() {
                    self.spoken.entry(path.into()).or_default().extend(told.facts);
                }
                Field::Text(told.text)
            }
            Field::List(list) => {
                let mut filled = Vec::new();
                for field in list {
                    filled.extend(self.fill(&format!("{path}.{}", filled.len()), field)?);
                }
                Field::List(filled)
            }
            Field::Table(table) => return self.table(path, table),
            Field::Flag(_) | Field::Number(_) => field.clone(),
        }))
    }

    /// A table; one whose own `when` does not hold is left out.
    fn table(
        &mut self,
        path: &str,
        table: &BTreeMap<String, Field>,
    ) -> Result<Option<Field>, String> {
        if let Some(when) = table.get("when").and_then(Field::as_text) {
            let (holds, facts) = self.texts.holds(when, self.it)?;
            if !holds {
                return Ok(None);
            }
            self.spoken.entry(path.into()).or_default().extend(facts);
        }
        let mut filled = BTreeMap::new();
        for (name, field) in table.iter().filter(|(name, _)| *name != "when") {
            if let Some(field) = self.fill(&format!("{path}.{name}"), field)? {
                filled.insert(name.clone(), field);
            }
        }
        Ok(Some(Field::Table(filled)))
    }
}
