//! `specie spec approvers`.

use std::path::Path;

use clap::{Args, Subcommand};
use specie_engine::ledger::entry::{Levels, What, is_name, levels_text};
use specie_engine::ledger::{Approver, PublicKey, form};

use super::approve::Level;
use super::desk::{Decision, Desk, told};
use super::{key, wrong};
use crate::fail::Fail;
use crate::out;

/// See `specie spec approvers --help`.
#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: Option<Change>,
}

#[derive(Subcommand)]
enum Change {
    /// Lets somebody approve, or changes at which levels. The first one lets themself in.
    #[command(
        after_help = "Examples:\n  specie spec approvers add ada --levels spec,plan,task\n  specie spec approvers add bob --levels task --key ed25519:4bb6…"
    )]
    Add {
        /// How they are called, without blanks.
        name: String,
        /// Where they may approve.
        #[arg(long, value_enum, value_delimiter = ',', required = true)]
        levels: Vec<Level>,
        /// Their public key; your own when it is left away.
        #[arg(long)]
        key: Option<PublicKey>,
    },
    /// Lets somebody approve no longer. What they approved so far holds.
    #[command(after_help = "Examples:\n  specie spec approvers remove bob")]
    Remove {
        /// How they are called.
        name: String,
        /// Which key, when two are called so.
        #[arg(long)]
        key: Option<PublicKey>,
    },
    /// Shows the public half of your own key; makes the key at first use.
    #[command(after_help = "Examples:\n  specie spec approvers key")]
    Key,
    /// Writes `.specie/approvers` as the ledger has it, say after a merge.
    #[command(after_help = "Examples:\n  specie spec approvers restore")]
    Restore,
}

/// Does it.
pub fn run(arguments: &Arguments, json: bool) -> Result<(), Fail> {
    match &arguments.what {
        None => list(json),
        Some(Change::Key) => key::show(json),
        Some(Change::Restore) => {
            let desk = Desk::at(Path::new("."))?;
            desk.store.write_approvers(&desk.ledger).map_err(wrong)?;
            list(json)
        }
        Some(Change::Add { name, levels, key }) => {
            let levels = levels.iter().map(|level| (*level).into()).collect();
            add(name, levels, *key, json)
        }
        Some(Change::Remove { name, key }) => remove(name, *key, json),
    }
}

fn list(json: bool) -> Result<(), Fail> {
    let desk = Desk::at(Path::new("."))?;
    if json {
        return out::json(&form::approvers(&desk.ledger));
    }
    if desk.ledger.approvers().is_empty() {
        return out::say("this repository has no approvers");
    }
    let all = desk.ledger.approvers().iter();
    all.map(|(key, it)| line(&it.name, &it.levels, key)).try_for_each(out::say)
}

fn line(name: &str, levels: &Levels, key: &PublicKey) -> String {
    format!("{name:16} {:16} {key}", levels_text(levels))
}

fn add(name: &str, levels: Levels, key: Option<PublicKey>, json: bool) -> Result<(), Fail> {
    if !is_name(name) {
        return Err(Fail::Input(format!(
            "`{}` is no name, expected at most 64 letters and signs without blanks",
            name.escape_debug()
        )));
    }
    let desk = Desk::at(Path::new("."))?;
    let own = key::read().map(|file| file.public);
    let key = match key {
        Some(key) => key,
        None => own?,
    };
    let first = desk.ledger.is_empty();
    if first {
        begin(&desk, &key)?;
    }
    let said = line(name, &levels, &key);
    let shown = match (first, desk.ledger.approvers().get(&key)) {
        (true, _) => format!(
            "You become the first approver of this repository:\n+ {said}\nNobody vouches for that but you: show the others your key."
        ),
        (false, Some(was)) => format!("- {}\n+ {said}", line(&was.name, &was.levels, &key)),
        (false, None) => format!("+ {said}"),
    };
    let levels_shown = levels_text(&levels);
    let what = What::Approver { name: name.into(), key, levels };
    change(&desk, what, shown, &format!("{name} may approve at level {levels_shown}"), json)
}

/// Whether a repository may begin with this key.
fn begin(desk: &Desk, key: &PublicKey) -> Result<(), Fail> {
    if desk.store.beside().map_err(wrong)?.approvers.is_some() {
        return Err(Fail::Input("`.specie/approvers` is there, and the ledger that says who they are is not\n\nhint: take `.specie/ledger` back from git; or remove `.specie/approvers` to begin anew".into()));
    }
    match key::read()?.public == *key {
        true => Ok(()),
        false => Err(Fail::Input("the first approver lets themself in, and this key is not yours\n\nhint: leave `--key` away; then add the others".into())),
    }
}

fn remove(name: &str, key: Option<PublicKey>, json: bool) -> Result<(), Fail> {
    let desk = Desk::at(Path::new("."))?;
    let all = desk.ledger.approvers();
    let is =
        |(of, it): &(&PublicKey, &Approver)| it.name == name && key.is_none_or(|key| key == **of);
    let found: Vec<(&PublicKey, &Approver)> = all.iter().filter(is).collect();
    let (key, was) = match found.as_slice() {
        [one] => *one,
        [] => {
            let known: Vec<&str> = all.values().map(|it| it.name.as_str()).collect();
            let known = if known.is_empty() { "nobody".into() } else { known.join(", ") };
            return Err(Fail::Input(format!(
                "there is no approver `{name}`, expected one of: {known}"
            )));
        }
        _ => {
            return Err(Fail::Input(format!(
                "{} keys are called `{name}`\n\nhint: `--key` says which; `specie spec approvers` lists them",
                found.len()
            )));
        }
    };
    let mut shown = format!("- {}", line(name, &was.levels, key));
    let others = all.iter().filter(|(of, _)| *of != key).flat_map(|(_, it)| it.levels.iter());
    let lost = &was.levels - &others.copied().collect();
    if !lost.is_empty() {
        shown.push_str(&format!("\nNobody is left who approves at level {}.", levels_text(&lost)));
    }
    let what = What::Approver { name: name.into(), key: *key, levels: Levels::new() };
    change(&desk, what, shown, &format!("{name} may approve no longer"), json)
}

fn change(desk: &Desk, what: What, shown: String, done: &str, json: bool) -> Result<(), Fail> {
    let kind = "a change of the approvers";
    let question = "Change the approvers so?";
    let written = desk.decide(Decision { kind, what, shown, question, texts: Vec::new() })?;
    desk.store.write_approvers(&written.0).map_err(wrong)?;
    told(&written, done, json)
}
