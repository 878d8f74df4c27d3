//! Powers: what is known of a domain, as data, and what a text says in its words.
//!
//! The form of the folder is described in `docs/powers.md`. Nothing here knows of any domain.

mod ask;
mod compose;
mod facts;
mod form;
mod fragments;
mod lint;
mod plain;
mod quantities;
mod texts;
mod understand;
mod words;
mod work;

pub use ask::{Around, AskError, Asked, Open, ask, items_of};
pub use compose::{ComposeError, Piece, compose};
pub use facts::{Answer, Facts, Item, Origin, Value};
pub use form::{Choice, Concept, Power, PowerError, Question, Slot, SlotKind, Stack};
pub use fragments::{Field, Fields, Fragment, FragmentKind};

pub use lint::{Fault, lint};
pub use texts::{Texts, Told};
pub use understand::{
    Mention, Understanding, answered, understand, understand_all, understand_beside,
};
pub(crate) use work::is_of_its_own;
pub use work::{FileUse, Phase, Task, Thing, Work};
