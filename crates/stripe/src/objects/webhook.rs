//! Where Stripe sends events.

use std::collections::BTreeMap;

use serde_json::Value;
use specie_vocab::{Secret, WebhookEndpointId};

use super::reader::Reader;
use crate::Unreadable;

/// A webhook endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct WebhookEndpoint {
    /// Its id.
    pub id: WebhookEndpointId,
    /// Where events go.
    pub url: String,
    /// `enabled` or `disabled`.
    pub status: String,
    /// What signs them; only the answer that made the endpoint says it.
    pub secret: Option<Secret>,
    /// Types of events, or `*`.
    pub enabled_events: Vec<String>,
    /// The version in which they are written; none is the account's own.
    pub api_version: Option<String>,
    /// What was noted on it.
    pub metadata: BTreeMap<String, String>,
    /// All that Stripe said, but the secret.
    pub raw: Value,
}

impl WebhookEndpoint {
    /// Reads a webhook endpoint.
    pub fn parse(value: &Value) -> Result<Self, Unreadable> {
        let reader = Reader::of(value, "webhook_endpoint")?;
        let mut raw = value.clone();
        raw.as_object_mut().and_then(|fields| fields.remove("secret"));
        let events = reader.at("enabled_events").as_array().map(Vec::as_slice);
        let events = events.unwrap_or_default().iter().filter_map(Value::as_str);
        Ok(Self {
            id: reader.id("id")?,
            url: reader.text("url")?,
            status: reader.text("status")?,
            secret: reader.opt_text("secret")?.map(Secret::new),
            enabled_events: events.map(String::from).collect(),
            api_version: reader.opt_text("api_version")?,
            metadata: reader.metadata("metadata")?,
            raw,
        })
    }
}
