//! Plan groups, as the prices at Stripe name them, and what holds a customer's slot in each.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use specie_sandbox::Sandbox;
use specie_store::customers::Payer;
use specie_store::slots::{SlotState, StoredSlot};
use specie_store::{Tx, slots};

use super::left::{self, Closed};
use super::{Checked, Sides, is, is_live, must, sold, text};

/// The group that a subscription is of; none, if its price is none of the catalog's.
pub(super) fn of_subscription(subscription: &Value) -> Option<String> {
    sold(&subscription["items"]["data"][0]["price"]).map(|[group, ..]| group.to_owned())
}

/// The group that a session sells from. Stripe's object does not say: its line items do.
pub(super) fn of_session(sandbox: &Sandbox, session: &str) -> Option<String> {
    let items = sandbox.line_items(session);
    sold(&items.first()?["price"]).map(|[group, ..]| group.to_owned())
}

/// Ids by their groups.
type Ids = BTreeMap<String, BTreeSet<String>>;

/// Each slot of a payer names what Stripe says of its group.
pub(super) async fn fit(sides: &Sides<'_>, tx: &mut Tx, payer: &Payer, closed: &Closed) -> Checked {
    let Some(customer) = &payer.stripe else { return Ok(()) };
    let of_it = |kind| {
        let mut all = sides.sandbox.list(kind);
        all.retain(|it| is(it, "customer", customer.as_str()));
        all
    };
    let subscriptions = of_it("subscription").into_iter().filter(is_live);
    let live = by_group(subscriptions, of_subscription);
    let sessions = of_it("checkout.session").into_iter().filter(|it| is(it, "status", "open"));
    let (left, sessions): (Vec<_>, Vec<_>) = sessions.partition(|it| left::is_of(closed, it));
    let group_of = |it: &Value| of_session(sides.sandbox, &text(it, "id"));
    let (left, open) =
        (by_group(left.into_iter(), group_of), by_group(sessions.into_iter(), group_of));
    let slots = slots::load(tx, payer.id).await?;
    let groups: BTreeSet<_> = slots.keys().chain(live.keys()).chain(open.keys()).collect();
    let none = BTreeSet::new();
    for group in groups {
        let (live, open) = (live.get(group).unwrap_or(&none), open.get(group).unwrap_or(&none));
        let (slot, name) = (slots.get(group), &payer.app_id);
        let left = left.get(group).unwrap_or(&none);
        must(fits(slot, live, open, left), || {
            format!("the slot {group} of {name} is {slot:?}; alive {live:?}, open {open:?}")
        })?;
    }
    Ok(())
}

fn by_group(all: impl Iterator<Item = Value>, group_of: impl Fn(&Value) -> Option<String>) -> Ids {
    let mut ids = Ids::new();
    for it in all {
        if let Some(group) = group_of(&it) {
            ids.entry(group).or_default().insert(text(&it, "id"));
        }
    }
    ids
}

/// Whether a slot is what these subscriptions and sessions of its group make it. A session that was left
/// may have been found.
fn fits(
    slot: Option<&StoredSlot>,
    live: &BTreeSet<String>,
    open: &BTreeSet<String>,
    left: &BTreeSet<String>,
) -> bool {
    match (slot, live.len()) {
        (None | Some(StoredSlot { state: SlotState::Empty, .. }), 0) => open.is_empty(),
        (Some(StoredSlot { state: SlotState::Open, session: Some(session), .. }), 0) => {
            open.contains(session.as_str()) || left.contains(session.as_str())
        }
        (Some(StoredSlot { state: SlotState::Held, subscription: Some(id), .. }), 1) => {
            live.contains(id.as_str())
        }
        (Some(StoredSlot { state: SlotState::Conflict, subscription: Some(id), .. }), 2..) => {
            live.contains(id.as_str())
        }
        _ => false,
    }
}
