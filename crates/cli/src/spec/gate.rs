//! What stands before a tick and before the edits of `sync`: the approvals that the mode of a spec
//! asks for.

use std::path::Path;

use specie_engine::change::FileChange;
use specie_engine::ledger::entry::{Mode, Scope, What};
use specie_engine::ledger::{Need, Standing, Step, Subject, Touched, need};
use specie_engine::{File, specs};
use specie_spec::approval::{around, task_name};
use specie_spec::diff::{diff, unified, visible};

use super::desk::{Decision, Desk};
use super::wrong;
use crate::fail::Fail;

/// Refuses to tick a task as done before it may be; asks for the approval of its files where that
/// is all that is missing. Where the repository has no ledger, or it has no entry about this spec,
/// nothing is asked.
pub fn before_done(file: &File, node: usize) -> Result<(), Fail> {
    let real = std::fs::canonicalize(&file.path).unwrap_or_else(|_| file.path.clone());
    let Some(folder) =
        real.parent().filter(|_| real.file_name().is_some_and(|it| it == "tasks.md"))
    else {
        return Ok(());
    };
    let desk = Desk::at(folder)?;
    if !desk.ledger.governs(&desk.place.spec) {
        return Ok(());
    }
    // What is ticked is the file as it was opened; its real name is that of the spec's own.
    let named = File { path: real, ..file.clone() };
    let step = step(&desk, &named, node)?;
    match need(&desk.ledger, &step, &desk.text()) {
        Need::Nothing => Ok(()),
        Need::Task { name, standing } => Err(unapproved(&desk, file, &name, &standing)),
        Need::Files(subjects) => subjects
            .iter()
            .try_for_each(|it| ask(&desk, it, &|path| desk.place.repository.committed(path))),
    }
}

/// The tick of a node's task, as the modes look at it.
fn step(desk: &Desk, file: &File, node: usize) -> Result<Step, Fail> {
    let all = specs(&file.path).map_err(wrong)?;
    let task = around(&file.document, node).first().copied();
    let name = task.and_then(|task| task_name(&file.document.nodes[task]));
    let name = name.map_or_else(|| "without a name".to_owned(), str::to_owned);
    let covering = all.iter().flat_map(|spec| desk.place.covering(spec, file, node)).collect();
    let left = task.and_then(|task| desk.place.files(file, task));
    let files = left.into_iter().map(|it| (Mode::PerFile, it)).collect();
    let tasks = vec![Touched { name, covering }];
    Ok(Step { spec: desk.place.spec.clone(), tasks, files })
}

fn unapproved(desk: &Desk, file: &File, name: &str, standing: &Standing) -> Fail {
    let (spec, mode) = (&desk.place.spec, desk.ledger.mode(&desk.place.spec));
    let damaged = match desk.ledger.is_damaged() {
        true => "; something is wrong with the ledger: `specie spec ledger verify` names it",
        false => "",
    };
    let why = standing.sentence();
    let asked = mode.as_str();
    let path = file.path.display();
    Fail::Input(format!(
        "task {name} is not ticked: the mode of `{spec}` is {asked}, and the task was {why}{damaged}\n\nhint: on a terminal `specie spec approve {path} --task {name}` approves it, and without `--task` all of them"
    ))
}

/// Asks for the approval of the edits that `sync --apply` would make in a spec, as far as its mode
/// says: of its tasks, or of every file. `folder` is that of the spec, `root` what the edits' paths
/// are relative to.
pub fn before_apply(root: &Path, folder: &str, edits: &[FileChange]) -> Result<(), Fail> {
    let desk = Desk::at(&root.join(folder))?;
    let real = std::fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
    let inside = real.strip_prefix(desk.place.repository.root()).unwrap_or(Path::new(""));
    let named = |it: &FileChange| inside.join(&it.path).to_string_lossy().replace('\\', "/");
    let tasks = format!("{folder}/tasks.md");
    let subject = |it: &FileChange| {
        let least = if it.path == tasks { Mode::PerTask } else { Mode::PerFile };
        let (spec, scope) = (desk.place.spec.clone(), Scope::Files("sync".into()));
        (least, Subject { spec, scope, files: vec![(named(it), Some(it.after()))] })
    };
    let made = || edits.iter().filter(|it| !it.changes.is_empty());
    let files = made().map(subject).collect();
    let step = Step { spec: desk.place.spec.clone(), tasks: Vec::new(), files };
    let before = |path: &str| made().find(|it| named(it) == path).and_then(|it| it.before.clone());
    match need(&desk.ledger, &step, &desk.text()) {
        Need::Files(subjects) => subjects.iter().try_for_each(|it| ask(&desk, it, &before)),
        Need::Nothing | Need::Task { .. } => Ok(()),
    }
}

/// Shows a person what a step leaves in files, beside what was there before, and asks.
fn ask(
    desk: &Desk,
    subject: &Subject,
    before: &dyn Fn(&str) -> Option<Vec<u8>>,
) -> Result<(), Fail> {
    let mut shown = String::new();
    let digests = subject.approval().files;
    for ((path, text), (_, digest)) in subject.files.iter().zip(&digests) {
        let was = before(path).unwrap_or_default();
        let lines = unified(&diff(&was, text.as_deref().unwrap_or_default()));
        let digest = digest.map_or("not there".into(), |it| format!("sha256 {it}"));
        let lines = if lines.is_empty() { "nothing differs\n".into() } else { lines };
        shown.push_str(&format!("{}  {digest}\n{lines}\n", visible(path.as_bytes())));
    }
    let what = What::Approval(subject.approval());
    let (kind, question) = ("an approval of these files", "Approve these files?");
    desk.decide(Decision { kind, what, shown, question, texts: Vec::new() }).map(drop)
}
