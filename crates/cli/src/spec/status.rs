//! `specie spec status`.

use std::path::Path;

use specie_engine::{Repository, form};
use specie_spec::State;
use specie_spec::progress::{Progress, TaskProgress, progress};

use super::{one_at, with_inputs};
use crate::fail::Fail;
use crate::out;

/// Shows how far the tasks of the spec at `path` are.
pub fn show_status(path: &Path, json: bool) -> Result<(), Fail> {
    let spec = &one_at(path)?;
    let repository = Repository::around(&spec.folder);
    let made = |path: &str| repository.was_made(path);
    let tasks: Vec<TaskProgress> = with_inputs(spec, |inputs| {
        inputs.iter().flat_map(|input| progress(input, &made)).collect()
    });
    if json {
        out::json(&form::status(spec, repository.commit().as_deref(), &tasks))?;
    } else {
        for it in &tasks {
            let id = it.id.as_deref().unwrap_or("?");
            let (progress, why) = (it.progress.as_str(), it.because.join("; "));
            out::say(format!("{id:8} {progress:13} {}\n{:23}{why}", it.title, ""))?;
        }
        let done = tasks.iter().filter(|it| it.mark == Some(State::Done)).count();
        out::say(format!("{done} of {} ticked", out::count(tasks.len(), "task")))?;
    }
    match tasks.iter().any(|it| it.progress == Progress::Contradicted) {
        true => Err(Fail::Found),
        false => Ok(()),
    }
}
