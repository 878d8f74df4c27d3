//! What a statement and a row need so that both databases understand them.

use std::sync::OnceLock;

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use crate::dialect;
use crate::{StoreError, Tx};

/// A statement that both databases speak. `{columns}` stands for the columns of the row it yields,
/// `{places}` and `{sets}` for their values in an `insert` and its `on conflict`,
/// `{lock}`, `{skip}` and `{now}` for what `dialect` says, `{rows}` and `{ids}` for as many as are given.
#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) sql: &'static str,
    pub(crate) columns: &'static str,
    /// What was filled in, once for each database.
    texts: [OnceLock<String>; 2],
}

impl Statement {
    pub(crate) const fn new(sql: &'static str, columns: &'static str) -> Self {
        Self { sql, columns, texts: [const { OnceLock::new() }; 2] }
    }

    pub(crate) fn text(&'static self, tx: &Tx) -> SqlStr {
        self.filled(tx).into_sql_str()
    }

    fn filled(&self, tx: &Tx) -> &str {
        self.texts[usize::from(tx.is_postgres())].get_or_init(|| self.fill(tx))
    }

    fn fill(&self, tx: &Tx) -> String {
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
            .replace("{now}", dialect::clock(tx))
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
            static $name: $crate::sql::Statement =
                $crate::sql::Statement::new($sql, $crate::sql::statements!(@columns $($row)?));
        )*

        #[cfg(test)]
        pub(crate) static STATEMENTS: &[(&str, &$crate::sql::Statement, &[&str])] = &[$((
            concat!(module_path!(), "::", stringify!($name)),
            &$name,
            $crate::sql::statements!(@types $($row)?),
        )),*];
    };
    (@columns $row:ty) => { <$row>::COLUMNS };
    (@columns) => { "" };
    (@types $row:ty) => { <$row>::TYPES };
    (@types) => { &[] };
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
            /// The type that each column is read as.
            #[cfg(test)]
            pub(crate) const TYPES: &[&str] = &[$(stringify!($type)),*];
        }

        impl $crate::call::FromFetched for $row {
            fn from_fetched(row: &$crate::call::Fetched) -> sqlx::Result<Self> {
                Ok(Self {
                    $($field: row.read($crate::sql::column!($field $($column)?)).map_err(|_| {
                        let column = $crate::sql::column!($field $($column)?);
                        let found = row.told::<$type>(column);
                        $crate::sql::corrupt($table, column, row.key(stringify!($key)), found)
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

/// The error that travels through the driver as a decoding error and comes out as itself.
pub(crate) fn corrupt(
    table: &'static str,
    column: &'static str,
    id: String,
    found: String,
) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(StoreError::Corrupt { table, column, id, found }))
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

/// A statement with its values.
macro_rules! call {
    ($tx:expr, $statement:expr, [$($arg:expr),* $(,)?]) => {{
        let text = $statement.text($tx);
        $crate::call::Call::new($tx, text)$(.bind(&$arg))*
    }};
}
pub(crate) use call;

/// Runs a statement, and answers how many rows it changed.
macro_rules! run {
    ($tx:expr, $statement:expr, [$($arg:expr),* $(,)?]) => {
        $crate::sql::call!($tx, $statement, [$($arg),*]).execute($tx).await?
    };
}
pub(crate) use run;

/// Reads the rows that can be read, and names the others.
macro_rules! readable {
    ($tx:expr, $statement:expr, [$($arg:expr),* $(,)?]) => {
        $crate::sql::readable!($tx, $crate::sql::call!($tx, $statement, [$($arg),*]))
    };
    ($tx:expr, $call:expr) => {{
        let rows = $call.fetch($tx).await?;
        let (mut read, mut unreadable) = (Vec::new(), Vec::new());
        for row in &rows {
            match $crate::call::FromFetched::from_fetched(row) {
                Ok(row) => read.push(row),
                Err(error) => unreadable.push($crate::StoreError::from(error)),
            }
        }
        (read, unreadable)
    }};
}
pub(crate) use readable;

/// Reads at most one row.
macro_rules! one {
    ($tx:expr, $statement:expr, [$($arg:expr),* $(,)?]) => {{
        let rows = $crate::sql::call!($tx, $statement, [$($arg),*]).fetch($tx).await?;
        rows.first().map($crate::call::FromFetched::from_fetched).transpose()?
    }};
}
pub(crate) use one;

/// Reads all rows.
macro_rules! all {
    ($tx:expr, $statement:expr, [$($arg:expr),* $(,)?]) => {
        $crate::call::read_all(
            &$crate::sql::call!($tx, $statement, [$($arg),*]).fetch($tx).await?,
        )?
    };
}
pub(crate) use all;

/// Reads one value of a row that may not be there.
macro_rules! found {
    ($tx:expr, $type:ty, $statement:expr, [$($arg:expr),* $(,)?]) => {{
        let rows = $crate::sql::call!($tx, $statement, [$($arg),*]).fetch($tx).await?;
        match rows.first() {
            None => None,
            Some(row) => {
                let value = <$type as $crate::column::Column>::parse(row.only()?);
                Some(value.ok_or_else(|| $crate::StoreError::Corrupt {
                    table: "?",
                    column: "?",
                    id: "?".into(),
                    found: "a value of another type".into(),
                })?)
            }
        }
    }};
}
pub(crate) use found;

/// Reads one value of a row that is always there.
macro_rules! value {
    ($tx:expr, $type:ty, $statement:expr, [$($arg:expr),* $(,)?]) => {
        $crate::sql::found!($tx, $type, $statement, [$($arg),*]).ok_or(sqlx::Error::RowNotFound)?
    };
}
pub(crate) use value;
