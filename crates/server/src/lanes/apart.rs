//! Objects that are kept apart: from when they begin to wait for a person until they need nobody.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use specie_billing::Facts;
use specie_store::customers::Payer;
use specie_store::lanes::Claim;
use specie_store::{StoreError, Tx, quarantine};

use super::cause;
use crate::App;
use crate::trail::{Entry, Who, append};

/// Keeps an object for a person to judge. The trail says so when it begins to wait.
pub(super) async fn keep(
    app: &App,
    tx: &mut Tx,
    payer: &Payer,
    object: &str,
    reason: &str,
    mut details: Value,
    why: &str,
) -> Result<(), StoreError> {
    if !quarantine::add(tx, payer.id, object, reason, &details).await? {
        return Ok(());
    }
    if let Value::Object(fields) = &mut details {
        fields.insert("reason".into(), reason.into());
    }
    let details = json!({ "subject": object, "details": details });
    let (who, what) = (Who::Specie.to_string(), "object.quarantined");
    append(app, tx, payer.id, Entry { who: &who, what, why, details: &details }).await
}

/// Lets go of what waited and is not among those that are to be kept `apart`: it is over, or as it
/// should be. What the facts do not know waits on.
pub(super) async fn let_go(
    app: &App,
    tx: &mut Tx,
    payer: &Payer,
    facts: &Facts,
    apart: &BTreeSet<String>,
    claim: &Claim,
) -> Result<(), StoreError> {
    for row in quarantine::of_payer(tx, payer.id).await? {
        let (object, reason) = (row.object.as_str(), row.reason.as_str());
        if apart.contains(object) || !facts.know(object) {
            continue;
        }
        let now = tx.now().await?;
        quarantine::resolve(tx, payer.id, object, reason, now).await?;
        tracing::info!(object, reason, payer = %payer.id, "an object is kept apart no longer");
        let details = json!({ "subject": object, "details": { "reason": reason } });
        let (who, what) = (Who::Specie.to_string(), "object.released");
        let why = cause::of_object(claim, object);
        append(app, tx, payer.id, Entry { who: &who, what, why, details: &details }).await?;
    }
    Ok(())
}
