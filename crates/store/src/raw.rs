//! Statements of tests, which do what somebody who has the database could do behind our back.

use sqlx::SqlSafeStr;

use crate::call::{Call, Fetched};
use crate::pools::on;
use crate::{StoreError, Tx};

/// Runs a statement that no function of the store knows.
pub async fn raw(tx: &mut Tx, sql: &'static str) -> Result<u64, StoreError> {
    let sql = sql.into_sql_str();
    Ok(on!(tx, db => sqlx::raw_sql(sql).execute(db).await?.rows_affected()))
}

/// Reads the one column, of text, of such a statement.
pub async fn raw_texts(tx: &mut Tx, sql: &'static str) -> Result<Vec<String>, StoreError> {
    let rows = Call::new(tx, sql.into_sql_str()).fetch(tx).await?;
    Ok(rows.iter().map(Fetched::only).collect::<Result<_, _>>()?)
}
