//! Writing into a customer's audit trail.

use serde_json::Value;
use specie_store::intents::Intent;
use specie_store::{StoreError, Tx, audit};
use specie_vocab::PayerId;

use crate::App;
use crate::digest::sha256;

/// What is written into a customer's trail.
pub(crate) struct Entry<'a> {
    /// Who did it: `stripe`, `intent`.
    pub(crate) who: &'a str,
    /// What happened: `subscription.activated`.
    pub(crate) what: &'a str,
    /// The id of its cause: an event, an intent.
    pub(crate) why: &'a str,
    /// What there is to say, without anything personal.
    pub(crate) details: &'a Value,
}

/// Appends to a customer's trail.
pub(crate) async fn append(
    app: &App,
    tx: &mut Tx,
    payer: PayerId,
    entry: Entry<'_>,
) -> Result<(), StoreError> {
    let mut salt = [0; 32];
    app.chance.fill(&mut salt);
    let at = app.wall.now();
    let Entry { who, what, why, details } = entry;
    audit::append(tx, payer, at, who, what, why, details, salt, sha256).await
}

/// Appends what happened to an intent.
pub(crate) async fn of_intent(
    app: &App,
    tx: &mut Tx,
    intent: &Intent,
    what: &str,
) -> Result<(), StoreError> {
    let entry = Entry { who: "intent", what, why: &intent.id.to_string(), details: &intent.what };
    append(app, tx, intent.payer, entry).await
}
