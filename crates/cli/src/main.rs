//! The binary: arguments, configuration, terminal output, composition.

mod audit;
mod catalog;
mod completions;
mod config;
mod database;
mod demo;
mod dev;
mod doctor;
mod events;
mod explain;
mod fail;
mod files;
mod init;
mod intents;
mod keys;
mod logs;
mod migrate;
mod operator;
mod out;
mod ports;
mod sandbox;
mod serve;
mod settings;
mod spec;
mod table;

use clap::{CommandFactory, Parser, Subcommand};

/// The simulation takes a sixth less processor time than with the system's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Subscription billing on Stripe, with an offline Stripe to try it on.
#[derive(Parser)]
#[command(name = "specie", version, propagate_version = true, max_term_width = 100)]
#[command(
    after_help = "Examples:\n  specie spec new \"Add subscription billing so users can pay monthly\"\n  specie dev            the service and an offline Stripe, on this machine\n  specie demo           a year of three customers in a few seconds\n  specie init           begin a project: specie.toml and .env.example\n\nExit codes: 0 done, 1 failed, 2 wrong input, 3 it ran and found what it looks for."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the service, an offline Stripe and a mailbox on this machine.
    Dev(dev::Arguments),
    /// Plays a year of three customers and checks that the service and Stripe agree.
    Demo(demo::Arguments),
    /// Runs the service.
    Serve(serve::Arguments),
    /// Looks whether all that the service needs is there and in order; changes nothing.
    Doctor(doctor::Arguments),
    /// Runs the offline Stripe alone, for any program in any language.
    Sandbox(sandbox::Arguments),
    /// Writes `specie.toml` and `.env.example` into this folder; overwrites nothing.
    Init(init::Arguments),
    /// Brings the database's schema up to date, takes it back, or tells where it stands.
    Migrate(migrate::Arguments),
    /// Checks `specie.toml`, and brings Stripe in step with it.
    Catalog(catalog::Arguments),
    /// Makes, lists and revokes server keys.
    Keys(keys::Arguments),
    /// Lists, shows and replays what Stripe has sent.
    Events(events::Arguments),
    /// Lists our changes at Stripe, and retries or closes those that are stuck.
    Intents(intents::Arguments),
    /// Tells the story of one customer, subscription or payment.
    Explain(explain::Arguments),
    /// Looks whether the audit trail is as it was written.
    Audit(audit::Arguments),
    /// Makes a spec of a sentence, then plan and tasks; checks them, and proves their progress.
    Spec(spec::Arguments),
    /// Writes a script by which a shell completes commands and options.
    Completions(completions::Arguments),
}

fn main() -> std::process::ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: no threads could be started: {error}");
            return std::process::ExitCode::from(1);
        }
    };
    let result = runtime.block_on(run(arguments.command));
    // Work that hangs on a socket must not keep the process.
    runtime.shutdown_timeout(std::time::Duration::from_millis(300));
    match result {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(fail) => fail.report(),
    }
}

async fn run(command: Command) -> Result<(), fail::Fail> {
    match command {
        Command::Dev(arguments) => dev::run(arguments).await,
        Command::Demo(arguments) => demo::run(arguments).await,
        Command::Serve(arguments) => serve::run(arguments).await,
        Command::Doctor(arguments) => doctor::run(arguments).await,
        Command::Sandbox(arguments) => sandbox::run(arguments).await,
        Command::Init(arguments) => init::run(&arguments),
        Command::Migrate(arguments) => migrate::run(arguments).await,
        Command::Catalog(arguments) => catalog::run(arguments).await,
        Command::Keys(arguments) => keys::run(arguments).await,
        Command::Events(arguments) => events::run(arguments).await,
        Command::Intents(arguments) => intents::run(arguments).await,
        Command::Explain(arguments) => explain::run(arguments).await,
        Command::Audit(arguments) => audit::run(arguments).await,
        Command::Spec(arguments) => spec::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments, Arguments::command()),
    }
}
