//! A Postgres database that is there for one test, or for one seed of a simulation.

use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};

use crate::open::{address_of, connected};
use crate::{Db, Options, StoreError, migrate_up, migrations};

/// A database of somebody's own. It stays until it is removed: a test that fails leaves it for whoever
/// wants to look.
pub struct Own {
    server: String,
    name: String,
}

impl Own {
    /// One for a test, with the newest schema, on the server that is named for tests. None, if none is;
    /// a message says so.
    pub async fn for_test(what: &str) -> Result<Option<Self>, StoreError> {
        let Ok(server) = std::env::var("SPECIE_TEST_POSTGRES") else {
            eprintln!("skipped: SPECIE_TEST_POSTGRES names no server");
            return Ok(None);
        };
        Self::migrated(&server, what).await.map(Some)
    }

    /// One with the newest schema: a copy of one that stays on the server, since making the schema
    /// takes longer than all that is around it.
    pub async fn migrated(server: &str, what: &str) -> Result<Self, StoreError> {
        let mut admin = admin(server).await?;
        let pattern = format!("specie_{:016x}", migrations::fingerprint());
        let known = format!("select count(*) from pg_database where datname = '{pattern}'");
        if ask::<i64>(&mut admin, known).await? == 0 {
            make(server, &pattern).await?;
        }
        // Servers before 15 copy files whatever they are told, and are told nothing.
        let files = "select case when current_setting('server_version_num')::int >= 150000 \
                     then 'strategy file_copy' else '' end";
        let files: String = ask(&mut admin, files.into()).await?;
        Self::create(admin, server, what, &format!("template {pattern} {files}")).await
    }

    /// An empty one on a server, with these options of `create database`.
    pub async fn on(server: &str, what: &str, options: &str) -> Result<Self, StoreError> {
        Self::create(admin(server).await?, server, what, options).await
    }

    /// Its name begins with `what`, and no other has it, in this run or a parallel one.
    async fn create(
        mut admin: PgConnection,
        server: &str,
        what: &str,
        options: &str,
    ) -> Result<Self, StoreError> {
        let id = "select replace(gen_random_uuid()::text, '-', '')";
        let id: String = ask(&mut admin, id.into()).await?;
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

/// Makes a database with the newest schema under this name, unless another was faster.
async fn make(server: &str, name: &str) -> Result<(), StoreError> {
    let own = Own::on(server, "specie_new", "").await?;
    let db = Db::open(&own.url(), Options::default()).await?;
    let made = migrate_up(&db).await;
    db.close().await;
    made?;
    let rename = format!("alter database {} rename to {name}", own.name);
    match run(server, &rename).await {
        Err(error) if is_taken(&error) => own.remove().await,
        done => done,
    }
}

/// Whether there is a database of this name: `duplicate_database`, or what stands behind it.
fn is_taken(error: &StoreError) -> bool {
    matches!(error, StoreError::Conflict(_)) || error.code().as_deref() == Some("42P04")
}

/// One value, in one message: a pooler may take the connection away between two.
async fn ask<T>(admin: &mut PgConnection, sql: String) -> Result<T, StoreError>
where
    T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    Ok(sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(admin).await?.try_get(0)?)
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
