//! `specie spec amend`: a change of an existing spec, by splices.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use specie_engine::carry::{Finished, Step};
use specie_engine::change::{FileChange, take_over};
use specie_engine::ledger::Standing;
use specie_engine::make::{MakeError, Which, asked, pages};
use specie_engine::{Base, Locked, steering};
use specie_spec::approval::Level;
use specie_spec::draft::Draft;
use specie_spec::power::{
    Around, AskError, Asked, FragmentKind, Item, Open, Power, Understanding, understand,
    understand_beside,
};

use super::make::Place;
use super::new::{Asking, author_of, not_understood, prompt};
use super::now::{self, Now};
use crate::fail::Fail;
use crate::out;

/// See `specie spec amend --help`.
#[derive(Args)]
pub struct Arguments {
    /// The folder of a spec, or a file of it.
    path: PathBuf,
    /// What is wanted beside what the spec says, or no longer.
    request: String,
    #[command(flatten)]
    asking: Asking,
    /// A power beside those at hand: its folder.
    #[arg(long)]
    power: Vec<PathBuf>,
    /// Fails with exit code 3 when a word was not understood, and writes nothing.
    #[arg(long)]
    strict: bool,
    /// Shows what would change, and writes nothing.
    #[arg(long)]
    nogenerate: bool,
    #[command(flatten)]
    now: Now,
}

/// Does it.
pub fn run(arguments: &Arguments, as_json: bool) -> Result<(), Fail> {
    let (place, finished) = match arguments.nogenerate {
        true => (Place::of(&arguments.path)?, None),
        false => Place::to_change(&arguments.path)?,
    };
    let power = place.power(&arguments.power)?;
    let now = arguments.now.get()?;
    let request = prompt(&arguments.request)?;
    let mut locked = place.locked()?.clone();
    take_over(&place.root, &place.folder, &mut locked).map_err(super::wrong)?;
    let author = author_of(&power);
    let before = locked.make(&power, &author, "").map_err(failed)?;
    let said = understand_beside(&power, &request, &items(&power, &before.draft));
    if said.concepts.is_empty() && said.slots.is_empty() && said.options.is_empty() {
        return Err(Fail::Input(format!(
            "the power {} knows nothing of `{}`; nothing was changed",
            power.name, request
        )));
    }
    let is_same = |it: &Finished| it.folder == place.folder && it.request == arguments.request;
    if finished.as_ref().is_some_and(is_same) {
        return tell(&[], place.locked()?, false, &said, as_json);
    }
    if arguments.strict && !said.unknown.is_empty() {
        return not_understood(&said.unknown, as_json);
    }
    let against = against(&place, &power, &before.draft, &said);
    let overruled = std::cell::Cell::new(true);
    locked.requests.push(request.clone());
    let given: BTreeMap<_, _> =
        locked.answers.iter().map(|(id, it)| (id.clone(), it.into())).collect();
    let around = Around { steering: locked.steering.clone(), manifests: locked.manifests.clone() };
    let answers = arguments.asking.answers(now, |answers| {
        let mut all = given.clone();
        all.extend(answers.clone());
        let asked = asked(&power, &locked.requests, &all, &around);
        let (understood, mut asked) =
            asked.map_err(|error: AskError| Fail::Input(error.to_string()))?;
        for open in against.iter().rev() {
            match answers.get(&open.id) {
                Some(answer) => {
                    overruled.set(overruled.get() && answer.text == "yes");
                    asked.answered.push((open.clone(), answer.clone()));
                }
                None => asked.open = Some(open.clone()),
            }
        }
        Ok::<(Understanding, Asked), Fail>((understood, asked))
    })?;
    if !overruled.get() {
        if as_json {
            return tell(&[], place.locked()?, false, &said, true);
        }
        return out::say(
            "the spec stays as it is: what it leaves out on purpose was not overruled",
        );
    }
    locked.answers.extend(answers.iter().map(|(id, it)| (id.clone(), it.into())));
    raise(&mut locked, now);
    let made = locked.make(&power, &author, &now::minute(now)).map_err(failed)?;
    if made.draft.pieces == before.draft.pieces {
        return Err(Fail::Input(format!(
            "`{}` would change nothing in the spec; nothing was written\n\nhint: name what is wanted (\"Add PayPal\"), what is not (\"No refunds\"), or a plan with its new price (\"Pro at $39 a month\")",
            request
        )));
    }
    let of =
        |draft: &Draft<'_>| Ok::<_, Fail>(pages(draft, place.tree()?, &place.folder, Which::Spec));
    let after = of(&made.draft)?;
    super::sold::left(&of(&before.draft)?, &after, &request)?;
    super::sold::accepted(&after)?;
    locked.settle(&made.draft);
    let all = changes(&place, &made.draft, &mut locked)?;
    if all.iter().any(|it| !it.conflicts.is_empty()) {
        return Err(conflicts(&all));
    }
    let lapses = matches!(super::standing(&place, Level::Spec)?, Standing::Approved { .. });
    if !arguments.nogenerate {
        let step = Step::of(&place.folder, &all, locked.clone());
        step.carry_out(&place.root).map_err(super::wrong)?;
    }
    tell(&all, &locked, lapses, &said, as_json)
}

