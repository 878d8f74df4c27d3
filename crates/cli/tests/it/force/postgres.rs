//! A Postgres database of a test's own.

use std::path::Path;

use specie_store::own::{self, Own as Database};

use super::cluster::give;
use crate::left::Left;

/// See above.
pub struct Own(Database);

impl Own {
    /// None, if no server is named; a message says so.
    pub fn make() -> Option<Self> {
        on(Database::for_test("force")).unwrap().map(Self)
    }

    /// The same on a server that is named.
    pub fn on(server: &str) -> Self {
        Self(on(Database::on(server, "force", "")).unwrap())
    }

    /// The same with all its tables in a folder that Postgres may write.
    pub fn on_disk(server: &str, folder: &Path) -> Self {
        give(folder);
        let folder = folder.join("tables");
        std::fs::create_dir(&folder).unwrap();
        give(&folder);
        let space = format!("create tablespace small location '{}'", folder.display());
        on(own::run(server, &space)).unwrap();
        Self(on(Database::on(server, "force", "tablespace small")).unwrap())
    }

    /// Its address.
    pub fn url(&self) -> String {
        self.0.url()
    }

    /// Its address through something that stands before the server.
    pub fn by(&self, way: &str) -> String {
        self.0.by(way)
    }

    /// Drops it. A test that fails leaves it for whoever wants to look.
    pub fn drop(self) {
        if let Some(left) = Left::make() {
            left.dump(&self.url());
        }
        on(self.0.remove()).unwrap();
    }
}

/// Runs something to its end.
pub fn on<T>(act: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(act)
}
