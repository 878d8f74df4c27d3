//! A Postgres database that is there for one test, or for one seed of a simulation.

use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};

use crate::StoreError;
use crate::open::{address_of, connected};

/// A database of somebody's own. It stays until it is removed: a test that fails leaves it for whoever
/// wants to look.
pub struct Own {
    server: String,
    name: String,
}

impl Own {
    /// One for a test, on the server that is named for tests. None, if none is; a message says so.
    pub async fn for_test(what: &str) -> Result<Option<Self>, StoreError> {
        let Ok(server) = std::env::var("SPECIE_TEST_POSTGRES") else {
            eprintln!("skipped: SPECIE_TEST_POSTGRES names no server");
            return Ok(None);
        };
        Self::on(&server, what, "").await.map(Some)
    }

    /// One on a server, with these options of `create database`. Its name begins with `what`, and no
    /// other has it, in this run or a parallel one.
    pub async fn on(server: &str, what: &str, options: &str) -> Result<Self, StoreError> {
        let mut admin = admin(server).await?;
        // In one message: a pooler may take the connection away between two.
        let id = sqlx::raw_sql("select replace(gen_random_uuid()::text, '-', '')");
        let id: String = id.fetch_one(&mut admin).await?.try_get(0)?;
        let own = Self { server: server.into(), name: format!("{what}_{id}") };
        let create = AssertSqlSafe(format!("create database {} {options}", own.name));
        sqlx::raw_sql(create).execute(&mut admin).await?;
        admin.close().await?;
        Ok(own)
    }

    /// What opens it.
    pub fn url(&self) -> String {
        self.by(&self.server)
    }

    /// The same through something that stands before the server.
    pub fn by(&self, way: &str) -> String {
        beside(way, &self.name)
    }

    /// Takes it away, whoever is still connected.
    pub async fn remove(self) -> Result<(), StoreError> {
        run(&self.server, &format!("drop database {} with (force)", self.name)).await
    }
}

/// Runs on a server what is never run within a transaction.
pub async fn run(server: &str, sql: &str) -> Result<(), StoreError> {
    let mut admin = admin(server).await?;
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut admin).await?;
    Ok(admin.close().await?)
}

async fn admin(server: &str) -> Result<PgConnection, StoreError> {
    Ok(connected(&address_of(server)?).await?)
}

/// The address of another database on the server that an address leads to, reached in the same way: what
/// stands behind `?` is how.
fn beside(server: &str, name: &str) -> String {
    let (address, how) = server.split_at(server.find('?').unwrap_or(server.len()));
    let host = address.find("://").map_or(0, |at| at + 3);
    let end = address[host..].find('/').map_or(address.len(), |at| host + at);
    format!("{}/{name}{how}", &address[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_database_is_reached_in_the_same_way() {
        for (server, found) in [
            ("postgres://u:p@host:5432/postgres", "postgres://u:p@host:5432/own"),
            ("postgres://host", "postgres://host/own"),
            ("postgres://host/?sslmode=disable", "postgres://host/own?sslmode=disable"),
            ("postgres://host/a?host=/run/pg", "postgres://host/own?host=/run/pg"),
            ("postgres://host?application_name=a/b", "postgres://host/own?application_name=a/b"),
        ] {
            assert_eq!(beside(server, "own"), found, "{server}");
        }
    }
}
