//! Finding the specs under a folder.

use std::path::{Path, PathBuf};

use crate::{File, FileError};

/// The files that a spec may consist of.
const NAMES: [&str; 7] = [
    "requirements.md",
    "bugfix.md",
    "design.md",
    "spec.md",
    "plan.md",
    "data-model.md",
    "tasks.md",
];
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

/// A spec before it is read: its folder, and the paths of its files.
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
    paths: Vec<PathBuf>,
}

impl Place {
    /// Reads its files, its test plan and what describes its endpoints: what these say of the others is
    /// checked, and nothing else.
    pub(crate) fn read_all(&self) -> Result<Spec, FileError> {
        let mut spec = self.read()?;
        for name in ["test-plan.md", "openapi.yaml"] {
            let beside = self.folder.join(name);
            if beside.is_file() && spec.files.iter().all(|it| it.path != beside) {
                spec.files.push(File::open(&beside)?);
            }
        }
        Ok(spec)
    }

    /// Reads its files.
    pub(crate) fn read(&self) -> Result<Spec, FileError> {
        let files = self.paths.iter().map(|path| File::open(path)).collect::<Result<_, _>>()?;
        Ok(Spec { folder: self.folder.clone(), files })
    }
}

/// A folder that cannot be read, and why.
pub type Skipped = (PathBuf, String);

/// The specs at `path`: of a folder all that lie in it or below, by name; of a file the spec that it
/// belongs to. Folders below that cannot be read are left out.
pub fn specs(path: &Path) -> Result<Vec<Spec>, FileError> {
    Ok(specs_and_skipped(path)?.0)
}

/// The same, and the folders that were left out.
pub fn specs_and_skipped(path: &Path) -> Result<(Vec<Spec>, Vec<Skipped>), FileError> {
    let (places, skipped) = places(path)?;
    Ok((places.iter().map(Place::read).collect::<Result<_, _>>()?, skipped))
}

/// Where the specs at `path` lie, and the folders that cannot be read.
pub(crate) fn places(path: &Path) -> Result<(Vec<Place>, Vec<Skipped>), FileError> {
    if path.is_file() {
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let mut paths: Vec<PathBuf> = NAMES.iter().map(|name| folder.join(name)).collect();
        paths.retain(|path| path.is_file());
        if !paths.iter().any(|it| it.file_name() == path.file_name()) {
            paths.push(path.to_owned());
        }
        return Ok((vec![Place { folder, paths }], Vec::new()));
    }
    if !path.exists() {
        return Err(FileError::Missing(path.to_owned()));
    }
    let mut found = (Vec::new(), Vec::new());
    walk(path, 0, &mut found)?;
    Ok(found)
}

/// Looks through a folder. Below the first one, what cannot be read is noted and left out.
fn walk(
    folder: &Path,
    depth: usize,
    found: &mut (Vec<Place>, Vec<Skipped>),
) -> Result<(), FileError> {
    match std::fs::read_dir(folder) {
        Err(error) if depth > 0 => {
            found.1.push((folder.to_owned(), error.to_string()));
            Ok(())
        }
        entries => look(folder, entries, depth, found),
    }
}

fn look(
    folder: &Path,
    entries: std::io::Result<std::fs::ReadDir>,
    depth: usize,
    found: &mut (Vec<Place>, Vec<Skipped>),
) -> Result<(), FileError> {
    let failed = |error| FileError::Io { path: folder.to_owned(), done: "read", error };
    let mut below = Vec::new();
    let mut names = Vec::new();
    for entry in entries.map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (name, kind) = (entry.file_name(), entry.file_type().map_err(failed)?);
        if let Some(n) = NAMES.iter().position(|it| name == *it) {
            names.push(n);
        }
        // Links are not followed: they may lead in a circle, or out of the repository.
        if kind.is_dir() && enters(&name.to_string_lossy()) {
            below.push(entry.path());
        }
    }
    names.sort_unstable();
    let paths = names.iter().map(|n| folder.join(NAMES[*n])).filter(|path| path.is_file());
    // A lone `design.md` or `plan.md` is somebody's notes.
    let leads = ["requirements.md", "bugfix.md", "spec.md", "tasks.md"];
    let is_lead =
        |path: &PathBuf| leads.iter().any(|lead| path.file_name().is_some_and(|it| it == *lead));
    let paths: Vec<PathBuf> = paths.collect();
    if paths.iter().any(is_lead) {
        found.0.push(Place { folder: folder.to_owned(), paths });
    }
    below.sort();
    if depth < DEEPEST {
        below.iter().try_for_each(|folder| walk(folder, depth + 1, found))?;
    }
    Ok(())
}

/// Whether a folder may hold specs, or manifests.
pub(crate) fn enters(name: &str) -> bool {
    (!name.starts_with('.') || name == ".kiro") && !SKIPPED.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_cannot_be_read_is_left_out_unless_it_is_the_one_that_was_named() {
        let place = tempfile::tempdir().unwrap();
        let gone = place.path().join("gone");
        let mut found = (Vec::new(), Vec::new());
        walk(&gone, 1, &mut found).unwrap();
        assert_eq!((found.0.len(), &found.1[0].0), (0, &gone));
        assert!(walk(&gone, 0, &mut found).is_err());
    }
}
