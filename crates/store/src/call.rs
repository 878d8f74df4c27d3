//! A statement on its way to the database. All that depends on a driver is compiled here, once: the
//! futures are boxed, so that whoever awaits a function of the store does not compile a driver too.

use std::future::Future;
use std::pin::Pin;

use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArguments, PgHasArrayType, PgRow};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments, Decode, Encode, Postgres, Row, SqlStr, Sqlite, Type};

use crate::column::{Column, Id};
use crate::link::Waiting;
use crate::pools::Inner;
use crate::{StoreError, Tx};

/// What the database answers, later.
pub(crate) type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// What both drivers can write and read.
pub(crate) trait Stored:
    for<'q> Encode<'q, Postgres>
    + for<'q> Encode<'q, Sqlite>
    + for<'r> Decode<'r, Postgres>
    + for<'r> Decode<'r, Sqlite>
    + Type<Postgres>
    + Type<Sqlite>
    + 'static
{
}

impl<T> Stored for T where
    T: for<'q> Encode<'q, Postgres>
        + for<'q> Encode<'q, Sqlite>
        + for<'r> Decode<'r, Postgres>
        + for<'r> Decode<'r, Sqlite>
        + Type<Postgres>
        + Type<Sqlite>
        + 'static
{
}

/// So many characters of what should not be there are told.
const TOLD: usize = 40;

/// A statement with its values.
pub(crate) struct Call {
    text: SqlStr,
    values: Values,
    /// The first value that could not be written.
    wrong: Option<BoxDynError>,
}

enum Values {
    Postgres(PgArguments),
    Sqlite(SqliteArguments),
}

impl Call {
    /// A statement for the database on which `tx` is open.
    pub(crate) fn new(tx: &Tx, text: SqlStr) -> Self {
        let values = match tx.inner {
            Inner::Postgres(..) => Values::Postgres(PgArguments::default()),
            Inner::Sqlite(_) => Values::Sqlite(SqliteArguments::default()),
        };
        Self { text, values, wrong: None }
    }

    /// Its next value.
    pub(crate) fn bind<T: Column>(self, value: &T) -> Self {
        self.add(value.stored())
    }

    /// Its next value on Postgres: an array with a value of each row.
    pub(crate) fn bind_all<'a, R, T: Column>(
        mut self,
        rows: &'a [&R],
        value: impl Fn(&'a R) -> T,
    ) -> Self
    where
        T::Stored: PgHasArrayType,
    {
        let added = match &mut self.values {
            Values::Postgres(values) => {
                values.add(rows.iter().map(|row| value(row).stored()).collect::<Vec<_>>())
            }
            Values::Sqlite(_) => Err("SQLite has no arrays".into()),
        };
        self.wrong = self.wrong.or(added.err());
        self
    }

    fn add<T: Stored>(mut self, value: T) -> Self {
        let added = match &mut self.values {
            Values::Postgres(values) => values.add(value),
            Values::Sqlite(values) => values.add(value),
        };
        self.wrong = self.wrong.or(added.err());
        self
    }

