//! Why something changes: of all that a claim holds, what tells of the object that changed.
//!
//! A claim may hold what came in hours, and most of it tells of something else.

use serde_json::Value;
use specie_billing::{Effect, IntentRequest, MailFacts};
use specie_store::inbox::Event;
use specie_store::lanes::Claim;

use super::{WishFor, fetch, newest, told};
use crate::trail::why;

/// Why an effect follows.
pub(super) fn of_effect<'a>(claim: &'a Claim, effect: &Effect) -> &'a str {
    let found = match effect {
        Effect::Audit { subject, details, .. } => {
            about(claim, subject).or_else(|| of_slot(claim, details))
        }
        Effect::Quarantine { object, .. } => about(claim, object),
        Effect::Intent(request) => of_request(claim, request),
        Effect::Mail { about, .. } => of_mail(claim, about),
        Effect::Alarm { .. } => None,
    };
    found.unwrap_or_else(|| of_all(claim))
}

/// Why an object is another one now, or is to be looked at again.
pub(super) fn of_object<'a>(claim: &'a Claim, id: &str) -> &'a str {
    about(claim, id).unwrap_or_else(|| of_all(claim))
}

/// Why the claim is worked on, where nothing in it tells of what changed: all of the customer was to
/// be looked at, or somebody waits for a look, or else its oldest event, its first wish, or a date that
/// came.
fn of_all(claim: &Claim) -> &str {
    let event = claim.events.first().map(|event| event.id.as_str());
    let awaited = claim.wishes.iter().find(|wish| wish.urgent).map(|wish| wish.why.as_str());
    let wish = claim.wishes.first().map(|wish| wish.why.as_str());
    everything(claim).or(awaited).or(event).or(wish).unwrap_or(why::CLOCK)
}

/// What tells of an object of Stripe's: the newest event about it, a wish to look at it, or the newest
/// event that names it.
fn about<'a>(claim: &'a Claim, id: &str) -> Option<&'a str> {
    if !fetch::is_readable(id) {
        return None;
    }
    let event = newest::about(claim, id).map(|event| event.id.as_str());
    event.or_else(|| look_at(claim, id)).or_else(|| newest_of(claim, |event| names(event, id)))
}

/// What tells of an object that came into a slot, or of one that went out of it, or that is in it as
/// before.
fn of_slot<'a>(claim: &'a Claim, details: &Value) -> Option<&'a str> {
    let (from, to) = (words(&details["from"]), words(&details["to"]));
    let came = to.iter().filter(|id| !from.contains(id));
    let went = from.iter().filter(|id| !to.contains(id));
    came.chain(went).chain(&to).find_map(|id| about(claim, id))
}

/// All words in a slot, the ids of its objects among them.
fn words(slot: &Value) -> Vec<&str> {
    match slot {
        Value::String(word) => vec![word.as_str()],
        Value::Array(all) => all.iter().flat_map(words).collect(),
        Value::Object(fields) => fields.values().flat_map(words).collect(),
        _ => Vec::new(),
    }
}

/// A card is put in place by an event of its customer, or seen when they are looked at; a charge that
/// failed may ask for it later.
fn of_request<'a>(claim: &'a Claim, request: &IntentRequest) -> Option<&'a str> {
    match request {
        IntentRequest::CancelAndRefund { subscription, .. } => about(claim, subscription.as_str()),
        IntentRequest::Recover { subscription, payment_method, invoice, .. } => {
            let card = payment_method.as_str();
            new_card(claim, card)
                .or_else(|| about(claim, card))
                .or_else(|| look_at(claim, &claim.lane))
                .or_else(|| everything(claim))
                .or_else(|| about(claim, invoice.as_ref()?.as_str()))
                .or_else(|| about(claim, subscription.as_str()))
        }
    }
}

/// A mail tells of an invoice, or else of its subscription.
fn of_mail<'a>(claim: &'a Claim, facts: &MailFacts) -> Option<&'a str> {
    let of_invoice = facts.invoice.as_ref().and_then(|id| about(claim, id.as_str()));
    of_invoice.or_else(|| about(claim, facts.subscription.as_str()))
}

/// The newest event by which a card became its customer's own.
fn new_card<'a>(claim: &'a Claim, card: &str) -> Option<&'a str> {
    newest_of(claim, |event| {
        event.object.as_ref() == Some(&claim.lane)
            && names(event, card)
            && told::changed(event, "invoice_settings")
    })
}

/// The newest of some events.
fn newest_of(claim: &Claim, is: impl Fn(&Event) -> bool) -> Option<&str> {
    let found = claim.events.iter().filter(|event| is(event));
    found.max_by_key(|event| event.created).map(|event| event.id.as_str())
}

/// Whether an event names an object, and tells of something that can be read.
fn names(event: &Event, id: &str) -> bool {
    let id = format!("\"{id}\"");
    std::str::from_utf8(&event.payload).is_ok_and(|text| text.contains(&id))
        && fetch::named_by(event).is_some()
}

