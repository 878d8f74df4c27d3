//! Numbers that can be counted: phases, tasks, hours and weeks, as they are written and as they are.
//!
//! What cannot be counted says nothing: hours are summed where every task has some. A total may leave
//! out checkpoints and optional tasks, or not.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::rows::rows;
use super::{Input, finding};
use crate::diagnostic::Diagnostic;
use crate::work::{Job, Work};
use crate::{Kind, Node, NodeKind, rules};

/// Checks the totals of a file.
pub(super) fn check(file: &Input<'_>, work: &Work<'_>, found: &mut Vec<Diagnostic>) {
    match file.document.kind {
        Kind::Tasks if has_claims(file, work) => Counter::of(file, work).check(found),
        Kind::Plan => weeks(file, found),
        _ => {}
    }
}

/// Whether there are tasks, and anything that may say what they come to.
fn has_claims(file: &Input<'_>, work: &Work<'_>) -> bool {
    let nodes = &file.document.nodes;
    let is_claim = |node: &Node| match node.kind {
        NodeKind::Table | NodeKind::Phase => true,
        NodeKind::Field => node.id.as_deref().is_some_and(|id| TOTALS.contains(&id)),
        _ => false,
    };
    let is_group = |job: &Job<'_>| !job.parts.is_empty() && nodes[job.node].text.contains('(');
    !work.jobs.is_empty() && (nodes.iter().any(is_claim) || work.jobs.iter().any(is_group))
}

/// The names of totals.
const TOTALS: [&str; 6] =
    ["Total", "Total Tasks", "Total Phases", "Estimated Effort", "Total Effort", "Total Hours"];

/// How many totals are told of. A file that has more wrong ones is not written by hand.
const MOST: usize = 10_000;

/// What is counted. Hours are kept as minutes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Phase,
    Task,
    Hour,
}

impl Unit {
    /// `9 hours`, `1.5 hours`, `1 task`.
    fn shown(self, amount: u64) -> String {
        let (number, word) = match self {
            Self::Phase => (amount.to_string(), "phase"),
            Self::Task => (amount.to_string(), "task"),
            Self::Hour if amount.is_multiple_of(60) => ((amount / 60).to_string(), "hour"),
            Self::Hour => (format!("{}.{}", amount / 60, amount % 60 * 10 / 60), "hour"),
        };
        let plural = if number == "1" { "" } else { "s" };
        format!("{number} {word}{plural}")
    }
}

/// What the tasks of a phase, or of the file, come to. The first of several numbers is the one to
/// say; the others are as good.
struct Sums<'w> {
    /// Without checkpoints, with them, and without optional tasks.
    tasks: Vec<u64>,
    /// With and without optional tasks; none, if a task has no hours.
    hours: Vec<u64>,
    /// The first and the last of them.
    ends: Option<(&'w str, &'w str)>,
}

struct Counter<'w> {
    file: &'w Input<'w>,
    whole: Sums<'w>,
    /// Headings of phases; without any the tasks of the first level that have parts.
    phases: BTreeMap<usize, Sums<'w>>,
    /// How many phases there are.
    count: Vec<u64>,
}

impl<'w> Counter<'w> {
    fn of(file: &'w Input<'w>, work: &'w Work<'w>) -> Self {
        let nodes = &file.document.nodes;
        let headings = file.document.nearest(|node| node.kind == NodeKind::Phase);
        let has_headings = headings.iter().any(Option::is_some);
        let mut is_leaf = vec![false; work.jobs.len()];
        work.leaves().for_each(|(j, _)| is_leaf[j] = true);
        let mut top: Vec<usize> = Vec::new();
        let mut groups: BTreeMap<usize, Vec<&Job<'_>>> = BTreeMap::new();
        for (j, job) in work.jobs.iter().enumerate() {
            top.push(job.above.map_or(j, |above| top[above]));
            let outermost =
                Some(work.jobs[top[j]].node).filter(|_| !has_headings && !is_leaf[top[j]]);
            if let Some(phase) = headings[job.node].or(outermost).filter(|_| is_leaf[j]) {
                groups.entry(phase).or_default().push(job);
            }
        }
        let leaves: Vec<&Job<'_>> =
            work.jobs.iter().zip(&is_leaf).filter(|(_, leaf)| **leaf).map(|(job, _)| job).collect();
        let sums = |jobs: &[&'w Job<'w>]| Sums::of(file, jobs);
        let whole = sums(&leaves);
        let firsts = work.jobs.iter().filter(|job| job.above.is_none());
        let count = match has_headings {
            true => vec![nodes.iter().filter(|node| node.kind == NodeKind::Phase).count() as u64],
            false => vec![
                groups.len() as u64,
                firsts.clone().filter(|job| !job.is_checkpoint).count() as u64,
                firsts.count() as u64,
            ],
        };
        let phases = groups.iter().map(|(phase, jobs)| (*phase, sums(jobs))).collect();
        Self { file, whole, phases, count }
    }

