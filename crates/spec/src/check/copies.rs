//! What files repeat of each other: a plan of its tasks, tasks of the criteria, a test plan of both.
//!
//! Only plain forms are read: `- … (T001, 5h)` in a plan, `- [ ] Criterion 1.2: …` in tasks, a table
//! with the columns *Criterion* and *Tasks* in a test plan.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::rows::rows;
use super::totals::minutes;
use super::{Input, finding};
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
        self.numbers(file, found);
    }

    /// `**Critical Path:** T001 Title → T004 Title`
    fn path(&self, file: &Input<'_>, found: &mut Vec<Diagnostic>) {
        let Some(node) = field(file, "Critical Path") else { return };
        let steps = node.text.split('→').filter_map(|it| it.split_whitespace().next());
        for id in steps.filter(|it| is_task(it) && !self.tasks.contains_key(it)) {
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
fn field<'a>(file: &Input<'a>, name: &str) -> Option<&'a Node> {
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
fn is_task(word: &str) -> bool {
    is_id(word) && (word.contains('.') || word.starts_with('T'))
}

fn is_same(one: &str, other: &str) -> bool {
    one.split_whitespace().eq(other.split_whitespace())
}

fn short(text: &str) -> String {
    text.chars().take(120).collect()
}

/// Names between backticks that stand once, and differ in one letter from an event, a variable or a
/// table that tasks need or make.
pub(super) fn near(files: &[Input<'_>], works: &[Work<'_>], found: &mut Vec<Diagnostic>) {
    use crate::things::{Kind as Is, quoted};
    let things =
        works.iter().flat_map(|it| &it.jobs).flat_map(|it| it.needs.iter().chain(&it.makes));
    let named: HashSet<&str> = things
        .filter(|it| matches!(it.kind, Is::Event | Is::Variable | Is::Table) && it.name.len() > 5)
        .map(|it| it.name.as_str())
        .collect();
    if named.is_empty() {
        return;
    }
    let mut times: HashMap<&str, usize> = HashMap::new();
    let mut places: Vec<(&Input<'_>, usize, Range<usize>, &str)> = Vec::new();
    for file in files {
        for (n, line) in file.document.lines.iter().enumerate() {
            let Ok(text) = std::str::from_utf8(&file.bytes[line.clone()]) else { continue };
            for at in quoted(text) {
                *times.entry(&text[at.clone()]).or_default() += 1;
                let span = line.start + at.start..line.start + at.end;
                places.push((file, file.document.owners[n], span, &text[at]));
            }
        }
    }
    for (file, owner, span, word) in places {
        if times[word] > 1 || word.len() < 6 || named.contains(word) {
            continue;
        }
        let mut close: Vec<&&str> = named.iter().filter(|it| is_near(word, it)).collect();
        close.sort_unstable();
        let Some(meant) = close.first() else { continue };
        let node = &file.document.nodes[owner];
        let what = format!("`{word}` stands here alone, and tasks name `{meant}`");
        let one = finding(file, node, &rules::NEAR_NAME, Some(span), what);
        found.push(Diagnostic { help: Some(format!("write `{meant}`, if it is meant")), ..one });
    }
}

/// Whether two names differ in one letter: one too many, too few, another one, or two the other way
/// round. A plural, and another number, is another name.
fn is_near(one: &str, other: &str) -> bool {
    if one.len().abs_diff(other.len()) > 1 || !one.is_ascii() || !other.is_ascii() {
        return false;
    }
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let from = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    let (a, b) = (&one[from..], &other[from..]);
    let behind = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[..a.len() - behind], &b[..b.len() - behind]);
    let is_letter = |it: &[u8]| it.iter().all(u8::is_ascii_alphabetic);
    let is_plural = behind == 0 && (a == b"s" || b == b"s");
    let is_turned = a.len() == 2 && b.len() == 2 && a[0] == b[1] && a[1] == b[0];
    is_letter(a) && is_letter(b) && !is_plural && (is_turned || a.len().max(b.len()) == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_near_by_one_letter() {
        for near in ["paymets", "paymentts", "paymants", "paymnets"] {
            assert!(is_near(near, "payments"), "{near}");
        }
        for far in ["payment", "payments", "pay", "payments_2", "invoices", "payments2"] {
            assert!(!is_near(far, "payments"), "{far}");
        }
    }

    fn found(design: &str) -> Vec<String> {
        let tasks = "- [ ] 1. A\n  - Provides: table `payments`, event `order.completed`\n";
        let texts = [("design.md", design), ("tasks.md", tasks)];
        let documents = texts.map(|(path, text)| {
            let (dialect, kind) = crate::detect(path, text.as_bytes());
            crate::read(text.as_bytes(), dialect, kind)
        });
        let all = texts.iter().zip(&documents);
        let files: Vec<Input<'_>> = all
            .map(|((path, text), document)| Input { path, bytes: text.as_bytes(), document })
            .collect();
        let found = crate::check::check(&files);
        let near = found.into_iter().filter(|it| *it.rule == rules::NEAR_NAME);
        near.map(|it| design[it.span].to_owned()).collect()
    }

    #[test]
    fn a_name_that_stands_once_is_held_to_those_of_the_tasks() {
        assert_eq!(found("# D\n\n`paymnts` and `order.completed`, `payment`\n"), ["paymnts"]);
        assert_eq!(found("# D\n\n`paymnts`, again `paymnts`\n"), Vec::<String>::new());
        assert_eq!(found("# D\n\n`payments`\n"), Vec::<String>::new());
    }

    #[test]
    fn an_item_of_a_plan_names_a_task_and_its_hours() {
        assert_eq!(deliverable("- Make it (T001, 5h)\n").map(|it| (it.0, it.1)), Some(("T001", 5)));
        assert_eq!(deliverable("- Make (x) it (2.1, 12h)").map(|it| it.0), Some("2.1"));
        for other in ["- Make it (1, 5h)", "Make it (T001, 5h)", "- Make it (T001, soon)"] {
            assert_eq!(deliverable(other), None, "{other}");
        }
    }
}
