//! Events as Stripe sends them, and as nobody should.

use proptest::prelude::*;
use serde_json::json;
use specie_vocab::{Secret, WallTime};

use super::*;
use crate::{Secrets, sign};

/// An invoice's event as Stripe sends it: pretty-printed, the object before the type.
fn event() -> Value {
    json!({
        "id": "evt_1PaTestabcdefgh", "object": "event", "api_version": "2026-10-28.endive",
        "created": 1_767_225_600, "data": { "object": {
            "id": "in_1", "object": "invoice", "amount_due": 2900, "customer": "cus_1",
            "lines": { "object": "list", "data": [{ "id": "il_1", "customer": "cus_other" }] },
        }},
        "livemode": false, "pending_webhooks": 1,
        "request": { "id": null, "idempotency_key": null }, "type": "invoice.paid",
    })
}

fn with(path: &str, value: Value) -> Value {
    let mut event = event();
    match event.pointer_mut(path) {
        Some(place) => *place = value,
        None => event["data"]["previous_attributes"] = value,
    }
    event
}

fn customer(event: &Value) -> Option<String> {
    routing_of_fetched(event).unwrap().customer
}

#[test]
fn what_was_signed_is_routed() {
    let body = serde_json::to_vec_pretty(&event()).unwrap();
    let (secret, now) = (Secret::new("whsec_test"), WallTime::from_second(1_767_225_600));
    let header = sign(&secret, &body, now);
    let verified = Secrets::new([secret]).verify(&header, &body, now).unwrap();
    let expected = Routing {
        id: "evt_1PaTestabcdefgh".into(),
        kind: "invoice.paid".into(),
        created: 1_767_225_600,
        api_version: Some("2026-10-28.endive".into()),
        account: None,
        livemode: false,
        object: Some("in_1".into()),
        customer: Some("cus_1".into()),
    };
    assert_eq!(routing(&verified), Ok(expected.clone()));
    assert_eq!(routing_of_fetched(&event()), Ok(expected));
}

#[test]
fn the_customer_is_found_wherever_stripe_names_it() {
    let found = |event: &Value| customer(event).unwrap_or_default();
    let expanded = json!({"id": "cus_2", "object": "customer", "address": {"id": 7}});
    assert_eq!(found(&with("/data/object/customer", expanded)), "cus_2");
    let own = json!({"id": "cus_3", "object": "customer", "balance": 0, "customer": "cus_x"});
    assert_eq!(found(&with("/data/object", own)), "cus_3");
    let detached = json!({"id": "pm_1", "object": "payment_method", "customer": null});
    let mut event = with("/data/object", detached);
    assert_eq!(customer(&event), None);
    event["data"]["previous_attributes"] = json!({"customer": "cus_4"});
    assert_eq!(found(&event), "cus_4");
    assert_eq!(found(&with("/none", json!({"customer": "cus_5", "status": "open"}))), "cus_1");
    let dispute = json!({"id": "du_1", "object": "dispute", "charge": "ch_1"});
    assert_eq!(customer(&with("/data/object", dispute)), None);
}

#[test]
fn an_object_need_not_have_an_id() {
    let balance = json!({"object": "balance", "available": [{"amount": 1}]});
    assert_eq!(routing_of_fetched(&with("/data/object", balance)).unwrap().object, None);
}

#[test]
fn what_does_not_fit_is_unroutable_and_says_its_id_if_it_has_one() {
    let id = || Some(String::from("evt_1PaTestabcdefgh"));
    let check = |path, value, field| {
        let expected = Unroutable { field, id: id() };
        assert_eq!(routing_of_fetched(&with(path, value)), Err(expected), "{path}");
    };
    check("/type", json!(null), "type");
    check("/type", json!("invoice.p\u{e4}id"), "type");
    check("/type", json!("a".repeat(256)), "type");
    check("/created", json!(-1), "created");
    check("/created", json!("2026-01-01T00:00:00Z"), "event");
    check("/livemode", json!(null), "livemode");
    check("/object", json!("v2.core.event"), "object");
    check("/api_version", json!("a b"), "api_version");
    check("/data/object/id", json!("in_\n"), "data.object.id");
    check("/data/object/id", json!("x".repeat(256)), "data.object.id");
    check("/data/object/customer", json!("cus_ü"), "data.object.customer");
    check("/data", json!("text"), "event");
    let nameless = |value| routing_of_fetched(&with("/id", value)).unwrap_err();
    for wrong in [json!("evt_\u{0}"), json!("in_1"), json!(null), json!("e".repeat(300))] {
        assert_eq!(nameless(wrong), Unroutable { field: "id", id: None });
    }
    assert_eq!(read(b"{"), Err(Unroutable { field: "event", id: None }));
    assert_eq!(read(b"\xff"), Err(Unroutable { field: "event", id: None }));
}

#[test]
fn an_endless_nesting_is_no_overflow() {
    let deep = "[".repeat(100_000);
    assert!(read(deep.as_bytes()).is_err());
    let deep = r#"{"id":"#.repeat(100_000);
    assert!(read(deep.as_bytes()).is_err());
    let deep = format!(r#"{{"data":{{"object":{{"x":{}"#, "[".repeat(100_000));
    assert!(read(deep.as_bytes()).is_err());
}

/// Any JSON, with the names that are read among its names.
fn json_like() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(json!("event")),
        Just(json!("customer")),
        Just(json!("evt_1")),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        let name = "(id|object|type|created|livemode|data|customer|previous_attributes|[a-z]{1,3})";
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map(name, inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn is_bounded(routing: &Routing) -> bool {
    let Routing { id, kind, api_version, account, object, customer, .. } = routing;
    let others = [api_version, account, object, customer].into_iter().flatten();
    let fits = |text: &String| text.is_ascii() && (1..=255).contains(&text.len());
    [id, kind].into_iter().chain(others).all(fits)
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&bytes);
    }

    #[test]
    fn a_mangled_event_never_panics_and_what_is_routed_is_bounded(
        path in prop::sample::select(vec![
            "/id", "/object", "/type", "/created", "/livemode", "/api_version", "/data",
            "/data/object", "/data/object/id", "/data/object/object", "/data/object/customer",
            "/none",
        ]),
        value in json_like(), cut in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let event = with(path, value);
        if let Ok(routing) = routing_of_fetched(&event) {
            prop_assert!(is_bounded(&routing), "{routing:?}");
        }
        let mut bytes = serde_json::to_vec(&event).unwrap();
        let at = cut.index(bytes.len());
        let _ = read(&bytes[..at]);
        bytes[at] = byte;
        if let Ok(routing) = read(&bytes) {
            prop_assert!(is_bounded(&routing), "{routing:?}");
        }
    }

    #[test]
    fn a_sound_event_is_routed_whatever_else_it_holds(extra in json_like()) {
        let mut event = event();
        event["data"]["object"]["extra"] = extra.clone();
        event["extra"] = extra;
        prop_assert_eq!(customer(&event), Some("cus_1".into()));
    }
}
