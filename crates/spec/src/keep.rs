//! Completed tasks, which no change of a spec rewrites.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::merge::{Conflict, merge, unticked};
use crate::{Change, Dialect, Document, Kind, NodeKind, State, read};

/// Tasks without parts that are done: their ids, and the bytes that belong to them. A task without a box
/// is done when all boxes in it are.
pub fn completed(document: &Document) -> Vec<(String, Range<usize>)> {
    let is_done = |n: &usize| {
        let node = &document.nodes[*n];
        let own = document.nodes[document.subtree(*n)].iter().filter_map(|it| it.state);
        let states: Vec<State> = node.state.map_or_else(|| own.collect(), |it| vec![it]);
        !states.is_empty() && states.iter().all(|it| *it == State::Done)
    };
    let named = |n: usize| {
        let node = &document.nodes[n];
        (node.id.clone().unwrap_or_default(), node.span.clone())
    };
    leaves(document).filter(is_done).map(named).collect()
}

/// The tasks that have no tasks as parts.
fn leaves(document: &Document) -> impl Iterator<Item = usize> {
    let is_task = |n: &usize| document.nodes[*n].kind == NodeKind::Task;
    (0..document.nodes.len())
        .filter(is_task)
        .filter(move |n| !document.subtree(*n).skip(1).any(|it| is_task(&it)))
}

/// The bytes of each task of a text, by its id, without blank lines at its end. One whose id stands twice
/// is left out.
fn blocks(text: &str, dialect: Dialect, kind: Kind) -> BTreeMap<String, Range<usize>> {
    let document = read(text.as_bytes(), dialect, kind);
    let (mut all, mut twice) = (BTreeMap::new(), BTreeSet::new());
    for n in leaves(&document) {
        let node = &document.nodes[n];
        let Some(id) = node.id.clone() else { continue };
        let own = &text[node.span.clone()];
        let words = own.trim_end();
        let rest = own[words.len()..].find('\n').map_or(own.len() - words.len(), |at| at + 1);
        let block = node.span.start..node.span.start + words.len() + rest;
        if all.insert(id.clone(), block).is_some() {
            twice.insert(id);
        }
    }
    all.retain(|id, _| !twice.contains(id));
    all
}

/// What is to be written, with the completed tasks as they were written in `base`, and the ids of those
/// that would say something else. One that says it in `current` already is left as it is in `new`.
pub fn keep(
    base: &str,
    new: &str,
    current: &[u8],
    done: &BTreeSet<String>,
    (dialect, kind): (Dialect, Kind),
) -> (String, Vec<String>) {
    let (was, now) = (blocks(base, dialect, kind), blocks(new, dialect, kind));
    let current = String::from_utf8_lossy(current);
    let here = blocks(&current, dialect, kind);
    let says = |id: &String, wanted: &str| {
        let block = here.get(id).map_or("", |it| &current[it.clone()]);
        block.lines().map(unticked).eq(wanted.lines().map(unticked))
    };
    let mut places: Vec<(&String, &Range<usize>)> =
        now.iter().filter(|(id, _)| done.contains(*id)).collect();
    places.sort_by_key(|(_, place)| place.start);
    let (mut text, mut at, mut differs) = (String::new(), 0, Vec::new());
    for (id, place) in places {
        let Some(old) = was.get(id).map(|it| &base[it.clone()]) else { continue };
        if says(id, &new[place.clone()]) {
            continue;
        }
        text.push_str(&new[at..place.start]);
        text.push_str(old);
        at = place.end;
        if asks_for_more(old, &new[place.clone()]) {
            differs.push(id.clone());
        }
    }
    text.push_str(&new[at..]);
    (text, differs)
}

/// Whether a task would say something else than it says. That it is for more criteria, or may wait for
/// more tasks, is nothing else.
fn asks_for_more(was: &str, now: &str) -> bool {
    let lines = |text: &str| -> Vec<String> {
        text.lines().map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()).collect()
    };
    let (was, now) = (lines(was), lines(now));
    let grows = |line: &String, other: &String| {
        let (Some((label, old)), Some((same, new))) = (listed(line), listed(other)) else {
            return false;
        };
        let names = |text: &str| -> BTreeSet<String> {
            text.split(", ").filter(|it| *it != "None").map(str::to_owned).collect()
        };
        label == same && names(old).is_subset(&names(new))
    };
    let lost = was.iter().any(|line| !now.contains(line) && !now.iter().any(|it| grows(line, it)));
    let is_list = |line: &&String| listed(line).is_some();
    let more = now.iter().any(|line| !was.contains(line) && !is_list(&line));
    lost || more
}

