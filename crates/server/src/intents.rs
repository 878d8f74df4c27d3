//! Intents: every change of ours to Stripe, committed before its first call.
//!
//! An intent has named steps, one call each. A step stores its whole request and its key before it
//! is sent; a repeat sends those bytes. The answer is recorded with a wish in the customer's lane,
//! so that one path, the lane's, writes state. `drive` may be called by anybody at any time: a crash
//! between two lines of it leaves an intent that the next call finishes.

mod effect;
mod request;

use std::time::Duration;

use serde_json::{Value, json};
use specie_billing::Slot;
use specie_store::customers::{self, Payer};
use specie_store::intents::{self as stored, Intent, IntentState, Step, StepState, Try};
use specie_store::{StoreError, Tx, audit as trail};
use specie_stripe::{Answer, ApiFault, StoredRequest, StripeError};
use specie_vocab::{CustomerId, IntentId, WallTime};

use crate::app::Patience;
use crate::lanes::{self, WishFor};
use crate::{ApiError, App, account, kept};

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
/// After how long an open try is looked for before any call, in seconds: Stripe may forget a key
/// after 24 hours.
const FORGETFUL: i64 = 20 * 3600;

/// What became of one step.
enum Stepped {
    Done,
    /// The intent ends here: nothing was changed, or what was is undone.
    Ends(IntentState, Value),
    Waits(i64),
}

/// Drives an intent as far as it goes.
pub async fn drive(app: &App, id: IntentId) -> Result<Driven, ApiError> {
    let mut tx = app.db.begin().await?;
    let Some(intent) = stored::get(&mut tx, id).await? else {
        return Err(ApiError::internal("an intent is not there"));
    };
    if intent.state != IntentState::Open {
        return Ok(Driven::Finished(intent.state));
    }
    let now = tx.now().await?;
    if !stored::lease(&mut tx, id, now.plus_seconds(LEASE), now).await? {
        return Ok(Driven::Busy);
    }
    tx.commit().await?;

    let driven = walk(app, &intent).await;
    app.stir();
    if driven.is_err() {
        let_go(app, id, 1).await?;
    }
    driven
}

/// 409 for an intent that waits for a person: nothing else may be begun in its slot until then.
pub(crate) fn not_stuck(intent: &Intent) -> Result<(), ApiError> {
    if intent.state != IntentState::Stuck {
        return Ok(());
    }
    Err(ApiError::conflict("needs_operator", "an earlier change is stuck and needs a person first"))
}

/// Waits a moment for another task that works on the same customer.
pub async fn wait_for_others(app: &App) {
    if app.patience == Patience::Yields {
        return tokio::task::yield_now().await;
    }
    let _woken = tokio::time::timeout(Duration::from_millis(50), app.moved.notified()).await;
}

async fn walk(app: &App, intent: &Intent) -> Result<Driven, ApiError> {
    account::ensure(app).await?;
    let mut inline = 0;
    loop {
        let payer = payer_of(app, intent).await?;
        let steps = {
            let mut tx = app.db.read().await?;
            stored::steps(&mut tx, intent.id).await?
        };
        let Some((n, name)) = request::next_step(intent, &payer, &steps) else {
            // Until the lane has seen what was done, the slot does not show it.
            if let (Some(customer), Some(_)) = (&payer.stripe, &intent.plan_group) {
                lanes::settle(app, customer.as_str()).await?;
            }
            return end(app, intent, IntentState::Done, request::result(intent, &steps)).await;
        };
        if steps.is_empty() && request::is_over(app, intent, &payer).await? {
            return end(app, intent, IntentState::Undone, json!({ "why": "over already" })).await;
        }
        match step(app, intent, &payer, n, name, &steps).await? {
            Stepped::Done => {}
            Stepped::Ends(state, result) => return end(app, intent, state, result).await,
            Stepped::Waits(_) if app.patience == Patience::Sleeps && inline < 3 => {
                inline += 1;
                tokio::time::sleep(Duration::from_millis(250 << inline)).await;
            }
            Stepped::Waits(seconds) => {
                let_go(app, intent.id, seconds).await?;
                return Ok(Driven::Waits);
            }
        }
    }
}

async fn payer_of(app: &App, intent: &Intent) -> Result<Payer, ApiError> {
    let mut tx = app.db.read().await?;
    let payer = customers::get(&mut tx, intent.payer).await?;
    payer.ok_or_else(|| ApiError::internal("an intent's customer is not there"))
}

async fn let_go(app: &App, id: IntentId, seconds: i64) -> Result<(), ApiError> {
    let mut tx = app.db.begin().await?;
    let now = tx.now().await?;
    stored::let_go(&mut tx, id, now.plus_seconds(seconds)).await?;
    Ok(tx.commit().await?)
}

