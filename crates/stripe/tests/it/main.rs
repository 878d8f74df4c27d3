//! The client over a scripted transport, and objects in recorded shapes.
#![cfg(test)]

mod client;
mod objects;
mod recorded;
mod script;
