//! `specie spec`: specs, plans and tasks as files.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use specie_engine::{File, FileError, form};
use specie_spec::{Document, NodeKind, State, TickError, Which, tick};

use crate::fail::Fail;
use crate::out;

/// See `specie spec --help`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  specie spec read .kiro/specs/billing/tasks.md\n  specie spec tick .kiro/specs/billing/tasks.md 1.2 --state done"
)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
    /// One JSON document on stdout.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum What {
    /// Shows what a file consists of.
    #[command(after_help = "Examples:\n  specie spec read requirements.md --json")]
    Read {
        /// A file of Kiro's or SmartSpec's.
        file: PathBuf,
    },
    /// Writes a file, put together from its nodes, to stdout: byte for byte what was read.
    #[command(after_help = "Examples:\n  specie spec print tasks.md | cmp - tasks.md")]
    Print {
        /// A file of Kiro's or SmartSpec's.
        file: PathBuf,
    },
    /// Ticks a task, and changes nothing else in its file.
    #[command(
        after_help = "Examples:\n  specie spec tick tasks.md 1.2 --state done\n  specie spec tick tasks.md --line 17 --state doing"
    )]
    Tick(TickArguments),
}

#[derive(Args)]
struct TickArguments {
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
enum Box {
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

/// Does it.
pub fn run(arguments: &Arguments) -> Result<(), Fail> {
    match &arguments.what {
        What::Read { file } => {
            let file = open(file)?;
            if arguments.json {
                return out::json(&form::read(&file));
            }
            show(&file.document)
        }
        What::Print { file } => {
            let file = open(file)?;
            out::bytes(&file.document.print(&file.bytes, |_| true))
        }
        What::Tick(what) => tick_task(what, arguments.json),
    }
}

fn open(path: &std::path::Path) -> Result<File, Fail> {
    File::open(path).map_err(wrong)
}

fn wrong(error: FileError) -> Fail {
    match error {
        FileError::Io { done: "written", .. } | FileError::Changed(_) => {
            Fail::Failed(error.to_string())
        }
        _ => Fail::Input(error.to_string()),
    }
}

fn show(document: &Document) -> Result<(), Fail> {
    let kinds = (document.dialect.as_str(), document.kind.as_str());
    out::say(format!("{} {}, {}", kinds.0, kinds.1, out::count(document.lines.len(), "line")))?;
    let mut depths = vec![0; document.nodes.len()];
    for (n, node) in document.nodes.iter().enumerate().skip(1) {
        depths[n] = node.parent.map_or(0, |parent| depths[parent]) + 1;
        if matches!(node.kind, NodeKind::Prose | NodeKind::Code) {
            continue;
        }
        let parts = [
            Some(node.kind.as_str().to_owned()),
            node.id.clone(),
            node.state.map(|state| format!("[{}]", state.mark())),
            node.text.lines().next().map(|text| text.chars().take(80).collect()),
        ];
        let words: Vec<String> = parts.into_iter().flatten().filter(|it| !it.is_empty()).collect();
        let indent = "  ".repeat(depths[n]);
        out::say(format!("{:5} {indent}{}", node.line, words.join(" ")))?;
    }
    Ok(())
}

fn tick_task(arguments: &TickArguments, json: bool) -> Result<(), Fail> {
    let file = open(&arguments.file)?;
    let which = match (&arguments.id, arguments.line) {
        (_, Some(line)) => Which::Line(line),
        (id, None) => Which::Id(id.clone().unwrap_or_default()),
    };
    let path = arguments.file.display();
    let ticked = tick(&file.document, &file.bytes, &which, arguments.state.into())
        .map_err(|error| Fail::Input(refusal(&error, &which, &path)))?;
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
