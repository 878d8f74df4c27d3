//! Every line of SQL, for both databases: SQLite in the binary, Postgres by address.
//!
//! A function takes an open transaction ([`Tx`]) and plain values. Its statement is written once, in
//! the SQL that both databases speak; what only one of them can do lies in `dialect` with its
//! counterpart beside it, and the column types differ only in `migrations/`.

mod column;
mod db;
mod dialect;
mod error;
mod lock;
mod migrations;
mod sql;

pub mod customers;
pub mod held;
pub mod inbox;
pub mod intents;
pub mod lanes;
pub mod mirrors;
pub mod slots;
pub mod wishes;

pub use db::{Db, Options, Tx};
pub use error::StoreError;
pub use migrations::{Status, migrate_down, migrate_up, migration_status};
