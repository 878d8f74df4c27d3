//! The one transaction: lock the customer, check the fence, write the mirrors, decide, write what
//! was decided, and set handled exactly what was claimed.

use std::collections::BTreeSet;

use serde_json::json;
use specie_billing::{Before, Decision, Effect, IntentRequest, Slot, decide};
use specie_store::customers::{self, Payer};
use specie_store::inbox::{self, Event, InboxState};
use specie_store::intents::{self as intents_table, IntentState};
use specie_store::lanes::{self as stored, Claim};
use specie_store::outbox;
use specie_store::{StoreError, Tx};
use specie_vocab::{CustomerId, SubscriptionId, WallTime};

use super::fetch::Seen;
use super::{
    LaneError, WishFor, apart, cause, finish, look_again, mirrors, noted, second_look, told_by,
    wish,
};
use crate::intents::{self, New};
use crate::trail::{Entry, Who, append};
use crate::translate::Mirrors;
use crate::{App, alarms, kept, translate};

pub(super) async fn apply(
    app: &App,
    payer: &Payer,
    customer: &CustomerId,
    claim: &Claim,
    mut seen: Seen,
    since: WallTime,
) -> Result<(), LaneError> {
    let elsewhere = told_elsewhere(app, claim).await?;
    let mut again = second_look::differing(claim, &elsewhere, &seen);
    second_look::believe_the_end(claim, &mut seen)?;

    let mut tx = app.db.begin().await?;
    let locked = customers::lock(&mut tx, payer.id).await?;
    finish(&mut tx, claim, InboxState::Handled).await?;
    let mut known = Mirrors::load(&mut tx, customer).await?;
    let written = mirrors::write(&mut tx, customer, &mut known, &seen, since).await?;
    noted::keep(&mut tx, claim, written.found, since).await?;
    again.extend(written.doubtful);
    let now = tx.now().await?;
    for id in again {
        let why = cause::of_object(claim, &id);
        look_again(app, &mut tx, &claim.lane, &WishFor::object(&id), now, why).await?;
    }

    let before = Before {
        payer: payer.id,
        slots: kept::slots(&mut tx, payer.id).await?,
        held: kept::held(&mut tx, payer.id).await?,
    };
    let mut facts = translate::facts(app, &mut tx, payer, customer, known).await?;
    let mut decision = decide(&before, &facts, &app.catalog.policies, app.business.now());
    if decision.effects.iter().any(takes_back) {
        intents_table::hold_ceiling(&mut tx).await?;
        facts.refunds_today = translate::refunds_today(app, &mut tx).await?;
        decision = decide(&before, &facts, &app.catalog.policies, app.business.now());
    }
    let (wake_at, apart) = (decision.wake_at, std::mem::take(&mut decision.apart));
    let changed = written.changed
        || decision.slots != before.slots
        || decision.held != before.held
        || !decision.effects.is_empty();
    save(app, &mut tx, payer, &before, decision, claim).await?;
    if changed || everything_is_wished(claim) {
        apart::let_go(app, &mut tx, payer, &facts, &apart, claim).await?;
    }
    for waiting in &claim.wishes {
        if let Ok(WishFor::Ask { ask: request }) = serde_json::from_value(waiting.what.clone()) {
            ask(app, &mut tx, payer, request, &claim.lane, &waiting.why).await?;
        }
    }
    let version = match changed {
        true => customers::bump(&mut tx, payer.id).await?,
        false => locked.map_or(payer.version, |payer| payer.version),
    };
    stored::release(&mut tx, &claim.lane, claim.fence, wake_at).await?;
    tx.commit().await?;
    app.cache.drop_below(payer.id, version);
    Ok(())
}

fn everything_is_wished(claim: &Claim) -> bool {
    let wished =
        claim.wishes.iter().map(|wish| serde_json::from_value::<WishFor>(wish.what.clone()));
    wished.flatten().any(|what| matches!(what, WishFor::Everything))
}

/// The events of other lanes whose news is to show in what was wished to be looked at.
async fn told_elsewhere(app: &App, claim: &Claim) -> Result<Vec<Event>, StoreError> {
    let ids: BTreeSet<_> = claim.wishes.iter().flat_map(told_by).collect();
    let mut told = Vec::new();
    if ids.is_empty() {
        return Ok(told);
    }
    let mut tx = app.db.read().await?;
    for id in ids {
        told.extend(inbox::get(&mut tx, &id).await?);
    }
    Ok(told)
}

/// Whether a second subscription is canceled and refunded, which the day's ceiling limits.
fn takes_back(effect: &Effect) -> bool {
    matches!(effect, Effect::Intent(IntentRequest::CancelAndRefund { .. }))
}

