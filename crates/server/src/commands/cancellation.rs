//! Ending a subscription with its period, and taking that back.

use axum::http::StatusCode;
use serde_json::json;
use specie_billing::{Held, Slot};
use specie_store::Tx;
use specie_store::customers::Payer;
use specie_store::intents::{self as stored, IntentState};
use specie_vocab::SubscriptionId;

use super::{Begun, Settled, SoFar, locked, settled, with_view};
use crate::intents::what::Ending;
use crate::intents::{self, New};
use crate::lanes::{self, WishFor};
use crate::reads;
use crate::trail::{Who, why};
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

/// A change, and what it was decided on.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    /// What the customer wants.
    pub wanted: Wanted,
    /// The version of the view that was shown; 412 `changed_meanwhile` if it has changed since.
    pub decided_on: Option<i64>,
}

/// Makes the subscription of `group` end with its period, or go on. Wanting what is so already
/// changes nothing. 409 `not_subscribed` when there is nothing to end, `ended` when it is over.
pub async fn set(
    app: &App,
    payer: &Payer,
    who: Who,
    group: &str,
    change: Change,
) -> Result<SubscriptionView, ApiError> {
    let subscription = held_in(app, payer, group).await?;
    // Decided on what is true now, not on what we remember.
    if let Some(customer) = &payer.stripe {
        let wish = WishFor::object(subscription.to_string());
        lanes::look_now(app, customer.as_str(), wish, why::CANCELLATION).await?;
    }
    let look = |so_far| begin(app, payer, who, group, change, so_far);
    match settled(app, payer.id, look).await? {
        Settled::Found(true) => reads::subscription(app, payer, group).await,
        Settled::Found(false) => Err(changed_meanwhile(app, payer, group).await),
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
    change: Change,
    so_far: SoFar,
) -> Result<Begun<bool>, ApiError> {
    let mut tx = app.db.begin().await?;
    let payer = locked(&mut tx, payer.id).await?;
    if so_far.own.is_none() && change.decided_on.is_some_and(|version| version != payer.version) {
        return Ok(Begun::Found(false));
    }
    if let Some(open) = stored::open_of(&mut tx, payer.id, group).await? {
        intents::not_stuck(&open)?;
        return Ok(Begun::Open(open.id));
    }
    let Some(Slot::Held { subscription } | Slot::Conflict { subscription, .. }) =
        kept::slots(&mut tx, payer.id).await?.remove(group)
    else {
        return Err(ApiError::conflict("not_subscribed", "this subscription is over"));
    };
    let held = kept::held(&mut tx, payer.id).await?;
    let cancel_at_period_end = change.wanted == Wanted::End;
    let opposite =
        Ending { subscription: subscription.clone(), cancel_at_period_end: !cancel_at_period_end };
    let undone = !so_far.done && is_the_latest(&mut tx, &payer, &opposite).await?;
    match held.get(&subscription) {
        // Somebody has set its end in Stripe's dashboard; going on would not take that back.
        Some(held) if !cancel_at_period_end && dated(held) => {
            let text = "the end of this subscription was set by the operator";
            return Err(ApiError::conflict("not_possible", text));
        }
        Some(held) if held.cancel_at_period_end == cancel_at_period_end && !undone => {
            return Ok(Begun::Found(true));
        }
        Some(_) if !so_far.done => {}
        Some(_) if so_far.may_wait() && payer.stripe.is_some() => {
            let customer = payer.stripe.ok_or_else(|| ApiError::not_found("customer"))?;
            return Ok(Begun::Unseen(customer, subscription.to_string()));
        }
        // It was done; what Stripe shows of it comes later.
        Some(_) => return Ok(Begun::Found(true)),
        None => {
            let text = "this subscription has nothing that could be changed";
            return Err(ApiError::conflict("not_possible", text));
        }
    }
    let (kind, what) = ("cancellation", json!(Ending { subscription, cancel_at_period_end }));
    let told = if cancel_at_period_end { "cancellation.begun" } else { "resumption.begun" };
    let new = New { who, group: Some(group), kind, what, told, why: None };
    let intent = intents::begin(app, &mut tx, &payer, new).await?;
    tx.commit().await?;
    Ok(Begun::New(intent.id))
}

/// Whether this is what was changed last, and so lately that reads may not show it yet: what they show
/// is what was so before.
async fn is_the_latest(tx: &mut Tx, payer: &Payer, ending: &Ending) -> Result<bool, ApiError> {
    let now = tx.now().await?;
    let all = stored::of_kind(tx, payer.id, "cancellation").await?;
    let mut done = all.into_iter().filter(|it| it.state == IntentState::Done).filter_map(|it| {
        let what: Ending = serde_json::from_value(it.what).ok()?;
        Some((what, it.finished_at?))
    });
    let newest = done.find(|(what, _)| what.subscription == ending.subscription);
    Ok(newest.is_some_and(|(what, at)| what == *ending && now.seconds_since(at) < lanes::LAG))
}

/// Whether it ends at a moment that is not the end of its period.
fn dated(held: &Held) -> bool {
    held.cancel_at.is_some() && !held.cancel_at_period_end
}

/// 412, with the state as it is.
pub async fn changed_meanwhile(app: &App, payer: &Payer, group: &str) -> ApiError {
    let error = ApiError::new(
        StatusCode::PRECONDITION_FAILED,
        "changed_meanwhile",
        "the subscription has changed since it was read",
    );
    with_view(error, app, payer, group).await
}

async fn refused(app: &App, payer: &Payer, group: &str) -> ApiError {
    let error =
        ApiError::conflict("not_possible", "Stripe does not allow this in the present state");
    with_view(error, app, payer, group).await
}
