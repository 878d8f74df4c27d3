//! What an event told of its object: the few fields that say what to read, without building all of
//! it. A claim may hold hundreds of events, of which few are read whole.

use serde::Deserialize;
use serde_json::Value;
use specie_store::inbox::Event;

/// Of an event's object.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Told {
    object: Value,
    status: Value,
    payment_intent: Value,
    invoice: Value,
    customer: Value,
}

#[derive(Deserialize)]
struct Body {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    object: Told,
}

impl Told {
    /// None, if the body is not an event's.
    pub(super) fn by(event: &Event) -> Option<Self> {
        serde_json::from_slice::<Body>(&event.payload).ok().map(|body| body.data.object)
    }

    /// Which kind of object, and its state; empty where there is none.
    pub(super) fn state(&self) -> (&str, &str) {
        (self.object.as_str().unwrap_or_default(), self.status.as_str().unwrap_or_default())
    }

    /// The payment it belongs to.
    pub(super) fn payment_intent(&self) -> Option<&str> {
        id(&self.payment_intent)
    }

    /// The invoice it belongs to.
    pub(super) fn invoice(&self) -> Option<&str> {
        id(&self.invoice)
    }

    /// The customer it belongs to.
    pub(super) fn customer(&self) -> Option<&str> {
        id(&self.customer)
    }
}

#[derive(Deserialize)]
struct Changes {
    data: Before,
}

#[derive(Deserialize)]
struct Before {
    #[serde(default)]
    previous_attributes: Value,
}

/// Whether an event tells that a field of its object was another one before.
pub(super) fn changed(event: &Event, field: &str) -> bool {
    let changes = serde_json::from_slice::<Changes>(&event.payload);
    changes.is_ok_and(|it| it.data.previous_attributes.get(field).is_some())
}

/// An id, or an expanded object's id.
pub(super) fn id(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value["id"].as_str())
}
