//! Lanes: per customer, in order, claim → fetch → decide → one transaction.
//!
//! A lane is claimed under a fence that grows by one each time. What its rows name is fetched from
//! Stripe; then one transaction locks our customer's row, checks that the fence is still ours,
//! writes the mirrors, decides, writes what was decided, and sets handled exactly the rows that
//! were claimed. A worker that overslept its lease leaves nothing behind.

pub(crate) mod ahead;
mod apart;
mod apply;
mod cause;
mod fetch;
mod mirrors;
mod newest;
mod noted;
mod second_look;
mod stranger;
mod told;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use specie_billing::IntentRequest;
use specie_store::customers;
use specie_store::inbox::{self, InboxState};
use specie_store::lanes::{self as stored, Claim, Counts, Hold};
use specie_store::wishes::{self, Wish};
use specie_store::{StoreError, Tx};
use specie_stripe::StripeError;
use specie_vocab::{CustomerId, PayerId, WallTime};

pub use ahead::Shelf;

use crate::app::Patience;
use crate::{ApiError, App, account, alarms, meter};

/// How long a worker may hold a lane, in seconds.
const LEASE: i64 = 30;
/// How often the same bytes may fail before their event is parked.
const PATIENCE: i64 = 5;
/// How long until a row that cannot be read is looked at again, in seconds: a person puts it right.
pub(crate) const MENDING: i64 = 60;
/// How often a worker that still waits for Stripe says so, well within its lease.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);
/// While Stripe is away, nobody waits longer than this for the next try, in seconds: whoever comes
/// back from paying is not to wait for long after it has returned.
pub(crate) const LONGEST_WAIT: i64 = 16;
/// So long, in seconds, what Stripe answers may lag behind what it has answered or told before.
pub(crate) const LAG: i64 = 60;

/// What a lane is asked to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "look", rename_all = "snake_case")]
pub enum WishFor {
    /// One object and what hangs on it.
    Object {
        /// Stripe's id.
        id: String,
        /// Events of other lanes, whose news it must show.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        told: Vec<String>,
    },
    /// All that Stripe has of the customer.
    Everything,
    /// Nothing from Stripe: a change of ours that waits until the slot's other intent is over.
    Ask {
        /// Which change.
        ask: IntentRequest,
    },
}

impl WishFor {
    /// One object, by Stripe's id.
    pub fn object(id: impl Into<String>) -> Self {
        Self::Object { id: id.into(), told: Vec::new() }
    }
}

/// The events of other lanes because of which something is wished.
fn told_by(wish: &Wish) -> Vec<String> {
    match serde_json::from_value(wish.what.clone()) {
        Ok(WishFor::Object { told, .. }) => told,
        _ => Vec::new(),
    }
}

/// What a run of a lane came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ran {
    /// Somebody else holds it, or it must wait, or there is nothing to do.
    Nothing,
    /// What was claimed is handled.
    Done,
    /// It could not be handled now; it waits for its next try.
    BackedOff,
}

/// Why a claimed lane was not finished.
#[derive(Debug, thiserror::Error)]
enum LaneError {
    #[error(transparent)]
    Stripe(#[from] StripeError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("`{object}` could not be read: {why}")]
    Unreadable { object: String, why: String },
    /// Another worker has taken the lane meanwhile; nothing of ours may be written.
    #[error("the lane was taken over")]
    Overslept,
    /// It is not known whose account would be read, or it is another one than ours.
    #[error("nothing is read from Stripe: {0}")]
    Unbound(ApiError),
}

impl LaneError {
    /// Whether this is the fault of what was read, and not of an outage.
    fn counts(&self) -> bool {
        match self {
            // A key that is refused, or lacks a right, says nothing of the bytes that were to be
            // handled; nor does the page of a proxy in between.
            Self::Stripe(error @ StripeError::Refused(_)) => !error.is_forbidden(),
            Self::Stripe(error) => {
                !error.is_outage() && matches!(error, StripeError::Unreadable(_))
            }
            Self::Unreadable { .. } => true,
            // A database that is out of order says nothing of them, either.
            Self::Store(error) => error.is_of_the_data(),
            Self::Overslept | Self::Unbound(_) => false,
        }
    }

