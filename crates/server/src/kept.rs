//! What we decided, between the core's types and the store's rows.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use specie_billing::{Access, Held, Slot};
use specie_store::held::{self, StoredHeld};
use specie_store::slots::{self, SlotState, StoredSlot};
use specie_store::{StoreError, Tx};
use specie_vocab::{BusinessTime, PayerId, SubscriptionId, WallTime};

fn corrupt(table: &'static str, column: &'static str, id: impl ToString) -> StoreError {
    let found = "what does not go with the rest of the row".into();
    StoreError::Corrupt { table, column, id: id.to_string(), found }
}

/// The slots of a payer, by plan group.
pub(crate) async fn slots(
    tx: &mut Tx,
    payer: PayerId,
) -> Result<BTreeMap<String, Slot>, StoreError> {
    let rows = slots::load(tx, payer).await?;
    rows.into_iter().map(|(group, row)| Ok((group, slot(row)?))).collect()
}

/// One slot of a payer.
pub(crate) async fn slot_of(tx: &mut Tx, payer: PayerId, group: &str) -> Result<Slot, StoreError> {
    Ok(slots(tx, payer).await?.remove(group).unwrap_or(Slot::Empty))
}

fn slot(row: StoredSlot) -> Result<Slot, StoreError> {
    let wrong = |column| corrupt("slots", column, &row.group);
    Ok(match row.state {
        SlotState::Empty => Slot::Empty,
        SlotState::Claimed => Slot::Claimed { intent: row.intent.ok_or_else(|| wrong("intent"))? },
        SlotState::Open => Slot::Open {
            intent: row.intent.ok_or_else(|| wrong("intent"))?,
            session: row.session.clone().ok_or_else(|| wrong("session"))?,
        },
        SlotState::Held => Slot::Held {
            subscription: row.subscription.clone().ok_or_else(|| wrong("subscription"))?,
        },
        SlotState::Conflict => Slot::Conflict {
            subscription: row.subscription.clone().ok_or_else(|| wrong("subscription"))?,
            others: serde_json::from_value(row.others.clone()).map_err(|_| wrong("others"))?,
        },
    })
}

/// Saves a slot.
pub(crate) async fn save_slot(
    tx: &mut Tx,
    payer: PayerId,
    group: &str,
    slot: &Slot,
) -> Result<(), StoreError> {
    let mut row = StoredSlot {
        group: group.into(),
        state: SlotState::Empty,
        intent: None,
        session: None,
        subscription: slot.subscription().cloned(),
        others: Value::Array(Vec::new()),
    };
    match slot {
        Slot::Empty => {}
        Slot::Claimed { intent } => {
            row.state = SlotState::Claimed;
            row.intent = Some(*intent);
        }
        Slot::Open { intent, session } => {
            row.state = SlotState::Open;
            row.intent = Some(*intent);
            row.session = Some(session.clone());
        }
        Slot::Held { .. } => row.state = SlotState::Held,
        Slot::Conflict { others, .. } => {
            row.state = SlotState::Conflict;
            row.others = json!(others);
        }
    }
    slots::save(tx, payer, &row).await
}

/// The subscriptions that a payer holds or held.
pub(crate) async fn held(
    tx: &mut Tx,
    payer: PayerId,
) -> Result<BTreeMap<SubscriptionId, Held>, StoreError> {
    let rows = held::load(tx, payer).await?;
    rows.into_iter()
        .map(|(id, row)| {
            let held = serde_json::from_value(row.more)
                .map_err(|_| corrupt("held_subscriptions", "more", &id))?;
            Ok((id, held))
        })
        .collect()
}

/// Saves what was decided about a subscription: its columns for whoever reads with SQL, and all of
/// it beside them.
pub(crate) async fn save_held(
    tx: &mut Tx,
    payer: PayerId,
    it: &Held,
    now: WallTime,
) -> Result<(), StoreError> {
    let access = match it.access {
        Access::None => "none",
        Access::Until(_) => "until",
        Access::Open => "open",
    };
    let row = StoredHeld {
        subscription: it.subscription.clone(),
        group: it.group.clone(),
        plan: it.plan.clone(),
        price: it.price.clone(),
        status: it.status.as_str().into(),
        access: access.into(),
        access_until: it.access.until(),
        grace_until: it.grace_until,
        period_start: BusinessTime::from_second(it.period.start),
        period_end: BusinessTime::from_second(it.period.end),
        cancel_at_period_end: it.cancel_at_period_end,
        cancel_at: it.cancel_at,
        canceled_at: it.canceled_at,
        ended_at: it.ended_at,
        created: it.created,
        latest_invoice: it.latest_invoice.clone(),
        more: json!(it),
    };
    held::save(tx, payer, &row, now).await
}
