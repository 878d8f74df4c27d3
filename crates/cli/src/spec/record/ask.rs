//! Whether what a repository says may be run: whoever sits at the terminal says so.

use std::io::{IsTerminal, Write};
use std::path::Path;

use specie_spec::progress::{Task, visible};

use crate::fail::Fail;

/// Shows a task's validation, and asks for it, unless `allowed` says that it was asked for already.
pub fn ask(task: &Task, root: &Path, allowed: bool) -> Result<(), Fail> {
    let (id, title) = (visible(task.name()), visible(task.short_title()));
    let root = visible(&root.display().to_string());
    eprintln!("The validation of task {id}, {title}, is run by `sh` in {root}:\n");
    task.validations.iter().for_each(|it| eprintln!("  {}", visible(it)));
    eprintln!();
    if allowed {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(Fail::Input(format!(
            "there is no terminal to ask on whether these may be run\n\nhint: `specie spec record {id} --run-validation` runs them, `specie spec record {id} -- COMMAND` what you say"
        )));
    }
    eprint!("Run these? [y/N] ");
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    match (read, answer.trim().to_lowercase().as_str()) {
        (Ok(_), "y" | "yes") => Ok(()),
        _ => Err(Fail::Failed("nothing was run".into())),
    }
}
