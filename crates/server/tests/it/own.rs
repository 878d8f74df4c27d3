//! A Postgres database of a test's own.

use specie_store::{Db, Options, raw};

use crate::house::House;

/// See above.
pub struct Own {
    server: String,
    name: String,
}

impl Own {
    /// None, if no server is named; a message says so.
    pub async fn make() -> Option<Self> {
        let Ok(server) = std::env::var("SPECIE_TEST_POSTGRES") else {
            eprintln!("skipped: SPECIE_TEST_POSTGRES names no server");
            return None;
        };
        let name = format!("house_{}", unique());
        admin(&server, format!("create database {name}")).await;
        Some(Self { server, name })
    }

    pub fn url(&self) -> String {
        let (address, _) = self.server.rsplit_once('/').unwrap();
        format!("{address}/{}", self.name)
    }

    pub async fn end(self, house: House) {
        house.app.db.close().await;
        admin(&self.server, format!("drop database {} with (force)", self.name)).await;
    }
}

/// Databases are neither made nor dropped within a transaction: the store's is ended first.
async fn admin(server: &str, sql: String) {
    let db = Db::open(server, Options::default()).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    raw(&mut tx, "commit").await.unwrap();
    raw(&mut tx, String::leak(sql)).await.unwrap();
    drop(tx);
    db.close().await;
}

/// A name that no other test has, in this run or a parallel one.
fn unique() -> String {
    let folder = tempfile::tempdir().unwrap();
    let name = folder.path().file_name().unwrap().to_string_lossy().to_lowercase();
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("{name}_{}", std::process::id())
}
