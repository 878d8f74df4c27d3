//! What `status --write` writes.

use std::path::Path;

use jiff::Timestamp;
use specie_engine::{File, FileError, Spec, Written, write_new};
use specie_spec::progress::{Phase, TaskProgress, advice, blockers, marks, report};

use crate::fail::Fail;
use crate::spec::{with_inputs, wrong};

/// Writes the report beside the tasks, and the marks into their table of phases. `name` is the spec's
/// folder from the root of the repository. Answers with each file, and what was done to it.
pub fn write(
    spec: &Spec,
    name: &str,
    tasks: &[TaskProgress],
    phases: &[Phase],
    now: Timestamp,
) -> Result<Vec<(String, &'static str)>, Fail> {
    let is_it =
        |file: &&File| tasks.iter().any(|it| file.path.display().to_string() == it.task.path);
    let Some(file) = spec.files.iter().find(is_it) else {
        let folder = spec.folder.display();
        return Err(Fail::Input(format!("`{folder}` has no tasks, expected some to report on")));
    };
    let blockers = blockers(tasks, phases, name);
    let advice = advice(tasks, phases, &blockers, name);
    let day = now.strftime("%Y-%m-%d").to_string();
    let text = report((name, &day), tasks, phases, &blockers, &advice);
    let folder = file.path.parent().unwrap_or(Path::new(""));
    let mut all = vec![write_report(folder, text.as_bytes(), now)?];
    all.extend(write_marks(spec, phases)?);
    Ok(all)
}

fn write_report(
    folder: &Path,
    text: &[u8],
    now: Timestamp,
) -> Result<(String, &'static str), Fail> {
    let names = ["%Y%m%d", "%Y%m%d-%H%M"];
    let names = names.map(|form| format!("progress-report-{}.md", now.strftime(form)));
    let written = write_new(folder, &names, text).map_err(|error| match error {
        FileError::Io { ref error, ref path, .. }
            if error.kind() == std::io::ErrorKind::AlreadyExists =>
        {
            Fail::Failed(format!(
                "`{}` is there already, with another content; nothing was written\n\nhint: remove it, or try again in a minute",
                path.display()
            ))
        }
        other => wrong(other),
    })?;
    let what = match written {
        Written::New(_) => "written",
        Written::Same(_) => "unchanged",
    };
    Ok((written.path().display().to_string(), what))
}

fn write_marks(spec: &Spec, phases: &[Phase]) -> Result<Vec<(String, &'static str)>, Fail> {
    let changes = with_inputs(spec, |inputs| {
        inputs.iter().map(|input| marks(input, phases)).collect::<Vec<_>>()
    });
    let mut all = Vec::new();
    for (file, changes) in spec.files.iter().zip(&changes).filter(|(_, it)| !it.is_empty()) {
        file.replace(&file.with(changes)).map_err(wrong)?;
        all.push((file.path.display().to_string(), "marks of its phases updated"));
    }
    Ok(all)
}
