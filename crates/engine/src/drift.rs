//! What the documents that were made here have lost since.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use specie_spec::Diagnostic;
use specie_spec::check::drift;

use crate::around::with_inputs;
use crate::{FileError, Lock, Spec, root_of};

/// The documents whose numbers are held to what was written.
const HELD: [&str; 3] = ["requirements.md", "design.md", "spec.md"];

/// The findings of all specs that a lock knows.
pub(crate) fn drifted(specs: &[Spec]) -> Result<Vec<Diagnostic>, FileError> {
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
    }
    Ok(found)
}
