//! `specie spec`: specs, plans and tasks as files.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use specie_engine::{File, FileError, Repository, Spec, form, full, specs};
use specie_spec::check::{Input, check};
use specie_spec::progress::{Progress, TaskProgress, progress};
use specie_spec::trace::{Dangling, Trace, trace};
use specie_spec::{
    Diagnostic, Document, NodeKind, Rule, Severity, State, TickError, Which, rules, tick,
};

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
    /// Checks the specs under a folder: wording, ids, references, the order of tasks.
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

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// With the lines they are about, and how to mend them.
    Full,
    /// One line each.
    Concise,
    /// One JSON document.
    Json,
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
        What::Check { path, format } => {
            check_specs(path, if arguments.json { Format::Json } else { *format })
        }
        What::Rule { name } => explain(name.as_deref(), arguments.json),
        What::Trace { path } => show_trace(path, arguments.json),
        What::Status { path } => show_status(path, arguments.json),
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

fn found_at(path: &Path) -> Result<Vec<Spec>, Fail> {
    let specs = specs(path).map_err(wrong)?;
    if specs.iter().all(|spec| spec.files.is_empty()) {
        return Err(Fail::Input(format!(
            "there is no spec in `{}`\n\nhint: a spec is a folder with `requirements.md` or `spec.md`, `design.md` and `tasks.md`",
            path.display()
        )));
    }
    Ok(specs)
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

fn check_specs(path: &Path, format: Format) -> Result<(), Fail> {
    let specs = found_at(path)?;
    let files = || specs.iter().flat_map(|spec| &spec.files);
    let mut found: Vec<Diagnostic> =
        specs.iter().flat_map(|spec| with_inputs(spec, check)).collect();
    if path.is_file() {
        found.retain(|it| Path::new(&it.path).file_name() == path.file_name());
    }
    let is_bad = found.iter().any(|it| it.rule.severity != Severity::Advice);
    match format {
        Format::Json => out::json(&form::check(files(), &found))?,
        Format::Concise => found.iter().try_for_each(|it| out::say(concise(it)))?,
        Format::Full => {
            let coloured =
                std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            for it in &found {
                let file = files().find(|file| file.path.display().to_string() == it.path);
                let bytes = file.map(|file| file.bytes.as_slice()).unwrap_or_default();
                out::say(format!("{}\n", full(it, bytes, coloured)))?;
            }
            let count = |severity| found.iter().filter(|it| it.rule.severity == severity).count();
            out::say(format!(
                "{}: {}, {}, {} of advice",
                out::count(files().count(), "file"),
                out::count(count(Severity::Error), "error"),
                out::count(count(Severity::Warning), "warning"),
                out::count(count(Severity::Advice), "piece"),
            ))?;
        }
    }
    if is_bad { Err(Fail::Found) } else { Ok(()) }
}

/// `tasks.md:3:5: error[dangling-reference]: …`
fn concise(it: &Diagnostic) -> String {
    let Diagnostic { path, line, column, rule, message, .. } = it;
    format!("{path}:{line}:{column}: {}[{}]: {message}", rule.severity.as_str(), rule.name)
}

fn explain(name: Option<&str>, json: bool) -> Result<(), Fail> {
    let form = |rule: &Rule| {
        json!({
            "rule": rule.name, "severity": rule.severity.as_str(), "what": rule.what,
            "why": rule.why, "bad": rule.bad, "good": rule.good,
        })
    };
    let Some(name) = name else {
        if json {
            return out::json(&rules::ALL.iter().map(|rule| form(rule)).collect::<Vec<_>>());
        }
        return rules::ALL.iter().try_for_each(|rule| {
            out::say(format!("{:28} {:8} {}", rule.name, rule.severity.as_str(), rule.what))
        });
    };
    let rule = rules::named(name).ok_or_else(|| {
        Fail::Input(format!("there is no rule `{name}`\n\nhint: `specie spec rule` lists them"))
    })?;
    if json {
        return out::json(&form(rule));
    }
    let (what, why, bad, good) = (rule.what, rule.why, rule.bad, rule.good);
    out::say(format!(
        "{} ({})\n\n{what} {why}\n\n  not: {bad}\n  but: {good}",
        rule.name,
        rule.severity.as_str()
    ))
}

fn show_status(path: &Path, json: bool) -> Result<(), Fail> {
    let specs = found_at(path)?;
    let [spec] = specs.as_slice() else {
        let all: Vec<_> = specs.iter().map(|spec| spec.folder.display().to_string()).collect();
        return Err(Fail::Input(format!(
            "`{}` holds {} specs, expected one\n\nhint: name one of {}",
            path.display(),
            specs.len(),
            all.join(", ")
        )));
    };
    let repository = Repository::around(&spec.folder);
    let made = |path: &str| repository.was_made(path);
    let tasks: Vec<TaskProgress> = with_inputs(spec, |inputs| {
        inputs.iter().flat_map(|input| progress(input, &made)).collect()
    });
    if json {
        out::json(&form::status(spec, repository.commit().as_deref(), &tasks))?;
    } else {
        for it in &tasks {
            let id = it.id.as_deref().unwrap_or("?");
            let (progress, why) = (it.progress.as_str(), it.because.join("; "));
            out::say(format!("{id:8} {progress:13} {}\n{:23}{why}", it.title, ""))?;
        }
        let done = tasks.iter().filter(|it| it.mark == Some(State::Done)).count();
        out::say(format!("{done} of {} ticked", out::count(tasks.len(), "task")))?;
    }
    match tasks.iter().any(|it| it.progress == Progress::Contradicted) {
        true => Err(Fail::Found),
        false => Ok(()),
    }
}

fn show_trace(path: &Path, json: bool) -> Result<(), Fail> {
    let specs = found_at(path)?;
    let traces: Vec<_> = specs.iter().map(|spec| (spec, with_inputs(spec, trace))).collect();
    if json {
        out::json(&form::trace(&traces))?;
    } else {
        for (spec, trace) in &traces {
            show_one(spec, trace)?;
        }
    }
    let whole =
        |trace: &Trace| trace.dangling.is_empty() && trace.covered() == trace.criteria.len();
    if traces.iter().all(|(_, trace)| whole(trace)) { Ok(()) } else { Err(Fail::Found) }
}

fn show_one(spec: &Spec, trace: &Trace) -> Result<(), Fail> {
    let (covered, all) = (trace.covered(), out::count(trace.criteria.len(), "criterion"));
    let all = all.replace("criterions", "criteria");
    let tasks = out::count(trace.tasks.len(), "task");
    out::say(format!(
        "{}: {covered} of {all} named by tasks, {} of {tasks} naming criteria",
        spec.folder.display(),
        trace.traced()
    ))?;
    for it in &trace.criteria {
        let id = it.ordinal.as_deref().or(it.id.as_deref()).unwrap_or("?");
        let tasks = if it.tasks.is_empty() { "no task".into() } else { it.tasks.join(", ") };
        out::say(format!("  {id:8} {tasks}"))?;
    }
    trace.dangling.iter().try_for_each(|it| {
        let Dangling { path, line, kind, text } = it;
        out::say(format!("  {path}:{line}: there is no {} {text}", kind.as_str()))
    })
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
