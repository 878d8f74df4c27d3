//! A Postgres database of a test's own.

use std::path::Path;

use specie_store::{Db, Options, raw};

use super::cluster::give;
use crate::left::Left;
use crate::place::Place;

/// See above.
pub struct Own {
    server: String,
    name: String,
}

impl Own {
    /// None, if no server is named; a message says so.
    pub fn make() -> Option<Self> {
        let Ok(server) = std::env::var("SPECIE_TEST_POSTGRES") else {
            eprintln!("skipped: SPECIE_TEST_POSTGRES names no server");
            return None;
        };
        Some(Self::on(server))
    }

    /// The same on a server that is named.
    pub fn on(server: String) -> Self {
        let own = Self::named(server);
        admin(&own.server, format!("create database {}", own.name));
        own
    }

    /// The same with all its tables in a folder that Postgres may write.
    pub fn on_disk(server: String, folder: &Path) -> Self {
        give(folder);
        let (own, folder) = (Self::named(server), folder.join("tables"));
        std::fs::create_dir(&folder).unwrap();
        give(&folder);
        admin(&own.server, format!("create tablespace small location '{}'", folder.display()));
        admin(&own.server, format!("create database {} tablespace small", own.name));
        own
    }

    fn named(server: String) -> Self {
        let folder = Place::new().path("").display().to_string().to_lowercase();
        let name: String = folder.chars().filter(char::is_ascii_alphanumeric).collect();
        Self { server, name: format!("force_{name}_{}", std::process::id()) }
    }

    /// Its address.
    pub fn url(&self) -> String {
        self.by(&self.server)
    }

    /// Its address through something that stands before the server.
    pub fn by(&self, way: &str) -> String {
        let (address, _) = way.rsplit_once('/').unwrap();
        format!("{address}/{}", self.name)
    }

    /// Drops it. A test that fails leaves it for whoever wants to look.
    pub fn drop(self) {
        if let Some(left) = Left::make() {
            left.dump(&self.url());
        }
        admin(&self.server, format!("drop database {} with (force)", self.name));
    }
}

/// Runs something that is no query of the store's.
pub fn on<T>(act: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(act)
}

/// Databases are neither made nor dropped within a transaction: the store's is ended first.
fn admin(server: &str, sql: String) {
    on(async {
        let db = Db::open(server, Options::default()).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        raw(&mut tx, "commit").await.unwrap();
        raw(&mut tx, String::leak(sql)).await.unwrap();
        drop(tx);
        db.close().await;
    });
}
