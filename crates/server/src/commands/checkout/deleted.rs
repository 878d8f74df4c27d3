//! Whoever was deleted at Stripe and buys again. With nothing left there, they get another customer; a
//! session that could still be paid is expired before that.

use serde_json::json;
use specie_billing::Slot;
use specie_store::Tx;
use specie_store::customers::{self, Payer};
use specie_store::intents::{self as stored, IntentState};
use specie_store::mirrors::{checkout_sessions, customers as stripe_customers};
use specie_vocab::{CustomerId, SessionId};

use super::{Begun, SoFar, lately_refused, made_by, newest_of};
use crate::intents::what::Expiry;
use crate::intents::{self, New};
use crate::trail::{Who, why};
use crate::views::CheckoutView;
use crate::{ApiError, App, kept};

/// A customer who was deleted at Stripe can buy nothing any more. With nothing left, this one gets
/// another there; what was paid before stays with the old one. Answers what must come to its end
/// before that, if anything must: one change at a time.
pub(super) async fn forget(
    app: &App,
    tx: &mut Tx,
    payer: &mut Payer,
    so_far: SoFar,
) -> Result<Option<Begun<CheckoutView>>, ApiError> {
    let Some(customer) = payer.stripe.clone() else { return Ok(None) };
    let row = stripe_customers::get(tx, &customer).await?;
    if row.is_none_or(|row| !row.deleted) {
        return Ok(None);
    }
    let slots = kept::slots(tx, payer.id).await?;
    for (group, slot) in &slots {
        let first = ended(app, tx, payer, group, slot, so_far).await?;
        if first.is_some() {
            return Ok(first);
        }
    }
    if slots.values().all(|slot| *slot == Slot::Empty) {
        customers::unbind(tx, payer.id, &customer).await?;
        payer.stripe = None;
        tracing::info!(payer = %payer.id, "a customer deleted at Stripe gets another there");
    }
    Ok(None)
}

/// What ends the checkout that holds a slot, if one does. The slot itself is freed by what Stripe says
/// of the session then.
async fn ended(
    app: &App,
    tx: &mut Tx,
    payer: &Payer,
    group: &str,
    slot: &Slot,
    so_far: SoFar,
) -> Result<Option<Begun<CheckoutView>>, ApiError> {
    let session = match slot {
        Slot::Open { session, .. } => Some(session.clone()),
        Slot::Claimed { intent } => made_by(tx, *intent).await?,
        Slot::Empty | Slot::Held { .. } | Slot::Conflict { .. } => return Ok(None),
    };
    if let Some(open) = stored::open_of(tx, payer.id, group).await? {
        intents::not_stuck(&open)?;
        return Ok(Some(Begun::Open(open.id)));
    }
    let Some(session) = session else { return Ok(None) };
    if lately_refused(tx, payer, group, &session).await? {
        let text = "a checkout from before this customer was deleted at Stripe may still be paid";
        return Err(ApiError::conflict("checkout_in_progress", text));
    }
    let Some(customer) = owner(tx, payer, &session).await? else { return Ok(None) };
    if so_far.may_wait() && is_expired(tx, payer, group, &session).await? {
        return Ok(Some(Begun::Unseen(customer, session.to_string())));
    }
    expire(app, tx, payer, group, Expiry { customer, expire: session }).await
}

/// Whose a session is.
async fn owner(
    tx: &mut Tx,
    payer: &Payer,
    session: &SessionId,
) -> Result<Option<CustomerId>, ApiError> {
    let row = checkout_sessions::get(tx, session).await?;
    Ok(row.map(|row| row.customer).or_else(|| payer.stripe.clone()))
}

/// Whether Stripe has expired it, although that cannot be read yet.
async fn is_expired(
    tx: &mut Tx,
    payer: &Payer,
    group: &str,
    session: &SessionId,
) -> Result<bool, ApiError> {
    Ok(newest_of(tx, payer, group).await?.is_some_and(|it| {
        let is_done = it.kind == "expiry" && it.state == IntentState::Done;
        is_done && it.what["expire"] == session.as_str()
    }))
}

async fn expire(
    app: &App,
    tx: &mut Tx,
    payer: &Payer,
    group: &str,
    what: Expiry,
) -> Result<Option<Begun<CheckoutView>>, ApiError> {
    let (kind, what, told) = ("expiry", json!(what), "expiry.begun");
    let why = Some(why::CHECKOUT);
    let new = New { who: Who::Specie, group: Some(group), kind, what, told, why };
    let intent = intents::begin(app, tx, payer, new).await?;
    Ok(Some(Begun::New(intent.id)))
}
