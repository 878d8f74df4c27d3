//! Events: what happened, in the order in which it happened, and who is told.

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};

use super::fault::{Answer, Fault};
use super::given::Given;
use super::pages::{List, Listed};
use super::state::{is, items, text};
use super::{EventTimes, Pending, World};

/// An event as it is kept: as text, which takes a fraction of the memory of its tree.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Event {
    /// All of it but for `pending_webhooks`.
    text: Box<RawValue>,
    id: String,
    kind: String,
    created: i64,
    /// How many endpoints have not confirmed it.
    pending: usize,
    /// When it happened, in wall time; none once it is older than the API shows.
    wall: Option<i64>,
}

impl Event {
    pub(super) fn tree(&self) -> Value {
        let mut tree: Value = serde_json::from_str(self.text.get()).unwrap_or_default();
        tree["pending_webhooks"] = json!(self.pending);
        tree
    }
}

impl Listed for Event {
    fn kept<'a>(world: &'a World, id: &str) -> Option<&'a Self> {
        world.events.get(id)
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn value(&self) -> Value {
        self.tree()
    }
}

/// What an event says, but for `pending_webhooks`.
#[derive(Serialize)]
struct Said<'a> {
    id: &'a str,
    object: &'static str,
    api_version: &'static str,
    created: i64,
    data: Data<'a>,
    livemode: bool,
    request: Request<'a>,
    r#type: &'a str,
}

#[derive(Serialize)]
struct Data<'a> {
    object: &'a Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_attributes: Option<&'a Map<String, Value>>,
}

#[derive(Serialize)]
struct Request<'a> {
    id: Option<&'a str>,
    idempotency_key: Option<&'a str>,
}

/// Whether an endpoint that asked for `wanted` is told of `kind`.
fn wants(wanted: &[Value], kind: &str) -> bool {
    wanted.iter().filter_map(Value::as_str).any(|want| want == "*" || want == kind)
}

impl World {
    /// Emits an event with the object as it is now.
    pub(super) fn emit(&mut self, kind: &str, id: &str) {
        self.emit_kept(kind, id, None);
    }

    /// Emits an `….updated` with what changed, unless nothing did.
    pub(super) fn emit_change(&mut self, kind: &str, id: &str, previous: Map<String, Value>) {
        if !previous.is_empty() {
            self.emit_kept(kind, id, Some(&previous));
        }
    }

    fn emit_kept(&mut self, kind: &str, id: &str, previous: Option<&Map<String, Value>>) {
        let of = self.objects.get(id).map(|object| text(object, "object").to_owned());
        let event = self.event_id(&of.unwrap_or_default(), id);
        let snapshot = self.objects.get(id).unwrap_or(&Value::Null);
        let said = self.said(&event, kind, snapshot, previous);
        self.happened(event, kind, said);
    }

    /// Emits an event with a snapshot.
    pub(super) fn emit_as(
        &mut self,
        kind: &str,
        snapshot: &Value,
        previous: Option<&Map<String, Value>>,
    ) {
        let event = self.event_id(text(snapshot, "object"), text(snapshot, "id"));
        let said = self.said(&event, kind, snapshot, previous);
        self.happened(event, kind, said);
    }

    /// An id for an event about an object: those of a payment share its characters.
    fn event_id(&mut self, kind: &str, id: &str) -> String {
        match (kind, id.rsplit('_').next()) {
            ("payment_intent" | "charge" | "refund", Some(payment)) => {
                self.payment_id("evt_", payment)
            }
            _ => self.long_id("evt_", '1'),
        }
    }

    fn said(
        &self,
        id: &str,
        kind: &str,
        snapshot: &Value,
        previous: Option<&Map<String, Value>>,
    ) -> Box<RawValue> {
        let request = self.request.as_ref();
        let said = Said {
            id,
            object: "event",
            api_version: super::VERSION,
            created: self.event_time(),
            data: Data { object: snapshot, previous_attributes: previous },
            livemode: false,
            request: Request {
                id: request.map(|(id, _)| id.as_str()),
                idempotency_key: request.and_then(|(_, key)| key.as_deref()),
            },
            r#type: kind,
        };
        // Nothing that JSON holds fails to be written to memory.
        to_raw_value(&said).unwrap_or_default()
    }

    fn event_time(&self) -> i64 {
        match self.config.switches.event_times {
            EventTimes::Simulated => self.now,
            EventTimes::Wall => self.wall,
        }
    }

