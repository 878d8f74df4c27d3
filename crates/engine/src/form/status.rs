//! What `status` and `record` say.

use serde_json::{Value, json};
use specie_spec::State;
use specie_spec::progress::{Advice, Blocker, Evidence, Phase, Progress, Stand, TaskProgress};

use crate::{Recorded, evidence};

/// All that `status` has found out about one spec.
pub struct Status<'a> {
    /// The spec's folder, as it was reached.
    pub spec: String,
    /// The commit that is checked out.
    pub commit: Option<String>,
    /// How far each task is.
    pub tasks: &'a [TaskProgress],
    /// How far each phase is.
    pub phases: &'a [Phase],
    /// What holds others up.
    pub blockers: &'a [Blocker],
    /// What to do next.
    pub advice: &'a [Advice],
    /// What was recorded, for whichever spec.
    pub recorded: &'a Recorded,
    /// The files that were written, with what was done to each; none if none was to be.
    pub written: Option<Vec<(String, &'static str)>>,
}

/// `specie spec status --json`: `specie.spec.status/1`.
pub fn status(it: &Status<'_>) -> Value {
    let tasks = it.tasks;
    let of = |progress: Progress| tasks.iter().filter(|it| it.progress == progress).count();
    let mut totals = json!({
        "tasks": tasks.len(),
        "done": tasks.iter().filter(|it| it.task.mark == Some(State::Done)).count(),
    });
    for progress in Progress::ALL {
        totals[progress.as_str()] = json!(of(progress));
    }
    let mut form = json!({
        "schema": "specie.spec.status/1",
        "spec": it.spec,
        "commit": it.commit,
        "tasks": tasks.iter().map(task).collect::<Vec<_>>(),
        "phases": it.phases.iter().map(phase).collect::<Vec<_>>(),
        "totals": totals,
        "blockers": it.blockers.iter().map(blocker).collect::<Vec<_>>(),
        "recommendations": it.advice.iter().map(advice).collect::<Vec<_>>(),
        "rejected": rejected(it.recorded),
    });
    if let Some(written) = &it.written {
        let one = |(path, what): &(String, &str)| json!({ "path": path, "what": what });
        form["written"] = written.iter().map(one).collect();
    }
    form
}

fn task(it: &TaskProgress) -> Value {
    json!({
        "id": it.task.id, "path": it.task.path, "line": it.task.line,
        "box": it.task.mark.map(State::as_str), "progress": it.progress.as_str(),
        "because": it.because, "title": it.task.short_title(), "phase": it.task.phase,
        "counts": it.task.counts,
        "commands": it.commands.iter().map(|(text, stand)| command(text, stand)).collect::<Vec<_>>(),
    })
}

fn command(text: &str, stand: &Stand) -> Value {
    let name = match stand {
        Stand::Missing => "missing",
        Stand::Empty => "empty",
        Stand::Good { .. } => "good",
        Stand::Stale { .. } => "stale",
        Stand::Failed { .. } => "failed",
    };
    json!({ "command": text, "evidence": name })
}

fn phase(it: &Phase) -> Value {
    json!({
        "phase": it.id, "title": it.title, "tasks": it.tasks.len(), "complete": it.complete,
        "in_progress": it.in_progress, "not_started": it.not_started, "verified": it.verified,
        "state": it.state().as_str(), "checkpoint": it.checkpoint,
    })
}

fn blocker(it: &Blocker) -> Value {
    json!({
        "id": it.id, "path": it.path, "line": it.line, "why": it.why, "impact": it.impact,
        "action": it.action,
    })
}

fn advice(it: &Advice) -> Value {
    json!({ "kind": it.kind.as_str(), "text": it.text, "command": it.command })
}

fn rejected(recorded: &Recorded) -> Vec<Value> {
    let all = recorded.rejected.iter();
    all.map(|it| json!({ "path": it.path, "message": it.message })).collect()
}

/// `specie spec record --json`: `specie.spec.record/1`. `entries` stand with their paths, `task` is
/// how far the task is with them.
pub fn record(
    spec: &str,
    entries: &[(String, Evidence)],
    now: &TaskProgress,
    recorded: &Recorded,
) -> Value {
    let one = |(path, entry): &(String, Evidence)| json!({ "path": path, "evidence": evidence::form(entry) });
    json!({
        "schema": "specie.spec.record/1",
        "spec": spec,
        "task": now.task.id,
        "entries": entries.iter().map(one).collect::<Vec<_>>(),
        "progress": now.progress.as_str(),
        "because": now.because,
        "rejected": rejected(recorded),
    })
}
