//! `cargo xtask simulate`: many seeds, side by side.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use anyhow::Context;
use clap::Args;
use specie_scenario::simulate::{Failure, Play, Played, play, stay_on_one_processor};
use specie_store::own::Own;
use specie_vocab::{SystemClock, WallClock};

/// See `cargo xtask simulate --help`.
#[derive(Args)]
pub struct Arguments {
    /// How many seeds.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// Prints the story of each seed, not only of those that fail.
    #[arg(long)]
    trace: bool,
    /// At least so many acts a seed.
    #[arg(long, default_value_t = 20)]
    acts: usize,
    /// At least so many days of business time a seed.
    #[arg(long, default_value_t = 30)]
    days: i64,
    /// So many at once.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Plays on this Postgres server instead of SQLite, in databases that it makes and drops:
    /// `postgres://postgres@127.0.0.1:5432/postgres`. There a seed need not tell the same story each
    /// time: what happens at once may come in another order.
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
}

/// Seeds that failed, with what did not hold.
type Failed = Mutex<Vec<(u64, String)>>;

/// Does it.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let begun = WallClock::now(&SystemClock);
    let (next, failed) = (AtomicU64::new(0), Failed::default());
    thread::scope(|scope| {
        let worker = |n| {
            stay_on_one_processor(n);
            work(arguments, &next, &failed)
        };
        let workers: Vec<_> =
            (0..arguments.jobs.max(1)).map(|n| scope.spawn(move || worker(n))).collect();
        workers.into_iter().try_for_each(|worker| {
            worker.join().unwrap_or_else(|_| anyhow::bail!("a worker panicked"))
        })
    })?;
    let mut failed = failed.into_inner().unwrap_or_default();
    failed.sort();
    for (seed, what) in &failed {
        println!("seed {seed}: {}", what.lines().next().unwrap_or_default());
    }
    let seconds = WallClock::now(&SystemClock).seconds_since(begun);
    println!("{} seeds, {} failed, {seconds} s", arguments.seeds, failed.len());
    Ok(ExitCode::from(if failed.is_empty() { 0 } else { 3 }))
}

fn work(arguments: &Arguments, next: &AtomicU64, failed: &Failed) -> anyhow::Result<()> {
    loop {
        let n = next.fetch_add(1, Ordering::Relaxed);
        if n >= arguments.seeds {
            return Ok(());
        }
        let seed = arguments.first + n;
        match one(arguments, seed)? {
            Ok(played) if arguments.trace => println!("seed {seed}\n{}", played.story),
            Ok(_) => {}
            Err(failure) => {
                println!("{failure}\n");
                failed.lock().unwrap_or_else(|it| it.into_inner()).push((seed, failure.what));
            }
        }
    }
}

/// Plays one seed on a database of its own.
fn one(arguments: &Arguments, seed: u64) -> anyhow::Result<Result<Played, Box<Failure>>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (acts, days) = (arguments.acts, arguments.days);
        let on = async |database| play(Play { seed, database, acts, days }).await;
        let Some(server) = &arguments.postgres else {
            let folder = tempfile::tempdir().context("a folder for the database")?;
            return Ok(on(folder.path().join("specie.db").display().to_string()).await);
        };
        let own = Own::migrated(server, &format!("simulate_{seed}")).await?;
        let played = on(own.url()).await;
        own.remove().await?;
        Ok(played)
    })
}
