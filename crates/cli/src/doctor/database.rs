//! The database: reachable, writable, with the program's schema, and at the same time.

use std::path::Path;

use specie_store::{Db, StoreError, migration_status};

use super::code::Code;
use super::report::{Finding, Report, error};
use super::{Patient, now, off_by};
use crate::database::{self, For};
use crate::fail::Fail;

const EXPECTED: &str = "a database that answers";

/// Opens it to read, beside whoever writes. None, if nobody can read it.
pub(super) async fn check(patient: &Patient, report: &mut Report) -> Option<Db> {
    let url = patient.found.database.as_str();
    let file = database::file_of(url);
    if let Some(path) = file.as_deref().filter(|path| !path.exists()) {
        let found = format!("there is no `{}`", path.display());
        let mend = "run `specie migrate up`, or name the database in `DATABASE_URL`";
        report.add("database", vec![error(Code::DatabaseMissing, found, EXPECTED, mend)], "");
        return None;
    }
    let db = match database::connect(url, For::Reading).await {
        Ok(db) => db,
        Err(fail) => {
            report.add("database", vec![unreachable(fail.told())], "");
            return None;
        }
    };
    let (findings, usable) = look(&db, file.as_deref()).await;
    let what = file.map_or_else(|| "Postgres".into(), |path| format!("`{}`", path.display()));
    report.add("database", findings, format!("{what} answers, and its schema is this program's"));
    usable.then_some(db)
}

fn unreachable(found: String) -> Finding {
    let mend = "look at `DATABASE_URL`, at the server, or at the file";
    error(Code::DatabaseUnreachable, found, EXPECTED, mend)
}

/// What is wrong, and whether its tables can be read all the same.
async fn look(db: &Db, file: Option<&Path>) -> (Vec<Finding>, bool) {
    let mut findings = Vec::new();
    let usable = match schema(db).await {
        Ok(found) => {
            let fine = found.is_none();
            findings.extend(found);
            fine
        }
        Err(error) => {
            findings.push(unreachable(Fail::from(error).told()));
            return (findings, false);
        }
    };
    match read_only(db, file).await {
        Ok(found) => findings.extend(found),
        Err(error) => findings.push(unreachable(Fail::from(error).told())),
    }
    match clock(db).await {
        Ok(found) => findings.extend(found),
        Err(error) => findings.push(unreachable(Fail::from(error).told())),
    }
    (findings, usable)
}

async fn schema(db: &Db) -> Result<Option<Finding>, StoreError> {
    let expected = "the schema that this program was made for";
    let status = match migration_status(db).await {
        Err(StoreError::SchemaTooNew { current, newest }) => {
            let found = format!("the database has schema {current}, this program knows {newest}");
            let mend = "run the newer program";
            return Ok(Some(error(Code::SchemaNew, found, expected, mend)));
        }
        status => status?,
    };
    Ok((status.current < status.newest).then(|| {
        let found = format!(
            "the database has schema {}, this program needs {}",
            status.current, status.newest
        );
        error(Code::SchemaOld, found, expected, "run `specie migrate up`")
    }))
}

async fn read_only(db: &Db, file: Option<&Path>) -> Result<Option<Finding>, StoreError> {
    let only_reads = match file {
        Some(path) => is_read_only(path),
        None => db.only_reads().await?,
    };
    Ok(only_reads.then(|| {
        let mend = match file {
            Some(_) => "give the service's user the right to write the file and its folder",
            None => {
                "name the primary server in `DATABASE_URL`, not a standby, and a user who may write"
            }
        };
        error(
            Code::DatabaseReadOnly,
            "the database can only be read",
            "one that can be written",
            mend,
        )
    }))
}

/// As the system says of the file and of its folder, where SQLite makes files of its own.
fn is_read_only(path: &Path) -> bool {
    let marked = |path: &Path| path.metadata().is_ok_and(|found| found.permissions().readonly());
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    marked(path) || marked(folder) || std::fs::File::options().write(true).open(path).is_err()
}

async fn clock(db: &Db) -> Result<Option<Finding>, StoreError> {
    let theirs = db.read().await?.now().await?;
    Ok(off_by("the database's", theirs.seconds_since(now())).map(|found| {
        let mend = "switch time synchronisation on (NTP), here and there";
        error(Code::DatabaseClock, found, "less than a minute between the clocks", mend)
    }))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::SignedDuration;
    use specie_store::Options;
    use specie_vocab::ManualClock;

    use super::*;

    /// What is found of a database whose clock is ahead by so many seconds.
    async fn ahead_by(seconds: i64) -> Option<Finding> {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let file = folder.path().join("specie.db").display().to_string();
        let theirs = now().timestamp() + SignedDuration::from_secs(seconds);
        let clock = Some(Arc::new(ManualClock::new(theirs)) as Arc<_>);
        let db = Db::open(&file, Options { clock, ..Options::default() }).await.expect("it opens");
        clock_of(&db).await
    }

    async fn clock_of(db: &Db) -> Option<Finding> {
        clock(db).await.expect("it answers")
    }

    #[tokio::test]
    async fn a_database_that_is_ten_minutes_off_is_found() {
        for seconds in [600, -600] {
            let finding = ahead_by(seconds).await.expect("it is found");
            assert_eq!(finding.code, Code::DatabaseClock, "{}", finding.found);
        }
        assert!(ahead_by(0).await.is_none());
    }
}
