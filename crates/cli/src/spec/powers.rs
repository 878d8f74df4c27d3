//! The powers at hand: those of the binary, of the repository, and those that were named.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::json;
use specie_engine::{PowersError, power_in, powers_of};
use specie_spec::power::{Power, lint};

use crate::fail::Fail;
use crate::out;

macro_rules! shipped {
    ($($name:literal)*) => {
        [$(($name, include_str!(concat!("../../../../powers/stripe-billing/", $name)))),*]
    };
}

/// The files of the power that ships in the binary.
const STRIPE_BILLING: &[(&str, &str)] = &shipped![
    "POWER.md"
    "concepts.toml"
    "slots.toml"
    "questions.toml"
    "fragments/10-overview.toml"
    "fragments/20-requirements.toml"
    "fragments/21-on-request.toml"
    "fragments/30-functional.toml"
    "fragments/40-data-model.toml"
    "fragments/50-design.toml"
    "fragments/60-review.toml"
    "fragments/70-tasks.toml"
    "fragments/80-catalog.toml"
    "stacks/node-express.toml"
    "stacks/others.toml"
    "stacks/rust-axum.toml"
];

/// See `specie spec powers --help`.
#[derive(Subcommand)]
pub enum What {
    /// Lists the powers at hand.
    #[command(after_help = "Examples:\n  specie spec powers list --json")]
    List,
    /// Checks a power: names, conditions, texts, and what needs what.
    #[command(
        after_help = "Examples:\n  specie spec powers lint examples/powers/accounts\n\nExit code 3 when something is wrong."
    )]
    Lint {
        /// Its folder.
        folder: PathBuf,
    },
}

/// The power that ships in the binary.
fn shipped() -> Result<Power, Fail> {
    let files: BTreeMap<String, String> =
        STRIPE_BILLING.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect();
    Power::read(&files)
        .map_err(|error| Fail::Failed(format!("the shipped power cannot be read: {error}")))
}

/// All powers at hand; a named one comes before one of the repository, and that before the shipped.
pub fn at_hand(root: &Path, named: &[PathBuf]) -> Result<Vec<Power>, Fail> {
    let mut all: Vec<Power> = Vec::new();
    for folder in named {
        all.push(power_in(folder).map_err(wrong)?);
    }
    all.extend(powers_of(root).map_err(wrong)?);
    all.push(shipped()?);
    let mut names = Vec::new();
    all.retain(|it| {
        !names.contains(&it.name) && {
            names.push(it.name.clone());
            true
        }
    });
    Ok(all)
}

fn wrong(error: PowersError) -> Fail {
    Fail::Input(error.to_string())
}

/// Does it.
pub fn run(what: &What, as_json: bool) -> Result<(), Fail> {
    match what {
        What::List => list(as_json),
        What::Lint { folder } => check(folder, as_json),
    }
}

fn list(as_json: bool) -> Result<(), Fail> {
    let all = at_hand(&specie_engine::root_of(Path::new(".")), &[])?;
    if as_json {
        let form = |it: &Power| json!({ "name": it.name, "version": it.version, "title": it.title, "description": it.description, "keywords": it.keywords });
        return out::json(&all.iter().map(form).collect::<Vec<_>>());
    }
    all.iter().try_for_each(|it| out::say(format!("{:20} {}", it.name, it.description)))
}

fn check(folder: &Path, as_json: bool) -> Result<(), Fail> {
    let power = power_in(folder).map_err(wrong)?;
    let faults = lint(&power);
    if as_json {
        let form =
            |it: &specie_spec::power::Fault| json!({ "where": it.place, "message": it.what });
        out::json(
            &json!({ "power": power.name, "faults": faults.iter().map(form).collect::<Vec<_>>() }),
        )?;
    } else {
        faults.iter().try_for_each(|it| out::say(format!("{}: {}", it.place, it.what)))?;
        out::say(format!("{}: {}", power.name, out::count(faults.len(), "fault")))?;
    }
    if faults.is_empty() { Ok(()) } else { Err(Fail::Found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binary_holds_every_file_of_the_power() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../powers/stripe-billing");
        let mut there: Vec<String> = Vec::new();
        for inside in ["", "fragments/", "stacks/"] {
            for entry in std::fs::read_dir(root.join(inside)).unwrap() {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_file() {
                    there.push(format!("{inside}{}", entry.file_name().to_string_lossy()));
                }
            }
        }
        let mut held: Vec<&str> = STRIPE_BILLING.iter().map(|(name, _)| *name).collect();
        held.sort_unstable();
        there.sort_unstable();
        assert_eq!(held, there);
        assert_eq!(lint(&shipped().unwrap()), Vec::new());
    }
}
