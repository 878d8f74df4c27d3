//! The engine's shell: reading and writing the files of a spec, and their JSON forms.
//!
//! What is decided about a document is decided in `specie-spec`; nothing here starts a
//! process but `git`.

mod around;
pub mod change;
mod file;
pub mod form;
pub mod index;
pub mod ledger;
mod lock;
pub mod make;
mod powers;
mod render;
mod repository;
pub mod sync;
mod tokens;
mod tree;
mod walk;

pub use around::{around, steering};
pub use file::{File, FileError, sha256};
pub use lock::{Given, Lock, Locked, Written, put};
pub use powers::{PowersError, power_in, powers_of};
pub use render::full;
pub use repository::{Repository, user_name};
pub use tokens::{TOKENIZER, count_tokens};
pub use tree::{Tree, root_of};
pub use walk::{Spec, specs};
