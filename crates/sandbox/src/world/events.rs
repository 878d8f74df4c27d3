//! Events: what happened, in the order in which it happened, and who is told.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::fault::{Answer, Fault};
use super::given::Given;
use super::state::{int, is, items, object, text};
use super::{EventTimes, Pending, World};

/// A delivery that no endpoint has confirmed yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Waiting {
    event: String,
    endpoint: String,
    /// Whether it was handed out.
    taken: bool,
}

/// Whether an endpoint that asked for `wanted` is told of `kind`.
fn wants(wanted: &[Value], kind: &str) -> bool {
    wanted.iter().filter_map(Value::as_str).any(|want| want == "*" || want == kind)
}

impl World {
    /// Emits an event with the object as it is now.
    pub(super) fn emit(&mut self, kind: &str, id: &str) {
        let object = self.copy(id);
        self.emit_as(kind, object, None);
    }

    /// Emits an `….updated` with what changed, unless nothing did.
    pub(super) fn emit_change(&mut self, kind: &str, id: &str, previous: Map<String, Value>) {
        if !previous.is_empty() {
            let object = self.copy(id);
            self.emit_as(kind, object, Some(previous));
        }
    }

    /// Emits an event with a snapshot.
    pub(super) fn emit_as(
        &mut self,
        kind: &str,
        snapshot: Value,
        previous: Option<Map<String, Value>>,
    ) {
        let of_payment = match text(&snapshot, "object") {
            "payment_intent" | "charge" | "refund" => text(&snapshot, "id").rsplit('_').next(),
            _ => None,
        };
        let id = match of_payment.map(str::to_owned) {
            Some(payment) => self.payment_id("evt_", &payment),
            None => self.long_id("evt_", '1'),
        };
        let told: Vec<String> = self
            .kinds
            .get("webhook_endpoint")
            .map(Vec::as_slice)
            .unwrap_or_default()
            .iter()
            .filter(|id| {
                self.find("webhook_endpoint", id).is_some_and(|hook| {
                    text(hook, "status") == "enabled" && wants(items(hook, "enabled_events"), kind)
                })
            })
            .cloned()
            .collect();
        let (request, key) = self.request.clone().unzip();
        let created = match self.config.switches.event_times {
            EventTimes::Simulated => self.now,
            EventTimes::Wall => self.wall,
        };
        let mut data = json!({ "object": snapshot });
        if let Some(previous) = previous {
            data["previous_attributes"] = Value::Object(previous);
        }
        self.keep(json!({
            "id": id,
            "object": "event",
            "api_version": super::VERSION,
            "created": created,
            "data": data,
            "livemode": false,
            "pending_webhooks": told.len(),
            "request": { "id": request, "idempotency_key": key.flatten() },
            "type": kind,
        }));
        self.event_walls.insert(id.clone(), self.wall);
        let waiting = told.into_iter();
        let waiting = waiting.map(|endpoint| Waiting { event: id.clone(), endpoint, taken: false });
        self.waiting.extend(waiting);
    }

