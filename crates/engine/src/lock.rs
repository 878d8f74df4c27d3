//! `.specie/lock.json`: what specs were made from, so that they can be made again and compared.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};
use specie_spec::draft::{ByHand, Numbers};
use specie_spec::power::Answer;

use crate::FileError;
use crate::file::sha256;

/// Where it stands in a repository.
const PLACE: &str = ".specie/lock.json";
/// How the names begin under which files are written before they have their own.
pub(crate) const PREFIX: &str = ".specie-writes-";
/// What it is.
const SCHEMA: &str = "specie.spec.lock/1";

/// All specs that were made here, by their folders from the root.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// Its form.
    pub schema: String,
    /// The specs.
    pub specs: BTreeMap<String, Locked>,
}

/// What a spec was made from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Locked {
    /// The power's name.
    pub power: String,
    /// The power's version.
    pub power_version: String,
    /// `kiro` or `smartspec`.
    pub dialect: String,
    /// What was asked for: first by `new`, then by each `amend`.
    pub requests: Vec<String>,
    /// The answers, by question.
    pub answers: BTreeMap<String, Given>,
    /// What the steering files and manifests said: stack and file.
    #[serde(default)]
    pub steering: Vec<(String, String)>,
    /// See `steering`.
    #[serde(default)]
    pub manifests: Vec<(String, String)>,
    /// The documents' names.
    pub title: String,
    /// See `title`.
    pub slug: String,
    /// `SPEC-001`; empty in Kiro's trees.
    pub id: String,
    /// The version of the spec.
    pub version: String,
    /// `DRAFT`, `ACTIVE`, `UPDATED`.
    pub status: String,
    /// The day it was made.
    pub created: String,
    /// The day it was last changed.
    pub updated: String,
    /// The numbers of requirements, by piece.
    pub requirements: BTreeMap<String, usize>,
    /// The numbers of criteria, by piece.
    pub criteria: BTreeMap<String, (usize, usize)>,
    /// The phases of the tasks that there ever were: the area of each, and its tasks. Their numbers follow
    /// from their places, so that what is no longer there stays in this list.
    #[serde(default)]
    pub phases: Vec<(String, Vec<String>)>,
    /// Other specs that this one needs, as the index knew them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<Other>,
    /// Criteria that people have changed or added, by piece: their text, or null when they were taken
    /// out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub criteria_by_hand: BTreeMap<String, Option<String>>,
    /// Hours that people have changed, by task.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hours_by_hand: BTreeMap<String, i64>,
    /// Each file as it was written, by its path from the root: what later changes are compared with.
    pub files: BTreeMap<String, Base>,
}

/// Another spec.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Other {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// Where its file is.
    pub path: String,
    /// Whose it is.
    pub repo: String,
    /// Whether its file is at hand.
    pub is_here: bool,
}

/// A file as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// Its SHA-256.
    pub sha256: String,
    /// Its lines.
    pub lines: Vec<String>,
}

impl Base {
    /// Of a text.
    pub fn of(text: &str) -> Self {
        Self { sha256: sha256(text.as_bytes()), lines: text.lines().map(str::to_owned).collect() }
    }

    /// The text again.
    pub fn text(&self) -> String {
        self.lines.iter().flat_map(|it| [it.as_str(), "\n"]).collect()
    }
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// What was answered.
    pub answer: String,
    /// By whom.
    pub by: String,
    /// When, as RFC 3339 in UTC.
    pub at: String,
    /// Whether it is the default, taken because nobody was asked.
    pub by_default: bool,
}

impl From<&Answer> for Given {
    fn from(it: &Answer) -> Self {
        let Answer { text, by, at, by_default } = it.clone();
        Self { answer: text, by, at, by_default }
    }
}

impl From<&Given> for Answer {
    fn from(it: &Given) -> Self {
        let Given { answer, by, at, by_default } = it.clone();
        Self { text: answer, by, at, by_default }
    }
}

impl Locked {
    /// The numbers that were given. Tasks have none before a file names them.
    pub fn numbers(&self) -> Numbers {
        let names_tasks = |it: &String| it.ends_with("/tasks.md") || it.ends_with("/plan.md");
        let phases = match self.files.keys().any(names_tasks) {
            true => self.phases.clone(),
            false => Vec::new(),
        };
        let (requirements, criteria) = (self.requirements.clone(), self.criteria.clone());
        Numbers { requirements, criteria, phases }
    }

