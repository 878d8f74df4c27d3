//! Flows over the real sandbox, in process, with one clock.
#![expect(clippy::unwrap_used, reason = "a test that cannot set the scene should fail")]

mod lifecycle;
mod set;
mod year;
