//! `specie spec new`: from a sentence to a spec.

mod answers;
mod author;
mod told;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use specie_engine::index::{Entry, Index};
use specie_engine::make::{Action, Made, Which, Writing, asked, is_inside, pages};
use specie_engine::{Base, Given, Lock, Locked, Tree, around, form, root_of};
use specie_spec::draft::Page;
use specie_spec::power::{Answer, Around, Power, Understanding, understand};

use super::now::{self, Now};
use super::powers;
use crate::fail::Fail;
use crate::out;
pub use answers::Asking;

/// See `specie spec new --help`.
#[derive(Args)]
pub struct Arguments {
    /// What is wanted, in a sentence or a page; `-` reads it from stdin.
    prompt: String,
    #[command(flatten)]
    asking: Asking,
    /// The form of the tree: kiro or smartspec; else the one that the repository has.
    #[arg(long, value_parser = ["kiro", "smartspec"])]
    dialect: Option<String>,
    /// The short name of the spec; else the power says it.
    #[arg(long)]
    name: Option<String>,
    /// A power beside those at hand: its folder.
    #[arg(long)]
    power: Vec<PathBuf>,
    /// An author in place of a power: a script with the spec's name and files (docs/powers.md).
    #[arg(long, value_name = "FILE")]
    author: Option<PathBuf>,
    /// The index of specs; else SPEC_INDEX.json of the root.
    #[arg(long, value_name = "FILE")]
    specindex: Option<PathBuf>,
    /// Fails with exit code 3 when a word was not understood, and writes nothing.
    #[arg(long)]
    strict: bool,
    /// Shows what would be written, and writes nothing.
    #[arg(long)]
    nogenerate: bool,
    /// Replaces files that say something else.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    now: Now,
}

/// No request is longer, in bytes.
const LONGEST: usize = 64 * 1024;

/// Everything that `new` found out and wrote.
struct Outcome<'a> {
    powers: Vec<(&'a Power, bool, Understanding)>,
    made: Made<'a>,
    pages: Vec<(String, Page)>,
    writings: Vec<Writing>,
}

/// Does it.
pub fn run(arguments: &Arguments, as_json: bool) -> Result<(), Fail> {
    let prompt = prompt(&arguments.prompt)?;
    let now = arguments.now.get()?;
    let root = root_of(Path::new("."));
    if let Some(script) = &arguments.author {
        return author::run(script, arguments, &root, as_json);
    }
    let all = powers::at_hand(&root, &arguments.power)?;
    let read = |power| (power, understand(power, &prompt));
    let mut understood: Vec<(&Power, Understanding)> = all.iter().map(read).collect();
    understood.sort_by_key(|(power, it)| (!it.is_covered(power), std::cmp::Reverse(it.used)));
    let Some((power, _)) = understood.first().filter(|(power, it)| it.is_covered(power)) else {
        return Err(uncovered(&prompt, &understood));
    };
    let power = *power;
    let around = around(&root, power);
    let answers = arguments.asking.answers(now, |answers| {
        asked(power, std::slice::from_ref(&prompt), answers, &around)
            .map_err(|error| Fail::Input(error.to_string()))
    })?;
    let tree = tree(arguments, &root);
    let mut locked = locked(&prompt, power, &answers, &around, tree, now);
    locked.slug = named(arguments)?.unwrap_or_default();
    let author = author_of(power);
    let failed = |error: specie_engine::make::MakeError| Fail::Failed(error.to_string());
    // The slug is known only now, and the folder's number with it.
    let first = locked.make(power, &author, "").map_err(failed)?;
    if arguments.strict && !first.draft.unknown.is_empty() {
        return not_understood(&first.understood.unknown, as_json);
    }
    let slug = &first.draft.names.slug;
    super::sold::accepted(&pages(&first.draft, tree, &tree.place(&root, slug).0, Which::Spec))?;
    let (folder, id) = match arguments.nogenerate {
        true => tree.place(&root, slug),
        false => tree.take(&root, slug).map_err(super::wrong)?,
    };
    locked.id = id;
    let lock = Lock::read(&root).map_err(super::wrong)?;
    let before = lock.specs.get(&folder);
    if let Some(before) = before.filter(|it| it.is_made_from_the_same(&locked)) {
        locked = before.clone();
    }
    locked.related = super::make::related(&first, &root, &folder, arguments.specindex.as_deref())?;
    let made = locked.make(power, &author, &now::minute(now)).map_err(failed)?;
    locked.settle(&made.draft);
    let pages = pages(&made.draft, tree, &folder, Which::Spec);
    let writings = write(arguments, &root, &folder, &pages, (&lock, &mut locked))?;
    let powers =
        understood.into_iter().map(|(it, read)| (it, it.name == power.name, read)).collect();
    let outcome = Outcome { powers, made, pages, writings };
    told::tell(&outcome, &prompt, &folder, arguments.nogenerate, as_json)
}

