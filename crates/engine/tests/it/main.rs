//! Tests of the engine.

mod approvals;
mod billing;
mod ledger;
mod power;
