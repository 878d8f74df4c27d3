//! Webhook endpoints: where events go, and what signs them.

use serde_json::{Value, json};

use super::World;
use super::events::merge_metadata;
use super::fault::{Answer, Fault};
use super::given::Given;
use super::state::object;

impl World {
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
        self.replace(id, hook.clone());
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
        self.forget_deliveries_to(id);
        Ok(json!({ "id": id, "object": "webhook_endpoint", "deleted": true }))
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
