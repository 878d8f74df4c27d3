//! Endpoints: what criteria, designs and descriptions in OpenAPI name, and what tasks make.
//!
//! Of OpenAPI the plain form is read: in YAML, a path two blanks in, its methods four.

use std::collections::HashSet;
use std::ops::Range;

use super::{Input, finding};
use crate::diagnostic::Diagnostic;
use crate::things::{Kind, Thing, endpoint, quoted};
use crate::work::Work;
use crate::{NodeKind, rules};

/// Whether a file describes endpoints in OpenAPI.
pub(super) fn is_api(file: &Input<'_>) -> bool {
    file.path.ends_with("openapi.yaml")
}

/// Endpoints that are named, where tasks make endpoints and none makes these; and those that a task makes
/// and `apis`, if there are any, do not describe.
pub(super) fn check(
    files: &[Input<'_>],
    apis: &[Input<'_>],
    works: &[Work<'_>],
    found: &mut Vec<Diagnostic>,
) {
    let jobs = || works.iter().flat_map(|work| &work.jobs);
    let is_endpoint = |it: &&Thing| it.kind == Kind::Endpoint;
    let made: Vec<&Thing> = jobs().flat_map(|job| &job.makes).filter(is_endpoint).collect();
    if made.is_empty() {
        return;
    }
    let given = jobs().flat_map(|job| &job.needs).filter(is_endpoint).filter(|it| it.given);
    let known: HashSet<&str> = made.into_iter().chain(given).map(|it| it.key.as_str()).collect();
    for file in files.iter().filter(|file| !file.document.kind.has_tasks()) {
        told(file, &known, found);
    }
    let described: Vec<_> = apis.iter().flat_map(|api| Some((api, described(api)?))).collect();
    for (api, all) in &described {
        for (name, span) in all.iter().filter(|(name, _)| !is_known(name, &known)) {
            unknown(api, 0, (name, span.clone()), found);
        }
    }
    let all: HashSet<String> =
        described.iter().flat_map(|(_, all)| all).filter_map(|(name, _)| endpoint(name)).collect();
    if !all.is_empty() {
        files.iter().zip(works).for_each(|(file, work)| lacking(file, work, &all, found));
    }
}

fn is_known(name: &str, known: &HashSet<&str>) -> bool {
    endpoint(name).is_none_or(|it| known.contains(it.as_str()))
}

/// Endpoints between backticks.
fn told(file: &Input<'_>, known: &HashSet<&str>, found: &mut Vec<Diagnostic>) {
    for (n, node) in file.document.nodes.iter().enumerate() {
        let is_told = node.text.contains('`')
            && !matches!(node.kind, NodeKind::Code | NodeKind::Graph | NodeKind::Validation);
        let own = file.document.own(n);
        let Some(text) = std::str::from_utf8(&file.bytes[own.clone()]).ok().filter(|_| is_told)
        else {
            continue;
        };
        for span in quoted(text).into_iter().filter(|it| !is_known(&text[it.clone()], known)) {
            let name = &text[span.clone()];
            unknown(file, n, (name, own.start + span.start..own.start + span.end), found);
        }
    }
}

fn unknown(
    file: &Input<'_>,
    node: usize,
    (name, span): (&str, Range<usize>),
    found: &mut Vec<Diagnostic>,
) {
    let message = format!("no task makes the endpoint `{name}`");
    let node = &file.document.nodes[node];
    found.push(finding(file, node, &rules::NO_ENDPOINT, Some(span), message));
}

/// Endpoints that a task makes and no description has.
fn lacking(file: &Input<'_>, work: &Work<'_>, all: &HashSet<String>, found: &mut Vec<Diagnostic>) {
    for job in &work.jobs {
        let own = job.makes.iter().filter(|it| it.kind == Kind::Endpoint);
        for thing in own.filter(|it| !all.contains(&it.key)) {
            let message =
                format!("task {} makes {}, which openapi.yaml lacks", job.name, thing.shown());
            let (node, span) = (&file.document.nodes[job.node], Some(thing.span.clone()));
            found.push(finding(file, node, &rules::NO_ENDPOINT, span, message));
        }
    }
}

/// The endpoints of a description in their order, each with the place of its path; none when it is no
/// text.
fn described(api: &Input<'_>) -> Option<Vec<(String, Range<usize>)>> {
    let text = std::str::from_utf8(api.bytes).ok()?;
    let (mut all, mut at) = (Vec::new(), 0);
    let (mut inside, mut path) = (false, None);
    for line in text.split_inclusive('\n') {
        let from = at;
        at += line.len();
        let Some((blanks, key)) = key_of(line) else { continue };
        match (blanks, &path) {
            (0, _) => (inside, path) = (key == "paths", None),
            (2, _) if inside => {
                let start = from + line.find(key).unwrap_or(0);
                path = Some((key, start..start + key.len()));
            }
            (4, Some((path, span))) => all.push((format!("{key} {path}"), span.clone())),
            _ => {}
        }
    }
    Some(all)
}

/// How far a line's key stands in, and the key without quotes.
fn key_of(line: &str) -> Option<(usize, &str)> {
    let inner = line.trim_start_matches(' ');
    let key = inner.trim_end().split(" #").next()?.trim_end();
    let key = key.strip_suffix(':').or_else(|| key.split_once(": ").map(|(key, _)| key))?;
    let key = key.trim_matches(['"', '\'']);
    (!key.starts_with('#')).then_some((line.len() - inner.len(), key))
}
