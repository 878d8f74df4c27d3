//! The tasks of a file: what each one needs, makes and waits for.

use std::collections::HashMap;
use std::ops::Range;

use crate::check::Input;
use crate::things::{Kind, Thing, list};
use crate::{Node, NodeKind, Ref, RefKind};

/// How many steps along dependencies are taken in one file. Whoever asks for more is told nothing.
const STEPS: usize = 1_000_000;

/// The tasks of a file, in its order.
pub(crate) struct Work<'a> {
    pub(crate) jobs: Vec<Job<'a>>,
    /// Whether some line says what depends on what.
    pub(crate) is_ordered: bool,
}

/// A task, or a checkpoint that has a box.
pub(crate) struct Job<'a> {
    /// Its node.
    pub(crate) node: usize,
    /// Its id; else its number by position.
    pub(crate) name: &'a str,
    /// The task that it is a part of.
    pub(crate) above: Option<usize>,
    /// The tasks that are its parts.
    pub(crate) parts: Vec<usize>,
    pub(crate) is_checkpoint: bool,
    pub(crate) is_optional: bool,
    /// The tasks that it depends on.
    pub(crate) after: Vec<usize>,
    pub(crate) needs: Vec<Thing>,
    /// With the files that it creates.
    pub(crate) makes: Vec<Thing>,
    /// The files that it changes.
    pub(crate) edits: Vec<Thing>,
}

impl<'a> Work<'a> {
    /// The tasks of a file.
    pub(crate) fn of(file: &Input<'a>) -> Self {
        let nodes = &file.document.nodes;
        if !nodes.iter().any(is_job) {
            return Self { jobs: Vec::new(), is_ordered: false };
        }
        let nearest = file.document.nearest(is_job);
        let own = nodes.iter().enumerate().filter(|(n, _)| nearest[*n] == Some(*n));
        let mut jobs: Vec<Job<'a>> = own.map(|(n, node)| Job::new(n, node)).collect();
        let mut places = vec![0; nodes.len()];
        jobs.iter().enumerate().for_each(|(j, job)| places[job.node] = j);
        for j in 0..jobs.len() {
            let above = nodes[jobs[j].node].parent.and_then(|parent| nearest[parent]);
            jobs[j].above = above.map(|node| places[node]);
            if let Some(above) = jobs[j].above {
                jobs[above].parts.push(j);
            }
        }
        let mut work = Self { jobs, is_ordered: false };
        let is_task = |it: &Ref| it.kind == RefKind::Task;
        let mut by_name: HashMap<&str, usize> = HashMap::new();
        if nodes.iter().any(|node| node.refs.iter().any(is_task)) {
            work.is_ordered = true;
            for (j, job) in work.jobs.iter().enumerate() {
                by_name.entry(job.name).or_insert(j);
            }
        }
        for (n, node) in nodes.iter().enumerate() {
            let Some(job) = nearest[n].map(|task| places[task]) else { continue };
            work.is_ordered |= node.kind == NodeKind::Depends;
            let names = node.refs.iter().filter(|it| is_task(it));
            let after = names.filter_map(|it| by_name.get(it.text.as_str()).copied());
            work.jobs[job].after.extend(after);
            work.jobs[job].learn(file, n, node);
        }
        work
    }

    /// Whether one of two is a part of the other, or they are the same.
    pub(crate) fn are_kin(&self, one: usize, other: usize) -> bool {
        self.is_within(one, other) || self.is_within(other, one)
    }

    fn is_within(&self, part: usize, whole: usize) -> bool {
        std::iter::successors(Some(part), |job| self.jobs[*job].above).any(|job| job == whole)
    }

    /// The tasks that have no tasks as parts.
    pub(crate) fn leaves(&self) -> impl Iterator<Item = (usize, &Job<'a>)> {
        let is_leaf = |job: &Job<'_>| job.parts.iter().all(|part| self.jobs[*part].is_checkpoint);
        self.jobs.iter().enumerate().filter(move |(_, job)| is_leaf(job))
    }
}

