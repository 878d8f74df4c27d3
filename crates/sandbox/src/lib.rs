//! The stateful Stripe: a pure world with a thin HTTP skin.
//!
//! [`world`] and [`cards`] are plain data without I/O. Around them: a handle with a journal
//! ([`Sandbox`]), the HTTP router ([`Sandbox::router`]), the hosted pages, and the delivery of
//! webhooks ([`Sandbox::deliver`]).

pub mod cards;
pub mod world;

mod chaos;
mod deliver;
mod deliveries;
mod faults;
mod input;
mod journal;
mod local;
mod numbers;
mod pages;
mod sandbox;
mod serve;
mod skin;

pub use chaos::Chaos;
pub use deliveries::{Attempt, Outcome};
pub use faults::{Fault, Odds};
pub use journal::{Inspected, OpenError, Opened, inspect as inspect_journal};
pub use sandbox::{ActionError, Options, Sandbox, Unwritable};
pub use serve::{serve, webhook_transport};
