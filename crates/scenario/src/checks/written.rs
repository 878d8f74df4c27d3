//! What was written down of each payer since it was last read: it names nobody, and each entry of the
//! trail has its one cause.

use std::collections::BTreeMap;

use specie_server::trail::why;
use specie_store::audit::{self, Entry};
use specie_store::customers::{self, Payer};
use specie_store::{Db, StoreError, Tx, inbox, intents};
use specie_vocab::PayerId;

use super::{Checked, MOST, must, named};

/// What was read last of each payer: the version of their view, and the newest entry of their trail.
pub type Read = BTreeMap<PayerId, (i64, Option<Entry>)>;

/// What holds of what is written down. A payer is read again when their version or their trail has
/// moved since `read`.
pub async fn written(db: &Db, read: &mut Read) -> Checked {
    let mut tx = db.read().await?;
    for payer in customers::list(&mut tx, MOST).await? {
        let now = (payer.version, audit::last(&mut tx, payer.id).await?);
        let before = read.insert(payer.id, now.clone());
        if before.as_ref() == Some(&now) {
            continue;
        }
        named::nobody(&mut tx, &payer).await?;
        let since = before.and_then(|(_, newest)| newest).map_or(0, |newest| newest.n);
        for entry in audit::list(&mut tx, payer.id).await?.into_iter().filter(|it| it.n > since) {
            caused(&mut tx, &payer, &entry).await?;
        }
    }
    Ok(())
}

/// An entry names one thing that is there, and that is this payer's: an event of Stripe's, a change of
/// ours, or a call or a rule of the service.
async fn caused(tx: &mut Tx, payer: &Payer, entry: &Entry) -> Checked {
    let is_named = entry.why != why::LOOK && why::NAMES.iter().any(|(name, _)| *name == entry.why);
    let causes = [is_event(tx, payer, entry).await?, is_change(tx, payer, entry).await?, is_named];
    must(causes.iter().filter(|is| **is).count() == 1, || {
        let (what, app_id) = (&entry.what, &payer.app_id);
        format!("{what} of {app_id} has not one cause, `{}`: {causes:?}", entry.why)
    })
}

async fn is_event(tx: &mut Tx, payer: &Payer, entry: &Entry) -> Result<bool, StoreError> {
    let Some(event) = inbox::head(tx, &entry.why).await? else { return Ok(false) };
    // Some name their object alone.
    let Some(customer) = event.customer else { return Ok(true) };
    let is_theirs = payer.stripe.as_ref().is_some_and(|id| id.as_str() == customer);
    Ok(is_theirs || customers::former(tx, payer.id).await?.iter().any(|id| id.as_str() == customer))
}

async fn is_change(tx: &mut Tx, payer: &Payer, entry: &Entry) -> Result<bool, StoreError> {
    let Ok(id) = entry.why.parse() else { return Ok(false) };
    Ok(intents::get(tx, id).await?.is_some_and(|intent| intent.payer == payer.id))
}
