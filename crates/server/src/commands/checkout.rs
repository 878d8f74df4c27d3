//! Buying a plan: one open Checkout Session per customer and plan group.

mod back;
mod deleted;

use serde_json::json;
use specie_billing::{PriceRef, Slot};
use specie_store::Tx;
use specie_store::customers::Payer;
use specie_store::intents::{self as stored, Intent, StepState};
use specie_store::mirrors::checkout_sessions::{self, SessionRow};
use specie_store::mirrors::customers as stripe_customers;
use specie_vocab::{IntentId, PriceId, SessionId};

use super::{Begun, Settled, SoFar, locked, settled, with_view};
use crate::intents::what::Purchase;
use crate::intents::{self, New};
use crate::trail::Who;
use crate::views::CheckoutView;
use crate::{ApiError, App, catalog, kept};

pub use back::{come_back, is_complete, sync};

/// What a customer chose. Return addresses were checked before.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The plan and price, as the catalog has them.
    pub price: PriceRef,
    /// Where the browser goes when it has paid; `{CHECKOUT_SESSION_ID}` is filled in by Stripe.
    pub success_url: String,
    /// Where it goes when it did not.
    pub cancel_url: String,
}

/// Begins a checkout, or answers with the one that is open for the same choice.
///
/// 409 `already_subscribed` when the group is held, `conflict` when it needs a person,
/// `checkout_in_progress` when another call does not come to an end in time, or Stripe does not expire
/// the session that is open; 503 when Stripe does not answer (the intent is then finished by itself), or
/// does not show for a while what it has made.
pub async fn start(
    app: &App,
    payer: &Payer,
    who: Who,
    choice: &Choice,
) -> Result<CheckoutView, ApiError> {
    if let Some(why) = app.catalog.why_unsellable(&choice.price) {
        return Err(ApiError::conflict("not_sold_yet", format!("{}: {}", why.what, why.why)));
    }
    let found = settled(app, payer.id, |so_far| begin(app, payer, who, choice, so_far)).await?;
    match found {
        Settled::Found(view) => Ok(view),
        Settled::Failed => Err(ApiError::conflict(
            "not_possible",
            "Stripe refused to open a checkout; the log says why",
        )),
        Settled::Busy => Err(ApiError::conflict(
            "checkout_in_progress",
            "another checkout of this customer is under way",
        )),
    }
}

/// One look at the slot, and what it allows: an open session, an unfinished intent, a new one.
async fn begin(
    app: &App,
    payer: &Payer,
    who: Who,
    choice: &Choice,
    so_far: SoFar,
) -> Result<Begun<CheckoutView>, ApiError> {
    let group = &choice.price.group;
    let mut tx = app.db.begin().await?;
    let mut payer = locked(&mut tx, payer.id).await?;
    if let Some(first) = deleted::forget(app, &mut tx, &mut payer, so_far).await? {
        tx.commit().await?;
        return Ok(first);
    }
    if let Some(open) = stored::open_of(&mut tx, payer.id, group).await? {
        intents::not_stuck(&open)?;
        return Ok(Begun::Open(open.id));
    }
    if payer.stripe.is_none() {
        not_stuck_elsewhere(&mut tx, &payer).await?;
    }

    same_currency(app, &mut tx, &payer).await?;
    let now = stripe_price(app, &mut tx, &choice.price).await?;
    let slot = kept::slot_of(&mut tx, payer.id, group).await?;
    let expire = match slot {
        Slot::Held { subscription } | Slot::Conflict { subscription, .. } => {
            drop(tx); // What `already` reads may have to be written first.
            return Err(already(app, &payer, group, subscription.as_str()).await);
        }
        Slot::Open { intent, session } => {
            let row = checkout_sessions::get(&mut tx, &session).await?;
            let same = is_for(&mut tx, intent, choice, now.as_ref()).await?;
            match row {
                Some(row) if same && row.status.as_deref() == Some("open") => {
                    return Ok(Begun::Found(view_of(&row)?));
                }
                Some(row) if lately_refused(&mut tx, &payer, group, &session).await? => {
                    return Err(being_paid(&row));
                }
                _ => Some(session),
            }
        }
        // The session that a finished intent made, as long as no lane has seen it.
        Slot::Claimed { intent } => match (made_by(&mut tx, intent).await?, &payer.stripe) {
            (Some(session), Some(customer)) if so_far.may_wait() => {
                return Ok(Begun::Unseen(customer.clone(), session.to_string()));
            }
            // Another one would be seen no sooner.
            (Some(_), _) if so_far.own == Some(intent) => {
                return Err(ApiError::stripe_unavailable());
            }
            (made, _) => made,
        },
        Slot::Empty => None,
    };
    let now = now.ok_or_else(|| {
        ApiError::conflict(
            "catalog_not_applied",
            "this price is not in Stripe yet as the catalog has it: run `specie catalog apply`",
        )
    })?;
    let purchase = Purchase {
        group: group.clone(),
        plan: choice.price.plan.clone(),
        price: choice.price.price.clone(),
        stripe_price: now.to_string(),
        success_url: choice.success_url.clone(),
        cancel_url: choice.cancel_url.clone(),
        expire: expire.as_ref().map(|session| session.to_string()),
    };
    let (kind, what, told) = ("checkout", json!(purchase), "checkout.begun");
    let new = New { who, group: Some(group), kind, what, told, why: None };
    let intent = intents::begin(app, &mut tx, &payer, new).await?;
    if expire.is_none() {
        kept::save_slot(&mut tx, payer.id, group, &Slot::Claimed { intent: intent.id }).await?;
    }
    tx.commit().await?;
    Ok(Begun::New(intent.id))
}

