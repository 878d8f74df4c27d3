//! What the documents that were made here have lost since.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use specie_spec::check::{drift, numbers};
use specie_spec::{Diagnostic, NodeKind};

use crate::around::with_inputs;
use crate::{File, FileError, Lock, Locked, Spec, root_of};

/// The documents whose numbers are held to what was written.
const HELD: [&str; 3] = ["requirements.md", "design.md", "spec.md"];

/// The findings of all specs that a lock knows, and the files outside of them that have some. `shown` says
/// how a path is named.
pub(crate) fn drifted(
    specs: &[Spec],
    shown: impl Fn(&Path) -> PathBuf,
) -> Result<(Vec<Diagnostic>, Vec<File>), FileError> {
    let mut outside = Vec::new();
    let mut locks: BTreeMap<PathBuf, Lock> = BTreeMap::new();
    let mut found = Vec::new();
    for spec in specs {
        let folder = std::path::absolute(&spec.folder).unwrap_or_else(|_| spec.folder.clone());
        let root = root_of(&folder);
        let lock = match locks.entry(root.clone()) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => entry.insert(Lock::read(&root)?),
        };
        if lock.specs.is_empty() {
            continue;
        }
        let inside = folder.strip_prefix(&root).unwrap_or(&folder);
        let inside: PathBuf = inside.components().collect();
        let named = inside.to_string_lossy().replace('\\', "/");
        let Some(locked) = lock.specs.get(&named) else { continue };
        with_inputs(&spec.files, |inputs| {
            for input in inputs {
                let name = Path::new(input.path).file_name().unwrap_or_default().to_string_lossy();
                let last = locked.files.get(&format!("{named}/{name}"));
                if let Some(last) = last.filter(|_| HELD.contains(&name.as_ref())) {
                    found.extend(drift(input, &last.text()));
                }
            }
        });
        for file in made(&root, &named, locked, &shown) {
            let criteria = numbers_of(spec);
            let said = with_inputs(std::slice::from_ref(&file), |it| {
                let path = file.path.clone();
                let last = locked.files.iter().find(|(name, _)| shown(&root.join(name)) == path);
                last.map(|(_, last)| drift(&it[0], &last.text())).unwrap_or_default()
            });
            let count = found.len();
            found.extend(said.into_iter().filter(|it| {
                let lost = it.message.split(" stood here").next().unwrap_or_default();
                lost.split(", ").any(|number| criteria.contains(number))
            }));
            if found.len() > count {
                outside.push(file);
            }
        }
    }
    Ok((found, outside))
}

/// The files in TOML that were made with a spec and stand outside of its folder.
fn made(
    root: &Path,
    folder: &str,
    locked: &Locked,
    shown: &impl Fn(&Path) -> PathBuf,
) -> Vec<File> {
    let inside = format!("{folder}/");
    let names = locked.files.keys().filter(|it| !it.starts_with(&inside) && it.ends_with(".toml"));
    let paths = names.map(|it| root.join(it)).filter(|it| it.is_file());
    let open = |path: PathBuf| Some(File { path: shown(&path), ..File::open(&path).ok()? });
    paths.filter_map(open).collect()
}

/// The numbers that the criteria of a spec state.
fn numbers_of(spec: &Spec) -> BTreeSet<String> {
    let nodes = spec.files.iter().flat_map(|it| &it.document.nodes);
    let criteria = nodes.filter(|it| it.kind == NodeKind::Criterion);
    criteria.flat_map(|it| numbers(&it.text)).map(str::to_owned).collect()
}
