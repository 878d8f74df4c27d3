//! `specie migrate`: the schema of the database that `DATABASE_URL` names.

use clap::{Args, Subcommand};
use specie_store::{Db, Options, migrate_down, migrate_up, migration_status};

use crate::config::Environment;
use crate::fail::Fail;
use crate::serve::database_url;

/// See `specie migrate --help`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  specie migrate status\n  DATABASE_URL=postgres://… specie migrate up\n  specie migrate down --to 0"
)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Brings the schema up to date.
    Up,
    /// Takes the schema back to a version.
    Down {
        /// The version to go back to; 0 is an empty database.
        #[arg(long)]
        to: i64,
    },
    /// Tells which version the database has, and which this program knows.
    Status,
}

/// Opens the database and does it.
pub async fn run(arguments: Arguments) -> Result<(), Fail> {
    let url = database_url(&Environment::read()?)?;
    let db = Db::open(&url, Options::default()).await?;
    match arguments.what {
        What::Up => migrate_up(&db).await?,
        What::Down { to } => migrate_down(&db, to).await?,
        What::Status => {}
    }
    let status = migration_status(&db).await?;
    println!("schema {} of {}", status.current, status.newest);
    Ok(())
}
