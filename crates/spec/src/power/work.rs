//! The work of a spec: which task needs which, in what order, how long, and for which criteria.
//! All of it is computed from what the pieces need and provide.

use std::collections::{BTreeMap, BTreeSet};

use super::compose::{ComposeError, Piece};
use super::fragments::{Field, FragmentKind};

/// No phase has more tasks.
const LARGEST_PHASE: usize = 10;

/// A task, with what was computed for it.
#[derive(Clone, Debug)]
pub struct Task {
    /// The fragment's id.
    pub id: String,
    /// Which of the pieces it is.
    pub piece: usize,
    /// The id of its area.
    pub area: String,
    /// The files that it makes or changes.
    pub files: Vec<FileUse>,
    /// What it needs; with `true` what the project has already.
    pub needs: Vec<(Thing, bool)>,
    /// What it provides beside its files.
    pub provides: Vec<Thing>,
    /// The pieces that are lines of it.
    pub parts: Vec<usize>,
    /// How long it takes, in whole hours.
    pub hours: i64,
    /// The tasks it waits for, those left out that others of these wait for.
    pub after: Vec<usize>,
    /// The criteria that it is for, by the fragments' ids.
    pub criteria: Vec<String>,
    /// The phase it stands in, from 0.
    pub phase: usize,
    /// Its place in the phase, from 0. It is lasting: what has left the phase leaves a gap.
    pub place: usize,
    /// Its number among all tasks that there ever were, from 1. It is lasting as well.
    pub number: usize,
}

/// A file that a task makes or changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileUse {
    /// The abstract name.
    pub name: String,
    /// How many lines it will have, if the task makes it.
    pub lines: Option<i64>,
    /// What is changed in it, if the task changes it.
    pub what: String,
}

/// A thing that is needed or provided.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Thing {
    /// `table`, `column`, `endpoint`, `event`, `variable`, `file`, `thing`.
    pub kind: String,
    /// Its name; of a file the abstract one.
    pub name: String,
}

impl Thing {
    /// Reads `table:orders`.
    pub fn read(text: &str) -> Self {
        let (kind, name) = text.split_once(':').unwrap_or(("thing", text));
        Self { kind: kind.trim().into(), name: name.trim().into() }
    }
}

/// A group of tasks that follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phase {
    /// The id of its area.
    pub area: String,
    /// Which phase of its area it is, from 1.
    pub nth: usize,
    /// Its number, from 1. It is lasting: a phase without tasks leaves a gap.
    pub number: usize,
    /// How many places it has, those of tasks that have left it among them.
    pub places: usize,
    /// Its tasks, in order.
    pub tasks: Vec<usize>,
}

/// The tasks of a spec, in the order in which they can be done.
#[derive(Clone, Debug, Default)]
pub struct Work {
    /// The tasks, phase by phase.
    pub tasks: Vec<Task>,
    /// The phases.
    pub phases: Vec<Phase>,
}

impl Work {
    /// Works it out from the pieces.
    ///
    /// `kept` are the phases that were given before: their tasks keep their places and numbers, what has
    /// left them leaves gaps, and what is new follows them. A task that is kept never waits for a new
    /// one. `done` are tasks that are completed: what each one waited for, by its id.
    pub fn of(
        pieces: &[Piece],
        kept: &[(String, Vec<String>)],
        done: &BTreeMap<String, Vec<String>>,
    ) -> Result<Self, ComposeError> {
        let mut tasks = tasks(pieces);
        let mut provided = provided(&tasks, pieces);
        keep(&mut tasks, kept, &mut provided);
        let given: BTreeSet<Thing> =
            of_kind(pieces, FragmentKind::Given).map(|(_, it)| Thing::read(&it.id)).collect();
        for (n, task) in tasks.iter_mut().enumerate() {
            task.after = waits(task, n, &provided, &given)?;
            for (need, is_given) in &mut task.needs {
                *is_given = given.contains(need);
            }
        }
        waited(&mut tasks, done);
        reduce(&mut tasks)?;
        serve(pieces, &mut tasks, &provided, &given)?;
        Ok(arrange(tasks, pieces, kept))
    }

