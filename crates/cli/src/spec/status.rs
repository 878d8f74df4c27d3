//! `specie spec status`.

mod write;

use std::path::PathBuf;

use clap::Args;
use specie_engine::{Recorded, Repository, form, progress};
use specie_spec::State;
use specie_spec::progress::{
    Advice, Blocker, Phase, Progress, TaskProgress, advice, blockers, phases, visible,
};

use super::now::Now;
use super::{folder_of, one_at, warn_of, with_inputs};
use crate::fail::Fail;
use crate::out;

#[derive(Args)]
/// See `specie spec status --help`.
pub struct Arguments {
    /// The folder of a spec, or a file of it.
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Writes `progress-report-YYYYMMDD.md` beside the tasks, and brings the marks of their table of
    /// phases up to date.
    #[arg(long)]
    write: bool,
    #[command(flatten)]
    now: Now,
}

/// Shows how far the tasks of a spec are.
pub fn show_status(arguments: &Arguments, json: bool) -> Result<(), Fail> {
    let spec = one_at(&arguments.path)?;
    let repository = Repository::around(&spec.folder);
    let recorded = Recorded::of(&repository);
    warn_of(&recorded);
    let evidence = recorded.for_spec(&repository.name_of(&spec.folder));
    let tasks = with_inputs(&spec, |inputs| progress(&repository, inputs, &evidence));
    let phases = with_inputs(&spec, |inputs| phases(inputs, &tasks));
    let folder = folder_of(&spec);
    let blockers = blockers(&tasks, &phases, &folder);
    let advice = advice(&tasks, &phases, &blockers, &folder);
    let written = match arguments.write {
        true => {
            let name = repository.name_of(&spec.folder);
            Some(write::write(&spec, &name, &tasks, &phases, arguments.now.get()?)?)
        }
        false => None,
    };
    if json {
        out::json(&form::status(&form::Status {
            spec: spec.folder.display().to_string(),
            commit: repository.commit(),
            tasks: &tasks,
            phases: &phases,
            blockers: &blockers,
            advice: &advice,
            recorded: &recorded,
            written,
        }))?;
    } else {
        show_tasks(&tasks, &phases)?;
        show_next(&blockers, &advice)?;
        show_totals(&tasks)?;
        for (path, what) in written.into_iter().flatten() {
            out::say(format!("{path}: {what}"))?;
        }
    }
    match tasks.iter().any(|it| it.progress == Progress::Contradicted) {
        true => Err(Fail::Found),
        false => Ok(()),
    }
}

fn show_tasks(tasks: &[TaskProgress], phases: &[Phase]) -> Result<(), Fail> {
    let mut shown = None;
    for it in tasks {
        let is_its = |phase: &&Phase| {
            it.task.phase.as_ref() == Some(&phase.id) && phase.path == it.task.path
        };
        let phase = phases.iter().find(is_its);
        if let Some(phase) = phase.filter(|phase| shown != Some((&phase.path, &phase.id))) {
            show_phase(phase)?;
            shown = Some((&phase.path, &phase.id));
        }
        let (name, title) = (visible(it.task.name()), visible(&it.task.title));
        let (progress, why) = (it.progress.as_str(), visible(&it.because.join("; ")));
        out::say(format!("{name:8} {progress:13} {title}\n{:23}{why}", ""))?;
    }
    Ok(())
}

fn show_phase(phase: &Phase) -> Result<(), Fail> {
    let (name, title, state) = (phase.name(), visible(&phase.title), phase.state().words());
    let (complete, all) = (phase.complete, out::count(phase.tasks.len(), "task"));
    let verified = phase.verified;
    out::say(format!("{name}: {title}\n{state}, {complete} of {all} complete, {verified} verified"))
}

fn show_next(blockers: &[Blocker], advice: &[Advice]) -> Result<(), Fail> {
    if !blockers.is_empty() {
        out::say("\nBlockers")?;
    }
    for it in blockers {
        let waiting = if it.impact.is_empty() { "no task".into() } else { it.impact.join(", ") };
        let [id, why, action] = [&it.id, &it.why, &it.action].map(|text| visible(text));
        let waiting = visible(&waiting);
        out::say(format!("  {id}: {why}\n    waiting for it: {waiting}\n    {action}"))?;
    }
    if !advice.is_empty() {
        out::say("\nRecommendations")?;
    }
    for (n, it) in advice.iter().enumerate() {
        let command = it.command.as_ref().map(|it| format!("\n     {}", visible(it)));
        out::say(format!("  {}. {}{}", n + 1, visible(&it.text), command.unwrap_or_default()))?;
    }
    out::say("")
}

fn show_totals(tasks: &[TaskProgress]) -> Result<(), Fail> {
    let done = tasks.iter().filter(|it| it.task.mark == Some(State::Done)).count();
    let of = |progress| tasks.iter().filter(|it| it.progress == progress).count();
    let all = Progress::ALL.iter().map(|it| (of(*it), it.as_str())).filter(|(n, _)| *n > 0);
    let all: Vec<_> = all.map(|(n, name)| format!("{n} {name}")).collect();
    let told = if all.is_empty() { String::new() } else { format!(": {}", all.join(", ")) };
    out::say(format!("{done} of {} ticked{told}", out::count(tasks.len(), "task")))
}
