//! `specie spec ledger`.

use std::path::Path;

use clap::{Args, Subcommand};
use specie_engine::ledger::entry::{Approval, By, Scope, What, levels_text};
use specie_engine::ledger::{Digest, Fault, Judged, Ledger, form, verify};
use specie_spec::diff::visible;

use super::desk::Desk;
use super::wrong;
use crate::fail::Fail;
use crate::out;

/// See `specie spec ledger --help`.
#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: Option<Look>,
}

#[derive(Subcommand)]
enum Look {
    /// Names every entry that was changed, is missing, not signed or not allowed.
    #[command(
        after_help = "Examples:\n  specie spec ledger verify\n  specie spec ledger verify --head 90e8d8f9…\n\nExit code 3 when there is one. Whether the newest entries were taken away cannot be told\nfrom the files alone: git's history tells, or `--head` with an entry that you know of."
    )]
    Verify {
        /// An entry that must be there, by its digest; more than one may be given.
        #[arg(long, value_name = "DIGEST")]
        head: Vec<Digest>,
    },
}

/// Does it.
pub fn run(arguments: &Arguments, json: bool) -> Result<(), Fail> {
    let desk = Desk::at(Path::new("."))?;
    match &arguments.what {
        None if json => out::json(&form::ledger(&desk.ledger)),
        None => desk.ledger.entries().try_for_each(|it| out::say(line(&desk.ledger, it))),
        Some(Look::Verify { head }) => check(&desk, head, json),
    }
}

fn check(desk: &Desk, expected: &[Digest], json: bool) -> Result<(), Fail> {
    let beside = desk.store.beside().map_err(wrong)?;
    let faults = verify(&desk.ledger, &beside, expected);
    if json {
        out::json(&form::verified(&desk.ledger, &faults))?;
    } else {
        for Fault { kind, path, message } in &faults {
            let (path, message) = (visible(path.as_bytes()), visible(message.as_bytes()));
            out::say(format!("{path}: {}: {message}", kind.as_str()))?;
        }
        let (people, rules) = desk.ledger.counts();
        let entries = people + rules;
        let all = if entries == 1 { "1 entry".into() } else { format!("{entries} entries") };
        let found = out::count(faults.len(), "fault");
        out::say(format!("{all} that count, {people} by people, {rules} by rule; {found}"))?;
        desk.ledger.heads().iter().try_for_each(|head| out::say(format!("head {head}")))?;
    }
    if faults.is_empty() { Ok(()) } else { Err(Fail::Found) }
}

fn line(ledger: &Ledger, it: Judged<'_>) -> String {
    let by = match it.entry.by {
        By::Rule(_) => "by rule".to_owned(),
        By::Key(key) => ledger.name_of(&key).map_or_else(|| key.to_string(), str::to_owned),
    };
    let what = visible(what(&it.entry.what).as_bytes());
    let void = match (it.verdict, it.disputed) {
        (Err(why), _) => format!(", but counts for nothing: {why}"),
        (Ok(_), Some(why)) => format!(", though {why}"),
        (Ok(_), None) => String::new(),
    };
    format!("{} {} {by:12} {what}{void}", it.digest.short(), it.entry.at)
}

fn what(what: &What) -> String {
    match what {
        What::Mode { spec, mode } => format!("mode {} for {spec}", mode.as_str()),
        What::Approver { name, levels, .. } if levels.is_empty() => format!("removes {name}"),
        What::Approver { name, levels, .. } => {
            format!("lets {name} approve at level {}", levels_text(levels))
        }
        What::Approval(Approval { spec, scope, .. }) => match scope {
            Scope::Task(id) => format!("approves task {id} of {spec}"),
            Scope::Files(id) => format!("approves the files of task {id} of {spec}"),
            _ => format!("approves the {} of {spec}", scope.as_str()),
        },
    }
}
