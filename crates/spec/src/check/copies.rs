//! What files repeat of each other: a plan of its tasks, tasks of the criteria, a test plan of both.
//!
//! Only plain forms are read: `- … (T001, 5h)` in a plan, `- [ ] Criterion 1.2: …` in tasks, a table
//! with the columns *Criterion* and *Tasks* in a test plan.

use std::collections::HashMap;
use std::ops::Range;

use super::rows::rows;
use super::totals::minutes;
use super::{Input, critical, finding};
use crate::diagnostic::{Diagnostic, Rule};
use crate::ids::is_id;
use crate::work::Work;
use crate::{Kind, Node, NodeKind, rules};

/// What the files of a spec say once, and others repeat.
struct Said<'w> {
    /// The tasks by their names, with their minutes, where they have any.
    tasks: HashMap<&'w str, Option<u64>>,
    /// The minutes of all tasks; none when one has none.
    whole: Option<u64>,
    /// The criteria by their numbers.
    criteria: HashMap<&'w str, &'w str>,
    /// The version of the spec.
    version: Option<&'w str>,
}

/// Checks what the files repeat of each other.
pub(super) fn check(files: &[Input<'_>], works: &[Work<'_>], found: &mut Vec<Diagnostic>) {
    let said = Said::of(files, works);
    for file in files {
        match file.document.kind {
            Kind::Plan if !said.tasks.is_empty() => said.plan(file, found),
            Kind::Tasks => said.list(file, files, found),
            _ if file.path.ends_with("test-plan.md") => said.tests(file, found),
            _ => {}
        }
    }
}

