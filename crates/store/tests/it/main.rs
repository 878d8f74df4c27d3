//! What the store does: on SQLite always, and on Postgres where `SPECIE_TEST_POSTGRES` names a server.
#![expect(clippy::unwrap_used, reason = "a test that cannot set the scene should fail")]

mod ends;
mod files;
mod histories;
mod intents;
mod machinery;
mod mirrors;
mod payers;
mod roots;
mod scene;
mod schema;
mod trail;
mod work;
