//! `specie spec`: specs, plans and tasks as files.

mod check;
mod show;
mod status;
mod tick;
mod trace;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use specie_engine::{File, FileError, Spec, form, specs};
use specie_spec::check::Input;

use check::Format;

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
    Tick(tick::Arguments),
    /// Checks the specs under a folder: wording, ids, references, tasks, totals, steering, the index.
    #[command(
        after_help = "Examples:\n  specie spec check\n  specie spec check .kiro/specs/billing --format concise\n\nExit code 3 when there is an error or a warning; `specie spec rule` explains each."
    )]
    Check {
        /// A folder, or a file of a spec.
        #[arg(default_value = ".")]
        path: PathBuf,
        /// How findings are shown.
        #[arg(long, value_enum, default_value = "full")]
        format: Format,
    },
    /// Explains a rule of `check`, or lists them all.
    #[command(after_help = "Examples:\n  specie spec rule\n  specie spec rule vague-word")]
    Rule {
        /// Its name.
        name: Option<String>,
    },
    /// Shows how far each task is, and what speaks for or against its tick.
    #[command(
        after_help = "Examples:\n  specie spec status .kiro/specs/billing\n\nExit code 3 when a tick is contradicted."
    )]
    Status {
        /// The folder of a spec, or a file of it.
        #[arg(default_value = ".")]
        path: PathBuf,
    },
    /// Shows which tasks are for which criteria, and what points nowhere.
    #[command(
        after_help = "Examples:\n  specie spec trace .kiro/specs/billing\n\nExit code 3 when a criterion has no task or a reference points nowhere."
    )]
    Trace {
        /// A folder, or a file of a spec.
        #[arg(default_value = ".")]
        path: PathBuf,
    },
}

/// Does it.
pub fn run(arguments: &Arguments) -> Result<(), Fail> {
    match &arguments.what {
        What::Read { file } => {
            let file = open(file)?;
            if arguments.json {
                return out::json(&form::read(&file));
            }
            show::show(&file.document)
        }
        What::Print { file } => {
            let file = open(file)?;
            out::bytes(&file.document.print(&file.bytes, |_| true))
        }
        What::Tick(what) => tick::tick_task(what, arguments.json),
        What::Check { path, format } => {
            check::check_specs(path, if arguments.json { Format::Json } else { *format })
        }
        What::Rule { name } => check::explain(name.as_deref(), arguments.json),
        What::Trace { path } => trace::show_trace(path, arguments.json),
        What::Status { path } => status::show_status(path, arguments.json),
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

fn found_at(path: &Path) -> Result<Vec<Spec>, Fail> {
    let specs = specs(path).map_err(wrong)?;
    if specs.iter().all(|spec| spec.files.is_empty()) {
        return Err(none_at(path));
    }
    Ok(specs)
}

fn none_at(path: &Path) -> Fail {
    Fail::Input(format!(
        "there is no spec in `{}`\n\nhint: a spec is a folder with `requirements.md` or `spec.md`, `design.md` and `tasks.md`",
        path.display()
    ))
}

/// The files of a spec, as the checks take them.
fn with_inputs<T>(spec: &Spec, work: impl FnOnce(&[Input<'_>]) -> T) -> T {
    let paths: Vec<String> = spec.files.iter().map(|it| it.path.display().to_string()).collect();
    let inputs: Vec<Input<'_>> = spec
        .files
        .iter()
        .zip(&paths)
        .map(|(file, path)| Input { path, bytes: &file.bytes, document: &file.document })
        .collect();
    work(&inputs)
}
