//! What to do next.

use super::blockers::record;
use super::evidence::Stand;
use super::{Blocker, Phase, PhaseState, Progress, TaskProgress, command};
use crate::State;

/// A piece of advice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// What it is about.
    pub kind: AdviceKind,
    /// In a sentence, without a full stop.
    pub text: String,
    /// The command line that does it, if one does.
    pub command: Option<String>,
}

/// What a piece of advice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdviceKind {
    /// Something holds others up.
    Blocker,
    /// A tick is not true.
    Contradiction,
    /// What proved a task proves it no more.
    Stale,
    /// A phase or its checkpoint is not complete.
    Phase,
    /// A task is verified and not ticked.
    Tick,
    /// Tasks are ticked, and nothing proves them.
    Claim,
}

impl AdviceKind {
    /// Its name in the JSON form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blocker => "fix-blocker",
            Self::Contradiction => "settle-contradiction",
            Self::Stale => "record-again",
            Self::Phase => "complete-phase",
            Self::Tick => "tick",
            Self::Claim => "record",
        }
    }
}

/// What to do next, most urgent first. `spec` is how a command line names the spec.
pub fn advice(
    tasks: &[TaskProgress],
    phases: &[Phase],
    blockers: &[Blocker],
    spec: &str,
) -> Vec<Advice> {
    let mut all: Vec<Advice> = Vec::new();
    let mut add = |kind, text: String, command| all.push(Advice { kind, text, command });
    for it in blockers {
        add(AdviceKind::Blocker, format!("Fix {} blocker", it.id), None);
    }
    for it in tasks.iter().filter(|it| it.progress == Progress::Contradicted && !it.has_failed()) {
        let why = it.because.first().map_or("", |why| why.as_str());
        add(AdviceKind::Contradiction, format!("Look at {} again: {why}", it.task.name()), None);
    }
    for it in tasks.iter().filter(|it| it.progress == Progress::Stale) {
        for again in again(it, spec) {
            let text = format!("Run the validation of {} again", it.task.name());
            add(AdviceKind::Stale, text, Some(again));
        }
    }
    next_phase(tasks, phases, &mut add);
    for it in tasks.iter().filter(|it| it.progress == Progress::Verified) {
        if let Some(id) = it.task.id.as_deref().filter(|_| it.task.mark != Some(State::Done)) {
            let tick =
                ["specie", "spec", "tick", &file_in(spec, &it.task.path), id, "--state", "done"];
            let tick = command::line(&tick);
            add(AdviceKind::Tick, format!("Tick {id}: it is verified"), Some(tick));
        }
    }
    let claimed =
        |it: &&TaskProgress| it.progress == Progress::Claimed && !it.task.validations.is_empty();
    if let Some(first) = tasks.iter().find(claimed) {
        let others = tasks.iter().filter(claimed).count() - 1;
        let more = if others == 0 { String::new() } else { format!(", and so for {others} more") };
        let text =
            format!("Run the validation of {}, which is only claimed{more}", first.task.name());
        add(AdviceKind::Claim, text, Some(record(first, spec, "")));
    }
    all
}

/// The file at `path`, in the folder of the spec.
fn file_in(spec: &str, path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    if spec == "." { name.into() } else { format!("{spec}/{name}") }
}

/// The command lines that would verify a task again, each once.
fn again(it: &TaskProgress, spec: &str) -> Vec<String> {
    let old = it.commands.iter().filter(|(_, stand)| !matches!(stand, Stand::Good { .. }));
    let mut lines: Vec<String> = old.map(|(command, _)| record(it, spec, command)).collect();
    lines.dedup();
    lines
}

/// The first phase that is not complete, and the one to start after it.
fn next_phase(
    tasks: &[TaskProgress],
    phases: &[Phase],
    add: &mut impl FnMut(AdviceKind, String, Option<String>),
) {
    let is_over = |it: &Phase| it.state() == PhaseState::Done && it.checkpoint != Some(false);
    let Some(at) = phases.iter().position(|it| !is_over(it)) else { return };
    let (phase, name) = (&phases[at], phases[at].name());
    let mut add = |text: String| add(AdviceKind::Phase, text, None);
    let open = phase.tasks.iter().filter(|n| !tasks[**n].is_complete());
    let open: Vec<&str> = open.map(|n| tasks[*n].task.name()).collect();
    match (phase.state(), open.len()) {
        (PhaseState::Done, _) => {}
        (PhaseState::NotStarted, _) => return add(format!("Start {name}")),
        (_, n) if n > 5 => add(format!("Complete {name}: {n} tasks, beginning with {}", open[0])),
        _ => add(format!("Complete {name}: {}", open.join(", "))),
    }
    if phase.checkpoint == Some(false) {
        add(format!("Complete {name} checkpoint"));
    }
    if let Some(next) = phases.get(at + 1).filter(|it| it.state() == PhaseState::NotStarted) {
        add(format!("Start {} after validation", next.name()));
    }
}