/// What a task refers to: the label, and the list behind it.
fn listed(line: &str) -> Option<(&str, &str)> {
    let bare = line.trim_start_matches("- ").trim_matches(['*', '_']);
    let (label, list) = bare.split_once(':')?;
    let known = ["Requirements", "Dependencies", "Depends"].contains(&label);
    known.then(|| (label, list.trim_start_matches('*').trim()))
}

/// [`merge`], in which completed tasks that were written as they stand in `base` and `new` are not
/// touched, whatever changes around them.
pub fn merge_around(
    base: &str,
    new: &str,
    current: &[u8],
    done: &BTreeSet<String>,
    (dialect, kind): (Dialect, Kind),
) -> (Vec<Change>, Vec<Conflict>) {
    let Ok(text) = std::str::from_utf8(current) else { return merge(base, new, current) };
    let (was, now) = (blocks(base, dialect, kind), blocks(new, dialect, kind));
    let mut here: Vec<(String, Range<usize>)> =
        blocks(text, dialect, kind).into_iter().filter(|(id, _)| done.contains(id)).collect();
    here.sort_by_key(|(_, place)| place.start);
    let (mut changes, mut conflicts) = (Vec::new(), Vec::new());
    let mut from = (0, 0, 0);
    let mut between = |from: (usize, usize, usize), to: (usize, usize, usize)| {
        let (some, others) = merge(&base[from.0..to.0], &new[from.1..to.1], &current[from.2..to.2]);
        let moved = |span: Range<usize>| span.start + from.2..span.end + from.2;
        changes.extend(some.into_iter().map(|it| Change { span: moved(it.span), ..it }));
        let above = text[..from.2].matches('\n').count();
        conflicts.extend(others.into_iter().map(|it| Conflict { line: it.line + above, ..it }));
    };
    for (id, place) in here {
        let (Some(old), Some(wanted)) = (was.get(&id), now.get(&id)) else { continue };
        if old.start < from.0 || wanted.start < from.1 || base[old.clone()] != new[wanted.clone()] {
            continue;
        }
        between(from, (old.start, wanted.start, place.start));
        from = (old.end, wanted.end, place.end);
    }
    between(from, (base.len(), new.len(), current.len()));
    (changes, conflicts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply;

    const BASE: &str = "# Tasks\n\n- [ ] 1. A\n  - [ ] 1.1 One (~2h)\n    - same\n    - _Requirements: 1.1_\n  - [ ] 1.2 Two (~3h)\n    - same\n    - _Requirements: 1.2_\n";
    const FORM: (Dialect, Kind) = (Dialect::Kiro, Kind::Tasks);

    fn ids(all: &[&str]) -> BTreeSet<String> {
        all.iter().map(|it| (*it).to_owned()).collect()
    }

    #[test]
    fn a_completed_task_stays_as_it_was_written() {
        let new = BASE.replace("Two (~3h)", "Two (~4h)").replace("One", "Uno");
        let (text, differs) = keep(BASE, &new, BASE.as_bytes(), &ids(&["1.2"]), FORM);
        assert_eq!((text.as_str(), differs), (&*BASE.replace("One", "Uno"), vec!["1.2".into()]));
        let more = BASE.replace("_Requirements: 1.2_", "_Requirements: 1.2, 1.3_");
        let (text, differs) = keep(BASE, &more, BASE.as_bytes(), &ids(&["1.2"]), FORM);
        assert_eq!((text.as_str(), differs), (BASE, vec![]));
        let ticked = new.replace("[ ]", "[x]");
        let (text, differs) = keep(BASE, &new, ticked.as_bytes(), &ids(&["1.2"]), FORM);
        assert_eq!((text, differs), (new, vec![]));
    }

    #[test]
    fn what_changes_around_a_completed_task_leaves_its_bytes() {
        let current =
            BASE.replace("[ ] 1.1", "[x] 1.1").replacen("    - same\n", "    - [x] same\n", 1);
        let new = BASE[..BASE.find("  - [ ] 1.2").unwrap()].to_owned();
        let (changes, conflicts) =
            merge_around(BASE, &new, current.as_bytes(), &ids(&["1.1"]), FORM);
        let merged = String::from_utf8(apply(current.as_bytes(), &changes)).unwrap();
        assert_eq!(conflicts.len(), 0);
        assert_eq!(merged, current[..current.find("  - [ ] 1.2").unwrap()]);
    }
}
