//! `specie catalog`: the file, and Stripe in step with it.

mod secret;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use axum::http::Method;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use specie_billing::{Catalog, Diagnostic, Severity, catalog};
use specie_server::account;
use specie_server::catalog::{self as in_stripe, CatalogError, Endpoint};
use specie_store::{migrate_up, migration_status};
use specie_stripe::{Client, StripeError};
use specie_vocab::{Chance, Secret, SystemChance, SystemClock, WallClock};

use crate::config::{self, CATALOG, Environment};
use crate::database::{self, For, Writer};
use crate::fail::Fail;
use crate::operator::{self, NewCatalog};
use crate::out;
use crate::serve::client;
use crate::settings::{self, Faults};

/// See `specie catalog --help`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  specie catalog check\n  specie catalog plan\n  specie catalog apply --secret-file webhook.secret\n\n`plan` and `apply` need STRIPE_SECRET_KEY and PUBLIC_URL."
)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
    /// The catalog's file.
    #[arg(long, global = true, default_value = CATALOG)]
    file: PathBuf,
    /// One JSON document on stdout.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum What {
    /// Checks the file, and reports every fault at once: exit code 3 if there are any.
    #[command(after_help = "Examples:\n  specie catalog check\n  specie catalog check --json")]
    Check,
    /// Shows what `apply` would change in Stripe, and changes nothing.
    #[command(after_help = "Examples:\n  specie catalog plan")]
    Plan,
    /// Makes products, prices and the webhook endpoint in Stripe. It can be repeated, and goes on
    /// where a broken run stopped.
    #[command(after_help = "Examples:\n  specie catalog apply --secret-file webhook.secret")]
    Apply {
        /// Where the new webhook endpoint's secret goes (mode 0600); else it is shown once.
        #[arg(long, value_name = "FILE")]
        secret_file: Option<PathBuf>,
    },
}

/// Does it.
pub async fn run(arguments: Arguments) -> Result<(), Fail> {
    let Arguments { what, file, json } = arguments;
    match what {
        What::Check => check(&file, json),
        What::Plan => plan(&file, json).await,
        What::Apply { secret_file } => apply(&file, secret_file.as_deref(), json).await,
    }
}

fn check(file: &Path, as_json: bool) -> Result<(), Fail> {
    let text = std::fs::read_to_string(file).map_err(|error| config::unreadable(file, &error))?;
    let checked = catalog::check(&text, &file.display().to_string());
    let of = |severity| checked.diagnostics.iter().filter(|it| it.severity == severity).count();
    let (errors, warnings) = (of(Severity::Error), of(Severity::Warning));
    let not_sold = checked.catalog.as_ref().map(config::not_sold_yet).unwrap_or_default();
    if as_json {
        out::json(&json!({
            "path": file, "errors": errors, "warnings": warnings,
            "diagnostics": checked.diagnostics.iter().map(as_value).collect::<Vec<_>>(),
            "not_sold_yet": not_sold,
        }))?;
    } else {
        tell(&checked.diagnostics, &text)?;
        for sentence in &not_sold {
            out::say(format!("note: {sentence}\n"))?;
        }
        let counts = match &checked.catalog {
            Some(found) => format!("{}, no errors", size(found)),
            None => out::count(errors, "error"),
        };
        let more = if warnings > 0 {
            format!(", {}", out::count(warnings, "warning"))
        } else {
            String::new()
        };
        out::say(format!("{}: {counts}{more}", file.display()))?;
    }
    if checked.catalog.is_some() { Ok(()) } else { Err(Fail::Found) }
}

fn tell(diagnostics: &[Diagnostic], text: &str) -> Result<(), Fail> {
    let styled = std::io::stdout().is_terminal() && config::of_process("NO_COLOR").is_none();
    for it in diagnostics {
        let shown = if styled { it.full_styled(text) } else { it.full(text) };
        out::say(format!("{shown}\n"))?;
    }
    Ok(())
}

fn size(catalog: &Catalog) -> String {
    let plans = catalog.groups.iter().map(|group| group.plans.len()).sum();
    let prices = catalog.prices().count();
    format!("{} with {}", out::count(plans, "plan"), out::count(prices, "price"))
}

fn as_value(it: &Diagnostic) -> Value {
    json!({
        "rule": it.rule, "severity": it.severity.as_str(), "path": it.file, "line": it.line,
        "column": it.column, "span": [it.span.start, it.span.end], "message": it.message,
        "help": it.help,
    })
}

/// What `plan` and `apply` need.
struct Ready {
    text: String,
    catalog: Catalog,
    stripe: Client,
    /// Where that is.
    base: String,
    /// Whether its key moves real money.
    live: bool,
    endpoint: Endpoint,
    database: String,
    /// Whether the service knows a webhook secret already.
    has_secret: bool,
}

fn ready(file: &Path) -> Result<Ready, Fail> {
    let environment = Environment::read()?;
    let (catalog, text) = config::catalog(file)?;
    let mut faults = Faults::default();
    let stripe = faults.keep(settings::stripe(&environment));
    let public_url = faults.keep(settings::public_url(&environment));
    let database = faults.keep(settings::database_url(&environment));
    let has_secret = environment.get("STRIPE_WEBHOOK_SECRET").is_ok_and(|it| it.is_some());
    match (stripe, public_url, database) {
        (Some(stripe), Some(public_url), Some(database)) => Ok(Ready {
            text,
            catalog,
            stripe: client(&stripe),
            base: stripe.base,
            live: stripe.live,
            endpoint: Endpoint { url: format!("{public_url}/api/billing/webhook") },
            database,
            has_secret,
        }),
        _ => Err(faults.into_fail()),
    }
}

