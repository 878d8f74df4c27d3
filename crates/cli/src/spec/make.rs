//! `specie spec plan` and `tasks`: what follows from a spec.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use specie_engine::carry::{Finished, finish};
use specie_engine::index::Index;
use specie_engine::make::{Action, Made, Which, Writing, pages};
use specie_engine::{Base, Lock, Locked, Other, Tree, done, form, root_of, sha256};
use specie_spec::draft::Page;
use specie_spec::power::{FragmentKind, Power};

use specie_spec::approval::Level;

use super::now::{self, Now};
use super::powers;
use crate::fail::Fail;
use crate::out;

/// See `specie spec tasks --help`.
#[derive(Args)]
pub struct Arguments {
    /// The folder of a spec, or a file of it.
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Goes on though the spec is not approved, and says DRAFT in the header.
    #[arg(long)]
    draft: bool,
    /// Shows what would be written, and writes nothing.
    #[arg(long)]
    nogenerate: bool,
    /// Replaces files that say something else.
    #[arg(long)]
    force: bool,
    /// The index of specs; else SPEC_INDEX.json of the root.
    #[arg(long, value_name = "FILE")]
    specindex: Option<PathBuf>,
    /// A power beside those at hand: its folder.
    #[arg(long)]
    power: Vec<PathBuf>,
    #[command(flatten)]
    now: Now,
}

/// A spec that was made here: where it is, and what it was made from.
pub struct Place {
    /// The root of the tree.
    pub root: PathBuf,
    /// The spec's folder, from the root.
    pub folder: String,
    /// All specs that were made here.
    pub lock: Lock,
}

impl Place {
    /// The spec at `path`.
    pub fn of(path: &Path) -> Result<Self, Fail> {
        let specs = super::found_at(path)?;
        let [spec] = specs.as_slice() else { return Err(super::several(path, &specs)) };
        let folder = std::path::absolute(&spec.folder).unwrap_or_else(|_| spec.folder.clone());
        let root = root_of(&folder);
        let inside = folder.strip_prefix(&root).unwrap_or(&folder);
        let folder = inside
            .components()
            .map(|it| it.as_os_str().to_string_lossy())
            .collect::<Vec<_>>()
            .join("/");
        let lock = Lock::read(&root).map_err(super::wrong)?;
        Ok(Self { root, folder, lock })
    }

    /// The spec at `path`, which is to be changed: what an earlier run has left unfinished there is
    /// finished first, and answered.
    pub fn to_change(path: &Path) -> Result<(Self, Option<Finished>), Fail> {
        let place = Self::of(path)?;
        let Some(finished) = finish(&place.root).map_err(super::wrong)? else {
            return Ok((place, None));
        };
        eprintln!("an earlier change of `{}` was cut off; it is finished now", finished.folder);
        for path in &finished.left {
            eprintln!("warning: `{path}` was changed by hand since, and stays as it is");
        }
        Ok((Self::of(path)?, Some(finished)))
    }

    /// What it was made from.
    pub fn locked(&self) -> Result<&Locked, Fail> {
        self.lock.specs.get(&self.folder).ok_or_else(|| {
            Fail::Input(format!(
                "`{}` was not made by `specie spec new`, so nothing is known from which its tasks would follow\n\nhint: `specie spec new \"…\"` makes a spec of a sentence; read, check, trace, status and prompt work on this one",
                self.folder
            ))
        })
    }

    /// The power it was made with.
    pub fn power(&self, named: &[PathBuf]) -> Result<Power, Fail> {
        let locked = self.locked()?;
        let all = powers::at_hand(&self.root, named)?;
        let found = all.into_iter().find(|it| it.name == locked.power);
        found.ok_or_else(|| {
            Fail::Input(format!(
                "`{}` was made with the power `{}`, which is not at hand\n\nhint: name its folder: `--power FOLDER`",
                self.folder, locked.power
            ))
        })
    }

    /// Its tree.
    pub fn tree(&self) -> Result<Tree, Fail> {
        Ok(Tree::named(&self.locked()?.dialect).unwrap_or(Tree::Kiro))
    }
}

/// Makes the plan.
pub fn plan(arguments: &Arguments, as_json: bool) -> Result<(), Fail> {
    run(arguments, Which::Plan, as_json)
}

/// Makes the tasks, and what stands beside them.
pub fn tasks(arguments: &Arguments, as_json: bool) -> Result<(), Fail> {
    run(arguments, Which::Tasks, as_json)
}

