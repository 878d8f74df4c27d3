//! Files that only their owner may read, and folders of a run.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::fail::Fail;

/// Makes a folder, with those above it.
pub fn folder(path: &Path) -> Result<(), Fail> {
    fs::create_dir_all(path).map_err(|error| {
        Fail::Input(format!(
            "the folder `{}` cannot be made: {error}\n\nhint: make it writable, or name another one",
            path.display()
        ))
    })
}

/// Writes a file with mode 0600, whole or not at all.
pub fn secret_file(path: &Path, text: &str) -> Result<(), Fail> {
    let beside = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().map_err(|error| Fail::Input(format!("`{}` cannot be written: {error}", path.display())))
}

/// Takes the folder for this process; the lock dies with it.
pub fn lock(path: &Path) -> Result<File, Fail> {
    let file = path.join("lock");
    let unwritable = |error: std::io::Error| {
        Fail::Input(format!(
            "the folder `{}` cannot be written: {error}\n\nhint: make it writable, or name another one with `--data-dir`",
            path.display()
        ))
    };
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(file)
        .map_err(unwritable)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(_) => Err(Fail::Failed(format!(
            "another `specie` runs on the folder `{}`\n\nhint: stop it, or name another folder with `--data-dir`",
            path.display()
        ))),
    }
}

/// Moves what is in `path` aside, under a name with the time. Answers where it is now.
pub fn move_aside(path: &Path, now: Timestamp) -> Result<Option<PathBuf>, Fail> {
    if !path.exists() {
        return Ok(None);
    }
    // A running process must not lose its folder.
    let held = lock(path)?;
    let stamp = now.strftime("%Y%m%d-%H%M%S");
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let free = |n: u32| {
        let tail = if n == 0 { String::new() } else { format!("-{n}") };
        path.with_file_name(format!("{name}.{stamp}{tail}"))
    };
    let to = (0..).map(free).find(|to| !to.exists()).unwrap_or_else(|| free(0));
    fs::rename(path, &to).map_err(|error| {
        Fail::Failed(format!("`{}` cannot be moved aside: {error}", path.display()))
    })?;
    drop(held);
    Ok(Some(to))
}

/// Whether a file can be made at `path`; one that is there is not touched.
pub fn writable(path: &Path) -> Result<(), Fail> {
    if path.exists() {
        return Err(Fail::Input(format!(
            "`{}` is there already and is not overwritten",
            path.display()
        )));
    }
    secret_file(path, "")
}
