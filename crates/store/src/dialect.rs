//! What only one of the two databases can say, with its counterpart beside it.

use crate::Tx;
use crate::inbox::Added;
use crate::sql::Statement;

/// How a `select` locks the rows it reads: until the end of the transaction, waiting for them or
/// passing over what others hold. SQLite has one writer, so there every row is locked already.
pub(crate) fn locks(tx: &Tx) -> (&'static str, &'static str) {
    if tx.is_postgres() { ("for update", "for update skip locked") } else { ("", "") }
}

/// What the database's own clock says, to the microsecond (on SQLite to the millisecond).
pub(crate) fn clock(tx: &Tx) -> &'static str {
    if tx.is_postgres() { "clock_timestamp()" } else { "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')" }
}

/// The schema's version, if there is a schema.
pub(crate) fn has_schema(tx: &Tx) -> &'static Statement {
    static POSTGRES: Statement = Statement::new(
        "select count(*) from pg_class where oid = to_regclass('schema_versions')::oid",
        "",
    );
    static SQLITE: Statement =
        Statement::new("select count(*) from sqlite_master where name = 'schema_versions'", "");
    if tx.is_postgres() { &POSTGRES } else { &SQLITE }
}

/// Whether the server lets us write nothing: a standby, one set to read only, or a user without the
/// right to.
pub(crate) fn only_reads(tx: &Tx) -> &'static Statement {
    static POSTGRES: Statement = Statement::new(
        "select pg_is_in_recovery() or current_setting('default_transaction_read_only') = 'on' \
         or not coalesce(has_table_privilege(to_regclass('inbox')::oid, 'insert'), true)",
        "",
    );
    // A file is not asked, but looked at.
    static SQLITE: Statement = Statement::new("select false", "");
    if tx.is_postgres() { &POSTGRES } else { &SQLITE }
}

/// When the latest pass began that did not leave a lane restless: a list may name thousands of them,
/// and a day has more than a thousand lists.
pub(crate) fn confirmed(tx: &Tx) -> &'static Statement {
    static POSTGRES: Statement = Statement::new(
        "select began_at from watermarks where began_at >= $1 and not restless ? $2 \
         order by began_at desc limit 1",
        "",
    );
    static SQLITE: Statement = Statement::new(
        "select began_at from watermarks where began_at >= $1 \
         and not exists (select 1 from json_each(restless) where value = $2) \
         order by began_at desc limit 1",
        "",
    );
    if tx.is_postgres() { &POSTGRES } else { &SQLITE }
}

/// Keeps other replicas from migrating at the same moment, until the transaction ends. On SQLite the
/// transaction itself does.
pub(crate) static MIGRATION_LOCK: Statement =
    Statement::new("select pg_advisory_xact_lock(5787809)", "");

/// How long a transaction that may write waits for what others hold, and how long it may stand still
/// before the server ends it, so that nothing is held for ever by a process that is paused or cut off.
/// They are settings of a connection, where that is our own.
pub(crate) const LIMITS: [(&str, &str); 2] =
    [("lock_timeout", "5s"), ("idle_in_transaction_session_timeout", "30s")];

/// How such a transaction begins where its connection is another's afterwards: with the same limits, in
/// the one journey that the beginning costs anyway.
pub(crate) const BEGIN: &str = "begin; set local lock_timeout = '5s'; \
                                set local idle_in_transaction_session_timeout = '30s'";

/// From now on the transaction waits for what others hold, however long that takes.
pub(crate) static NO_LIMIT: Statement = Statement::new("set local lock_timeout = 0", "");

/// Keeps others from counting against a ceiling, until the transaction ends. On SQLite the one writer
/// does.
pub(crate) static CEILING_LOCK: Statement =
    Statement::new("select pg_advisory_xact_lock(5787810)", "");

/// Adds events, each column as one array: the text is the same for any number of them, and is planned
/// once.
pub(crate) static ADD_EVENTS: Statement = Statement::new(
    "insert into inbox ({columns}) select * from unnest($1::text[], $2::text[], $3::timestamptz[], \
     $4::text[], $5::text[], $6::boolean[], $7::text[], $8::text[], $9::text[], $10::bytea[], \
     $11::timestamptz[], $12::text[]) on conflict (id) do nothing",
    Added::COLUMNS,
);
