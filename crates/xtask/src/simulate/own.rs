//! The database of one seed, which is there for that seed alone.

use anyhow::Context;
use specie_store::{Db, Options, raw};
use tempfile::TempDir;

/// See above.
pub enum Own {
    /// A SQLite file, taken away with its folder.
    File(TempDir),
    /// A database of a Postgres server.
    Of { server: String, name: String },
}

impl Own {
    /// Makes it: on the server that is named, or else a file.
    pub async fn make(server: Option<&str>, seed: u64) -> anyhow::Result<Self> {
        let Some(server) = server else {
            return Ok(Self::File(tempfile::tempdir().context("a folder for the database")?));
        };
        let name = format!("simulate_{}_{seed}", std::process::id());
        admin(server, format!("create database {name}")).await?;
        Ok(Self::Of { server: server.into(), name })
    }

    /// What opens it.
    pub fn address(&self) -> String {
        match self {
            Self::File(folder) => folder.path().join("specie.db").display().to_string(),
            Self::Of { server, name } => beside(server, name),
        }
    }

    /// Takes it away, whoever is still connected.
    pub async fn remove(self) -> anyhow::Result<()> {
        match self {
            Self::File(folder) => Ok(folder.close()?),
            Self::Of { server, name } => {
                admin(&server, format!("drop database {name} with (force)")).await
            }
        }
    }
}

/// The address of another database on the server that an address leads to, reached in the same way: what
/// stands behind `?` is how.
fn beside(server: &str, name: &str) -> String {
    let (address, how) = server.split_at(server.find('?').unwrap_or(server.len()));
    let host = address.find("://").map_or(0, |at| at + 3);
    let end = address[host..].find('/').map_or(address.len(), |at| host + at);
    format!("{}/{name}{how}", &address[..end])
}

/// Databases are neither made nor dropped within a transaction: the store's is ended first.
async fn admin(server: &str, sql: String) -> anyhow::Result<()> {
    let db = Db::open(server, Options::default()).await?;
    let mut tx = db.begin().await?;
    raw(&mut tx, "commit").await?;
    raw(&mut tx, String::leak(sql)).await?;
    drop(tx);
    db.close().await;
    Ok(())
}