/// Stripe's price that costs what the catalog says, and no other: whoever chose was shown the
/// catalog's.
async fn stripe_price(
    app: &App,
    tx: &mut Tx,
    chosen: &PriceRef,
) -> Result<Option<PriceId>, ApiError> {
    let Some(found) = app.catalog.look_up(chosen) else { return Ok(None) };
    let version = catalog::sold_as(tx, found).await?;
    Ok(version.map(|version| version.stripe_price))
}

/// 409 while a person has to find out whether a checkout in another group has made the customer.
async fn not_stuck_elsewhere(tx: &mut Tx, payer: &Payer) -> Result<(), ApiError> {
    for intent in stored::of_kind(tx, payer.id, "checkout").await? {
        let steps = stored::steps(tx, intent.id).await?;
        if steps.iter().any(|it| it.name == "customer" && it.state == StepState::Sent) {
            intents::not_stuck(&intent)?;
        }
    }
    Ok(())
}

/// For so long, in seconds, Stripe's refusal to expire a session stands.
const REFUSAL: i64 = 10;

/// Whether Stripe has just refused to expire this session: it is open all the same, which says that
/// somebody is paying.
async fn lately_refused(
    tx: &mut Tx,
    payer: &Payer,
    group: &str,
    session: &SessionId,
) -> Result<bool, ApiError> {
    let now = tx.now().await?;
    Ok(newest_of(tx, payer, group).await?.is_some_and(|it| {
        let late = it.finished_at.is_none_or(|at| now.seconds_since(at) > REFUSAL);
        let refused = it.result.is_some_and(|result| result["step"] == "expire");
        refused && !late && it.what["expire"] == session.as_str()
    }))
}

/// A customer's newest change in a plan group.
async fn newest_of(tx: &mut Tx, payer: &Payer, group: &str) -> Result<Option<Intent>, ApiError> {
    let newest = stored::of_payer(tx, payer.id, 10).await?;
    Ok(newest.into_iter().find(|it| it.plan_group.as_deref() == Some(group)))
}

fn being_paid(row: &SessionRow) -> ApiError {
    let text = "the checkout that is open for another choice is being paid";
    let error = ApiError::conflict("checkout_in_progress", text);
    // One that has just been completed has no address any more.
    match view_of(row) {
        Ok(view) => error.with("checkout", json!(view)),
        Err(_) => error,
    }
}

/// Stripe binds a customer to the first currency it pays in; another one is refused before Stripe is
/// asked.
async fn same_currency(app: &App, tx: &mut Tx, payer: &Payer) -> Result<(), ApiError> {
    let Some(customer) = &payer.stripe else { return Ok(()) };
    let row = stripe_customers::get(tx, customer).await?;
    let ours = app.catalog.currency;
    match row.and_then(|row| row.currency) {
        Some(theirs) if theirs != ours => Err(ApiError::conflict(
            "currency_mismatch",
            format!("this customer pays in `{theirs}` and the catalog sells in `{ours}`"),
        )),
        _ => Ok(()),
    }
}

/// The session that an intent made, if it did.
async fn made_by(tx: &mut Tx, intent: IntentId) -> Result<Option<SessionId>, ApiError> {
    let result = stored::get(tx, intent).await?.and_then(|intent| intent.result);
    let session = result.as_ref().and_then(|result| result["session"].as_str());
    Ok(session.and_then(|id| id.try_into().ok()))
}

/// Whether an open session was begun for the same choice, at the price that is Stripe's now.
async fn is_for(
    tx: &mut Tx,
    intent: IntentId,
    choice: &Choice,
    now: Option<&PriceId>,
) -> Result<bool, ApiError> {
    let Some(intent) = stored::get(tx, intent).await? else { return Ok(false) };
    let begun: Result<Purchase, _> = serde_json::from_value(intent.what);
    let same = |begun: Purchase| {
        let ours = (&choice.price.plan, &choice.price.price);
        (&begun.plan, &begun.price) == ours
            && now.is_some_and(|now| begun.stripe_price == now.as_str())
    };
    Ok(begun.is_ok_and(same))
}

async fn already(app: &App, payer: &Payer, group: &str, subscription: &str) -> ApiError {
    let error = ApiError::conflict(
        "already_subscribed",
        format!("this customer already has `{subscription}` in the plan group `{group}`"),
    );
    with_view(error, app, payer, group).await
}

/// The session as the caller sees it.
fn view_of(row: &SessionRow) -> Result<CheckoutView, ApiError> {
    let url =
        row.url.clone().ok_or_else(|| ApiError::internal("an open session has no address"))?;
    Ok(CheckoutView { id: row.id.to_string(), url, expires_at: row.expires_at.timestamp() })
}
