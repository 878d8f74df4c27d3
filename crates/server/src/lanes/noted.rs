//! What a look has found, and why it was taken: stories of events tell it.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use specie_store::lanes::Claim;
use specie_store::looks::{self, Look};
use specie_store::mirrors::Mirrored;
use specie_store::{StoreError, Tx};
use specie_vocab::{CustomerId, WallTime};

/// What was found of an object, in a word, and of its fields what was and what is.
pub(super) fn found(object: &str, id: &str, word: &str, fields: &Value) -> Value {
    json!({ "object": object, "id": id, "found": word, "fields": fields })
}

/// An object that belongs to a customer, whose lane is to look at it.
pub(super) fn theirs(id: &str, customer: &CustomerId) -> Value {
    let kind = match id.split_once('_').map(|(prefix, _)| prefix) {
        Some("sub") => "subscription",
        Some("in") => "invoice",
        Some("pi") => "payment",
        Some("cs") => "checkout session",
        _ => "payment method",
    };
    json!({ "object": kind, "id": id, "found": "belongs to a customer", "customer": customer })
}

/// What came of a mirror's row.
pub(super) fn word(mirrored: Mirrored) -> &'static str {
    match mirrored {
        Mirrored::New => "new",
        Mirrored::Changed | Mirrored::Differed { .. } => "changed",
        Mirrored::Same => "same",
        Mirrored::Kept => "not believed",
    }
}

/// Keeps what a look has found since `at`. Of one that found nothing there is nothing to tell.
pub(super) async fn keep(
    tx: &mut Tx,
    claim: &Claim,
    found: Vec<Value>,
    at: WallTime,
) -> Result<(), StoreError> {
    if found.is_empty() {
        return Ok(());
    }
    let (because, found) = (json!(because(claim)), found.into());
    looks::add(tx, &Look { lane: claim.lane.clone(), fence: claim.fence, at, because, found }).await
}

/// The events and the causes of the wishes that it was taken for, each once.
fn because(claim: &Claim) -> BTreeSet<&str> {
    let events = claim.events.iter().map(|event| event.id.as_str());
    events.chain(claim.wishes.iter().map(|wish| wish.why.as_str())).collect()
}
