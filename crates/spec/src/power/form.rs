//! A power as its files write it.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::fragments::{Fragment, FragmentKind};

/// What is known of a domain.
#[derive(Clone, Debug, Default)]
pub struct Power {
    /// Its name, as its front matter says it.
    pub name: String,
    /// The name that people read.
    pub title: String,
    /// What it is for, in a sentence.
    pub description: String,
    /// Its version; empty when it says none.
    pub version: String,
    /// Words that call it.
    pub keywords: Vec<String>,
    /// The words of its domain.
    pub concepts: Vec<Concept>,
    /// The facts that a text may give.
    pub slots: Vec<Slot>,
    /// What is asked.
    pub questions: Vec<Question>,
    /// The pieces of a spec, in the order of the power.
    pub fragments: Vec<Fragment>,
    /// How files and commands are called.
    pub stacks: Vec<Stack>,
    /// Technologies that are known and have no stack.
    pub others: Vec<String>,
}

/// A thing that a text may speak of.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Concept {
    /// By which conditions name it.
    pub id: String,
    /// How documents call it.
    pub title: String,
    /// The phrases that speak of it.
    pub words: Vec<String>,
    /// Words in the same clause that make it another thing.
    #[serde(default)]
    pub not_near: Vec<String>,
    /// Concepts that come with it.
    #[serde(default)]
    pub implies: Vec<String>,
    /// Concepts that cannot be wanted beside it.
    #[serde(default)]
    pub excludes: Vec<String>,
    /// Whether a text that wants it is covered by the power.
    #[serde(default)]
    pub core: bool,
}

/// A typed fact.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slot {
    /// By which conditions name it.
    pub id: String,
    /// Of what kind.
    pub kind: SlotKind,
    /// Words of which one stands in the same clause.
    #[serde(default)]
    pub near: Vec<String>,
    /// The name of an item that has none.
    #[serde(default)]
    pub unnamed: String,
    /// Names that may be written small.
    #[serde(default)]
    pub names: Vec<String>,
    /// Concepts that a text wants when it fills the slot.
    #[serde(default)]
    pub implies: Vec<String>,
    /// The units in which intervals and durations of its items are counted (`day`, `week`, `month`,
    /// `year`); all of them, when it names none.
    #[serde(default)]
    pub units: Vec<String>,
    /// The longest interval or duration of its items, such as `3 years`; any, when it is empty.
    #[serde(default)]
    pub longest: String,
}

/// What a slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SlotKind {
    /// Names with amounts and intervals, each charged again and again.
    Prices,
    /// Names with amounts and durations, each paid once.
    Passes,
    /// A duration in days.
    Days,
    /// A duration in minutes.
    Minutes,
    /// A number.
    Count,
    /// A currency, as ISO 4217 writes it, in small letters.
    Currency,
}

/// What a text may leave open.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// By which conditions name its answer.
    pub id: String,
    /// When it matters; always, when it says nothing.
    #[serde(default)]
    pub when: String,
    /// The slot that its answer fills, if it has no options.
    pub slot: Option<String>,
    /// What is asked.
    pub ask: String,
    /// Why it is asked.
    pub why: String,
    /// The answer of who does not care: an option's id, or a text.
    pub default: String,
    /// What may be answered.
    #[serde(default)]
    pub options: Vec<Choice>,
}

/// An answer that may be chosen.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// What conditions compare with.
    pub id: String,
    /// What it means.
    pub means: String,
    /// Phrases by which a text chooses it.
    #[serde(default)]
    pub words: Vec<String>,
}

/// How abstract files and commands are called in a stack.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stack {
    /// By which `--stack` and answers name it.
    pub id: String,
    /// What it consists of.
    pub title: String,
    /// Words by which a text means it.
    pub words: Vec<String>,
    /// Words that do not tell stacks apart.
    #[serde(default)]
    pub shared: Vec<String>,
    /// Names that tell it in a repository.
    #[serde(default)]
    pub manifests: Vec<Manifest>,
    /// Whether it is offered first.
    #[serde(default)]
    pub default: bool,
    /// The lines of its technologies.
    #[serde(default)]
    pub technologies: BTreeMap<String, String>,
    /// The paths of abstract files.
    pub files: BTreeMap<String, String>,
    /// The words of abstract commands.
    pub commands: BTreeMap<String, String>,
    /// The abstract commands that check the whole project after every task.
    #[serde(default)]
    pub every_task: Vec<String>,
}