    /// The longest chain of tasks, by their hours.
    pub fn critical_path(&self) -> Vec<usize> {
        let mut ends: Vec<i64> = vec![0; self.tasks.len()];
        let mut before: Vec<Option<usize>> = vec![None; self.tasks.len()];
        for n in self.order() {
            let task = &self.tasks[n];
            let last =
                task.after.iter().copied().max_by_key(|it| (ends[*it], std::cmp::Reverse(*it)));
            ends[n] = last.map_or(0, |it| ends[it]) + task.hours;
            before[n] = last;
        }
        let mut path = Vec::new();
        let mut at = (0..ends.len()).max_by_key(|it| (ends[*it], std::cmp::Reverse(*it)));
        while let Some(n) = at {
            path.push(n);
            at = before[n];
        }
        path.reverse();
        path
    }

    /// When each task could end, in hours from the beginning, if nobody had to wait for people.
    pub fn earliest_ends(&self) -> Vec<i64> {
        let mut ends: Vec<i64> = vec![0; self.tasks.len()];
        for n in self.order() {
            let task = &self.tasks[n];
            let start = task.after.iter().map(|it| ends[*it]).max().unwrap_or(0);
            ends[n] = start + task.hours;
        }
        ends
    }

    /// The tasks, each after those it waits for: as they stand, but where a kept task waits for one that
    /// stands behind it.
    fn order(&self) -> Vec<usize> {
        sorted(&self.tasks).unwrap_or_else(|_| (0..self.tasks.len()).collect())
    }

    /// The hours of all tasks.
    pub fn hours(&self) -> i64 {
        self.tasks.iter().map(|it| it.hours).sum()
    }

    /// Tasks that may be done at the same time, wave by wave: each after those it waits for, and no two
    /// of a wave on the same file.
    pub fn waves(&self) -> Vec<Vec<usize>> {
        let mut wave_of: Vec<usize> = vec![0; self.tasks.len()];
        let mut waves: Vec<Vec<usize>> = Vec::new();
        for n in self.order() {
            let task = &self.tasks[n];
            let mut wave = task.after.iter().map(|it| wave_of[*it] + 1).max().unwrap_or(0);
            let collides = |wave: &Vec<usize>| wave.iter().any(|it| self.tasks[*it].collides(task));
            while waves.get(wave).is_some_and(collides) {
                wave += 1;
            }
            waves.resize(waves.len().max(wave + 1), Vec::new());
            waves[wave].push(n);
            wave_of[n] = wave;
        }
        waves
    }
}

impl Task {
    /// Whether two tasks cannot be done at the same time: they write the same file, or need the same
    /// resource.
    fn collides(&self, other: &Self) -> bool {
        let resource = |(need, _): &&(Thing, bool)| need.kind == "resource";
        self.files.iter().any(|file| other.touches(&file.name))
            || self.needs.iter().filter(resource).any(|it| other.needs.contains(it))
    }

    fn touches(&self, file: &str) -> bool {
        self.files.iter().any(|it| it.name == file)
    }
}

fn of_kind(pieces: &[Piece], kind: FragmentKind) -> impl Iterator<Item = (usize, &Piece)> {
    pieces.iter().enumerate().filter(move |(_, it)| it.kind == kind)
}

fn tasks(pieces: &[Piece]) -> Vec<Task> {
    let things =
        |piece: &Piece, field| piece.list(field).into_iter().map(Thing::read).collect::<Vec<_>>();
    of_kind(pieces, FragmentKind::Task)
        .map(|(n, piece)| {
            let parts: Vec<usize> = of_kind(pieces, FragmentKind::Part)
                .filter(|(_, part)| part.text("under") == piece.fragment)
                .map(|(n, _)| n)
                .collect();
            let minutes = piece.number("minutes")
                + parts.iter().map(|part| pieces[*part].number("minutes")).sum::<i64>();
            Task {
                id: piece.id.clone(),
                piece: n,
                area: piece.text("area").into(),
                files: files(piece),
                needs: things(piece, "needs").into_iter().map(|it| (it, false)).collect(),
                provides: things(piece, "provides"),
                parts,
                hours: (minutes + 59) / 60,
                after: Vec::new(),
                criteria: Vec::new(),
                phase: 0,
                place: 0,
                number: 0,
            }
        })
        .collect()
}

