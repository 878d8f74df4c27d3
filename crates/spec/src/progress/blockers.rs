//! What holds others up: tasks whose evidence failed, and what a file marks as blocked.

use std::collections::{BTreeSet, HashMap, HashSet};

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
    let graph = Graph::of(tasks);
    let mut found: Vec<Blocker> =
        (0..tasks.len()).filter_map(|n| of_task(tasks, n, spec, &graph)).collect();
    found.extend(phases.iter().filter_map(|phase| of_phase(tasks, phase, &graph)));
    found
}

fn of_task(tasks: &[TaskProgress], n: usize, spec: &str, graph: &Graph<'_>) -> Option<Blocker> {
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
    let impact = graph.waiting(&[n]);
    Some(Blocker {
        id: name.into(),
        path: it.task.path.clone(),
        line: it.task.line,
        why,
        impact,
        action,
    })
}

fn of_phase(tasks: &[TaskProgress], phase: &Phase, graph: &Graph<'_>) -> Option<Blocker> {
    let line = phase.blocked?;
    let open: Vec<usize> =
        phase.tasks.iter().copied().filter(|n| !tasks[*n].is_complete()).collect();
    let own = open.iter().map(|n| tasks[*n].task.name().to_owned());
    let impact = own.chain(graph.waiting(&open)).collect();
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

/// Who waits for whom.
struct Graph<'a> {
    tasks: &'a [TaskProgress],
    /// By id, the tasks that wait for it, by themselves or by what they are parts of.
    needed_by: HashMap<&'a str, Vec<usize>>,
}

impl<'a> Graph<'a> {
    fn of(tasks: &'a [TaskProgress]) -> Self {
        let mut graph = Self { tasks, needed_by: HashMap::new() };
        for n in 0..tasks.len() {
            let needs: HashSet<&str> =
                graph.above(n).flat_map(|it| &tasks[it].task.depends).map(String::as_str).collect();
            needs.into_iter().for_each(|id| graph.needed_by.entry(id).or_default().push(n));
        }
        graph
    }

    /// A task and all that it is a part of.
    fn above(&self, n: usize) -> impl Iterator<Item = usize> + use<'a> {
        let tasks = self.tasks;
        std::iter::successors(Some(n), move |it| tasks[*it].task.part_of)
    }

    /// The tasks that wait for these, directly or not, in their order. Who waits for a task waits for
    /// all its parts.
    fn waiting(&self, for_these: &[usize]) -> Vec<String> {
        let mut waits: BTreeSet<usize> = BTreeSet::new();
        let mut told: HashSet<&str> = HashSet::new();
        let mut next: Vec<usize> = for_these.to_vec();
        while let Some(n) = next.pop() {
            for name in self.above(n).map(|it| self.tasks[it].task.name()) {
                let new = self.needed_by.get(name).filter(|_| told.insert(name));
                let new = new.into_iter().flatten().filter(|it| !for_these.contains(it));
                next.extend(new.filter(|it| waits.insert(**it)));
            }
        }
        let is_sum = |n: &&usize| !self.tasks[**n].task.counts && !self.tasks[**n].task.optional;
        let own = waits.iter().filter(|n| !is_sum(n));
        own.map(|n| self.tasks[*n].task.name().to_owned()).collect()
    }
}
