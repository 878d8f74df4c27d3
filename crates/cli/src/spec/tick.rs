//! `specie spec tick`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use specie_engine::{File, FileError, form, root_of};
use specie_spec::{State, Tick, TickError, Which, find, tick};

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

/// How often a file is read anew that somebody else has changed meanwhile.
const TRIES: usize = 20;

/// Ticks a task. Of ticks at the same time each is made, one after the other.
pub fn tick_task(arguments: &Arguments, json: bool) -> Result<(), Fail> {
    inside(&arguments.file)?;
    for _ in 1..TRIES {
        match once(arguments)? {
            Some(done) => return told(arguments, done, json),
            None => continue,
        }
    }
    Err(wrong(FileError::Changed(arguments.file.clone())))
}

/// A tick that was made: the file before and after.
type Done = (File, Tick, Vec<u8>);

/// Ticks it, if nobody else writes meanwhile.
fn once(arguments: &Arguments) -> Result<Option<Done>, Fail> {
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
        match file.replace(&after) {
            Err(FileError::Changed(_)) => return Ok(None),
            written => written.map_err(wrong)?,
        }
    }
    Ok(Some((file, ticked, after)))
}

/// That a link does not lead out of the project: what lies there is none of its tasks.
fn inside(path: &Path) -> Result<(), Fail> {
    let named = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let folder = named.parent().unwrap_or(Path::new("/"));
    let root = std::fs::canonicalize(root_of(folder));
    match (std::fs::canonicalize(&named), root) {
        (Ok(real), Ok(root)) if path.is_symlink() && !real.starts_with(&root) => {
            Err(Fail::Input(format!(
                "`{}` is a link to `{}`, outside of `{}`; nothing was written\n\nhint: name the file itself",
                path.display(),
                real.display(),
                root.display()
            )))
        }
        _ => Ok(()),
    }
}

fn told(arguments: &Arguments, (file, ticked, after): Done, json: bool) -> Result<(), Fail> {
    if json {
        return out::json(&form::tick(&file, &ticked, &after));
    }
    let path = arguments.file.display();
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