    fn check(&self, found: &mut Vec<Diagnostic>) {
        let nodes = &self.file.document.nodes;
        let mut by_id: HashMap<&str, usize> = HashMap::new();
        for phase in self.phases.keys() {
            if let Some(id) = nodes[*phase].id.as_deref() {
                by_id.entry(id).or_insert(*phase);
            }
        }
        let most = found.len() + MOST;
        for (n, node) in nodes.iter().enumerate() {
            match node.kind {
                _ if found.len() > most => break,
                NodeKind::Field => self.field(node, found),
                NodeKind::Table => self.table(n, &by_id, found),
                _ => {}
            }
        }
        for (phase, sums) in &self.phases {
            self.phase(&nodes[*phase], sums, found);
        }
    }

    /// `**Total:** 6 phases, 21 tasks, 58 hours`, and SmartSpec's three fields.
    fn field(&self, node: &Node, found: &mut Vec<Diagnostic>) {
        let alone = |unit| amount(&node.text, unit).map(|it| (it, unit));
        let head = node.text.split('(').next().unwrap_or_default();
        let claims: Vec<(u64, Unit)> = match node.id.as_deref().unwrap_or_default() {
            "Total" => head.split(',').filter_map(claim).collect(),
            "Total Tasks" => alone(Unit::Task).into_iter().collect(),
            "Total Phases" => alone(Unit::Phase).into_iter().collect(),
            "Estimated Effort" | "Total Effort" | "Total Hours" => {
                claim(head).filter(|it| it.1 == Unit::Hour).into_iter().collect()
            }
            _ => return,
        };
        for (written, unit) in claims {
            let counted = match unit {
                Unit::Phase => &self.count,
                Unit::Task => &self.whole.tasks,
                Unit::Hour => &self.whole.hours,
            };
            self.compare((node, None), "the total", (written, unit), counted, found);
        }
    }

    /// The hours of a phase, and the tasks that its heading names.
    fn phase(&self, node: &Node, sums: &Sums<'_>, found: &mut Vec<Diagnostic>) {
        let who =
            format!("phase {}", node.id.as_deref().or(node.ordinal.as_deref()).unwrap_or("?"));
        if let Some(written) = minutes(&node.text) {
            self.compare((node, None), &who, (written, Unit::Hour), &sums.hours, found);
        }
        let named = node.text.rsplit_once('(').and_then(|(_, rest)| rest.split_once(')'));
        if let Some((range, _)) = named {
            self.range((node, None), &who, range, sums, found);
        }
    }

