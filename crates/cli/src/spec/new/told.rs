//! What `new` says at its end.

use serde_json::{Value as Json, json};
use specie_engine::{form, sha256};

use super::Outcome;
use crate::fail::Fail;
use crate::out;

/// Tells it, as text or as JSON.
pub fn tell(
    outcome: &Outcome<'_>,
    prompt: &str,
    folder: &str,
    dry: bool,
    as_json: bool,
) -> Result<(), Fail> {
    if as_json {
        return out::json(&document(outcome, prompt, dry));
    }
    let draft = &outcome.made.draft;
    for one in &outcome.writings {
        crate::spec::tell_writing(one, dry)?;
    }
    let defaults = draft.answered.iter().filter(|(_, it)| it.by_default).count();
    let criteria = draft.numbers.criteria.len();
    out::say(format!(
        "\n{}: {}, {}, {}, {} of work",
        draft.names.title,
        out::count(draft.numbers.requirements.len(), "requirement"),
        format_args!("{criteria} acceptance criteria"),
        out::count(draft.work.tasks.len(), "task"),
        out::count(usize::try_from(draft.work.hours()).unwrap_or(0), "hour"),
    ))?;
    if defaults > 0 {
        out::say(format!("{} taken: see Review Notes", out::count(defaults, "default")))?;
    }
    for words in &draft.unknown {
        out::say(format!("not covered: {words}"))?;
    }
    out::say(format!("\nnext: read {folder}, then `specie spec approve {folder}`"))
}

/// `specie.spec.new/1`
fn document(outcome: &Outcome<'_>, prompt: &str, dry: bool) -> Json {
    let draft = &outcome.made.draft;
    let powers: Vec<Json> = outcome
        .powers
        .iter()
        .map(|(power, used, read)| {
            let matched: Vec<&String> = read.concepts.keys().collect();
            json!({ "name": power.name, "version": power.version, "used": used, "matched": matched })
        })
        .collect();
    let files: Vec<Json> = outcome
        .writings
        .iter()
        .map(|it| {
            let action = if dry { "none" } else { it.action.as_str() };
            json!({ "path": it.path, "sha256": sha256(it.text.as_bytes()), "action": action })
        })
        .collect();
    json!({
        "schema": "specie.spec.new/1",
        "powers": powers,
        "facts": form::facts(&draft.facts, prompt),
        "questions": form::questions(draft, prompt),
        "not_understood": outcome.made.understood.unknown.iter().map(form::unknown).collect::<Vec<_>>(),
        "files": files,
        "causes": form::causes(&outcome.pages, &draft.facts),
    })
}
