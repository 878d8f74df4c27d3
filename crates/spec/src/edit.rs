//! Edits: splices that change what they mean to and no other byte.

use std::ops::Range;

use crate::document::{Document, NodeKind, State};

/// A splice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The bytes that are replaced, `[start, end)`.
    pub span: Range<usize>,
    /// What stands there.
    pub was: String,
    /// What is to stand there.
    pub now: String,
}

/// Applies changes that do not overlap.
pub fn apply(bytes: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut changes: Vec<&Change> = changes.iter().collect();
    changes.sort_by_key(|change| change.span.start);
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    for change in changes {
        out.extend_from_slice(&bytes[at..change.span.start]);
        out.extend_from_slice(change.now.as_bytes());
        at = change.span.end;
    }
    out.extend_from_slice(&bytes[at..]);
    out
}

/// Which task is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// The one with this id, as it is written.
    Id(String),
    /// The one on this line, from 1.
    Line(usize),
}

/// A task whose box is to say something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tick {
    /// Its id, if it has one.
    pub id: Option<String>,
    /// Its line, from 1.
    pub line: usize,
    /// What its box says. A task that is a heading has none: it is done when its criteria are.
    pub from: Option<State>,
    /// What it is to say.
    pub to: State,
    /// The splices; none if it is so already.
    pub changes: Vec<Change>,
}

/// Why a task cannot be ticked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TickError {
    /// No task has this id, or none stands on this line.
    Missing {
        /// The ids that there are, with their lines.
        known: Vec<(String, usize)>,
    },
    /// Several have it.
    Ambiguous {
        /// Their lines.
        lines: Vec<usize>,
    },
    /// The task has neither a box nor criteria with boxes.
    Boxless {
        /// Its line.
        line: usize,
    },
}

/// The splices that make a task's box say `to`.
pub fn tick(
    document: &Document,
    bytes: &[u8],
    which: &Which,
    to: State,
) -> Result<Tick, TickError> {
    let node = find(document, which)?;
    let task = &document.nodes[node];
    let boxes: Vec<usize> = match task.mark {
        Some(_) => vec![node],
        None => {
            let inside = document.subtree(node);
            let is_criterion = |n: &usize| document.nodes[*n].kind == NodeKind::Criterion;
            inside
                .into_iter()
                .filter(is_criterion)
                .filter(|n| document.nodes[*n].mark.is_some())
                .collect()
        }
    };
    if boxes.is_empty() {
        return Err(TickError::Boxless { line: task.line });
    }
    let states: Vec<State> = boxes.iter().filter_map(|n| document.nodes[*n].state).collect();
    let same = states.iter().all(|state| *state == states[0]);
    let changes = boxes.iter().filter_map(|n| change(document, bytes, *n, to)).collect();
    let from = if same { Some(states[0]) } else { Some(State::Doing) };
    Ok(Tick { id: task.id.clone(), line: task.line, from, to, changes })
}

fn change(document: &Document, bytes: &[u8], node: usize, to: State) -> Option<Change> {
    let node = &document.nodes[node];
    let at = node.mark.filter(|_| node.state != Some(to))?;
    let was = char::from(*bytes.get(at)?);
    Some(Change { span: at..at + 1, was: was.into(), now: to.mark().into() })
}

/// The node of the task that is meant: a task, or anything else with a box.
pub fn find(document: &Document, which: &Which) -> Result<usize, TickError> {
    let tickable = |n: &usize| {
        let node = &document.nodes[*n];
        node.mark.is_some() || node.kind == NodeKind::Task
    };
    let all: Vec<usize> = (0..document.nodes.len()).filter(tickable).collect();
    let found: Vec<usize> = match which {
        Which::Id(id) => {
            let named = |n: &&usize| document.nodes[**n].id.as_deref() == Some(id);
            all.iter().filter(named).copied().collect()
        }
        Which::Line(line) => {
            // The line may be any of the node's own.
            let owner = line.checked_sub(1).and_then(|line| document.owners.get(line));
            all.iter().filter(|n| Some(*n) == owner).copied().collect()
        }
    };
    match found.as_slice() {
        [one] => Ok(*one),
        [] => {
            let known = |n: &usize| {
                let node = &document.nodes[*n];
                node.id.clone().map(|id| (id, node.line))
            };
            Err(TickError::Missing { known: all.iter().filter_map(known).collect() })
        }
        many => {
            let lines = many.iter().map(|n| document.nodes[*n].line).collect();
            Err(TickError::Ambiguous { lines })
        }
    }
}
