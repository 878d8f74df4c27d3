//! What lies around specs and speaks of them: steering, the index and the manifests. Files are read, and
//! nothing is started.

use std::path::{Path, PathBuf};

use specie_spec::check::Input;
use specie_spec::steering::{Manifest, Steering};
use specie_spec::{Diagnostic, Dialect, Kind, index};

use crate::walk::enters;
use crate::{File, Repository, Spec};

/// Where an index of specs may lie.
const INDEXES: [&str; 3] =
    ["SPEC_INDEX.json", ".smartspec/SPEC_INDEX.json", ".spec/SPEC_INDEX.json"];
/// Manifests whose form is known.
const MANIFESTS: [&str; 8] = [
    "package.json",
    "composer.json",
    "Cargo.toml",
    "pyproject.toml",
    "Pipfile",
    "go.mod",
    "Gemfile",
    "pom.xml",
];
/// How deep manifests are looked for, and in how many folders. In a larger project nobody knows what
/// was not seen, and nothing is said.
const DEEPEST: usize = 5;
const FOLDERS: usize = 5_000;
/// No manifest that people write is larger, in bytes.
const LARGEST: u64 = 4 * 1024 * 1024;

/// The files around a checked path.
pub(crate) struct Around {
    root: PathBuf,
    /// Whether the root is the one of a project, and no folder that holds many.
    is_project: bool,
    /// From the root to the checked folder, with `/`; none when that holds the index.
    within: Option<String>,
    steering: Vec<File>,
    index: Option<File>,
    /// The checked folder as it was named, and in full.
    folder: PathBuf,
    start: PathBuf,
}

impl Around {
    /// What lies around `path`. A file that cannot be read is none.
    pub(crate) fn of(path: &Path) -> Self {
        let folder = if path.is_file() { path.parent().unwrap_or(Path::new("")) } else { path };
        let start = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let repository = Repository::around(folder);
        let root = repository.root().to_owned();
        let holds = |name: &str| root.join(name).is_dir();
        let is_project = repository.has_git() || holds(".kiro/specs") || holds("specs");
        let shown = |it: &Path| shown(it, folder, &start);
        let open = |it: PathBuf| {
            let file = it.is_file().then(|| File::open(&it).ok()).flatten()?;
            Some(File { path: shown(&it), ..file })
        };
        let folders: Vec<&Path> =
            start.ancestors().take_while(|it| it.starts_with(&root)).collect();
        let steering =
            folders.iter().rev().flat_map(|it| steering_in(it)).filter_map(open).collect();
        let place = INDEXES.iter().map(|name| root.join(name)).find(|it| it.is_file());
        let is_whole = place.as_ref().is_some_and(|it| it.starts_with(&start));
        let below = start.strip_prefix(&root).ok().map(slashed);
        let (index, within) = (place.and_then(open), below.filter(|_| !is_whole));
        let folder = folder.to_owned();
        Self { root, is_project, within, steering, index, folder, start }
    }

    /// A path as people would write it from where they are.
    pub(crate) fn shown(&self, path: &Path) -> PathBuf {
        shown(path, &self.folder, &self.start)
    }

    /// What the steering files say.
    pub(crate) fn steering(&self) -> Steering {
        with_inputs(&self.steering, Steering::of)
    }

    /// What steering says and the manifests contradict, and what is wrong with the index. Of an index
    /// around a part of the project only what is about that part.
    pub(crate) fn check(&self, steering: &Steering, specs: &[Spec]) -> Vec<Diagnostic> {
        let mut found = self.stale(steering);
        if let Some(file) = &self.index {
            found.extend(self.check_index(file, specs));
        }
        found
    }

    /// The files that were read.
    pub(crate) fn into_files(self) -> Vec<File> {
        self.steering.into_iter().chain(self.index).collect()
    }

