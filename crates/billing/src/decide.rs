//! Decides what we hold and what follows, from what we held and what Stripe says.

use std::collections::BTreeMap;

use specie_vocab::{BusinessTime, PayerId, SubscriptionId};

use crate::{Effect, Facts, Held, Policies, Slot};

/// What we held before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Before {
    /// Whose it is.
    pub payer: PayerId,
    /// The slots, by the plan group's key.
    pub slots: BTreeMap<String, Slot>,
    /// The subscriptions.
    pub held: BTreeMap<SubscriptionId, Held>,
}

/// What we hold now, and what follows.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The slots, all of them.
    pub slots: BTreeMap<String, Slot>,
    /// The subscriptions, all of them.
    pub held: BTreeMap<SubscriptionId, Held>,
    /// What is to be done, in a fixed order.
    pub effects: Vec<Effect>,
    /// The next moment at which a decision on the same facts can come out otherwise.
    pub wake_at: Option<BusinessTime>,
}

/// Decides. Total and pure: every state of facts has an answer, and the same ones have the same.
pub fn decide(before: &Before, facts: &Facts, policies: &Policies, now: BusinessTime) -> Decision {
    let _ = (facts, policies, now);
    Decision {
        slots: before.slots.clone(),
        held: before.held.clone(),
        effects: Vec::new(),
        wake_at: None,
    }
}
