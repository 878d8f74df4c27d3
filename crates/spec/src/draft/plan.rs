//! `plan.md`: milestones, critical path, people and risks.

use super::tasks::{Form, facts_of, number, phase_hours, phase_title};
use super::{Draft, Page};
use crate::power::FragmentKind;

/// How many hours of a week somebody works on it.
const WEEK: i64 = 30;

/// The team in tenths of people, at least one.
fn team(draft: &Draft<'_>) -> i64 {
    let tenths = |it: &str| {
        let (whole, part) = it.split_once('.').unwrap_or((it, "0"));
        let part: i64 = part.chars().next().and_then(|it| it.to_digit(10)).unwrap_or(0).into();
        whole.parse::<i64>().unwrap_or(0) * 10 + part
    };
    let all: i64 = draft.of_kind(FragmentKind::Role).map(|it| tenths(it.text("people"))).sum();
    all.max(10)
}

/// The team size, in words: `2`, `2.5`.
pub(super) fn people(draft: &Draft<'_>) -> String {
    let team = team(draft);
    if team % 10 == 0 { (team / 10).to_string() } else { format!("{}.{}", team / 10, team % 10) }
}

/// The hour at which each phase can be over: not before its longest chain of tasks, nor before the
/// team has done it and all phases before it.
fn ends(draft: &Draft<'_>) -> Vec<i64> {
    let earliest = draft.work.earliest_ends();
    let (mut done, mut last, mut all) = (0, 0, Vec::new());
    for (p, phase) in draft.work.phases.iter().enumerate() {
        done += phase_hours(draft, p);
        let chain = phase.tasks.iter().map(|n| earliest[*n]).max().unwrap_or(0);
        last = last.max(chain).max((done * 10 + team(draft) - 1) / team(draft));
        all.push(last);
    }
    all
}

fn in_weeks(hours: i64) -> i64 {
    ((hours + WEEK - 1) / WEEK).max(1)
}

/// How long it takes, in weeks.
pub(super) fn weeks(draft: &Draft<'_>) -> i64 {
    in_weeks(ends(draft).last().copied().unwrap_or(0))
}

/// `plan.md`
pub(super) fn plan(draft: &Draft<'_>) -> Page {
    let mut page = Page::new("plan.md", draft.base());
    let all: Vec<usize> = (0..draft.work.tasks.len()).collect();
    let facts = facts_of(draft, &all);
    page.lay(format!("# Project Plan - {}", draft.names.title));
    page.lay("");
    if draft.is_draft {
        page.lay("**Status:** DRAFT");
    }
    page.lay(format!("**Generated:** {}", draft.names.generated));
    page.lay(format!("**Author:** {}", draft.names.author));
    page.put(format!("**Timeline:** {} weeks", weeks(draft)), "totals", facts.clone());
    page.put(format!("**Team Size:** {} people", people(draft)), "totals", facts.clone());
    page.head("## Executive Summary");
    page.lay(format!("**Objective:** {}", draft.names.title));
    let text = format!("**Duration:** {} weeks, {} hours", weeks(draft), draft.work.hours());
    page.put(text, "totals", facts.clone());
    let path: Vec<String> = draft
        .work
        .critical_path()
        .iter()
        .map(|n| {
            format!(
                "{} {}",
                number(draft, *n, form(draft)),
                draft.pieces[draft.work.tasks[*n].piece].text("title")
            )
        })
        .collect();
    page.put(format!("**Critical Path:** {}", path.join(" → ")), "critical-path", facts);
    page.head("## Milestones");
    milestones(draft, &mut page);
    page.head("## Resource Requirements");
    resources(draft, &mut page);
    page.head("## Risk Assessment");
    risks(draft, &mut page);
    page
}

/// Specs of SmartSpec's have an id, and their tasks are called T001.
fn form(draft: &Draft<'_>) -> Form {
    if draft.names.id.is_empty() { Form::Kiro } else { Form::SmartSpec }
}

fn milestones(draft: &Draft<'_>, page: &mut Page) {
    let mut start = 0;
    for (p, end) in ends(draft).into_iter().enumerate() {
        let phase = &draft.work.phases[p];
        let facts = facts_of(draft, &phase.tasks);
        let (first, last) = ((start / WEEK) + 1, in_weeks(end));
        let weeks =
            if first >= last { format!("Week {last}") } else { format!("Weeks {first}-{last}") };
        start = end;
        page.gap();
        let nth = phase.number;
        let text = format!("### Milestone {nth}: {} ({weeks})", phase_title(draft, p));
        page.put(text, &format!("area:{}", phase.area), facts.clone());
        page.lay("");
        page.lay("**Deliverables:**");
        for n in &phase.tasks {
            let piece = &draft.pieces[draft.work.tasks[*n].piece];
            let text = format!(
                "- {} ({}, {}h)",
                piece.text("title"),
                number(draft, *n, form(draft)),
                draft.work.tasks[*n].hours
            );
            let mut facts = facts_of(draft, &[*n]);
            facts.extend(piece.facts(&["title"]));
            page.put(text, &piece.id, facts);
        }
        page.lay("");
        page.lay("**Success Criteria:**");
        let mut numbers: Vec<(usize, usize)> = phase
            .tasks
            .iter()
            .flat_map(|n| &draft.work.tasks[*n].criteria)
            .filter_map(|it| draft.numbers.criteria.get(it).copied())
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        let numbers: Vec<String> =
            numbers.iter().map(|(requirement, n)| format!("{requirement}.{n}")).collect();
        let text = match numbers.is_empty() {
            true => "- What the phases behind it need is there".to_owned(),
            false => format!(
                "- The parts of criteria {} that these tasks are for hold",
                numbers.join(", ")
            ),
        };
        page.put(text, &format!("area:{}", phase.area), facts.clone());
        page.put(format!("- The checkpoint of phase {nth} is passed"), "checkpoint", facts);
    }
}

fn resources(draft: &Draft<'_>, page: &mut Page) {
    page.lay("**Team:**");
    for role in draft.of_kind(FragmentKind::Role) {
        page.say(
            format!("- {} ({})", role.text("text"), role.text("people")),
            role,
            &["text", "people"],
        );
    }
    page.lay("");
    page.lay("**Skills:**");
    super::sections::list(draft, page, FragmentKind::Skill, "None beside the stack.");
}

fn risks(draft: &Draft<'_>, page: &mut Page) {
    page.lay("| Risk | Impact | Probability | Mitigation |");
    page.lay("|------|--------|-------------|------------|");
    for risk in draft.of_kind(FragmentKind::Risk) {
        let cells = ["text", "impact", "probability", "mitigation"].map(|it| risk.text(it));
        page.say(format!("| {} |", cells.join(" | ")), risk, &["text", "mitigation"]);
    }
}
