//! `specie init`: the files a project begins with.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;

use clap::Args;
use serde_json::json;
use specie_billing::SAASKIT;

use crate::config::CATALOG;
use crate::fail::Fail;
use crate::out;

/// What each setting is and where it comes from.
const ENVIRONMENT: &str = include_str!("../../../.env.example");

/// See `specie init --help`.
#[derive(Args)]
#[command(after_help = "Examples:\n  specie init\n  specie init && specie dev")]
pub struct Arguments {
    /// One JSON document on stdout: `wrote` and `kept`.
    #[arg(long)]
    json: bool,
}

/// Writes what is not there yet; overwrites nothing.
pub fn run(arguments: &Arguments) -> Result<(), Fail> {
    let (mut wrote, mut kept) = (Vec::new(), Vec::new());
    for (name, text, what) in [
        (CATALOG, SAASKIT, "what you sell: the SaaSKit plans, to be changed"),
        (".env.example", ENVIRONMENT, "the settings of `specie serve`, each explained"),
    ] {
        if write(name, text)? {
            wrote.push(name);
            tell(arguments, &format!("wrote {name:<13} {what}"))?;
        } else {
            kept.push(name);
            tell(arguments, &format!("kept  {name:<13} it was there already"))?;
        }
    }
    if arguments.json {
        return out::json(&json!({ "wrote": wrote, "kept": kept }));
    }
    out::say(
        "\nNext: change the plans in specie.toml, `specie catalog check`, then `specie dev`.\n\
         For `specie serve` copy .env.example to .env, and keep that out of version control.",
    )
}

fn tell(arguments: &Arguments, line: &str) -> Result<(), Fail> {
    if arguments.json { Ok(()) } else { out::say(line) }
}

/// False, if something of that name is there already, a dangling link included.
fn write(name: &str, text: &str) -> Result<bool, Fail> {
    let opened = OpenOptions::new().write(true).create_new(true).open(Path::new(name));
    let unwritable = |error: std::io::Error| {
        Fail::Input(format!(
            "`{name}` cannot be written: {error}\n\nhint: make this folder writable, or go to another one"
        ))
    };
    match opened {
        Ok(mut file) => file.write_all(text.as_bytes()).map(|()| true).map_err(unwritable),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(unwritable(error)),
    }
}
