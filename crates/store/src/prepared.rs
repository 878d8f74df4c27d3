//! Every statement, prepared on a freshly made schema of each database.

use sqlx::{AssertSqlSafe, Column, Executor, SqlSafeStr, SqlStr, Statement as _};

use crate::db::on;
use crate::sql::Statement;
use crate::{Db, Options, migrate_down, migrate_up};

const ALL: &[&[(&str, Statement)]] = &[
    crate::audit::STATEMENTS,
    crate::customers::STATEMENTS,
    crate::held::STATEMENTS,
    crate::idempotency::STATEMENTS,
    crate::inbox::STATEMENTS,
    crate::installation::STATEMENTS,
    crate::intents::STATEMENTS,
    crate::keys::STATEMENTS,
    crate::lanes::STATEMENTS,
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

async fn prepare(db: &Db, name: &str, statement: Statement) {
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
    let (taken, columns): (_, Vec<String>) = on!(tx, db, _lasts => {
        let prepared = db.prepare(sql).await.unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
        let taken = prepared.parameters().map_or(0, |it| match it {
            sqlx::Either::Left(types) => types.len(),
            sqlx::Either::Right(count) => count,
        });
        (taken, prepared.columns().iter().map(|column| column.name().to_owned()).collect())
    });
    assert_eq!(taken, expected, "{name}");
    let yields = statement.sql.starts_with("select {columns}")
        || statement.sql.ends_with("returning {columns}");
    if yields {
        let named = statement.columns.split(", ").collect::<Vec<_>>();
        assert_eq!(columns, named, "{name}");
    }
}

async fn prepare_all(db: &Db) {
    migrate_up(db).await.unwrap();
    for (name, statement) in ALL.iter().copied().flatten() {
        prepare(db, name, *statement).await;
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
    let Ok(server) = std::env::var("SPECIE_TEST_POSTGRES") else {
        eprintln!("skipped: SPECIE_TEST_POSTGRES names no server");
        return;
    };
    let name = format!("store_prepared_{}", std::process::id());
    let admin = sqlx::PgPool::connect(&server).await.unwrap();
    let create = AssertSqlSafe(format!("create database {name}")).into_sql_str();
    sqlx::raw_sql(create).execute(&admin).await.unwrap();
    let (address, _) = server.rsplit_once('/').unwrap();
    let db = Db::open(&format!("{address}/{name}"), Options::default()).await.unwrap();
    prepare_all(&db).await;
    migrate_down(&db, 0).await.unwrap();
    db.close().await;
    let drop = AssertSqlSafe(format!("drop database {name} with (force)")).into_sql_str();
    sqlx::raw_sql(drop).execute(&admin).await.unwrap();
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
