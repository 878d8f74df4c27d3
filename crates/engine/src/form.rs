//! The JSON forms that other programs rely on, one document a call.

mod status;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use specie_spec::draft::{Draft, Page};
use specie_spec::power::Facts;
use specie_spec::trace::Trace;
use specie_spec::{Diagnostic, Node, NodeKind, Ref, Severity, State, Tick};

use crate::file::sha256;
use crate::{File, Spec};

pub use status::{Status, record, status};

/// `specie spec read --json`: `specie.spec.read/1`.
pub fn read(file: &File) -> Value {
    let document = &file.document;
    let nodes: Vec<_> = document.nodes.iter().enumerate().map(|(n, it)| node(n, it)).collect();
    json!({
        "schema": "specie.spec.read/1",
        "path": file.path.display().to_string(),
        "bytes": file.bytes.len(),
        "sha256": sha256(&file.bytes),
        "dialect": document.dialect.as_str(),
        "kind": document.kind.as_str(),
        "nodes": nodes,
        "lines": document.owners,
        "unclassified": [],
    })
}

fn node(n: usize, node: &Node) -> Value {
    let mut form = json!({
        "n": n,
        "parent": node.parent,
        "kind": node.kind.as_str(),
        "id": node.id,
        "ordinal": node.ordinal,
        "line": node.line,
        "span": [node.span.start, node.span.end],
        "state": node.state.map(State::as_str),
        "optional": node.optional,
        "refs": node.refs.iter().map(reference).collect::<Vec<_>>(),
        "text": node.text,
    });
    if node.kind == NodeKind::Criterion {
        form["ears"] = json!(specie_spec::ears::lead(&node.text).as_str());
    }
    form
}

fn reference(reference: &Ref) -> Value {
    json!({
        "kind": reference.kind.as_str(),
        "text": reference.text,
        "span": [reference.span.start, reference.span.end],
        "to": reference.to,
        "by": reference.by.as_str(),
    })
}

/// `specie spec tick --json`: `specie.spec.tick/1`. `after` is what the file holds then.
pub fn tick(file: &File, ticked: &Tick, after: &[u8]) -> Value {
    let changes: Vec<_> = ticked
        .changes
        .iter()
        .map(|it| json!({ "span": [it.span.start, it.span.end], "was": it.was, "now": it.now }))
        .collect();
    json!({
        "schema": "specie.spec.tick/1",
        "path": file.path.display().to_string(),
        "id": ticked.id,
        "line": ticked.line,
        "from": ticked.from.map(State::as_str),
        "to": ticked.to.as_str(),
        "changes": changes,
        "sha256_before": sha256(&file.bytes),
        "sha256_after": sha256(after),
    })
}

/// `specie spec check --json`: `specie.spec.check/1`.
pub fn check<'a>(files: impl IntoIterator<Item = &'a File>, found: &[Diagnostic]) -> Value {
    let files: Vec<_> = files.into_iter().map(|file| file.path.display().to_string()).collect();
    let count = |severity| found.iter().filter(|it| it.rule.severity == severity).count();
    json!({
        "schema": "specie.spec.check/1",
        "files": files,
        "diagnostics": found.iter().map(diagnostic).collect::<Vec<_>>(),
        "counts": {
            "error": count(Severity::Error),
            "warning": count(Severity::Warning),
            "advice": count(Severity::Advice),
        },
    })
}

fn diagnostic(it: &Diagnostic) -> Value {
    json!({
        "rule": it.rule.name,
        "severity": it.rule.severity.as_str(),
        "path": it.path,
        "line": it.line,
        "column": it.column,
        "span": [it.span.start, it.span.end],
        "message": it.message,
        "help": it.help,
        "id": it.id,
    })
}

/// `specie spec trace --json`: `specie.spec.trace/1`.
pub fn trace(specs: &[(&Spec, Trace)]) -> Value {
    let all: Vec<_> = specs.iter().map(|(spec, trace)| traced(spec, trace)).collect();
    let sum = |of: fn(&Trace) -> usize| specs.iter().map(|(_, trace)| of(trace)).sum::<usize>();
    json!({
        "schema": "specie.spec.trace/1",
        "specs": all,
        "totals": {
            "criteria": sum(|it| it.criteria.len()),
            "covered": sum(Trace::covered),
            "tasks": sum(|it| it.tasks.len()),
            "traced": sum(Trace::traced),
            "dangling": sum(|it| it.dangling.len()),
        },
    })
}