    /// Runs it, and answers how many rows it changed.
    pub(crate) fn execute(self, tx: &mut Tx) -> Answer<'_, u64> {
        Box::pin(async move {
            Ok(match self.split(tx)? {
                Ready::Postgres((db, waiting), lasts, text, values) => {
                    let query = sqlx::query_with(text, values).persistent(lasts);
                    waiting.for_answer(query.execute(db)).await?.rows_affected()
                }
                Ready::Sqlite(db, text, values) => {
                    sqlx::query_with(text, values).execute(db).await?.rows_affected()
                }
            })
        })
    }

    /// All rows that it yields.
    pub(crate) fn fetch(self, tx: &mut Tx) -> Answer<'_, Vec<Fetched>> {
        Box::pin(async move {
            Ok(match self.split(tx)? {
                Ready::Postgres((db, waiting), lasts, text, values) => {
                    let query = sqlx::query_with(text, values).persistent(lasts);
                    let rows = waiting.for_answer(query.fetch_all(db)).await?;
                    rows.into_iter().map(Fetched::Postgres).collect()
                }
                Ready::Sqlite(db, text, values) => {
                    let rows = sqlx::query_with(text, values).fetch_all(db).await?;
                    rows.into_iter().map(Fetched::Sqlite).collect()
                }
            })
        })
    }

    fn split(self, tx: &mut Tx) -> Result<Ready<'_>, StoreError> {
        if let Some(wrong) = self.wrong {
            return Err(sqlx::Error::Encode(wrong).into());
        }
        Ok(match (&mut tx.inner, self.values) {
            (Inner::Postgres(db, lasts), Values::Postgres(values)) => {
                Ready::Postgres(db.parts(), *lasts, self.text, values)
            }
            (Inner::Sqlite(db), Values::Sqlite(values)) => Ready::Sqlite(db, self.text, values),
            _ => return Err(sqlx::Error::Protocol("another database's values".into()).into()),
        })
    }
}

enum Ready<'a> {
    /// And whether the statement stays prepared.
    Postgres((&'a mut sqlx::PgConnection, Waiting<'a>), bool, SqlStr, PgArguments),
    Sqlite(&'a mut sqlx::SqliteConnection, SqlStr, SqliteArguments),
}

/// A row, as either database gives it.
pub(crate) enum Fetched {
    Postgres(PgRow),
    Sqlite(SqliteRow),
}

impl Fetched {
    /// A column as it is stored.
    pub(crate) fn stored<T: Stored>(&self, column: &str) -> sqlx::Result<T> {
        match self {
            Self::Postgres(row) => row.try_get(column),
            Self::Sqlite(row) => row.try_get(column),
        }
    }

    /// The only column, as it is stored.
    pub(crate) fn only<T: Stored>(&self) -> sqlx::Result<T> {
        match self {
            Self::Postgres(row) => row.try_get(0),
            Self::Sqlite(row) => row.try_get(0),
        }
    }

    /// What stands in a column that is no value of ours, for a person: its beginning, or that it is
    /// not told.
    pub(crate) fn told<T: Column>(&self, column: &'static str) -> String {
        match self.text(column) {
            _ if !T::TOLD => "what cannot be read".into(),
            Ok(None) => "nothing".into(),
            Ok(Some(text)) => format!("`{}`", text.chars().take(TOLD).collect::<String>()),
            Err(_) => "a value of another type".into(),
        }
    }

    /// A key, as text; `?`, if it is not there.
    pub(crate) fn key(&self, column: &'static str) -> String {
        let text = self.text(column).ok().flatten();
        let id = || self.stored::<Id>(column).ok().map(|Id(id)| id.to_string());
        text.or_else(id).unwrap_or_else(|| "?".into())
    }

    fn text(&self, column: &'static str) -> sqlx::Result<Option<String>> {
        match self {
            Self::Postgres(row) => row.try_get(column),
            Self::Sqlite(row) => row.try_get_unchecked(column),
        }
    }

    /// A column as a value of ours.
    pub(crate) fn read<T: Column>(&self, column: &'static str) -> sqlx::Result<T> {
        let stored = self.stored(column)?;
        T::parse(stored).ok_or_else(|| sqlx::Error::ColumnNotFound(column.into()))
    }
}

/// What a row of ours is read from.
pub(crate) trait FromFetched: Sized {
    fn from_fetched(row: &Fetched) -> sqlx::Result<Self>;
}

/// A row of one text.
impl FromFetched for (String,) {
    fn from_fetched(row: &Fetched) -> sqlx::Result<Self> {
        Ok((row.only()?,))
    }
}

/// Reads all of several rows.
pub(crate) fn read_all<T: FromFetched>(rows: &[Fetched]) -> sqlx::Result<Vec<T>> {
    rows.iter().map(T::from_fetched).collect()
}
