//! The waves of the task dependency graph: their order, what collides in one, and who is left out.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use super::{Input, finding};
use crate::diagnostic::Diagnostic;
use crate::graph::Wave;
use crate::things::{Kind, Thing};
use crate::work::{Job, Work};
use crate::{Node, NodeKind, rules};

/// Where a task stands: in which wave, and by the name of which task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) wave: usize,
    /// The task itself, else one that it is a part of: the parts of one entry have an order of their
    /// own.
    pub(super) entry: usize,
}

/// Where each task stands; none for one that is left out.
pub(super) fn places(work: &Work<'_>, waves: &[Wave]) -> Vec<Option<Place>> {
    let mut named: HashMap<&str, usize> = HashMap::new();
    for (w, wave) in waves.iter().enumerate() {
        for (name, _) in wave {
            named.entry(name).or_insert(w);
        }
    }
    let mut places: Vec<Option<Place>> = Vec::with_capacity(work.jobs.len());
    for (entry, job) in work.jobs.iter().enumerate() {
        let own = named.get(job.name).map(|wave| Place { wave: *wave, entry });
        places.push(own.or_else(|| job.above.and_then(|above| places[above])));
    }
    places
}

/// Checks the waves of a file, which stand in `graph`.
pub(super) fn check(
    file: &Input<'_>,
    work: &Work<'_>,
    (graph, waves): (usize, &[Wave]),
    found: &mut Vec<Diagnostic>,
) {
    let graph =
        Graph { file, work, node: &file.document.nodes[graph], places: places(work, waves) };
    let spans = graph.names(waves, found);
    graph.order(&spans, found);
    graph.collisions(&spans, found);
    graph.left_out(waves, found);
}

/// How many names of a graph are told of. One that has more wrong ones is not written by hand.
const MOST: usize = 10_000;

/// Where each name of a task stands in the graph.
type Spans<'w> = HashMap<&'w str, Range<usize>>;

struct Graph<'w> {
    file: &'w Input<'w>,
    work: &'w Work<'w>,
    node: &'w Node,
    places: Vec<Option<Place>>,
}

