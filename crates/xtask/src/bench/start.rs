//! `cargo xtask bench start`: what the service is before anything happens.

use std::fs;
use std::path::Path;
use std::time::Duration;

use clap::Args;

use super::Bench;
use super::postgres::Postgres;
use super::process::memory;
use super::service::{Sandbox, Service, Work};

/// How long it is left alone before its memory is read.
const IDLE: Duration = Duration::from_secs(3);

/// See `cargo xtask bench start --help`.
#[derive(Args)]
pub struct Arguments {
    /// Leaves Postgres out.
    #[arg(long)]
    only_sqlite: bool,
}

/// Measures, and prints a table.
pub async fn run(bench: &Bench, arguments: &Arguments) -> anyhow::Result<()> {
    let size = fs::metadata(&bench.specie)?.len() as f64 / 1e6;
    println!("| what | reached |\n| --- | --- |\n| size of the binary | {size:.0} MB |");
    let folder = bench.folder("sqlite")?;
    let file = folder.join("specie.db").display().to_string();
    one(bench, "SQLite", &file, &folder).await?;
    if !arguments.only_sqlite {
        let postgres = Postgres::start(bench).await?;
        one(bench, "Postgres", &postgres.database("start")?, &bench.folder("postgres")?).await?;
    }
    Ok(())
}

async fn one(bench: &Bench, name: &str, database: &str, folder: &Path) -> anyhow::Result<()> {
    let sandbox = Sandbox::start(bench, folder).await?;
    let service = Service::start(bench, folder, &sandbox, database, Work::All).await?;
    println!("| start to the first answer, {name} | {} ms |", service.ready_after);
    tokio::time::sleep(IDLE).await;
    println!("| memory of the service, idle, {name} | {:.0} MB |", memory(service.id())?);
    Ok(())
}
