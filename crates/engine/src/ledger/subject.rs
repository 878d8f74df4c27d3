//! What can be approved in a spec as it is now: its texts and their digests.

use std::path::{Path, PathBuf};

use specie_spec::approval::{Level, around, files_named, task_name, task_text, tasks, unticked};
use specie_spec::{Document, Kind};

use super::entry::{Approval, Scope};
use super::name::Digest;
use crate::{File, FileError, Repository, Spec};

/// Something that can be approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The folder of the spec from the root of the repository.
    pub spec: String,
    /// What part of it.
    pub scope: Scope,
    /// Its files, by their names, each with the text that is approved; none for a file that is not
    /// there.
    pub files: Vec<(String, Option<Vec<u8>>)>,
}

impl Subject {
    /// What an approval of it says.
    pub fn approval(&self) -> Approval {
        let digest = |text: &Option<Vec<u8>>| text.as_deref().map(Digest::of);
        let files = self.files.iter().map(|(name, text)| (name.clone(), digest(text))).collect();
        Approval { spec: self.spec.clone(), scope: self.scope.clone(), files }
    }
}

/// Where a spec lies.
#[derive(Clone, Debug)]
pub struct Place {
    /// The repository around it.
    pub repository: Repository,
    /// The spec's folder from the root of it, with `/`; `.` is the root itself.
    pub spec: String,
}

impl Place {
    /// Of a spec's folder, which must be there.
    pub fn of(folder: &Path) -> Result<Self, FileError> {
        let failed = |error| FileError::Io { path: folder.to_owned(), done: "read", error };
        let named = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let real = std::fs::canonicalize(named).map_err(failed)?;
        let repository = Repository::around(&real);
        let inside = real.strip_prefix(repository.root()).unwrap_or(Path::new(""));
        let parts: Option<Vec<&str>> = inside.iter().map(|part| part.to_str()).collect();
        let no_text = || failed(std::io::Error::other("its name is no text"));
        let spec = parts.ok_or_else(no_text)?.join("/");
        Ok(Self { repository, spec: if spec.is_empty() { ".".into() } else { spec } })
    }

    /// What a whole level consists of.
    pub fn level(&self, spec: &Spec, level: Level) -> Subject {
        let of = |file: &File| {
            let name = name_of(file).filter(|name| Level::of_file(name) == Some(level))?;
            let text = match level {
                Level::Task => unticked(&file.document, &file.bytes),
                Level::Spec | Level::Plan => file.bytes.clone(),
            };
            Some((name, Some(text)))
        };
        let mut files: Vec<_> = spec.files.iter().filter_map(of).collect();
        files.sort();
        Subject { spec: self.spec.clone(), scope: Scope::of(level), files }
    }

    /// One task with its parts; none for a node without a name.
    pub fn task(&self, file: &File, task: usize) -> Option<Subject> {
        let name = task_name(file.document.nodes.get(task)?)?;
        let text = task_text(&file.document, &file.bytes, task);
        let files = vec![(name_of(file)?, Some(text))];
        Some(Subject { spec: self.spec.clone(), scope: Scope::Task(name.into()), files })
    }

    /// Whatever an approval of it covers the task of a node: the tasks around it from the innermost
    /// outwards, then all of them.
    pub fn covering(&self, spec: &Spec, file: &File, node: usize) -> Vec<Subject> {
        let around = around(&file.document, node).into_iter();
        let mut all: Vec<Subject> = around.filter_map(|task| self.task(file, task)).collect();
        all.push(self.level(spec, Level::Task));
        all
    }

    /// The files that a task names, as they are in the work tree. A name that leads out of the
    /// repository, or to a folder, is no file of it.
    pub fn files(&self, file: &File, task: usize) -> Option<Subject> {
        let name = task_name(file.document.nodes.get(task)?)?;
        let mut files: Vec<(String, Option<Vec<u8>>)> = Vec::new();
        for path in files_named(&file.document, task) {
            let Some(path) = self.inside(&path) else { continue };
            let text = std::fs::read(self.repository.root().join(&path)).ok();
            if !files.iter().any(|(known, _)| *known == path) {
                files.push((path, text));
            }
        }
        files.sort();
        Some(Subject { spec: self.spec.clone(), scope: Scope::Files(name.into()), files })
    }

    /// A path as the task writes it, from the root of the repository.
    fn inside(&self, path: &str) -> Option<String> {
        use std::path::Component::{CurDir, Normal};
        let path = Path::new(path);
        if !path.components().all(|it| matches!(it, Normal(_) | CurDir)) {
            return None;
        }
        let parts: PathBuf = path.components().filter(|it| matches!(it, Normal(_))).collect();
        let is_folder = self.repository.root().join(&parts).is_dir();
        let text = parts.to_str().filter(|it| !it.is_empty() && !is_folder)?;
        Some(text.replace('\\', "/"))
    }
}

/// The tasks of this name in a file, as nodes.
pub fn named(document: &Document, name: &str) -> Vec<usize> {
    let is = |(_, node): &(usize, &specie_spec::Node)| task_name(node) == Some(name);
    tasks(document).filter(is).map(|(n, _)| n).collect()
}

/// The file of a spec that holds its tasks.
pub fn task_file(spec: &Spec) -> Option<&File> {
    let is = |file: &&File| {
        file.document.kind == Kind::Tasks && name_of(file).as_deref() == Some("tasks.md")
    };
    spec.files.iter().find(is)
}

fn name_of(file: &File) -> Option<String> {
    file.path.file_name()?.to_str().map(str::to_owned)
}