    fn stale(&self, steering: &Steering) -> Vec<Diagnostic> {
        if !steering.names_any() || !self.is_project {
            return Vec::new();
        }
        let Some(paths) = manifests(&self.root) else { return Vec::new() };
        let read = |path: &PathBuf| {
            let is_small = std::fs::metadata(path).is_ok_and(|it| it.len() <= LARGEST);
            let bytes = is_small.then(|| std::fs::read(path).ok()).flatten()?;
            let name = slashed(path.strip_prefix(&self.root).unwrap_or(path));
            Some((name, String::from_utf8_lossy(&bytes).into_owned()))
        };
        let texts: Vec<(String, String)> = paths.iter().filter_map(read).collect();
        let manifests: Vec<Manifest<'_>> =
            texts.iter().map(|(path, text)| Manifest { path, text }).collect();
        with_inputs(&self.steering, |files| steering.stale(files, &manifests))
    }

    fn check_index(&self, file: &File, specs: &[Spec]) -> Vec<Diagnostic> {
        let is_smart = |spec: &&Spec| {
            let smart = |it: &File| {
                it.document.kind == Kind::Spec && it.document.dialect == Dialect::SmartSpec
            };
            spec.files.iter().any(smart)
        };
        let folder = |spec: &Spec| {
            let folder = std::path::absolute(&spec.folder).ok()?;
            Some(slashed(folder.strip_prefix(&self.root).ok()?))
        };
        let folders: Vec<String> = specs.iter().filter(is_smart).filter_map(folder).collect();
        let is_there = |path: &str| {
            let is_inside = !Path::new(path).components().any(|it| it.as_os_str() == "..");
            is_inside && self.root.join(path).exists()
        };
        let path = file.path.display().to_string();
        let input = Input { path: &path, bytes: &file.bytes, document: &file.document };
        let mut found = index::check(&input, &folders, &is_there);
        if let Some(within) = &self.within {
            let about = index::about(&input, within);
            found.retain(|it| about.contains(&it.id) || *it.rule == specie_spec::rules::NOT_LISTED);
        }
        found
    }
}

/// The steering files of a folder, by name.
fn steering_in(folder: &Path) -> Vec<PathBuf> {
    let mut all = vec![folder.join("AGENTS.md"), folder.join(".kiro/steering.md")];
    let entries = std::fs::read_dir(folder.join(".kiro/steering")).into_iter().flatten().flatten();
    let mut below: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    below.retain(|path| path.extension().is_some_and(|it| it == "md"));
    below.sort();
    all.extend(below);
    all
}

/// The manifests of a project; none when there are too many folders to look through.
fn manifests(root: &Path) -> Option<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![(root.to_owned(), 0)];
    let mut at = 0;
    while let Some((folder, depth)) = folders.get(at).cloned() {
        at += 1;
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let (name, path) = (entry.file_name().to_string_lossy().into_owned(), entry.path());
            let is_folder = entry.file_type().is_ok_and(|it| it.is_dir());
            let is_listed = MANIFESTS.contains(&name.as_str());
            let is_python = name.starts_with("requirements") && name.ends_with(".txt");
            if is_folder && depth < DEEPEST && enters(&name) && name != ".kiro" && name != "specs" {
                folders.push((path, depth + 1));
            } else if !is_folder && (is_listed || is_python) {
                found.push(path);
            }
        }
        if folders.len() > FOLDERS {
            return None;
        }
    }
    found.sort();
    Some(found)
}

/// A path as people would write it from where they are: beside the checked folder as that was named,
/// else from the present folder, else in full.
fn shown(path: &Path, folder: &Path, start: &Path) -> PathBuf {
    if let Ok(below) = path.strip_prefix(start) {
        return folder.join(below);
    }
    let here = std::path::absolute(".").unwrap_or_default();
    path.strip_prefix(here).map_or_else(|_| path.to_owned(), Path::to_owned)
}

fn slashed(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}

/// Files, as the checks take them.
pub(crate) fn with_inputs<T>(files: &[File], work: impl FnOnce(&[Input<'_>]) -> T) -> T {
    let paths: Vec<String> = files.iter().map(|it| it.path.display().to_string()).collect();
    let inputs: Vec<Input<'_>> = files
        .iter()
        .zip(&paths)
        .map(|(file, path)| Input { path, bytes: &file.bytes, document: &file.document })
        .collect();
    work(&inputs)
}
