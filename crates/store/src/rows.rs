//! Rows as the database has them, for whoever compares or exports: no types of ours take part.

use serde_json::{Map, Value};
use sqlx::{AssertSqlSafe, SqlSafeStr};

use crate::call::{Call, Fetched};
use crate::{Db, StoreError};

/// All rows of a table, each as a JSON object by column. The name must be one of ours: letters,
/// digits and `_`.
pub async fn of_table(db: &Db, table: &'static str) -> Result<Vec<Map<String, Value>>, StoreError> {
    let columns = columns(db, table).await?;
    let pairs: Vec<_> = columns.iter().map(|column| pair(db, column)).collect();
    let make = if db.is_postgres() { "jsonb_build_object" } else { "json_object" };
    let cast = if db.is_postgres() { "::text" } else { "" };
    let text = format!("select {make}({}){cast} from {table} order by id", pairs.join(", "));
    let mut tx = db.read().await?;
    let call = Call::new(&tx, AssertSqlSafe(text).into_sql_str());
    let rows = call.fetch(&mut tx).await?;
    let found = || "what is no JSON".to_owned();
    let corrupt =
        |_| StoreError::Corrupt { table, column: "?", id: "a row".into(), found: found() };
    let read = |row: &Fetched| serde_json::from_str(&row.only::<String>()?).map_err(corrupt);
    rows.iter().map(read).collect()
}

/// A column by its name. Bytes and documents are left out: `raw` is compared by nobody.
fn pair(db: &Db, column: &str) -> String {
    match (column, db.is_postgres()) {
        ("raw", _) => "'raw', null".into(),
        _ => format!("'{column}', {column}"),
    }
}

async fn columns(db: &Db, table: &'static str) -> Result<Vec<String>, StoreError> {
    let text = if db.is_postgres() {
        format!(
            "select attname::text as name from pg_attribute \
             where attrelid = '{table}'::regclass and attnum > 0 and not attisdropped \
             order by attnum"
        )
    } else {
        format!("select name from pragma_table_info('{table}')")
    };
    let mut tx = db.read().await?;
    let call = Call::new(&tx, AssertSqlSafe(text).into_sql_str());
    let rows = call.fetch(&mut tx).await?;
    Ok(rows.iter().map(Fetched::only).collect::<Result<_, _>>()?)
}
