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
mod tests;