/// A file of a repository that tells the stack.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Its path.
    pub file: String,
    /// Names of which one stands in it.
    pub names: Vec<String>,
}

/// Why a power cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {what}")]
pub struct PowerError {
    /// In which file of the folder.
    pub file: String,
    /// What is wrong, with its place.
    pub what: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Concepts {
    concepts: Vec<Concept>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Slots {
    #[serde(default)]
    slots: Vec<Slot>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Questions {
    #[serde(default)]
    questions: Vec<Question>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Others {
    others: Vec<String>,
}

impl Power {
    /// Reads a power from the files of its folder: their paths inside it, with `/`, and their texts.
    pub fn read(files: &BTreeMap<String, String>) -> Result<Self, PowerError> {
        let mut power = Self::default();
        let card = files.get("POWER.md").ok_or_else(|| PowerError {
            file: "POWER.md".into(),
            what: "there is no such file; it says what the power is called".into(),
        })?;
        power.front_matter(card)?;
        for (file, text) in files {
            match file.as_str() {
                "concepts.toml" => power.concepts = parse::<Concepts>(file, text)?.concepts,
                "slots.toml" => power.slots = parse::<Slots>(file, text)?.slots,
                "questions.toml" => power.questions = parse::<Questions>(file, text)?.questions,
                "stacks/others.toml" => power.others = parse::<Others>(file, text)?.others,
                _ if file.starts_with("stacks/") && file.ends_with(".toml") => {
                    power.stacks.push(parse(file, text)?);
                }
                _ if file.starts_with("fragments/") && file.ends_with(".toml") => {
                    power.fragments.extend(super::fragments::read(file, text)?);
                }
                _ => {}
            }
        }
        power.stacks.sort_by_key(|stack| !stack.default);
        Ok(power)
    }

    /// Kiro's front matter: `name: value`, and lists in brackets.
    fn front_matter(&mut self, text: &str) -> Result<(), PowerError> {
        let body =
            text.strip_prefix("---\n").and_then(|it| it.split_once("\n---")).ok_or_else(|| {
                PowerError {
                    file: "POWER.md".into(),
                    what: "it does not begin with front matter between `---`".into(),
                }
            })?;
        for (key, value) in body.0.lines().filter_map(|line| line.split_once(':')) {
            let value = value.trim().trim_matches(['"', '\'']).to_owned();
            match key.trim() {
                "name" => self.name = value,
                "displayName" => self.title = value,
                "description" => self.description = value,
                "version" => self.version = value,
                "keywords" => {
                    let words = value.trim_matches(['[', ']']).split(',');
                    self.keywords =
                        words.map(|it| it.trim().trim_matches(['"', '\'']).to_owned()).collect();
                }
                _ => {}
            }
        }
        if self.name.is_empty() {
            let what = "its front matter has no `name`".into();
            return Err(PowerError { file: "POWER.md".into(), what });
        }
        Ok(())
    }

    /// The concept of this id.
    pub fn concept(&self, id: &str) -> Option<&Concept> {
        self.concepts.iter().find(|it| it.id == id)
    }

    /// The stack of this id.
    pub fn stack(&self, id: &str) -> Option<&Stack> {
        self.stacks.iter().find(|it| it.id == id)
    }

    /// The fragments of one kind.
    pub fn of(&self, kind: FragmentKind) -> impl Iterator<Item = &Fragment> {
        self.fragments.iter().filter(move |it| it.kind == kind)
    }
}

pub(super) fn parse<T: serde::de::DeserializeOwned>(
    file: &str,
    text: &str,
) -> Result<T, PowerError> {
    toml_edit::de::from_str(text).map_err(|error| PowerError {
        file: file.into(),
        what: error.to_string().trim_end().to_owned(),
    })
}
