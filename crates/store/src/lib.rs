//! Every line of SQL, for both databases: SQLite in the binary, Postgres by address.
//!
//! A function takes an open transaction ([`Tx`]) and plain values. Its statement is written once, in
//! the SQL that both databases speak; what only one of them can do lies in `dialect` with its
//! counterpart beside it, and the column types differ only in `migrations/`.

mod call;
mod column;
mod db;
mod dialect;
mod error;
mod link;
mod lock;
mod migrations;
mod open;
mod pools;
#[cfg(test)]
mod prepared;
mod raw;
mod sql;

pub mod audit;
pub mod customers;
pub mod held;
pub mod idempotency;
pub mod inbox;
pub mod installation;
pub mod intents;
pub mod keys;
pub mod lanes;
pub mod leases;
pub mod looks;
pub mod mails;
pub mod mirrors;
pub mod outbox;
#[doc(hidden)]
pub mod own;
pub mod page_sessions;
pub mod price_versions;
pub mod quarantine;
pub mod replicas;
pub mod roots;
pub mod rows;
pub mod session_tokens;
pub mod slots;
pub mod watermarks;
pub mod wishes;

pub use db::{Db, Fate, Gate, Options, Tx};
pub use error::StoreError;
pub use lock::beside;
pub use migrations::{Status, migrate_down, migrate_up, migration_status};
#[doc(hidden)]
pub use raw::{raw, raw_texts};
