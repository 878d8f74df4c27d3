//! Intents: every change of ours to Stripe, committed before its first call.
//!
//! An intent has named steps, one call each. A step stores its whole request and its key before it
//! is sent; a repeat sends those bytes. The answer is recorded with a wish in the customer's lane,
//! so that one path, the lane's, writes state. `drive` may be called by anybody at any time: a crash
//! between two lines of it leaves an intent that the next call finishes.

mod effect;
mod request;
mod step;
pub mod stuck;
pub(crate) mod what;

use std::time::Duration;

use serde_json::Value;
use specie_store::customers::{self, Payer};
use specie_store::intents::{self as stored, Intent, IntentState, Step};
use specie_store::{StoreError, Tx};
use specie_vocab::{IntentId, WallTime};

use crate::trail::{self, Who};
use crate::{ApiError, App, account, alarms, lanes};
use step::Stepped;

/// What driving an intent came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driven {
    /// It is over.
    Finished(IntentState),
    /// Somebody else drives it, or it waits for its next try.
    Busy,
    /// Stripe gave no answer that ends it; it is tried again later, by itself.
    Waits,
}

/// How long one drive may take before another may begin, in seconds.
const LEASE: i64 = 60;
/// A wait of so many seconds is waited for by the caller itself, a few times; longer ones are not.
const INLINE: i64 = 2;

/// A change that is to be begun.
pub(crate) struct New<'a> {
    /// Who asks for it.
    pub(crate) who: Who,
    /// The plan group whose slot it holds, if any.
    pub(crate) group: Option<&'a str>,
    pub(crate) kind: &'a str,
    pub(crate) what: Value,
    /// What the trail says of its beginning.
    pub(crate) told: &'a str,
    /// What led a rule to it. None, where somebody asks for it: then it is its own cause.
    pub(crate) why: Option<&'a str>,
}

/// Writes down a new intent and that it was begun, in the caller's transaction: with the customer
/// locked, and no other open in its plan group.
pub(crate) async fn begin(
    app: &App,
    tx: &mut Tx,
    payer: &Payer,
    new: New<'_>,
) -> Result<Intent, StoreError> {
    let New { who, group, kind, what, told, why } = new;
    let intent = Intent {
        id: IntentId(app.id()),
        payer: payer.id,
        plan_group: group.map(String::from),
        kind: kind.into(),
        what,
        asked_by: who.to_string(),
        state: IntentState::Open,
        decided_version: payer.version,
        created_at: tx.now().await?,
        finished_at: None,
        result: None,
    };
    stored::insert(tx, &intent).await?;
    match why {
        Some(why) => trail::of_rule(app, tx, &intent, told, why).await?,
        None => trail::of_intent(app, tx, &intent, told).await?,
    }
    Ok(intent)
}

/// Drives an intent as far as it goes.
pub async fn drive(app: &App, id: IntentId) -> Result<Driven, ApiError> {
    let mut tx = app.db.begin().await?;
    let found = match stored::get(&mut tx, id).await {
        Err(error) if error.is_corrupt() => {
            drop(tx);
            alarms::corrupt(app, [&error]);
            put_off(app, id).await?;
            return Err(error.into());
        }
        found => found?,
    };
    let Some(intent) = found else {
        return Err(ApiError::internal("an intent is not there"));
    };
    if intent.state != IntentState::Open {
        return Ok(Driven::Finished(intent.state));
    }
    let now = tx.now().await?;
    let until = now.plus_seconds(LEASE);
    if !stored::lease(&mut tx, id, until, now).await? {
        return Ok(Driven::Busy);
    }
    tx.commit().await?;

    let driven = walk(app, &intent, until).await;
    app.stir();
    match &driven {
        // The row is named in the log already.
        Err(error) if error.corrupt => {
            alarms::raise(app, "row_corrupt");
            put_off(app, id).await?;
        }
        Err(_) if step::waits_for_lists(app, id).await? => {}
        Err(_) => let_go(app, &intent, until, 1).await?,
        Ok(_) => {}
    }
    driven
}

/// A row is at fault, that somebody has to put right first.
async fn put_off(app: &App, id: IntentId) -> Result<(), StoreError> {
    let mut tx = app.db.begin().await?;
    let now = tx.now().await?;
    stored::put_off(&mut tx, id, now.plus_seconds(lanes::MENDING)).await?;
    tx.commit().await
}

/// 409 for an intent that waits for a person: nothing else may be begun in its slot until then.
pub(crate) fn not_stuck(intent: &Intent) -> Result<(), ApiError> {
    if intent.state != IntentState::Stuck {
        return Ok(());
    }
    Err(ApiError::conflict("needs_operator", "an earlier change is stuck and needs a person first"))
}

