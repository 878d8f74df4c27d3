//! `specie sandbox`: the offline Stripe alone.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use specie_sandbox::{Options, Sandbox};
use specie_stripe::https_transport;
use specie_vocab::{Chance, Secret, SystemChance, SystemClock, WallClock};
use tracing_subscriber::filter::LevelFilter;

use crate::fail::Fail;
use crate::{files, logs, ports};

/// See `specie sandbox --help`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  specie sandbox\n  specie sandbox --port 12111 --data-dir ./stripe --seed 7\n\nPoint any Stripe library at http://127.0.0.1:12111 with any key that begins with `sk_test_`."
)]
pub struct Arguments {
    /// The port on 127.0.0.1.
    #[arg(long, default_value_t = 12111)]
    port: u16,
    /// Where its state is kept; without one it lives in memory.
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// Moves the state in the folder aside and begins anew.
    #[arg(long)]
    fresh: bool,
    /// Where ids come from: the same seed and calls give the same ids.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Runs until it is asked to stop.
pub async fn run(arguments: Arguments) -> Result<(), Fail> {
    logs::start(LevelFilter::INFO);
    let listener = ports::listen(arguments.port, "--port").await?;
    let address = listener.local_addr().map_err(|error| Fail::Failed(error.to_string()))?;
    if let Some(folder) = &arguments.data_dir {
        if arguments.fresh {
            files::move_aside(folder, SystemClock.now().timestamp())?;
        }
        files::folder(folder)?;
    }
    let control_key = SystemChance.token();
    let sandbox = Sandbox::open(Options {
        seed: arguments.seed,
        data_dir: arguments.data_dir,
        start: SystemClock.now().timestamp(),
        base_url: format!("http://{address}"),
        control_key: Secret::new(control_key.as_str()),
        wall: Arc::new(SystemClock),
    })?;
    println!("sandbox   http://{address}  (an offline Stripe; any key that begins with sk_test_)");
    println!("objects   http://{address}/objects");
    println!("control   Specie-Sandbox-Key: {control_key}");
    specie_sandbox::serve(listener, sandbox, https_transport(), ports::asked_to_stop())
        .await
        .map_err(|error| Fail::Failed(error.to_string()))
}
