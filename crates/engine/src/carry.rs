//! Changing several files and the lock as one step.
//!
//! What a step is to leave stands in `.specie/unfinished.json` before the first file is written, and is
//! taken away after the lock. A step that was cut off in between is finished by the next one.

use std::path::Path;

use serde::{Deserialize, Serialize};
use specie_spec::{Change, apply};

use crate::change::FileChange;
use crate::file::sha256;
use crate::lock::{Base, PREFIX, alone, put};
use crate::{FileError, Lock, Locked};

/// Where it stands in a repository.
const PLACE: &str = ".specie/unfinished.json";
/// What it is.
const SCHEMA: &str = "specie.spec.unfinished/1";

/// A step: the files of one spec, and what it is made from afterwards.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Step {
    schema: String,
    folder: String,
    files: Vec<Edit>,
    locked: Locked,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Edit {
    /// From the root.
    path: String,
    /// The digest of what it holds; none when it is not there.
    before: Option<String>,
    /// The digest of what it will hold.
    after: String,
    /// From where to where, and what comes there.
    splices: Vec<(usize, usize, String)>,
}

/// A step that an earlier run had left unfinished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// The spec's folder, from the root.
    pub folder: String,
    /// What the spec was last asked for.
    pub request: String,
    /// Files that somebody has changed since, which were left as they are.
    pub left: Vec<String>,
}

impl Step {
    /// What these changes and this lock come to.
    pub fn of(folder: &str, changes: &[FileChange], locked: Locked) -> Self {
        let made = changes.iter().filter(|it| !it.changes.is_empty());
        let files = made.map(|it| Edit {
            path: it.path.clone(),
            before: it.before.as_deref().map(sha256),
            after: sha256(&it.after()),
            splices: it
                .changes
                .iter()
                .map(|it| (it.span.start, it.span.end, it.now.clone()))
                .collect(),
        });
        Self { schema: SCHEMA.into(), folder: folder.into(), files: files.collect(), locked }
    }

    /// Carries it out. [`FileError::Changed`] when a file has changed since it was read; then nothing is
    /// written.
    pub fn carry_out(&self, root: &Path) -> Result<(), FileError> {
        let _alone = enter(root)?;
        self.unchanged(root)?;
        self.announce(root)?;
        self.complete(root).map(drop)
    }

    fn unchanged(&self, root: &Path) -> Result<(), FileError> {
        for file in &self.files {
            let path = root.join(&file.path);
            if digest(&path)? != file.before {
                return Err(FileError::Changed(path));
            }
        }
        Ok(())
    }

    /// Says on disk what is going to be done.
    pub fn announce(&self, root: &Path) -> Result<(), FileError> {
        let path = root.join(PLACE);
        let text = serde_json::to_vec(self)
            .map_err(|error| FileError::Form { path: path.clone(), what: error.to_string() })?;
        put(&path, &text)
    }

    /// Writes what is not written yet. Answers the files that say something else than before or after.
    fn complete(&self, root: &Path) -> Result<Vec<String>, FileError> {
        let mut left = Vec::new();
        for file in &self.files {
            if !file.write(root)? {
                left.push(file.path.clone());
            }
        }
        let mut lock = Lock::read(root)?;
        let mut locked = self.locked.clone();
        for path in &left {
            let last: Option<Base> =
                lock.specs.get(&self.folder).and_then(|it| it.files.get(path).cloned());
            last.map(|it| locked.files.insert(path.clone(), it));
        }
        lock.specs.insert(self.folder.clone(), locked);
        lock.write(root)?;
        let place = root.join(PLACE);
        std::fs::remove_file(&place).map_err(|error| FileError::Io {
            path: place,
            done: "written",
            error,
        })?;
        Ok(left)
    }

    /// Takes away what a write that was cut off has left.
    fn sweep(&self, root: &Path) {
        let folders = self.files.iter().map(|it| root.join(&it.path));
        let folders = folders.filter_map(|it| it.parent().map(Path::to_owned));
        for folder in folders.chain([root.join(".specie")]) {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.file_name().to_string_lossy().starts_with(PREFIX) {
                    // One that cannot be taken away harms nobody.
                    let _ = std::fs::remove_file(entry.path());
                }
            }
        }
    }
}

impl Edit {
    /// Writes it, unless it is written; whether it says now what it is to say.
    fn write(&self, root: &Path) -> Result<bool, FileError> {
        let path = root.join(&self.path);
        let here = digest(&path)?;
        if here.as_ref() == Some(&self.after) {
            return Ok(true);
        }
        if here != self.before {
            return Ok(false);
        }
        let change = |(start, end, now): &(usize, usize, String)| Change {
            span: *start..*end,
            was: String::new(),
            now: now.clone(),
        };
        let changes: Vec<Change> = self.splices.iter().map(change).collect();
        let before = if here.is_some() { read(&path)? } else { Vec::new() };
        put(&path, &apply(&before, &changes))?;
        Ok(true)
    }
}

/// Finishes what an earlier run has begun; none when there is nothing of the kind.
pub fn finish(root: &Path) -> Result<Option<Finished>, FileError> {
    let place = root.join(PLACE);
    if !place.exists() {
        return Ok(None);
    }
    let _alone = enter(root)?;
    // Whoever held the folder may have finished by itself.
    if !place.exists() {
        return Ok(None);
    }
    let step: Step = serde_json::from_slice(&read(&place)?)
        .map_err(|error| FileError::Form { path: place.clone(), what: error.to_string() })?;
    let is_inside = |it: &Edit| crate::make::is_inside(&it.path);
    if step.schema != SCHEMA || !step.files.iter().all(is_inside) {
        let what =
            format!("its schema is `{}`, expected `{SCHEMA}`, and paths inside", step.schema);
        return Err(FileError::Form { path: place, what });
    }
    step.sweep(root);
    let left = step.complete(root)?;
    let request = step.locked.requests.last().cloned().unwrap_or_default();
    Ok(Some(Finished { folder: step.folder, request, left }))
}

fn enter(root: &Path) -> Result<std::fs::File, FileError> {
    let place = root.join(".specie");
    let failed = |error| FileError::Io { path: place.clone(), done: "written", error };
    std::fs::create_dir_all(&place).map_err(failed)?;
    alone(&place).map_err(failed)
}

fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    std::fs::read(path).map_err(|error| FileError::Io {
        path: path.to_owned(),
        done: "read",
        error,
    })
}

/// The digest of a file; none when it is not there.
fn digest(path: &Path) -> Result<Option<String>, FileError> {
    match path.exists() {
        true => Ok(Some(sha256(&read(path)?))),
        false => Ok(None),
    }
}
