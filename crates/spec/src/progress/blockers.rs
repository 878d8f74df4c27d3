//! What holds others up: tasks whose evidence failed, and what a file marks as blocked.

use std::collections::{BTreeSet, HashSet};

use super::evidence::Stand;
use super::{Phase, Progress, TaskProgress, command};

/// A task or a phase that holds others up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocker {
    /// The task's id, or `Phase 2`.
    pub id: String,
    /// In which file.
    pub path: String,
    /// On which line.
    pub line: usize,
    /// What is wrong with it.
    pub why: String,
    /// The tasks that wait for it, at any remove.
    pub impact: Vec<String>,
    /// What to do.
    pub action: String,
}

/// The blockers of a spec. `spec` is how a command line names it.
pub fn blockers(tasks: &[TaskProgress], phases: &[Phase], spec: &str) -> Vec<Blocker> {
    let mut found: Vec<Blocker> =
        (0..tasks.len()).filter_map(|n| of_task(tasks, n, spec)).collect();
    found.extend(phases.iter().filter_map(|phase| of_phase(tasks, phase)));
    found
}

fn of_task(tasks: &[TaskProgress], n: usize, spec: &str) -> Option<Blocker> {
    let it = &tasks[n];
    let name = it.task.name();
    let failed = it.commands.iter().find_map(|(command, stand)| match stand {
        Stand::Failed { ended, .. } => Some((command, ended)),
        _ => None,
    });
    let marked = it.task.blocked.as_ref().filter(|_| it.progress != Progress::Verified);
    let (why, action) = match (failed, marked) {
        (Some((command, ended)), _) => {
            let again = record(it, spec, command);
            (format!("`{command}` {ended}"), format!("Mend it, then run `{again}`"))
        }
        (None, Some(why)) if why.is_empty() => (
            "it is marked as blocked".to_owned(),
            "Find out what blocks it, and take the mark away".to_owned(),
        ),
        (None, Some(why)) => (why.clone(), "Resolve it, and take the mark away".to_owned()),
        (None, None) => return None,
    };
    let impact = waiting(tasks, &[n]);
    Some(Blocker {
        id: name.into(),
        path: it.task.path.clone(),
        line: it.task.line,
        why,
        impact,
        action,
    })
}

fn of_phase(tasks: &[TaskProgress], phase: &Phase) -> Option<Blocker> {
    let line = phase.blocked?;
    let open: Vec<usize> =
        phase.tasks.iter().copied().filter(|n| !tasks[*n].is_complete()).collect();
    let own = open.iter().map(|n| tasks[*n].task.name().to_owned());
    let impact = own.chain(waiting(tasks, &open)).collect();
    Some(Blocker {
        id: phase.name(),
        path: phase.path.clone(),
        line,
        why: "its row of the table marks it with ❌".into(),
        impact,
        action: "Resolve it, and take the mark away".into(),
    })
}

/// How a command line records a task's command once more.
pub(super) fn record(it: &TaskProgress, spec: &str, command: &str) -> String {
    let named: &[&str] = if spec == "." { &[it.task.name()] } else { &[it.task.name(), spec] };
    let begin = format!("specie spec record {}", command::line(named));
    match it.task.validations.is_empty() {
        true => format!("{begin} -- {command}"),
        false => begin,
    }
}

/// The tasks that wait for these, directly or not, in their order. Who waits for a task waits for
/// all its parts, and the parts of who waits do, too.
fn waiting(tasks: &[TaskProgress], for_these: &[usize]) -> Vec<String> {
    let above = |n: usize| std::iter::successors(Some(n), |it| tasks[*it].task.part_of);
    let mut reached: HashSet<&str> =
        for_these.iter().flat_map(|n| above(*n)).map(|n| tasks[n].task.name()).collect();
    let mut waits: BTreeSet<usize> = BTreeSet::new();
    loop {
        let more: Vec<usize> = (0..tasks.len())
            .filter(|n| !waits.contains(n) && !for_these.contains(n))
            .filter(|n| {
                let mut needs = above(*n).flat_map(|it| &tasks[it].task.depends);
                needs.any(|id| reached.contains(id.as_str()))
            })
            .collect();
        if more.is_empty() {
            break;
        }
        reached.extend(more.iter().flat_map(|n| above(*n)).map(|n| tasks[n].task.name()));
        waits.extend(more);
    }
    let counted = waits.iter().filter(|n| tasks[**n].task.counts || tasks[**n].task.optional);
    counted.map(|n| tasks[*n].task.name().to_owned()).collect()
}
