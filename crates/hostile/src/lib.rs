//! What strangers send: inputs for each reader of bytes, and what must hold whatever they are.
//!
//! A [`Target`] is one reader. The property tests of this crate and the driver in `fuzz/` run the
//! same bodies: a body panics when something does not hold.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use specie_sandbox::{Options, Sandbox};
use specie_vocab::{ManualClock, Secret};

pub mod mutate;

mod catalog;
mod cursor;
mod expand;
mod form;
mod journal;
mod jwt;
mod numbers;
mod routing;
mod signature;

/// One reader of bytes that come from outside.
pub struct Target {
    /// Its name, for whoever runs it.
    pub name: &'static str,
    /// Good inputs, and bad ones that were found: what is changed at random.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// What is put into inputs, because the reader looks for it.
    pub words: &'static [&'static str],
    /// Reads the bytes. Panics when something that must hold does not.
    pub run: fn(&[u8]),
    /// Inputs of about so many bytes that would cost a careless reader the square of it.
    pub grown: fn(usize) -> Vec<Vec<u8>>,
}

/// All of them, by name.
pub const TARGETS: [Target; 9] = [
    catalog::TARGET,
    cursor::TARGET,
    expand::TARGET,
    form::TARGET,
    journal::TARGET,
    jwt::TARGET,
    numbers::TARGET,
    routing::TARGET,
    signature::TARGET,
];

/// The target of this name.
pub fn target(name: &str) -> Option<&'static Target> {
    const { &TARGETS }.iter().find(|target| target.name == name)
}

/// A new sandbox; in memory alone if there is no folder.
fn sandbox(data_dir: Option<PathBuf>) -> Sandbox {
    let start = Timestamp::from_second(1_767_225_600).expect("the calendar holds it");
    Sandbox::open(Options {
        seed: 1,
        data_dir,
        start,
        base_url: "http://stripe.localhost".into(),
        control_key: Secret::new("control"),
        wall: Arc::new(ManualClock::new(start)),
    })
    .expect("a new one opens")
}

/// `unit`, over and over, up to about `size` bytes.
fn many(unit: &str, size: usize) -> Vec<u8> {
    unit.repeat((size / unit.len()).max(1)).into_bytes()
}