fn files(piece: &Piece) -> Vec<FileUse> {
    let name = |it: &BTreeMap<String, Field>, field: &str| {
        it.get(field).and_then(Field::as_text).unwrap_or_default().to_owned()
    };
    let lines = |it: &BTreeMap<String, Field>| match it.get("lines") {
        Some(Field::Number(lines)) => Some(*lines),
        _ => Some(0),
    };
    let created = piece.tables("create").into_iter();
    let created =
        created.map(|it| FileUse { name: name(it, "file"), lines: lines(it), what: String::new() });
    let edited = piece.tables("edit").into_iter();
    let edited =
        edited.map(|it| FileUse { name: name(it, "file"), lines: None, what: name(it, "what") });
    created.chain(edited).collect()
}

/// Who provides what: what a task names, the files it makes, and the columns of its tables.
fn provided(tasks: &[Task], pieces: &[Piece]) -> BTreeMap<Thing, Vec<usize>> {
    let mut all: BTreeMap<Thing, Vec<usize>> = BTreeMap::new();
    for (n, task) in tasks.iter().enumerate() {
        let files = task.files.iter().filter(|it| it.lines.is_some());
        let files = files.map(|it| Thing { kind: "file".into(), name: it.name.clone() });
        let tables = task.provides.iter().filter(|it| it.kind == "table");
        let columns = tables.flat_map(|table| {
            of_kind(pieces, FragmentKind::Column)
                .filter(|(_, it)| it.text("table") == table.name)
                .map(|(_, it)| Thing {
                    kind: "column".into(),
                    name: format!("{}.{}", it.text("table"), it.text("name")),
                })
                .filter(|column| !is_of_its_own(tasks, column))
        });
        for thing in task.provides.iter().cloned().chain(files).chain(columns) {
            let providers = all.entry(thing).or_default();
            if !providers.contains(&n) {
                providers.push(n);
            }
        }
    }
    all
}

/// Whether a task names what is otherwise part of something: a column that a later migration adds.
pub(crate) fn is_of_its_own(tasks: &[Task], thing: &Thing) -> bool {
    tasks.iter().any(|it| it.provides.contains(thing))
}

/// Takes from kept tasks what only new ones provide: the new ones come behind them.
fn keep(
    tasks: &mut [Task],
    kept: &[(String, Vec<String>)],
    provided: &mut BTreeMap<Thing, Vec<usize>>,
) {
    let is_kept = |task: &Task| kept.iter().any(|(_, ids)| ids.contains(&task.id));
    let old: Vec<bool> = tasks.iter().map(is_kept).collect();
    if !old.contains(&true) {
        return;
    }
    for (task, _) in tasks.iter_mut().zip(&old).filter(|(_, old)| **old) {
        task.needs
            .retain(|(need, _)| provided.get(need).is_none_or(|by| by.iter().any(|n| old[*n])));
    }
    // What both provide is that of the kept ones, for whoever comes later as well.
    for by in provided.values_mut().filter(|by| by.iter().any(|n| old[*n])) {
        by.retain(|n| old[*n]);
    }
}

/// The tasks that provide what a task needs, and those that make the files it changes.
fn waits(
    task: &Task,
    own: usize,
    provided: &BTreeMap<Thing, Vec<usize>>,
    given: &BTreeSet<Thing>,
) -> Result<Vec<usize>, ComposeError> {
    let mut all = BTreeSet::new();
    let edits = task.files.iter().filter(|it| it.lines.is_none());
    let edits = edits.map(|it| Thing { kind: "file".into(), name: it.name.clone() });
    for (need, by_edit) in
        task.needs.iter().map(|(it, _)| (it.clone(), false)).chain(edits.map(|it| (it, true)))
    {
        match provided.get(&need) {
            Some(providers) => all.extend(providers.iter().copied().filter(|it| *it != own)),
            None if given.contains(&need) || by_edit || need.kind == "resource" => {}
            None => {
                let what =
                    format!("it needs {} `{}`, which nothing provides", need.kind, need.name);
                return Err(ComposeError { id: task.id.clone(), what });
            }
        }
    }
    Ok(all.into_iter().collect())
}

