//! The service: what comes in over HTTP, what is done about it, and what goes out.
//!
//! `routes` and `pages` parse and call one function of `commands` or `reads`. `ingest` stores what
//! Stripe sends; `lanes` find out what is true and let `billing` decide; `intents` carry changes to
//! Stripe; `outbox` carries what was decided to the outside.

pub mod account;
pub mod alarms;
pub mod anchor;
pub mod api_keys;
pub mod app;
pub mod catalog;
pub mod commands;
pub mod digest;
pub mod error;
pub mod events;
pub mod explain;
mod fresh;
mod gist;
pub mod ingest;
pub mod intents;
mod kept;
pub mod lanes;
pub mod mail;
mod meter;
mod once;
pub mod outbox;
pub mod payers;
pub mod quiet;
pub mod rates;
pub mod reads;
pub mod runner;
pub mod smtp;
pub mod trail;
mod translate;
pub mod turns;
pub mod views;
pub mod watermark;

pub mod auth;
pub mod dev;
pub mod pages;
pub mod routes;

pub use app::{App, AppParts, Dev, Jump, Patience, Settings, TimeMachine};
pub use error::ApiError;
pub use smtp::{Mailer, Smtp};
