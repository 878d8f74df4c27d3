//! The engine's shell: reading and writing the files of a spec, and their JSON forms.
//!
//! What is decided about a document is decided in `specie-spec`; nothing here starts a
//! process but `git`.

mod around;
pub mod carry;
pub mod change;
mod check;
mod done;
mod drift;
pub mod evidence;
mod file;
pub mod form;
pub mod index;
pub mod ledger;
mod lock;
pub mod make;
mod new;
mod powers;
mod progress;
mod render;
mod repository;
mod stacks;
pub mod sync;
mod tokens;
mod tree;
mod walk;

pub use check::{Checked, check};
pub use done::done;
pub use evidence::{Recorded, Rejected};
pub use file::{File, FileError, Sum, sha256};
pub use lock::{Base, Given, Lock, Locked, Other, put};
pub use new::{Written, write_new};
pub use powers::{PowersError, power_in, powers_of};
pub use progress::{fingerprint, progress};
pub use render::full;
pub use repository::{Repository, user_name};
pub use stacks::{around, steering};
pub use tokens::{TOKENIZER, count_tokens};
pub use tree::{Tree, root_of};
pub use walk::{Skipped, Spec, specs, specs_and_skipped};
