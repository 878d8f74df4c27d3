//! `specie spec sync`: spec, plan and tasks brought in line.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use specie_engine::carry::Step;
use specie_engine::make::{Action, Writing};
use specie_engine::sync::{Finding, Sync, SyncError, Weight, sync};

use super::make::Place;
use super::now::{self, Now};
use super::{amend, gate};
use crate::fail::Fail;
use crate::out;

/// See `specie spec sync --help`.
#[derive(Args)]
pub struct Arguments {
    /// The folder of a spec, or a file of it.
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Changes nothing; exit code 3 when something differs.
    #[arg(long, alias = "check-only", conflicts_with = "apply")]
    check: bool,
    /// Makes the proposed edits.
    #[arg(long, alias = "auto-update")]
    apply: bool,
    /// Writes `sync-report-YYYYMMDD.md` beside the spec.
    #[arg(long)]
    write: bool,
    /// A power beside those at hand: its folder.
    #[arg(long)]
    power: Vec<PathBuf>,
    #[command(flatten)]
    now: Now,
}

/// Does it.
pub fn run(arguments: &Arguments, as_json: bool) -> Result<(), Fail> {
    let place = match arguments.apply {
        true => Place::to_change(&arguments.path)?.0,
        false => Place::of(&arguments.path)?,
    };
    let power = place.power(&arguments.power)?;
    let found =
        sync(&place.root, &place.folder, place.locked()?, &power).map_err(|error| match error {
            SyncError::File(error) => super::wrong(error),
            SyncError::Make(error) => Fail::Failed(error.to_string()),
        })?;
    if arguments.apply {
        if found.changes.iter().any(|it| !it.conflicts.is_empty()) {
            return Err(amend::conflicts(&found.changes));
        }
        gate::before_apply(&place.root, &place.folder, &found.changes)?;
        if place.lock.specs.get(&place.folder) != Some(&found.locked) || !found.changes.is_empty() {
            Step::of(&place.folder, &found.changes, found.locked.clone())
                .carry_out(&place.root)
                .map_err(super::wrong)?;
        }
    }
    let report = if arguments.write { Some(write(arguments, &place, &found)?) } else { None };
    tell(arguments, &found, report.as_ref(), as_json)?;
    match arguments.check && found.status() != "IN_SYNC" {
        true => Err(Fail::Found),
        false => Ok(()),
    }
}

fn tell(
    arguments: &Arguments,
    found: &Sync,
    report: Option<&Writing>,
    as_json: bool,
) -> Result<(), Fail> {
    if as_json {
        let finding = |it: &specie_engine::sync::Finding| json!({ "kind": it.kind, "weight": it.weight.as_str(), "what": it.what, "action": it.action });
        return out::json(&json!({
            "schema": "specie.spec.sync/1",
            "status": found.status(),
            "findings": found.findings.iter().map(finding).collect::<Vec<_>>(),
            "files": found.changes.iter().map(amend::form).collect::<Vec<_>>(),
            "applied": arguments.apply,
            "report": report.map(|it| it.path.clone()),
        }));
    }
    for it in &found.findings {
        out::say(format!(
            "{:6} {}: {}\n{:7}{}",
            it.weight.as_str(),
            it.kind,
            it.what,
            "",
            it.action
        ))?;
    }
    found.changes.iter().try_for_each(amend::show)?;
    if let Some(report) = report {
        super::tell_writing(report, false)?;
    }
    out::say(match (found.status(), arguments.apply) {
        ("OUT_OF_SYNC", true) => "OUT_OF_SYNC until now: the edits are made",
        ("OUT_OF_SYNC", false) => "OUT_OF_SYNC: `--apply` makes the edits",
        (status, _) => status,
    })
}

/// The report, in SmartSpec's form; one that says something else is kept.
fn write(arguments: &Arguments, place: &Place, found: &Sync) -> Result<Writing, Fail> {
    let now = arguments.now.get()?;
    let day = now.strftime("%Y%m%d").to_string();
    let text = report(found, &now::minute(now));
    let minute = now.strftime("%H%M").to_string();
    for behind in [String::new(), format!("-{minute}")] {
        let path = format!("{}/sync-report-{day}{behind}.md", place.folder);
        let one =
            Writing::of(&place.root, &path, text.clone(), None, false).map_err(super::wrong)?;
        if one.action != Action::Beside || !behind.is_empty() {
            one.write(&place.root).map_err(super::wrong)?;
            return Ok(one);
        }
    }
    Err(Fail::Failed("the report has no free name".into()))
}

fn report(found: &Sync, generated: &str) -> String {
    let mut text =
        format!("# Sync Report\n\n**Generated:** {generated}\n**Status:** {}\n", found.status());
    let mut section = |title: &str, lines: Vec<String>, none: &str| {
        let _ = write!(text, "\n**{title}:**\n\n");
        if lines.is_empty() {
            let _ = writeln!(text, "{none}");
        }
        for (n, line) in lines.iter().enumerate() {
            let _ = writeln!(text, "{}. {line}", n + 1);
        }
    };
    let (critical, others): (Vec<_>, Vec<_>) =
        found.findings.iter().partition(|it| it.weight == Weight::High);
    let told = |all: Vec<&Finding>| {
        all.iter()
            .map(|it| format!("**{}** ({}): {}", it.kind, it.weight.as_str(), it.what))
            .collect()
    };
    section("Critical Issues", told(critical), "None.");
    section("Other Differences", told(others), "None.");
    let mut actions: Vec<String> = found.findings.iter().map(|it| it.action.clone()).collect();
    actions.dedup();
    section("Recommended Actions", actions, "None.");
    let files = found
        .changes
        .iter()
        .map(|it| format!("`{}`: {}", it.path, out::count(it.changes.len(), "edit")));
    section("Proposed Edits", files.collect(), "None.");
    text
}
