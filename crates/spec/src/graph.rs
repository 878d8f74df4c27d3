//! The waves in which tasks are to be done, as Kiro writes them: a block of JSON under `Task
//! Dependency Graph`.
//!
//! Read are `{"waves": [{"id": 0, "tasks": ["1.1"]}]}`, lists of names in place of the objects, and a
//! bare list of lists. Any other form says nothing here.

use std::ops::Range;

use crate::NodeKind;
use crate::check::Input;
use crate::json::{self, Broken, Data, Value};

/// The names of the tasks of a wave, and where they stand, in bytes of the file.
pub(crate) type Wave = Vec<(String, Range<usize>)>;

/// The waves of a file, in the order in which they are written; none if it has no graph of a form that
/// is known. Also the node that they stand in.
pub(crate) fn waves(file: &Input<'_>) -> Option<(usize, Vec<Wave>)> {
    let mut found = blocks(file).filter_map(|n| Some((n, read(file, n)?)));
    found.next().filter(|_| found.next().is_none())
}

/// The first block that is to be such a graph and is no JSON, and what is wrong with it.
pub(crate) fn broken(file: &Input<'_>) -> Option<(usize, Broken)> {
    blocks(file).find_map(|n| {
        let inside = inside(file, n)?;
        let text = std::str::from_utf8(&file.bytes[inside.clone()]).ok()?;
        let is_meant = text.trim_start().starts_with('{') && text.contains("\"waves\"");
        let error = json::parse(file.bytes, inside).err().filter(|_| is_meant)?;
        Some((n, error))
    })
}

fn blocks<'f>(file: &'f Input<'_>) -> impl Iterator<Item = usize> + use<'f> {
    let nodes = file.document.nodes.iter().enumerate();
    let is_graph = |node: &crate::Node| {
        node.kind == NodeKind::Graph
            || node.kind == NodeKind::Code && node.text.contains("\"waves\"")
    };
    nodes.filter(move |(_, node)| is_graph(node)).map(|(n, _)| n)
}

/// What stands between the fences, up to its last bracket.
fn inside(file: &Input<'_>, node: usize) -> Option<Range<usize>> {
    let own = file.document.own(node);
    let first = file.document.lines[file.document.nodes[node].line - 1].end;
    let inside = file.bytes.get(first..own.end)?;
    let end = inside.iter().rposition(|byte| matches!(byte, b'}' | b']'))?;
    Some(first..first + end + 1)
}

fn read(file: &Input<'_>, node: usize) -> Option<Vec<Wave>> {
    let value = json::parse(file.bytes, inside(file, node)?).ok()?;
    let list = value.get("waves").unwrap_or(&value).list();
    let waves: Option<Vec<Wave>> = list.iter().map(wave).collect();
    waves.filter(|waves| !waves.is_empty())
}

fn wave(value: &Value) -> Option<Wave> {
    let list = match &value.data {
        Data::Map(_) => value.get("tasks")?,
        _ => value,
    };
    let Data::List(list) = &list.data else { return None };
    list.iter().map(|it| Some((it.words()?.to_owned(), it.span.clone()))).collect()
}
