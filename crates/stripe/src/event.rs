//! Routing facts of an event: what says where it belongs, read without building a tree.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::Verified;

/// Stripe's ids, types and versions have 255 characters at most.
const LONGEST: usize = 255;

/// Which lane an event belongs to, and what it is about. All texts are ASCII and bounded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routing {
    /// The event's id.
    pub id: String,
    /// Its type, such as `invoice.paid`.
    pub kind: String,
    /// When it came about, in Unix seconds.
    pub created: i64,
    /// The version in which its data is written.
    pub api_version: Option<String>,
    /// The connected account; under Connect only.
    pub account: Option<String>,
    /// Live, or test.
    pub livemode: bool,
    /// The id of its object; some (a balance) have none.
    pub object: Option<String>,
    /// The customer: the object itself, the one it names, or the one it named before.
    pub customer: Option<String>,
}

/// Why an event cannot be routed. It is kept all the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event that cannot be routed: `{field}` is missing, too long or of another kind")]
pub struct Unroutable {
    /// What could not be read.
    pub field: &'static str,
    /// The event's id, where that at least is one.
    pub id: Option<String>,
}

/// Reads the routing facts of what Stripe signed.
pub fn routing(verified: &Verified) -> Result<Routing, Unroutable> {
    read(verified.bytes())
}

/// Reads the routing facts of an event that was fetched through the API.
pub fn routing_of_fetched(event: &Value) -> Result<Routing, Unroutable> {
    read(&serde_json::to_vec(event).unwrap_or_default())
}

fn read(bytes: &[u8]) -> Result<Routing, Unroutable> {
    let head: Head = match serde_json::from_slice(bytes) {
        Ok(head) => head,
        Err(_) => {
            let id = serde_json::from_slice(bytes).ok().and_then(|OnlyId { id }| event_id(&id));
            return Err(Unroutable { field: "event", id });
        }
    };
    let id = event_id(&head.id);
    let fault = |field| Unroutable { field, id: id.clone() };
    let text = |field: Text, name, fits: fn(&str) -> bool| match field.0 {
        Some(text) if fits(&text) => Ok(Some(text.into_owned())),
        Some(_) => Err(fault(name)),
        None => Ok(None),
    };
    if head.object.0.as_deref() != Some("event") {
        return Err(fault("object"));
    }
    let data = head.data.unwrap_or_default();
    let object = data.object.unwrap_or_default();
    let is_customer = object.object.0.as_deref() == Some("customer");
    let named_before = data.previous_attributes.unwrap_or_default().customer;
    let customer = if is_customer {
        object.id.clone()
    } else if object.customer.0.is_some() {
        object.customer
    } else {
        named_before
    };
    Ok(Routing {
        kind: text(head.kind, "type", is_kind)?.ok_or_else(|| fault("type"))?,
        created: head.created.filter(|at| *at >= 0).ok_or_else(|| fault("created"))?,
        api_version: text(head.api_version, "api_version", is_word)?,
        account: text(head.account, "account", is_word)?,
        livemode: head.livemode.ok_or_else(|| fault("livemode"))?,
        object: text(object.id, "data.object.id", is_printable)?,
        customer: text(customer, "data.object.customer", is_word)?,
        id: id.clone().ok_or_else(|| fault("id"))?,
    })
}

fn event_id(id: &Text) -> Option<String> {
    let id = id.0.as_deref()?;
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let is_id = id.starts_with("evt_") && id.len() <= LONGEST && id.bytes().all(fits);
    is_id.then(|| id.to_owned())
}

fn is_kind(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'.';
    !text.is_empty() && text.len() <= LONGEST && text.bytes().all(fits)
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST && text.bytes().all(|b| b.is_ascii_graphic())
}

/// Ids that a merchant chooses (coupons, products) may hold a space.
fn is_printable(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_graphic() || b == b' ';
    !text.is_empty() && text.len() <= LONGEST && text.bytes().all(fits)
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    object: Text<'a>,
    #[serde(borrow, default, rename = "type")]
    kind: Text<'a>,
    #[serde(default)]
    created: Option<i64>,
    #[serde(borrow, default)]
    api_version: Text<'a>,
    #[serde(borrow, default)]
    account: Text<'a>,
    #[serde(default)]
    livemode: Option<bool>,
    #[serde(borrow, default)]
    data: Option<Data<'a>>,
}

/// What is left to read of an event whose other fields are of another kind.
#[derive(Deserialize)]
struct OnlyId<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
}

#[derive(Default, Deserialize)]
struct Data<'a> {
    #[serde(borrow, default)]
    object: Option<Object<'a>>,
    #[serde(borrow, default)]
    previous_attributes: Option<Previous<'a>>,
}

#[derive(Default, Deserialize)]
struct Object<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    object: Text<'a>,
    #[serde(borrow, default)]
    customer: Text<'a>,
}

#[derive(Default, Deserialize)]
struct Previous<'a> {
    #[serde(borrow, default)]
    customer: Text<'a>,
}

/// A text, borrowed where it holds no escape; or the `id` of an object that stands expanded in
/// its place. Null and other simple things are none.
#[derive(Clone, Default)]
struct Text<'a>(Option<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor).map(Text)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or an object with an id")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(text.to_owned())))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut id = None;
        while let Some(name) = map.next_key::<Cow<str>>()? {
            match name.as_ref() {
                "id" => id = map.next_value::<Text>()?.0,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(id)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
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
            let name =
                "(id|object|type|created|livemode|data|customer|previous_attributes|[a-z]{1,3})";
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
}
