//! The doors of the service, over its routers, with a Stripe that is away: whatever is answered
//! here was decided before Stripe was asked. What the database has no part in runs on SQLite alone.
#![expect(clippy::unwrap_used, reason = "a test that cannot set the scene should fail")]

mod api;
mod dev;
mod house;
mod mails;
mod no_database;
mod pages;
mod post;
mod refusals;
mod watch;
mod webhook;
