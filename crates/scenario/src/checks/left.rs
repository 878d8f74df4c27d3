//! What an operator has left at Stripe by closing a stuck change: what it has made there stays, unknown
//! to the service, and whoever asks again gets another. So it is promised, and nothing is done twice.
//! What the service knows all the same, or has told a customer of, is not left.

use std::collections::BTreeSet;

use serde_json::Value;
use specie_server::intents::stuck::CLOSED;
use specie_store::customers::{self, Payer};
use specie_store::intents::{self, Intent, IntentState};
use specie_store::{StoreError, Tx};
use specie_vocab::IntentId;

use super::{MOST, text};

/// The changes that an operator has closed, and what counts of what they have made.
#[derive(Clone, Debug, Default)]
pub struct Closed {
    /// The ids of the changes.
    changes: BTreeSet<String>,
    /// The ids of objects that are somebody's, whatever has made them.
    counting: BTreeSet<String>,
}

impl Closed {
    /// What this change has made is left.
    pub fn leave(&mut self, change: IntentId) {
        self.changes.insert(change.to_string());
    }

    /// It is not: the change goes on.
    pub fn take_back(&mut self, change: IntentId) {
        self.changes.remove(&change.to_string());
    }

    /// This object is not left, whatever has made it.
    pub fn count(&mut self, object: &str) {
        self.counting.insert(object.to_owned());
    }
}

/// All that were closed. The customers whom the service knows for its own count.
pub(super) async fn closed(tx: &mut Tx, known: &BTreeSet<String>) -> Result<Closed, StoreError> {
    let undone = intents::list(tx, Some(IntentState::Undone), MOST).await?;
    let closed = |it: &&Intent| it.result.as_ref().is_some_and(|result| result["why"] == CLOSED);
    let changes = undone.iter().filter(closed).map(|it| it.id.to_string()).collect();
    Ok(Closed { changes, counting: known.clone() })
}

/// Whether one of them has made this, and nobody knows it.
pub(super) fn is_of(closed: &Closed, object: &Value) -> bool {
    let mark = object["metadata"]["specie_intent"].as_str();
    mark.is_some_and(|mark| closed.changes.contains(mark))
        && !closed.counting.contains(&text(object, "id"))
}

/// Whether the service need not know an object: a session or a customer that was left.
pub(super) fn may_be_unknown(closed: &Closed, object: &Value) -> bool {
    let kind = object["object"].as_str();
    matches!(kind, Some("checkout.session" | "customer")) && is_of(closed, object)
}

/// All customers at Stripe whom the service knows for its own, or did.
pub(super) async fn known_customers(
    tx: &mut Tx,
    payers: &[Payer],
) -> Result<BTreeSet<String>, StoreError> {
    let mut known = BTreeSet::new();
    for payer in payers {
        let former = customers::former(tx, payer.id).await?;
        known.extend(former.iter().chain(&payer.stripe).map(ToString::to_string));
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_a_closed_change_has_made_is_left_unless_it_goes_on_or_is_somebodys() {
        let change = IntentId(Uuid::from_u128(7));
        let made = |id: &str, kind: &str| {
            let metadata = json!({ "specie_intent": change.to_string() });
            json!({ "id": id, "object": kind, "metadata": metadata })
        };
        let (session, customer) = (made("cs_1", "checkout.session"), made("cus_1", "customer"));
        let mut closed = Closed::default();
        assert!(!is_of(&closed, &session));
        closed.leave(change);
        assert!(may_be_unknown(&closed, &session) && may_be_unknown(&closed, &customer));
        assert!(!may_be_unknown(&closed, &made("sub_1", "subscription")));
        closed.count("cus_1");
        assert!(may_be_unknown(&closed, &session) && !may_be_unknown(&closed, &customer));
        closed.take_back(change);
        assert!(!is_of(&closed, &session));
    }
}