/// Ends an intent, frees what it had claimed, and tells the story.
async fn end(
    app: &App,
    intent: &Intent,
    state: IntentState,
    result: Value,
) -> Result<Driven, ApiError> {
    let mut tx = app.db.begin().await?;
    customers::lock(&mut tx, intent.payer).await?;
    let found = stored::get(&mut tx, intent.id).await?.map(|found| found.state);
    if let Some(ended) = found.filter(|state| *state != IntentState::Open) {
        return Ok(Driven::Finished(ended)); // Another has ended it, and told the story.
    }
    if state != IntentState::Done
        && let Some(group) = &intent.plan_group
    {
        let slot = kept::slots(&mut tx, intent.payer).await?.remove(group);
        if slot == Some(Slot::Claimed { intent: intent.id }) {
            kept::save_slot(&mut tx, intent.payer, group, &Slot::Empty).await?;
        }
    }
    let now = tx.now().await?;
    stored::finish(&mut tx, intent.id, state, Some(&result), now).await?;
    if state == IntentState::Stuck {
        tracing::error!(intent = %intent.id, kind = %intent.kind, "an intent needs a person");
    }
    audit(app, &mut tx, intent, &format!("{}.{}", intent.kind, state.as_str())).await?;
    let version = customers::bump(&mut tx, intent.payer).await?;
    tx.commit().await?;
    app.cache.drop_below(intent.payer, version);
    Ok(Driven::Finished(state))
}

/// One step: prepare and store its request, send it, record the answer, let the lane apply it.
async fn step(
    app: &App,
    intent: &Intent,
    payer: &Payer,
    n: i64,
    name: &'static str,
    steps: &[Step],
) -> Result<Stepped, ApiError> {
    let prepared = match prepare(app, intent, payer, n, name, steps).await? {
        Prepared::Send(prepared) => prepared,
        Prepared::Ends(state, result) => return Ok(Stepped::Ends(state, result)),
        Prepared::NotNeeded => return Ok(Stepped::Done),
    };
    if prepared.look_first {
        if let Some(found) = effect::find(app, intent, payer, name, steps).await? {
            return record(app, intent, payer, prepared, name, Recorded::Effect(found)).await;
        }
        if prepared.replayed_twice {
            return another_try(app, intent, payer, prepared, name).await;
        }
    }
    let answer = app.stripe.send(&prepared.request).await;
    match answer {
        Ok(answer) => record(app, intent, payer, prepared, name, Recorded::Answer(answer)).await,
        Err(StripeError::Server { replayed: true, .. }) => {
            note(app, &prepared, "replayed").await?;
            Ok(Stepped::Waits(10))
        }
        Err(error) if error.is_outage() || matches!(error, StripeError::KeyInUse) => {
            Ok(Stepped::Waits(2))
        }
        Err(StripeError::Refused(fault)) => {
            refused(app, intent, payer, prepared, name, *fault).await
        }
        Err(error) => {
            note(app, &prepared, "stuck").await?;
            tracing::error!(%error, intent = %intent.id, step = name, "stripe cannot be asked");
            Ok(Stepped::Ends(IntentState::Stuck, json!({ "step": name, "why": error.to_string() })))
        }
    }
}

/// A stored request, about to be sent.
struct Ready {
    row: Try,
    request: StoredRequest,
    /// Whether its effect must be looked for before it is sent.
    look_first: bool,
    /// Whether Stripe has said twice that this key will never do it.
    replayed_twice: bool,
}

enum Prepared {
    Send(Box<Ready>),
    NotNeeded,
    Ends(IntentState, Value),
}

async fn prepare(
    app: &App,
    intent: &Intent,
    payer: &Payer,
    n: i64,
    name: &'static str,
    steps: &[Step],
) -> Result<Prepared, ApiError> {
    let mut tx = app.db.begin().await?;
    customers::lock(&mut tx, payer.id).await?;
    let found = stored::get(&mut tx, intent.id).await?;
    if found.is_none_or(|found| found.state != IntentState::Open) {
        return Ok(Prepared::Ends(IntentState::Undone, json!({ "why": "ended meanwhile" })));
    }
    let now = tx.now().await?;
    let tries = stored::tries(&mut tx, intent.id).await?;
    let last =
        tries.into_iter().rfind(|it| it.step == n && it.outcome.as_deref() != Some("gave_up"));
    if let Some(row) = last {
        return Ok(Prepared::Send(Box::new(again(row, now))));
    }

    if name == "session" {
        // The slot may have been taken by a session of ours that was paid meanwhile.
        let group = intent.plan_group.as_deref().unwrap_or_default();
        match kept::slot_of(&mut tx, payer.id, group).await? {
            Slot::Empty | Slot::Claimed { .. } => {
                let claimed = Slot::Claimed { intent: intent.id };
                kept::save_slot(&mut tx, payer.id, group, &claimed).await?;
            }
            _ => return Ok(Prepared::Ends(IntentState::Undone, json!({ "why": "slot taken" }))),
        }
    }
    let Some(call) = request::build(app, &mut tx, intent, payer, name, steps).await? else {
        let step =
            Step { intent: intent.id, n, name: name.into(), state: StepState::Done, object: None };
        stored::save_step(&mut tx, &step).await?;
        tx.commit().await?;
        return Ok(Prepared::NotNeeded);
    };
    let ready = first(&mut tx, intent, n, name, call, now, 1).await?;
    tx.commit().await?;
    Ok(Prepared::Send(Box::new(ready)))
}

