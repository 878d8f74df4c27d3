//! What a statement and a row need so that both databases understand them.

use sqlx::{AssertSqlSafe, Decode, Row, SqlSafeStr, SqlStr, Type};

use crate::column::Column;
use crate::dialect;
use crate::{StoreError, Tx};

/// A statement that both databases speak. `{columns}` stands for the columns of the row it yields,
/// `{places}` and `{sets}` for their values in an `insert` and its `on conflict`,
/// `{lock}` and `{skip}` for what `dialect` says, `{rows}` and `{ids}` for as many as are given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Statement {
    pub(crate) sql: &'static str,
    pub(crate) columns: &'static str,
}

impl Statement {
    pub(crate) fn text(&self, tx: &Tx) -> SqlStr {
        if !self.sql.contains('{') {
            return self.sql.into_sql_str();
        }
        AssertSqlSafe(self.filled(tx)).into_sql_str()
    }

    fn filled(&self, tx: &Tx) -> String {
        let (lock, skip) = dialect::locks(tx);
        let places: Vec<_> = (1..=self.width()).map(|i| format!("${i}")).collect();
        // The first column is the key.
        let sets: Vec<_> = self
            .columns
            .split(", ")
            .skip(1)
            .map(|name| format!("{name} = excluded.{name}"))
            .collect();
        self.sql
            .replace("{columns}", self.columns)
            .replace("{places}", &places.join(", "))
            .replace("{sets}", &sets.join(", "))
            .replace("{lock}", lock)
            .replace("{skip}", skip)
    }

    fn width(&self) -> usize {
        self.columns.split(',').count()
    }

    /// With `{rows}` spelled out as `($1, $2), ($3, $4), …`.
    pub(crate) fn rows(&self, tx: &Tx, rows: usize) -> SqlStr {
        let width = self.width();
        let row = |row: usize| {
            let places: Vec<_> = (1..=width).map(|i| format!("${}", row * width + i)).collect();
            format!("({})", places.join(", "))
        };
        let rows: Vec<_> = (0..rows).map(row).collect();
        AssertSqlSafe(self.filled(tx).replace("{rows}", &rows.join(", "))).into_sql_str()
    }

    /// With `{ids}` spelled out as `$n, $n+1, …`, the first being `$first`.
    pub(crate) fn ids(&self, tx: &Tx, first: usize, count: usize) -> SqlStr {
        let places: Vec<_> = (first..first + count).map(|i| format!("${i}")).collect();
        AssertSqlSafe(self.filled(tx).replace("{ids}", &places.join(", "))).into_sql_str()
    }
}

/// Declares a module's statements, and lists them in `STATEMENTS` for the test that prepares all.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident $(: $row:ty)? = $sql:expr;)*) => {
        $(
            $(#[$doc])*
            const $name: $crate::sql::Statement = $crate::sql::Statement {
                sql: $sql,
                columns: $crate::sql::statements!(@columns $($row)?),
            };
        )*

        #[cfg(test)]
        pub(crate) const STATEMENTS: &[(&str, $crate::sql::Statement)] =
            &[$((concat!(module_path!(), "::", stringify!($name)), $name)),*];
    };
    (@columns $row:ty) => { <$row>::COLUMNS };
    (@columns) => { "" };
}
pub(crate) use statements;

