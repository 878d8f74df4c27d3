//! The binary as a stranger meets it: a process in a folder of its own.
#![expect(clippy::unwrap_used, reason = "a test that cannot set the scene should fail")]
#![expect(clippy::disallowed_methods, reason = "how long a real process takes is real time")]

mod approve;
mod audit;
mod catalog;
mod demo;
mod dev;
mod doctor;
mod events;
mod force;
mod help;
mod keys;
mod left;
mod new;
mod place;
mod plan;
mod record;
mod sandbox;
mod serve;
mod spec;
mod state;
mod stopping;
mod tutorial;
mod way;
mod web;