    /// Lets go of events that are older than the API shows, unless somebody waits for them.
    pub(super) fn forget_old_events(&mut self) {
        let oldest = self.wall.saturating_sub(self.config.switches.event_retention);
        let Some(ids) = self.kinds.get("event") else { return };
        let old = |id: &&String| self.event_walls.get(*id).is_none_or(|wall| *wall < oldest);
        let count = ids.iter().take_while(old).count();
        if count == 0 {
            return;
        }
        let gone: Vec<String> =
            self.kinds.get_mut("event").map(|ids| ids.drain(..count).collect()).unwrap_or_default();
        for id in gone {
            self.event_walls.remove(&id);
            if !self.waiting.iter().any(|waiting| waiting.event == id) {
                self.objects.remove(&id);
            }
        }
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
            body: super::wire::pretty(self.objects.get(event)?),
            secret: self.secrets.get(endpoint)?.clone(),
        })
    }

    pub(super) fn take_waiting(&mut self) -> Vec<Pending> {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.retain(|entry| self.find("webhook_endpoint", &entry.endpoint).is_some());
        let mut taken = Vec::new();
        for entry in waiting.iter_mut().filter(|entry| !entry.taken) {
            if let Some(pending) = self.render_delivery(&entry.event, &entry.endpoint) {
                entry.taken = true;
                taken.push(pending);
            }
        }
        self.waiting = waiting;
        taken
    }

    pub(super) fn note_delivery(&mut self, event: &str, endpoint: &str, ok: bool) {
        let matches = |w: &Waiting| w.event == event && w.endpoint == endpoint;
        if !self.waiting.iter().any(matches) {
            return;
        }
        self.waiting.retain(|waiting| !matches(waiting));
        let left = self.objects.get(event).map(|event| int(event, "pending_webhooks"));
        let left = left.filter(|_| ok);
        if let Some(left) = left {
            self.set(event, [("pending_webhooks", json!((left - 1).max(0)))]);
        }
        if !self.event_walls.contains_key(event) && !self.waiting.iter().any(|w| w.event == event) {
            self.objects.remove(event);
        }
    }

    pub(super) fn untaken(&mut self) {
        for waiting in &mut self.waiting {
            waiting.taken = false;
        }
    }

    pub(super) fn list_events(&self, given: &Given) -> Answer<Vec<&Value>> {
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
        let fits = |event: &&Value| {
            let kind = text(event, "type");
            given.filled("type").is_none_or(|want| pattern(want, kind))
                && (types.is_empty() || types.iter().any(|want| pattern(want, kind)))
                && given
                    .bool("delivery_success")
                    .is_none_or(|ok| ok == (int(event, "pending_webhooks") == 0))
        };
        Ok(self.newest("event").filter(fits).collect())
    }

    pub(super) fn create_endpoint(&mut self, given: &Given) -> Answer {
        let url = checked_url(given.filled("url").unwrap_or_default())?;
        let events = checked_events(given)?;
        if self.newest("webhook_endpoint").count() >= 16 {
            return Err(Fault::invalid(
                "You have reached the maximum of 16 test webhook endpoints.",
            ));
        }
        if let Some(version) = given.filled("api_version")
            && version != super::VERSION
        {
            return Err(Fault::unsupported("value of", "api_version"));
        }
        let id = self.long_id("we_", '1');
        let secret = format!("whsec_{}", self.noise(32));
        self.secrets.insert(id.clone(), secret.clone());
        self.keep(object(
            "application",
            json!({
                "id": id, "object": "webhook_endpoint", "api_version": given.filled("api_version"),
                "created": self.now, "description": given.filled("description"),
                "enabled_events": events, "livemode": false, "metadata": given.metadata("metadata"),
                "status": "enabled", "url": url,
            }),
        ));
        let mut shown = self.copy(&id);
        shown["secret"] = json!(secret);
        Ok(shown)
    }

    pub(super) fn update_endpoint(&mut self, id: &str, given: &Given) -> Answer {
        let mut hook = self.need("webhook_endpoint", id)?;
        if let Some(url) = given.filled("url") {
            hook["url"] = json!(checked_url(url)?);
        }
        if given.at("enabled_events").is_some() {
            hook["enabled_events"] = json!(checked_events(given)?);
        }
        if let Some(description) = given.text("description") {
            hook["description"] =
                if description.is_empty() { Value::Null } else { json!(description) };
        }
        if let Some(disabled) = given.bool("disabled") {
            hook["status"] = json!(if disabled { "disabled" } else { "enabled" });
        }
        merge_metadata(&mut hook, given);
        self.objects.insert(id.to_owned(), hook.clone());
        Ok(hook)
    }

    /// Replaces an endpoint's signing secret, as a person does on Stripe's dashboard. The old one
    /// signs beside the new one for `expire_in` seconds of wall time. Answers the new secret.
    pub fn roll_secret(&mut self, endpoint: &str, expire_in: i64, wall: i64) -> Option<String> {
        self.find("webhook_endpoint", endpoint)?;
        let secret = format!("whsec_{}", self.noise(32));
        let old = self.secrets.insert(endpoint.to_owned(), secret.clone())?;
        let retiring = self.retiring.entry(endpoint.to_owned()).or_default();
        retiring.retain(|(_, until)| *until > wall);
        retiring.push((old, wall.saturating_add(expire_in.clamp(0, 86_400))));
        Some(secret)
    }

    /// What signs for an endpoint at a moment of wall time, the newest first.
    pub fn signing_secrets(&self, endpoint: &str, wall: i64) -> Vec<String> {
        let old = self.retiring.get(endpoint).into_iter().flatten().rev();
        let old = old.filter(|(_, until)| *until > wall).map(|(secret, _)| secret);
        self.secrets.get(endpoint).into_iter().chain(old).cloned().collect()
    }

    pub(super) fn delete_endpoint(&mut self, id: &str) -> Answer {
        self.need("webhook_endpoint", id)?;
        self.objects.remove(id);
        self.secrets.remove(id);
        self.retiring.remove(id);
        self.waiting.retain(|waiting| waiting.endpoint != id);
        Ok(json!({ "id": id, "object": "webhook_endpoint", "deleted": true }))
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

fn checked_url(url: &str) -> Answer<String> {
    let host = url.strip_prefix("https://").or(url.strip_prefix("http://"));
    match host {
        Some(host) if !host.is_empty() && !host.starts_with('/') && !host.contains(' ') => {
            Ok(url.to_owned())
        }
        _ => Err(Fault::parameter(
            "Invalid URL: An explicit scheme (such as https) must be provided.",
            "url",
        )
        .code("url_invalid")),
    }
}

fn checked_events(given: &Given) -> Answer<Vec<String>> {
    let events = given.texts("enabled_events");
    if events.is_empty() {
        let fault = Fault::parameter("Missing required param: enabled_events.", "enabled_events");
        return Err(fault.code("parameter_missing"));
    }
    Ok(events)
}

impl World {
    /// Whether a customer was deleted, so that its stub is shown.
    pub(super) fn is_stub(&self, id: &str) -> bool {
        self.objects.get(id).is_some_and(|object| is(object, "deleted"))
    }
}
