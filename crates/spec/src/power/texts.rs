//! Conditions and texts, and which facts they speak of.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::value::{Enumerator, Object, ObjectRepr, Value as Jinja};
use minijinja::{Environment, UndefinedBehavior};

use super::facts::{Facts, Item, Value};
use super::form::Power;

/// How much work one text may be: a power comes from anywhere.
const FUEL: u64 = 100_000;

/// What was read while a text was put together.
type Read = Arc<Mutex<BTreeSet<String>>>;

/// The facts as conditions and texts see them.
pub struct Texts {
    jinja: Environment<'static>,
    root: Arc<Root>,
    read: Read,
}

/// A text that was put together, and the facts it speaks of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// What it says.
    pub text: String,
    /// The names of the facts.
    pub facts: BTreeSet<String>,
}

impl Texts {
    /// The facts of a spec; `files` are the abstract files of the stack.
    pub fn new(power: &Power, facts: &Facts, files: &BTreeMap<String, String>) -> Self {
        let mut jinja = Environment::new();
        jinja.set_undefined_behavior(UndefinedBehavior::Strict);
        jinja.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        jinja.set_fuel(Some(FUEL));
        jinja.add_filter("plural", plural);
        jinja.add_filter("list", list);
        jinja.add_filter("quote", |it: String| format!("'{}'", it.replace('\'', "''")));
        let read = Read::default();
        let values = values(power, facts, &read);
        let files = files.iter().map(|(name, path)| (name.clone(), Jinja::from(path))).collect();
        let unwanted = power.concepts.iter().map(|it| {
            let no = facts.get(&it.id) == Some(&Value::Flag(false));
            (it.id.clone(), Jinja::from(no))
        });
        let unwanted =
            Named { prefix: String::new(), values: unwanted.collect(), read: read.clone() };
        let root =
            Root { values, files, unwanted: Arc::new(unwanted), it: None, read: read.clone() };
        Self { jinja, root: Arc::new(root), read }
    }

    /// The same, with `it` for an item of a slot.
    fn with(&self, it: Option<(&str, &Item)>) -> Jinja {
        let Some((slot, item)) = it else { return Jinja::from_dyn_object(self.root.clone()) };
        let root = &self.root;
        Jinja::from_object(Root {
            values: root.values.clone(),
            files: root.files.clone(),
            unwanted: root.unwanted.clone(),
            it: Some(shown(slot, item, &self.read)),
            read: self.read.clone(),
        })
    }

    /// Whether a condition holds, and the facts it speaks of. Empty holds always.
    pub fn holds(
        &self,
        when: &str,
        it: Option<(&str, &Item)>,
    ) -> Result<(bool, BTreeSet<String>), String> {
        if when.is_empty() {
            return Ok((true, BTreeSet::new()));
        }
        let said = |error: minijinja::Error| format!("`{when}`: {error}");
        let condition = self.jinja.compile_expression(when).map_err(said)?;
        self.forget();
        let value = condition.eval(self.with(it)).map_err(said)?;
        Ok((value.is_true(), self.forget()))
    }

    /// A text with its places filled.
    pub fn tell(&self, text: &str, it: Option<(&str, &Item)>) -> Result<Told, String> {
        if !text.contains('{') {
            return Ok(Told { text: text.into(), facts: BTreeSet::new() });
        }
        self.forget();
        let said = |error: minijinja::Error| format!("`{text}`: {error}");
        let text = self.jinja.render_str(text, self.with(it)).map_err(said)?;
        Ok(Told { text, facts: self.forget() })
    }

    /// What was read since the last call.
    fn forget(&self) -> BTreeSet<String> {
        std::mem::take(&mut *self.read.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn plural(count: i64, what: String) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn list(values: Vec<String>) -> String {
    match values.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// Everything that conditions may name, also what is not known.
fn values(power: &Power, facts: &Facts, read: &Read) -> BTreeMap<String, Jinja> {
    let mut all = BTreeMap::new();
    for concept in &power.concepts {
        all.insert(concept.id.clone(), Jinja::from(facts.wants(&concept.id)));
    }
    for slot in &power.slots {
        all.insert(slot.id.clone(), Jinja::from(()));
    }
    for question in power.questions.iter().filter(|it| it.slot.is_none()) {
        all.insert(question.id.clone(), Jinja::from(()));
    }
    for name in facts.names() {
        let Some(value) = facts.get(name) else { continue };
        all.insert(name.into(), jinja(name, value, read));
    }
    all
}

fn jinja(name: &str, value: &Value, read: &Read) -> Jinja {
    match value {
        Value::Flag(it) => Jinja::from(*it),
        Value::Number(it) => Jinja::from(*it),
        Value::Text(it) => Jinja::from(it),
        Value::Items(items) => {
            items.iter().map(|item| Jinja::from_dyn_object(shown(name, item, read))).collect()
        }
    }
}

fn shown(slot: &str, item: &Item, read: &Read) -> Arc<Named> {
    let prefix = format!("{slot}.{}.", item.key);
    let field = |(name, value): (&&str, &Value)| ((*name).to_owned(), jinja(name, value, read));
    Arc::new(Named { prefix, values: item.fields.iter().map(field).collect(), read: read.clone() })
}

/// Named values that note which of them are read.
#[derive(Debug)]
struct Named {
    prefix: String,
    values: BTreeMap<String, Jinja>,
    read: Read,
}

impl Object for Named {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Jinja) -> Option<Jinja> {
        let name = key.as_str()?;
        let value = self.values.get(name)?.clone();
        note(&self.read, format!("{}{name}", self.prefix));
        Some(value)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.values.keys().map(Jinja::from).collect())
    }
}

/// What a condition or a text sees by name.
struct Root {
    values: BTreeMap<String, Jinja>,
    files: BTreeMap<String, Jinja>,
    unwanted: Arc<Named>,
    it: Option<Arc<Named>>,
    read: Read,
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

impl Object for Root {
    fn get_value(self: &Arc<Self>, key: &Jinja) -> Option<Jinja> {
        match key.as_str()? {
            "it" => self.it.clone().map(Jinja::from_dyn_object),
            "file" => Some(self.files.iter().map(|(k, v)| (k.clone(), v.clone())).collect()),
            "not_wanted" => Some(Jinja::from_dyn_object(self.unwanted.clone())),
            name => {
                let value = self.values.get(name)?.clone();
                note(&self.read, name.into());
                Some(value)
            }
        }
    }
}

fn note(read: &Read, name: String) {
    read.lock().unwrap_or_else(PoisonError::into_inner).insert(name);
}