async fn walk(app: &App, intent: &Intent, until: WallTime) -> Result<Driven, ApiError> {
    account::ensure(app).await?;
    let mut inline = 0;
    loop {
        let payer = payer_of(app, intent).await?;
        let steps = {
            let mut tx = app.db.read().await?;
            stored::steps(&mut tx, intent.id).await?
        };
        let Some((n, name)) = request::next_step(intent, &payer, &steps) else {
            // Until the lane has seen what was done, whoever comes next would do it again.
            seen(app, &payer).await?;
            let result = request::result(intent, &steps);
            return end(app, intent, until, IntentState::Done, result).await;
        };
        let stepped = match left_out(app, intent, &payer, name, &steps).await? {
            Some(stepped) => stepped,
            None => step::take(app, intent, &payer, n, name, &steps).await?,
        };
        match stepped {
            Stepped::Done => {}
            Stepped::Ends(state, result) => {
                return end(app, intent, until, state, result).await;
            }
            Stepped::Waits(seconds) if seconds <= INLINE && app.patience.sleeps() && inline < 3 => {
                inline += 1;
                tokio::time::sleep(Duration::from_millis(250 << inline)).await;
            }
            Stepped::Waits(seconds) => {
                let_go(app, intent, until, seconds).await?;
                return Ok(Driven::Waits);
            }
            Stepped::Overtaken => return Ok(Driven::Busy),
        }
    }
}

/// What comes of a step that is not taken: there is nothing left to do before the first one, or before
/// the end of a second subscription is asked for once more, which cannot be taken back and may come
/// long after the first time.
async fn left_out(
    app: &App,
    intent: &Intent,
    payer: &Payer,
    name: &str,
    steps: &[Step],
) -> Result<Option<Stepped>, ApiError> {
    if steps.is_empty() {
        let is_over = request::is_over(app, intent, payer).await?;
        return Ok(is_over.then(step::over_already));
    }
    if name == "cancel" && request::is_the_only_one(app, intent, payer).await? {
        return step::held_by_now(app, intent, payer).await.map(Some);
    }
    Ok(None)
}

/// Lets the customer's lane look at what waits in it.
async fn seen(app: &App, payer: &Payer) -> Result<(), ApiError> {
    let Some(customer) = &payer.stripe else { return Ok(()) };
    let mut tx = app.db.read().await?;
    let now = tx.now().await?;
    let waiting = specie_store::lanes::has_due(&mut tx, customer.as_str(), now).await?;
    drop(tx);
    // A lane that backs off is not waited for: this intent is tried again, too.
    if waiting { lanes::settle_within(app, customer.as_str(), 2).await } else { Ok(()) }
}

async fn payer_of(app: &App, intent: &Intent) -> Result<Payer, ApiError> {
    let mut tx = app.db.read().await?;
    let payer = customers::get(&mut tx, intent.payer).await?;
    payer.ok_or_else(|| ApiError::internal("an intent's customer is not there"))
}

/// The next may take it after `seconds`, and the later, the longer it has lasted.
async fn let_go(app: &App, intent: &Intent, until: WallTime, seconds: i64) -> Result<(), ApiError> {
    let mut tx = app.db.begin().await?;
    let now = tx.now().await?;
    let lasted = lanes::longer_since(intent.created_at, now);
    let wait = seconds.max(lanes::longer_the_longer(app)).max(lasted);
    stored::let_go(&mut tx, intent.id, until, now.plus_seconds(wait)).await?;
    Ok(tx.commit().await?)
}

/// Ends an intent that was leased until `until`, frees what it had claimed, and tells the story.
async fn end(
    app: &App,
    intent: &Intent,
    until: WallTime,
    state: IntentState,
    result: Value,
) -> Result<Driven, ApiError> {
    let mut tx = app.db.begin().await?;
    customers::lock(&mut tx, intent.payer).await?;
    let found = stored::get(&mut tx, intent.id).await?.map(|found| found.state);
    if let Some(ended) = found.filter(|found| *found != IntentState::Open) {
        return Ok(Driven::Finished(ended)); // Another has ended it, and told the story.
    }
    // What is done stays done. Of what is not, whoever took it over may be asking for it just now.
    if state != IntentState::Done && !stored::is_leased(&mut tx, intent.id, until).await? {
        return Ok(Driven::Busy);
    }
    // What a stuck one has done at Stripe is not known: its slot stays claimed.
    if !matches!(state, IntentState::Done | IntentState::Stuck) {
        stuck::free_slot(&mut tx, intent).await?;
    }
    let now = tx.now().await?;
    stored::finish(&mut tx, intent.id, state, Some(&result), now).await?;
    if intent.kind == "cancel_and_refund" && state == IntentState::Failed {
        tracing::error!(intent = %intent.id, "a second subscription was not taken back");
        alarms::raise(app, "not_taken_back");
    }
    if state == IntentState::Stuck {
        tracing::error!(intent = %intent.id, kind = %intent.kind, "an intent needs a person");
        alarms::raise(app, "intent_stuck");
    }
    trail::of_intent(app, &mut tx, intent, &format!("{}.{}", intent.kind, state.as_str())).await?;
    let version = customers::bump(&mut tx, intent.payer).await?;
    tx.commit().await?;
    app.cache.drop_below(intent.payer, version);
    Ok(Driven::Finished(state))
}
