//! `cargo xtask bench start`: what the service is before anything happens.

use std::fs;
use std::time::Duration;

use super::Bench;
use super::postgres::Postgres;
use super::process::memory;
use super::service::{Sandbox, Service, Work};

/// How long it is left alone before its memory is read.
const IDLE: Duration = Duration::from_secs(3);

/// Measures, and prints a table.
pub async fn run(bench: &Bench) -> anyhow::Result<()> {
    let postgres = Postgres::start(&bench.folder("postgres")?).await?;
    let size = fs::metadata(&bench.specie)?.len() as f64 / 1e6;
    println!("| what | reached |\n| --- | --- |\n| size of the binary | {size:.0} MB |");
    for name in ["SQLite", "Postgres"] {
        let folder = bench.folder(name)?;
        let database = match name {
            "SQLite" => folder.join("specie.db").display().to_string(),
            _ => postgres.database("start")?,
        };
        let sandbox = Sandbox::start(bench, &folder).await?;
        let service = Service::start(bench, &folder, &sandbox, &database, Work::All).await?;
        println!("| start to the first answer, {name} | {} ms |", service.ready_after);
        tokio::time::sleep(IDLE).await;
        println!("| memory of the service, idle, {name} | {:.0} MB |", memory(service.id())?);
    }
    Ok(())
}