impl<'w> Said<'w> {
    fn of(files: &'w [Input<'w>], works: &'w [Work<'w>]) -> Self {
        let mut said =
            Self { tasks: HashMap::new(), whole: Some(0), criteria: HashMap::new(), version: None };
        for (file, work) in files.iter().zip(works) {
            let nodes = &file.document.nodes;
            if file.document.kind == Kind::Tasks {
                let time = |node: usize| minutes(&nodes[node].text);
                said.tasks.extend(work.jobs.iter().map(|it| (it.name, time(it.node))));
                let leaves = work.leaves().filter(|(_, it)| !it.is_checkpoint);
                let all: Option<u64> = leaves.map(|(_, it)| time(it.node)).sum();
                said.whole = said.whole.zip(all).map(|(a, b)| a + b);
            }
            for node in nodes.iter().filter(|it| it.kind == NodeKind::Criterion) {
                if let Some(number) = node.ordinal.as_deref().or(node.id.as_deref()) {
                    said.criteria.entry(number).or_insert(&node.text);
                }
            }
            if file.document.kind == Kind::Spec {
                said.version = field(file, "Version").map(|it| it.text.trim());
            }
        }
        said
    }

    /// The deliverables of a plan, its critical path and its numbers.
    fn plan(&self, file: &Input<'_>, found: &mut Vec<Diagnostic>) {
        for (line, owner) in file.document.lines.iter().zip(&file.document.owners) {
            let Ok(text) = std::str::from_utf8(&file.bytes[line.clone()]) else { continue };
            let Some((id, hours, at)) = deliverable(text) else { continue };
            let span = line.start + at.start..line.start + at.end;
            let node = &file.document.nodes[*owner];
            match self.tasks.get(id) {
                None => {
                    let what = format!("there is no task {id}");
                    say(file, (node, &rules::DANGLING), span, what, found);
                }
                Some(Some(real)) if *real != hours * 60 => {
                    let real = *real as f64 / 60.0;
                    let what = format!("task {id} is said to take {hours} hours, and takes {real}");
                    say(file, (node, &rules::TOTAL), span, what, found);
                }
                Some(_) => {}
            }
        }
        self.path(file, found);
        team(file, found);
        self.numbers(file, found);
    }

    /// `**Critical Path:** T001 Title → T004 Title`
    fn path(&self, file: &Input<'_>, found: &mut Vec<Diagnostic>) {
        let Some(node) = field(file, "Critical Path") else { return };
        for id in critical::steps(node).filter(|it| !self.tasks.contains_key(it)) {
            let what = format!("there is no task {id}");
            found.push(finding(file, node, &rules::DANGLING, None, what));
        }
    }

    /// `**Duration:** 8 weeks, 116 hours`, against the timeline and the tasks.
    fn numbers(&self, file: &Input<'_>, found: &mut Vec<Diagnostic>) {
        let Some(node) = field(file, "Duration") else { return };
        let (weeks, hours) = node.text.split_once(',').unwrap_or((&node.text, ""));
        let written = number(hours, "hours");
        if let (Some(written), Some(real)) = (written, self.whole.filter(|it| *it > 0))
            && written * 60 != real
        {
            let real = real as f64 / 60.0;
            let what = format!("the duration says {written} hours, and the tasks come to {real}");
            found.push(finding(file, node, &rules::TOTAL, None, what));
        }
        let timeline = field(file, "Timeline");
        let other = timeline.and_then(|it| number(&it.text, "weeks"));
        if let (Some(timeline), Some(other), Some(weeks)) =
            (timeline, other, number(weeks, "weeks"))
            && other != weeks
        {
            let what = format!("the timeline says {other} weeks, and the duration {weeks}");
            found.push(finding(file, timeline, &rules::TOTAL, None, what));
        }
    }

    /// The header of a list of tasks, and the criteria that are copied into it.
    fn list(&self, file: &Input<'_>, files: &[Input<'_>], found: &mut Vec<Diagnostic>) {
        let source = field(file, "Source SPEC").zip(self.version);
        if let Some((node, version)) = source
            && let Some((_, written)) = node.text.rsplit_once(" v")
            && written.trim() != version
        {
            let what = format!("the tasks are of version {written}, and the spec is of {version}");
            found.push(finding(file, node, &rules::COPY, None, what));
        }
        for node in &file.document.nodes {
            let copied = node.text.strip_prefix("Criterion ").and_then(|it| it.split_once(": "));
            let Some((number, text)) = copied.filter(|(number, _)| is_id(number)) else { continue };
            if let Some(real) = self.criteria.get(number).filter(|it| !is_same(it, text)) {
                let what = format!("criterion {number} says something else: {}", short(real));
                found.push(finding(file, node, &rules::COPY, None, what));
            }
        }
        let plan = files.iter().find(|it| it.document.kind == Kind::Plan);
        if let Some(plan) = plan {
            effort(file, plan, found);
        }
    }

    /// The table of a test plan.
    fn tests(&self, file: &Input<'_>, found: &mut Vec<Diagnostic>) {
        let nodes = &file.document.nodes;
        for n in (0..nodes.len()).filter(|n| nodes[*n].kind == NodeKind::Table) {
            let rows = rows(file, n);
            let Some((head, rows)) = rows.split_first() else { continue };
            let column = |name: &str| head.iter().position(|(it, _)| it.eq_ignore_ascii_case(name));
            let (Some(criterion), tasks) = (column("criterion"), column("tasks")) else { continue };
            for row in rows {
                let unknown = row.get(criterion).filter(|(it, _)| {
                    it.contains('.') && is_id(it) && !self.criteria.contains_key(it.as_str())
                });
                if let Some((id, span)) = unknown.filter(|_| !self.criteria.is_empty()) {
                    let what = format!("there is no criterion {id}");
                    say(file, (&nodes[n], &rules::DANGLING), span.clone(), what, found);
                }
                let Some((cell, span)) = tasks.and_then(|at| row.get(at)) else { continue };
                let names = cell.split(", ").filter(|it| is_task(it) && !self.tasks.is_empty());
                for id in names.filter(|it| !self.tasks.contains_key(it)) {
                    let what = format!("there is no task {id}");
                    say(file, (&nodes[n], &rules::DANGLING), span.clone(), what, found);
                }
            }
        }
    }
}