    /// The rows of a table whose head names phases, and tasks or hours.
    fn table(&self, n: usize, by_id: &HashMap<&str, usize>, found: &mut Vec<Diagnostic>) {
        let node = &self.file.document.nodes[n];
        let rows = rows(self.file, n);
        let Some((head, rows)) = rows.split_first() else { return };
        let column = |name: &str| head.iter().position(|(cell, _)| cell.eq_ignore_ascii_case(name));
        let Some(phase) = column("phase") else { return };
        let (tasks, hours) = (column("tasks"), column("hours"));
        for row in rows {
            let named = row.get(phase).and_then(|(cell, _)| self.named(cell, by_id));
            let Some((who, sums)) = named else { continue };
            if let Some((cell, span)) = tasks.and_then(|at| row.get(at)) {
                let place = (node, Some(span.clone()));
                match amount(cell, Unit::Task).map(|it| (it, Unit::Task)) {
                    Some(written) => self.compare(place, &who, written, &sums.tasks, found),
                    None => self.range(place, &who, cell, sums, found),
                }
            }
            if let Some((cell, span)) = hours.and_then(|at| row.get(at))
                && let Some(written) = amount(cell, Unit::Hour)
            {
                let place = (node, Some(span.clone()));
                self.compare(place, &who, (written, Unit::Hour), &sums.hours, found);
            }
        }
    }

    /// Whom the first cell of a row is about: `Phase 1`, `1`, `Total`.
    fn named(&self, cell: &str, by_id: &HashMap<&str, usize>) -> Option<(String, &Sums<'_>)> {
        let words = cell.to_lowercase();
        if words == "total" {
            return Some(("the row of the total".into(), &self.whole));
        }
        let id = words.strip_prefix("phase").unwrap_or(&words).trim();
        let id = id.split(|c: char| !c.is_ascii_digit()).next().filter(|id| !id.is_empty())?;
        let sums = self.phases.get(by_id.get(id)?)?;
        Some((format!("the row of phase {id}"), sums))
    }

    /// `T001-T004`: from the first to the last of the tasks that are there.
    fn range(
        &self,
        (node, span): (&Node, Option<Range<usize>>),
        who: &str,
        range: &str,
        sums: &Sums<'_>,
        found: &mut Vec<Diagnostic>,
    ) {
        let names: Vec<&str> = range.split(['-', '–', '—']).map(str::trim).collect();
        let [first, last] = names.as_slice() else { return };
        let is_task = |name: &str| name.starts_with('T') && crate::ids::is_id(name);
        let ends =
            sums.ends.filter(|ends| (*first, *last) != *ends && is_task(first) && is_task(last));
        if let Some((one, other)) = ends {
            let message = format!("{who} says {first}-{last}, and counting gives {one}-{other}");
            found.push(finding(self.file, node, &rules::TOTAL, span, message));
        }
    }

    fn compare(
        &self,
        (node, span): (&Node, Option<Range<usize>>),
        who: &str,
        (written, unit): (u64, Unit),
        counted: &[u64],
        found: &mut Vec<Diagnostic>,
    ) {
        let Some(real) = counted.first().filter(|_| !counted.contains(&written)) else { return };
        let real = unit.shown(*real);
        let real = real.split(' ').next().unwrap_or_default();
        let message = format!("{who} says {}, and counting gives {real}", unit.shown(written));
        let said = finding(self.file, node, &rules::TOTAL, span, message);
        found.push(Diagnostic { help: Some(format!("write {real}")), ..said });
    }
}

impl<'w> Sums<'w> {
    fn of(file: &Input<'_>, jobs: &[&'w Job<'w>]) -> Self {
        let count = |is: fn(&Job<'_>) -> bool| jobs.iter().filter(|job| is(job)).count() as u64;
        let tasks = vec![
            count(|job| !job.is_checkpoint),
            count(|_| true),
            count(|job| !job.is_checkpoint && !job.is_optional),
            count(|job| !job.is_optional),
        ];
        let time = |job: &&&Job<'_>| match minutes(&file.document.nodes[job.node].text) {
            None if job.is_checkpoint => Some(0),
            other => other,
        };
        let all: Option<u64> = jobs.iter().map(|job| time(&job)).sum();
        let required = jobs.iter().filter(|job| !job.is_optional);
        let required: Option<u64> = required.map(|job| time(&job)).sum();
        let hours = all.into_iter().chain(required).filter(|sum| *sum > 0).collect();
        let ends = jobs.first().zip(jobs.last()).map(|(first, last)| (first.name, last.name));
        Self { tasks, hours, ends }
    }
}