/// Lets completed tasks wait for what they waited for when they were done, as far as it is there.
fn waited(tasks: &mut [Task], done: &BTreeMap<String, Vec<String>>) {
    let places: BTreeMap<String, usize> =
        tasks.iter().enumerate().map(|(n, it)| (it.id.clone(), n)).collect();
    for task in tasks {
        if let Some(after) = done.get(&task.id) {
            task.after = after.iter().filter_map(|it| places.get(it).copied()).collect();
        }
    }
}

/// Leaves out what others of the same list wait for already. An error when tasks wait for each other.
fn reduce(tasks: &mut [Task]) -> Result<(), ComposeError> {
    let order = sorted(tasks)?;
    let mut above: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); tasks.len()];
    for n in order {
        let direct = tasks[n].after.clone();
        let all: BTreeSet<usize> =
            direct.iter().flat_map(|it| above[*it].iter().copied()).collect();
        tasks[n].after = direct.iter().copied().filter(|it| !all.contains(it)).collect();
        above[n] = all.into_iter().chain(direct).collect();
    }
    Ok(())
}

/// The tasks, each after those it waits for.
fn sorted(tasks: &[Task]) -> Result<Vec<usize>, ComposeError> {
    let mut done = BTreeSet::new();
    let mut order = Vec::new();
    while order.len() < tasks.len() {
        let ready = (0..tasks.len())
            .find(|n| !done.contains(n) && tasks[*n].after.iter().all(|it| done.contains(it)));
        let Some(ready) = ready else {
            let stuck = tasks.iter().enumerate().find(|(n, _)| !done.contains(n));
            let id = stuck.map_or_else(String::new, |(_, it)| it.id.clone());
            return Err(ComposeError { id, what: "it waits for itself, by way of others".into() });
        };
        done.insert(ready);
        order.push(ready);
    }
    Ok(order)
}

/// Says which criteria each task is for: those that need what it provides, and those it verifies.
fn serve(
    pieces: &[Piece],
    tasks: &mut [Task],
    provided: &BTreeMap<Thing, Vec<usize>>,
    given: &BTreeSet<Thing>,
) -> Result<(), ComposeError> {
    for (_, criterion) in of_kind(pieces, FragmentKind::Criterion) {
        let mut by = BTreeSet::new();
        for need in criterion.list("needs").into_iter().map(Thing::read) {
            match provided.get(&need) {
                Some(providers) => by.extend(providers.iter().copied()),
                None if given.contains(&need) => {}
                None => {
                    let what =
                        format!("it needs {} `{}`, which no task provides", need.kind, need.name);
                    return Err(ComposeError { id: criterion.id.clone(), what });
                }
            }
        }
        let under = criterion.text("under");
        let verified = |task: &Task| pieces[task.piece].list("verifies").contains(&under);
        by.extend((0..tasks.len()).filter(|n| verified(&tasks[*n])));
        if by.is_empty() {
            let what = "no task is for it: nothing that it needs is provided by one".into();
            return Err(ComposeError { id: criterion.id.clone(), what });
        }
        for n in by {
            tasks[n].criteria.push(criterion.id.clone());
        }
    }
    Ok(())
}