impl Graph<'_> {
    fn say(
        &self,
        rule: &'static crate::Rule,
        span: Option<Range<usize>>,
        (job, message): (&str, String),
        found: &mut Vec<Diagnostic>,
    ) {
        let said = finding(self.file, self.node, rule, span, message);
        found.push(Diagnostic { id: Some(job.to_owned()), ..said });
    }

    /// Names that no task has, and names that stand in two waves.
    fn names<'w>(&self, waves: &'w [Wave], found: &mut Vec<Diagnostic>) -> Spans<'w> {
        // `1.2a` is no id as ids go, and may yet begin a task.
        let words = |job: &Job<'_>| self.file.document.nodes[job.node].text.split(' ').next();
        let words =
            self.work.jobs.iter().filter_map(words).map(|word| word.trim_end_matches(['.', ':']));
        let words: HashSet<&str> = words.collect();
        let known: HashSet<&str> = self.work.jobs.iter().map(|job| job.name).collect();
        let mut spans = Spans::new();
        let most = found.len() + MOST;
        for (name, span) in waves.iter().flatten() {
            let stands_twice = spans.insert(name, span.clone()).is_some();
            let said = match known.contains(name.as_str()) {
                false if words.contains(name.as_str()) => continue,
                false => (&rules::DANGLING, format!("there is no task {name}")),
                true if stands_twice => {
                    (&rules::NO_WAVE, format!("task {name} stands in two waves"))
                }
                true => continue,
            };
            if found.len() == most {
                break;
            }
            self.say(said.0, Some(span.clone()), (name, said.1), found);
        }
        spans
    }

    /// Tasks that stand in a wave before, or in the same as, one that they depend on.
    fn order(&self, spans: &Spans<'_>, found: &mut Vec<Diagnostic>) {
        let reach = self.reach();
        for (j, job) in self.work.jobs.iter().enumerate() {
            let mut earlier: Vec<usize> = job.after.clone();
            earlier.sort_unstable();
            earlier.dedup();
            let apart = |first: &usize| !self.work.are_kin(*first, j) && !self.are_one(*first, j);
            for first in earlier.into_iter().filter(apart) {
                let (Some((wave, _)), Some((_, of))) = (reach[j], reach[first]) else { continue };
                if wave > of {
                    continue;
                }
                let other = self.work.jobs[first].name;
                let which = if wave == of { "the same" } else { "a later" };
                let message =
                    format!("task {} depends on task {other}, which is in {which} wave", job.name);
                self.say(
                    &rules::TOO_EARLY,
                    spans.get(job.name).cloned(),
                    (job.name, message),
                    found,
                );
            }
        }
    }

    /// Whether two tasks stand in the graph by the name of the same one.
    fn are_one(&self, one: usize, other: usize) -> bool {
        let entry = |job: usize| self.places[job].map(|place| place.entry);
        entry(one).is_some() && entry(one) == entry(other)
    }

    /// The first and the last wave of each task and its parts.
    fn reach(&self) -> Vec<Option<(usize, usize)>> {
        let own = self.places.iter().map(|place| place.map(|it| (it.wave, it.wave)));
        let mut reach: Vec<Option<(usize, usize)>> = own.collect();
        for (j, job) in self.work.jobs.iter().enumerate().rev() {
            let Some(above) = job.above else { continue };
            reach[above] = match (reach[above], reach[j]) {
                (Some(one), Some(other)) => Some((one.0.min(other.0), one.1.max(other.1))),
                (one, other) => one.or(other),
            };
        }
        reach
    }

    /// Tasks of one wave that touch the same file, or need the same resource.
    fn collisions(&self, spans: &Spans<'_>, found: &mut Vec<Diagnostic>) {
        let mut touched: BTreeMap<(usize, Kind, &str), usize> = BTreeMap::new();
        for (j, job) in self.work.jobs.iter().enumerate() {
            let Some(Place { wave, .. }) = self.places[j] else { continue };
            for thing in resources(job) {
                let first = *touched.entry((wave, thing.kind, thing.key.as_str())).or_insert(j);
                if first != j && !self.work.are_kin(first, j) && !self.are_one(first, j) {
                    let other = self.work.jobs[first].name;
                    let (verb, shown) = (verb(thing.kind), thing.shown());
                    let message = format!(
                        "tasks {other} and {} are in one wave, and both {verb} {shown}",
                        job.name
                    );
                    self.say(
                        &rules::COLLISION,
                        spans.get(job.name).cloned(),
                        (job.name, message),
                        found,
                    );
                }
            }
        }
    }

    /// Tasks without parts that stand in no wave. Checkpoints and optional tasks may be left out, and so
    /// may tasks of the first level, where the graph names none of them.
    fn left_out(&self, waves: &[Wave], found: &mut Vec<Diagnostic>) {
        let names: HashSet<&str> = waves.iter().flatten().map(|(name, _)| name.as_str()).collect();
        let leaves: Vec<(usize, &Job<'_>)> = self.work.leaves().collect();
        let names_top =
            leaves.iter().any(|(_, job)| job.above.is_none() && names.contains(job.name));
        for (j, job) in leaves {
            let node = &self.file.document.nodes[job.node];
            let may = job.is_checkpoint
                || job.is_optional
                || node.id.is_none()
                || job.above.is_none() && !names_top
                || self.is_checkpoint_by_words(job.node);
            if self.places[j].is_none() && !may {
                let message = format!("task {} stands in no wave", job.name);
                let said = finding(self.file, node, &rules::NO_WAVE, None, message);
                found.push(said);
            }
        }
    }

    /// Kiro's checkpoints, whatever they are called, have this line under them.
    fn is_checkpoint_by_words(&self, node: usize) -> bool {
        let nodes = &self.file.document.nodes[self.file.document.subtree(node)];
        let is_said = |it: &Node| it.text.to_lowercase().contains("ensure all tests pass");
        nodes.iter().any(|it| it.kind != NodeKind::Code && is_said(it))
    }
}

fn verb(kind: Kind) -> &'static str {
    if kind == Kind::File { "touch" } else { "need" }
}

/// What two tasks cannot have at once: files that they write, and resources.
fn resources<'j>(job: &'j Job<'_>) -> impl Iterator<Item = &'j Thing> {
    let written = job.makes.iter().chain(&job.edits).filter(|it| it.kind == Kind::File);
    let things = job.needs.iter().filter(|it| it.kind == Kind::Resource);
    let mut seen = HashSet::new();
    written.chain(things).filter(move |it| seen.insert((it.kind, it.key.as_str())))
}
