//! One step of an intent: its request is stored, sent, and its answer recorded.

use serde_json::{Value, json};
use specie_billing::Slot;
use specie_store::customers::{self, Payer};
use specie_store::intents::{self as stored, Intent, IntentState, Step, StepState, Try};
use specie_store::{StoreError, Tx};
use specie_stripe::{Answer, ApiFault, StoredRequest, StripeError};
use specie_vocab::{CustomerId, IntentId, WallTime};

use super::request::Built;
use super::stuck::{self, REOPENED};
use super::{effect, request};
use crate::lanes::{self, WishFor};
use crate::{ApiError, App, alarms, kept};

/// After how long an open try is looked for before any call, in seconds: Stripe may forget a key
/// after 24 hours.
const FORGETFUL: i64 = 20 * 3600;
/// How long until what a failure may have done is first looked for, in seconds.
const LOOK_AFTER: i64 = 10;

/// The end of a second subscription that reads show as the only one by now.
const HELD: &str = "held";

/// No wait for what cannot be read yet is longer, in seconds.
const LONGEST_LOOK: i64 = 600;

/// What became of one step.
pub(super) enum Stepped {
    Done,
    /// The intent ends here: nothing was changed, or what was is undone.
    Ends(IntentState, Value),
    Waits(i64),
    /// Another process has gone on with it while this one stood still.
    Overtaken,
}

/// Takes one step: prepare and store its request, send it, record the answer, let the lane apply it.
pub(super) async fn take(
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
        Prepared::NotYet(wait) => return Ok(Stepped::Waits(wait)),
        Prepared::InHand => return Ok(Stepped::Waits(1)),
    };
    if prepared.look_first {
        let found = match effect::find(app, intent, payer, name, &prepared.row.body).await {
            Ok(found) => found,
            Err(error) => return unanswered(app, intent, payer, &prepared, name, &error).await,
        };
        if prepared.row.outcome.as_deref() == Some(REOPENED)
            && let Some((state, why)) =
                stuck::ends(app, intent, payer, name, found.is_some()).await?
        {
            return Ok(Stepped::Ends(state, json!({ "why": why })));
        }
        if let Some(found) = found {
            return record(app, intent, payer, prepared, name, Recorded::Effect(found)).await;
        }
        if prepared.key_is_spent {
            return another_try(app, intent, payer, prepared, name).await;
        }
    }
    let answer = app.stripe.send(&prepared.request).await;
    match answer {
        Ok(answer) => record(app, intent, payer, prepared, name, Recorded::Answer(answer)).await,
        Err(StripeError::Server { replayed: true, .. }) => replayed(app, payer, &prepared).await,
        Err(StripeError::Refused(fault)) => {
            refused(app, intent, payer, prepared, name, *fault).await
        }
        Err(error) => unanswered(app, intent, payer, &prepared, name, &error).await,
    }
}

/// A stored request, about to be sent.
struct Ready {
    row: Try,
    request: StoredRequest,
    /// Whether its effect must be looked for before it is sent.
    look_first: bool,
    /// Whether this key will never do it: Stripe has said so twice, or an operator has.
    key_is_spent: bool,
}

enum Prepared {
    Send(Box<Ready>),
    NotNeeded,
    /// What it needs cannot be read yet, and is waited for so many seconds.
    NotYet(i64),
    /// Another intent has sent the same, and does not know yet what came of it.
    InHand,
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
    let locked = customers::lock(&mut tx, payer.id).await?;
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

