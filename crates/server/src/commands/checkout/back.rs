//! Coming back from a checkout: what became of its session, and what the customer has now.

use specie_store::customers::{self, Payer};
use specie_store::intents as stored;
use specie_store::mirrors::checkout_sessions::{self, SessionRow};
use specie_vocab::{PayerId, SessionId};

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
    let row = own(app, payer, session).await?;
    look(app, &row).await?;
    now_of(app, payer, &row).await
}

/// The same for whoever comes back by a page. What has expired is not read again; `may_ask` says
/// whether Stripe may be asked for this customer about anything else.
pub async fn come_back(
    app: &App,
    payer: &Payer,
    session: &SessionId,
    may_ask: impl FnOnce(PayerId) -> Result<(), ApiError>,
) -> Result<SubscriptionView, ApiError> {
    let row = own(app, payer, session).await?;
    if row.status.as_deref() != Some("expired") {
        may_ask(payer.id)?;
        look(app, &row).await?;
    }
    now_of(app, payer, &row).await
}

/// Whether a session that we made is complete, read from Stripe unless it is known to be over; none
/// for any other. Its id, which only Stripe and whoever paid have, is all that is asked for, and this
/// is all that is told. `may_ask` says whether Stripe may be asked for its customer.
pub async fn is_complete(
    app: &App,
    session: &SessionId,
    may_ask: impl FnOnce(PayerId) -> Result<(), ApiError>,
) -> Result<Option<bool>, ApiError> {
    let Some(known) = last_read(app, session).await? else { return Ok(None) };
    if matches!(known.status.as_deref(), Some("complete" | "expired")) {
        return Ok(Some(has_completed(&known)));
    }
    let mut tx = app.db.read().await?;
    let payer = customers::by_stripe(&mut tx, &known.customer).await?;
    drop(tx);
    let Some(payer) = payer else { return Ok(None) };
    may_ask(payer.id)?;
    look(app, &known).await?;
    Ok(last_read(app, session).await?.as_ref().map(has_completed))
}

fn has_completed(row: &SessionRow) -> bool {
    row.status.as_deref() == Some("complete")
}

/// A session of this customer, as it was read last. 404 for one of somebody else.
async fn own(app: &App, payer: &Payer, session: &SessionId) -> Result<SessionRow, ApiError> {
    let row = last_read(app, session).await?;
    let row = row.filter(|row| payer.stripe.as_ref() == Some(&row.customer));
    row.ok_or_else(|| ApiError::not_found("checkout session"))
}

async fn last_read(app: &App, session: &SessionId) -> Result<Option<SessionRow>, ApiError> {
    let mut tx = app.db.read().await?;
    Ok(checkout_sessions::get(&mut tx, session).await?)
}

/// Lets the session's lane read it from Stripe.
async fn look(app: &App, row: &SessionRow) -> Result<(), ApiError> {
    let wish = WishFor::object(row.id.to_string());
    lanes::look_now(app, row.customer.as_str(), wish, why::SYNC).await
}

/// What its customer has now in the plan group of a session.
async fn now_of(app: &App, payer: &Payer, row: &SessionRow) -> Result<SubscriptionView, ApiError> {
    let group = group_of(app, row).await?;
    reads::subscription(app, payer, &group).await
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
