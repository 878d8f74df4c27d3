//! From a task, what was recorded for it and what is there, to how far it is.

use std::collections::{BTreeSet, HashMap};

use super::evidence::{CountsAs, Evidence, Fingerprint, Stand, Verdict};
use super::{Outside, Progress, Task, TaskProgress};
use crate::State;

/// How far each task is, in the order that was given.
pub(super) fn judge(
    tasks: Vec<Task>,
    evidence: &[Evidence],
    outside: &Outside<'_>,
) -> Vec<TaskProgress> {
    let mut ids: HashMap<&str, usize> = HashMap::new();
    tasks.iter().filter_map(|it| it.id.as_deref()).for_each(|id| *ids.entry(id).or_default() += 1);
    let parts = parts_of(&tasks);
    let mut judged: Vec<Option<Judged>> = vec![None; tasks.len()];
    // Parts stand behind what they are parts of, and are judged before it.
    for n in (0..tasks.len()).rev() {
        let recorded = Recorded::of(&tasks[n], &ids, evidence, outside);
        let known = parts[n].iter().filter_map(|part| judged[*part].as_ref());
        let together = Parts::of(known.map(|it| it.0));
        let lacks = || {
            let missing = missing(&tasks[n], outside).into_iter();
            missing.chain(open_parts(&tasks, &parts, n)).collect::<Vec<_>>()
        };
        judged[n] = Some(one(&tasks[n], recorded, together, lacks));
    }
    let both = tasks.into_iter().zip(judged.into_iter().flatten());
    both.map(|(task, (progress, because, commands))| TaskProgress {
        task,
        progress,
        because,
        commands,
    })
    .collect()
}

type Judged = (Progress, Vec<String>, Vec<(String, Stand)>);

/// For each task its parts that must be done.
fn parts_of(tasks: &[Task]) -> Vec<Vec<usize>> {
    let mut parts = vec![Vec::new(); tasks.len()];
    for (n, task) in tasks.iter().enumerate().filter(|(_, it)| !it.optional) {
        task.part_of.into_iter().for_each(|above| parts[above].push(n));
    }
    parts
}

/// Those of them, and of theirs, that are not ticked.
fn open_parts(tasks: &[Task], parts: &[Vec<usize>], n: usize) -> Vec<String> {
    let mut open = Vec::new();
    let mut next: Vec<usize> = parts[n].iter().rev().copied().collect();
    while let Some(part) = next.pop() {
        if !matches!(tasks[part].mark, Some(State::Done) | None) {
            open.push(format!("its part {} is not ticked", tasks[part].name()));
        }
        next.extend(parts[part].iter().rev());
    }
    open
}

/// The files that it creates, and that are not there.
fn missing(task: &Task, outside: &Outside<'_>) -> Vec<String> {
    let gone = task.creates.iter().filter(|path| (outside.was_made)(path) == Some(false));
    gone.map(|path| format!("`{path}`, which it creates, is not there and never was")).collect()
}

/// What the parts of a task say together.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Parts {
    /// There are none, or nothing can be said.
    Silent,
    Verified,
    Stale,
    /// Something is known of some.
    Told,
}

impl Parts {
    fn of(parts: impl Iterator<Item = Progress>) -> Self {
        let all: Vec<Progress> = parts.collect();
        let each = |of: &[Progress]| !all.is_empty() && all.iter().all(|it| of.contains(it));
        match () {
            () if each(&[Progress::Verified]) => Self::Verified,
            () if each(&[Progress::Verified, Progress::Stale]) => Self::Stale,
            () if all.iter().all(|it| *it == Progress::Unverifiable) => Self::Silent,
            () => Self::Told,
        }
    }
}

/// What was recorded for a task.
struct Recorded {
    commands: Vec<(String, Stand)>,
    /// Whether it was verified by what it was before.
    lapsed: Option<String>,
    /// Commands that count for nothing.
    beside: BTreeSet<String>,
}

impl Recorded {
    fn of(
        task: &Task,
        ids: &HashMap<&str, usize>,
        evidence: &[Evidence],
        outside: &Outside<'_>,
    ) -> Self {
        let named = evidence.iter().filter(|it| task.id.as_deref() == Some(it.task.as_str()));
        let mut entries: Vec<&Evidence> = named.collect();
        let now = match entries.is_empty() {
            true => Fingerprint::default(),
            false => task.fingerprint(outside),
        };
        if task.id.as_deref().and_then(|id| ids.get(id)).is_some_and(|n| *n > 1) {
            entries.retain(|it| it.of.task == now.task);
        }
        let ran = || entries.iter().map(|it| it.command.clone()).collect::<BTreeSet<_>>();
        let own = &task.validations;
        let counted = if own.is_empty() { ran().into_iter().collect() } else { own.clone() };
        let stand = |command: &String| {
            let of: Vec<&Evidence> =
                entries.iter().filter(|it| it.command == *command).copied().collect();
            Stand::of(&of, &now)
        };
        let before = |it: &&&Evidence| {
            it.of.task != now.task
                && it.counts_as != CountsAs::Nothing
                && it.verdict() == Verdict::Good
        };
        let lapsed = entries.iter().filter(before).max_by_key(|it| &it.started);
        let lapsed = lapsed.map(|it| {
            format!(
                "`{}` succeeded at {}, and since then the task has changed",
                it.command, it.started
            )
        });
        let beside = ran().into_iter().filter(|it| !own.is_empty() && !own.contains(it)).collect();
        let mut commands: Vec<_> = counted.iter().map(|it| (it.clone(), stand(it))).collect();
        let is_good = |(_, it): &(String, Stand)| matches!(it, Stand::Good { .. });
        if own.is_empty() && commands.iter().any(is_good) {
            // Any command will do: what others said before does not matter, unless they failed.
            commands.retain(|it| is_good(it) || matches!(it.1, Stand::Failed { .. }));
        }
        Self { commands, lapsed, beside }
    }