/// Stores a new try of a step.
async fn first(
    tx: &mut Tx,
    intent: &Intent,
    n: i64,
    name: &'static str,
    call: request::Call,
    now: WallTime,
    number: i64,
) -> Result<Ready, StoreError> {
    let row = Try {
        intent: intent.id,
        step: n,
        n: number,
        key: format!("{}:{name}:{number}", intent.id),
        method: call.method.into(),
        path: call.path,
        body: call.form.to_body(),
        version: specie_stripe::API_VERSION.into(),
        sent_at: now,
        status: None,
        request_id: None,
        original_request: None,
        outcome: None,
    };
    let step =
        Step { intent: intent.id, n, name: name.into(), state: StepState::Sent, object: None };
    stored::save_step(tx, &step).await?;
    stored::add_try(tx, &row).await?;
    let request = request_of(&row);
    Ok(Ready { row, request, look_first: false, replayed_twice: false })
}

/// A try that was begun before: the same bytes under the same key.
fn again(row: Try, now: WallTime) -> Ready {
    let replayed = row.outcome.as_deref().is_some_and(|outcome| outcome.starts_with("replayed"));
    let old = now.seconds_since(row.sent_at) >= FORGETFUL;
    let replayed_twice = row.outcome.as_deref() == Some("replayed_looked");
    Ready { request: request_of(&row), look_first: replayed || old, replayed_twice, row }
}

fn request_of(row: &Try) -> StoredRequest {
    StoredRequest {
        method: row.method.clone(),
        path: row.path.clone(),
        body: row.body.clone(),
        idempotency_key: row.key.clone(),
        version: row.version.clone(),
    }
}

/// Stripe's stored failure will never change and its effect is not there: a new key.
async fn another_try(
    app: &App,
    intent: &Intent,
    payer: &Payer,
    ready: Box<Ready>,
    name: &'static str,
) -> Result<Stepped, ApiError> {
    let mut tx = app.db.begin().await?;
    customers::lock(&mut tx, payer.id).await?;
    let mut row = ready.row;
    row.outcome = Some("gave_up".into());
    stored::answer(&mut tx, &row).await?;
    let now = tx.now().await?;
    let next = Try {
        n: row.n + 1,
        key: format!("{}:{name}:{}", intent.id, row.n + 1),
        sent_at: now,
        status: None,
        request_id: None,
        original_request: None,
        outcome: None,
        ..row
    };
    stored::add_try(&mut tx, &next).await?;
    tx.commit().await?;
    Ok(Stepped::Waits(0))
}

/// Notes what came of a try that is not over. A replay that is seen again after the effect was
/// looked for counts as the second look.
async fn note(app: &App, ready: &Ready, outcome: &str) -> Result<(), ApiError> {
    let mut row = ready.row.clone();
    let looked = row.outcome.as_deref() == Some("replayed") && outcome == "replayed";
    row.outcome = Some(if looked { "replayed_looked".into() } else { outcome.into() });
    let mut tx = app.db.begin().await?;
    stored::answer(&mut tx, &row).await?;
    Ok(tx.commit().await?)
}

enum Recorded {
    Answer(Answer),
    /// The effect was found though its answer was lost.
    Effect(Value),
}

