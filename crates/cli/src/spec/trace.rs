//! `specie spec trace`.

use std::path::Path;

use specie_engine::{Spec, form};
use specie_spec::trace::{Dangling, Trace, trace};

use super::{found_at, with_inputs};
use crate::fail::Fail;
use crate::out;

/// Shows which tasks are for which criteria.
pub fn show_trace(path: &Path, json: bool) -> Result<(), Fail> {
    let specs = found_at(path)?;
    let traces: Vec<_> = specs.iter().map(|spec| (spec, with_inputs(spec, trace))).collect();
    if json {
        out::json(&form::trace(&traces))?;
    } else {
        for (spec, trace) in &traces {
            show_one(spec, trace)?;
        }
    }
    let whole =
        |trace: &Trace| trace.dangling.is_empty() && trace.covered() == trace.criteria.len();
    if traces.iter().all(|(_, trace)| whole(trace)) { Ok(()) } else { Err(Fail::Found) }
}

fn show_one(spec: &Spec, trace: &Trace) -> Result<(), Fail> {
    let (covered, all) = (trace.covered(), out::count(trace.criteria.len(), "criterion"));
    let all = all.replace("criterions", "criteria");
    let tasks = out::count(trace.tasks.len(), "task");
    out::say(format!(
        "{}: {covered} of {all} named by tasks, {} of {tasks} naming criteria",
        spec.folder.display(),
        trace.traced()
    ))?;
    for it in &trace.criteria {
        let id = it.ordinal.as_deref().or(it.id.as_deref()).unwrap_or("?");
        let tasks = if it.tasks.is_empty() { "no task".into() } else { it.tasks.join(", ") };
        out::say(format!("  {id:8} {tasks}"))?;
    }
    trace.dangling.iter().try_for_each(|it| {
        let Dangling { path, line, kind, text } = it;
        out::say(format!("  {path}:{line}: there is no {} {text}", kind.as_str()))
    })
}
