//! `specie completions`: a script for a shell.

use clap::{Args, Command};
use clap_complete::{Shell, generate};

use crate::fail::Fail;
use crate::out;

/// See `specie completions --help`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  specie completions bash > ~/.local/share/bash-completion/completions/specie\n  specie completions zsh > \"${fpath[1]}/_specie\"\n  specie completions fish > ~/.config/fish/completions/specie.fish"
)]
pub struct Arguments {
    /// Which shell.
    shell: Shell,
}

/// Writes the script to stdout.
pub fn run(arguments: &Arguments, mut command: Command) -> Result<(), Fail> {
    let mut script = Vec::new();
    generate(arguments.shell, &mut command, "specie", &mut script);
    out::bytes(&script)
}
