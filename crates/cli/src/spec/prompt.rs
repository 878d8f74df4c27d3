//! `specie spec prompt`: what a coding agent is given.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use specie_engine::make::{Action, Writing};
use specie_engine::{Lock, TOKENIZER, count_tokens, root_of};
use specie_spec::NodeKind;
use specie_spec::prompt::{Prompt, file_name, prompts};

use specie_spec::approval::Level;

use super::now::{self, Now};
use super::powers;
use crate::fail::Fail;
use crate::out;

/// See `specie spec prompt --help`.
#[derive(Args)]
pub struct Arguments {
    /// The folder of a spec, or its tasks.
    #[arg(default_value = ".")]
    path: PathBuf,
    /// How many tokens a prompt may have; what does not fit goes on in further parts.
    #[arg(long, default_value_t = 60_000, value_name = "TOKENS")]
    budget: usize,
    /// Goes on though the tasks are not approved, and says DRAFT in the header.
    #[arg(long)]
    draft: bool,
    /// Shows the prompt, and writes nothing.
    #[arg(long)]
    nogenerate: bool,
    /// The index of specs; else SPEC_INDEX.json of the root.
    #[arg(long, value_name = "FILE")]
    specindex: Option<PathBuf>,
    #[command(flatten)]
    now: Now,
}

/// The documents that a prompt names when they are there.
const DOCUMENTS: [(&str, &str); 9] = [
    ("requirements.md", "Requirements and acceptance criteria"),
    ("design.md", "Design"),
    ("spec.md", "Complete specification"),
    ("tasks.md", "Detailed task list"),
    ("plan.md", "Project plan"),
    ("README.md", "Set-up guide"),
    ("data-model.md", "Database schemas"),
    ("openapi.yaml", "API contracts"),
    ("test-plan.md", "Testing strategy"),
];

/// Does it.
pub fn run(arguments: &Arguments, as_json: bool) -> Result<(), Fail> {
    let specs = super::found_at(&arguments.path)?;
    let [spec] = specs.as_slice() else { return Err(super::several(&arguments.path, &specs)) };
    let folder = std::path::absolute(&spec.folder).unwrap_or_else(|_| spec.folder.clone());
    let root = root_of(&folder);
    let inside = folder.strip_prefix(&root).unwrap_or(&folder).to_string_lossy().replace('\\', "/");
    let is_tasks =
        |it: &&specie_engine::File| it.path.file_name().is_some_and(|name| name == "tasks.md");
    let tasks = spec.files.iter().find(is_tasks).ok_or_else(|| {
        Fail::Input(format!(
            "`{inside}` has no `tasks.md`\n\nhint: `specie spec tasks {inside}` makes it"
        ))
    })?;
    let approved = super::approved(&root, &inside, Level::Task)?;
    if !approved.is_approved && !arguments.draft {
        return Err(Fail::Input(format!(
            "the tasks in `{inside}` are not approved ({}); nothing was written\n\nhint: `specie spec approve {inside} --level task` approves them, `--draft` makes a prompt that says DRAFT",
            approved.why
        )));
    }
    let now = arguments.now.get()?;
    let title = tasks
        .document
        .nodes
        .iter()
        .find(|it| it.kind == NodeKind::Heading)
        .map(|it| it.text.clone());
    let title = title.unwrap_or_else(|| inside.clone());
    let title = title
        .rsplit_once(": ")
        .or_else(|| title.rsplit_once(" - "))
        .map_or(title.as_str(), |it| it.1);
    let documents: Vec<(String, String)> = DOCUMENTS
        .iter()
        .filter(|(name, _)| folder.join(name).is_file())
        .map(|(name, what)| ((*name).to_owned(), (*what).to_owned()))
        .collect();
    let validation = validation(&root, &inside)?;
    let prompt = Prompt {
        document: &tasks.document,
        bytes: &tasks.bytes,
        title,
        folder: &inside,
        stem: "",
        documents: &documents,
        validation: &validation,
        generated: &now::minute(now),
        author: "Specie",
        is_draft: !approved.is_approved,
        budget: arguments.budget,
        tokenizer: TOKENIZER,
    };
    let stamp = now.strftime("%Y%m%d-%H%M").to_string();
    let writings = writings(&root, &prompt, &stamp)?;
    if !arguments.nogenerate {
        writings.iter().try_for_each(|it| it.write(&root)).map_err(super::wrong)?;
    }
    told(arguments, &writings, as_json)
}

fn told(arguments: &Arguments, writings: &[Writing], as_json: bool) -> Result<(), Fail> {
    if as_json {
        let files: Vec<_> = writings
            .iter()
            .map(|it| {
                let mut form = super::make::file(it, arguments.nogenerate);
                form["tokens"] = json!(count_tokens(&it.text));
                form
            })
            .collect();
        return out::json(
            &json!({ "schema": "specie.spec.prompt/1", "files": files, "budget": arguments.budget, "tokenizer": TOKENIZER }),
        );
    }
    for one in writings {
        if arguments.nogenerate {
            out::bytes(one.text.as_bytes())?;
        } else {
            super::tell_writing(one, false)?;
            out::say(format!(
                "{:12} {} tokens of {}",
                "",
                count_tokens(&one.text),
                arguments.budget
            ))?;
        }
    }
    Ok(())
}

/// Names for the prompts: `kilo-prompt.md`; with day and minute when one of that name says something
/// else; further parts with their number.
fn writings(root: &Path, prompt: &Prompt<'_>, stamp: &str) -> Result<Vec<Writing>, Fail> {
    let tries = [String::new(), format!("-{stamp}")];
    let tries = tries.into_iter().chain((2..).map(|n| format!("-{stamp}-{n}")));
    for behind in tries.take(1000) {
        let stem = format!("kilo-prompt{behind}");
        let all = prompts(&Prompt { stem: &stem, ..*prompt }, &count_tokens).map_err(|error| {
            Fail::Input(format!("{error}; nothing was written\n\nhint: raise `--budget`"))
        })?;
        let path = |n: usize| format!("{}/{}", prompt.folder, file_name(&stem, n + 1));
        let texts = all.into_iter().enumerate().map(|(n, text)| (path(n), text));
        let found: Result<Vec<Writing>, _> =
            texts.map(|(path, text)| Writing::of(root, &path, text, None, false)).collect();
        let found = found.map_err(super::wrong)?;
        if found.iter().all(|it| it.action != Action::Beside) {
            return Ok(found);
        }
    }
    Err(Fail::Failed(format!("there is no free name for the prompt in `{}`", prompt.folder)))
}

/// The commands of the stack that check the whole project after every task; none for a spec that was not made here.
fn validation(root: &Path, folder: &str) -> Result<Vec<String>, Fail> {
    let lock = Lock::read(root).map_err(super::wrong)?;
    let Some(locked) = lock.specs.get(folder) else { return Ok(Vec::new()) };
    let powers = powers::at_hand(root, &[])?;
    let Some(power) = powers.iter().find(|it| it.name == locked.power) else {
        return Ok(Vec::new());
    };
    let made = locked.make(power, "", "").map_err(|error| Fail::Failed(error.to_string()))?;
    let Some(stack) = made.draft.stack else { return Ok(Vec::new()) };
    Ok(stack.every_task.iter().filter_map(|it| stack.commands.get(it).cloned()).collect())
}
