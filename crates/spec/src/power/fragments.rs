//! The pieces of which a spec is put together.

use std::collections::BTreeMap;
use std::ops::Deref;

use serde::Deserialize;

use super::form::{PowerError, parse};

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $name:literal [$($field:literal)*];)*) => {
        /// What a fragment is; its name is that of its table in the files.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum FragmentKind { $($(#[$doc])* $kind,)* }

        impl FragmentKind {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// The name of its table.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }

            /// Its fields; those with `?` may be left out.
            pub fn fields(self) -> &'static [&'static str] {
                match self { $(Self::$kind => &[$($field),*],)* }
            }
        }
    };
}

kinds! {
    /// What the feature is called.
    Title "title" ["text" "slug"];
    /// A paragraph of the introduction.
    Introduction "introduction" ["text"];
    /// What belongs to it.
    Scope "scope" ["text"];
    /// What it is praised for.
    Feature "feature" ["text"];
    /// What it leaves out on purpose.
    Nongoal "nongoal" ["text" "concept?"];
    /// A word and what it means.
    Glossary "glossary" ["term" "text"];
    /// A part of the architecture.
    Component "component" ["title" "text" "does?"];
    /// Something wanted, with a user story.
    Requirement "requirement" ["title" "as" "want" "so"];
    /// What must hold, as an EARS sentence.
    Criterion "criterion" ["under" "text" "needs?"];
    /// A function.
    Functional "functional" ["text" "criteria?"];
    /// A case at the border.
    Edge "edge" ["text" "criteria?"];
    /// A non-functional requirement.
    Quality "quality" ["text" "criteria?"];
    /// A type with few values.
    Enum "enum" ["name" "values"];
    /// A table of the data model.
    Table "table" ["name" "text"];
    /// A column of a table.
    Column "column" ["table" "name" "type" "sql?" "text"];
    /// An index.
    Index "index" ["table" "columns" "unique?"];
    /// How a table relates to others.
    Relation "relation" ["table" "text"];
    /// A door of the interface.
    Endpoint "endpoint" ["method" "path" "text" "auth?" "takes?" "gives?" "answers?"];
    /// A message that is received.
    Event "event" ["name" "text"];
    /// A variable of the environment.
    Variable "variable" ["name" "text"];
    /// What holds for all inputs.
    Property "property" ["title" "text" "criteria?"];
    /// How a failure is answered.
    Failure "failure" ["text"];
    /// A scenario in Gherkin.
    Scenario "scenario" ["title" "steps" "criteria?"];
    /// What must be there first.
    Prerequisite "prerequisite" ["text"];
    /// What keeps it safe.
    Security "security" ["text"];
    /// An example.
    Example "example" ["title" "language?" "text"];
    /// What may go wrong with the project.
    Risk "risk" ["text" "impact" "probability" "mitigation"];
    /// A note to the reviewer.
    Note "note" ["kind" "text"];
    /// Somebody of the team.
    Role "role" ["text" "people"];
    /// What the team must know.
    Skill "skill" ["text"];
    /// A heading for tasks.
    Area "area" ["title" "risk?"];
    /// A piece of work.
    Task "task" ["area" "title" "text" "create?" "edit?" "needs?" "provides?" "minutes" "checks?" "run?" "verifies?"];
    /// A line of a task.
    Part "part" ["under" "text" "minutes"];
    /// Lines of another file.
    Block "block" ["file" "lines"];
    /// What the project has already.
    Given "given" ["text"];
}