async fn save(
    app: &App,
    tx: &mut Tx,
    payer: &Payer,
    before: &Before,
    decision: Decision,
    claim: &Claim,
) -> Result<(), StoreError> {
    let now = tx.now().await?;
    let changed = |(group, slot): &(&String, &Slot)| before.slots.get(*group) != Some(*slot);
    let changed: Vec<_> = decision.slots.iter().filter(changed).collect();
    // A subscription may go from one slot to another, and is never in two.
    for (group, slot) in &changed {
        if **slot != Slot::Empty {
            kept::save_slot(tx, payer.id, group, &Slot::Empty).await?;
        }
    }
    for (group, slot) in changed {
        kept::save_slot(tx, payer.id, group, slot).await?;
    }
    for (id, row) in &decision.held {
        if before.held.get(id) != Some(row) {
            kept::save_held(tx, payer.id, row, now).await?;
        }
    }
    for effect in decision.effects {
        carry(app, tx, payer, effect, claim).await?;
    }
    Ok(())
}

async fn carry(
    app: &App,
    tx: &mut Tx,
    payer: &Payer,
    effect: Effect,
    claim: &Claim,
) -> Result<(), StoreError> {
    let why = cause::of_effect(claim, &effect);
    match effect {
        Effect::Audit { what, subject, details } => {
            let details = json!({ "subject": subject, "details": details });
            append(
                app,
                tx,
                payer.id,
                Entry { who: &Who::Stripe.to_string(), what, why, details: &details },
            )
            .await
        }
        Effect::Mail { key, kind, about } => {
            let due = app.business.now();
            let what = json!({ "kind": kind, "about": about, "why": why });
            outbox::add(tx, &outbox::Effect::new(key, payer.id, "mail", what, due)).await.map(drop)
        }
        Effect::Intent(request) => ask(app, tx, payer, request, &claim.lane, why).await,
        Effect::Alarm { code, subject } => {
            tracing::error!(code, subject, payer = %payer.id, "this needs a person");
            alarms::raise(app, code);
            Ok(())
        }
        Effect::Quarantine { object, reason, details } => {
            tracing::error!(object, reason, payer = %payer.id, "an object was quarantined");
            alarms::raise(app, "quarantined");
            apart::keep(app, tx, payer, &object, reason, details, why).await
        }
    }
}

/// Commits an intent that a decision asks for; if the slot has one that is unfinished, the lane
/// decides again when that is over.
async fn ask(
    app: &App,
    tx: &mut Tx,
    payer: &Payer,
    request: IntentRequest,
    lane: &str,
    why: &str,
) -> Result<(), StoreError> {
    let (kind, what) = match &request {
        IntentRequest::CancelAndRefund { .. } => ("cancel_and_refund", json!(request)),
        IntentRequest::Recover { .. } => ("recover", json!(request)),
    };
    let earlier = intents_table::of_kind(tx, payer.id, kind).await?;
    if earlier.iter().any(|it| it.what == what) {
        return Ok(());
    }
    let now = tx.now().await?;
    if let Some(open) = intents_table::open_of(tx, payer.id, request.group()).await? {
        let wait = if open.state == IntentState::Stuck { 60 } else { 2 };
        let (what, due) = (WishFor::Ask { ask: request }, now.plus_seconds(wait));
        return wish(app, tx, lane, &what, due, why).await;
    }
    if let IntentRequest::CancelAndRefund { subscription, group } = &request
        && is_at_ceiling(app, tx).await?
    {
        return leave_to_a_person(app, tx, payer, subscription, group, why).await;
    }
    let (group, told) = (Some(request.group()), format!("{kind}.begun"));
    let new = New { who: Who::Specie, group, kind, what, told: &told, why: Some(why) };
    intents::begin(app, tx, payer, new).await?;
    Ok(())
}

/// Whether no further one is taken back today, until the transaction ends.
async fn is_at_ceiling(app: &App, tx: &mut Tx) -> Result<bool, StoreError> {
    intents_table::hold_ceiling(tx).await?;
    Ok(translate::refunds_today(app, tx).await? >= app.catalog.policies.refunds_per_day)
}

/// While a second subscription waited for its turn, others were taken back up to the ceiling.
async fn leave_to_a_person(
    app: &App,
    tx: &mut Tx,
    payer: &Payer,
    subscription: &SubscriptionId,
    group: &str,
    why: &str,
) -> Result<(), StoreError> {
    match kept::slot_of(tx, payer.id, group).await? {
        Slot::Conflict { others, .. } if others.contains(subscription) => {}
        // It came to an end meanwhile, or is the only one by now.
        _ => return Ok(()),
    }
    let code = "refund_ceiling";
    tracing::error!(code, %subscription, payer = %payer.id, "this needs a person");
    alarms::raise(app, code);
    let details = json!({ "subject": subscription, "details": { "group": group, "code": code } });
    let (who, what) = (Who::Specie.to_string(), "subscription.not_taken_back");
    append(app, tx, payer.id, Entry { who: &who, what, why, details: &details }).await
}
