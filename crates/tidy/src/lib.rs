//! Tests that hold the architecture.