/// Records an answer with a wish in the customer's lane, in one transaction, and lets the lane see.
async fn record(
    app: &App,
    intent: &Intent,
    payer: &Payer,
    ready: Box<Ready>,
    name: &'static str,
    recorded: Recorded,
) -> Result<Stepped, ApiError> {
    let mut row = ready.row;
    let body = match recorded {
        Recorded::Answer(answer) => {
            row.status = Some(i64::from(answer.status));
            row.request_id = answer.request_id;
            row.original_request = answer.original_request;
            row.outcome = Some("answered".into());
            answer.body
        }
        Recorded::Effect(body) => {
            row.outcome = Some("found".into());
            body
        }
    };
    let object = body.get("id").and_then(Value::as_str).map(String::from);

    let mut tx = app.db.begin().await?;
    let locked = customers::lock(&mut tx, payer.id).await?;
    let mut customer = locked.and_then(|payer| payer.stripe);
    let n = row.step;
    stored::answer(&mut tx, &row).await?;
    if name == "customer" {
        customer = Some(bind(app, &mut tx, payer, object.as_deref()).await?);
    }
    let kept = if name == "portal" {
        body.get("url").and_then(Value::as_str).map(String::from)
    } else {
        object.clone()
    };
    let step =
        Step { intent: intent.id, n, name: name.into(), state: StepState::Done, object: kept };
    stored::save_step(&mut tx, &step).await?;
    let look = object.filter(|_| name != "portal");
    if let (Some(customer), Some(object)) = (&customer, &look) {
        let now = tx.now().await?;
        let object = request::looks_at(name, object, &body);
        lanes::wish(app, &mut tx, customer.as_str(), &WishFor::Object { id: object }, now).await?;
    }
    tx.commit().await?;

    if let (Some(customer), Some(_)) = (customer, look) {
        lanes::settle(app, customer.as_str()).await?;
    }
    Ok(Stepped::Done)
}

/// Makes Stripe's customer ours: events that came before are handled now.
async fn bind(
    app: &App,
    tx: &mut Tx,
    payer: &Payer,
    object: Option<&str>,
) -> Result<CustomerId, ApiError> {
    let id = object.and_then(|id| CustomerId::try_from(id).ok());
    let id = id.ok_or_else(|| ApiError::internal("stripe's customer has no id"))?;
    customers::bind(tx, payer.id, &id).await?;
    specie_store::inbox::pend_unclaimed(tx, id.as_str()).await?;
    let now = tx.now().await?;
    lanes::wish(app, tx, id.as_str(), &WishFor::Everything, now).await?;
    Ok(id)
}

/// A refusal ends the step; where it may mean "already so", the object is read first.
async fn refused(
    app: &App,
    intent: &Intent,
    payer: &Payer,
    ready: Box<Ready>,
    name: &'static str,
    fault: ApiFault,
) -> Result<Stepped, ApiError> {
    let mut row = ready.row.clone();
    row.status = Some(i64::from(fault.status));
    row.outcome = Some("refused".into());
    let customer = payer.stripe.clone();
    let steps = {
        let mut tx = app.db.begin().await?;
        stored::answer(&mut tx, &row).await?;
        let steps = stored::steps(&mut tx, intent.id).await?;
        tx.commit().await?;
        steps
    };
    // Whatever it was, the lane looks at what the step was about: it may be so already.
    if let (Some(customer), Some(object)) = (customer, request::target(intent, name, &steps)) {
        lanes::look_now(app, customer.as_str(), WishFor::Object { id: object }).await?;
    }
    if request::may_go_on(app, intent, name, &fault).await? {
        let mut tx = app.db.begin().await?;
        let step = Step {
            intent: intent.id,
            n: row.step,
            name: name.into(),
            state: StepState::Done,
            object: None,
        };
        stored::save_step(&mut tx, &step).await?;
        tx.commit().await?;
        return Ok(Stepped::Done);
    }
    let state = if name == "expire" { IntentState::Undone } else { IntentState::Failed };
    tracing::warn!(intent = %intent.id, step = name, %fault, "stripe refused a step");
    Ok(Stepped::Ends(state, json!({ "step": name, "code": fault.code, "status": fault.status })))
}

/// Appends to a customer's audit trail what happened to an intent.
pub(crate) async fn audit(
    app: &App,
    tx: &mut Tx,
    intent: &Intent,
    what: &str,
) -> Result<(), StoreError> {
    let entry = Entry { who: "intent", what, why: &intent.id.to_string(), details: &intent.what };
    append(app, tx, intent.payer, entry).await
}

/// What is written into a customer's trail.
pub(crate) struct Entry<'a> {
    pub(crate) who: &'a str,
    pub(crate) what: &'a str,
    pub(crate) why: &'a str,
    pub(crate) details: &'a Value,
}

/// Appends to a customer's audit trail.
pub(crate) async fn append(
    app: &App,
    tx: &mut Tx,
    payer: specie_vocab::PayerId,
    entry: Entry<'_>,
) -> Result<(), StoreError> {
    let mut salt = [0; 32];
    app.chance.fill(&mut salt);
    let at = app.wall.now();
    let Entry { who, what, why, details } = entry;
    trail::append(tx, payer, at, who, what, why, details, salt, sha256).await
}

/// SHA-256, for the trail's chain.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref());
    out
}
