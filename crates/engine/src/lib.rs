//! The engine's shell: reading and writing the files of a spec, and their JSON forms.
//!
//! What is decided about a document is decided in `specie-spec`; nothing here starts a
//! process but `git`.

pub mod evidence;
mod file;
pub mod form;
mod new;
mod progress;
mod render;
mod repository;
mod walk;

pub use evidence::{Recorded, Rejected};
pub use file::{File, FileError, Sum, sha256};
pub use new::{Written, write_new};
pub use progress::{fingerprint, progress};
pub use render::full;
pub use repository::Repository;
pub use walk::{Spec, specs};
