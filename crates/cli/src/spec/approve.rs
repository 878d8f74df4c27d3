//! `specie spec approve`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use specie_engine::ledger::entry::{Mode, Scope, What};
use specie_engine::ledger::{Subject, approvals_in, form, named, task_file};
use specie_engine::{Spec, ledger};
use specie_spec::approval;
use specie_spec::diff::{diff, unified, visible};

use super::desk::{Decision, Desk, told};
use super::one_at;
use crate::fail::Fail;
use crate::out;

/// See `specie spec approve --help`.
#[derive(Args)]
pub struct Arguments {
    /// The folder of a spec, or a file of it.
    path: PathBuf,
    /// What is approved; else what the file that is named belongs to, and of a folder the spec.
    #[arg(long, value_enum)]
    level: Option<Level>,
    /// One task with its parts, by its id.
    #[arg(long, value_name = "ID")]
    task: Option<String>,
    /// Decides instead what steps ask for from now on.
    #[arg(long, value_enum, conflicts_with_all = ["level", "task", "by_rule", "show"])]
    mode: Option<ModeName>,
    /// Records that nobody looked: allowed in mode auto alone.
    #[arg(long, conflicts_with = "show")]
    by_rule: bool,
    /// Only shows what is approved.
    #[arg(long, conflicts_with_all = ["level", "task"])]
    show: bool,
}

/// What is approved in one go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Level {
    /// requirements.md, bugfix.md, design.md, spec.md
    Spec,
    /// plan.md
    Plan,
    /// tasks.md, apart from what its boxes say
    Task,
}

/// What steps ask for.
#[derive(Clone, Copy, ValueEnum)]
pub enum ModeName {
    /// Nothing
    Auto,
    /// An approval of each task
    PerTask,
    /// That, and an approval of each file that a task has left
    PerFile,
}

impl From<Level> for approval::Level {
    fn from(level: Level) -> Self {
        match level {
            Level::Spec => Self::Spec,
            Level::Plan => Self::Plan,
            Level::Task => Self::Task,
        }
    }
}

impl From<ModeName> for Mode {
    fn from(mode: ModeName) -> Self {
        match mode {
            ModeName::Auto => Self::Auto,
            ModeName::PerTask => Self::PerTask,
            ModeName::PerFile => Self::PerFile,
        }
    }
}

/// Shows what is to be approved, asks, and records the answer.
pub fn approve(arguments: &Arguments, json: bool) -> Result<(), Fail> {
    let spec = one_at(&arguments.path)?;
    let desk = Desk::at(&spec.folder)?;
    if arguments.show {
        return show(&desk, &spec, json);
    }
    if let Some(mode) = arguments.mode {
        return set_mode(&desk, mode.into(), json);
    }
    let subject = subject(arguments, &desk, &spec)?;
    let name = name_of(&subject);
    let standing = desk.ledger.standing(&subject, &desk.text());
    if standing.is_by_person() || (arguments.by_rule && standing.is_approved()) {
        return already(&desk, &standing, &name, json);
    }
    let what = What::Approval(subject.approval());
    let texts: Vec<&[u8]> = subject.files.iter().filter_map(|(_, text)| text.as_deref()).collect();
    if arguments.by_rule {
        let mode = desk.ledger.auto(&subject.spec).ok_or_else(|| not_auto(&desk, &spec))?;
        let done = desk.by_rule(mode, what, &texts)?;
        let verb = verb(&subject);
        return told(&done, &format!("{name} {verb} approved by rule: nobody looked at it"), json);
    }
    let shown = shown(&desk, &subject, &standing);
    let decision = Decision { kind: "an approval", what, shown, question: "Approve?", texts };
    let done = desk.decide(decision)?;
    told(&done, &format!("{name} {} approved", verb(&subject)), json)
}

/// `the tasks … are`, `the spec … is`.
fn verb(subject: &Subject) -> &'static str {
    if subject.scope == Scope::Tasks { "are" } else { "is" }
}

fn already(desk: &Desk, standing: &ledger::Standing, name: &str, json: bool) -> Result<(), Fail> {
    match standing {
        ledger::Standing::Approved { entry, .. } if json => {
            out::json(&form::written(&desk.ledger, entry))
        }
        _ => out::say(format!("{name} is {} already", standing.sentence())),
    }
}

fn not_auto(desk: &Desk, found: &Spec) -> Fail {
    let (spec, mode) = (&desk.place.spec, desk.ledger.mode(&desk.place.spec).as_str());
    let folder = found.folder.display();
    Fail::Input(format!(
        "the mode of `{spec}` is {mode}, expected auto: a rule approves nothing\n\nhint: leave `--by-rule` away on a terminal, or let an approver run `specie spec approve {folder} --mode auto`"
    ))
}

