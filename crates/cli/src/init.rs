//! `specie init`: the files a project begins with.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use clap::Args;
use specie_billing::SAASKIT;

use crate::config::CATALOG;
use crate::fail::Fail;

/// What each setting is and where it comes from.
const ENVIRONMENT: &str = include_str!("../../../.env.example");

/// See `specie init --help`.
#[derive(Args)]
#[command(after_help = "Examples:\n  specie init\n  specie init && specie dev")]
pub struct Arguments {}

/// Writes what is not there yet; overwrites nothing.
pub fn run(_: &Arguments) -> Result<(), Fail> {
    for (name, text) in [(CATALOG, SAASKIT), (".env.example", ENVIRONMENT)] {
        let path = Path::new(name);
        match OpenOptions::new().write(true).create_new(true).open(path) {
            Ok(mut file) => {
                let written = file.write_all(text.as_bytes());
                written.map_err(|error| Fail::Failed(format!("`{name}`: {error}")))?;
                println!("wrote {name}");
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                println!("kept  {name}, which was there");
            }
            Err(error) => {
                return Err(Fail::Input(format!("`{name}` cannot be written: {error}")));
            }
        }
    }
    println!("\nnext: change the plans in {CATALOG}, then `specie dev`");
    Ok(())
}
