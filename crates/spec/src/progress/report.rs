//! The progress report, in SmartSpec's form.

use std::collections::HashSet;
use std::fmt::Write as _;

use super::{Advice, Blocker, Phase, Progress, TaskProgress};

/// `progress-report-YYYYMMDD.md`: overall, by phase and task, what blocks, what to do. `spec` names
/// the spec, `date` is the day, `2026-11-21`.
pub fn report(
    (spec, date): (&str, &str),
    tasks: &[TaskProgress],
    phases: &[Phase],
    blockers: &[Blocker],
    advice: &[Advice],
) -> String {
    let mut out =
        format!("# Implementation Progress Report\n\n**Spec:** {spec}\n**Generated:** {date}\n\n");
    overall(&mut out, tasks);
    by_phase(&mut out, phases);
    by_task(&mut out, tasks, phases);
    out.push_str("---\n\n## ⚠️ Blockers\n\n");
    if blockers.is_empty() {
        out.push_str("None: no evidence failed, and nothing is marked as blocked.\n");
    }
    for (n, it) in blockers.iter().enumerate() {
        let impact = match it.impact.as_slice() {
            [] => "no task waits for it".to_owned(),
            all => format!("Blocks {}", all.join(", ")),
        };
        let (id, why, action) = (&it.id, &it.why, &it.action);
        let _ = writeln!(
            out,
            "{}. **{id}:** {why}\n   - Impact: {impact}\n   - Action: {action}",
            n + 1
        );
    }
    out.push_str("\n---\n\n## 📋 Recommendations\n\n### Immediate Actions\n\n");
    if advice.is_empty() {
        out.push_str("None: every task is complete, and nothing speaks against one.\n");
    }
    for (n, it) in advice.iter().enumerate() {
        let command = it.command.as_ref().map(|it| format!(": `{it}`")).unwrap_or_default();
        let _ = writeln!(out, "{}. {}{command}", n + 1, it.text);
    }
    out
}

/// A share in whole percent, which is 100 for the whole alone.
fn percent(part: usize, whole: usize) -> usize {
    match (part, whole) {
        (_, 0) => 0,
        (part, whole) if part == whole => 100,
        (part, whole) => ((200 * part + whole) / (2 * whole)).min(99),
    }
}

fn overall(out: &mut String, tasks: &[TaskProgress]) {
    let counted = || tasks.iter().filter(|it| it.task.counts);
    let (all, done) = (counted().count(), counted().filter(|it| it.is_complete()).count());
    let of = |progress: Progress| counted().filter(|it| it.progress == progress).count();
    let share = percent(done, all);
    let _ = writeln!(out, "**Overall Progress:** {done}/{all} tasks complete ({share}%)");
    let told: Vec<String> =
        Progress::ALL.iter().map(|it| format!("{} {}", of(*it), it.as_str())).collect();
    let _ = writeln!(out, "**Evidence:** {}\n", told.join(", "));
}

fn by_phase(out: &mut String, phases: &[Phase]) {
    out.push_str("**Phase Progress:**\n\n");
    if phases.is_empty() {
        out.push_str("The tasks are not grouped into phases.\n\n");
        return;
    }
    out.push_str("| Phase | Tasks | Complete | In Progress | Not Started | Status |\n");
    out.push_str("|-------|-------|----------|-------------|-------------|--------|\n");
    for it in phases {
        let (name, state) = (it.name(), it.state().words());
        let (all, done, begun, left) =
            (it.tasks.len(), it.complete, it.in_progress, it.not_started);
        let _ = writeln!(out, "| {name} | {all} | {done} | {begun} | {left} | {state} |");
    }
    out.push('\n');
}

fn by_task(out: &mut String, tasks: &[TaskProgress], phases: &[Phase]) {
    for phase in phases {
        let _ = writeln!(out, "### {}: {}\n", phase.name(), phase.title);
        phase.tasks.iter().for_each(|n| line(out, &tasks[*n]));
        out.push('\n');
    }
    let inside: HashSet<usize> = phases.iter().flat_map(|it| &it.tasks).copied().collect();
    let outside = tasks.iter().enumerate().filter(|(n, _)| !inside.contains(n));
    let outside: Vec<_> = outside.map(|(_, it)| it).filter(|it| it.task.counts).collect();
    if !outside.is_empty() {
        out.push_str(if phases.is_empty() {
            "### Tasks\n\n"
        } else {
            "### Outside the phases\n\n"
        });
        outside.into_iter().for_each(|it| line(out, it));
        out.push('\n');
    }
}

/// `- ✅ 100 % T001: Words (verified)`
fn line(out: &mut String, it: &TaskProgress) {
    let (all, ticked) = it.task.criteria_ticked;
    let done = match (it.is_complete(), it.is_begun()) {
        (true, _) => "✅ 100 %".to_owned(),
        (_, true) if ticked > 0 && ticked < all => format!("🟦 {} %", percent(ticked, all)),
        (_, true) => "🟨 started".to_owned(),
        _ => "⬜".to_owned(),
    };
    let (name, title, progress) = (it.task.name(), it.task.short_title(), it.progress.as_str());
    let why = match it.progress {
        Progress::Contradicted | Progress::Stale => format!(": {}", it.because.join("; ")),
        _ => String::new(),
    };
    let _ = writeln!(out, "- {done} {name}: {title} ({progress}{why})");
}
