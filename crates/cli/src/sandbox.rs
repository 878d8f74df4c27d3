//! `specie sandbox`: the offline Stripe alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use specie_sandbox::{Chaos, Options, Sandbox, webhook_transport};
use specie_vocab::{Chance, Secret, SystemChance, SystemClock, WallClock};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tracing_subscriber::filter::LevelFilter;

use crate::fail::Fail;
use crate::ports::Asked;
use crate::{files, logs, out, ports};

/// See `specie sandbox --help`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  specie sandbox\n  specie sandbox --port 12111 --data-dir ./stripe --seed 7\n  specie sandbox --fresh\n  specie sandbox --chaos lose=5,duplicate=5,error_after=2\n\nPoint any Stripe library at http://127.0.0.1:12111 with any key that begins with `sk_test_`."
)]
pub struct Arguments {
    /// The port on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 12111)]
    port: u16,
    /// Where its state is kept.
    #[arg(long, default_value = ".specie/local/stripe")]
    data_dir: PathBuf,
    /// Moves the old state aside and begins anew.
    #[arg(long)]
    fresh: bool,
    /// Where ids come from: the same seed and calls give the same ids, but for the characters that
    /// tell the time in longer ones (`price_…`). Kept state stays with its first seed, which is 1 if
    /// nobody says.
    #[arg(long)]
    seed: Option<u64>,
    /// What goes wrong, in percent: knobs such as `lose=5,error_after=2,seed=7`, a file of them, or
    /// `off`. It is kept with the state.
    #[arg(long, value_name = "KNOBS|FILE")]
    chaos: Option<String>,
    /// Says where it runs as one JSON document: `chaos`, `url`, `objects`, `control_key`, `data_dir`.
    #[arg(long)]
    json: bool,
}

/// The seed of a new sandbox.
const SEED: u64 = 1;
/// How long what is under way may take to end.
const PATIENCE: Duration = Duration::from_millis(700);

/// Runs until it is asked to stop.
pub async fn run(arguments: Arguments) -> Result<(), Fail> {
    logs::start(LevelFilter::INFO);
    let chaos = arguments.chaos.as_deref().map(chaos).transpose()?;
    let listener = ports::listen(arguments.port, "--port").await?;
    let url = ports::address(&listener)?;
    let folder = arguments.data_dir.as_path();
    if arguments.fresh {
        files::begin_anew(folder, files::State::Sandbox)?;
    }
    files::state_folder(folder)?;
    let control_key = Secret::new(SystemChance.token());
    let sandbox = open(&arguments, folder, &url, control_key.clone())?;
    if let Some(chaos) = chaos {
        sandbox.unsettle(&chaos).map_err(|broken| Fail::Failed(broken.to_string()))?;
    }
    let asked = Asked::listen()?;
    greet(&arguments, &url, &control_key, &sandbox.chaos())?;
    serve(listener, sandbox, asked).await
}

fn open(
    arguments: &Arguments,
    folder: &Path,
    url: &str,
    control_key: Secret,
) -> Result<Sandbox, Fail> {
    let sandbox = Sandbox::open(Options {
        seed: arguments.seed.unwrap_or(SEED),
        data_dir: Some(folder.to_owned()),
        start: SystemClock.now().timestamp(),
        base_url: url.to_owned(),
        control_key,
        wall: Arc::new(SystemClock),
    })?;
    let kept = sandbox.seed();
    if arguments.seed.is_some_and(|seed| seed != kept) {
        return Err(Fail::Input(format!(
            "`{}` was begun with seed {kept}, and stays with it\n\nhint: leave `--seed` out, or begin anew with `--fresh`",
            folder.display()
        )));
    }
    files::report_cut(folder, sandbox.opened().cut);
    Ok(sandbox)
}

/// Knobs, or a file of them.
fn chaos(asked: &str) -> Result<Chaos, Fail> {
    let is_file = Path::new(asked).is_file() || (asked != "off" && !asked.contains('='));
    let wrong = |what: String| {
        Fail::Input(format!(
            "`--chaos {asked}`: {what}\n\nhint: name a file or knobs such as `lose=5,fail=2`; docs/sandbox.md lists them"
        ))
    };
    let text = match is_file {
        true => std::fs::read_to_string(asked).map_err(|error| wrong(error.to_string()))?,
        false => asked.to_owned(),
    };
    Chaos::parse(&text).map_err(wrong)
}

fn greet(
    arguments: &Arguments,
    url: &str,
    control_key: &Secret,
    chaos: &Chaos,
) -> Result<(), Fail> {
    let objects = format!("{url}/objects");
    let state = arguments.data_dir.display();
    if arguments.json {
        return out::json(&json!({
            "url": url, "objects": objects, "control_key": control_key.expose(),
            "data_dir": arguments.data_dir, "chaos": chaos,
        }));
    }
    let chaos = match chaos.is_off() {
        true => String::new(),
        false => format!("\nchaos     {}   `--chaos off` ends it", json!(chaos)),
    };
    out::say(format!(
        "sandbox   {url}   an offline Stripe; any key that begins with sk_test_ opens it\n\
         objects   {objects}\n\
         control   Specie-Sandbox-Key: {}\n\
         state     {state}   the next start goes on from here, `--fresh` begins anew{chaos}",
        control_key.expose()
    ))
}

async fn serve(listener: TcpListener, sandbox: Sandbox, mut asked: Asked) -> Result<(), Fail> {
    let ends = Arc::new(Notify::new());
    let stop = {
        let ends = ends.clone();
        async move {
            asked.stopped().await;
            ends.notify_one();
        }
    };
    // A browser keeps connections open for a long time; everything is in the journal already.
    let at_once = async {
        ends.notified().await;
        tokio::time::sleep(PATIENCE).await;
    };
    tokio::select! {
        served = specie_sandbox::serve(listener, sandbox.clone(), webhook_transport(), stop) => {
            served.map_err(|error| Fail::Failed(error.to_string()))
        }
        () = at_once => {
            sandbox.snapshot().map_err(|error| Fail::Failed(error.to_string()))
        }
    }
}
