//! Coming back from a checkout: what became of its session, and what the customer has now.

use specie_store::customers::Payer;
use specie_store::intents as stored;
use specie_store::mirrors::checkout_sessions::{self, SessionRow};
use specie_vocab::SessionId;

use crate::lanes::{self, WishFor};
use crate::trail::why;
use crate::views::SubscriptionView;
use crate::{ApiError, App, reads};

/// Reads a session of this customer from Stripe, now, by the path that a webhook takes, and answers
/// with what is true then. 404 for a session of somebody else.
pub async fn sync(
    app: &App,
    payer: &Payer,
    session: &SessionId,
) -> Result<SubscriptionView, ApiError> {
    let mut tx = app.db.read().await?;
    let row = checkout_sessions::get(&mut tx, session).await?;
    drop(tx);
    let row = row.ok_or_else(|| ApiError::not_found("checkout session"))?;
    let customer = payer.stripe.as_ref().filter(|ours| **ours == row.customer);
    let customer = customer.ok_or_else(|| ApiError::not_found("checkout session"))?;

    let wish = WishFor::Object { id: session.to_string() };
    lanes::look_now(app, customer.as_str(), wish, why::SYNC).await?;
    let group = group_of(app, &row).await?;
    reads::subscription(app, payer, &group).await
}

/// Whether a session that we made is complete, read from Stripe unless that is known; none for any
/// other. Its id, which only Stripe and whoever paid have, is all that is asked for, and this is all
/// that is told.
pub async fn is_complete(app: &App, session: &SessionId) -> Result<Option<bool>, ApiError> {
    let complete = |row: &SessionRow| row.status.as_deref() == Some("complete");
    let row = async || {
        let mut tx = app.db.read().await?;
        checkout_sessions::get(&mut tx, session).await
    };
    let Some(known) = row().await? else { return Ok(None) };
    if complete(&known) {
        return Ok(Some(true));
    }
    let wish = WishFor::Object { id: session.to_string() };
    lanes::look_now(app, known.customer.as_str(), wish, why::SYNC).await?;
    Ok(row().await?.as_ref().map(complete))
}

/// The plan group for which a session was begun; the catalog's first if it was not ours.
async fn group_of(app: &App, row: &SessionRow) -> Result<String, ApiError> {
    let intent = row.intent.as_deref().and_then(|text| text.parse().ok());
    if let Some(intent) = intent {
        let mut tx = app.db.read().await?;
        let found = stored::get(&mut tx, intent).await?;
        if let Some(group) = found.and_then(|found| found.plan_group) {
            return Ok(group);
        }
    }
    reads::only_group(app, None)
}
