//! What is wrong with a power.

use std::collections::{BTreeMap, BTreeSet};

use super::compose::compose;
use super::facts::{Facts, Origin, Value};
use super::form::{Power, Stack};
use super::fragments::{Field, Fragment, FragmentKind};
use super::quantities::{Unit, duration};
use super::texts::Texts;
use super::understand::answered;
use super::words::tokens;
use super::work::Work;

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where: `question page`, `task import-route`.
    pub place: String,
    /// What.
    pub what: String,
}

/// Everything that is wrong with a power.
pub fn lint(power: &Power) -> Vec<Fault> {
    let mut found = Vec::new();
    names(power, &mut found);
    references(power, &mut found);
    slots(power, &mut found);
    questions(power, &mut found);
    stacks(power, &mut found);
    specs(power, &mut found);
    found
}

fn fault(found: &mut Vec<Fault>, place: impl Into<String>, what: impl Into<String>) {
    let fault = Fault { place: place.into(), what: what.into() };
    if !found.contains(&fault) {
        found.push(fault);
    }
}

fn place(fragment: &Fragment) -> String {
    format!("{} {}", fragment.kind.as_str(), fragment.id)
}

/// Names that stand twice, or that conditions could not speak.
fn names(power: &Power, found: &mut Vec<Fault>) {
    let concepts = power.concepts.iter().map(|it| ("concept", it.id.as_str()));
    let slots = power.slots.iter().map(|it| ("slot", it.id.as_str()));
    let questions = power.questions.iter().map(|it| ("question", it.id.as_str()));
    let mut seen = BTreeSet::new();
    for (kind, id) in concepts.chain(slots).chain(questions) {
        if !seen.insert(id) {
            fault(found, format!("{kind} {id}"), "its name stands twice");
        }
        let plain = id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !plain || matches!(id, "it" | "file" | "not_wanted" | "request" | "stack" | "") {
            fault(
                found,
                format!("{kind} {id}"),
                "its name is not made of small letters, digits and `_`, or is one of the engine's",
            );
        }
    }
    let mut seen = BTreeSet::new();
    for fragment in &power.fragments {
        if !seen.insert((fragment.kind, fragment.id.as_str())) {
            fault(found, place(fragment), "its id stands twice");
        }
    }
    if !power.concepts.iter().any(|it| it.core) {
        fault(found, "concepts", "none has `core = true`, so that no text is covered");
    }
}

/// Ids that lead nowhere.
fn references(power: &Power, found: &mut Vec<Fault>) {
    let ids = |kind| power.of(kind).map(|it| it.id.as_str()).collect::<BTreeSet<_>>();
    let (requirements, criteria) = (ids(FragmentKind::Requirement), ids(FragmentKind::Criterion));
    let (tasks, areas) = (ids(FragmentKind::Task), ids(FragmentKind::Area));
    let tables: BTreeSet<&str> = power.of(FragmentKind::Table).map(|it| it.text("name")).collect();
    for concept in &power.concepts {
        for other in concept.implies.iter().chain(&concept.excludes) {
            if power.concept(other).is_none() {
                fault(
                    found,
                    format!("concept {}", concept.id),
                    format!("there is no concept `{other}`"),
                );
            }
        }
    }
    for fragment in &power.fragments {
        let mut points = |to: &BTreeSet<&str>, id: &str, what: &str| {
            if !to.contains(id) {
                fault(found, place(fragment), format!("there is no {what} `{id}`"));
            }
        };
        match fragment.kind {
            FragmentKind::Criterion => points(&requirements, fragment.text("under"), "requirement"),
            FragmentKind::Part => points(&tasks, fragment.text("under"), "task"),
            FragmentKind::Task => points(&areas, fragment.text("area"), "area"),
            FragmentKind::Column | FragmentKind::Index | FragmentKind::Relation => {
                points(&tables, fragment.text("table"), "table");
            }
            _ => {}
        }
        fragment.list("criteria").iter().for_each(|it| points(&criteria, it, "criterion"));
        fragment.list("verifies").iter().for_each(|it| points(&requirements, it, "requirement"));
        if !fragment.each.is_empty() && !power.slots.iter().any(|it| it.id == fragment.each) {
            fault(
                found,
                place(fragment),
                format!("`each` names `{}`, which is no slot", fragment.each),
            );
        }
    }
}

/// Slots whose units or longest interval cannot be read.
fn slots(power: &Power, found: &mut Vec<Fault>) {
    for slot in &power.slots {
        let place = format!("slot {}", slot.id);
        for unit in slot.units.iter().filter(|it| !Unit::ALL.iter().any(|u| u.as_str() == *it)) {
            fault(found, &place, format!("`{unit}` is no unit of time, such as `month`"));
        }
        if !slot.longest.is_empty() && duration(&tokens(&slot.longest), 0).is_none() {
            fault(found, &place, format!("`{}` is no duration, such as `3 years`", slot.longest));
        }
    }
}