fn run(arguments: &Arguments, which: Which, as_json: bool) -> Result<(), Fail> {
    let place = match arguments.nogenerate {
        true => Place::of(&arguments.path)?,
        false => Place::to_change(&arguments.path)?.0,
    };
    let power = place.power(&arguments.power)?;
    let now = arguments.now.get()?;
    let author = super::new::author_of(&power);
    let failed = |error: specie_engine::make::MakeError| Fail::Failed(error.to_string());
    let mut locked = place.locked()?.clone();
    let done = done(&place.root, &place.folder, &locked).map_err(super::wrong)?;
    let made =
        locked.make_keeping(&power, &author, &now::minute(now), done.clone()).map_err(failed)?;
    same_power(&place, &made)?;
    locked.related = related(&made, &place.root, &place.folder, arguments.specindex.as_deref())?;
    let mut made = locked.make_keeping(&power, &author, &now::minute(now), done).map_err(failed)?;
    let approved = super::approved(&place.root, &place.folder, Level::Spec)?;
    if which == Which::Tasks && !approved.is_approved && !arguments.draft {
        return Err(Fail::Input(format!(
            "the spec in `{}` is not approved ({}); nothing was written\n\nhint: `specie spec approve {}` approves it, `--draft` makes tasks that say DRAFT",
            place.folder, approved.why, place.folder
        )));
    }
    made.draft.is_draft = !approved.is_approved;
    let pages = pages(&made.draft, place.tree()?, &place.folder, which);
    let writings = write(arguments, &place.root, &pages, &mut locked)?;
    if !arguments.nogenerate {
        Lock::keep(&place.root, &place.folder, locked).map_err(super::wrong)?;
    }
    if as_json {
        let files: Vec<_> = writings.iter().map(|it| file(it, arguments.nogenerate)).collect();
        return out::json(
            &json!({ "schema": "specie.spec.made/1", "files": files, "causes": form::causes(&pages, &made.draft.facts) }),
        );
    }
    writings.iter().try_for_each(|it| super::tell_writing(it, arguments.nogenerate))
}

/// The specs of the index that the spec's needs speak of.
pub fn related(
    made: &Made<'_>,
    root: &Path,
    folder: &str,
    named: Option<&Path>,
) -> Result<Vec<Other>, Fail> {
    let index = Index::read(root, named).map_err(super::wrong)?;
    let own = folder.rsplit('/').next().unwrap_or_default();
    let given = made.draft.of_kind(FragmentKind::Given);
    let texts: Vec<&str> = given.flat_map(|it| [it.id.as_str(), it.text("text")]).collect();
    Ok(index.related(root, own, &texts))
}

/// That the power says something else now than when the spec was made.
fn same_power(place: &Place, made: &Made<'_>) -> Result<(), Fail> {
    let locked = place.locked()?;
    for (path, page) in pages(&made.draft, place.tree()?, &place.folder, Which::Spec) {
        let spec = ["requirements.md", "spec.md"].iter().any(|it| path.ends_with(it));
        let Some(last) = locked.files.get(&path).filter(|_| spec) else { continue };
        let own = |text: String| -> Vec<String> {
            text.lines().filter(|it| !it.starts_with("**Author:**")).map(str::to_owned).collect()
        };
        if own(page.text()) != own(last.text()) {
            return Err(Fail::Input(format!(
                "the power `{}` has changed since `{}` was made, and its spec would say something else now\n\nhint: `specie spec sync {}` shows what, and `--apply` takes it over",
                locked.power, place.folder, place.folder
            )));
        }
    }
    Ok(())
}

fn write(
    arguments: &Arguments,
    root: &Path,
    pages: &[(String, Page)],
    locked: &mut Locked,
) -> Result<Vec<Writing>, Fail> {
    let mut writings = Vec::new();
    for (path, page) in pages {
        let before = locked.files.get(path).map(|it| it.sha256.clone());
        let one = Writing::of(root, path, page.text(), before.as_deref(), arguments.force)
            .map_err(super::wrong)?;
        if one.action != Action::Beside {
            locked.files.insert(path.clone(), Base::of(&one.text));
        }
        writings.push(one);
    }
    if !arguments.nogenerate {
        writings.iter().try_for_each(|it| it.write(root)).map_err(super::wrong)?;
    }
    Ok(writings)
}

/// A file in the JSON forms.
pub fn file(it: &Writing, dry: bool) -> serde_json::Value {
    let action = if dry { "none" } else { it.action.as_str() };
    json!({ "path": it.path, "sha256": sha256(it.text.as_bytes()), "action": action })
}