/// What the arguments ask to approve, as it is now.
fn subject(arguments: &Arguments, desk: &Desk, spec: &Spec) -> Result<Subject, Fail> {
    let by_file = arguments.path.file_name().and_then(|it| it.to_str());
    let by_file = by_file.filter(|_| arguments.path.is_file()).and_then(approval::Level::of_file);
    let level = arguments.level.map(approval::Level::from);
    if let Some(id) = &arguments.task {
        if level.is_some_and(|level| level != approval::Level::Task) {
            return Err(Fail::Input("a task is approved at level task alone".into()));
        }
        return task(desk, spec, id);
    }
    let level = level.or(by_file).unwrap_or(approval::Level::Spec);
    let subject = desk.place.level(spec, level);
    if subject.files.is_empty() {
        return Err(Fail::Input(format!(
            "`{}` has no file of level {}",
            spec.folder.display(),
            level.as_str()
        )));
    }
    Ok(subject)
}

fn task(desk: &Desk, spec: &Spec, id: &str) -> Result<Subject, Fail> {
    let folder = spec.folder.display();
    let file = task_file(spec).ok_or_else(|| {
        Fail::Input(format!("`{folder}` has no `tasks.md`, expected one with task {id}"))
    })?;
    let found = named(&file.document, id);
    match found.as_slice() {
        [task] => desk.place.task(file, *task).ok_or_else(|| Fail::Input("it has no name".into())),
        [] => {
            let all = approval::tasks(&file.document).filter_map(|(_, it)| approval::task_name(it));
            let all: Vec<&str> = all.take(20).collect();
            Err(Fail::Input(format!("there is no task `{id}`\n\nhint: it has {}", all.join(", "))))
        }
        many => {
            let line = |n: &usize| file.document.nodes[*n].line.to_string();
            let lines: Vec<String> = many.iter().map(line).collect();
            Err(Fail::Input(format!(
                "the task `{id}` stands {} times in `{}`, on lines {}\n\nhint: give each an id of its own, or approve all tasks with `--level task`",
                many.len(),
                file.path.display(),
                lines.join(", ")
            )))
        }
    }
}

fn name_of(subject: &Subject) -> String {
    let spec = &subject.spec;
    match &subject.scope {
        Scope::Spec => format!("the spec `{spec}`"),
        Scope::Plan => format!("the plan of `{spec}`"),
        Scope::Tasks => format!("the tasks of `{spec}`"),
        Scope::Task(id) => format!("task {id} of `{spec}`"),
        Scope::Files(id) => format!("what task {id} of `{spec}` has left"),
    }
}

/// What a person sees before they are asked: each file with its digest, and what differs.
fn shown(desk: &Desk, subject: &Subject, standing: &ledger::Standing) -> String {
    let text = desk.text();
    let before = format!("{}: {}\n", name_of(subject), standing.sentence());
    let files = subject.approval().files.into_iter().map(|(name, digest)| {
        let digest = digest.map_or("not there".into(), |it| format!("sha256 {it}"));
        format!("  {digest}  {}\n", visible(name.as_bytes()))
    });
    let differences = desk.ledger.differences(subject, &text);
    let different = differences.iter().map(|it| {
        let (was, now) = (it.was.as_deref().unwrap_or(b""), it.now.as_deref().unwrap_or(b""));
        format!("\n{}:\n{}", visible(it.what.as_bytes()), unified(&diff(was, now)))
    });
    std::iter::once(before).chain(files).chain(different).collect()
}

fn set_mode(desk: &Desk, mode: Mode, json: bool) -> Result<(), Fail> {
    let spec = desk.place.spec.clone();
    let meant = match mode {
        Mode::Auto => "No step asks for anything; what is recorded by rule is nobody's approval.",
        Mode::PerTask => {
            "A task is ticked as done only when a person has approved its text; `sync --apply` asks before it edits tasks."
        }
        Mode::PerFile => {
            "A task is ticked as done only when a person has approved its text, and then each file that it names; `sync --apply` asks for each file."
        }
    };
    let (was, now) = (desk.ledger.mode(&spec).as_str(), mode.as_str());
    let shown = format!("`{}`: mode {was} becomes {now}.\n{meant}", visible(spec.as_bytes()));
    let what = What::Mode { spec: spec.clone(), mode };
    let decision =
        Decision { kind: "a mode", what, shown, question: "Decide so?", texts: Vec::new() };
    told(&desk.decide(decision)?, &format!("`{spec}` is in mode {now}"), json)
}

fn show(desk: &Desk, spec: &Spec, json: bool) -> Result<(), Fail> {
    let all = approvals_in(&desk.ledger, &desk.store, &desk.place, spec);
    if json {
        return out::json(&form::approvals(&all));
    }
    let asked = if all.governed { all.mode.as_str() } else { "nothing asks for approvals yet" };
    out::say(format!("{}: mode {asked}", all.spec))?;
    for (level, standing) in &all.levels {
        out::say(format!("  {:8} {}", level.as_str(), standing.sentence()))?;
    }
    for (id, _, standing) in &all.tasks {
        out::say(format!("    {id:6} {}", standing.sentence()))?;
    }
    match all.damaged {
        true => {
            out::say("something is wrong with the ledger: `specie spec ledger verify` names it")
        }
        false => Ok(()),
    }
}
