//! The service and the sandbox in one process: what `dev`, the demo, the flows of the tests and the
//! simulation stand on.

mod conductor;
mod door;
mod person;
mod stage;

pub mod agree;
pub mod catch_up;
pub mod checks;
pub mod demo;
pub mod simulate;

pub use conductor::{Conductor, Skip, Stuck};
pub use door::{Door, DoorError, Reply};
pub use person::{Card, Person, Refusal};
pub use stage::{Backing, Opening, Over, Stage, StageError};
