//! `specie spec`: specs, plans and tasks as files.

mod amend;
mod approve;
mod approvers;
mod check;
mod desk;
mod gate;
mod key;
mod ledger;
mod make;
mod new;
mod now;
mod powers;
mod prompt;
mod record;
mod show;
mod sold;
mod status;
mod sync;
mod terminal;
mod tick;
mod trace;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use specie_engine::ledger::{Standing, approvals};
use specie_engine::make::{Action, Writing};
use specie_engine::{File, FileError, Recorded, Spec, form, specs_and_skipped};
use specie_spec::approval::Level;
use specie_spec::check::Input;

use check::Format;

use crate::fail::Fail;
use crate::out;

/// All commands, as one screen shows them.
const HELP: &str = "\
Specs, plans and tasks as files: from a sentence to finished work that is proven

{usage-heading} {usage}

Make     new        a spec of a sentence, and the catalog of its prices
         amend      a change of a spec: new criteria, other bytes as they are
         plan       milestones, critical path, people, risks
         tasks      tasks of an approved spec, with data model, OpenAPI and test plan
         prompt     what a coding agent is given to carry them out
Look     check      what is wrong; `rule` explains each finding
         trace      which tasks are for which criteria
         status     how far each phase and task is, and what to do next
         read       a file as a tree; `print` puts it together again
Do       tick       a task's box
         record     a command for a task, kept as evidence
         sync       plan and tasks in line with the spec
Approve  approve    a spec, plan or task; `approvers` says who may, `ledger` who did
Powers   powers     what the engine knows of domains

With every command: --json for one JSON document on stdout, --help for all it takes.

Examples:
  specie spec new \"Add subscription billing so users can pay monthly\"
  specie spec check";

/// See `specie spec --help`.
#[derive(Args)]
#[command(help_template = HELP)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
    /// One JSON document on stdout.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum What {
    /// Makes a spec of a sentence.
    #[command(
        aliases = ["generate_spec", "generate_spec_v4", "smartspec_generate_spec", "smartspec_generate_spec_v4"],
        after_help = "Examples:\n  specie spec new \"Add subscription billing so users can pay monthly\"\n  specie spec new \"Sell Basic at $5 and Pro at $10 a month\" --defaults\n\nExit code 2 when no power covers it, 3 with --strict when a word was not understood."
    )]
    New(new::Arguments),
    /// Changes an existing spec: new criteria with new numbers, other bytes as they are.
    #[command(
        after_help = "Examples:\n  specie spec amend specs/feature/spec-001-payment-system \"Add PayPal\"\n\nWhat the spec leaves out on purpose is asked about first."
    )]
    Amend(amend::Arguments),
    /// Makes the plan of a spec: milestones, critical path, people, risks.
    #[command(
        aliases = ["generate_plan", "generate_plan_v4", "smartspec_generate_plan", "smartspec_generate_plan_v4"],
        after_help = "Examples:\n  specie spec plan .kiro/specs/subscription-billing"
    )]
    Plan(make::Arguments),
    /// Makes the tasks of an approved spec, and README, data model, OpenAPI and test plan beside them.
    #[command(
        aliases = ["generate_tasks", "generate_tasks_v4", "smartspec_generate_tasks", "smartspec_generate_tasks_v4"],
        after_help = "Examples:\n  specie spec tasks .kiro/specs/subscription-billing\n  specie spec tasks --draft --nogenerate"
    )]
    Tasks(make::Arguments),
    /// Makes the prompt by which a coding agent carries out the tasks.
    #[command(
        aliases = ["generate_kilo_prompt", "generate_kilo_prompt_v4", "smartspec_generate_kilo_prompt", "smartspec_generate_kilo_prompt_v4"],
        after_help = "Examples:\n  specie spec prompt .kiro/specs/subscription-billing --budget 60000"
    )]
    Prompt(prompt::Arguments),
    /// Shows what differs between a spec, its plan and its tasks, and brings them in line.
    #[command(
        aliases = ["sync_spec_tasks", "sync_spec_tasks_v4", "smartspec_sync_spec_tasks", "smartspec_sync_spec_tasks_v4"],
        after_help = "Examples:\n  specie spec sync\n  specie spec sync .kiro/specs/subscription-billing --apply\n\nExit code 3 with --check when something differs."
    )]
    Sync(sync::Arguments),
    /// What the engine knows of domains.
    #[command(
        subcommand,
        after_help = "Examples:\n  specie spec powers list\n  specie spec powers lint examples/powers/accounts"
    )]
    Powers(powers::What),
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
    /// Shows how far each phase and task is, what speaks for or against its tick, and what to do.
    #[command(
        aliases = ["verify_tasks_progress", "verify_tasks_progress_v4", "smartspec_verify_tasks_progress", "smartspec_verify_tasks_progress_v4"],
        after_help = "Examples:\n  specie spec status .kiro/specs/billing\n  specie spec status specs/feature/spec-001-billing --write\n\nExit code 3 when a tick is contradicted."
    )]
    Status(status::Arguments),
    /// Runs a command for a task, and keeps how it ended as evidence.
    #[command(
        after_help = "Examples:\n  specie spec record T001 -- cargo test billing\n  specie spec record 1.2 .kiro/specs/billing\n\nExit code 1 when the command failed; that is kept, too."
    )]
    Record(record::Arguments),
    /// Shows which tasks are for which criteria, and what points nowhere.
    #[command(
        after_help = "Examples:\n  specie spec trace .kiro/specs/billing\n\nExit code 3 when a criterion has no task or a reference points nowhere."
    )]
    Trace {
        /// A folder, or a file of a spec.
        #[arg(default_value = ".")]
        path: PathBuf,
    },
    /// Shows what is to be approved, asks, and signs the answer into the ledger.
    #[command(
        after_help = "Examples:\n  specie spec approve .kiro/specs/billing --level spec\n  specie spec approve .kiro/specs/billing --task 1.2\n  specie spec approve .kiro/specs/billing --mode per-file\n  specie spec approve .kiro/specs/billing --show --json"
    )]
    Approve(approve::Arguments),
    /// Lists who may approve, and lets somebody in or out.
    #[command(
        after_help = "Examples:\n  specie spec approvers\n  specie spec approvers key\n  specie spec approvers add ada --levels spec,plan,task"
    )]
    Approvers(approvers::Arguments),
    /// Lists what was decided, by whom, and checks that nobody has tampered with it.
    #[command(after_help = "Examples:\n  specie spec ledger\n  specie spec ledger verify")]
    Ledger(ledger::Arguments),
}

