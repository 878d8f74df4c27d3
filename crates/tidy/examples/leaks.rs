//! Looks for secrets, card numbers and mail addresses in what the tests have left in a folder.
//! Exit code 3 when any was found, 2 when there is nothing to look at.
//!
//! A file `secrets` holds, one a line, what the tests beside it and below have handed out.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use specie_tidy::Fault;
use specie_tidy::leaks::{Kind, found, kind};

/// What was looked at, and what was found there.
#[derive(Default)]
struct Seen {
    files: [usize; 3],
    faults: Vec<Fault>,
}

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("error: no folder is named\nusage: leaks FOLDER");
        return ExitCode::from(2);
    };
    let mut seen = Seen::default();
    if let Err(error) = look(&folder, &[], &mut seen) {
        eprintln!("error: `{}` cannot be read: {error}", folder.display());
        return ExitCode::from(2);
    }
    seen.faults.iter().for_each(|fault| eprintln!("{fault}"));
    let [logs, databases, journals] = seen.files;
    let faults = seen.faults.len();
    println!("{logs} logs, {databases} databases, {journals} journals: {faults} faults");
    match (logs + databases + journals, faults) {
        (0, _) => ExitCode::from(2),
        (_, 0) => ExitCode::SUCCESS,
        _ => ExitCode::from(3),
    }
}

fn look(folder: &Path, known: &[String], seen: &mut Seen) -> std::io::Result<()> {
    let own = std::fs::read_to_string(folder.join("secrets")).unwrap_or_default();
    // A shorter one is found in anything, and may be what all of them begin with.
    let own = own.lines().filter(|line| line.len() > 8).map(str::to_owned);
    let known: Vec<String> = known.iter().cloned().chain(own).collect();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !path.is_symlink() {
            look(&path, &known, seen)?;
        } else if let Some(kind) = kind(&name) {
            let nth = match kind {
                Kind::Log => 0,
                Kind::Database => 1,
                Kind::Journal => 2,
            };
            seen.files[nth] += 1;
            let place = path.display().to_string();
            seen.faults.extend(found(&place, kind, &std::fs::read(&path)?, &known));
        }
    }
    Ok(())
}