impl Ready {
    fn failed(&self, error: CatalogError) -> Fail {
        match error {
            CatalogError::Stripe(error) if error.is_outage() => Fail::Failed(format!(
                "{error} ({})\n\nhint: look at the network, at a proxy on the way, at status.stripe.com, and \
                 at `STRIPE_API_BASE` if it is set; the command can be repeated",
                self.base
            )),
            other => failed(other),
        }
    }
}

fn failed(error: CatalogError) -> Fail {
    match error {
        CatalogError::Stripe(error @ StripeError::Unauthorized) => Fail::Input(format!(
            "{error}\n\nhint: `STRIPE_SECRET_KEY` must be a key of this account and mode that still counts"
        )),
        error @ CatalogError::WrongAccount => Fail::Input(format!("{error}\n\n{WRONG_ACCOUNT}")),
        other => Fail::Failed(other.to_string()),
    }
}

const WRONG_ACCOUNT: &str =
    "hint: use the key of the account that this database belongs to, or another database";

/// What would change at Stripe, if this is the account of what is in the database.
async fn changes(ready: &Ready) -> Result<Vec<in_stripe::Change>, Fail> {
    compare(ready).await?;
    in_stripe::plan(&ready.stripe, &ready.catalog, Some(&ready.endpoint))
        .await
        .map_err(|error| ready.failed(error))
}

/// A database that is not there yet, or has no tables, is nobody's.
async fn compare(ready: &Ready) -> Result<(), Fail> {
    if database::file_of(&ready.database).is_some_and(|path| !path.exists()) {
        return Ok(());
    }
    let db = database::connect(&ready.database, For::Reading).await?;
    if migration_status(&db).await?.current > 0 {
        account::compare(&db, &ready.stripe, ready.live)
            .await
            .map_err(|error| ready.failed(error))?;
    }
    db.close().await;
    Ok(())
}

async fn plan(file: &Path, as_json: bool) -> Result<(), Fail> {
    let ready = ready(file)?;
    let changes = changes(&ready).await?;
    if as_json {
        let changes: Vec<_> = changes.iter().map(ToString::to_string).collect();
        return out::json(&json!({ "changes": changes }));
    }
    for (n, change) in (1..).zip(&changes) {
        out::say(format!("{n}. {change}"))?;
    }
    out::say(match changes.len() {
        0 => "nothing to do: Stripe holds this catalog".into(),
        n => format!("\n{} to make; `specie catalog apply` makes them", out::count(n, "change")),
    })
}

/// What was done, in words.
struct Done {
    changes: Vec<String>,
    secret: Option<Secret>,
    by_service: bool,
}

async fn apply(file: &Path, secret_file: Option<&Path>, as_json: bool) -> Result<(), Fail> {
    let ready = ready(file)?;
    let planned = changes(&ready).await?;
    let makes_endpoint =
        planned.iter().any(|it| matches!(it, in_stripe::Change::CreateEndpoint { .. }));
    // A secret that could not be kept would be lost: make sure of its place first.
    if let Some(path) = secret_file {
        secret::make_sure(path, makes_endpoint)?;
    }
    let done = carry_out(&ready).await?;
    for (n, change) in (1..).zip(&done.changes) {
        if !as_json {
            out::say(format!("{n}. done: {change}"))?;
        }
    }
    if done.changes.is_empty() && !as_json {
        out::say("nothing to do: Stripe holds this catalog")?;
    }
    if done.by_service && !done.changes.is_empty() {
        eprintln!("the running service sells by the catalog it started with: start it anew");
    }
    let kept = secret::keep(
        &ready.stripe,
        &ready.endpoint,
        secret::Wanted { new: done.secret, file: secret_file, is_known: ready.has_secret },
    )
    .await?;
    if as_json {
        return out::json(&json!({
            "changes": done.changes, "webhook_secret_file": kept.file(), "webhook_secret": kept.shown(),
        }));
    }
    kept.tell()
}

async fn carry_out(ready: &Ready) -> Result<Done, Fail> {
    let db = match database::file_or_door(&ready.database).await? {
        Writer::Direct(db) => db,
        Writer::Through(path) => return through(&path, ready).await,
    };
    migrate_up(&db).await?;
    let id = SystemChance.uuid(SystemClock.now());
    account::claim(&db, &ready.stripe, id, ready.live)
        .await
        .map_err(|error| ready.failed(error))?;
    let applied = in_stripe::apply(&db, &ready.stripe, &ready.catalog, Some(&ready.endpoint))
        .await
        .map_err(|error| ready.failed(error))?;
    db.close().await;
    Ok(Done {
        changes: applied.changes.iter().map(ToString::to_string).collect(),
        secret: applied.webhook_secret,
        by_service: false,
    })
}

/// The running service writes its own database.
async fn through(database: &Path, ready: &Ready) -> Result<Done, Fail> {
    let new = NewCatalog { text: ready.text.clone(), endpoint: ready.endpoint.url.clone() };
    let answer = operator::ask(database, Method::POST, "/operator/catalog", &new).await?;
    let changes = answer["changes"].as_array().cloned().unwrap_or_default();
    Ok(Done {
        changes: changes.iter().filter_map(|it| it.as_str().map(String::from)).collect(),
        secret: answer["webhook_secret"].as_str().map(Secret::new),
        by_service: true,
    })
}
