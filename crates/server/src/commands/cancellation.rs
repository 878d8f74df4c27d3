//! Ending a subscription with its period, and taking that back.

use serde_json::json;
use specie_billing::Slot;
use specie_store::customers::{self, Payer};
use specie_store::intents as stored;
use specie_vocab::SubscriptionId;

use super::{Begun, Settled, settled};
use crate::intents::what::Ending;
use crate::intents::{self, New};
use crate::lanes::{self, WishFor};
use crate::reads;
use crate::trail::Who;
use crate::views::SubscriptionView;
use crate::{ApiError, App, kept};

/// What the customer wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// That it ends with its period.
    End,
    /// That it goes on.
    GoOn,
}

/// Makes the subscription of `group` end with its period, or go on. Wanting what is so already
/// changes nothing. 409 `not_subscribed` when there is nothing to end, `ended` when it is over.
pub async fn set(
    app: &App,
    payer: &Payer,
    who: Who,
    group: &str,
    wanted: Wanted,
) -> Result<SubscriptionView, ApiError> {
    let subscription = held_in(app, payer, group).await?;
    // Decided on what is true now, not on what we remember.
    if let Some(customer) = &payer.stripe {
        let wish = WishFor::Object { id: subscription.to_string() };
        lanes::look_now(app, customer.as_str(), wish).await?;
    }
    match settled(app, payer.id, || begin(app, payer, who, group, wanted)).await? {
        Settled::Found(()) => reads::subscription(app, payer, group).await,
        Settled::Failed => Err(refused(app, payer, group).await),
        Settled::Busy => Err(ApiError::conflict(
            "change_in_progress",
            "another change of this subscription is under way",
        )),
    }
}

async fn held_in(app: &App, payer: &Payer, group: &str) -> Result<SubscriptionId, ApiError> {
    let mut tx = app.db.read().await?;
    let slot = kept::slots(&mut tx, payer.id).await?.remove(group);
    match slot {
        Some(Slot::Held { subscription } | Slot::Conflict { subscription, .. }) => Ok(subscription),
        _ => {
            Err(ApiError::conflict("not_subscribed", "this customer has no subscription to change"))
        }
    }
}

async fn begin(
    app: &App,
    payer: &Payer,
    who: Who,
    group: &str,
    wanted: Wanted,
) -> Result<Begun<()>, ApiError> {
    let mut tx = app.db.begin().await?;
    let payer =
        customers::lock(&mut tx, payer.id).await?.ok_or_else(|| ApiError::not_found("customer"))?;
    if let Some(open) = stored::open_of(&mut tx, payer.id, group).await? {
        intents::not_stuck(&open)?;
        return Ok(Begun::Intent(open.id));
    }
    let Some(Slot::Held { subscription } | Slot::Conflict { subscription, .. }) =
        kept::slots(&mut tx, payer.id).await?.remove(group)
    else {
        return Err(ApiError::conflict("not_subscribed", "this subscription is over"));
    };
    let held = kept::held(&mut tx, payer.id).await?;
    let cancel_at_period_end = wanted == Wanted::End;
    match held.get(&subscription) {
        Some(held) if held.cancel_at_period_end == cancel_at_period_end => {
            return Ok(Begun::Found(()));
        }
        Some(_) => {}
        None => return Err(ApiError::internal("a slot names a subscription that is not held")),
    }
    let (kind, what) = ("cancellation", json!(Ending { subscription, cancel_at_period_end }));
    let told = if cancel_at_period_end { "cancellation.begun" } else { "resumption.begun" };
    let new = New { who, group: Some(group), kind, what, told };
    let intent = intents::begin(app, &mut tx, &payer, new).await?;
    tx.commit().await?;
    Ok(Begun::Intent(intent.id))
}

async fn refused(app: &App, payer: &Payer, group: &str) -> ApiError {
    let error =
        ApiError::conflict("not_possible", "Stripe does not allow this in the present state");
    match reads::subscription(app, payer, group).await {
        Ok(now) => error.with("subscription", json!(now)),
        Err(_) => error,
    }
}
