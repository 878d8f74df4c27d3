//! `cargo xtask guards`: takes each guard out of a scratch copy, one at a time, and names the tests
//! that miss it. The one that its row names must be among them, and pass with all guards in.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};

use anyhow::{Context, bail, ensure};
use clap::Args;
use specie_tidy::guards::{self, Missed, Outcomes};

/// See `cargo xtask guards --help`.
#[derive(Args)]
#[command(after_help = "Examples:\n  cargo xtask guards\n  cargo xtask guards fence slot")]
pub struct Arguments {
    /// Guards by name, such as `fence`; all if none is named.
    names: Vec<String>,
}

/// A guard, as the head of `guards/NAME.patch` and its row describe it.
struct Guard {
    name: String,
    patch: PathBuf,
    /// Arguments of `cargo test`.
    test: Vec<String>,
    /// The test that its row says it is missed by.
    named: String,
    /// Whether only Postgres shows it.
    on_postgres: bool,
}

impl Guard {
    fn can_be_shown(&self) -> bool {
        !self.on_postgres || std::env::var_os("SPECIE_TEST_POSTGRES").is_some()
    }
}

/// Does it.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let root = root()?;
    let guards = chosen(&root, &arguments.names)?;
    let copy = Copy::make(&root)?;
    let whole = copy.whole(guards.iter().filter(|it| it.can_be_shown()))?;
    let mut wrong = 0;
    for guard in &guards {
        let (is_right, told) = match guard.can_be_shown() {
            true => copy.shows(guard, &whole)?,
            false => (true, "not shown: set SPECIE_TEST_POSTGRES".into()),
        };
        wrong += usize::from(!is_right);
        println!("{:<24} {told}", guard.name);
    }
    println!("{} guards, {wrong} not missed by the test that their row names", guards.len());
    Ok(ExitCode::from(if wrong == 0 { 0 } else { 3 }))
}

/// The root of the repository.
pub fn root() -> anyhow::Result<PathBuf> {
    let out = git(Path::new("."), &["rev-parse", "--show-toplevel"])?;
    Ok(PathBuf::from(String::from_utf8(out.stdout)?.trim()))
}

fn git(folder: &Path, arguments: &[&str]) -> anyhow::Result<Output> {
    let out = Command::new("git").current_dir(folder).args(arguments).output()?;
    let said = String::from_utf8_lossy(&out.stderr);
    ensure!(out.status.success(), "git {} failed: {said}", arguments.join(" "));
    Ok(out)
}

fn chosen(root: &Path, names: &[String]) -> anyhow::Result<Vec<Guard>> {
    let document = fs::read_to_string(root.join(guards::DOCUMENT)).context(guards::DOCUMENT)?;
    let folder = root.join("guards");
    let files = fs::read_dir(&folder).with_context(|| format!("{}", folder.display()))?;
    let mut all = Vec::new();
    for file in files {
        let path = file?.path();
        if path.extension().is_some_and(|it| it == "patch") {
            all.push(read(path, &document)?);
        }
    }
    all.sort_by(|a: &Guard, b| a.name.cmp(&b.name));
    for name in names {
        let known: Vec<&str> = all.iter().map(|it| it.name.as_str()).collect();
        ensure!(known.contains(&name.as_str()), "no guard `{name}`; known: {}", known.join(", "));
    }
    all.retain(|it| names.is_empty() || names.contains(&it.name));
    Ok(all)
}

fn read(patch: PathBuf, document: &str) -> anyhow::Result<Guard> {
    let text = fs::read_to_string(&patch)?;
    let field = |name: &str| {
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).map(str::to_owned)
    };
    let Some(test) = field("Test") else { bail!("{} has no line `Test: `", patch.display()) };
    let name = patch.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let Some(named) = guards::named(document, &name) else {
        bail!("{} names no test for `{name}`", guards::DOCUMENT)
    };
    let test = test.split_whitespace().map(str::to_owned).collect();
    let on_postgres = field("Database").is_some_and(|it| it == "postgres");
    Ok(Guard { name, patch, test, named: named.to_owned(), on_postgres })
}

/// A scratch copy of the last commit, with a target folder of its own.
struct Copy {
    folder: PathBuf,
    target: PathBuf,
}

impl Copy {
    fn make(root: &Path) -> anyhow::Result<Self> {
        let folder = root.join("target/guards/copy");
        let target = root.join("target/guards/target");
        if folder.exists() {
            git(root, &["worktree", "remove", "--force", &folder.to_string_lossy()])?;
        }
        git(root, &["worktree", "add", "--detach", &folder.to_string_lossy(), "HEAD"])?;
        Ok(Self { folder, target })
    }

    /// What the tests that rows name come to with all guards in.
    fn whole<'a>(&self, guards: impl Iterator<Item = &'a Guard>) -> anyhow::Result<Outcomes> {
        let mut all = Outcomes::default();
        for run in guards::runs(guards.map(|it| (&it.test[..], it.named.as_str()))) {
            all.extend(self.test(&run).context("with all guards in")?);
        }
        Ok(all)
    }

    /// Whether a guard is missed as its row says, and what there is to say of it. `whole` is what the
    /// tests came to with it.
    fn shows(&self, guard: &Guard, whole: &Outcomes) -> anyhow::Result<(bool, String)> {
        let named = &guard.named;
        if !whole.is_green(named) {
            return Ok((false, format!("NOT TAKEN OUT: `{named}` does not pass with it in")));
        }
        let without = self.without(guard)?;
        let by = without.failed.join(", ");
        Ok(match without.missed(named) {
            Missed::AsTold => (true, format!("missed by {by}")),
            Missed::ByOthers => (false, format!("NOT MISSED BY `{named}`, but by {by}")),
            Missed::ByNothing => (false, "MISSED BY NOTHING".into()),
        })
    }

    /// Takes a guard out, runs the tests that should miss it, and puts it back.
    fn without(&self, guard: &Guard) -> anyhow::Result<Outcomes> {
        git(&self.folder, &["apply", &guard.patch.to_string_lossy()])?;
        let outcomes = self.test(&guard.test);
        git(&self.folder, &["checkout", "--quiet", "."])?;
        outcomes.with_context(|| format!("without `{}`", guard.name))
    }

    /// Runs `cargo test` with these arguments.
    fn test(&self, arguments: &[String]) -> anyhow::Result<Outcomes> {
        let out = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", &self.target)
            .arg("test")
            .args(arguments)
            .output()?;
        let outcomes = Outcomes::read(&String::from_utf8_lossy(&out.stdout));
        let said = String::from_utf8_lossy(&out.stderr);
        let ended = out.status.success() || !outcomes.failed.is_empty();
        ensure!(ended, "no test failed, and yet it did not end well:\n{said}");
        Ok(outcomes)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let folder = self.folder.to_string_lossy();
        // A copy that stays behind is removed by the next run.
        let _ = git(&self.folder, &["worktree", "remove", "--force", &folder]);
    }
}
