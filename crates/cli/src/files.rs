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

const IGNORE: &str = ".gitignore";

/// Makes a folder for state, with those above it, for its owner alone, and out of git's sight. One
/// that was made by somebody else stays in its sight.
pub fn state_folder(path: &Path) -> Result<(), Fail> {
    // The sandbox makes dev's folder on the way to its own.
    let is_ours = !path.exists() || path.join(SANDBOX).join("lock").is_file();
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory => Fail::Input(format!(
            "`{}` cannot be a folder: a file is in its way\n\nhint: name another folder with `--data-dir`",
            path.display()
        )),
        _ => not_writable(path, &error),
    })?;
    let ignore = path.join(IGNORE);
    if is_ours && !ignore.exists() {
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
        Err(_) => Err(in_use(path, RUNS)),
    }
}

const RUNS: &str = "another `specie` runs on";

fn in_use(path: &Path, who: &str) -> Fail {
    Fail::Failed(format!(
        "{who} the folder `{}`\n\nhint: stop it, or name another folder with `--data-dir`",
        path.display()
    ))
}

/// Whose state a folder holds.
#[derive(Clone, Copy, Debug)]
pub enum State {
    /// That of `specie dev`.
    Dev,
    /// That of `specie sandbox`.
    Sandbox,
}

impl State {
    /// What its folder holds, and what lies there before a point or a dash: `specie.db-wal`.
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Dev => &["lock", "keys", "specie.db", "sandbox", SANDBOX],
            Self::Sandbox => &["lock", "journal", "snapshot"],
        }
    }

    fn owns(self, name: &str) -> bool {
        let rest = self.names().iter().find_map(|own| name.strip_prefix(own));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-']))
    }
}

/// Where `specie sandbox` keeps its state in the folder of `specie dev`.
const SANDBOX: &str = "stripe";

/// What lies in any folder, and is moved with it.
const STRAY: [&str; 2] = [IGNORE, ".DS_Store"];

/// The locks that a process of ours may hold in a folder, and what is said of who does.
const LOCKS: [(&str, &str); 4] = [
    ("lock", RUNS),
    ("sandbox/lock", "another `specie` runs on what is inside"),
    ("stripe/lock", "a `specie sandbox` runs on `stripe` inside"),
    ("specie.db.lock", "another `specie` uses `specie.db` inside"),
];

/// Moves the state in `path` aside, under a name with the time, and says where it is now.
pub fn begin_anew(path: &Path, state: State) -> Result<(), Fail> {
    let Ok(entries) = fs::read_dir(path) else { return Ok(()) };
    let names = entries.flatten().map(|it| it.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| !STRAY.contains(&name.as_str())).collect();
    if names.is_empty() {
        return Ok(());
    }
    names.sort();
    nothing_else(path, state, &names)?;
    // A running process must not lose its folder.
    let held: Vec<_> = LOCKS.iter().map(|lock| hold(path, *lock)).collect::<Result<_, _>>()?;
    let to = aside(path);
    fs::rename(path, &to).map_err(|error| {
        Fail::Failed(format!("`{}` cannot be moved aside: {error}", path.display()))
    })?;
    drop(held);
    eprintln!("the old state is in {}", to.display());
    Ok(())
}

/// Refuses a folder that holds none of our state, or anything beside it.
fn nothing_else(path: &Path, state: State, names: &[String]) -> Result<(), Fail> {
    let is_proof = |name: &str| {
        let it = path.join(name);
        state.owns(name) && (it.is_file() || it.join("lock").is_file())
    };
    let what = if names.iter().any(|name| is_proof(name)) {
        let other = names.iter().find(|name| !state.owns(name));
        let Some(other) = other else { return Ok(()) };
        format!("`{other}`, which is none of this command's state")
    } else {
        "no state of specie".into()
    };
    Err(Fail::Input(format!(
        "`{}` holds {what}, and is not moved\n\nhint: move that away, or name a folder of its own with `--data-dir`",
        path.display()
    )))
}

/// Takes a lock in the folder, if it is there.
fn hold(path: &Path, (name, who): (&str, &str)) -> Result<Option<File>, Fail> {
    let Ok(file) = OpenOptions::new().write(true).open(path.join(name)) else { return Ok(None) };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(_) => Err(in_use(path, who)),
    }
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
