//! Why the store could not do as asked.

use std::borrow::Cow;
use std::path::PathBuf;

/// Why the store could not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another row already has what must be unique.
    #[error("another row already holds `{0}`")]
    Conflict(String),
    /// A row holds what no version of ours writes.
    #[error(
        "`{table}.{column}` of {id} holds {found}, which it never should; put the row right, from a \
         backup if need be"
    )]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row.
        id: String,
        /// What was found: its beginning between backticks, or in words where it may name somebody.
        found: String,
    },
    /// Another process writes this file.
    #[error(
        "another process uses `{}`; stop it, or name another database", .path.display()
    )]
    Locked {
        /// The database's file.
        path: PathBuf,
    },
    /// The file cannot be made or written.
    #[error(
        "`{}` cannot be written ({reason}); make its folder writable, or name another one",
        .path.display()
    )]
    NotWritable {
        /// The database's file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The file is no database, or a damaged one.
    #[error(
        "`{}` is not a sound SQLite database; move it aside, or restore it from a backup",
        .path.display()
    )]
    CorruptFile {
        /// The database's file.
        path: PathBuf,
    },
    /// A newer version of this program has been here.
    #[error(
        "the database has schema {current}, and this program knows {newest} at most; run the newer \
         program, or take the schema back with it"
    )]
    SchemaTooNew {
        /// The version found.
        current: i64,
        /// The newest version known.
        newest: i64,
    },
    /// The server does not answer, or lets nobody in.
    #[error("the database cannot be reached ({0}); check `DATABASE_URL` and the server")]
    Unreachable(sqlx::Error),
    /// The database refused.
    #[error(transparent)]
    Database(sqlx::Error),
}

impl StoreError {
    /// Whether a row cannot be read. Waiting does not help, and nothing but that row is at fault.
    pub fn is_corrupt(&self) -> bool {
        matches!(self, Self::Corrupt { .. })
    }

    /// Whether there is no room on the database's disk.
    pub fn is_full(&self) -> bool {
        self.code().is_some_and(|code| is_full(&code))
    }

    /// Whether what was to be written or read is at fault, and not the state that the database is in: it
    /// would fail in the same way on any other day.
    pub fn is_of_the_data(&self) -> bool {
        match self {
            Self::Conflict(_)
            | Self::Database(sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)) => true,
            _ => self.code().is_some_and(|code| is_of_the_data(&code)),
        }
    }

    pub(crate) fn code(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Database(sqlx::Error::Database(error)) => error.code(),
            _ => None,
        }
    }

    /// Whether waiting may help: the server is away, or another transaction was in the way.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            _ => self.code().is_some_and(|code| is_full(&code) || passes(&code)),
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::ColumnDecode { source, index } => match source.downcast::<Self>() {
                Ok(ours) => *ours,
                Err(source) => Self::Database(sqlx::Error::ColumnDecode { source, index }),
            },
            sqlx::Error::Decode(source) => match source.downcast::<Self>() {
                Ok(ours) => *ours,
                Err(source) => Self::Database(sqlx::Error::Decode(source)),
            },
            // The last four: a connection that broke in the middle of an answer.
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::Protocol(_)
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed
            | sqlx::Error::InvalidSavePointStatement => Self::Unreachable(error),
            _ => match error.as_database_error() {
                Some(found) if found.is_unique_violation() => {
                    let name = found.constraint().unwrap_or_else(|| found.message());
                    Self::Conflict(name.into())
                }
                _ => Self::Database(error),
            },
        }
    }
}

/// Postgres: disk full; SQLite: full, or no room for the memory that its processes share.
fn is_full(code: &str) -> bool {
    code == "4874" || ["53100", "13"].contains(&&*plain(code))
}

/// Postgres: connection lost, shutting down, too many connections, deadlock, serialisation, a lock that
/// was waited for too long, a transaction that stood still for too long, a statement that was ended from
/// outside, one that may only read since another server has taken over, a server that is not ready, or
/// does not know the password or the database yet; SQLite: busy.
fn passes(code: &str) -> bool {
    const PASSING: [&str; 11] = [
        "25006", "25P03", "28P01", "3D000", "40001", "40P01", "53300", "55000", "55P03", "57014",
        "5",
    ];
    code.starts_with("08") || code.starts_with("57P") || PASSING.contains(&&*plain(code))
}

/// Postgres: classes 22 and 23, a value that its column does not take, or that a constraint forbids;
/// SQLite: too big, a constraint, another type than the column's.
fn is_of_the_data(code: &str) -> bool {
    let of_postgres = code.len() == 5 && (code.starts_with("22") || code.starts_with("23"));
    of_postgres || ["18", "19", "20"].contains(&&*plain(code))
}

/// A code without what SQLite's extended ones add to it: their last byte. Postgres's have five
/// characters, SQLite's fewer.
fn plain(code: &str) -> Cow<'_, str> {
    match code.parse::<u32>() {
        Ok(extended) if code.len() < 5 => (extended & 0xff).to_string().into(),
        _ => code.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extended_codes_of_sqlite_mean_what_the_plain_ones_do() {
        // Busy, and busy while another recovers or its snapshot is old; full, no room for shared memory.
        for (code, full, passing) in [
            ("5", false, true),
            ("261", false, true),
            ("517", false, true),
            ("13", true, false),
            ("4874", true, false),
            ("10", false, false),
            ("2067", false, false),
            ("53100", true, false),
            ("25P03", false, true),
            ("40001", false, true),
            ("55P03", false, true),
            ("23505", false, false),
            ("08006", false, true),
            ("57014", false, true),
            ("25006", false, true),
            ("55000", false, true),
            ("28P01", false, true),
            ("3D000", false, true),
        ] {
            assert_eq!((is_full(code), passes(code)), (full, passing), "{code}");
        }
    }

    #[test]
    fn only_what_a_value_is_at_fault_for_is_of_the_data() {
        // Of SQLite: too big, a constraint, one of its kinds, another type.
        for code in ["22P02", "22021", "23502", "23514", "18", "19", "1811", "2067", "20"] {
            assert!(is_of_the_data(code) && !passes(code), "{code}");
        }
        // No memory, a disk that fails, a fault of the server's, no right, no such column or table;
        // of SQLite: any error, a disk that fails, one that is full.
        let of_the_database =
            ["53200", "58030", "XX000", "42501", "42703", "42P01", "1", "10", "13"];
        for code in of_the_database {
            assert!(!is_of_the_data(code), "{code}");
        }
        assert!(StoreError::Conflict("a name".into()).is_of_the_data());
        assert!(StoreError::from(sqlx::Error::Decode("no number".into())).is_of_the_data());
        assert!(!StoreError::from(sqlx::Error::PoolTimedOut).is_of_the_data());
        assert!(!StoreError::from(sqlx::Error::ColumnNotFound("more".into())).is_of_the_data());
    }
}
