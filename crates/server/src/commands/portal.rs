//! Stripe's own portal: replacing the card, cancelling.

use serde_json::json;
use specie_billing::Slot;
use specie_store::Tx;
use specie_store::customers::Payer;
use specie_store::intents::{self as stored, IntentState};
use specie_vocab::{IntentId, PayerId, SubscriptionId};

use super::locked;
pub use crate::intents::what::{Task, Visit};
use crate::intents::{self, Driven, New};
use crate::trail::Who;
use crate::views::PortalView;
use crate::{ApiError, App, kept};

/// Opens the portal for a customer. 409 `no_stripe_customer` for one who has bought nothing, or nothing since
/// they were deleted there and forgotten.
pub async fn start(
    app: &App,
    payer: &Payer,
    who: Who,
    visit: &Visit,
) -> Result<PortalView, ApiError> {
    let id = begin(app, payer, who, visit).await?;
    match intents::drive(app, id).await? {
        Driven::Finished(IntentState::Done) => result(app, id).await,
        // They were when it was begun.
        Driven::Finished(IntentState::Undone) => Err(not_at_stripe()),
        Driven::Finished(_) => Err(ApiError::conflict(
            "not_possible",
            "Stripe refused to open its portal; the log says why",
        )),
        Driven::Busy | Driven::Waits => Err(ApiError::stripe_unavailable()),
    }
}

fn not_at_stripe() -> ApiError {
    ApiError::conflict("no_stripe_customer", "this customer is not at Stripe")
}

async fn begin(app: &App, payer: &Payer, who: Who, visit: &Visit) -> Result<IntentId, ApiError> {
    let mut tx = app.db.begin().await?;
    let payer = locked(&mut tx, payer.id).await?;
    if payer.stripe.is_none() {
        return Err(not_at_stripe());
    }
    let subscription = match visit.task {
        Some(Task::Cancel) => Some(only_held(&mut tx, payer.id).await?),
        _ => None,
    };
    let visit = Visit { subscription, ..visit.clone() };
    let (kind, what, told) = ("portal", json!(visit), "portal.begun");
    let new = New { who, group: None, kind, what, told, why: None };
    let intent = intents::begin(app, &mut tx, &payer, new).await?;
    tx.commit().await?;
    Ok(intent.id)
}

/// The subscription that can be ended: the only one, since Stripe's page is about one.
async fn only_held(tx: &mut Tx, payer: PayerId) -> Result<SubscriptionId, ApiError> {
    let slots = kept::slots(tx, payer).await?;
    let mut held = slots.values().filter_map(Slot::subscription);
    match (held.next(), held.next()) {
        (Some(only), None) => Ok(only.clone()),
        (None, _) => {
            let text = "this customer has no subscription to cancel";
            Err(ApiError::conflict("not_subscribed", text))
        }
        _ => Err(ApiError::invalid(
            "this customer has several subscriptions: open the portal without a task",
        )),
    }
}

async fn result(app: &App, id: IntentId) -> Result<PortalView, ApiError> {
    let mut tx = app.db.read().await?;
    let intent = stored::get(&mut tx, id).await?;
    let url = intent.and_then(|intent| intent.result?.get("url")?.as_str().map(String::from));
    url.map(|url| PortalView { url }).ok_or_else(|| ApiError::internal("the portal has no address"))
}
