//! Tests of the engine.

#![expect(clippy::unwrap_used, reason = "a test that cannot set the scene should fail")]

mod accounts;
mod approvals;
mod billing;
mod checking;
mod ledger;
mod power;
mod sync;
mod words;
