//! Tests of reading, checking and following specs.

mod checking;
mod crossing;
mod harm;
mod progress;
mod reading;
mod steering;