    /// Whether it is over soon, and for all lanes together. A key that is refused, or lacks a right,
    /// waits for a person, while other calls are answered.
    fn passes(&self) -> bool {
        match self {
            Self::Stripe(error) => error.is_outage(),
            Self::Unbound(error) => error.code == "stripe_unavailable",
            Self::Store(error) => error.is_transient(),
            Self::Overslept => true,
            Self::Unreadable { .. } => false,
        }
    }
}

/// Adds a wish to a lane, due at `due`. `why` is its cause, as the audit trail will name it.
pub async fn wish(
    app: &App,
    tx: &mut Tx,
    lane: &str,
    what: &WishFor,
    due: WallTime,
    why: &str,
) -> Result<(), StoreError> {
    let urgent = matches!(what, WishFor::Object { .. });
    let (id, lane, what, why) = (app.id(), lane.into(), json!(what), why.into());
    wishes::add(tx, &Wish { id, lane, what, due, urgent, why }).await
}

/// Adds the looks at what may have been read late, for which nobody waits.
async fn look_again(
    app: &App,
    tx: &mut Tx,
    lane: &str,
    what: &WishFor,
    now: WallTime,
    why: &str,
) -> Result<(), StoreError> {
    for due in second_look::looks(lane, now) {
        let (id, lane, what, why) = (app.id(), lane.into(), json!(what), why.into());
        wishes::add(tx, &Wish { id, lane, what, due, urgent: false, why }).await?;
    }
    Ok(())
}

/// Makes a lane look at something now, and returns when it has. 503 when Stripe does not answer.
pub async fn look_now(app: &App, lane: &str, what: WishFor, why: &str) -> Result<(), ApiError> {
    let mut tx = app.db.begin().await?;
    let now = tx.now().await?;
    wish(app, &mut tx, lane, &what, now, why).await?;
    tx.commit().await?;
    settle(app, lane).await
}

/// Runs a lane until nothing in it is due.
pub async fn settle(app: &App, lane: &str) -> Result<(), ApiError> {
    settle_within(app, lane, app.rounds(400)).await
}

/// The same, waiting for others no more than `rounds` times.
pub(crate) async fn settle_within(app: &App, lane: &str, rounds: usize) -> Result<(), ApiError> {
    for round in 0..rounds {
        let ran = match standing(app, lane).await? {
            Standing::Rests => return Ok(()),
            Standing::Waits if app.waits_for_a_right(round) => Ran::BackedOff,
            Standing::Waits | Standing::Held => Ran::Nothing,
            Standing::Free => run(app, lane).await?,
        };
        match ran {
            Ran::Done => {}
            Ran::BackedOff => return Err(ApiError::stripe_unavailable()),
            Ran::Nothing if app.waits_for_stripe(round) => {
                return Err(ApiError::stripe_unavailable());
            }
            Ran::Nothing => app.wait_for_others().await,
        }
    }
    Err(ApiError::stripe_unavailable())
}

/// How a lane stands to whoever waits for it.
enum Standing {
    /// Nothing in it is due.
    Rests,
    /// Another works on it.
    Held,
    /// It waits for its next try.
    Waits,
    /// It can be taken.
    Free,
}

/// It is only read: many may wait for one lane, and who writes waits for none of them.
async fn standing(app: &App, lane: &str) -> Result<Standing, StoreError> {
    let mut tx = app.db.read().await?;
    let now = tx.now().await?;
    if !stored::has_due(&mut tx, lane, now).await? {
        return Ok(Standing::Rests);
    }
    Ok(match stored::hold(&mut tx, lane, now).await? {
        Some(Hold::Leased) => Standing::Held,
        Some(Hold::BackingOff) => Standing::Waits,
        None => Standing::Free,
    })
}

/// Claims a lane and handles what is in it.
pub async fn run(app: &App, lane: &str) -> Result<Ran, StoreError> {
    let mut tx = app.db.begin().await?;
    let now = tx.now().await?;
    let claim = match stored::claim(&mut tx, lane, LEASE, now, app.business.now()).await {
        Err(error) if error.is_corrupt() => {
            drop(tx);
            return put_off(app, lane, &error).await;
        }
        claim => claim?,
    };
    let Some(claim) = claim else {
        tx.commit().await?;
        return Ok(Ran::Nothing);
    };
    let parked = match claim.unreadable.is_empty() {
        true => None,
        false => seen_as_stale(&mut tx, &claim).await?,
    };
    tx.commit().await?;
    alarms::corrupt(app, &claim.unreadable);
    if let Some((payer, version)) = parked {
        app.cache.drop_below(payer, version);
    }
    // Work that failed on its bytes is done one event at a time, so that the guilty one is found.
    let claim = if claim.failures > 0 { only_first(claim) } else { claim };

    let begun = app.wall.now();
    let result = handle(app, &claim, now).await;
    let took = meter::seconds(begun, app.wall.now());
    app.stir();
    match result {
        Ok(()) => {
            meter::lane("done", took);
            Ok(Ran::Done)
        }
        Err(LaneError::Overslept) => Ok(Ran::Nothing),
        Err(error) => {
            meter::lane("backed_off", took);
            back_off(app, &claim, &error).await?;
            Ok(Ran::BackedOff)
        }
    }
}

/// What is to be done in a lane cannot be read: others go on, and this one is looked at again later.
async fn put_off(app: &App, lane: &str, error: &StoreError) -> Result<Ran, StoreError> {
    alarms::corrupt(app, [error]);
    let mut tx = app.db.begin().await?;
    let now = tx.now().await?;
    stored::put_off(&mut tx, lane, now.plus_seconds(MENDING)).await?;
    tx.commit().await?;
    Ok(Ran::BackedOff)
}

fn only_first(mut claim: Claim) -> Claim {
    if claim.wishes.is_empty() {
        claim.events.truncate(1);
    } else {
        claim.wishes.truncate(1);
        claim.events.clear();
    }
    claim
}

/// Handles what was claimed at `since`: what it reads is that old, or newer.
async fn handle(app: &App, claim: &Claim, since: WallTime) -> Result<(), LaneError> {
    let Ok(customer) = CustomerId::try_from(claim.lane.as_str()) else {
        bound(app).await?;
        let found = alive(app, claim, stranger::look(app, claim)).await?;
        return stranger::apply(app, claim, found, since).await;
    };
    let mut tx = app.db.read().await?;
    let payer = customers::by_stripe(&mut tx, &customer).await?;
    drop(tx);
    match payer {
        Some(payer) => {
            bound(app).await?;
            let ahead = app.shelf.take(claim, app.wall.now());
            let since = ahead.as_ref().map_or(since, |ahead| ahead.since);
            let seen = fetch::all(app, &customer, claim, ahead.as_ref());
            let seen = alive(app, claim, seen).await?;
            apply::apply(app, &payer, &customer, claim, seen, since).await
        }
        None => leave_unclaimed(app, claim, &customer).await,
    }
}

/// Nothing is read before it is known whose account the key opens: of another one's, each object
/// would be missing, and its event handled for nothing.
async fn bound(app: &App) -> Result<(), LaneError> {
    account::ensure(app).await.map_err(LaneError::Unbound)
}

/// Keeps the claim as long as its fetch goes on: a slow Stripe must not make one worker after the
/// other come too late.
async fn alive<T>(
    app: &App,
    claim: &Claim,
    fetch: impl Future<Output = Result<T, LaneError>>,
) -> Result<T, LaneError> {
    if app.patience != Patience::Sleeps {
        return fetch.await;
    }
    tokio::pin!(fetch);
    loop {
        tokio::select! {
            seen = &mut fetch => return seen,
            () = tokio::time::sleep(SIGN_OF_LIFE) => {
                let mut tx = app.db.begin().await?;
                let until = tx.now().await?.plus_seconds(LEASE);
                if !stored::extend(&mut tx, &claim.lane, claim.fence, until).await? {
                    return Err(LaneError::Overslept);
                }
                tx.commit().await?;
            }
        }
    }
}

/// A customer we do not know: its events are kept, without a fetch, until it becomes ours. If it has
/// become so meanwhile, the next claim handles them: nobody wakes them again.
async fn leave_unclaimed(app: &App, claim: &Claim, customer: &CustomerId) -> Result<(), LaneError> {
    let mut tx = app.db.begin().await?;
    if !stored::holds(&mut tx, &claim.lane, claim.fence).await? {
        return Err(LaneError::Overslept);
    }
    if customers::by_stripe(&mut tx, customer).await?.is_none() {
        finish(&mut tx, claim, InboxState::Unclaimed).await?;
    }
    stored::release(&mut tx, &claim.lane, claim.fence, None).await?;
    Ok(tx.commit().await?)
}

/// Sets handled exactly what was claimed, if the fence is still ours.
async fn finish(tx: &mut Tx, claim: &Claim, state: InboxState) -> Result<(), LaneError> {
    if !stored::holds(tx, &claim.lane, claim.fence).await? {
        return Err(LaneError::Overslept);
    }
    let now = tx.now().await?;
    let events: Vec<_> = claim.events.iter().map(|event| event.id.clone()).collect();
    let wishes: Vec<_> = claim.wishes.iter().map(|wish| wish.id).collect();
    inbox::mark(tx, &events, state, now).await?;
    wishes::done(tx, &wishes).await?;
    Ok(())
}

/// Waits longer each time; an outage never counts, nor does a key that is refused or lacks a right;
/// what fails again and again is parked.
async fn back_off(app: &App, claim: &Claim, error: &LaneError) -> Result<(), StoreError> {
    let counts = error.counts();
    tracing::warn!(lane = %claim.lane, %error, counts, "a lane could not be handled");
    let mut tx = app.db.begin().await?;
    if !stored::holds(&mut tx, &claim.lane, claim.fence).await? {
        return Ok(());
    }
    let now = tx.now().await?;
    if counts && let ([event], []) = (&claim.events[..], &claim.wishes[..]) {
        inbox::failed(&mut tx, std::slice::from_ref(&event.id), &error.to_string()).await?;
    }
    let mut changed = None;
    let mut counted = if counts { Counts::Yes } else { Counts::No };
    if counts && claim.failures + 1 >= PATIENCE {
        park(app, &mut tx, claim, now).await?;
        changed = seen_as_stale(&mut tx, claim).await?;
        counted = Counts::Anew;
    }
    let wait = match error {
        LaneError::Store(error) if error.is_corrupt() => {
            alarms::corrupt(app, [error]);
            MENDING
        }
        _ if counts => 1_i64 << claim.failures.clamp(0, 8),
        _ if error.passes() && !app.stripe.key_refused() => longer_the_longer(app),
        _ => waits_since(claim).map_or(LONGEST_WAIT, |since| longer_since(since, now)),
    };
    stored::back_off(&mut tx, &claim.lane, claim.fence, now.plus_seconds(wait), counted).await?;
    tx.commit().await?;
    if let Some((payer, version)) = changed {
        app.cache.drop_below(payer, version);
    }
    Ok(())
}

/// How long whoever met an outage waits, in seconds: all wait longer, the longer it lasts.
pub(crate) fn longer_the_longer(app: &App) -> i64 {
    (1_i64 << app.stripe.outages().min(10)).min(LONGEST_WAIT)
}

/// How long what waits since then waits for its next try, in seconds, if it alone meets what it meets.
pub(crate) fn longer_since(since: WallTime, now: WallTime) -> i64 {
    (now.seconds_since(since) / 8).clamp(1, LONGEST_WAIT)
}

/// Since when what was claimed waits. Nobody knows of a lane that was only woken.
fn waits_since(claim: &Claim) -> Option<WallTime> {
    let events = claim.events.iter().map(|event| event.received_at);
    events.chain(claim.wishes.iter().map(|wish| wish.due)).min()
}

/// The customer's view is read again: it says `stale` as long as an event is parked.
async fn seen_as_stale(tx: &mut Tx, claim: &Claim) -> Result<Option<(PayerId, i64)>, StoreError> {
    let Ok(customer) = CustomerId::try_from(claim.lane.as_str()) else { return Ok(None) };
    let Some(payer) = customers::by_stripe(tx, &customer).await? else { return Ok(None) };
    Ok(Some((payer.id, customers::bump(tx, payer.id).await?)))
}

/// Sets the guilty one aside: an event is parked, a wish put off, so that others are not held up.
async fn park(app: &App, tx: &mut Tx, claim: &Claim, now: WallTime) -> Result<(), StoreError> {
    if let Some(wish) = claim.wishes.first() {
        tracing::error!(lane = %claim.lane, "a wish was put off by an hour");
        alarms::raise(app, "wish_put_off");
        wishes::done(tx, &[wish.id]).await?;
        return wishes::add(tx, &Wish { due: now.plus_seconds(3600), ..wish.clone() }).await;
    }
    let Some(event) = claim.events.first() else { return Ok(()) };
    tracing::error!(event = %event.id, lane = %claim.lane, "an event was parked");
    alarms::raise(app, "event_parked");
    inbox::mark(tx, std::slice::from_ref(&event.id), InboxState::Parked, now).await
}
