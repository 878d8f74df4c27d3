//! `cargo xtask bench catch-up`: how long drift lasts after an hour in which webhooks were lost, at
//! Stripe's published limits.

use std::time::Duration;

use clap::Args;
use specie_scenario::catch_up::{CaughtUp, Lost, catch_up};
use specie_stripe::Limits;

use super::Bench;
use super::postgres::Postgres;

/// See `cargo xtask bench catch-up --help`.
#[derive(Args)]
pub struct Arguments {
    /// Customers who renew in that hour.
    #[arg(long, default_value_t = 5_000)]
    customers: usize,
    /// How many of its webhooks never come, in percent; several, one after the other.
    #[arg(long, value_delimiter = ',', default_value = "30,100")]
    lost: Vec<u32>,
    /// How long Stripe takes for each answer, in milliseconds.
    #[arg(long, default_value_t = 100)]
    answer: u64,
    /// Leaves Postgres out.
    #[arg(long)]
    only_sqlite: bool,
}

/// Measures, and prints a table.
pub async fn run(bench: &Bench, arguments: &Arguments) -> anyhow::Result<()> {
    println!(
        "| database | customers | webhooks lost | differing at first | all as Stripe has it after | at rest after | calls | most to one endpoint in a second |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- |"
    );
    let postgres = match arguments.only_sqlite {
        true => None,
        false => Some(Postgres::start(bench).await?),
    };
    for percent in &arguments.lost {
        let folder = bench.folder(&format!("lost-{percent}"))?;
        let file = folder.join("specie.db").display().to_string();
        one(arguments, "SQLite", file, *percent).await?;
        if let Some(postgres) = &postgres {
            one(arguments, "Postgres", postgres.database(&format!("lost_{percent}"))?, *percent)
                .await?;
        }
    }
    Ok(())
}

async fn one(
    arguments: &Arguments,
    name: &str,
    database: String,
    percent: u32,
) -> anyhow::Result<()> {
    let caught_up = catch_up(Lost {
        database,
        customers: arguments.customers,
        percent,
        answer: Duration::from_millis(arguments.answer),
        limits: Limits::LIVE,
    })
    .await?;
    print(name, arguments.customers, percent, &caught_up);
    Ok(())
}

fn print(name: &str, customers: usize, percent: u32, caught_up: &CaughtUp) {
    let CaughtUp { differing, right, rest, calls, busiest } = caught_up;
    let calls: Vec<_> = calls.iter().map(|(endpoint, n)| format!("{n} `{endpoint}`")).collect();
    println!(
        "| {name} | {customers} | {percent} % | {differing} | {:.0} s | {:.0} s | {} | {busiest} |",
        right.as_secs_f64(),
        rest.as_secs_f64(),
        calls.join(", ")
    );
}
