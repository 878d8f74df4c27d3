//! `specie spec record`.

mod ask;
mod run;

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use specie_engine::{Recorded, Repository, evidence, fingerprint, form, progress};
use specie_spec::progress::{
    CountsAs, Ended, Evidence, Task, TaskProgress, Verdict, tasks, visible,
};

use super::now::Now;
use super::{folder_of, one_at, warn_of, with_inputs, wrong};
use crate::fail::Fail;
use crate::out;
use run::{Ran, run};

#[derive(Args)]
/// See `specie spec record --help`.
pub struct Arguments {
    /// The task's id, as it is written.
    id: String,
    /// The folder of its spec, or the file with the tasks.
    #[arg(default_value = ".")]
    path: PathBuf,
    /// The file with the tasks, instead of a path.
    #[arg(long, value_name = "FILE", conflicts_with = "path")]
    task_file: Option<PathBuf>,
    /// Runs the task's own validation without asking.
    #[arg(long, conflicts_with = "command")]
    run_validation: bool,
    #[command(flatten)]
    now: Now,
    /// What is run, without a shell, in the root of the repository; without one, the task's own
    /// validation is shown and asked for.
    #[arg(last = true)]
    command: Vec<String>,
}

/// What is to be run, and what it is for.
struct Run {
    words: Vec<String>,
    command: String,
    counts_as: CountsAs,
}

/// Runs a command for a task, or the task's validation, and keeps how each ended.
pub fn record_task(arguments: &Arguments, json: bool) -> Result<(), Fail> {
    let path = arguments.task_file.as_ref().unwrap_or(&arguments.path);
    let spec = one_at(path)?;
    let repository = Repository::around(&spec.folder);
    let name = repository.name_of(&spec.folder);
    let task = with_inputs(&spec, tasks);
    let task = find(&task, &arguments.id, path)?;
    let runs = runs(arguments, task, &repository)?;
    let mut entries = Vec::new();
    for run in &runs {
        let before = Recorded::of(&repository).for_spec(&name);
        let started = moment(arguments.now.get()?, &before, task.name());
        let entry = carry_out(run, (&name, started), task, &repository)?;
        let stored = evidence::record(&repository, &entry).map_err(wrong)?;
        let is_good = entry.verdict() == Verdict::Good;
        entries.push((stored, entry));
        if !is_good {
            break;
        }
    }
    let recorded = Recorded::of(&repository);
    warn_of(&recorded);
    let of_spec = recorded.for_spec(&name);
    let all = with_inputs(&spec, |inputs| progress(&repository, inputs, &of_spec));
    let Some(now) = all.iter().find(|it| (&it.task.path, it.task.line) == (&task.path, task.line))
    else {
        return Err(Fail::Failed("the task is gone".into()));
    };
    match json {
        true => out::json(&form::record(&folder_of(&spec), &entries, now, &recorded))?,
        false => tell(&entries, now)?,
    }
    ended(&entries, runs.len())
}

/// The task of this id; of several files the named one.
fn find<'a>(tasks: &'a [Task], id: &str, path: &std::path::Path) -> Result<&'a Task, Fail> {
    let here = |it: &&Task| {
        path.is_dir() || std::path::Path::new(&it.path).file_name() == path.file_name()
    };
    let known: Vec<&Task> = tasks.iter().filter(here).collect();
    let found: Vec<&&Task> = known.iter().filter(|it| it.id.as_deref() == Some(id)).collect();
    let path = path.display();
    match found.as_slice() {
        [one] => Ok(one),
        [] if known.is_empty() => {
            Err(Fail::Input(format!("`{path}` has no tasks, expected one with the id `{id}`")))
        }
        [] => {
            let all: Vec<_> = known
                .iter()
                .take(20)
                .map(|it| format!("{} (line {})", it.name(), it.line))
                .collect();
            let more = if known.len() > 20 { ", …" } else { "" };
            let all = all.join(", ");
            Err(Fail::Input(format!(
                "`{path}` has no task with the id `{id}`\n\nhint: it has {all}{more}"
            )))
        }
        many => {
            let lines: Vec<_> = many.iter().map(|it| format!("{}:{}", it.path, it.line)).collect();
            Err(Fail::Input(format!(
                "the id `{id}` stands {} times in `{path}`\n\nhint: give each an id of its own: {}",
                lines.len(),
                lines.join(", ")
            )))
        }
    }
}