/// Does it.
pub fn run(arguments: &Arguments) -> Result<(), Fail> {
    match &arguments.what {
        What::New(what) => new::run(what, arguments.json),
        What::Amend(what) => amend::run(what, arguments.json),
        What::Sync(what) => sync::run(what, arguments.json),
        What::Plan(what) => make::plan(what, arguments.json),
        What::Tasks(what) => make::tasks(what, arguments.json),
        What::Prompt(what) => prompt::run(what, arguments.json),
        What::Powers(what) => powers::run(what, arguments.json),
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
        What::Approve(what) => approve::approve(what, arguments.json),
        What::Approvers(what) => approvers::run(what, arguments.json),
        What::Ledger(what) => ledger::run(what, arguments.json),
        What::Status(what) => status::show_status(what, arguments.json),
        What::Record(what) => record::record_task(what, arguments.json),
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
    let (specs, skipped) = specs_and_skipped(path).map_err(wrong)?;
    for (folder, why) in skipped {
        eprintln!("warning: `{}` cannot be read, and is left out: {why}", folder.display());
    }
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

/// The one spec at `path`.
fn one_at(path: &Path) -> Result<Spec, Fail> {
    let mut specs = found_at(path)?;
    match specs.len() {
        1 => Ok(specs.remove(0)),
        _ => Err(several(path, &specs)),
    }
}

/// Its folder, as a command line names it.
fn folder_of(spec: &Spec) -> String {
    let folder = spec.folder.display().to_string();
    let folder = folder.trim_start_matches("./").trim_end_matches('/');
    if folder.is_empty() { ".".into() } else { folder.into() }
}

/// Says what is not believed among the evidence.
fn warn_of(recorded: &Recorded) {
    for it in &recorded.rejected {
        eprintln!("warning: `{}`: {}", it.path, it.message);
    }
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

/// That there are several specs where one is expected.
fn several(path: &Path, specs: &[Spec]) -> Fail {
    let all: Vec<_> = specs.iter().map(|spec| spec.folder.display().to_string()).collect();
    Fail::Input(format!(
        "`{}` holds {} specs, expected one\n\nhint: name one of {}",
        path.display(),
        specs.len(),
        all.join(", ")
    ))
}

/// Whether a level of a spec is approved.
struct Approved {
    is_approved: bool,
    /// Why not, in a few words.
    why: String,
}

fn approved(root: &Path, folder: &str, level: Level) -> Result<Approved, Fail> {
    let specs = found_at(&root.join(folder))?;
    let [spec] = specs.as_slice() else { return Err(several(&root.join(folder), &specs)) };
    let all = approvals(spec).map_err(wrong)?;
    let why = match all.of(level) {
        _ if all.damaged => "the ledger is damaged".to_owned(),
        Standing::Approved { .. } => return Ok(Approved { is_approved: true, why: String::new() }),
        Standing::Lapsed { since, .. } => format!("it was, and lapsed: {}", since.join("; ")),
        Standing::Never | Standing::Absent => "nobody has approved it".to_owned(),
    };
    Ok(Approved { is_approved: false, why })
}

/// How a level of a spec stands.
fn standing(place: &make::Place, level: Level) -> Result<Standing, Fail> {
    let path = place.root.join(&place.folder);
    let specs = found_at(&path)?;
    let [spec] = specs.as_slice() else { return Err(several(&path, &specs)) };
    Ok(approvals(spec).map_err(wrong)?.of(level).clone())
}

/// Says what happened to a file.
fn tell_writing(one: &Writing, dry: bool) -> Result<(), Fail> {
    let what = match (dry, one.action) {
        (_, Action::Unchanged) => "unchanged",
        (true, _) => "would write",
        (false, Action::Created) => "created",
        (false, Action::Replaced) => "replaced",
        (false, Action::Beside) => "beside",
    };
    out::say(format!("{what:12} {}", one.path))?;
    let Some(before) = &one.before else { return Ok(()) };
    let lines = specie_spec::diff::diff(before.as_bytes(), one.text.as_bytes());
    let changed = specie_spec::diff::unified(&lines);
    out::say(changed.trim_end())
}
