//! The completed tasks of a spec, as they stand on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use specie_spec::draft::Done;
use specie_spec::keep::completed;
use specie_spec::{Document, Node, NodeKind, RefKind, detect, read};

use crate::{Base, FileError, Locked};

/// The tasks of a spec that are completed in its file now, by their pieces' ids, as they were written
/// last. Tasks that were not made of a piece are nobody's but the author's, and left out.
pub fn done(
    root: &Path,
    folder: &str,
    locked: &Locked,
) -> Result<BTreeMap<String, Done>, FileError> {
    let path = format!("{folder}/tasks.md");
    let Some(last) = locked.files.get(&path).map(Base::text) else { return Ok(BTreeMap::new()) };
    let full = root.join(&path);
    let current = match std::fs::read(&full) {
        Ok(current) => current,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(FileError::Io { path: full, done: "read", error }),
    };
    let (dialect, kind) = detect(&format!("/{path}"), &current);
    let ticked: BTreeSet<String> =
        completed(&read(&current, dialect, kind)).into_iter().map(|(id, _)| id).collect();
    if ticked.is_empty() {
        return Ok(BTreeMap::new());
    }
    let names: BTreeMap<String, String> =
        locked.task_names().into_iter().map(|(id, name)| (name, id)).collect();
    let areas = areas(locked);
    let document = read(last.as_bytes(), dialect, kind);
    let tasks = document.nodes.iter().enumerate().filter(|(_, it)| it.kind == NodeKind::Task);
    let known = tasks.filter_map(|(n, node)| {
        let name = node.id.as_ref().filter(|it| ticked.contains(*it))?;
        let id = names.get(name)?;
        let area = areas.get(id.as_str()).copied().unwrap_or_default();
        Some((id.clone(), written(&document, n, area, &names)))
    });
    Ok(known.collect())
}

/// The area of each task.
fn areas(locked: &Locked) -> BTreeMap<&str, &str> {
    let phases = locked.phases.iter();
    phases.flat_map(|(area, ids)| ids.iter().map(move |id| (id.as_str(), area.as_str()))).collect()
}

fn written(document: &Document, n: usize, area: &str, names: &BTreeMap<String, String>) -> Done {
    let node = &document.nodes[n];
    let is_phase = |it: &&Node| matches!(it.kind, NodeKind::Phase | NodeKind::Task);
    let above = std::iter::successors(node.parent, |it| document.nodes[*it].parent);
    let phase = above.map(|it| &document.nodes[it]).find(is_phase);
    let phase = phase.map(|it| it.text.split(" (").next().unwrap_or_default());
    let phase = phase.map(|it| it.split_once(": ").map_or(it, |(_, title)| title));
    let refs = document.nodes[document.subtree(n)].iter().flat_map(|it| &it.refs);
    let after = refs.filter(|it| it.kind == RefKind::Task).filter_map(|it| names.get(&it.text));
    let (title, hours) = node.text.rsplit_once(" (~").unwrap_or((&node.text, ""));
    Done {
        area: area.into(),
        phase: phase.unwrap_or_default().into(),
        title: title.into(),
        hours: hours.split_once('h').and_then(|(number, _)| number.parse().ok()),
        after: after.cloned().collect(),
    }
}
