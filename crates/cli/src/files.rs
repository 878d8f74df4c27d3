//! Files that only their owner may read, and folders of a run.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use specie_vocab::{Chance, SystemChance, SystemClock, WallClock};

use crate::fail::Fail;

/// A folder of this run alone; it goes when this value does.
pub struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    /// Makes one that nobody else may look into.
    pub fn make(name: &str) -> Result<Self, Fail> {
        let path = std::env::temp_dir().join(format!("{name}-{}", &SystemChance.token()[..16]));
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.map(|()| Self(path.clone())).map_err(|error| {
            Fail::Input(format!(
                "the folder `{}` cannot be made: {error}\n\nhint: `TMPDIR` names the folder for temporary files",
                path.display()
            ))
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // What cannot be removed stays among the temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Makes a folder for state, with those above it, for its owner alone, and out of git's sight.
pub fn state_folder(path: &Path) -> Result<(), Fail> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory => Fail::Input(format!(
            "`{}` cannot be a folder: a file is in its way\n\nhint: name another folder with `--data-dir`",
            path.display()
        )),
        _ => not_writable(path, &error),
    })?;
    let ignore = path.join(".gitignore");
    if !ignore.exists() {
        fs::write(&ignore, "*\n").map_err(|error| not_writable(path, &error))?;
    }
    Ok(())
}

fn not_writable(path: &Path, error: &std::io::Error) -> Fail {
    let above = path.ancestors().skip(1).find(|it| it.is_dir());
    let above = above.map_or_else(|| ".".into(), |it| it.display().to_string());
    let above = if path.is_dir() { path.display().to_string() } else { above };
    let above = if above.is_empty() { "this folder".into() } else { format!("`{above}`") };
    Fail::Input(format!(
        "the folder `{}` cannot be written: {error}\n\nhint: make {above} writable, or name another folder with `--data-dir`",
        path.display()
    ))
}

/// Says that the end of a journal was torn, as a power cut leaves it.
pub fn report_cut(path: &Path, bytes: u64) {
    if bytes > 0 {
        eprintln!(
            "warning: the journal in `{}` ended in the middle of a line; {bytes} bytes were cut",
            path.display()
        );
    }
}

/// Writes a file with mode 0600, whole or not at all.
pub fn secret_file(path: &Path, text: &str) -> Result<(), Fail> {
    let beside = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        // What a crash left there may be readable to others.
        let _ = fs::remove_file(&beside);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().map_err(|error| Fail::Input(format!("`{}` cannot be written: {error}", path.display())))
}

/// Takes the folder for this process; the lock dies with it.
pub fn lock(path: &Path) -> Result<File, Fail> {
    let file = path.join("lock");
    let lock = OpenOptions::new().create(true).truncate(false).write(true).open(file);
    let lock = lock.map_err(|error| not_writable(path, &error))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(_) => Err(Fail::Failed(format!(
            "another `specie` runs on the folder `{}`\n\nhint: stop it, or name another folder with `--data-dir`",
            path.display()
        ))),
    }
}

/// What our state folders hold, one of which is enough to know one.
const OURS: [&str; 4] = ["lock", "keys.json", "specie.db", "journal"];

/// Moves the state in `path` aside, under a name with the time, and says where it is now.
pub fn begin_anew(path: &Path) -> Result<(), Fail> {
    let Ok(entries) = fs::read_dir(path) else { return Ok(()) };
    if entries.count() == 0 {
        return Ok(());
    }
    if !OURS.iter().any(|name| path.join(name).is_file()) {
        return Err(Fail::Input(format!(
            "`{}` holds no state of specie, and is not moved\n\nhint: name a folder of its own with `--data-dir`",
            path.display()
        )));
    }
    // A running process must not lose its folder.
    let held = lock(path)?;
    let to = aside(path);
    fs::rename(path, &to).map_err(|error| {
        Fail::Failed(format!("`{}` cannot be moved aside: {error}", path.display()))
    })?;
    drop(held);
    eprintln!("the old state is in {}", to.display());
    Ok(())
}

fn aside(path: &Path) -> PathBuf {
    let stamp = SystemClock.now().timestamp().strftime("%Y%m%d-%H%M%S").to_string();
    let path = path.components().as_path();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = format!("{name}.{stamp}");
    let free =
        |n: u32| path.with_file_name(if n == 0 { name.clone() } else { format!("{name}-{n}") });
    (0..1000).map(free).find(|to| !to.exists()).unwrap_or_else(|| free(1000))
}
