//! The world: Stripe as plain data. It answers calls, moves its clock, and emits events; no I/O,
//! no system clock, the same bytes from the same seed and calls.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How a world is set up. Never changes afterwards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Where ids, secrets and prefixes come from.
    pub seed: u64,
    /// Where the world's clock starts, in Unix seconds.
    pub start: i64,
    /// The origin of the hosted pages, without a slash at the end.
    pub base_url: String,
    /// What happens after a payment of a renewal failed.
    pub dunning: Dunning,
    /// Choices where Stripe's behaviour is not known for certain.
    pub switches: Switches,
}

/// What happens after a payment of a renewal failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dunning {
    /// The pauses between attempts, in seconds: from the first to the second, and so on.
    pub retries: Vec<i64>,
    /// What becomes of the subscription when the last attempt failed.
    pub then: AfterDunning,
}

/// What becomes of a subscription when the last attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AfterDunning {
    /// It is canceled.
    Cancel,
    /// It becomes `unpaid`.
    Unpaid,
    /// It stays `past_due`.
    PastDue,
}

/// Choices where Stripe's behaviour is not known for certain, or is a choice of the sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switches {
    /// The pause between a draft invoice of a renewal and its finalising, in seconds.
    pub draft_seconds: i64,
    /// How long events can be read through the API, in seconds of wall time.
    pub event_retention: i64,
    /// How long an idempotency key is kept, in seconds of wall time.
    pub idempotency_retention: i64,
}

impl Config {
    /// The usual world from `seed`, with its clock at `start` (Unix seconds) and its pages at
    /// `base_url`.
    pub fn new(seed: u64, start: i64, base_url: impl Into<String>) -> Self {
        Self {
            seed,
            start,
            base_url: base_url.into(),
            dunning: Dunning::default(),
            switches: Switches::default(),
        }
    }
}

impl Default for Dunning {
    fn default() -> Self {
        const DAY: i64 = 86_400;
        Self { retries: vec![3 * DAY, 5 * DAY, 7 * DAY], then: AfterDunning::Cancel }
    }
}

impl Default for Switches {
    fn default() -> Self {
        Self { draft_seconds: 3_601, event_retention: 30 * 86_400, idempotency_retention: 86_400 }
    }
}

/// A request to the API, without what only a socket knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// `GET`, `POST` or `DELETE`.
    pub method: String,
    /// The path, such as `/v1/customers`.
    pub path: String,
    /// What stands after the `?`, still encoded.
    pub query: String,
    /// The body, still encoded.
    pub body: String,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The `Idempotency-Key` header.
    pub idempotency_key: Option<String>,
    /// The `Stripe-Version` header.
    pub version: Option<String>,
}

/// The answer to a [`Call`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The headers, but for those of the connection.
    pub headers: Vec<(String, String)>,
    /// The body: JSON, two spaces of indentation.
    pub body: String,
}

/// What a person sees when a hosted page refuses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct PageError {
    /// For the person.
    pub message: String,
    /// For a program: Stripe's error or decline code, or one of the sandbox's own.
    pub code: String,
}

/// An event that waits to be delivered to one endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// The event's id.
    pub event: String,
    /// The endpoint's id.
    pub endpoint: String,
    /// Where to send it.
    pub url: String,
    /// The event as pretty JSON: the bytes to sign and to send.
    pub body: String,
    /// The endpoint's signing secret.
    pub secret: String,
}

/// A pure, deterministic, serialisable Stripe.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct World {
    config: Config,
    now: i64,
}

impl World {
    /// A world without customers.
    pub fn new(config: Config) -> Self {
        Self { now: config.start, config }
    }

    /// The world's clock, in Unix seconds.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// How the world was set up.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Answers a request. `wall` is the wall time in Unix seconds: events and idempotency keys are
    /// kept by it.
    pub fn call(&mut self, _call: &Call, _wall: i64) -> Reply {
        Reply { status: 404, headers: Vec::new(), body: String::new() }
    }

    /// Moves the clock to `to`, doing all that falls due on the way, in order. Never goes back.
    pub fn advance(&mut self, to: i64) {
        self.now = self.now.max(to);
    }

    /// When something falls due next.
    pub fn next_due(&self) -> Option<i64> {
        None
    }

    /// Pays an open Checkout Session with a card template (`pm_card_visa`), as a person does on
    /// the hosted page. Answers where the page leads then.
    pub fn pay_checkout(
        &mut self,
        session: &str,
        _card: &str,
        _email: Option<&str>,
        _name: Option<&str>,
    ) -> Result<String, PageError> {
        Err(PageError {
            message: format!("No such page: '{session}'"),
            code: "resource_missing".into(),
        })
    }

    /// Cancels a subscription at the end of its period, as a person does in the portal.
    pub fn portal_cancel(&mut self, session: &str, _subscription: &str) -> Result<(), PageError> {
        Err(PageError {
            message: format!("No such page: '{session}'"),
            code: "resource_missing".into(),
        })
    }

    /// Takes a cancellation back, as a person does in the portal.
    pub fn portal_resume(&mut self, session: &str, _subscription: &str) -> Result<(), PageError> {
        Err(PageError {
            message: format!("No such page: '{session}'"),
            code: "resource_missing".into(),
        })
    }

    /// Saves another card (a template) and makes it the customer's default, as a person does in
    /// the portal.
    pub fn portal_replace_card(&mut self, session: &str, _card: &str) -> Result<(), PageError> {
        Err(PageError {
            message: format!("No such page: '{session}'"),
            code: "resource_missing".into(),
        })
    }

    /// One object, as the API would print it.
    pub fn object(&self, _id: &str) -> Option<Value> {
        None
    }

    /// All objects of a kind (`customer`, `checkout.session`, ...), newest first.
    pub fn list(&self, _kind: &str) -> Vec<Value> {
        Vec::new()
    }

    /// What waits to be delivered since the last time, oldest first.
    pub fn take_deliveries(&mut self) -> Vec<Pending> {
        Vec::new()
    }

    /// Notes how a delivery went.
    pub fn delivered(&mut self, _event: &str, _endpoint: &str, _ok: bool) {}
}
