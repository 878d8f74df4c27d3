//! What tasks need and make, and whether one comes before the other.

use std::collections::{BTreeMap, HashMap};

use super::waves::{Place, places};
use super::{Input, finding};
use crate::circle::circles;
use crate::diagnostic::Diagnostic;
use crate::graph::Wave;
use crate::rules;
use crate::sql::Table;
use crate::things::{Kind, Thing};
use crate::work::{Paths, Work};

/// Which tasks make a thing, by its kind and key.
type Makers<'w> = HashMap<(Kind, &'w str), Vec<usize>>;

/// Checks the tasks of a file. `tables` are those of the spec's SQL.
pub(super) fn check(
    file: &Input<'_>,
    work: &Work<'_>,
    waves: &[Wave],
    tables: &BTreeMap<String, Table>,
    found: &mut Vec<Diagnostic>,
) {
    if work
        .jobs
        .iter()
        .all(|job| job.needs.is_empty() && job.makes.is_empty() && job.edits.is_empty())
    {
        return;
    }
    let makers = makers(work);
    twice(file, work, &makers, found);
    let mut order = Order { work, paths: Paths::new(work), places: places(work, waves) };
    for (j, job) in work.jobs.iter().enumerate() {
        let made = |it: &&Thing| !it.given && it.kind != Kind::Resource;
        let needs = job.needs.iter().filter(made).map(|it| (it, true));
        let edits = job.edits.iter().map(|it| (it, false));
        for (thing, is_need) in needs.chain(edits) {
            let (all, lack) = made_by(thing, &makers, tables);
            let lack = lack.map(|it| lacking(work, it)).unwrap_or_default();
            let (said, help) = match all.is_empty() {
                true if is_need => (
                    format!("and no task makes it{lack}"),
                    "name it under Provides of the task that makes it, or write `(given)` behind it"
                        .to_owned(),
                ),
                true => continue,
                false => {
                    let Some((maker, comes_later)) = order.late(j, all) else { continue };
                    let (maker, done) =
                        (work.jobs[maker].name, if is_need { "makes" } else { "creates" });
                    let how = if comes_later { "that one comes later" } else { "does not depend on it" };
                    (
                        format!("which task {maker} {done}, and {how}"),
                        format!("let task {} depend on {maker}", job.name),
                    )
                }
            };
            let verb = if is_need { "needs" } else { "edits" };
            let message = format!("task {} {verb} {}, {said}", job.name, thing.shown());
            let node = &file.document.nodes[job.node];
            let said = finding(file, node, &rules::NOT_MADE, Some(thing.span.clone()), message);
            found.push(Diagnostic { help: Some(help), ..said });
        }
    }
}

/// Tasks that depend on themselves, directly or in a circle.
pub(super) fn order(file: &Input<'_>, work: &Work<'_>, found: &mut Vec<Diagnostic>) {
    if !work.is_ordered {
        return;
    }
    let after: Vec<Vec<usize>> = work.jobs.iter().map(|job| job.after.clone()).collect();
    let is_in = circles(&after);
    for (j, job) in work.jobs.iter().enumerate().filter(|(j, _)| is_in[*j]) {
        let mut through: Vec<&str> = Vec::new();
        for other in job.after.iter().filter(|other| is_in[**other]) {
            if through.len() < 5 && !through.contains(&work.jobs[*other].name) {
                through.push(work.jobs[*other].name);
            }
        }
        let through = through.join(", ");
        let message = format!("task {} depends on itself, by way of {through}", work.jobs[j].name);
        found.push(finding(file, &file.document.nodes[job.node], &rules::CYCLE, None, message));
    }
}

fn makers<'w>(work: &'w Work<'_>) -> Makers<'w> {
    let mut makers = Makers::new();
    for (j, job) in work.jobs.iter().enumerate() {
        for thing in &job.makes {
            let all = makers.entry((thing.kind, thing.key.as_str())).or_default();
            if all.last() != Some(&j) {
                all.push(j);
            }
        }
    }
    makers
}

/// The tasks that make a thing; of a column that no task names also those that make its table. Else the
/// table that a task makes without the column.
fn made_by<'m>(
    thing: &'m Thing,
    makers: &'m Makers<'m>,
    tables: &BTreeMap<String, Table>,
) -> (&'m [usize], Option<(usize, String)>) {
    let by = |kind: Kind, key: &'m str| -> &'m [usize] {
        makers.get(&(kind, key)).map(Vec::as_slice).unwrap_or_default()
    };
    let own = by(thing.kind, &thing.key);
    let Some(table) = thing.table().filter(|_| own.is_empty()) else { return (own, None) };
    let of_table = by(Kind::Table, table);
    let column = thing.key.rsplit('.').next().unwrap_or_default();
    match tables.get(table) {
        Some(known) if !known.has(column) => {
            (&[], of_table.first().map(|maker| (*maker, table.to_owned())))
        }
        _ => (of_table, None),
    }
}

fn lacking(work: &Work<'_>, (maker, table): (usize, String)) -> String {
    format!(": table `{table}`, which task {} makes, has no such column", work.jobs[maker].name)
}

/// Who comes before whom: by dependencies where a file has any, else by waves, else by place.
struct Order<'w> {
    work: &'w Work<'w>,
    paths: Paths<'w>,
    places: Vec<Option<Place>>,
}

impl Order<'_> {
    /// The first of some tasks, if none of them comes before `task`, and whether it comes later.
    fn late(&mut self, task: usize, makers: &[usize]) -> Option<(usize, bool)> {
        if makers.iter().any(|maker| self.work.are_kin(*maker, task)) {
            return None;
        }
        if self.work.is_ordered {
            let is_before = self.paths.any_before(task, |job| makers.contains(&job))?;
            return (!is_before).then(|| (makers[0], false));
        }
        let later = |maker: &&usize| match (self.places[**maker], self.places[task]) {
            (Some(one), Some(other)) if one.entry != other.entry => one.wave >= other.wave,
            _ => **maker > task,
        };
        makers.iter().all(|maker| later(&maker)).then(|| (makers[0], true))
    }
}

/// Things that two tasks make, of which neither is a part of the other.
fn twice(file: &Input<'_>, work: &Work<'_>, makers: &Makers<'_>, found: &mut Vec<Diagnostic>) {
    for (j, job) in work.jobs.iter().enumerate() {
        for thing in &job.makes {
            let first = makers[&(thing.kind, thing.key.as_str())][0];
            if first < j && !work.are_kin(first, j) {
                let (name, other) = (job.name, work.jobs[first].name);
                let message = format!(
                    "task {name} makes {}, which task {other} makes already",
                    thing.shown()
                );
                let node = &file.document.nodes[job.node];
                found.push(finding(file, node, &rules::TWICE, Some(thing.span.clone()), message));
            }
        }
    }
}