    /// What each task is called in the files, by its piece's id: `2.1` in Kiro's trees, `T004` in
    /// SmartSpec's.
    pub fn task_names(&self) -> Vec<(String, String)> {
        let is_kiro = self.dialect == "kiro";
        let phases = self.phases.iter().enumerate();
        let places = phases.flat_map(|(p, (_, ids))| {
            ids.iter().enumerate().map(move |(n, id)| (p + 1, n + 1, id))
        });
        let named = places.enumerate().map(|(nth, (phase, place, id))| {
            let name =
                if is_kiro { format!("{phase}.{place}") } else { format!("T{:03}", nth + 1) };
            (id.clone(), name)
        });
        named.collect()
    }
}

impl Locked {
    /// Whether both were made from the same: the power, its form, requests, what was answered (by
    /// whomever and whenever) and what stood around.
    pub fn is_made_from_the_same(&self, other: &Self) -> bool {
        let power = |it: &Self| [it.power.clone(), it.power_version.clone(), it.dialect.clone()];
        let answered = |it: &Self| -> Vec<(String, String)> {
            it.answers.iter().map(|(id, given)| (id.clone(), given.answer.clone())).collect()
        };
        power(self) == power(other)
            && self.requests == other.requests
            && answered(self) == answered(other)
            && self.steering == other.steering
            && self.manifests == other.manifests
    }

    /// What people have changed, as far as it was taken over.
    pub fn by_hand(&self) -> ByHand {
        ByHand {
            criteria: self.criteria_by_hand.clone(),
            hours: self.hours_by_hand.clone(),
            ..ByHand::default()
        }
    }
}

impl Lock {
    /// Reads it; empty when there is none. [`FileError::Form`] when it is no lock.
    pub fn read(root: &Path) -> Result<Self, FileError> {
        let path = root.join(PLACE);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self { schema: SCHEMA.into(), specs: BTreeMap::new() });
            }
            Err(error) => return Err(FileError::Io { path, done: "read", error }),
        };
        if !bytes.trim_ascii_start().starts_with(b"{") {
            return Err(FileError::Form { path, what: "expected an object with `specs`".into() });
        }
        let lock: Self = serde_json::from_slice(&bytes)
            .map_err(|error| FileError::Form { path: path.clone(), what: error.to_string() })?;
        if lock.schema != SCHEMA {
            let what = format!("its schema is `{}`, expected `{SCHEMA}`", lock.schema);
            return Err(FileError::Form { path, what });
        }
        Ok(lock)
    }

    /// Keeps what one spec was made from. Others that were written meanwhile stay as they are.
    pub fn keep(root: &Path, folder: &str, locked: Locked) -> Result<(), FileError> {
        let place = root.join(".specie");
        let failed = |error| FileError::Io { path: place.clone(), done: "written", error };
        std::fs::create_dir_all(&place).map_err(failed)?;
        let _alone = alone(&place).map_err(failed)?;
        let mut lock = Self::read(root)?;
        lock.specs.insert(folder.into(), locked);
        lock.write(root)
    }

    /// Writes it, whole or not at all.
    pub(crate) fn write(&self, root: &Path) -> Result<(), FileError> {
        let path = root.join(PLACE);
        let mut text = serde_json::to_string_pretty(self)
            .map_err(|error| FileError::Form { path: path.clone(), what: error.to_string() })?;
        text.push('\n');
        put(&path, text.as_bytes())
    }
}

/// Waits until no other program of ours changes files of a folder, and keeps others waiting until what
/// it answers is dropped.
pub(crate) fn alone(folder: &Path) -> std::io::Result<std::fs::File> {
    let file = std::fs::File::open(folder)?;
    file.lock()?;
    Ok(file)
}

/// Writes a file, whole or not at all, and makes its folders.
pub fn put(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let failed = |error| FileError::Io { path: path.to_owned(), done: "written", error };
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut new = tempfile::Builder::new().prefix(PREFIX).tempfile_in(folder).map_err(failed)?;
    new.write_all(bytes).map_err(failed)?;
    new.as_file().sync_all().map_err(failed)?;
    readable(new.path()).map_err(failed)?;
    new.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// A temporary file is its owner's alone; a document is everybody's who may read the folder.
#[cfg(unix)]
fn readable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable(_: &Path) -> std::io::Result<()> {
    Ok(())
}
