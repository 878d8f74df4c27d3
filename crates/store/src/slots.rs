//! What holds each plan group of a payer: one row per payer and group.

use std::collections::BTreeMap;

use serde_json::Value;
use specie_vocab::{IntentId, PayerId, SessionId, SubscriptionId};

use crate::sql::{all, row, run, statements, words};
use crate::{StoreError, Tx};

words! {
    /// In which state a slot is.
    pub enum SlotState {
        /// Nothing holds it.
        Empty = "empty",
        /// An intent has claimed it.
        Claimed = "claimed",
        /// A Checkout Session of an intent is open.
        Open = "open",
        /// A subscription holds it.
        Held = "held",
        /// More than one subscription would.
        Conflict = "conflict",
    }
}

row! {
    /// A slot, as it is stored: each state has just the ids that it needs.
    pub struct StoredSlot in "slots" by plan_group: String {
        /// The plan group.
        pub group = "plan_group": String,
        /// Its state.
        pub state: SlotState,
        /// Of the states `Claimed` and `Open`.
        pub intent: Option<IntentId>,
        /// Of the state `Open`.
        pub session: Option<SessionId>,
        /// Of the states `Held` and `Conflict`.
        pub subscription: Option<SubscriptionId>,
        /// Of the state `Conflict`: an array of the other subscriptions' ids.
        pub others: Value,
    }
}

statements! {
    LOAD: StoredSlot = "select {columns} from slots where payer = $1 order by plan_group";
    SAVE: StoredSlot = "insert into slots (payer, {columns}) values ($1, $2, $3, $4, $5, $6, $7) \
                        on conflict (payer, plan_group) do update \
                        set state = excluded.state, intent = excluded.intent, \
                            session = excluded.session, subscription = excluded.subscription, \
                            others = excluded.others";
}

/// All slots of a payer that were ever taken, by their group.
pub async fn load(tx: &mut Tx, payer: PayerId) -> Result<BTreeMap<String, StoredSlot>, StoreError> {
    let slots: Vec<StoredSlot> = all!(tx, LOAD, [payer]);
    Ok(slots.into_iter().map(|slot| (slot.group.clone(), slot)).collect())
}

/// Saves a slot.
pub async fn save(tx: &mut Tx, payer: PayerId, slot: &StoredSlot) -> Result<(), StoreError> {
    let StoredSlot { group, state, intent, session, subscription, others } = slot;
    run!(tx, SAVE, [payer, group, state, intent, session, subscription, others]);
    Ok(())
}