/// `21 tasks`
fn claim(text: &str) -> Option<(u64, Unit)> {
    let (number, word) = text.trim().split_once(' ')?;
    let unit = match word.trim().trim_end_matches('s').to_lowercase().as_str() {
        "phase" => Unit::Phase,
        "task" => Unit::Task,
        "hour" => Unit::Hour,
        _ => return None,
    };
    amount(number, unit).map(|it| (it, unit))
}

/// A number with or without its unit: `4`, `4 tasks`, `~9h`, `1.5 hours`.
fn amount(text: &str, unit: Unit) -> Option<u64> {
    let text = text.trim().trim_start_matches(['~', '≈']).to_lowercase();
    let words: &[&str] = match unit {
        Unit::Phase => &["phases", "phase"],
        Unit::Task => &["tasks", "task"],
        Unit::Hour => &["hours", "hour", "hrs", "h"],
    };
    let bare = words.iter().find_map(|word| text.strip_suffix(word)).unwrap_or(&text).trim();
    let (whole, tenth) = bare.split_once('.').unwrap_or((bare, "0"));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 6 || !digits(whole) || tenth.len() != 1 || !digits(tenth) {
        return None;
    }
    let (whole, tenth) = (whole.parse::<u64>().ok()?, tenth.parse::<u64>().ok()?);
    match unit {
        Unit::Hour => Some(whole * 60 + tenth * 6),
        _ => (tenth == 0).then_some(whole),
    }
}

/// The minutes that stand in brackets behind words: `(~3h)`, `(4 hours)`, `(~30 min)`.
pub(super) fn minutes(text: &str) -> Option<u64> {
    text.split('(').skip(1).find_map(|rest| {
        let (inside, after) = rest.split_once(')')?;
        let is_told = inside.starts_with(['~', '≈']) || after.trim().is_empty();
        let bare = inside.trim_start_matches(['~', '≈']).trim();
        let words = ["minutes", "mins", "min", "m"];
        let short = words.iter().find_map(|word| bare.strip_suffix(word)).map(str::trim);
        let minutes = short.and_then(|number| number.parse::<u32>().ok().map(u64::from));
        let hours = || amount(bare, Unit::Hour).filter(|_| bare.ends_with(['h', 's', 'r']));
        minutes.or_else(hours).filter(|_| is_told)
    })
}

/// `**Duration:** 8 weeks` in a plan, against the weeks of its milestones.
fn weeks(file: &Input<'_>, found: &mut Vec<Diagnostic>) {
    let nodes = &file.document.nodes;
    let total = nodes.iter().find(|node| node.id.as_deref() == Some("Duration"));
    let weeks = total.and_then(|node| {
        let text = node.text.split(',').next().unwrap_or_default().to_lowercase();
        let number = text.strip_suffix("weeks").or(text.strip_suffix("week"))?.trim();
        Some((node, number.parse::<u64>().ok()?))
    });
    let Some((node, written)) = weeks else { return };
    let is_told = |it: &&Node| matches!(it.kind, NodeKind::Heading | NodeKind::Field);
    let ends = nodes.iter().filter(is_told).filter_map(last_week);
    if let Some(last) = ends.max().filter(|last| *last > written) {
        let message = format!(
            "the duration says {written} weeks, and the last milestone ends in week {last}"
        );
        found.push(finding(file, node, &rules::TOTAL, None, message));
    }
}

/// The last week that a milestone names: `Milestone 2 (Weeks 3-4)`, `**Weeks:** 3-4`.
fn last_week(node: &Node) -> Option<u64> {
    let lower = node.text.to_lowercase();
    let named = node.id.as_deref().is_some_and(|id| ["Week", "Weeks"].contains(&id));
    let after = match named {
        true => lower.as_str(),
        false => lower.split_once("week")?.1.trim_start_matches('s').strip_prefix(' ')?,
    };
    let numbers = after.split(|c: char| !c.is_ascii_digit() && !"-– ".contains(c)).next()?;
    let last = numbers.split(['-', '–', ' ']).rfind(|it| !it.is_empty())?;
    last.parse().ok().filter(|week| *week < 1_000)
}