/// The text of a request; `-` reads it from stdin.
pub fn prompt(argument: &str) -> Result<String, Fail> {
    let mut text = argument.to_owned();
    if argument == "-" {
        text.clear();
        std::io::stdin()
            .read_to_string(&mut text)
            .map_err(|error| Fail::Input(format!("stdin cannot be read: {error}")))?;
    }
    match text.trim() {
        "" => Err(Fail::Input(
            "the request is empty, expected what is wanted\n\nhint: specie spec new \"Add subscription billing so users can pay monthly\"".into(),
        )),
        text if text.len() > LONGEST => Err(Fail::Input(format!(
            "the request has {} bytes, expected at most {LONGEST}\n\nhint: a request says what is wanted in a page; `amend` adds to a spec",
            text.len()
        ))),
        text if is_path(text) => Err(Fail::Input(format!(
            "`{text}` is a path, expected a request in words; nothing was written\n\nhint: `specie spec amend {text} \"…\"` changes a spec that is there, `specie spec sync {text}` brings plan and tasks in line, `specie spec new - < {text}` reads the request from a file"
        ))),
        text => Ok(text.to_owned()),
    }
}

/// Whether a request is the name of a file or a folder.
fn is_path(text: &str) -> bool {
    let ends = [".md", ".toml"].iter().any(|it| text.ends_with(it));
    !text.contains(char::is_whitespace) && (ends || text.contains('/'))
}

/// The name that was given, if any. It becomes a folder.
fn named(arguments: &Arguments) -> Result<Option<String>, Fail> {
    arguments.name.as_deref().map(as_folder).transpose()
}

/// Whether a spec can be called so.
fn as_folder(slug: &str) -> Result<String, Fail> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let begins = !slug.is_empty() && !slug.starts_with('-');
    if slug.chars().all(plain) && begins && slug.len() <= 80 {
        return Ok(slug.to_owned());
    }
    Err(Fail::Input(format!(
        "`--name {slug}` cannot be a folder's name, expected 1 to 80 small letters, digits and `-`"
    )))
}

fn tree(arguments: &Arguments, root: &Path) -> Tree {
    arguments.dialect.as_deref().and_then(Tree::named).unwrap_or_else(|| Tree::of(root))
}

/// Who writes: the program and the power.
pub fn author_of(power: &Power) -> String {
    format!("Specie, with the power {} {}", power.name, power.version)
}

fn uncovered(prompt: &str, understood: &[(&Power, Understanding)]) -> Fail {
    let near = |(power, it): &(&Power, Understanding)| {
        format!(
            "\n  {:20} knows {} of the request's {} words: {}",
            power.name, it.used, it.words, power.description
        )
    };
    let near: String = understood.iter().take(3).map(near).collect();
    Fail::Input(format!(
        "no power covers `{prompt}`; nothing was written. The nearest:{near}\n\nhint: write a power of your own (docs/powers.md), or let an author write the spec: `--author FILE`"
    ))
}

