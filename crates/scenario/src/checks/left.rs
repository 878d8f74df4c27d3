//! What an operator has left at Stripe by closing a stuck change: what it has made there stays, unknown
//! to the service, and whoever asks again gets another. So it is promised, and nothing is done twice.

use std::collections::BTreeSet;

use serde_json::Value;
use specie_server::intents::stuck::CLOSED;
use specie_store::customers::{self, Payer};
use specie_store::intents::{self, Intent, IntentState};
use specie_store::{StoreError, Tx};

use super::{MOST, text};

/// The ids of changes that an operator has closed.
pub type Closed = BTreeSet<String>;

/// All that were closed.
pub(super) async fn closed(tx: &mut Tx) -> Result<Closed, StoreError> {
    let undone = intents::list(tx, Some(IntentState::Undone), MOST).await?;
    let closed = |it: &&Intent| it.result.as_ref().is_some_and(|result| result["why"] == CLOSED);
    Ok(undone.iter().filter(closed).map(|it| it.id.to_string()).collect())
}

/// Whether one of them has made this.
pub(super) fn is_of(closed: &Closed, object: &Value) -> bool {
    let mark = object["metadata"]["specie_intent"].as_str();
    mark.is_some_and(|mark| closed.contains(mark))
}

/// Whether the service need not know an object: a session or a customer that was left, or a customer who
/// was deleted before they became anybody's.
pub(super) fn may_be_unknown(closed: &Closed, ours: &BTreeSet<String>, object: &Value) -> bool {
    match object["object"].as_str().unwrap_or_default() {
        "checkout.session" => is_of(closed, object),
        "customer" if object["deleted"] == true => !ours.contains(&text(object, "id")),
        "customer" => is_of(closed, object),
        _ => false,
    }
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
