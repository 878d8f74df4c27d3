//! Making specs of texts in memory, for tests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use specie_engine::make::{Which, asked, pages};
use specie_engine::{Given, Locked, Tree, power_in};
use specie_spec::draft::Page;
use specie_spec::power::{Answer, Around, Power, Value};

/// The shipped power.
pub fn billing() -> Power {
    power_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../powers/stripe-billing")).unwrap()
}

/// What a spec of a text consists of.
pub struct Spec {
    /// What was settled.
    pub locked: Locked,
    /// The facts by name, without where they are from.
    pub facts: BTreeMap<String, String>,
    /// Words that were not understood.
    pub unknown: Vec<String>,
    /// The pages, by path.
    pub pages: BTreeMap<String, Page>,
}

/// The spec of a text, with these answers and otherwise the defaults.
pub fn spec(power: &Power, tree: Tree, text: &str, given: &[(&str, &str)]) -> Spec {
    let text = text.trim().to_owned();
    let answer = |text: &str, by_default| Answer {
        text: text.into(),
        by: "Ada".into(),
        at: "2026-01-31T09:30:00Z".into(),
        by_default,
    };
    let mut answers: BTreeMap<String, Answer> =
        given.iter().map(|(id, text)| ((*id).to_owned(), answer(text, false))).collect();
    let asked = loop {
        let (_, asked) =
            asked(power, std::slice::from_ref(&text), &answers, &Around::default()).unwrap();
        let Some(open) = &asked.open else { break asked };
        let default = open.default.clone().unwrap_or_else(|| panic!("{open:?}"));
        answers.insert(open.id.clone(), answer(&default, true));
    };
    let mut locked = Locked {
        power: power.name.clone(),
        dialect: tree.as_str().into(),
        requests: vec![text],
        answers: answers.iter().map(|(id, it)| (id.clone(), Given::from(it))).collect(),
        id: if tree == Tree::Kiro { String::new() } else { "SPEC-001".into() },
        version: "1.0.0".into(),
        status: "DRAFT".into(),
        created: "2026-01-31".into(),
        updated: "2026-01-31".into(),
        ..Locked::default()
    };
    let made = locked.make(power, "A", "2026-01-31 09:30").unwrap();
    locked.settle(&made.draft);
    let shown = |it: &Value| match it {
        Value::Text(text) => text.clone(),
        other => format!("{other:?}"),
    };
    let all = [Which::Spec, Which::Plan, Which::Tasks].into_iter();
    let all = all.flat_map(|which| pages(&made.draft, tree, "s", which)).collect();
    Spec {
        facts: asked.facts.all().into_iter().map(|(name, value, _)| (name, shown(value))).collect(),
        unknown: made.draft.unknown.clone(),
        pages: all,
        locked,
    }
}

impl Spec {
    /// The text of a page.
    pub fn text(&self, path: &str) -> String {
        self.pages.get(path).unwrap_or_else(|| panic!("{path} of {:?}", self.pages.keys())).text()
    }

    /// All fragments that stand in it.
    pub fn fragments(&self) -> BTreeSet<&str> {
        self.pages.values().flat_map(|it| &it.lines).map(|it| it.fragment.as_str()).collect()
    }
}

impl Spec {
    /// What `check` finds in its files: path, line and rule.
    pub fn findings(&self) -> Vec<String> {
        let texts: Vec<(String, String)> =
            self.pages.keys().map(|it| (it.clone(), self.text(it))).collect();
        findings(&texts, &texts)
    }
}

/// What `check` finds in the files of a spec that were written as `made`.
pub fn findings(texts: &[(String, String)], made: &[(String, String)]) -> Vec<String> {
    let read: Vec<(String, &str, specie_spec::Document)> = texts
        .iter()
        .filter(|(path, _)| path.ends_with(".md") || path.ends_with("openapi.yaml"))
        .filter(|(path, _)| !path.ends_with("README.md"))
        .map(|(path, text)| {
            let (dialect, kind) = specie_spec::detect(&format!("/specs/{path}"), text.as_bytes());
            (path.clone(), text.as_str(), specie_spec::read(text.as_bytes(), dialect, kind))
        })
        .collect();
    let inputs: Vec<specie_spec::check::Input<'_>> = read
        .iter()
        .map(|(path, text, document)| specie_spec::check::Input {
            path,
            bytes: text.as_bytes(),
            document,
        })
        .collect();
    let mut found = specie_spec::check::check(&inputs);
    for input in &inputs {
        let named = ["requirements.md", "design.md", "spec.md"];
        if named.iter().any(|it| input.path.ends_with(it))
            && let Some((_, base)) = made.iter().find(|(path, _)| path == input.path)
        {
            found.extend(specie_spec::check::drift(input, base));
        }
    }
    found
        .iter()
        .map(|it| format!("{}:{} {}: {}", it.path, it.line, it.rule.name, it.message))
        .collect()
}
