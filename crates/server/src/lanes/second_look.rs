//! The second look: Stripe's reads may lag behind its events.
//!
//! When a fetched object differs, in the fields we read, from the newest payload that was claimed
//! for it, nobody can tell which is newer: the lane looks again in ten seconds. A terminal state in
//! a verified payload is believed over a fetch that does not show it yet.

use std::collections::BTreeMap;

use serde_json::Value;
use specie_store::inbox::Event;
use specie_store::lanes::Claim;
use specie_stripe::{API_VERSION, CheckoutSession, Customer, Invoice, Subscription};

use super::LaneError;
use super::fetch::Seen;

/// The fields that we read, by kind of object; compared as the pinned version writes them.
const READ: &[(&str, &[&str])] = &[
    (
        "subscription",
        &[
            "status",
            "cancel_at_period_end",
            "cancel_at",
            "canceled_at",
            "ended_at",
            "latest_invoice",
            "default_payment_method",
            "items",
            "currency",
        ],
    ),
    (
        "invoice",
        &[
            "status",
            "amount_due",
            "amount_paid",
            "amount_remaining",
            "attempt_count",
            "attempted",
            "next_payment_attempt",
            "number",
            "total",
        ],
    ),
    ("payment_intent", &["status", "amount", "amount_received"]),
    ("checkout.session", &["status", "payment_status", "subscription", "invoice"]),
    ("customer", &["email", "name", "currency", "delinquent", "invoice_settings"]),
    ("payment_method", &["customer", "card"]),
];

/// The newest payload of each object among the claimed events, if it is of the pinned version.
fn newest(claim: &Claim) -> BTreeMap<String, (i64, Value)> {
    let mut newest: BTreeMap<String, (i64, Value)> = BTreeMap::new();
    for event in claim.events.iter().filter(|event| current(event)) {
        let Ok(mut body) = serde_json::from_slice::<Value>(&event.payload) else { continue };
        let object = body["data"]["object"].take();
        let Some(id) = object["id"].as_str().map(String::from) else { continue };
        let at = event.created.as_second();
        if newest.get(&id).is_none_or(|(seen, _)| *seen <= at) {
            newest.insert(id, (at, object));
        }
    }
    newest
}

fn current(event: &Event) -> bool {
    event.api_version.as_deref() == Some(API_VERSION)
}

/// The objects that must be looked at again: what was fetched differs from what was told.
pub(super) fn differing(claim: &Claim, seen: &Seen) -> Vec<String> {
    let told = newest(claim);
    let differs = |id: &String, object: &Value| {
        let Some(fetched) = seen.raw.get(id) else { return false };
        let fields =
            READ.iter().find(|(kind, _)| object["object"] == *kind).map_or(&[][..], |it| it.1);
        fields.iter().any(|field| fetched[field] != object[field])
    };
    told.iter().filter(|(id, (_, object))| differs(id, object)).map(|(id, _)| id.clone()).collect()
}

fn is_over(object: &Value) -> bool {
    let status = object["status"].as_str().unwrap_or_default();
    match object["object"].as_str() {
        Some("subscription") => matches!(status, "canceled" | "incomplete_expired"),
        Some("invoice") => status == "void",
        Some("checkout.session") => matches!(status, "complete" | "expired"),
        _ => false,
    }
}

/// Puts terminal states that were told in the place of what was fetched, or could not be.
pub(super) fn believe_the_end(claim: &Claim, seen: &mut Seen) -> Result<(), LaneError> {
    for (id, (_, object)) in newest(claim) {
        if is_over(&object) && !seen.raw.get(&id).is_some_and(is_over) {
            match object["object"].as_str() {
                Some("subscription") => {
                    seen.subscriptions.retain(|it| it.id.as_str() != id);
                    seen.subscriptions.push(Subscription::parse(&object)?);
                }
                Some("invoice") => {
                    seen.invoices.retain(|it| it.id.as_str() != id);
                    seen.invoices.push(Invoice::parse(&object)?);
                }
                _ => {
                    seen.sessions.retain(|it| it.id.as_str() != id);
                    seen.sessions.push(CheckoutSession::parse(&object)?);
                }
            }
        }
    }
    for event in claim.events.iter().filter(|event| event.kind == "customer.deleted") {
        let Ok(mut body) = serde_json::from_slice::<Value>(&event.payload) else { continue };
        let mut object = body["data"]["object"].take();
        object["deleted"] = true.into();
        let gone = Customer::parse(&object)?;
        seen.customers.retain(|it| it.id != gone.id);
        seen.customers.push(gone);
    }
    Ok(())
}
