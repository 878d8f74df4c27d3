//! `cargo xtask guards`: takes each guard out of a scratch copy, one at a time, and names the test
//! that misses it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};

use anyhow::{Context, bail, ensure};
use clap::Args;

/// See `cargo xtask guards --help`.
#[derive(Args)]
pub struct Arguments {
    /// Guards by name, such as `fence`; all if none is named.
    names: Vec<String>,
}

/// A guard, as the head of `guards/NAME.patch` describes it.
struct Guard {
    name: String,
    patch: PathBuf,
    /// Arguments of `cargo test`.
    test: Vec<String>,
    /// Whether only Postgres shows it.
    on_postgres: bool,
}

/// What came of taking one out.
enum Found {
    /// These tests fail.
    Missed(Vec<String>),
    /// None does.
    Unmissed,
    /// It cannot be shown without a Postgres.
    Skipped,
}

/// Does it.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let root = root()?;
    let guards = chosen(&root.join("guards"), &arguments.names)?;
    let copy = Copy::make(&root)?;
    let mut unmissed = 0;
    for guard in &guards {
        let told = match copy.without(guard)? {
            Found::Missed(tests) => format!("missed by {}", tests.join(", ")),
            Found::Skipped => "not shown: set SPECIE_TEST_POSTGRES".into(),
            Found::Unmissed => {
                unmissed += 1;
                "MISSED BY NOTHING".into()
            }
        };
        println!("{:<24} {told}", guard.name);
    }
    println!("{} guards, {unmissed} that nothing misses", guards.len());
    Ok(ExitCode::from(if unmissed == 0 { 0 } else { 3 }))
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

fn chosen(folder: &Path, names: &[String]) -> anyhow::Result<Vec<Guard>> {
    let files = fs::read_dir(folder).with_context(|| format!("{}", folder.display()))?;
    let mut all = Vec::new();
    for file in files {
        let path = file?.path();
        if path.extension().is_some_and(|it| it == "patch") {
            all.push(read(path)?);
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

fn read(patch: PathBuf) -> anyhow::Result<Guard> {
    let text = fs::read_to_string(&patch)?;
    let field = |name: &str| {
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).map(str::to_owned)
    };
    let Some(test) = field("Test") else { bail!("{} has no line `Test: `", patch.display()) };
    let name = patch.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let test = test.split_whitespace().map(str::to_owned).collect();
    let on_postgres = field("Database").is_some_and(|it| it == "postgres");
    Ok(Guard { name, patch, test, on_postgres })
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

    /// Takes a guard out, runs the tests that should miss it, and puts it back.
    fn without(&self, guard: &Guard) -> anyhow::Result<Found> {
        if guard.on_postgres && std::env::var_os("SPECIE_TEST_POSTGRES").is_none() {
            return Ok(Found::Skipped);
        }
        git(&self.folder, &["apply", &guard.patch.to_string_lossy()])?;
        let out = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", &self.target)
            .arg("test")
            .args(&guard.test)
            .output()?;
        git(&self.folder, &["checkout", "--quiet", "."])?;
        let text = String::from_utf8_lossy(&out.stdout);
        if out.status.success() {
            return Ok(Found::Unmissed);
        }
        let tests: Vec<String> = failed(&text).collect();
        let said = String::from_utf8_lossy(&out.stderr);
        ensure!(!tests.is_empty(), "without `{}` nothing ran:\n{said}", guard.name);
        Ok(Found::Missed(tests))
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let folder = self.folder.to_string_lossy();
        // A copy that stays behind is removed by the next run.
        let _ = git(&self.folder, &["worktree", "remove", "--force", &folder]);
    }
}

/// The tests that failed, by name.
fn failed(text: &str) -> impl Iterator<Item = String> {
    let lines =
        text.lines().filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"));
    lines.map(str::to_owned)
}
