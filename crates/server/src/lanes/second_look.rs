//! The second look: Stripe's reads may lag behind its events.
//!
//! When what was fetched differs, in the fields we read, from what the newest events of the claim told,
//! nobody can tell which is newer: the lane looks again in ten seconds, and once more when no read
//! can be late any longer. So it does when an event cannot be compared, when what it told of is not
//! there yet, and when a row changes so soon after it was last read that this read may have been the
//! late one. A terminal state in a verified payload is believed over a fetch that does not show it
//! yet.

use std::collections::BTreeSet;

use serde_json::Value;
use specie_store::inbox::Event;
use specie_store::lanes::Claim;
use specie_store::mirrors::Mirrored;
use specie_stripe::{CheckoutSession, Customer, Invoice, Subscription};
use specie_vocab::WallTime;

use super::fetch::{self, Seen};
use super::told::Told;
use super::{LAG, LaneError, ahead, newest};

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
    ("product", &["name", "active", "updated"]),
    ("price", &["product", "active", "currency", "unit_amount", "recurring", "lookup_key"]),
];

/// The fields that we read of a kind of object; none for one that is read through another.
pub(super) fn fields_of(kind: &str) -> Option<&'static [&'static str]> {
    READ.iter().find(|(of, _)| *of == kind).map(|it| it.1)
}

/// How long until the second look, in seconds: nearly every late read is over then.
const SECOND_LOOK: i64 = 10;

/// The last looks at a customer's objects fall together on every so many seconds, however often they
/// change.
const TOGETHER: i64 = 30;

/// Whether a row must be read again: it has changed although it was read lately, and nobody can tell
/// which of the two reads was the late one.
pub(super) fn is_doubtful(mirrored: Mirrored, now: WallTime) -> bool {
    // What was read ahead is dated by when that began.
    let lately = |read_at| now.seconds_since(read_at) < LAG + ahead::LONGEST;
    matches!(mirrored, Mirrored::Differed { read_at } if lately(read_at))
}

/// When what may have been read late is looked at again: soon, and when no read can be late.
pub(super) fn looks(lane: &str, now: WallTime) -> [WallTime; 2] {
    // Not all lanes at the same second.
    let shift = lane.bytes().map(i64::from).sum::<i64>() % TOGETHER;
    let past = now.as_second() + 1 + LAG - shift;
    let last = past + (-past).rem_euclid(TOGETHER) + shift;
    [now.plus_seconds(SECOND_LOOK), WallTime::from_second(last)]
}

/// The objects that must be looked at again: what was fetched differs from what was told, here or in
/// other lanes, or cannot be compared with it.
pub(super) fn differing(claim: &Claim, elsewhere: &[Event], seen: &Seen) -> BTreeSet<String> {
    let events = || claim.events.iter().chain(elsewhere);
    let told = newest::payloads(events());
    let differing = told.iter().filter(|(_, object)| !is_told(object, seen));
    let of_objects = differing.filter_map(|(id, object)| {
        let fetched_as = fetch::through(object).unwrap_or(id);
        fetch::is_readable(fetched_as).then(|| fetched_as.to_owned())
    });
    let of_others = events().filter(|event| !newest::is_current(event)).filter_map(fetch::named_by);
    of_objects.chain(of_others).collect()
}

/// Whether an object of the catalog says what the events of its lane told last.
pub(super) fn shows(claim: &Claim, found: &Value) -> bool {
    let same = |told: &Value| {
        let fields = told["object"].as_str().and_then(fields_of).unwrap_or_default();
        fields.iter().all(|field| found[field] == told[field])
    };
    let told = newest::of_objects(claim.events.iter());
    claim.events.iter().all(|event| newest::is_current(event) && !event.kind.ends_with(".deleted"))
        && told.filter_map(|(_, event)| newest::payload(event)).all(|told| same(&told))
}

/// Whether what was fetched says what was told. What is over is believed, and need not be fetched.
fn is_told(object: &Value, seen: &Seen) -> bool {
    let fetched = |id: &Value| id.as_str().and_then(|id| seen.raw.get(id));
    let same = |fetched: &Value, fields: &[&str]| {
        fields.iter().all(|field| fetched[field] == object[field])
    };
    match object["object"].as_str().unwrap_or_default() {
        "charge" => fetched(&object["payment_intent"]).is_some_and(|intent| {
            let newest = &intent["latest_charge"];
            let later = newest["created"].as_i64() > object["created"].as_i64();
            let fields = ["status", "paid", "refunded", "amount_refunded", "disputed"];
            if newest["id"] == object["id"] { same(newest, &fields) } else { later }
        }),
        "dispute" => fetched(&object["payment_intent"])
            .is_some_and(|intent| intent["latest_charge"]["disputed"] == true),
        "refund" => seen.payments.iter().flat_map(|payment| &payment.refunds).any(|refund| {
            object["id"] == refund.id.as_str()
                && object["status"].as_str() == refund.status.as_deref()
        }),
        "invoice_payment" => fetched(&object["invoice"]).is_some_and(|invoice| {
            let payments = invoice["payments"]["data"].as_array().into_iter().flatten();
            payments.filter(|it| it["id"] == object["id"]).any(|it| same(it, &["status"]))
        }),
        kind => {
            let fields = fields_of(kind).unwrap_or_default();
            fetched(&object["id"]).map_or(is_over_in(object), |fetched| same(fetched, fields))
        }
    }
}

fn is_over(kind: &str, status: &str) -> bool {
    match kind {
        "subscription" => matches!(status, "canceled" | "incomplete_expired"),
        "invoice" => status == "void",
        "checkout.session" => matches!(status, "complete" | "expired"),
        _ => false,
    }
}

fn is_over_in(object: &Value) -> bool {
    let word = |field: &str| object[field].as_str().unwrap_or_default();
    is_over(word("object"), word("status"))
}

fn tells_the_end(event: &&Event) -> bool {
    Told::by(event).is_some_and(|told| {
        let (kind, status) = told.state();
        is_over(kind, status)
    })
}

/// Puts terminal states that were told in the place of what was fetched, or could not be. They are
/// read in every version that Stripe has sent them in.
pub(super) fn believe_the_end(claim: &Claim, seen: &mut Seen) -> Result<(), LaneError> {
    for object in claim.events.iter().filter(tells_the_end).filter_map(newest::payload) {
        let id = object["id"].as_str().unwrap_or_default().to_owned();
        if seen.raw.get(&id).is_some_and(is_over_in) {
            continue;
        }
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

#[cfg(test)]
mod tests {
    use specie_vocab::WallTime;

    use super::looks;

    #[test]
    fn the_last_look_comes_after_a_minute_and_few_of_them() {
        let begun = 1_767_258_000;
        for lane in ["cus_1", "cus_2", "cus_long"] {
            let mut last = std::collections::BTreeSet::new();
            for millisecond in (0..30_000).step_by(250) {
                let time = jiff::Timestamp::from_millisecond(begun * 1000 + millisecond).unwrap();
                let [second, third] = looks(lane, WallTime::new(time));
                assert_eq!(second, WallTime::new(time).plus_seconds(10));
                let wait = third.timestamp().as_millisecond() - time.as_millisecond();
                assert!((60_000..=91_000).contains(&wait), "{lane}: {wait} ms");
                last.insert(third);
            }
            assert!(last.len() <= 2, "{lane}: {last:?}");
        }
    }
}
