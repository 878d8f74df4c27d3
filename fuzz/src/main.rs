//! Reads millions of inputs from a seed: `cargo run --release --manifest-path fuzz/Cargo.toml --
//! signature --inputs 10000000`. The bodies are those of the property tests of `crates/hostile`.
//!
//! Exit code 3 when an input breaks its reader or takes longer than a second; the input is kept in
//! `fuzz/found/`, and `--file` reads it again.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use specie_hostile::mutate::Inputs;
use specie_hostile::{TARGETS, Target, target};

/// No input of a few kilobytes may take longer.
const SLOW: Duration = Duration::from_secs(1);
const USAGE: &str = "usage: specie-fuzz TARGET|all [--inputs N] [--seed N] [--file PATH]";

struct Asked {
    targets: Vec<&'static Target>,
    inputs: u64,
    seed: u64,
    file: Option<PathBuf>,
}

/// What went wrong with one input.
struct Broken {
    bytes: Vec<u8>,
    why: String,
}

fn main() -> ExitCode {
    let asked = match read(std::env::args().skip(1)) {
        Ok(asked) => asked,
        Err(wrong) => {
            eprintln!("error: {wrong}\n{USAGE}");
            eprintln!("hint: the targets are {}", TARGETS.map(|target| target.name).join(", "));
            return ExitCode::from(2);
        }
    };
    let mut code = ExitCode::SUCCESS;
    for target in &asked.targets {
        if let Err(Broken { bytes, why }) = run(target, &asked) {
            eprintln!("{}: {why}", target.name);
            keep(target, &bytes);
            code = ExitCode::from(3);
        }
    }
    code
}

fn read(mut words: impl Iterator<Item = String>) -> Result<Asked, String> {
    let name = words.next().ok_or("no target is named")?;
    let targets = match target(&name) {
        Some(target) => vec![target],
        None if name == "all" => const { &TARGETS }.iter().collect(),
        None => return Err(format!("there is no target `{name}`")),
    };
    let mut asked = Asked { targets, inputs: 100_000, seed: 1, file: None };
    while let Some(flag) = words.next() {
        let value = words.next().ok_or(format!("`{flag}` has no value"))?;
        let number = || value.parse().map_err(|_| format!("`{value}` is not a whole number"));
        match flag.as_str() {
            "--inputs" => asked.inputs = number()?,
            "--seed" => asked.seed = number()?,
            "--file" => asked.file = Some(value.into()),
            _ => return Err(format!("there is no argument `{flag}`")),
        }
    }
    Ok(asked)
}

#[expect(clippy::disallowed_methods, reason = "how long it took is told, and nothing hangs on it")]
fn run(target: &'static Target, asked: &Asked) -> Result<(), Broken> {
    if let Some(path) = &asked.file {
        let bytes = std::fs::read(path)
            .map_err(|error| Broken { bytes: Vec::new(), why: error.to_string() })?;
        return one(target, bytes).map(|took| println!("{}: read in {took:?}", target.name));
    }
    let (inputs, began) = (Inputs::new(target, asked.seed), std::time::Instant::now());
    let mut slowest = Duration::ZERO;
    for _ in 0..asked.inputs {
        slowest = slowest.max(one(target, inputs.next_input())?);
    }
    let seconds = began.elapsed().as_secs_f64();
    let (name, count, seed) = (target.name, asked.inputs, asked.seed);
    println!("{name}: {count} inputs from seed {seed} in {seconds:.1} s, the slowest {slowest:?}");
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "an input that takes long is looked for")]
fn one(target: &'static Target, bytes: Vec<u8>) -> Result<Duration, Broken> {
    let began = std::time::Instant::now();
    let ended = std::panic::catch_unwind(|| (target.run)(&bytes));
    let took = began.elapsed();
    match ended {
        Err(_) => Err(Broken { bytes, why: "an input breaks it (see above)".into() }),
        Ok(()) if took > SLOW => Err(Broken { bytes, why: format!("an input took {took:?}") }),
        Ok(()) => Ok(took),
    }
}

fn keep(target: &Target, bytes: &[u8]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("found");
    let sum = bytes.iter().fold(14_695_981_039_346_656_037_u64, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(1_099_511_628_211)
    });
    let path = folder.join(format!("{}-{sum:016x}", target.name));
    let written = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, bytes));
    match written {
        Ok(()) => eprintln!("hint: read it again with `{} --file {}`", target.name, path.display()),
        Err(error) => eprintln!("error: the input cannot be kept: {error}"),
    }
}