    /// Keeps an event, and has those told who want to be.
    fn happened(&mut self, id: String, kind: &str, said: Box<RawValue>) {
        let hooks = self.kinds.get("webhook_endpoint").map(Vec::as_slice).unwrap_or_default();
        let is_told = |hook: &&String| {
            self.find("webhook_endpoint", hook).is_some_and(|hook| {
                text(hook, "status") == "enabled" && wants(items(hook, "enabled_events"), kind)
            })
        };
        let told: Vec<String> = hooks.iter().filter(is_told).cloned().collect();
        let event = Event {
            text: said,
            id: id.clone(),
            kind: kind.to_owned(),
            created: self.event_time(),
            pending: told.len(),
            wall: Some(self.wall),
        };
        told.iter().for_each(|endpoint| self.waiting.put(&id, endpoint));
        self.enlist("event", &id);
        self.events.insert(id, event);
    }

    /// Lets go of events that are older than the API shows, unless somebody waits for them.
    pub(super) fn forget_old_events(&mut self) {
        let oldest = self.wall.saturating_sub(self.config.switches.event_retention);
        let Some(ids) = self.kinds.get("event") else { return };
        let wall = |id: &String| self.events.get(id).and_then(|event| event.wall);
        let count = ids.iter().take_while(|id| wall(id).is_none_or(|wall| wall < oldest)).count();
        if count == 0 {
            return;
        }
        for id in self.take_oldest("event", count) {
            if let Some(event) = self.events.get_mut(&id) {
                event.wall = None;
            }
            self.forget_unless_awaited(&id);
        }
    }

    fn forget_unless_awaited(&mut self, id: &str) {
        let shown = self.events.get(id).is_some_and(|event| event.wall.is_some());
        if !shown && !self.waiting.awaits(id) {
            self.events.remove(id);
        }
    }

    /// An event that the API still shows.
    pub(super) fn event(&self, id: &str) -> Option<Value> {
        self.events.get(id).filter(|event| event.wall.is_some()).map(Event::tree)
    }

    /// The events that the API still shows, newest first.
    pub(super) fn newest_events(&self) -> impl Iterator<Item = &Event> {
        let ids = self.kinds.get("event").map(Vec::as_slice).unwrap_or_default();
        ids.iter().rev().filter_map(|id| self.events.get(id))
    }

    pub(super) fn render_delivery(&self, event: &str, endpoint: &str) -> Option<Pending> {
        let hook = self.find("webhook_endpoint", endpoint)?;
        if text(hook, "status") != "enabled" {
            return None;
        }
        Some(Pending {
            event: event.to_owned(),
            endpoint: endpoint.to_owned(),
            url: text(hook, "url").to_owned(),
            body: super::wire::pretty(&self.events.get(event)?.tree()),
            secret: self.secrets.get(endpoint)?.clone(),
        })
    }

    pub(super) fn take_waiting(&mut self) -> Vec<Pending> {
        let mut waiting = std::mem::take(&mut self.waiting);
        let taken = waiting.hand_out(|event, endpoint| self.render_delivery(event, endpoint));
        self.waiting = waiting;
        taken
    }

    pub(super) fn note_delivery(&mut self, event: &str, endpoint: &str, ok: bool) {
        if !self.waiting.remove(event, endpoint) {
            return;
        }
        if let Some(event) = self.events.get_mut(event).filter(|_| ok) {
            event.pending = event.pending.saturating_sub(1);
        }
        self.forget_unless_awaited(event);
    }

    pub(super) fn forget_deliveries_to(&mut self, endpoint: &str) {
        self.waiting.forget(endpoint);
    }

    pub(super) fn untaken(&mut self) {
        self.waiting.take_back();
    }

    pub(super) fn list_events<'a>(&'a self, given: &'a Given) -> Answer<List<'a, Event>> {
        let types = given.texts("types");
        if given.filled("type").is_some() && !types.is_empty() {
            return Err(Fault::parameter(
                "You may only specify one of these parameters: type, types.",
                "type",
            )
            .code("parameters_exclusive"));
        }
        if types.len() > 20 {
            let message = "You can filter by at most 20 event types.";
            return Err(Fault::parameter(message, "types"));
        }
        let all: List<'a, Event> = List::of(self, "event");
        Ok(all.only(move |event| {
            let kind = event.kind.as_str();
            given.filled("type").is_none_or(|want| pattern(want, kind))
                && (types.is_empty() || types.iter().any(|want| pattern(want, kind)))
                && given.bool("delivery_success").is_none_or(|ok| ok == (event.pending == 0))
        }))
    }

    /// Whether a customer was deleted, so that its stub is shown.
    pub(super) fn is_stub(&self, id: &str) -> bool {
        self.objects.get(id).is_some_and(|object| is(object, "deleted"))
    }
}

/// `invoice.*` takes in every event of invoices.
fn pattern(want: &str, kind: &str) -> bool {
    match want.strip_suffix('*') {
        Some(start) => kind.starts_with(start),
        None => want == kind,
    }
}

/// Merges the metadata that was given into an object.
pub(super) fn merge_metadata(object: &mut Value, given: &Given) {
    if let Some(Value::Object(kept)) = object.get_mut("metadata") {
        given.merge_metadata("metadata", kept);
    }
}