/// Questions whose default is no answer, or that fill nothing.
fn questions(power: &Power, found: &mut Vec<Fault>) {
    for question in &power.questions {
        let place = format!("question {}", question.id);
        match (&question.slot, question.options.is_empty()) {
            (None, true) => fault(found, place, "it has neither options nor a slot"),
            (None, false) if !question.options.iter().any(|it| it.id == question.default) => {
                fault(
                    found,
                    place,
                    format!("its default `{}` is none of its options", question.default),
                );
            }
            (Some(slot), _) => {
                let form = power.slots.iter().find(|it| it.id == *slot);
                let Some(form) = form else {
                    fault(found, place, format!("there is no slot `{slot}`"));
                    continue;
                };
                if answered(form, &question.default).is_none() {
                    fault(
                        found,
                        place,
                        format!("its default `{}` cannot be read", question.default),
                    );
                }
            }
            _ => {}
        }
    }
}

/// Files and commands that a stack does not know.
fn stacks(power: &Power, found: &mut Vec<Fault>) {
    for stack in &power.stacks {
        for name in &stack.every_task {
            let what = match stack.commands.get(name) {
                None => format!("it has no command `{name}`, which `every_task` names"),
                Some(it) if it.contains("{{") => {
                    format!("`{name}` needs an argument, and `every_task` has none")
                }
                Some(_) => continue,
            };
            fault(found, format!("stack {}", stack.id), what);
        }
        for task in power.of(FragmentKind::Task) {
            let files = task.tables("create").into_iter().chain(task.tables("edit"));
            for file in files.filter_map(|it| it.get("file").and_then(Field::as_text)) {
                if !stack.files.contains_key(file) {
                    fault(
                        found,
                        format!("stack {}", stack.id),
                        format!("it has no file `{file}`, which {} names", place(task)),
                    );
                }
            }
            for run in task.list("run") {
                let name = run.split(':').next().unwrap_or(run);
                if !stack.commands.contains_key(name) {
                    fault(
                        found,
                        format!("stack {}", stack.id),
                        format!("it has no command `{name}`, which {} runs", place(task)),
                    );
                }
            }
        }
    }
}

/// Composes a spec for each concept by itself and for all together, and for each option.
fn specs(power: &Power, found: &mut Vec<Fault>) {
    for facts in samples(power, found) {
        for stack in power.stacks.iter().map(Some).chain([None]) {
            if let Err((place, what)) = one(power, &facts, stack) {
                fault(found, place, what);
            }
        }
    }
}

fn one(power: &Power, facts: &Facts, stack: Option<&Stack>) -> Result<(), (String, String)> {
    let files = stack.map(|it| it.files.clone()).unwrap_or_else(|| every_file(power));
    let wrong =
        |error: super::compose::ComposeError| (format!("fragment {}", error.id), error.what);
    let pieces = compose(power, facts, &files).map_err(wrong)?;
    Work::of(&pieces, &[], &BTreeMap::new()).map_err(wrong)?;
    Ok(())
}

/// Abstract files under their own names, for where no stack says better.
fn every_file(power: &Power) -> BTreeMap<String, String> {
    let all = power.stacks.iter().flat_map(|it| it.files.keys());
    all.map(|it| (it.clone(), it.clone())).collect()
}

fn samples(power: &Power, found: &mut Vec<Fault>) -> Vec<Facts> {
    let core = power.concepts.iter().filter(|it| it.core);
    let mut wanted: Vec<BTreeSet<&str>> =
        core.clone().map(|it| BTreeSet::from([it.id.as_str()])).collect();
    for concept in power.concepts.iter().filter(|it| !it.core) {
        wanted.extend(core.clone().map(|it| BTreeSet::from([it.id.as_str(), concept.id.as_str()])));
    }
    wanted.push(power.concepts.iter().map(|it| it.id.as_str()).collect());
    let mut all = Vec::new();
    for wanted in wanted {
        let deepest = power.questions.iter().map(|it| it.options.len()).max().unwrap_or(1).max(1);
        for option in 0..deepest {
            match sample(power, &wanted, option) {
                Ok(facts) => all.push(facts),
                Err((place, what)) => fault(found, place, what),
            }
        }
    }
    all
}

/// The facts of a text that wants these, with each question answered by its nth option, or its
/// default.
fn sample(power: &Power, wanted: &BTreeSet<&str>, nth: usize) -> Result<Facts, (String, String)> {
    let from = || Origin::Prompt(0..0);
    let mut facts = Facts::default();
    let mut waiting: Vec<&str> = wanted.iter().copied().collect();
    while let Some(id) = waiting.pop() {
        if !facts.wants(id) {
            facts.add(id, Value::Flag(true), from());
            waiting.extend(
                power.concept(id).into_iter().flat_map(|it| it.implies.iter().map(String::as_str)),
            );
        }
    }
    for question in &power.questions {
        let texts = Texts::new(power, &facts, &BTreeMap::new());
        let place = format!("question {}", question.id);
        if !texts.holds(&question.when, None).map_err(|what| (place, what))?.0 {
            continue;
        }
        if let Some(slot) = power.slots.iter().find(|it| Some(&it.id) == question.slot.as_ref()) {
            if let Some(value) = answered(slot, &question.default) {
                facts.add(&slot.id, value, from());
            }
        } else if let Some(option) = question.options.get(nth).or(question.options.first()) {
            facts.add(&question.id, Value::Text(option.id.clone()), from());
        }
    }
    Ok(facts)
}