fn is_job(node: &Node) -> bool {
    match node.kind {
        NodeKind::Task => true,
        NodeKind::Checkpoint => node.mark.is_some(),
        _ => false,
    }
}

impl<'a> Job<'a> {
    fn new(n: usize, node: &'a Node) -> Self {
        Self {
            node: n,
            name: node.id.as_deref().or(node.ordinal.as_deref()).unwrap_or("?"),
            above: None,
            parts: Vec::new(),
            is_checkpoint: node.kind == NodeKind::Checkpoint,
            is_optional: node.optional,
            after: Vec::new(),
            needs: Vec::new(),
            makes: Vec::new(),
            edits: Vec::new(),
        }
    }

    /// Takes in what one of its nodes says.
    fn learn(&mut self, file: &Input<'_>, n: usize, node: &Node) {
        let verb = node.id.as_deref().unwrap_or_default().to_ascii_lowercase();
        if node.kind == NodeKind::File {
            let to = match verb.as_str() {
                "create" => &mut self.makes,
                "edit" | "modify" => &mut self.edits,
                _ => return,
            };
            let files = node.refs.iter().filter(|it| it.kind == RefKind::File);
            to.extend(files.map(|it| Thing::new(Kind::File, &it.text, it.span.clone())));
            return;
        }
        if !matches!(node.kind, NodeKind::Detail | NodeKind::Entry | NodeKind::Field) {
            return;
        }
        let head = if node.kind == NodeKind::Field { verb.as_str() } else { node.text.as_str() };
        let head = head.trim_start_matches(['*', '_']);
        let starts =
            |word: &str| head.get(..word.len()).is_some_and(|it| it.eq_ignore_ascii_case(word));
        if starts("needs") {
            self.needs.extend(named(file, n));
        } else if starts("provides") {
            self.makes.extend(named(file, n));
        }
    }
}

/// The things that the lines of a node name after its first colon.
fn named(file: &Input<'_>, node: usize) -> Vec<Thing> {
    let Range { start, end } = file.document.own(node);
    let Ok(text) = std::str::from_utf8(&file.bytes[start..end]) else { return Vec::new() };
    text.find(':').map_or_else(Vec::new, |colon| list(&text[colon + 1..], start + colon + 1))
}

/// Who comes before whom by the dependencies of tasks.
pub(crate) struct Paths<'w> {
    work: &'w Work<'w>,
    /// In which round a task was last met.
    met: Vec<usize>,
    round: usize,
    left: usize,
}

impl<'w> Paths<'w> {
    pub(crate) fn new(work: &'w Work<'w>) -> Self {
        Self { work, met: vec![0; work.jobs.len()], round: 0, left: STEPS }
    }

    /// Walks through all that a task waits for, with the parts of each, until `enough` says so of one.
    /// Whether it did; none when there is too much to walk through.
    pub(crate) fn any_before(
        &mut self,
        task: usize,
        enough: impl Fn(usize) -> bool,
    ) -> Option<bool> {
        self.round += 1;
        let mut ahead = Vec::new();
        self.follow(task, &mut ahead);
        let mut at = 0;
        while let Some(next) = ahead.get(at).copied() {
            at += 1;
            self.left = self.left.checked_sub(1)?;
            if enough(next) {
                return Some(true);
            }
            self.follow(next, &mut ahead);
        }
        Some(false)
    }

    /// Adds what comes right before a task: what it, its parts and the tasks above it depend on.
    fn follow(&mut self, task: usize, ahead: &mut Vec<usize>) {
        let jobs = &self.work.jobs;
        let above = std::iter::successors(Some(task), |job| jobs[*job].above);
        for job in above.flat_map(|job| &jobs[job].after).chain(&jobs[task].parts) {
            if std::mem::replace(&mut self.met[*job], self.round) != self.round {
                ahead.push(*job);
            }
        }
    }
}
