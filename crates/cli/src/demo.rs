//! `specie demo`: a year in a few seconds.

use std::sync::{Mutex, PoisonError};

use clap::Args;
use specie_billing::{SAASKIT, catalog};
use specie_scenario::demo::{self, Line, Telltale, Told};
use specie_vocab::{SystemClock, WallClock};
use tokio::sync::Notify;

use crate::fail::Fail;
use crate::files::TemporaryFolder;
use crate::ports::Asked;
use crate::table::{self, Column, left, right};
use crate::{logs, out};

/// See `specie demo --help`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  specie demo\n  specie demo --json | jq .total\n\nIt needs no settings, reads none, and leaves nothing behind. Exit code 3 if the service and\nStripe do not agree."
)]
pub struct Arguments {
    /// One JSON document on stdout, in place of the timeline.
    #[arg(long)]
    json: bool,
    /// Changes an object at Stripe unseen by the service before the two are compared.
    #[arg(long, hide = true)]
    tamper: bool,
}

/// Date, who, what happens, money, a gap, what the customer sees: a hundred characters.
const COLUMNS: [Column; 6] = [left(16), left(5), left(33), right(8), left(0), left(33)];

/// Plays the demo in a temporary folder; the environment is ignored.
pub async fn run(arguments: Arguments) -> Result<(), Fail> {
    logs::quiet();
    let mut asked = Asked::listen()?;
    if !arguments.json {
        out::say(
            "A year of three customers on the SaaSKit catalog: a real service, an offline Stripe.\n",
        )?;
        let head = ["date (UTC)", "who", "what happens", "money", "", "what the customer sees"];
        out::say(table::row(&COLUMNS, &head))?;
    }
    let folder = TemporaryFolder::make("specie-demo")?;
    let teller = Teller { json: arguments.json, failed: Mutex::default(), wake: Notify::new() };
    let told = tokio::select! {
        told = play(&teller, &folder, arguments.tamper) => told,
        fail = teller.stopped() => Err(fail),
        () = asked.stopped() => Err(Fail::Failed("stopped before the end".into())),
    }?;
    if arguments.json {
        out::json(&told)?;
    } else {
        out::say(summary(&told))?;
    }
    verdict(&told)
}

/// Says the lines of the timeline as they come; remembers why one could not be said.
struct Teller {
    json: bool,
    failed: Mutex<Option<Fail>>,
    wake: Notify,
}

impl Teller {
    fn tell(&self, line: &Line) {
        if self.json {
            return;
        }
        if let Err(fail) = out::say(row(line)) {
            *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(fail);
            self.wake.notify_one();
        }
    }

    /// Returns when a line could not be said.
    async fn stopped(&self) -> Fail {
        self.wake.notified().await;
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.take().unwrap_or(Fail::Unheard)
    }
}

async fn play(teller: &Teller, folder: &TemporaryFolder, tamper: bool) -> Result<Told, Fail> {
    let began = SystemClock.now();
    let catalog = catalog::parse(SAASKIT, "SaaSKit")
        .map_err(|_| Fail::Failed("the shipped catalog has faults".into()))?;
    let database = folder.path().join("specie.db").display().to_string();
    let failed = |error: &dyn std::fmt::Display| Fail::Failed(error.to_string());
    let stage = demo::stage(&database, catalog, 1).await.map_err(|error| failed(&error))?;
    let seconds = || {
        let now = SystemClock.now().timestamp().as_millisecond();
        (now - began.timestamp().as_millisecond()) as f64 / 1000.0
    };
    let mut tell = |line: &Line| teller.tell(line);
    let telltale = Telltale { tell: &mut tell, seconds: &seconds, tamper };
    demo::play(&stage, telltale).await.map_err(|error| failed(&error))
}

fn row(line: &Line) -> String {
    let date = line.at.strftime("%Y-%m-%d %H:%M").to_string();
    let money = line.money.as_deref().unwrap_or_default();
    table::row(&COLUMNS, &[&date, &line.customer, &line.what, money, "", &line.sees])
}

fn summary(told: &Told) -> String {
    let succeeded = told.charges.iter().filter(|charge| charge.status == "succeeded").count();
    let failed = told.charges.len() - succeeded;
    let mut lines = vec![
        String::new(),
        format!("charges   {succeeded} paid, {failed} declined"),
        format!("total     {}", demo::dollars(told.total)),
        format!("mails     {}", told.mails.len()),
        format!("events    {} received", told.events),
        format!("service and Stripe agree: {} of {} fields", told.agree.equal, told.agree.of),
    ];
    lines.extend(told.agree.differing.iter().map(|line| format!("  {line}")));
    lines.push(format!("\n{:.1} seconds. Try it yourself: `specie dev`", told.seconds));
    lines.join("\n")
}

/// Whether the two sides agree.
fn verdict(told: &Told) -> Result<(), Fail> {
    if told.agree.equal == told.agree.of { Ok(()) } else { Err(Fail::Found) }
}
