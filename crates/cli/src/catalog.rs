//! `specie catalog`: the file, and Stripe in step with it.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use specie_billing::{Severity, catalog};
use specie_server::catalog::{self as in_stripe, Endpoint};
use specie_store::{Db, Options, migrate_up};

use crate::config::{self, CATALOG, Environment};
use crate::fail::Fail;
use crate::files;
use crate::serve::{database_url, public_url, stripe_client};

/// See `specie catalog --help`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  specie catalog check\n  specie catalog plan\n  specie catalog apply --secret-file webhook.secret"
)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
    /// The catalog's file.
    #[arg(long, global = true, default_value = CATALOG)]
    file: PathBuf,
}

#[derive(Subcommand)]
enum What {
    /// Checks the file, and reports every fault at once.
    Check,
    /// Shows what would change in Stripe.
    Plan,
    /// Makes it so; what is there already stays.
    Apply {
        /// Where the new webhook endpoint's secret goes (mode 0600); else it is shown once.
        #[arg(long)]
        secret_file: Option<PathBuf>,
    },
}

/// Does it.
pub async fn run(arguments: Arguments) -> Result<(), Fail> {
    match arguments.what {
        What::Check => check(&arguments.file),
        What::Plan => plan(&arguments.file).await,
        What::Apply { secret_file } => apply(&arguments.file, secret_file.as_deref()).await,
    }
}

fn check(file: &Path) -> Result<(), Fail> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Fail::Input(format!("`{}` cannot be read: {error}", file.display())))?;
    let checked = catalog::check(&text, &file.display().to_string());
    for diagnostic in &checked.diagnostics {
        println!("{}", diagnostic.full(&text));
    }
    let errors = checked.diagnostics.iter().filter(|it| it.severity == Severity::Error).count();
    match &checked.catalog {
        Some(found) => {
            println!("{}: {} plan groups, no errors", file.display(), found.groups.len());
            Ok(())
        }
        None => {
            println!("{}: {errors} errors", file.display());
            Err(Fail::Found)
        }
    }
}

/// Stripe must be able to reach the service to send events to it.
fn endpoint(environment: &Environment) -> Result<Endpoint, Fail> {
    Ok(Endpoint { url: format!("{}/api/billing/webhook", public_url(environment)?) })
}

async fn plan(file: &Path) -> Result<(), Fail> {
    let environment = Environment::read()?;
    let catalog = config::catalog(file)?;
    let stripe = stripe_client(&environment)?;
    let endpoint = endpoint(&environment)?;
    let changes = in_stripe::plan(&stripe, &catalog, Some(&endpoint))
        .await
        .map_err(|error| Fail::Failed(error.to_string()))?;
    if changes.is_empty() {
        println!("nothing to change");
    }
    for (n, change) in (1..).zip(&changes) {
        println!("{n}. {change}");
    }
    Ok(())
}

async fn apply(file: &Path, secret_file: Option<&Path>) -> Result<(), Fail> {
    let environment = Environment::read()?;
    let catalog = config::catalog(file)?;
    let stripe = stripe_client(&environment)?;
    let endpoint = endpoint(&environment)?;
    let db = Db::open(&database_url(&environment)?, Options::default()).await?;
    migrate_up(&db).await?;
    // A secret that could not be kept would be lost: make sure of its place first.
    if let Some(path) = secret_file {
        files::writable(path)?;
    }
    let applied = in_stripe::apply(&db, &stripe, &catalog, Some(&endpoint))
        .await
        .map_err(|error| Fail::Failed(error.to_string()))?;
    for (n, change) in (1..).zip(&applied.changes) {
        println!("{n}. done: {change}");
    }
    if applied.changes.is_empty() {
        println!("nothing to change");
    }
    if let Some(secret) = applied.webhook_secret {
        match secret_file {
            Some(path) => {
                files::secret_file(path, secret.expose())?;
                println!(
                    "the webhook secret is in `{}`: set STRIPE_WEBHOOK_SECRET to it",
                    path.display()
                );
            }
            None => println!("STRIPE_WEBHOOK_SECRET={}   (shown this once)", secret.expose()),
        }
    }
    Ok(())
}