/// Why an object is wished to be looked at.
fn look_at<'a>(claim: &'a Claim, id: &str) -> Option<&'a str> {
    wished(claim, |what| matches!(what, WishFor::Object { id: of, .. } if of == id))
}

/// Why all that Stripe has of the customer is wished to be looked at.
fn everything(claim: &Claim) -> Option<&str> {
    wished(claim, |what| *what == WishFor::Everything)
}

fn wished(claim: &Claim, is: impl Fn(&WishFor) -> bool) -> Option<&str> {
    let of_it =
        |what: &Value| serde_json::from_value::<WishFor>(what.clone()).is_ok_and(|what| is(&what));
    claim.wishes.iter().find(|wish| of_it(&wish.what)).map(|wish| wish.why.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use specie_billing::MailKind;
    use specie_store::inbox::InboxState;
    use specie_store::wishes::Wish;
    use specie_stripe::API_VERSION;
    use specie_vocab::{BusinessTime, WallTime};
    use uuid::Uuid;

    use super::*;

    /// An event of some second about an object, which says this of itself and of what it was.
    fn event(id: &str, second: i64, kind: &str, mut object: Value, before: Value) -> Event {
        let about = object["id"].as_str().unwrap().to_owned();
        object["customer"] = "cus_1".into();
        let body = json!({ "data": { "object": object, "previous_attributes": before } });
        Event {
            id: id.into(),
            kind: kind.into(),
            created: BusinessTime::from_second(second),
            api_version: Some(API_VERSION.into()),
            account: None,
            livemode: false,
            object: Some(about),
            customer: Some("cus_1".into()),
            lane: Some("cus_1".into()),
            payload: body.to_string().into_bytes(),
            received_at: WallTime::from_second(second),
            state: InboxState::Pending,
            failures: 0,
            handled_at: None,
            reason: None,
        }
    }

    fn of_subscription(id: &str, second: i64, kind: &str, status: &str) -> Event {
        let object = json!({ "id": "sub_1", "object": "subscription", "status": status });
        event(id, second, &format!("customer.subscription.{kind}"), object, json!({}))
    }

    fn of_invoice(id: &str, second: i64, kind: &str) -> Event {
        let parent = json!({ "subscription_details": { "subscription": "sub_1" } });
        let object = json!({ "id": "in_1", "object": "invoice", "parent": parent });
        event(id, second, &format!("invoice.{kind}"), object, json!({}))
    }

    fn of_customer(id: &str, second: i64, card: &str, before: Value) -> Event {
        let settings = json!({ "default_payment_method": card });
        let object = json!({ "id": "cus_1", "object": "customer", "invoice_settings": settings });
        event(id, second, "customer.updated", object, before)
    }

    fn wish(what: &WishFor, why: &str) -> Wish {
        let (id, lane, due) = (Uuid::nil(), "cus_1".into(), WallTime::from_second(0));
        Wish { id, lane, what: json!(what), due, urgent: true, why: why.into() }
    }

    fn claim(events: Vec<Event>, wishes: Vec<Wish>) -> Claim {
        let (lane, unreadable) = ("cus_1".into(), Vec::new());
        Claim { lane, fence: 1, events, wishes, failures: 0, unreadable }
    }

    #[test]
    fn a_change_is_put_down_to_the_newest_event_about_what_changed() {
        let told = vec![
            of_invoice("evt_upcoming", 1, "upcoming"),
            of_subscription("evt_end", 4, "deleted", "canceled"),
            of_subscription("evt_begin", 2, "created", "active"),
            of_customer("evt_name", 5, "pm_1", json!({ "name": "A" })),
            of_invoice("evt_paid", 6, "paid"),
        ];
        let claim = claim(told, vec![wish(&WishFor::Everything, why::SYNC)]);
        assert_eq!(of_object(&claim, "sub_1"), "evt_end");
        assert_eq!(of_object(&claim, "in_1"), "evt_paid");
        assert_eq!(of_object(&claim, "cus_1"), "evt_name");
        assert_eq!(of_object(&claim, "pi_1"), why::SYNC, "nothing tells of it");
    }

    #[test]
    fn of_one_second_it_is_the_one_that_follows_the_others() {
        let told = ["deleted", "updated", "created"].map(|kind| {
            let status = if kind == "deleted" { "canceled" } else { "active" };
            of_subscription(&format!("evt_{kind}"), 1, kind, status)
        });
        assert_eq!(of_object(&claim(told.into(), Vec::new()), "sub_1"), "evt_deleted");
    }

    #[test]
    fn what_is_told_by_none_is_put_down_to_a_wish_or_an_event_that_names_it() {
        let upcoming = || of_invoice("evt_upcoming", 1, "upcoming");
        let paid = || of_invoice("evt_paid", 2, "paid");
        let look = |id: &str, why| wish(&WishFor::object(id), why);
        let second_look = |id: &str| Wish { urgent: false, ..look(id, "evt_before") };
        let renamed = || of_customer("evt_name", 1, "pm_1", json!({}));
        let everything = || wish(&WishFor::Everything, why::PORTAL);
        let cases = [
            (vec![upcoming(), paid()], vec![], "evt_paid"),
            (vec![upcoming(), paid()], vec![look("sub_1", "an intent")], "an intent"),
            (vec![upcoming(), paid()], vec![look("sub_2", "an intent")], "evt_paid"),
            (vec![upcoming()], vec![everything()], why::PORTAL),
            (vec![upcoming()], vec![second_look("sub_2")], "evt_upcoming"),
            (vec![renamed()], vec![look("cs_1", why::SYNC)], why::SYNC),
            (vec![renamed()], vec![second_look("cs_1")], "evt_name"),
            (vec![], vec![look("sub_2", "an intent"), everything()], why::PORTAL),
            (vec![], vec![look("sub_2", "an intent")], "an intent"),
            (vec![], vec![], why::CLOCK),
        ];
        for (events, wishes, expected) in cases {
            let claim = claim(events, wishes);
            assert_eq!(of_object(&claim, "sub_1"), expected, "{claim:?}");
        }
    }

    #[test]
    fn a_slot_is_changed_by_what_comes_into_it_or_goes_out() {
        let session = |id: &str, second| {
            let object = json!({ "id": "cs_1", "object": "checkout.session" });
            event(id, second, "checkout.session.completed", object, json!({}))
        };
        let told = vec![
            of_customer("evt_name", 1, "pm_1", json!({})),
            of_subscription("evt_begin", 2, "created", "active"),
            session("evt_paid", 3),
        ];
        let claim = claim(told, Vec::new());
        let empty = json!({ "state": "empty" });
        let open = json!({ "state": "open", "intent": "1", "session": "cs_1" });
        let held = json!({ "state": "held", "subscription": "sub_1" });
        let conflict = json!({ "state": "conflict", "subscription": "sub_1", "others": [] });
        for (from, to, expected) in [
            (&open, &held, "evt_begin"),
            (&open, &empty, "evt_paid"),
            (&held, &empty, "evt_begin"),
            (&held, &conflict, "evt_begin"),
            (&json!({ "state": "claimed", "intent": "1" }), &empty, "evt_name"),
        ] {
            let (subject, details) = ("main".into(), json!({ "from": from, "to": to }));
            let effect = Effect::Audit { what: "slot.changed", subject, details };
            assert_eq!(of_effect(&claim, &effect), expected, "{from} {to}");
        }
    }

    #[test]
    fn a_mail_is_put_down_to_its_invoice_or_else_to_its_subscription() {
        let mail = |invoice: Option<&str>| {
            let about = MailFacts {
                subscription: "sub_1".try_into().unwrap(),
                group: "main".into(),
                plan: "pro".into(),
                price: "monthly".into(),
                at: BusinessTime::from_second(1),
                invoice: invoice.map(|id| id.try_into().unwrap()),
                number: None,
                amount: None,
                attempt: None,
                next_attempt: None,
                grace_until: None,
                ends_at: None,
                period: None,
                link: None,
                pdf: None,
            };
            Effect::Mail { key: "key".into(), kind: MailKind::Receipt, about: Box::new(about) }
        };
        let told = vec![
            of_customer("evt_name", 1, "pm_1", json!({})),
            of_subscription("evt_begin", 2, "created", "active"),
            of_invoice("evt_paid", 3, "paid"),
        ];
        let claim = claim(told, Vec::new());
        assert_eq!(of_effect(&claim, &mail(Some("in_1"))), "evt_paid");
        assert_eq!(of_effect(&claim, &mail(None)), "evt_begin");
    }

    #[test]
    fn a_new_card_is_put_down_to_the_event_that_brought_it() {
        let recover = Effect::Intent(IntentRequest::Recover {
            subscription: "sub_1".try_into().unwrap(),
            group: "main".into(),
            payment_method: "pm_2".try_into().unwrap(),
            invoice: Some("in_1".try_into().unwrap()),
            turn: 1,
        });
        let attached = || {
            let object = json!({ "id": "pm_2", "object": "payment_method" });
            event("evt_attached", 3, "payment_method.attached", object, json!({}))
        };
        let before = json!({ "invoice_settings": { "default_payment_method": "pm_1" } });
        let card = || of_customer("evt_card", 3, "pm_2", before.clone());
        let owes = || of_customer("evt_owes", 4, "pm_2", json!({ "delinquent": false }));
        let failed = || of_invoice("evt_failed", 2, "payment_failed");
        let everything = || wish(&WishFor::Everything, why::PORTAL);
        let cases = [
            (vec![failed(), card(), attached(), owes()], vec![everything()], "evt_card"),
            (vec![failed(), attached()], vec![everything()], "evt_attached"),
            (vec![failed()], vec![everything()], why::PORTAL),
            (vec![failed()], vec![], "evt_failed"),
        ];
        for (events, wishes, expected) in cases {
            let claim = claim(events, wishes);
            assert_eq!(of_effect(&claim, &recover), expected, "{claim:?}");
        }
    }
}
