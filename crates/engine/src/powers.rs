//! Powers as folders.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use specie_spec::power::Power;

use crate::FileError;

/// Where a repository keeps powers of its own.
const PLACES: [&str; 2] = [".kiro/powers", "powers"];

/// Why a power cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PowersError {
    /// Its files cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// What they say is no power.
    #[error("the power in `{}` cannot be read: {error}", folder.display())]
    Form {
        /// Which folder.
        folder: PathBuf,
        /// What is wrong.
        error: specie_spec::power::PowerError,
    },
}

/// The power in a folder.
pub fn power_in(folder: &Path) -> Result<Power, PowersError> {
    let mut files = BTreeMap::new();
    for inside in ["", "fragments", "stacks"] {
        gather(folder, inside, &mut files)?;
    }
    Power::read(&files).map_err(|error| PowersError::Form { folder: folder.to_owned(), error })
}

/// The powers that a repository keeps: those with concepts; a Kiro power without is none of ours.
pub fn powers_of(root: &Path) -> Result<Vec<Power>, PowersError> {
    let mut all = Vec::new();
    for place in PLACES {
        let Ok(entries) = std::fs::read_dir(root.join(place)) else { continue };
        let mut folders: Vec<PathBuf> =
            entries.filter_map(|it| it.ok().map(|it| it.path())).collect();
        folders.sort();
        for folder in folders.iter().filter(|it| it.join("concepts.toml").is_file()) {
            all.push(power_in(folder)?);
        }
    }
    Ok(all)
}

fn gather(
    folder: &Path,
    inside: &str,
    files: &mut BTreeMap<String, String>,
) -> Result<(), FileError> {
    let place = if inside.is_empty() { folder.to_owned() } else { folder.join(inside) };
    if !place.is_dir() {
        return match inside {
            "" => Err(FileError::Missing(place)),
            _ => Ok(()),
        };
    }
    let failed = |error| FileError::Io { path: place.clone(), done: "read", error };
    for entry in std::fs::read_dir(&place).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let Some(name) = path.file_name().map(|it| it.to_string_lossy().into_owned()) else {
            continue;
        };
        if !path.is_file() || !(name.ends_with(".toml") || name == "POWER.md") {
            continue;
        }
        let text = std::fs::read_to_string(&path).map_err(|error| FileError::Io {
            path: path.clone(),
            done: "read",
            error,
        })?;
        let named = if inside.is_empty() { name } else { format!("{inside}/{name}") };
        files.insert(named, text);
    }
    Ok(())
}
