//! Spec documents: bytes in; a tree of nodes, diagnostics and edits out.
//!
//! Nothing here does I/O or asks for the time. A document is text with spans (`docs/decisions`):
//! every byte of the file belongs to a node, an untouched byte stays as it is, and an edit is a
//! splice. Two dialects are read in full, Kiro and SmartSpec.

pub mod approval;
pub mod check;
mod circle;
mod data;
mod detect;
mod diagnostic;
pub mod diff;
mod document;
pub mod draft;
pub mod ears;
mod edit;
mod graph;
mod ids;
pub mod index;
mod json;
pub mod keep;
mod lines;
pub mod merge;
pub mod power;
pub mod progress;
pub mod prompt;
pub mod quantity;
mod read;
mod refs;
mod resolve;
pub mod rules;
mod sql;
pub mod steering;
mod technology;
mod things;
pub mod trace;
mod tree;
mod work;

pub use detect::{Dialect, Kind, detect};
pub use diagnostic::{Diagnostic, Rule, Severity};
pub use document::{By, Document, Node, NodeKind, Ref, RefKind, State};
pub use edit::{Change, Tick, TickError, Which, apply, find, tick};
pub use read::read;
pub use resolve::Targets;
