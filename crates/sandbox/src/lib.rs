//! The stateful Stripe: a pure world with a thin HTTP skin.

pub mod cards;
pub mod world;
