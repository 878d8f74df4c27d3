//! `specie spec tick`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use specie_engine::form;
use specie_spec::{State, TickError, Which, find, tick};

use super::{gate, open, wrong};
use crate::fail::Fail;
use crate::out;

#[derive(Args)]
/// See `specie spec tick --help`.
pub struct Arguments {
    /// The file with the tasks.
    file: PathBuf,
    /// The task's id, as it is written.
    #[arg(required_unless_present = "line")]
    id: Option<String>,
    /// The task's line instead, from 1.
    #[arg(long, conflicts_with = "id", value_name = "N")]
    line: Option<usize>,
    /// What its box is to say.
    #[arg(long)]
    state: Box,
}

#[derive(Clone, Copy, ValueEnum)]
/// What a box says.
pub enum Box {
    Done,
    Open,
    Doing,
    Queued,
}

impl From<Box> for State {
    fn from(state: Box) -> Self {
        match state {
            Box::Done => Self::Done,
            Box::Open => Self::Open,
            Box::Doing => Self::Doing,
            Box::Queued => Self::Queued,
        }
    }
}

/// Ticks a task.
pub fn tick_task(arguments: &Arguments, json: bool) -> Result<(), Fail> {
    let file = open(&arguments.file)?;
    let which = match (&arguments.id, arguments.line) {
        (_, Some(line)) => Which::Line(line),
        (id, None) => Which::Id(id.clone().unwrap_or_default()),
    };
    let path = arguments.file.display();
    let ticked = tick(&file.document, &file.bytes, &which, arguments.state.into())
        .map_err(|error| Fail::Input(refusal(&error, &which, &path)))?;
    if ticked.to == State::Done && !ticked.changes.is_empty() {
        let node = find(&file.document, &which);
        node.map_or(Ok(()), |node| gate::before_done(&file, node))?;
    }
    let after = file.with(&ticked.changes);
    if !ticked.changes.is_empty() {
        file.replace(&after).map_err(wrong)?;
    }
    if json {
        return out::json(&form::tick(&file, &ticked, &after));
    }
    let name = ticked.id.as_deref().map(|id| format!("task {id} ")).unwrap_or_default();
    let told = match ticked.changes.len() {
        0 => "is so already".to_owned(),
        n => format!("{} ({} changed)", ticked.to.as_str(), out::count(n, "byte")),
    };
    out::say(format!("{path}:{}: {name}{told}", ticked.line))
}

fn refusal(error: &TickError, which: &Which, path: &impl std::fmt::Display) -> String {
    let asked = match which {
        Which::Id(id) => format!("the id `{id}`"),
        Which::Line(line) => format!("line {line}"),
    };
    match error {
        TickError::Missing { known } if known.is_empty() => {
            format!("`{path}` has no tasks, expected one with {asked}")
        }
        TickError::Missing { known } => {
            let all: Vec<_> =
                known.iter().take(20).map(|(id, line)| format!("{id} (line {line})")).collect();
            let more = if known.len() > 20 { ", …" } else { "" };
            format!("`{path}` has no task with {asked}\n\nhint: it has {}{more}", all.join(", "))
        }
        TickError::Ambiguous { lines } => {
            let lines: Vec<_> = lines.iter().map(ToString::to_string).collect();
            format!(
                "{asked} stands {} times in `{path}`\n\nhint: name one by `--line`: {}",
                lines.len(),
                lines.join(", ")
            )
        }
        TickError::Boxless { line } => {
            format!("the task at `{path}:{line}` has neither a box nor criteria with boxes")
        }
    }
}
