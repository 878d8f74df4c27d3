//! Stripe's own portal: replacing the card, cancelling.

use serde_json::json;
use specie_store::customers::{self, Payer};
use specie_store::intents::{self as stored, IntentState};
use specie_vocab::IntentId;

pub use crate::intents::what::{Task, Visit};
use crate::intents::{self, Driven, New};
use crate::trail::Who;
use crate::views::PortalView;
use crate::{ApiError, App};

/// Opens the portal for a customer. 409 `no_stripe_customer` for one who never bought anything.
pub async fn start(
    app: &App,
    payer: &Payer,
    who: Who,
    visit: &Visit,
) -> Result<PortalView, ApiError> {
    let id = begin(app, payer, who, visit).await?;
    match intents::drive(app, id).await? {
        Driven::Finished(IntentState::Done) => result(app, id).await,
        Driven::Finished(_) => Err(ApiError::conflict(
            "not_possible",
            "Stripe refused to open its portal; the log says why",
        )),
        Driven::Busy | Driven::Waits => Err(ApiError::stripe_unavailable()),
    }
}

async fn begin(app: &App, payer: &Payer, who: Who, visit: &Visit) -> Result<IntentId, ApiError> {
    let mut tx = app.db.begin().await?;
    let payer =
        customers::lock(&mut tx, payer.id).await?.ok_or_else(|| ApiError::not_found("customer"))?;
    if payer.stripe.is_none() {
        return Err(ApiError::conflict(
            "no_stripe_customer",
            "this customer never bought anything",
        ));
    }
    let (kind, what, told) = ("portal", json!(visit), "portal.begun");
    let intent =
        intents::begin(app, &mut tx, &payer, New { who, group: None, kind, what, told }).await?;
    tx.commit().await?;
    Ok(intent.id)
}

async fn result(app: &App, id: IntentId) -> Result<PortalView, ApiError> {
    let mut tx = app.db.read().await?;
    let intent = stored::get(&mut tx, id).await?;
    let url = intent.and_then(|intent| intent.result?.get("url")?.as_str().map(String::from));
    url.map(|url| PortalView { url }).ok_or_else(|| ApiError::internal("the portal has no address"))
}
