//! Events, as the API lists them and webhooks bring them.

use serde_json::Value;
use specie_vocab::EventId;

use super::reader::Reader;
use crate::Unreadable;

/// An event with the object that it tells of.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its id.
    pub id: EventId,
    /// Its type, such as `invoice.paid`.
    pub kind: String,
    /// When it came about.
    pub created: i64,
    /// The version in which its object is written.
    pub api_version: Option<String>,
    /// Live, or test.
    pub livemode: bool,
    /// The connected account; under Connect only.
    pub account: Option<String>,
    /// The object after the change.
    pub object: Value,
    /// What was there before, of the fields that changed.
    pub previous: Option<Value>,
    /// All that Stripe said.
    pub raw: Value,
}

impl Event {
    /// Reads an event.
    pub fn parse(value: &Value) -> Result<Self, Unreadable> {
        let reader = Reader::of(value, "event")?;
        let object = reader.at("data.object");
        let previous = reader.at("data.previous_attributes");
        if !object.is_object() {
            return Err(reader.fault("data.object"));
        }
        Ok(Self {
            id: reader.id("id")?,
            kind: reader.text("type")?,
            created: reader.int("created")?,
            api_version: reader.opt_text("api_version")?,
            livemode: reader.flag("livemode")?,
            account: reader.opt_text("account")?,
            object: object.clone(),
            previous: previous.is_object().then(|| previous.clone()),
            raw: value.clone(),
        })
    }
}
