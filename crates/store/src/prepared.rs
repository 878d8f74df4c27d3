//! Every statement, prepared on a freshly made schema of each database.

use sqlx::{AssertSqlSafe, Column, Executor, SqlSafeStr, SqlStr, Statement as _, TypeInfo};

use crate::own::Own;
use crate::pools::on;
use crate::sql::Statement;
use crate::{Db, Options, migrate_down, migrate_up};

static ALL: &[&[(&str, &Statement, &[&str])]] = &[
    crate::audit::STATEMENTS,
    crate::customers::STATEMENTS,
    crate::held::STATEMENTS,
    crate::idempotency::STATEMENTS,
    crate::inbox::STATEMENTS,
    crate::installation::STATEMENTS,
    crate::intents::STATEMENTS,
    crate::keys::STATEMENTS,
    crate::lanes::STATEMENTS,
    crate::leases::STATEMENTS,
    crate::looks::STATEMENTS,
    crate::mails::STATEMENTS,
    crate::migrations::STATEMENTS,
    crate::mirrors::checkout_sessions::STATEMENTS,
    crate::mirrors::customers::STATEMENTS,
    crate::mirrors::invoices::STATEMENTS,
    crate::mirrors::payment_methods::STATEMENTS,
    crate::mirrors::payments::STATEMENTS,
    crate::mirrors::prices::STATEMENTS,
    crate::mirrors::products::STATEMENTS,
    crate::mirrors::refunds::STATEMENTS,
    crate::mirrors::subscriptions::STATEMENTS,
    crate::outbox::STATEMENTS,
    crate::page_sessions::STATEMENTS,
    crate::price_versions::STATEMENTS,
    crate::quarantine::STATEMENTS,
    crate::replicas::STATEMENTS,
    crate::roots::STATEMENTS,
    crate::session_tokens::STATEMENTS,
    crate::slots::STATEMENTS,
    crate::watermarks::STATEMENTS,
    crate::wishes::STATEMENTS,
];

/// The places that a text names: how many, if it names them all.
fn places(text: &str) -> Result<usize, usize> {
    let numbers = text.split('$').skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest[..end].parse::<usize>().unwrap()
    });
    let numbers: std::collections::BTreeSet<_> = numbers.collect();
    let most = numbers.last().copied().unwrap_or(0);
    if numbers.len() == most { Ok(most) } else { Err(most) }
}

/// The type of a column from which a row's field is read: on Postgres, and on SQLite.
fn column_types(field: &str) -> (&'static str, &'static str) {
    // A type that has been through two macros has spaces around its colons.
    let field = field.replace(' ', "");
    let inner = field.strip_prefix("Option<").and_then(|rest| rest.strip_suffix('>'));
    let plain = inner.unwrap_or(&field).rsplit("::").next().unwrap();
    match plain {
        "WallTime" | "BusinessTime" => ("TIMESTAMPTZ", "TEXT"),
        "Uuid" | "PayerId" | "IntentId" => ("UUID", "TEXT"),
        "i64" => ("INT8", "INTEGER"),
        "bool" => ("BOOL", "INTEGER"),
        "Value" => ("JSONB", "TEXT"),
        "Vec<u8>" => ("BYTEA", "BLOB"),
        // Ids of Stripe's, currencies, and our enums by their words.
        _ => ("TEXT", "TEXT"),
    }
}

async fn prepare(db: &Db, name: &str, statement: &Statement, types: &[&str]) {
    let tx = &mut db.begin().await.unwrap();
    let text: SqlStr = if statement.sql.contains("{rows}") {
        statement.rows(tx, 2)
    } else {
        let first = places(statement.sql).unwrap() + 1;
        statement.ids(tx, first, 2)
    };
    let text = text.as_str().to_owned();
    let expected = places(&text).unwrap_or_else(|_| panic!("{name} leaves a place out: {text}"));
    assert!(!text.contains('{'), "{name} has something unfilled: {text}");

    let sql = AssertSqlSafe(text.clone()).into_sql_str();
    let (taken, columns, found): (_, Vec<String>, Vec<String>) = on!(tx, db => {
        let prepared = db.prepare(sql).await.unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
        let taken = prepared.parameters().map_or(0, |it| match it {
            sqlx::Either::Left(types) => types.len(),
            sqlx::Either::Right(count) => count,
        });
        let names = prepared.columns().iter().map(|column| column.name().to_owned()).collect();
        let found = prepared.columns().iter().map(|column| column.type_info().name().to_owned());
        (taken, names, found.collect())
    });
    assert_eq!(taken, expected, "{name}");
    let yields = statement.sql.starts_with("select {columns}")
        || statement.sql.ends_with("returning {columns}");
    if yields {
        let named = statement.columns.split(", ").collect::<Vec<_>>();
        assert_eq!(columns, named, "{name}");
        assert_eq!(types.len(), named.len(), "{name}");
        for ((column, found), field) in columns.iter().zip(found).zip(types) {
            let (postgres, sqlite) = column_types(field);
            let wanted = if db.is_postgres() { postgres } else { sqlite };
            assert_eq!(found, wanted, "{name}: `{column}` is read as `{field}`");
        }
    }
}

async fn prepare_all(db: &Db) {
    migrate_up(db).await.unwrap();
    for (name, statement, types) in ALL.iter().copied().flatten() {
        prepare(db, name, statement, types).await;
    }
}

#[tokio::test]
async fn every_statement_is_prepared_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("specie.db");
    let db = Db::open(path.to_str().unwrap(), Options::default()).await.unwrap();
    prepare_all(&db).await;
}

#[tokio::test]
async fn every_statement_is_prepared_on_postgres() {
    let Some(own) = Own::for_test("prepared").await.unwrap() else { return };
    let db = Db::open(&own.url(), Options::default()).await.unwrap();
    prepare_all(&db).await;
    migrate_down(&db, 0).await.unwrap();
    db.close().await;
    own.remove().await.unwrap();
}

/// A module that declares statements and is not listed above would go unprepared.
#[test]
fn every_module_with_statements_is_listed() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut modules = 0;
    for folder in [folder.clone(), folder.join("mirrors")] {
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            let text =
                if path.is_file() { std::fs::read_to_string(path).unwrap() } else { continue };
            let declares = |line: &str| line == "statements! {" || line == "mirror! {";
            modules += usize::from(text.lines().any(declares));
        }
    }
    assert_eq!(modules, ALL.len());
}
