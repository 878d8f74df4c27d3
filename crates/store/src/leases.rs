//! What a process that is gone had taken: where nobody else can be alive, it is free at once.

use specie_vocab::WallTime;

use crate::sql::{run, statements};
use crate::{StoreError, Tx};

statements! {
    // The fence: whoever had a lane may live on in a simulation, and comes too late.
    LANES = "update lanes set fence = fence + 1, leased_until = null \
             where leased_until is not null";
    // The outcomes are those after which a change waits on purpose, until Stripe's lists show what it
    // did: that nobody works on it makes them no quicker.
    INTENTS = "update intents set leased_until = null \
               where state = 'open' and leased_until is not null and not exists ( \
                   select 1 from tries where tries.intent = intents.id \
                   and tries.outcome in ('replayed', 'replayed_looked', 'reopened'))";
    EFFECTS = "update outbox set not_before = null where not done and not_before <= $1";
    ANSWERS = "update idempotency set leased_until = $1 where leased_until > $1";
}

/// Frees all lanes, changes, effects and idempotency keys that are taken, but for changes that have to
/// wait for Stripe's lists. Only for whoever knows that no other process works on this database: on
/// SQLite, whoever holds its lock.
pub async fn end_all(tx: &mut Tx, now: WallTime) -> Result<(), StoreError> {
    run!(tx, LANES, []);
    run!(tx, INTENTS, []);
    run!(tx, EFFECTS, [now.plus_seconds(crate::outbox::LEASE)]);
    run!(tx, ANSWERS, [now]);
    Ok(())
}