/// What is to be run: what was typed, else the task's validation, if it may be.
fn runs(arguments: &Arguments, task: &Task, repository: &Repository) -> Result<Vec<Run>, Fail> {
    if !arguments.command.is_empty() {
        if arguments.command[0].trim().is_empty() {
            return Err(Fail::Input("the command is empty, and would prove nothing".into()));
        }
        let (counts_as, command) = task.typed(&arguments.command);
        return Ok(vec![Run { words: arguments.command.clone(), command, counts_as }]);
    }
    if task.validations.is_empty() {
        let id = task.name();
        return Err(Fail::Input(format!(
            "task {id} has no validation, expected a command to run\n\nhint: specie spec record {id} -- COMMAND"
        )));
    }
    ask::ask(task, repository.root(), arguments.run_validation)?;
    let run = |command: &String| Run {
        words: ["sh", "-c", command].map(Into::into).into(),
        command: command.clone(),
        counts_as: CountsAs::Validation,
    };
    Ok(task.validations.iter().map(run).collect())
}

/// The time, and later than what was recorded for the task before: clocks differ, and the order of
/// entries must not.
fn moment(now: Timestamp, before: &[Evidence], task: &str) -> String {
    let form = |time: Timestamp| time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
    let last = before.iter().filter(|it| it.task == task).map(|it| it.started.as_str()).max();
    let next = last
        .and_then(|it| it.parse::<Timestamp>().ok())
        .and_then(|it| it.checked_add(jiff::SignedDuration::from_millis(1)).ok());
    form(next.map_or(now, |next| next.max(now)))
}

fn carry_out(
    it: &Run,
    (spec, started): (&str, String),
    task: &Task,
    repository: &Repository,
) -> Result<Evidence, Fail> {
    // What the command has seen: it may change what is there.
    let of = fingerprint(repository, task);
    let (commit, dirty) = (repository.commit(), repository.is_dirty());
    let Ran { ended, ran_tests, duration_ms, output } = run(&it.words, repository.root())?;
    let output_bytes = output.bytes();
    Ok(Evidence {
        spec: spec.into(),
        task: task.name().into(),
        of,
        command: it.command.clone(),
        counts_as: it.counts_as,
        ended,
        ran_tests,
        started,
        duration_ms,
        output_sha256: output.hex(),
        output_bytes,
        commit,
        dirty,
    })
}

fn tell(entries: &[(String, Evidence)], now: &TaskProgress) -> Result<(), Fail> {
    for (path, it) in entries {
        let seconds = format!("{}.{:03} s", it.duration_ms / 1000, it.duration_ms % 1000);
        let (command, ended) = (visible(&it.command), it.ended);
        out::say(format!("`{command}` {ended} after {seconds}\n  {path}"))?;
    }
    let (name, progress) = (now.task.name(), now.progress.as_str());
    out::say(format!("{name} is {progress}: {}", now.because.join("; ")))
}

/// Exit code 1 unless every command proved something.
fn ended(entries: &[(String, Evidence)], wanted: usize) -> Result<(), Fail> {
    let Some((_, last)) = entries.last() else { return Ok(()) };
    let command = visible(&last.command);
    let left = match wanted - entries.len() {
        0 => String::new(),
        n => format!("; {} after it not run", out::count(n, "command")),
    };
    match (last.verdict(), last.ended) {
        (Verdict::Good, _) => Ok(()),
        (Verdict::Empty, _) => {
            Err(Fail::Failed(format!("`{command}` ran no test, and proves nothing{left}")))
        }
        (Verdict::Failed, Ended::Code(_) | Ended::Signal(_)) => {
            Err(Fail::Failed(format!("`{command}` {}{left}", last.ended)))
        }
    }
}
