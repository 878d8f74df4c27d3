//! The engine's shell: reading and writing the files of a spec, and their JSON forms.
//!
//! What is decided about a document is decided in `specie-spec`; nothing here starts a
//! process but `git`.

mod around;
mod check;
mod file;
pub mod form;
mod render;
mod repository;
mod walk;

pub use check::{Checked, check};
pub use file::{File, FileError};
pub use render::full;
pub use repository::Repository;
pub use walk::{Spec, specs};
