//! Checking all specs at a path, on as many threads as there are cores.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use specie_spec::check::check_with;
use specie_spec::steering::Steering;
use specie_spec::{Diagnostic, rules};

use crate::around::{Around, with_inputs};
use crate::walk::{Place, Skipped, places};
use crate::{File, FileError, Spec};

/// More threads do not make it faster.
const THREADS: usize = 8;

/// What was checked, and what was found.
#[derive(Debug)]
pub struct Checked {
    /// The specs, by name.
    pub specs: Vec<Spec>,
    /// Steering files and the index around them.
    pub around: Vec<File>,
    /// In the order of the specs and their files, then of what lies around them.
    pub found: Vec<Diagnostic>,
}

impl Checked {
    /// All files that were checked.
    pub fn files(&self) -> impl Iterator<Item = &File> {
        self.specs.iter().flat_map(|spec| &spec.files).chain(&self.around)
    }
}

/// Checks the specs at `path`, each by itself, against steering, and with the index of the project. Of a
/// file only what is found in it. Errors are those of reading.
pub fn check(path: &Path) -> Result<Checked, FileError> {
    let around = Around::of(path);
    let steering = around.steering();
    let (places, skipped) = places(path)?;
    let (specs, mut found) = check_places(&places, &steering)?;
    let (drifted, made) = crate::drift::drifted(&specs, |it| around.shown(it))?;
    found.extend(drifted);
    found.extend(around.check(&steering, &specs));
    found.extend(twins(&specs));
    found.extend(skipped.iter().map(unread));
    let mut around: Vec<File> = made.into_iter().chain(around.into_files()).collect();
    if path.is_file() {
        found.retain(|it| Path::new(&it.path).file_name() == path.file_name());
        around.clear();
    }
    Ok(Checked { specs, around, found })
}

/// Specs of one category that have the same number.
fn twins(specs: &[Spec]) -> Vec<Diagnostic> {
    let mut seen: BTreeMap<(&Path, &str), &Path> = BTreeMap::new();
    let mut found = Vec::new();
    for spec in specs {
        let name = spec.folder.file_name().and_then(|it| it.to_str()).unwrap_or_default();
        let number = name.strip_prefix("spec-").and_then(|it| it.split('-').next());
        let number = number.filter(|it| !it.is_empty() && it.bytes().all(|c| c.is_ascii_digit()));
        let lead = spec.files.iter().find(|it| it.path.ends_with("spec.md"));
        let (Some(number), Some(lead)) = (number, lead) else { continue };
        let place = (spec.folder.parent().unwrap_or(Path::new("")), number);
        let first = *seen.entry(place).or_insert(&spec.folder);
        if first != spec.folder {
            let what = format!("spec {number} is `{}` already", first.display());
            found.push(Diagnostic {
                rule: &rules::DUPLICATE,
                path: lead.path.display().to_string(),
                line: 1,
                column: 1,
                span: 0..0,
                message: what,
                help: Some("give one of them the next number that is free".into()),
                id: None,
            });
        }
    }
    found
}

/// That a folder was left out.
fn unread((folder, why): &Skipped) -> Diagnostic {
    Diagnostic {
        rule: &rules::UNREAD,
        path: folder.display().to_string(),
        line: 1,
        column: 1,
        span: 0..0,
        message: format!("this folder cannot be read: {why}; specs in it were not checked"),
        help: Some("let yourself read it, or check the folders beside it".into()),
        id: None,
    }
}

/// What a thread has done, by the number of the place.
type Done = Vec<(usize, Result<(Spec, Vec<Diagnostic>), FileError>)>;

fn check_places(
    places: &[Place],
    steering: &Steering,
) -> Result<(Vec<Spec>, Vec<Diagnostic>), FileError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let all: Mutex<Done> = Mutex::new(Vec::with_capacity(places.len()));
    let work = || {
        let mut done = Done::new();
        while let Some((n, place)) = take(&next, places) {
            done.push((n, check_place(place, steering)));
        }
        all.lock().expect("no thread panics while it holds this").extend(done);
    };
    std::thread::scope(|scope| {
        for _ in 1..cores.min(THREADS).min(places.len()) {
            scope.spawn(work);
        }
        work();
    });
    let mut all = all.into_inner().expect("no thread panics while it holds this");
    all.sort_unstable_by_key(|(n, _)| *n);
    let (mut specs, mut found) = (Vec::new(), Vec::new());
    for (_, done) in all {
        let (spec, said) = done?;
        specs.push(spec);
        found.extend(said);
    }
    Ok((specs, found))
}

/// The next place that no thread has taken.
fn take<'p>(next: &AtomicUsize, places: &'p [Place]) -> Option<(usize, &'p Place)> {
    let n = next.fetch_add(1, Ordering::Relaxed);
    places.get(n).map(|place| (n, place))
}

fn check_place(place: &Place, steering: &Steering) -> Result<(Spec, Vec<Diagnostic>), FileError> {
    let spec = place.read_all()?;
    let found = with_inputs(&spec.files, |files| check_with(files, steering));
    Ok((spec, found))
}