/// The items that a spec has.
fn items(power: &Power, draft: &Draft<'_>) -> Vec<Item> {
    let values = power.slots.iter().filter_map(|it| draft.facts.get(&it.id));
    values.flat_map(|it| it.items().to_vec()).collect()
}

fn failed(error: MakeError) -> Fail {
    Fail::Failed(error.to_string())
}

/// What the request wants that the spec, or a steering file, leaves out on purpose.
fn against(place: &Place, power: &Power, draft: &Draft<'_>, said: &Understanding) -> Vec<Open> {
    let question = |id: String, ask: String| Open {
        id,
        ask,
        why: "It was left out on purpose; whoever decided that should know.".into(),
        options: vec![
            ("yes".into(), "it is wanted now".into()),
            ("no".into(), "the spec stays as it is".into()),
        ],
        default: None,
    };
    let mut all = Vec::new();
    for goal in draft.of_kind(FragmentKind::Nongoal).filter(|it| said.wants(it.text("concept"))) {
        let id = format!("overrule-{}", goal.text("concept"));
        all.push(question(
            id,
            format!("The spec says that this is no goal: {}. Is it wanted now?", goal.text("text")),
        ));
    }
    for (path, text) in steering(&place.root) {
        let rules = understand(power, &text);
        for concept in
            power.concepts.iter().filter(|it| said.wants(&it.id) && rules.rules_out(&it.id))
        {
            let id = format!("overrule-steering-{}", concept.id);
            all.push(question(
                id,
                format!("`{path}` rules out {}. Is it wanted now?", concept.title),
            ));
        }
    }
    all
}

/// The next minor version, of today.
fn raise(locked: &mut Locked, now: jiff::Timestamp) {
    let mut parts = locked.version.split('.').map(|it| it.parse::<u64>().unwrap_or(0));
    let (major, minor) = (parts.next().unwrap_or(1), parts.next().unwrap_or(0));
    locked.version = format!("{major}.{}.0", minor + 1);
    locked.status = "UPDATED".into();
    locked.updated = now::day(now);
}

/// The changes of the spec itself and of what it brings along; tasks and plan follow by `sync`.
fn changes(place: &Place, draft: &Draft<'_>, locked: &mut Locked) -> Result<Vec<FileChange>, Fail> {
    let mut all = Vec::new();
    for (path, page) in pages(draft, place.tree()?, &place.folder, Which::Spec) {
        if path.ends_with("/tasks.md") {
            continue;
        }
        let text = page.text();
        let one = FileChange::of(&place.root, &path, locked.files.get(&path), text)
            .map_err(super::wrong)?;
        locked.files.insert(path, Base::of(&one.written));
        all.push(one);
    }
    Ok(all)
}

/// That somebody else changed the same lines.
pub fn conflicts(all: &[FileChange]) -> Fail {
    let mut text = String::from("the same lines were changed by hand; nothing was written");
    for one in all {
        for conflict in &one.conflicts {
            let found = conflict.found.join(" / ");
            let wanted = conflict.wanted.join(" / ");
            text.push_str(&format!(
                "\n  {}:{}: found `{found}`, wanted `{wanted}`",
                one.path, conflict.line
            ));
        }
    }
    text.push_str("\n\nhint: make these lines say one of both, and run it again");
    Fail::Failed(text)
}

fn tell(
    all: &[FileChange],
    locked: &Locked,
    lapses: bool,
    said: &Understanding,
    as_json: bool,
) -> Result<(), Fail> {
    if as_json {
        return out::json(&json!({
            "schema": "specie.spec.amend/1",
            "version": locked.version, "status": locked.status, "updated": locked.updated,
            "files": all.iter().map(form).collect::<Vec<_>>(),
            "approval_lapsed": lapses,
            "not_understood": said.unknown.iter().map(specie_engine::form::unknown).collect::<Vec<_>>(),
        }));
    }
    all.iter().try_for_each(show)?;
    said.unknown.iter().try_for_each(|(_, words)| out::say(format!("not covered: {words}")))?;
    if lapses {
        out::say("the approval of the spec has lapsed")?;
    }
    out::say(format!(
        "version {}, {}\n\nnext: `specie spec sync` shows what follows for plan and tasks",
        locked.version, locked.status
    ))
}

/// A file's changes in the JSON forms.
pub fn form(one: &FileChange) -> Value {
    let changes: Vec<Value> = one
        .changes
        .iter()
        .map(|it| json!({ "span": [it.span.start, it.span.end], "was": it.was, "now": it.now }))
        .collect();
    json!({ "path": one.path, "changes": changes })
}

/// A file's changes as a difference.
pub fn show(one: &FileChange) -> Result<(), Fail> {
    if one.changes.is_empty() {
        return Ok(());
    }
    let after = one.after();
    let lines = specie_spec::diff::diff(one.before.as_deref().unwrap_or_default(), &after);
    out::say(format!("{}\n{}", one.path, specie_spec::diff::unified(&lines).trim_end()))
}
