//! How far the tasks of a spec are, looked up in the repository around it.

use std::cell::RefCell;
use std::collections::HashMap;

use specie_spec::check::Input;
use specie_spec::progress::{Evidence, Fingerprint, Outside, Task, TaskProgress};

use crate::Repository;
use crate::file::sha256;

/// How far each task is. `evidence` is what was recorded for this spec.
pub fn progress(
    repository: &Repository,
    files: &[Input<'_>],
    evidence: &[Evidence],
) -> Vec<TaskProgress> {
    looked_up(repository, |outside| specie_spec::progress::progress(files, evidence, outside))
}

/// What a task is now.
pub fn fingerprint(repository: &Repository, task: &Task) -> Fingerprint {
    looked_up(repository, |outside| task.fingerprint(outside))
}

/// Many tasks name the same file: each is looked up once.
fn looked_up<T>(repository: &Repository, work: impl FnOnce(&Outside<'_>) -> T) -> T {
    let made: RefCell<HashMap<String, Option<bool>>> = RefCell::default();
    let digests: RefCell<HashMap<String, Option<String>>> = RefCell::default();
    let was_made = |path: &str| {
        let known = made.borrow().get(path).copied();
        known.unwrap_or_else(|| {
            let found = repository.was_made(path);
            made.borrow_mut().insert(path.into(), found);
            found
        })
    };
    let digest_of = |path: &str| {
        let known = digests.borrow().get(path).cloned();
        known.unwrap_or_else(|| {
            let found = repository.digest_of(path);
            digests.borrow_mut().insert(path.into(), found.clone());
            found
        })
    };
    work(&Outside { was_made: &was_made, digest_of: &digest_of, sha256: &sha256 })
}
