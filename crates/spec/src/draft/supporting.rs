//! The documents beside the tasks: README, data-model, OpenAPI and test-plan.

use super::{Draft, Page};

/// All of them.
pub(super) fn all(_: &Draft<'_>) -> Vec<Page> {
    Vec::new()
}