fn traced(spec: &Spec, trace: &Trace) -> Value {
    let dialect = spec.files.first().map_or("unknown", |file| file.document.dialect.as_str());
    let criteria: Vec<_> = trace
        .criteria
        .iter()
        .map(|it| {
            json!({
                "id": it.id, "ordinal": it.ordinal, "path": it.path, "line": it.line,
                "tasks": it.tasks, "properties": it.properties, "tests": [], "proofs": [],
            })
        })
        .collect();
    let tasks: Vec<_> = trace
        .tasks
        .iter()
        .map(|it| json!({ "id": it.id, "path": it.path, "line": it.line, "criteria": it.criteria }))
        .collect();
    let dangling: Vec<_> = trace
        .dangling
        .iter()
        .map(|it| json!({ "path": it.path, "line": it.line, "kind": it.kind.as_str(), "text": it.text }))
        .collect();
    json!({
        "spec": spec.folder.display().to_string(),
        "dialect": dialect,
        "criteria": criteria,
        "tasks": tasks,
        "dangling": dangling,
    })
}

/// The fact that there is a request at all: the cause of what stands because something was not spoken
/// of.
const REQUEST: &str = "request";

/// The facts of `specie spec new --json`: the request as a whole, then each fact; a slot with items
/// first as such, with their number.
pub fn facts(facts: &Facts, prompt: &str) -> Vec<Value> {
    use specie_spec::power::{Origin, Value as Known};
    let value = |it: &Known| match it {
        Known::Flag(it) => json!(it),
        Known::Number(it) => json!(it),
        Known::Text(it) => json!(it),
        Known::Items(it) => json!(it.len()),
    };
    let from = |it: &Origin| match it {
        Origin::Prompt(span) => json!({ "prompt": [span.start, span.end] }),
        Origin::Answer(id) => json!({ "answer": id }),
        Origin::Default(id) => json!({ "default": id }),
        Origin::Steering(path) => json!({ "steering": path }),
    };
    let form = |(name, known, origin): (String, &Known, &Origin)| json!({ "slot": name, "value": value(known), "from": from(origin) });
    let whole = Known::Text(prompt.to_owned());
    let place = Origin::Prompt(0..prompt.len());
    let all = std::iter::once((REQUEST.to_owned(), &whole, &place))
        .chain(slots(facts))
        .chain(facts.all())
        .map(form);
    all.collect()
}

/// The slots that hold items.
fn slots(facts: &Facts) -> Vec<(String, &specie_spec::power::Value, &specie_spec::power::Origin)> {
    use specie_spec::power::Value as Known;
    let names = facts.names().into_iter();
    let known = names.filter_map(|it| Some((it.to_owned(), facts.get(it)?, facts.origin(it)?)));
    known.filter(|it| matches!(it.1, Known::Items(_))).collect()
}

/// The questions of `specie spec new --json`: those that were answered, and one for each part of the
/// request that was not understood.
pub fn questions(draft: &Draft<'_>, prompt: &str) -> Vec<Value> {
    let answered = draft.answered.iter().map(|(open, answer)| {
        let options: Vec<Value> =
            open.options.iter().map(|(id, means)| json!({ "id": id, "means": means })).collect();
        json!({
            "id": open.id, "text": open.ask, "why": open.why, "options": options,
            "default": open.default, "answer": answer.text, "by": answer.by, "at": answer.at,
        })
    });
    let left = draft.unknown.iter().enumerate().map(|(n, words)| {
        json!({
            "id": format!("not-covered-{}", n + 1),
            "text": format!("What does \"{words}\" ask for?"),
            "why": format!("The power {} knows nothing of it, in \"{prompt}\".", draft.power.name),
            "options": [], "default": null, "answer": null, "by": null, "at": null,
        })
    });
    answered.chain(left).collect()
}

/// Words of a request that were not understood, with where they stand in it.
pub fn unknown((span, words): &(std::ops::Range<usize>, String)) -> Value {
    json!({ "span": [span.start, span.end], "text": words })
}

/// For each line of the pages its cause. What stands because something was not spoken of is caused by
/// the request.
pub fn causes(pages: &[(String, Page)], facts: &Facts) -> Vec<Value> {
    let mut known: BTreeSet<String> = facts.all().into_iter().map(|it| it.0).collect();
    known.extend(facts.names().into_iter().map(str::to_owned));
    let named = |it: &String| if known.contains(it) { it.clone() } else { REQUEST.to_owned() };
    let mut all = Vec::new();
    for (path, page) in pages {
        for (n, line) in page.lines.iter().enumerate() {
            all.push(json!({
                "path": path, "line": n + 1, "fragment": line.fragment,
                "facts": line.facts.iter().map(named).collect::<BTreeSet<_>>(),
            }));
        }
    }
    all
}
