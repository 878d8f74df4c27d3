//! Finding the specs under a folder.

use std::path::{Path, PathBuf};

use crate::{File, FileError};

/// The files that a spec may consist of.
const NAMES: [&str; 6] =
    ["requirements.md", "bugfix.md", "design.md", "spec.md", "plan.md", "tasks.md"];
/// Folders that hold no specs, and many files.
const SKIPPED: [&str; 3] = ["node_modules", "target", "vendor"];
/// No spec lies deeper.
const DEEPEST: usize = 24;

/// A spec: its folder and the files of it, in the order in which they are written.
#[derive(Debug)]
pub struct Spec {
    /// Its folder, as it was reached.
    pub folder: PathBuf,
    /// Its files.
    pub files: Vec<File>,
}

/// The specs at `path`: of a folder all that lie in it or below, by name; of a file the spec that it
/// belongs to.
pub fn specs(path: &Path) -> Result<Vec<Spec>, FileError> {
    if path.is_file() {
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let mut spec = spec_in(&folder)?;
        let named = |file: &File| file.path.file_name() == path.file_name();
        if !spec.files.iter().any(named) {
            spec.files.push(File::open(path)?);
        }
        return Ok(vec![spec]);
    }
    if !path.exists() {
        return Err(FileError::Missing(path.to_owned()));
    }
    let mut found = Vec::new();
    walk(path, 0, &mut found)?;
    Ok(found)
}

fn spec_in(folder: &Path) -> Result<Spec, FileError> {
    let there = NAMES.iter().map(|name| folder.join(name)).filter(|path| path.is_file());
    let files = there.map(|path| File::open(&path)).collect::<Result<_, _>>()?;
    Ok(Spec { folder: folder.to_owned(), files })
}

fn walk(folder: &Path, depth: usize, found: &mut Vec<Spec>) -> Result<(), FileError> {
    let spec = spec_in(folder)?;
    // A lone `design.md` or `plan.md` is somebody's notes.
    let leads = ["requirements.md", "bugfix.md", "spec.md", "tasks.md"];
    let is_spec = spec.files.iter().any(|file| {
        file.path.file_name().is_some_and(|name| leads.iter().any(|lead| name == *lead))
    });
    if is_spec {
        found.push(spec);
    }
    let failed = |error| FileError::Io { path: folder.to_owned(), done: "read", error };
    let mut below = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        // Links are not followed: they may lead in a circle, or out of the repository.
        if entry.file_type().map_err(failed)?.is_dir()
            && enters(&entry.file_name().to_string_lossy())
        {
            below.push(entry.path());
        }
    }
    below.sort();
    if depth < DEEPEST {
        below.iter().try_for_each(|folder| walk(folder, depth + 1, found))?;
    }
    Ok(())
}

fn enters(name: &str) -> bool {
    (!name.starts_with('.') || name == ".kiro") && !SKIPPED.contains(&name)
}
