//! What strangers send: inputs for each reader of bytes, and what must hold whatever they are.
//!
//! A [`Target`] is one reader. The property tests of this crate and the driver in `fuzz/` run the
//! same bodies: a body panics when something does not hold.

pub mod mutate;

mod catalog;
mod cursor;
mod expand;
mod form;
mod journal;
mod jwt;
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
pub const TARGETS: [Target; 8] = [
    catalog::TARGET,
    cursor::TARGET,
    expand::TARGET,
    form::TARGET,
    journal::TARGET,
    jwt::TARGET,
    routing::TARGET,
    signature::TARGET,
];

/// The target of this name.
pub fn target(name: &str) -> Option<&'static Target> {
    const { &TARGETS }.iter().find(|target| target.name == name)
}

/// `unit`, over and over, up to about `size` bytes.
fn many(unit: &str, size: usize) -> Vec<u8> {
    unit.repeat((size / unit.len()).max(1)).into_bytes()
}
