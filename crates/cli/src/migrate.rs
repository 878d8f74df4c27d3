//! `specie migrate`: the schema of the database that `DATABASE_URL` names.

use clap::{Args, Subcommand};
use serde_json::json;
use specie_store::{Db, Status, migrate_down, migrate_up, migration_status, replicas};

use crate::config::Environment;
use crate::database::{self, For};
use crate::fail::Fail;
use crate::{out, settings};

/// See `specie migrate --help`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  specie migrate status\n  DATABASE_URL=postgres://user@host/billing specie migrate up\n  specie migrate down --to 0\n\nWithout `DATABASE_URL` the database is the SQLite file `specie.db` in this folder."
)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
    /// One JSON document on stdout: `from`, `schema`, `newest`.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum What {
    /// Makes the tables, or brings them up to date.
    #[command(after_help = "Examples:\n  specie migrate up")]
    Up,
    /// Takes the schema back to an earlier version; what its tables hold is lost.
    #[command(after_help = "Examples:\n  specie migrate down --to 0")]
    Down {
        /// The version to go back to; 0 is an empty database.
        #[arg(long, value_name = "VERSION", value_parser = clap::value_parser!(i64).range(0..))]
        to: i64,
    },
    /// Tells which version the database has, and which this program knows.
    #[command(after_help = "Examples:\n  specie migrate status --json")]
    Status,
}

/// Opens the database and does it.
pub async fn run(arguments: Arguments) -> Result<(), Fail> {
    let url = settings::database_url(&Environment::read()?)?;
    if !matches!(arguments.what, What::Up) {
        database::there(&url)?;
    }
    let (before, after) = match arguments.what {
        What::Status => {
            let db = database::connect(&url, For::Reading).await?;
            let status = migration_status(&db).await?;
            (status, status)
        }
        What::Up => {
            let db = database::connect(&url, For::Writing).await?;
            let before = migration_status(&db).await?;
            migrate_up(&db).await?;
            (before, migration_status(&db).await?)
        }
        What::Down { to } => {
            let db = database::connect(&url, For::Writing).await?;
            let before = migration_status(&db).await?;
            if to > before.current {
                return Err(Fail::Input(format!(
                    "the database has schema {}: it cannot go down to {to}\n\nhint: `specie migrate up` goes up",
                    before.current
                )));
            }
            no_replica_runs(&db, before).await?;
            migrate_down(&db, to).await?;
            (before, migration_status(&db).await?)
        }
    };
    tell(&arguments, before, after)
}

/// Whoever runs on these tables would lose them under its feet.
async fn no_replica_runs(db: &Db, before: Status) -> Result<(), Fail> {
    if before.current == 0 {
        return Ok(());
    }
    let mut tx = db.read().await?;
    let now = tx.now().await?;
    match replicas::alive(&mut tx, now).await? {
        0 => Ok(()),
        alive => Err(Fail::Failed(format!(
            "{alive} running `specie serve` use this database\n\nhint: stop them first; one that was \
             killed counts for {} seconds more",
            replicas::GONE
        ))),
    }
}

fn tell(arguments: &Arguments, before: Status, after: Status) -> Result<(), Fail> {
    let Status { current, newest } = after;
    if arguments.json {
        return out::json(&json!({ "from": before.current, "schema": current, "newest": newest }));
    }
    let more = match arguments.what {
        What::Status if current < newest => "; `specie migrate up` brings it up to date".into(),
        What::Status => "; up to date".into(),
        _ if before.current == current => "; nothing to do".into(),
        _ => format!(", from {}", before.current),
    };
    out::say(format!("schema {current} of {newest}{more}"))
}