/// What `--strict` refuses.
pub fn not_understood(
    unknown: &[(std::ops::Range<usize>, String)],
    as_json: bool,
) -> Result<(), Fail> {
    if as_json {
        let words: Vec<_> = unknown.iter().map(form::unknown).collect();
        out::json(&json!({ "schema": "specie.spec.refused/1", "not_understood": words }))?;
        return Err(Fail::Found);
    }
    unknown.iter().try_for_each(|(_, words)| out::say(format!("not understood: {words}")))?;
    Err(Fail::Found)
}

fn locked(
    prompt: &str,
    power: &Power,
    answers: &BTreeMap<String, Answer>,
    around: &Around,
    tree: Tree,
    now: jiff::Timestamp,
) -> Locked {
    Locked {
        power: power.name.clone(),
        power_version: power.version.clone(),
        dialect: tree.as_str().into(),
        requests: vec![prompt.to_owned()],
        answers: answers.iter().map(|(id, it)| (id.clone(), Given::from(it))).collect(),
        steering: around.steering.clone(),
        manifests: around.manifests.clone(),
        version: "1.0.0".into(),
        status: "DRAFT".into(),
        created: now::day(now),
        updated: now::day(now),
        ..Locked::default()
    }
}

/// The spec as the index knows it.
fn entry(folder: &str, locked: &Locked) -> Entry {
    let parts: Vec<&str> = folder.split('/').collect();
    Entry {
        id: parts.last().copied().unwrap_or_default().to_owned(),
        title: locked.title.clone(),
        repo: "private".into(),
        category: parts.get(1).copied().unwrap_or_default().to_owned(),
        path: format!("{folder}/spec.md"),
        summary: locked
            .requests
            .first()
            .and_then(|it| it.lines().next())
            .unwrap_or_default()
            .to_owned(),
        tags: locked.slug.split('-').map(str::to_owned).collect(),
        dependencies: Vec::new(),
    }
}

/// Writes the pages, and what they were made from.
fn write(
    arguments: &Arguments,
    root: &Path,
    folder: &str,
    pages: &[(String, Page)],
    (lock, locked): (&Lock, &mut Locked),
) -> Result<Vec<Writing>, Fail> {
    if let Some(before) = lock.specs.get(folder)
        && before.requests != locked.requests
        && !arguments.force
    {
        return Err(Fail::Input(format!(
            "`{folder}` holds a spec that was made from another request; nothing was written\n\nhint: `specie spec amend {folder} \"…\"` changes it, `--name NAME` makes another one, `--force` replaces it"
        )));
    }
    let written = lock.specs.get(folder).map(|it| it.files.clone()).unwrap_or_default();
    let mut writings = Vec::new();
    if let Some((path, _)) = pages.iter().find(|(path, _)| !is_inside(path)) {
        return Err(Fail::Input(format!(
            "the power `{}` would write `{path}`, expected a path inside the project; nothing was written",
            locked.power
        )));
    }
    for (path, page) in pages {
        let before = written.get(path);
        let digest = before.map(|it| it.sha256.as_str());
        let one =
            Writing::of(root, path, page.text(), digest, arguments.force).map_err(super::wrong)?;
        // Of a file that stays as it is, the next change is told by what was written there.
        let kept = before.filter(|_| one.action == Action::Beside);
        locked.files.insert(path.clone(), kept.cloned().unwrap_or_else(|| Base::of(&one.text)));
        writings.push(one);
    }
    if locked.dialect == Tree::SmartSpec.as_str() {
        let index = Index::read(root, arguments.specindex.as_deref()).map_err(super::wrong)?;
        let entry = entry(folder, locked);
        writings.push(index.writing(root, &entry, &locked.updated).map_err(super::wrong)?);
    }
    if !arguments.nogenerate {
        // First what they are made from: of a run that ends in between, the next one goes on.
        Lock::keep(root, folder, locked.clone()).map_err(super::wrong)?;
        writings.iter().try_for_each(|it| it.write(root)).map_err(super::wrong)?;
    }
    Ok(writings)
}