    fn is_proven(&self) -> bool {
        let good = |(_, stand): &(String, Stand)| matches!(stand, Stand::Good { .. });
        !self.commands.is_empty() && self.commands.iter().all(good)
    }

    fn has_lapsed(&self) -> bool {
        let any = |is: fn(&Stand) -> bool| self.commands.iter().any(|(_, stand)| is(stand));
        let stale = any(|it| matches!(it, Stand::Stale { .. }));
        let fits = !any(|it| matches!(it, Stand::Missing | Stand::Empty));
        (stale && fits) || (self.lapsed.is_some() && !self.commands.is_empty())
    }

    /// What is said of the commands that `is` picks.
    fn told(&self, is: fn(&Stand) -> bool) -> Vec<String> {
        let picked = self.commands.iter().filter(|(_, stand)| is(stand));
        picked.map(|(command, stand)| tell(command, stand)).collect()
    }

    fn is_empty(&self) -> bool {
        self.beside.is_empty() && self.commands.iter().all(|(_, it)| *it == Stand::Missing)
    }
}

fn tell(command: &str, stand: &Stand) -> String {
    let then = |since: &[String]| match since.is_empty() {
        true => String::new(),
        false => format!(", and since then {}", since.join(", ")),
    };
    match stand {
        Stand::Missing => format!("nothing is recorded of `{command}`"),
        Stand::Empty => format!("`{command}` ran no test, and proves nothing"),
        Stand::Good { started } => format!("`{command}` succeeded at {started}"),
        Stand::Stale { started, since } => {
            format!("`{command}` succeeded at {started}{}", then(since))
        }
        Stand::Failed { started, ended, since } => {
            format!("`{command}` {ended} at {started}{}", then(since))
        }
    }
}

/// One task. `lacks` answers what it still needs: that speaks against a tick, and against proofs.
fn one(
    task: &Task,
    recorded: Recorded,
    parts: Parts,
    lacks: impl FnOnce() -> Vec<String>,
) -> Judged {
    let ticked = task.mark == Some(State::Done);
    let whole = recorded.commands.is_empty() && task.validations.is_empty();
    let proven = recorded.is_proven() || (whole && parts == Parts::Verified);
    let mut against = recorded.told(|it| matches!(it, Stand::Failed { .. }));
    if ticked || proven {
        against.extend(lacks());
    }
    let unticked = || (!ticked).then(|| said(task.mark).to_owned());
    let (progress, mut because) = if ticked && !against.is_empty() {
        let all = against.iter().map(|it| format!("it is ticked, and {it}"));
        (Progress::Contradicted, all.collect())
    } else if !against.is_empty() {
        (Progress::Open, unticked().into_iter().chain(against).collect())
    } else if proven {
        let parts = whole.then(|| "all its parts are verified".to_owned());
        let all = recorded.told(|_| true).into_iter().chain(parts).chain(unticked());
        (Progress::Verified, all.collect())
    } else if recorded.has_lapsed() || (whole && parts == Parts::Stale) {
        (Progress::Stale, lapsed(&recorded, whole).into_iter().chain(unticked()).collect())
    } else {
        unproven(task, &recorded, parts)
    };
    let beside = recorded.beside.iter();
    because.extend(beside.map(|it| format!("`{it}` was recorded, and is none of its validations")));
    (progress, because, recorded.commands)
}

fn lapsed(recorded: &Recorded, whole: bool) -> Vec<String> {
    let mut because = recorded.told(|it| matches!(it, Stand::Stale { .. }));
    if because.is_empty() {
        because.extend(recorded.lapsed.clone());
    }
    if whole {
        because.push("its parts were verified, and not all of them are any more".into());
    }
    because
}

/// A task that nothing proves, and nothing speaks against.
fn unproven(task: &Task, recorded: &Recorded, parts: Parts) -> (Progress, Vec<String>) {
    let lacks = || recorded.told(|it| !matches!(it, Stand::Good { .. }));
    match (task.mark, task.names_any, parts) {
        (Some(State::Done), true, _) if recorded.is_empty() => {
            (Progress::Claimed, vec!["it is ticked; nothing is recorded that proves it".into()])
        }
        (Some(State::Done), true, _) => {
            (Progress::Claimed, std::iter::once("it is ticked".to_owned()).chain(lacks()).collect())
        }
        (Some(State::Done), false, Parts::Silent) => {
            let why = "it is ticked, and names neither a file nor a command";
            (Progress::Unverifiable, vec![why.into()])
        }
        (Some(State::Done), false, _) => {
            let why = "it is ticked, as its parts are; they are not all verified";
            (Progress::Claimed, vec![why.into()])
        }
        (mark, ..) if recorded.is_empty() => (Progress::Open, vec![said(mark).to_owned()]),
        (mark, ..) => {
            (Progress::Open, std::iter::once(said(mark).to_owned()).chain(lacks()).collect())
        }
    }
}

fn said(mark: Option<State>) -> &'static str {
    match mark {
        Some(State::Doing) => "it is marked as being done",
        Some(State::Queued) => "it is marked as queued",
        _ => "it is not ticked",
    }
}