/// Declares a row of a table, by the names of its columns, and how to read it on both databases.
macro_rules! row {
    (
        $(#[$doc:meta])*
        $vis:vis struct $row:ident in $table:literal by $key:ident: $id:ty {
            $($(#[$about:meta])* pub $field:ident $(= $column:literal)?: $type:ty,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        $vis struct $row {
            $($(#[$about])* pub $field: $type,)*
        }

        impl $row {
            pub(crate) const COLUMNS: &str = {
                const LIST: &str = concat!($($crate::sql::column!($field $($column)?), ", "),*);
                LIST.split_at(LIST.len() - 2).0
            };
        }

        impl<'r, R: sqlx::Row> sqlx::FromRow<'r, R> for $row
        where
            &'static str: sqlx::ColumnIndex<R>,
            <$id as $crate::column::Column>::Stored:
                std::fmt::Debug + sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
            $(<$type as $crate::column::Column>::Stored:
                sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,)*
        {
            fn from_row(row: &'r R) -> sqlx::Result<Self> {
                Ok(Self {
                    $($field: $crate::sql::read(row, $crate::sql::column!($field $($column)?)).map_err(|_| {
                        let id = row
                            .try_get::<<$id as $crate::column::Column>::Stored, _>(stringify!($key));
                        $crate::sql::corrupt($table, $crate::sql::column!($field $($column)?), id.ok())
                    })?,)*
                })
            }
        }
    };
}
pub(crate) use row;

/// The name of a column: that of its field, but where SQL has another use for the word.
macro_rules! column {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $column:literal) => {
        $column
    };
}
pub(crate) use column;

/// Reads one column.
pub(crate) fn read<'r, T, R>(row: &'r R, column: &'static str) -> sqlx::Result<T>
where
    R: Row,
    T: Column,
    &'static str: sqlx::ColumnIndex<R>,
    T::Stored: Decode<'r, R::Database> + Type<R::Database>,
{
    let stored = row.try_get::<T::Stored, _>(column)?;
    T::parse(stored).ok_or_else(|| sqlx::Error::ColumnNotFound(column.into()))
}

/// The error that travels through the driver as a decoding error and comes out as itself.
pub(crate) fn corrupt<I: std::fmt::Debug>(
    table: &'static str,
    column: &'static str,
    id: Option<I>,
) -> sqlx::Error {
    let id = id.map_or_else(|| "?".into(), |id| format!("{id:?}"));
    sqlx::Error::Decode(Box::new(StoreError::Corrupt { table, column, id }))
}

/// Declares an enum with the words by which its values are stored.
macro_rules! words {
    ($(#[$doc:meta])* pub enum $name:ident { $($(#[$about:meta])* $value:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$about])* $value,)*
        }

        impl $name {
            /// The word by which it is stored.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$value => $word,)*
                }
            }
        }

        impl $crate::column::Column for $name {
            type Stored = String;

            fn stored(&self) -> String {
                self.as_str().to_owned()
            }

            fn parse(stored: String) -> Option<Self> {
                match stored.as_str() {
                    $($word => Some(Self::$value),)*
                    _ => None,
                }
            }
        }
    };
}
pub(crate) use words;

/// Runs a statement, and answers how many rows it changed.
macro_rules! run {
    ($tx:expr, $statement:expr, [$($arg:expr),* $(,)?]) => {{
        let text = $statement.text($tx);
        $crate::db::on!($tx, db, lasts => sqlx::query(text)
            .persistent(lasts)
            $(.bind($crate::column::Column::stored(&$arg)))*
            .execute(db)
            .await?
            .rows_affected())
    }};
}
pub(crate) use run;

/// Reads at most one row.
macro_rules! one {
    ($tx:expr, $statement:expr, [$($arg:expr),* $(,)?]) => {{
        let text = $statement.text($tx);
        $crate::db::on!($tx, db, lasts => sqlx::query_as(text)
            .persistent(lasts)
            $(.bind($crate::column::Column::stored(&$arg)))*
            .fetch_optional(db)
            .await?)
    }};
}
pub(crate) use one;

/// Reads all rows.
macro_rules! all {
    ($tx:expr, $statement:expr, [$($arg:expr),* $(,)?]) => {{
        let text = $statement.text($tx);
        $crate::db::on!($tx, db, lasts => sqlx::query_as(text)
            .persistent(lasts)
            $(.bind($crate::column::Column::stored(&$arg)))*
            .fetch_all(db)
            .await?)
    }};
}
pub(crate) use all;

/// Reads one value of a row that is always there.
macro_rules! value {
    ($tx:expr, $type:ty, $statement:expr, [$($arg:expr),* $(,)?]) => {{
        let text = $statement.text($tx);
        let stored: <$type as $crate::column::Column>::Stored =
            $crate::db::on!($tx, db, lasts => sqlx::query_scalar(text)
                .persistent(lasts)
                $(.bind($crate::column::Column::stored(&$arg)))*
                .fetch_one(db)
                .await?);
        <$type as $crate::column::Column>::parse(stored)
            .ok_or($crate::StoreError::Corrupt { table: "?", column: "?", id: "?".into() })?
    }};
}
pub(crate) use value;
