//! `specie demo`: a year in a few seconds.

use std::io::Write;

use clap::Args;
use specie_billing::{SAASKIT, catalog};
use specie_scenario::demo::{self, Line, Told};
use specie_vocab::{SystemClock, WallClock};

use crate::fail::Fail;
use crate::logs;

/// See `specie demo --help`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  specie demo\n  specie demo --json | jq .total\n\nExit code 3 if the service and Stripe do not agree."
)]
pub struct Arguments {
    /// One JSON document on stdout, in place of the timeline.
    #[arg(long)]
    json: bool,
}

/// Plays the demo in a temporary folder; the environment is ignored.
pub async fn run(arguments: Arguments) -> Result<(), Fail> {
    logs::quiet();
    let began = SystemClock.now();
    if !arguments.json {
        println!(
            "A year of three customers on the SaaSKit catalog, on a real service and an offline Stripe.\n"
        );
        println!(
            "{:<16} {:<6} {:<46} {:>8}  the customer sees",
            "date", "who", "what happens", "money"
        );
    }
    let catalog = catalog::parse(SAASKIT, "SaaSKit")
        .map_err(|_| Fail::Failed("the shipped catalog has faults".into()))?;
    let folder = std::env::temp_dir().join(format!("specie-demo-{}", std::process::id()));
    crate::files::folder(&folder)?;
    let result = play(&arguments, &folder, catalog, began).await;
    let _left_behind = std::fs::remove_dir_all(&folder);
    let told = result?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&told).unwrap_or_default());
    } else {
        summary(&told);
    }
    if told.agree.equal == told.agree.of { Ok(()) } else { Err(Fail::Found) }
}

async fn play(
    arguments: &Arguments,
    folder: &std::path::Path,
    catalog: specie_billing::Catalog,
    began: specie_vocab::WallTime,
) -> Result<Told, Fail> {
    let database = folder.join("specie.db").display().to_string();
    let failed = |error: &dyn std::fmt::Display| Fail::Failed(error.to_string());
    let stage = demo::stage(&database, catalog, 1).await.map_err(|error| failed(&error))?;
    let json = arguments.json;
    let mut tell = move |line: &Line| {
        if !json {
            show(line);
        }
    };
    let seconds = || {
        let now = SystemClock.now().timestamp().as_millisecond();
        (now - began.timestamp().as_millisecond()) as f64 / 1000.0
    };
    demo::play(&stage, &mut tell, seconds).await.map_err(|error| failed(&error))
}

fn show(line: &Line) {
    let date = line.at.strftime("%Y-%m-%d %H:%M");
    let money = line.money.as_deref().unwrap_or_default();
    let what: String = line.what.chars().take(60).collect();
    println!("{date} {:<6} {what:<46} {money:>8}  {}", line.customer, line.sees);
    let _ = std::io::stdout().flush();
}

fn summary(told: &Told) {
    let succeeded = told.charges.iter().filter(|charge| charge.status == "succeeded").count();
    let failed = told.charges.len() - succeeded;
    println!();
    println!("charges   {succeeded} paid, {failed} declined");
    println!("total     {}", demo::dollars(told.total));
    println!("mails     {}", told.mails.len());
    println!("events    {} received", told.events);
    println!("service and Stripe agree: {} of {} fields", told.agree.equal, told.agree.of);
    for line in &told.agree.differing {
        println!("  {line}");
    }
    println!("\n{:.1} seconds. Try it yourself: `specie dev`", told.seconds);
}