/// `**Estimated Effort:** 116 hours (~8 weeks for 2 people)`, against timeline and team of the plan.
fn effort(file: &Input<'_>, plan: &Input<'_>, found: &mut Vec<Diagnostic>) {
    let Some(node) = field(file, "Estimated Effort") else { return };
    let Some((_, inside)) = node.text.split_once("(~") else { return };
    let Some((weeks, people)) = inside.trim_end_matches(')').split_once(" for ") else { return };
    for (name, written) in [("Timeline", weeks), ("Team Size", people)] {
        let Some(other) = field(plan, name).map(|it| it.text.trim()) else { continue };
        if other != written {
            let what = format!("the effort says {written}, and the plan {other}");
            found.push(finding(file, node, &rules::TOTAL, None, what));
        }
    }
}

/// `**Team Size:** 2.5 people`, against the people of the list under `**Team:**`.
fn team(file: &Input<'_>, found: &mut Vec<Diagnostic>) {
    let Some(node) = field(file, "Team Size") else { return };
    let written = node.text.split_whitespace().next().and_then(tenths);
    let lines =
        file.document.lines.iter().filter_map(|line| {
            std::str::from_utf8(&file.bytes[line.clone()]).ok().map(str::trim_end)
        });
    let list = lines.skip_while(|it| *it != "**Team:**").skip(1);
    let roles = list.map_while(|it| it.strip_prefix("- ")?.strip_suffix(')')?.rsplit_once('('));
    let people: Option<u64> = roles.map(|(_, people)| tenths(people)).sum();
    if let (Some(written), Some(people)) = (written, people.filter(|it| *it > 0))
        && written != people
    {
        let (written, people) = (written as f64 / 10.0, people as f64 / 10.0);
        let what =
            format!("the team is said to be {written} people, and its list comes to {people}");
        found.push(finding(file, node, &rules::TOTAL, None, what));
    }
}

/// Tenths of `2` or `0.5`.
fn tenths(number: &str) -> Option<u64> {
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    (part.len() == 1).then_some(())?;
    Some(whole.parse::<u32>().ok()? as u64 * 10 + part.parse::<u64>().ok()?)
}

fn say(
    file: &Input<'_>,
    (node, rule): (&Node, &'static Rule),
    span: Range<usize>,
    what: String,
    found: &mut Vec<Diagnostic>,
) {
    found.push(finding(file, node, rule, Some(span), what));
}

/// The field of a name.
pub(super) fn field<'a>(file: &Input<'a>, name: &str) -> Option<&'a Node> {
    let nodes = file.document.nodes.iter();
    nodes.filter(|it| it.kind == NodeKind::Field).find(|it| it.id.as_deref() == Some(name))
}

/// `8 weeks`
fn number(text: &str, unit: &str) -> Option<u64> {
    let (number, word) = text.trim().split_once(' ')?;
    (word.trim_end_matches('s') == unit.trim_end_matches('s')).then(|| number.parse().ok())?
}

/// What an item of a plan delivers: `- … (T001, 5h)`. The task, its hours, and where both stand.
fn deliverable(line: &str) -> Option<(&str, u64, Range<usize>)> {
    let words = line.trim_end().strip_suffix(')').filter(|it| it.trim_start().starts_with("- "))?;
    let open = words.rfind('(')?;
    let (id, hours) = words[open + 1..].split_once(", ")?;
    let hours = hours.strip_suffix('h')?.parse().ok()?;
    is_task(id).then(|| (id, hours, open + 1..words.len()))
}

/// `T001`, `2.1`
pub(super) fn is_task(word: &str) -> bool {
    is_id(word) && (word.contains('.') || word.starts_with('T'))
}

fn is_same(one: &str, other: &str) -> bool {
    one.split_whitespace().eq(other.split_whitespace())
}

fn short(text: &str) -> String {
    text.chars().take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_of_a_plan_names_a_task_and_its_hours() {
        assert_eq!(deliverable("- Make it (T001, 5h)\n").map(|it| (it.0, it.1)), Some(("T001", 5)));
        assert_eq!(deliverable("- Make (x) it (2.1, 12h)").map(|it| it.0), Some("2.1"));
        for other in ["- Make it (1, 5h)", "Make it (T001, 5h)", "- Make it (T001, soon)"] {
            assert_eq!(deliverable(other), None, "{other}");
        }
    }
}