/// A piece of a spec, as the power writes it.
#[derive(Clone, Debug)]
pub struct Fragment {
    /// What it is.
    pub kind: FragmentKind,
    /// Its lasting name.
    pub id: String,
    /// When it belongs to a spec; empty for always.
    pub when: String,
    /// The slot for each of whose items it stands once; empty for once.
    pub each: String,
    /// Its fields.
    pub fields: Fields,
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Field {
    /// A yes or no.
    Flag(bool),
    /// A whole number.
    Number(i64),
    /// A text.
    Text(String),
    /// Several.
    List(Vec<Field>),
    /// Named ones.
    Table(BTreeMap<String, Field>),
}

impl Field {
    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The named fields, if it has such.
    pub fn as_table(&self) -> Option<&BTreeMap<String, Field>> {
        if let Self::Table(table) = self { Some(table) } else { None }
    }
}

/// The fields of a fragment, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields(pub(super) BTreeMap<String, Field>);

impl Fields {
    /// The text of a field; empty when it is left out.
    pub fn text(&self, field: &str) -> &str {
        match self.0.get(field) {
            Some(Field::Text(text)) => text,
            _ => "",
        }
    }

    /// The number of a field; 0 when it is left out.
    pub fn number(&self, field: &str) -> i64 {
        match self.0.get(field) {
            Some(Field::Number(number)) => *number,
            _ => 0,
        }
    }

    /// Whether a field says yes.
    pub fn flag(&self, field: &str) -> bool {
        self.0.get(field) == Some(&Field::Flag(true))
    }

    /// The texts of a field that is a list.
    pub fn list(&self, field: &str) -> Vec<&str> {
        let Some(Field::List(list)) = self.0.get(field) else { return Vec::new() };
        list.iter().filter_map(Field::as_text).collect()
    }

    /// The tables of a field that is a list of them.
    pub fn tables(&self, field: &str) -> Vec<&BTreeMap<String, Field>> {
        let Some(Field::List(list)) = self.0.get(field) else { return Vec::new() };
        list.iter().filter_map(Field::as_table).collect()
    }
}

impl Deref for Fragment {
    type Target = Fields;

    fn deref(&self) -> &Fields {
        &self.fields
    }
}

/// The fragments of a file, kind by kind, each kind in the order of the file.
pub(super) fn read(file: &str, text: &str) -> Result<Vec<Fragment>, PowerError> {
    let tables: BTreeMap<String, Vec<BTreeMap<String, Field>>> = parse(file, text)?;
    let mut all = Vec::new();
    for (name, entries) in tables {
        let kind = FragmentKind::ALL.iter().find(|kind| kind.as_str() == name);
        let kind =
            *kind.ok_or_else(|| wrong(file, format!("there are no fragments `[[{name}]]`")))?;
        for fields in entries {
            all.push(fragment(kind, fields).map_err(|what| wrong(file, what))?);
        }
    }
    Ok(all)
}

fn wrong(file: &str, what: String) -> PowerError {
    PowerError { file: file.into(), what }
}

fn fragment(kind: FragmentKind, mut fields: BTreeMap<String, Field>) -> Result<Fragment, String> {
    let mut take = |field: &str| match fields.remove(field) {
        Some(Field::Text(text)) => Ok(text),
        None => Ok(String::new()),
        Some(_) => Err(format!("`{field}` of a `[[{}]]` is not a text", kind.as_str())),
    };
    let (id, when, each) = (take("id")?, take("when")?, take("each")?);
    let named = format!("the `[[{}]]` `{id}`", kind.as_str());
    if id.is_empty() {
        return Err(format!("a `[[{}]]` has no `id`", kind.as_str()));
    }
    for field in fields.keys() {
        if !kind.fields().iter().any(|it| it.trim_end_matches('?') == field) {
            let known: Vec<&str> =
                kind.fields().iter().map(|it| it.trim_end_matches('?')).collect();
            return Err(format!("{named} has a field `{field}`, expected {}", known.join(", ")));
        }
    }
    let missing = kind.fields().iter().find(|it| !it.ends_with('?') && !fields.contains_key(**it));
    if let Some(missing) = missing {
        return Err(format!("{named} has no `{missing}`"));
    }
    Ok(Fragment { kind, id, when, each, fields: Fields(fields) })
}
