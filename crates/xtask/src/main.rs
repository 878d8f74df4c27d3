//! Commands for those who work on Specie: `cargo xtask simulate`, `guards`, `coverage` and `bench`.

mod bench;
mod coverage;
mod guards;
mod simulate;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The simulation takes a sixth less processor time than with the system's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Commands for those who work on Specie.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Plays seeds of the simulation; exit code 3 when something does not hold.
    Simulate(simulate::Arguments),
    /// Takes each guard out of a scratch copy and names the tests that miss it; exit code 3 when the
    /// one that its row names does not.
    Guards(guards::Arguments),
    /// Counts which lines the tests run; exit code 3 when they are too few.
    Coverage(coverage::Arguments),
    /// Measures the optimised binary, and prints Markdown tables.
    Bench(bench::Arguments),
}

fn main() -> anyhow::Result<ExitCode> {
    match Arguments::parse().command {
        Command::Simulate(arguments) => simulate::run(&arguments),
        Command::Guards(arguments) => guards::run(&arguments),
        Command::Coverage(arguments) => coverage::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
    }
}