    if name == "customer" {
        if locked.is_some_and(|payer| payer.stripe.is_some()) {
            return Ok(Prepared::NotNeeded); // Made for another plan group meanwhile.
        }
        if stored::another_sent(&mut tx, payer.id, intent.id, name).await? {
            return Ok(Prepared::InHand);
        }
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
    let call = match request::build(app, &mut tx, intent, payer, name, steps).await? {
        Built::Call(call) => call,
        Built::Gone => {
            return Ok(Prepared::Ends(IntentState::Undone, json!({ "why": "nobody there" })));
        }
        Built::NotYet => {
            // A payment that is under way may take days: what is held is not touched any more.
            stored::leave_group(&mut tx, intent.id).await?;
            tx.commit().await?;
            let lasted = now.seconds_since(intent.created_at);
            return Ok(Prepared::NotYet((lasted / 8).clamp(LOOK_AFTER, LONGEST_LOOK)));
        }
        Built::NotNeeded => {
            let (name, state) = (name.into(), StepState::Done);
            let step = Step { intent: intent.id, n, name, state, object: None };
            stored::save_step(&mut tx, &step).await?;
            tx.commit().await?;
            return Ok(Prepared::NotNeeded);
        }
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
    Ok(Ready { row, request, look_first: false, key_is_spent: false })
}

/// A try that was begun before: the same bytes under the same key.
fn again(row: Try, now: WallTime) -> Ready {
    let outcome = row.outcome.as_deref();
    let key_is_spent = matches!(outcome, Some("replayed_looked" | REOPENED));
    let old = now.seconds_since(row.sent_at) >= FORGETFUL;
    let look_first = key_is_spent || outcome == Some("replayed") || old;
    Ready { request: request_of(&row), look_first, key_is_spent, row }
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
    if is_overtaken(&mut tx, &row).await? {
        return Ok(Stepped::Overtaken);
    }
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

/// Stripe answers with a failure that it keeps under this key: what it did all the same is looked for
/// soon, and once more when no list can lag behind it any longer.
async fn replayed(app: &App, payer: &Payer, ready: &Ready) -> Result<Stepped, ApiError> {
    let looked = ready.row.outcome.as_deref() == Some("replayed");
    let (outcome, wait) =
        if looked { ("replayed_looked", lanes::LAG) } else { ("replayed", LOOK_AFTER) };
    let noted = note(app, ready, payer, outcome, Some(wait)).await?;
    Ok(if noted { Stepped::Waits(wait) } else { Stepped::Overtaken })
}

/// Whether a change waits until Stripe's lists show what it may have done: whoever meets a fault then may
/// have noted so a moment ago and not have heard that it lasts.
pub(super) async fn waits_for_lists(app: &App, id: IntentId) -> Result<bool, StoreError> {
    let tries = stored::tries(&mut app.db.read().await?, id).await?;
    let waiting = [Some("replayed"), Some("replayed_looked"), Some(REOPENED)];
    Ok(tries.iter().any(|it| waiting.contains(&it.outcome.as_deref())))
}

/// Stripe has neither carried a step out nor refused it, as far as is known; or it refuses to say
/// whether it has. What passes is waited for.
async fn unanswered(
    app: &App,
    intent: &Intent,
    payer: &Payer,
    ready: &Ready,
    name: &str,
    error: &StripeError,
) -> Result<Stepped, ApiError> {
    match error {
        error if error.is_outage() => Ok(Stepped::Waits(2)),
        // Nothing was carried out, and nothing is until the key is mended.
        StripeError::Unauthorized => {
            tracing::error!(intent = %intent.id, step = name, "stripe does not accept the API key");
            alarms::raise(app, "stripe_key_refused");
            Ok(Stepped::Waits(30))
        }
        error => sticks(app, intent, payer, ready, name, error).await,
    }
}

/// Stripe cannot be asked for this, and nobody knows why.
async fn sticks(
    app: &App,
    intent: &Intent,
    payer: &Payer,
    ready: &Ready,
    name: &str,
    error: &StripeError,
) -> Result<Stepped, ApiError> {
    // A change that an operator retries is looked for before anything is sent, whatever comes between.
    let reopened = ready.row.outcome.as_deref() == Some(REOPENED);
    if !note(app, ready, payer, if reopened { REOPENED } else { "stuck" }, None).await? {
        return Ok(Stepped::Overtaken);
    }
    tracing::error!(%error, intent = %intent.id, step = name, "stripe cannot be asked");
    Ok(Stepped::Ends(IntentState::Stuck, json!({ "step": name, "why": error.to_string() })))
}

/// There is nothing left to do.
pub(super) fn over_already() -> Stepped {
    Stepped::Ends(IntentState::Undone, json!({ "why": "over already" }))
}

/// The end of a second subscription was asked for, and it is the only one by now, as reads have it. They
/// may lag behind that request: it is over when they say so once more after a minute.
pub(super) async fn held_by_now(
    app: &App,
    intent: &Intent,
    payer: &Payer,
) -> Result<Stepped, ApiError> {
    let mut tx = app.db.read().await?;
    let now = tx.now().await?;
    let sent = stored::tries(&mut tx, intent.id).await?.pop();
    drop(tx);
    let Some(sent) = sent else { return Ok(over_already()) };
    if matches!(sent.outcome.as_deref(), Some(HELD | REOPENED)) {
        return Ok(over_already());
    }
    let noted = note(app, &again(sent, now), payer, HELD, Some(lanes::LAG)).await?;
    Ok(if noted { Stepped::Waits(lanes::LAG) } else { Stepped::Overtaken })
}

/// Notes what came of a try, and for how many seconds nobody may go on after that: with one commit,
/// since whoever notes it may not hear that it lasts. False, if another process went on with its step
/// meanwhile: then it says nothing of it any more.
async fn note(
    app: &App,
    ready: &Ready,
    payer: &Payer,
    outcome: &str,
    wait: Option<i64>,
) -> Result<bool, ApiError> {
    let mut tx = app.db.begin().await?;
    customers::lock(&mut tx, payer.id).await?;
    if is_overtaken(&mut tx, &ready.row).await? {
        return Ok(false);
    }
    let row = Try { outcome: Some(outcome.into()), ..ready.row.clone() };
    stored::answer(&mut tx, &row).await?;
    if let Some(wait) = wait {
        let until = tx.now().await?.plus_seconds(wait);
        stored::put_off(&mut tx, row.intent, until).await?;
    }
    tx.commit().await?;
    Ok(true)
}

/// Whether another process went on with a step while this one stood still: its newest try is not what
/// it was.
async fn is_overtaken(tx: &mut Tx, known: &Try) -> Result<bool, StoreError> {
    let tries = stored::tries(tx, known.intent).await?;
    Ok(tries.iter().rfind(|it| it.step == known.step) != Some(known))
}

/// Whether a step was done, or its change has ended, while this process stood still: the customer it made
/// is bound by then, and may have been deleted since.
async fn is_over(tx: &mut Tx, intent: &Intent, n: i64) -> Result<bool, StoreError> {
    let steps = stored::steps(tx, intent.id).await?;
    let is_done = steps.iter().any(|it| it.n == n && it.state == StepState::Done);
    let found = stored::get(tx, intent.id).await?;
    Ok(is_done || found.is_none_or(|it| it.state != IntentState::Open))
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
    let mut customer = request::owner(&mut tx, intent, locked.as_ref().unwrap_or(payer)).await?;
    let n = row.step;
    if name == "customer" && is_over(&mut tx, intent, n).await? {
        return Ok(Stepped::Overtaken);
    }
    stored::answer(&mut tx, &row).await?;
    if name == "customer" {
        customer = Some(bind(app, &mut tx, intent, object.as_deref()).await?);
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
        let (what, why) = (WishFor::object(object), intent.id.to_string());
        lanes::wish(app, &mut tx, customer.as_str(), &what, now, &why).await?;
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
    intent: &Intent,
    object: Option<&str>,
) -> Result<CustomerId, ApiError> {
    let id = object.and_then(|id| CustomerId::try_from(id).ok());
    let id = id.ok_or_else(|| ApiError::internal("stripe's customer has no id"))?;
    customers::bind(tx, intent.payer, &id).await?;
    // Who takes them for a stranger just now is waited for, or finds that they are ours.
    specie_store::lanes::lock(tx, id.as_str()).await?;
    specie_store::inbox::pend_unclaimed(tx, id.as_str()).await?;
    let now = tx.now().await?;
    let why = intent.id.to_string();
    lanes::wish(app, tx, id.as_str(), &WishFor::Everything, now, &why).await?;
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
    let (customer, steps) = {
        let mut tx = app.db.begin().await?;
        customers::lock(&mut tx, payer.id).await?;
        if is_overtaken(&mut tx, &ready.row).await? {
            return Ok(Stepped::Overtaken);
        }
        stored::answer(&mut tx, &row).await?;
        let customer = request::owner(&mut tx, intent, payer).await?;
        let steps = stored::steps(&mut tx, intent.id).await?;
        tx.commit().await?;
        (customer, steps)
    };
    // Whatever it was, the lane looks at what the step was about: it may be so already.
    if let (Some(customer), Some(object)) = (customer, request::target(intent, name, &steps)) {
        let (what, why) = (WishFor::object(object), intent.id.to_string());
        lanes::look_now(app, customer.as_str(), what, &why).await?;
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
