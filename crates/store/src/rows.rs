//! Rows as the database has them, for whoever compares or exports: no types of ours take part.

use serde_json::{Map, Value};
use sqlx::{AssertSqlSafe, Row, SqlSafeStr};

use crate::db::on;
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
    let texts: Vec<String> = on!(tx, db, lasts => {
        sqlx::query_scalar(AssertSqlSafe(text).into_sql_str()).persistent(lasts).fetch_all(db).await?
    });
    let corrupt = |_| StoreError::Corrupt { table, column: "?", id: "a row".into() };
    texts.iter().map(|text| serde_json::from_str(text).map_err(corrupt)).collect()
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
            "select column_name::text as name from information_schema.columns \
             where table_name = '{table}' and table_schema = current_schema() \
             order by ordinal_position"
        )
    } else {
        format!("select name from pragma_table_info('{table}')")
    };
    let mut tx = db.read().await?;
    Ok(on!(tx, db, lasts => {
        let query = sqlx::query(AssertSqlSafe(text).into_sql_str()).persistent(lasts);
        let rows = query.fetch_all(db).await?;
        rows.iter().map(|row| row.try_get::<String, _>("name")).collect::<Result<Vec<_>, _>>()?
    }))
}
