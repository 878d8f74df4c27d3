//! `specie doctor`: whether all that the service needs is there and in order. It changes nothing.

mod code;
mod database;
mod events;
mod mail;
mod report;
mod rights;
mod service;
mod stripe;
mod webhook;

use std::path::PathBuf;

use clap::Args;
use specie_billing::Catalog;
use specie_server::Smtp;
use specie_stripe::Client;
use specie_vocab::{SystemClock, WallClock, WallTime};

use crate::config::{self, CATALOG, Environment};
use crate::fail::Fail;
use crate::serve::{self, Found, client};
use report::Report;

/// See `specie doctor --help`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  specie doctor\n  specie doctor --json\n  specie doctor --send-to me@example.com\n\nIt reads the settings of `specie serve`, may run beside it, and changes nothing. Exit codes: 0\nnothing found, 3 something found, 2 settings that are missing or wrong."
)]
pub struct Arguments {
    /// The catalog's file.
    #[arg(long, default_value = CATALOG)]
    catalog: PathBuf,
    /// The port of the running service's /readyz.
    #[arg(long, default_value_t = 8081)]
    private_port: u16,
    /// Sends one mail to this address; without it none is sent.
    #[arg(long, value_name = "ADDRESS")]
    send_to: Option<String>,
    /// One JSON document on stdout: `checks`, `findings`, `errors`, `warnings`.
    #[arg(long)]
    json: bool,
}

/// A clock that differs more, in seconds, decides wrongly.
const CLOCK_OFF: i64 = 60;

/// What the checks share.
struct Patient {
    found: Found,
    catalog: Catalog,
    stripe: Client,
}

/// Looks at everything, tells it, and ends with 3 if anything was found.
pub async fn run(arguments: Arguments) -> Result<(), Fail> {
    if let Some(address) = &arguments.send_to {
        Smtp::check_sender(address).map_err(|error| Fail::Input(format!("`--send-to` {error}")))?;
    }
    let found = serve::read(&Environment::read()?)?;
    let (catalog, _) = config::catalog(&arguments.catalog)?;
    let stripe = client(&found.stripe);
    let patient = Patient { found, catalog, stripe };
    let mut report = Report::default();
    let db = database::check(&patient, &mut report).await;
    let known = stripe::check(&patient, db.as_ref(), &mut report).await;
    if known {
        rights::check(&patient, &mut report).await;
        webhook::check(&patient, &mut report).await;
    } else {
        report.skip("rights", "Stripe does not let us in");
        report.skip("webhook", "Stripe does not let us in");
    }
    match &db {
        Some(db) if known => events::check(&patient, db, &mut report).await,
        _ => report.skip("events", "it takes both the database and Stripe"),
    }
    mail::check(&patient, arguments.send_to.as_deref(), &mut report).await;
    service::check(arguments.private_port, &mut report).await;
    report.tell(arguments.json)
}

fn now() -> WallTime {
    SystemClock.now()
}

/// What is to be said of a clock that is so many seconds ahead of this machine's; none, if that is
/// little.
fn off_by(whose: &str, ahead: i64) -> Option<String> {
    let way = if ahead > 0 { "ahead of" } else { "behind" };
    (ahead.abs() > CLOCK_OFF)
        .then(|| format!("{whose} clock is {} s {way} this machine's", ahead.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_is_the_limit_in_both_directions() {
        assert_eq!(off_by("Stripe's", 60), None);
        assert_eq!(off_by("Stripe's", -60), None);
        let found = off_by("Stripe's", -61).unwrap();
        assert_eq!(found, "Stripe's clock is 61 s behind this machine's");
        assert!(off_by("the database's", 3_600).unwrap().contains("3600 s ahead of"));
    }
}
