//! How a spec stands: what other commands ask before they build on it.

use specie_spec::approval::{Level, task_name, tasks};

use super::entry::Mode;
use super::standing::Standing;
use super::subject::task_file;
use super::{Ledger, Place, Store};
use crate::{FileError, Spec};

/// How a spec stands.
#[derive(Clone, Debug)]
pub struct Approvals {
    /// Its folder from the root of the repository.
    pub spec: String,
    /// Whether the ledger has any entry about it; without one nothing asks for approvals.
    pub governed: bool,
    /// Whether something is wrong with the ledger's files: `specie spec ledger verify` names it.
    pub damaged: bool,
    /// What its steps ask for.
    pub mode: Mode,
    /// Each level.
    pub levels: Vec<(Level, Standing)>,
    /// Each task, by its name and its line in `tasks.md`; approved when the whole level is, or it is
    /// itself, or a task around it.
    pub tasks: Vec<(String, usize, Standing)>,
}

impl Approvals {
    /// How a level stands.
    pub fn of(&self, level: Level) -> &Standing {
        let found = self.levels.iter().find(|(it, _)| *it == level);
        found.map_or(&Standing::Absent, |(_, standing)| standing)
    }
}

/// How a spec stands, by the ledger of the repository around it.
pub fn approvals(spec: &Spec) -> Result<Approvals, FileError> {
    let place = Place::of(&spec.folder)?;
    let store = Store::at(place.repository.root());
    Ok(approvals_in(&store.read()?, &store, &place, spec))
}

/// The same, by a ledger that was read already.
pub fn approvals_in(ledger: &Ledger, store: &Store, place: &Place, spec: &Spec) -> Approvals {
    let texts = |digest: &_| store.text(digest);
    let level = |level| (level, ledger.standing(&place.level(spec, level), &texts));
    let mut all = Vec::new();
    if let Some(file) = task_file(spec) {
        for (n, node) in tasks(&file.document) {
            let Some(name) = task_name(node) else { continue };
            let standing = ledger.covered(&place.covering(spec, file, n), &texts);
            all.push((name.to_owned(), node.line, standing));
        }
    }
    Approvals {
        spec: place.spec.clone(),
        governed: ledger.governs(&place.spec),
        damaged: ledger.is_damaged(),
        mode: ledger.mode(&place.spec),
        levels: Level::ALL.into_iter().map(level).collect(),
        tasks: all,
    }
}
