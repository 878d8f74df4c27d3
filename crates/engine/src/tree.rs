//! Where a repository keeps its specs, and in whose form.

use std::path::{Path, PathBuf};

use crate::FileError;
use crate::lock::alone;

/// The form of a tree of specs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tree {
    /// `.kiro/specs/NAME`
    Kiro,
    /// `specs/CATEGORY/spec-NNN-NAME`
    SmartSpec,
}

impl Tree {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kiro => "kiro",
            Self::SmartSpec => "smartspec",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Kiro, Self::SmartSpec].into_iter().find(|it| it.as_str() == name)
    }

    /// The one that a repository has; Kiro's when it has none.
    pub fn of(root: &Path) -> Self {
        let smart = [".smartspec", "SPEC_INDEX.json"].iter().any(|it| root.join(it).exists());
        let numbered = || numbers(root).next().is_some();
        if root.join(".kiro/specs").is_dir() || !(smart || numbered()) {
            Self::Kiro
        } else {
            Self::SmartSpec
        }
    }

    /// The folder of a new spec, from the root, and its id.
    pub fn place(self, root: &Path, slug: &str) -> (String, String) {
        match self {
            Self::Kiro => (format!(".kiro/specs/{slug}"), String::new()),
            Self::SmartSpec => {
                let same = numbers(root).find(|(_, name)| name == slug).map(|(number, _)| number);
                let next = || numbers(root).map(|(number, _)| number + 1).max().unwrap_or(1);
                let number = same.unwrap_or_else(next);
                (format!("specs/feature/spec-{number:03}-{slug}"), format!("SPEC-{number:03}"))
            }
        }
    }
    /// The same, and makes the folder, so that nobody else is given its number.
    pub fn take(self, root: &Path, slug: &str) -> Result<(String, String), FileError> {
        if self == Self::Kiro {
            return Ok(self.place(root, slug));
        }
        let place = root.join(".specie");
        let failed = |error| FileError::Io { path: place.clone(), done: "written", error };
        std::fs::create_dir_all(&place).map_err(failed)?;
        let _alone = alone(&place).map_err(failed)?;
        let (folder, id) = self.place(root, slug);
        std::fs::create_dir_all(root.join(&folder)).map_err(failed)?;
        Ok((folder, id))
    }
}

/// The numbers and names of the specs in a tree of SmartSpec's.
fn numbers(root: &Path) -> impl Iterator<Item = (u32, String)> {
    let folders = |path: PathBuf| {
        let entries = std::fs::read_dir(path).into_iter().flatten();
        entries.filter_map(|it| it.ok().map(|it| it.path())).filter(|it| it.is_dir())
    };
    folders(root.join("specs")).flat_map(folders).filter_map(|path| {
        let name = path.file_name()?.to_string_lossy().into_owned();
        let at = name.find(|c: char| c.is_ascii_digit())?;
        let (number, rest) = name[at..].split_once('-')?;
        name.starts_with("spec-").then(|| Some((number.parse().ok()?, rest.to_owned())))?
    })
}

/// The root of the tree around a folder: the nearest above it that holds one, inside its repository;
/// else the folder itself.
pub fn root_of(folder: &Path) -> PathBuf {
    let start = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let holds = |it: &&Path| {
        [".kiro", ".specie", ".smartspec", "SPEC_INDEX.json"]
            .iter()
            .any(|name| it.join(name).exists())
    };
    for above in start.ancestors() {
        if holds(&above) {
            return above.to_owned();
        }
        if above.join(".git").exists() {
            break;
        }
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specs_that_are_made_at_once_have_numbers_of_their_own() {
        let root = tempfile::tempdir().unwrap();
        let ids = std::sync::Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for n in 0..8 {
                let (root, ids) = (root.path(), &ids);
                scope.spawn(move || {
                    let (_, id) = Tree::SmartSpec.take(root, &format!("s{n}")).unwrap();
                    ids.lock().unwrap().push(id);
                });
            }
        });
        let mut ids = ids.into_inner().unwrap();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 8);
        let again = Tree::SmartSpec.take(root.path(), "s3").unwrap();
        assert_eq!(again, Tree::SmartSpec.place(root.path(), "s3"));
    }
}
