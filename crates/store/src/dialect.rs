//! What only one of the two databases can say, with its counterpart beside it.

use crate::Tx;
use crate::db::Inner;
use crate::sql::Statement;

/// How a `select` locks the rows it reads: until the end of the transaction, waiting for them or
/// passing over what others hold. SQLite has one writer, so there every row is locked already.
pub(crate) fn locks(tx: &Tx) -> (&'static str, &'static str) {
    match tx.inner {
        Inner::Postgres(..) => ("for update", "for update skip locked"),
        Inner::Sqlite(_) => ("", ""),
    }
}

/// What the database's own clock says, to the microsecond (on SQLite to the millisecond).
pub(crate) fn clock(tx: &Tx) -> &'static str {
    match tx.inner {
        Inner::Postgres(..) => "clock_timestamp()",
        Inner::Sqlite(_) => "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')",
    }
}

/// The schema's version, if there is a schema.
pub(crate) fn has_schema(tx: &Tx) -> Statement {
    let sql = match tx.inner {
        Inner::Postgres(..) => {
            "select count(*) from information_schema.tables \
             where table_name = 'schema_versions' and table_schema = current_schema()"
        }
        Inner::Sqlite(_) => "select count(*) from sqlite_master where name = 'schema_versions'",
    };
    Statement { sql, columns: "" }
}

/// Whether the server lets nobody write: a standby, or set to read only.
pub(crate) fn only_reads(tx: &Tx) -> Statement {
    let sql = match tx.inner {
        Inner::Postgres(..) => {
            "select pg_is_in_recovery() or current_setting('default_transaction_read_only') = 'on'"
        }
        // A file is not asked, but looked at.
        Inner::Sqlite(_) => "select false",
    };
    Statement { sql, columns: "" }
}

/// Keeps other replicas from migrating at the same moment, until the transaction ends. On SQLite the
/// transaction itself does.
pub(crate) const MIGRATION_LOCK: Statement =
    Statement { sql: "select pg_advisory_xact_lock(5787809)", columns: "" };
