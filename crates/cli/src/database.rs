//! Opening the database that `DATABASE_URL` names, as each command needs it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use specie_store::{Db, Options, StoreError, migration_status};

use crate::config::Environment;
use crate::fail::Fail;
use crate::{operator, settings};

/// How often who holds a file is looked at, and how long apart.
const LOOKS: u32 = 50;
const PAUSE: Duration = Duration::from_millis(100);

/// What a command does with the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    /// It reads, beside whoever writes.
    Reading,
    /// It writes; nobody else may write a SQLite file then.
    Writing,
}

/// Opens the database to read it; it must be there and have its tables.
pub async fn reader(environment: &Environment) -> Result<Db, Fail> {
    let url = settings::database_url(environment)?;
    there(&url)?;
    let db = connect(&url, For::Reading).await?;
    check_schema(&db).await?;
    Ok(db)
}

/// Refuses a file that is not there: the path may be a wrong one, and nobody but `migrate up` makes it.
pub fn there(url: &str) -> Result<(), Fail> {
    match file_of(url) {
        Some(path) if !path.exists() => Err(Fail::Input(format!(
            "there is no database `{}`\n\nhint: `specie migrate up` makes it, `DATABASE_URL` names another one",
            path.display()
        ))),
        _ => Ok(()),
    }
}

/// Opens what `url` names.
pub async fn connect(url: &str, aim: For) -> Result<Db, Fail> {
    Ok(match aim {
        For::Reading => {
            may_be_read(url)?;
            Db::open_read_only(url, Options::default()).await?
        }
        For::Writing => Db::open(url, Options::default()).await?,
    })
}

/// SQLite says of a file that may not even be read what it says of one that cannot be written.
fn may_be_read(url: &str) -> Result<(), Fail> {
    let Some(path) = file_of(url) else { return Ok(()) };
    match std::fs::File::open(&path) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(Fail::Input(format!(
            "the database `{}` cannot be read: {error}\n\nhint: give this user the right to read it",
            path.display()
        ))),
        _ => Ok(()),
    }
}

/// Refuses a database that lacks tables of ours.
pub async fn check_schema(db: &Db) -> Result<(), Fail> {
    let status = migration_status(db).await?;
    if status.current < status.newest {
        return Err(Fail::Input(format!(
            "the database has schema {} and this program needs {}\n\nhint: run `specie migrate up`",
            status.current, status.newest
        )));
    }
    Ok(())
}

/// The file, if it is one.
pub fn file_of(url: &str) -> Option<PathBuf> {
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return None;
    }
    let path = url.strip_prefix("sqlite:").unwrap_or(url);
    Some(Path::new(path.strip_prefix("//").unwrap_or(path)).to_owned())
}

/// A way to write.
pub enum Writer {
    /// The database itself.
    Direct(Db),
    /// The running service that holds this file.
    Through(PathBuf),
}

/// A way to write the database, which must be there and have its tables.
pub async fn writer(environment: &Environment) -> Result<Writer, Fail> {
    let url = settings::database_url(environment)?;
    there(&url)?;
    let writer = file_or_door(&url).await?;
    if let Writer::Direct(db) = &writer {
        check_schema(db).await?;
    }
    Ok(writer)
}

/// The database itself, or the service that holds it. Who holds it and has no door may be a service
/// that only starts, or a command that is nearly done: they are waited for.
pub async fn file_or_door(url: &str) -> Result<Writer, Fail> {
    let mut looks = 0;
    loop {
        match Db::open(url, Options::default()).await {
            Ok(db) => return Ok(Writer::Direct(db)),
            Err(StoreError::Locked { path }) if operator::has_door(&path) || looks == LOOKS => {
                return Ok(Writer::Through(path));
            }
            Err(StoreError::Locked { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        if looks == 0 {
            eprintln!("waiting for who uses the database …");
        }
        looks += 1;
        tokio::time::sleep(PAUSE).await;
    }
}