/// Puts the tasks into phases, each task after those it waits for; kept phases come first.
fn arrange(tasks: Vec<Task>, pieces: &[Piece], kept: &[(String, Vec<String>)]) -> Work {
    let areas: Vec<&str> =
        of_kind(pieces, FragmentKind::Area).map(|(_, it)| it.fragment.as_str()).collect();
    let rank = |task: &Task| areas.iter().position(|it| *it == task.area).unwrap_or(areas.len());
    let mut order: Vec<usize> = Vec::new();
    let mut phases: Vec<Phase> = Vec::new();
    let mut numbers: Vec<(usize, usize)> = Vec::new();
    let mut given = 0;
    for (n, (area, ids)) in kept.iter().enumerate() {
        let place = |id: &String| tasks.iter().position(|it| it.id == *id);
        let own: Vec<(usize, usize)> =
            ids.iter().enumerate().filter_map(|(p, id)| Some((p, place(id)?))).collect();
        if !own.is_empty() {
            let tasks = order.len()..order.len() + own.len();
            let nth = kept[..=n].iter().filter(|(it, _)| it == area).count();
            let (area, tasks) = (area.clone(), tasks.collect());
            phases.push(Phase { area, nth, number: n + 1, places: ids.len(), tasks });
            numbers.extend(own.iter().map(|(place, _)| (*place, given + place + 1)));
            order.extend(own.iter().map(|(_, task)| *task));
        }
        given += ids.len();
    }
    let first_new = phases.len();
    while order.len() < tasks.len() {
        let ready: Vec<usize> = (0..tasks.len())
            .filter(|n| !order.contains(n) && tasks[*n].after.iter().all(|it| order.contains(it)))
            .collect();
        let last = phases.get(first_new..).unwrap_or_default().last();
        let last = last.filter(|it| it.tasks.len() < LARGEST_PHASE).map(|it| it.area.clone());
        let goes_on = ready.iter().copied().find(|n| Some(&tasks[*n].area) == last.as_ref());
        let next = goes_on.or_else(|| best(&ready, &tasks, &order, &rank));
        let Some(next) = next else { break };
        if goes_on.is_none() {
            let area = tasks[next].area.clone();
            let before = kept.iter().map(|(it, _)| it);
            let new = phases[first_new..].iter().map(|it| &it.area);
            let nth = before.chain(new).filter(|it| **it == area).count() + 1;
            let number = kept.len() + phases.len() - first_new + 1;
            phases.push(Phase { area, nth, number, places: 0, tasks: Vec::new() });
        }
        if let Some(phase) = phases.last_mut() {
            given += 1;
            numbers.push((phase.places, given));
            phase.places += 1;
            phase.tasks.push(order.len());
        }
        order.push(next);
    }
    renumbered(tasks, &order, phases, &numbers)
}

/// Of the tasks that could begin the one whose area has the most of its tasks ready, so that areas
/// are not torn; then the first by the order of the power.
fn best(
    ready: &[usize],
    tasks: &[Task],
    done: &[usize],
    rank: &dyn Fn(&Task) -> usize,
) -> Option<usize> {
    let blocked = |area: &str| {
        let open = (0..tasks.len()).filter(|n| !done.contains(n) && tasks[*n].area == area);
        let own = |it: &usize| tasks[*it].area == area || done.contains(it);
        open.filter(|n| !tasks[*n].after.iter().all(own)).count()
    };
    ready.iter().copied().min_by_key(|n| (blocked(&tasks[*n].area), rank(&tasks[*n]), *n))
}

/// The tasks in their order, each with its phase, its place in it and its number.
fn renumbered(
    tasks: Vec<Task>,
    order: &[usize],
    phases: Vec<Phase>,
    numbers: &[(usize, usize)],
) -> Work {
    let place: BTreeMap<usize, usize> =
        order.iter().enumerate().map(|(new, old)| (*old, new)).collect();
    let mut old: Vec<Option<Task>> = tasks.into_iter().map(Some).collect();
    let mut tasks: Vec<Task> = order.iter().filter_map(|n| old[*n].take()).collect();
    for task in &mut tasks {
        task.after = task.after.iter().map(|it| place[it]).collect();
        task.after.sort_unstable();
    }
    for (p, phase) in phases.iter().enumerate() {
        for n in &phase.tasks {
            tasks[*n].phase = p;
            (tasks[*n].place, tasks[*n].number) = numbers[*n];
        }
    }
    Work { tasks, phases }
}
