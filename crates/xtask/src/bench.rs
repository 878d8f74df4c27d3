//! `cargo xtask bench`: measures the optimised binary, and prints Markdown tables for
//! docs/measurements.md.
//!
//! Everything is started by the command itself, in a scratch folder, on free ports: the service, the
//! sandbox, a Postgres with its defaults (durable), and the Express service of `bench/express`. CPU
//! seconds are those of the measured processes alone, read from `/proc`; the load comes from here.

mod catch_up;
mod events;
mod express;
mod ingest;
mod load;
mod postgres;
mod process;
mod reads;
mod sandbox;
mod service;
mod start;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::ensure;
use clap::{Args, Subcommand};
use tempfile::TempDir;

/// See `cargo xtask bench --help`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  cargo build --release\n  cargo xtask bench ingest\n  cargo xtask bench ingest --at-once 16 --events 5000 --only postgres\n  cargo xtask bench sandbox --stored 1000,100000"
)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
    /// The binary that is measured.
    #[arg(long, global = true, default_value = "target/release/specie")]
    specie: PathBuf,
    /// Where scratch folders are made; it must be on a disk for figures of durable databases.
    #[arg(long, global = true)]
    scratch: Option<PathBuf>,
    /// Settings of the Postgres that is started, beside its defaults: `wal_init_zero=off`.
    #[arg(long, global = true, value_name = "NAME=VALUE")]
    postgres: Vec<String>,
}

#[derive(Subcommand)]
enum What {
    /// Webhooks: events a second, latencies and CPU seconds, beside an Express service.
    Ingest(ingest::Arguments),
    /// The offline Stripe: creates, memory, new subscribers and renewals, with much or little in it.
    Sandbox(sandbox::Arguments),
    /// A customer's subscription, with a million customers in the database.
    Reads(reads::Arguments),
    /// Webhooks that were lost: how long until all is as Stripe has it.
    CatchUp(catch_up::Arguments),
    /// The start of the service, its memory, and the binary's size.
    Start(start::Arguments),
}

/// What each measurement has at hand.
struct Bench {
    /// The binary.
    specie: PathBuf,
    /// Taken away at the end.
    scratch: TempDir,
    /// What Postgres is started with, beside its defaults.
    settings: Vec<String>,
}

impl Bench {
    /// A folder of its own for one measurement.
    fn folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let folder = self.scratch.path().join(name);
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }
}

/// Does it.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let specie = &arguments.specie;
    let mend = "hint: cargo build --release, or name it with --specie";
    ensure!(specie.is_file(), "`{}` is not there\n\n{mend}", specie.display());
    let within = arguments.scratch.clone().unwrap_or_else(std::env::temp_dir);
    let scratch = tempfile::Builder::new().prefix("bench-").tempdir_in(&within)?;
    open_to_all(scratch.path())?;
    let settings = arguments.postgres.clone();
    let bench = Bench { specie: specie.canonicalize()?, scratch, settings };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match &arguments.what {
            What::Ingest(arguments) => ingest::run(&bench, arguments).await,
            What::Sandbox(arguments) => sandbox::run(&bench, arguments).await,
            What::Reads(arguments) => reads::run(&bench, arguments).await,
            What::CatchUp(arguments) => catch_up::run(&bench, arguments).await,
            What::Start(arguments) => start::run(&bench, arguments).await,
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Postgres runs as another user, and must get through.
fn open_to_all(folder: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    Ok(std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o711))?)
}
