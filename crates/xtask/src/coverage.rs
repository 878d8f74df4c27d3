//! `cargo xtask coverage`: which lines of the product the tests run, as a table.
//!
//! Only crates of the workspace are instrumented, in a target folder of their own. Lines of test
//! code are not counted.

mod lines;
mod tools;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, ensure};
use clap::Args;
use clap::builder::PossibleValuesParser;
use serde_json::{Value, json};

use lines::File;
use tools::Tools;

/// The crates whose lines are counted.
const COUNTED: [&str; 5] = ["billing", "store", "server", "sandbox", "spec"];
/// The crates whose tests are run: those, and the flows that go through them.
const TESTED: [&str; 8] =
    ["billing", "store", "server", "sandbox", "spec", "engine", "scenario", "cli"];

/// See `cargo xtask coverage --help`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  cargo xtask coverage\n  cargo xtask coverage --worst 5\n  cargo xtask coverage --only billing --only store --json"
)]
pub struct Arguments {
    /// Runs only the tests of this crate, and counts only its lines; may be given again.
    #[arg(long, value_name = "CRATE", value_parser = PossibleValuesParser::new(TESTED))]
    only: Vec<String>,
    /// Also names so many files of each crate, those with the most lines that no test runs.
    #[arg(long, value_name = "N", default_value_t = 0)]
    worst: usize,
    /// Exit code 3 when fewer lines of a crate are run, in percent.
    #[arg(long, value_name = "PERCENT", default_value_t = 80.0)]
    least: f64,
    /// Prints JSON, every file included.
    #[arg(long)]
    json: bool,
}

/// What the tests ran of a crate.
struct Crate {
    name: &'static str,
    /// Those with the most lines that no test ran come first.
    files: Vec<File>,
}

impl Crate {
    fn lines(&self) -> usize {
        self.files.iter().map(|it| it.lines).sum()
    }

    fn covered(&self) -> usize {
        self.files.iter().map(|it| it.covered).sum()
    }
}

/// Does it.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let root = crate::guards::root()?;
    let tools = Tools::find(&root.join("target/tools"))?;
    let build = Build::prepare(&root, &arguments.only)?;
    let binaries = build.binaries()?;
    let passed = build.test()?;
    let files = lines::read(&root, &tools.report(&build.profiles, &binaries)?)?;
    let mut crates = by_crate(files);
    let named = |it: &Crate| arguments.only.iter().any(|only| only == it.name);
    if crates.iter().any(named) {
        crates.retain(named);
    }
    if arguments.json {
        println!("{:#}", as_json(&crates, passed));
    } else {
        print(&crates, arguments.worst);
    }
    let low = crates.iter().any(|it| percent(it.covered(), it.lines()) < arguments.least);
    Ok(ExitCode::from(match (passed, low) {
        (false, _) => 1,
        (true, true) => 3,
        (true, false) => 0,
    }))
}

/// The instrumented build and its tests.
struct Build {
    root: PathBuf,
    target: PathBuf,
    /// Calls the compiler so that it instruments.
    wrapper: PathBuf,
    /// Where the tests write what they ran.
    profiles: PathBuf,
    packages: Vec<String>,
}

impl Build {
    /// Folders, the wrapper, and nothing left of an earlier run.
    fn prepare(root: &Path, only: &[String]) -> anyhow::Result<Self> {
        let target = root.join("target/coverage");
        let (wrapper, profiles) = (target.join("instrumented"), target.join("profiles"));
        if profiles.exists() {
            fs::remove_dir_all(&profiles)?;
        }
        fs::create_dir_all(&profiles)?;
        // Cargo builds anew whatever an older wrapper built.
        if !wrapper.exists() {
            fs::write(&wrapper, "#!/bin/sh\nexec \"$@\" -C instrument-coverage\n")?;
            fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755))?;
        }
        let tested = TESTED.iter().filter(|it| only.is_empty() || only.iter().any(|o| o == *it));
        let packages = tested.map(|it| format!("--package=specie-{it}")).collect();
        Ok(Self { root: root.into(), target, wrapper, profiles, packages })
    }

    fn cargo(&self) -> Command {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root).args(["test", "--tests"]).args(&self.packages);
        command.env("CARGO_TARGET_DIR", &self.target);
        command.env("RUSTC_WORKSPACE_WRAPPER", &self.wrapper);
        // A few files for each binary, however many processes it is started as.
        command.env("LLVM_PROFILE_FILE", self.profiles.join("%4m.profraw"));
        command
    }

    /// Builds, and names what was built: the tests, and the programs that they start.
    fn binaries(&self) -> anyhow::Result<Vec<PathBuf>> {
        let mut command = self.cargo();
        command.args(["--no-run", "--message-format=json-render-diagnostics"]);
        let out = command.stderr(Stdio::inherit()).output()?;
        ensure!(out.status.success(), "the tests do not build");
        let messages = String::from_utf8_lossy(&out.stdout);
        let built = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        Ok(built.filter_map(|it| it["executable"].as_str().map(PathBuf::from)).collect())
    }

    /// Runs the tests, and says whether all passed. What they print goes to standard error.
    fn test(&self) -> anyhow::Result<bool> {
        let mut command = self.cargo();
        command.arg("--no-fail-fast").stdout(std::io::stderr());
        Ok(command.status().context("cargo test")?.success())
    }
}

fn by_crate(files: Vec<File>) -> Vec<Crate> {
    let mut found: BTreeMap<String, Vec<File>> = BTreeMap::new();
    for file in files {
        let name = file.path.strip_prefix("crates/").and_then(|it| it.split('/').next());
        found.entry(name.unwrap_or_default().into()).or_default().push(file);
    }
    let of = |name: &'static str| {
        let mut files = found.remove(name).unwrap_or_default();
        files.sort_by_key(|it| std::cmp::Reverse(it.lines - it.covered));
        Crate { name, files }
    };
    COUNTED.map(of).into()
}

fn percent(part: usize, whole: usize) -> f64 {
    if whole == 0 { 100.0 } else { part as f64 * 100.0 / whole as f64 }
}

fn print(crates: &[Crate], worst: usize) {
    println!("| crate | lines | run by a test | % |\n| --- | --- | --- | --- |");
    let row = |name: &str, lines, covered| {
        println!("| {name} | {lines} | {covered} | {:.1} |", percent(covered, lines));
    };
    for it in crates {
        row(&format!("`{}`", it.name), it.lines(), it.covered());
    }
    let all = |count: fn(&Crate) -> usize| crates.iter().map(count).sum::<usize>();
    row("all", all(Crate::lines), all(Crate::covered));
    for file in crates.iter().flat_map(|it| it.files.iter().take(worst)) {
        let (lines, left) = (file.lines, file.lines - file.covered);
        let missed = lines::ranges(&file.missed);
        println!("{}: {left} of {lines} lines are not run: {missed}", file.path);
    }
}

fn as_json(crates: &[Crate], passed: bool) -> Value {
    let files = |it: &File| json!({ "path": it.path, "lines": it.lines, "covered": it.covered });
    let crates: Vec<_> = crates
        .iter()
        .map(|it| {
            let (lines, covered) = (it.lines(), it.covered());
            let files: Vec<_> = it.files.iter().map(files).collect();
            let percent = percent(covered, lines);
            json!({ "crate": it.name, "lines": lines, "covered": covered, "percent": percent, "files": files })
        })
        .collect();
    json!({ "tests_passed": passed, "crates": crates })
}
