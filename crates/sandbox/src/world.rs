//! The world: Stripe as plain data. It answers calls, moves its clock, and emits events; no I/O,
//! no system clock, the same bytes from the same seed and calls.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

mod backlog;
mod balance;
mod beginning;
mod catalog;
mod checkout;
mod clock;
mod clocks;
mod customers;
mod drafts;
mod dunning;
mod events;
mod expand;
mod expandable;
mod fault;
mod given;
mod hooks;
mod index;
mod invoices;
mod methods;
mod pages;
mod params;
mod paying;
mod payments;
mod periods;
mod portal;
mod products;
mod refunds;
mod routes;
mod serve;
mod state;
mod subscriptions;
mod switches;
mod tokens;
mod upcoming;
pub(crate) mod wire;

pub(crate) use clock::LATEST;
use serve::Way;
pub(crate) use switches::brief;

/// The version of the API that is spoken.
pub const VERSION: &str = "2026-10-28.endive";

/// How the hosted pages ask the API. Any key that looks like one opens it.
pub(crate) const PAGES: &str = "Bearer sk_test_hostedPagesOfTheSandbox";

pub use switches::{
    AfterDunning, CheckoutTimes, ClockLists, Dunning, EventTimes, Retries, Switches,
};

/// How a world is set up.
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
    /// The `Stripe-Account` header, or `Stripe-Context`.
    pub account: Option<String>,
}

/// Why a call is refused before the world looks into it: it holds what must not be kept, or is no
/// form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// Stripe's `error` object, but for the address of the log.
    pub error: Map<String, Value>,
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
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// Without the secret.
impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { event, endpoint, url, .. } = self;
        write!(f, "Pending({event} to {endpoint} at {url})")
    }
}

/// Without what it holds.
impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "World(at {}, {} objects)", self.now, self.objects.len())
    }
}

/// A pure, deterministic, serialisable Stripe.
#[derive(Clone, Serialize, Deserialize)]
pub struct World {
    config: Config,
    now: i64,
    /// The wall time of the last call.
    wall: i64,
    /// The state of the source of chance.
    chance: u64,
    account: String,
    objects: BTreeMap<String, Value>,
    /// The ids of each kind of object, oldest first, deleted ones included.
    kinds: BTreeMap<String, Vec<String>>,
    /// What falls due: moment, and rank with id.
    agenda: BTreeSet<(i64, String)>,
    /// When each task of the agenda falls due.
    dues: BTreeMap<String, i64>,
    /// The call that is being answered: its id and its idempotency key.
    request: Option<(String, Option<String>)>,
    /// Idempotency keys and what they stand for.
    kept: BTreeMap<String, serve::Kept>,
    /// When expired answers were swept away last, in Unix seconds of wall time.
    #[serde(default)]
    swept: i64,
    /// What is known of cards beside their objects.
    cards: BTreeMap<String, methods::Card>,
    /// Unused tokens and the cards they stand for.
    tokens: BTreeMap<String, String>,
    /// What is known of Checkout Sessions beside their objects.
    baskets: BTreeMap<String, checkout::Basket>,
    /// All lines of each invoice.
    lines: BTreeMap<String, Vec<Value>>,
    /// The default payment of each invoice.
    payments: BTreeMap<String, String>,
    /// How many retries of each invoice were planned.
    dunned: BTreeMap<String, usize>,
    /// The card whose refusal was final, by invoice.
    hard: BTreeMap<String, String>,
    /// Events that the API still shows, or that wait to be delivered.
    events: BTreeMap<String, events::Event>,
    waiting: backlog::Backlog,
    /// The signing secrets of endpoints.
    secrets: BTreeMap<String, String>,
    /// Secrets that were replaced and still sign, and until when (wall time).
    retiring: BTreeMap<String, Vec<(String, i64)>>,
    /// Idempotency keys of requests that are still being answered.
    held: BTreeSet<String>,
    /// The time and the agenda of each test clock.
    clocks: BTreeMap<String, clocks::TestClock>,
    /// The test clock in whose time something is being done: it holds the world's own meanwhile.
    #[serde(skip)]
    inside: Option<String>,
    /// What is derived from `kinds` and `objects`, once it was asked for.
    #[serde(skip)]
    index: OnceLock<index::Index>,
}

impl Call {
    /// Whether one of the sandbox's own pages asks.
    pub(crate) fn is_of_a_page(&self) -> bool {
        self.authorization.as_deref() == Some(PAGES)
    }

    /// The same call without the key that came with it.
    pub(crate) fn without_key(self) -> Self {
        Self { authorization: serve::keyless(self.authorization.as_deref()), ..self }
    }
}

impl World {
    /// A world without customers.
    pub fn new(config: Config) -> Self {
        let mut world = Self {
            now: config.start,
            wall: config.start,
            chance: config.seed,
            config,
            account: String::new(),
            objects: BTreeMap::new(),
            kinds: BTreeMap::new(),
            agenda: BTreeSet::new(),
            dues: BTreeMap::new(),
            request: None,
            kept: BTreeMap::new(),
            swept: 0,
            cards: BTreeMap::new(),
            tokens: BTreeMap::new(),
            baskets: BTreeMap::new(),
            lines: BTreeMap::new(),
            payments: BTreeMap::new(),
            dunned: BTreeMap::new(),
            hard: BTreeMap::new(),
            events: BTreeMap::new(),
            waiting: backlog::Backlog::default(),
            secrets: BTreeMap::new(),
            retiring: BTreeMap::new(),
            held: BTreeSet::new(),
            clocks: BTreeMap::new(),
            inside: None,
            index: OnceLock::new(),
        };
        world.account = format!("acct_1{}", world.noise(15));
        world.keep_configuration();
        world
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
    pub fn call(&mut self, call: &Call, wall: i64) -> Reply {
        self.answer(call, Way::Do, wall)
    }

    /// Refuses a request that it need not look into, in the form of all its answers.
    pub fn refuse(&mut self, call: &Call, refusal: &Refusal, wall: i64) -> Reply {
        self.answer(call, Way::Refuse(refusal), wall)
    }

    /// Whether reading calls find the same here and in `other`, an earlier state of this world.
    pub(crate) fn shows_as(&self, other: &Self) -> bool {
        let newest = |world: &Self| world.kinds.get("event").and_then(|ids| ids.last()).cloned();
        self.objects == other.objects && self.lines == other.lines && newest(self) == newest(other)
    }

    /// Answers a reading call with what an earlier state of this world, `past`, knows.
    pub(crate) fn call_late(&mut self, past: &Self, call: &Call, wall: i64) -> Reply {
        let mut then = past.clone();
        then.config.clone_from(&self.config);
        then.chance = self.chance;
        let reply = then.call(call, wall);
        self.chance = then.chance;
        reply
    }

    /// Fails with `refusal` instead of doing what is asked, and keeps that for its idempotency key.
    pub(crate) fn fail(&mut self, call: &Call, refusal: &Refusal, wall: i64) -> Reply {
        self.answer(call, Way::Fail(refusal), wall)
    }

    /// Moves the clock to `to`, doing all that falls due on the way, in order. Never goes back.
    pub fn advance(&mut self, to: i64) {
        self.run_to(to);
    }

    /// When something falls due next.
    pub fn next_due(&self) -> Option<i64> {
        self.agenda.first().map(|(due, _)| *due)
    }

    /// Pays an open Checkout Session with a card (`pm_card_visa`, `tok_visa`), as a person does on
    /// the hosted page. Answers where the page leads then.
    pub fn pay_checkout(
        &mut self,
        session: &str,
        card: &str,
        email: Option<&str>,
        name: Option<&str>,
    ) -> Result<String, PageError> {
        self.for_person(session, |world| world.pay_session(session, card, email, name))
    }

    /// Cancels a subscription at the end of its period, as a person does in the portal.
    pub fn portal_cancel(&mut self, session: &str, subscription: &str) -> Result<(), PageError> {
        self.for_person(session, |world| world.portal_schedule(session, subscription, true))
    }

    /// Takes a cancellation back, as a person does in the portal.
    pub fn portal_resume(&mut self, session: &str, subscription: &str) -> Result<(), PageError> {
        self.for_person(session, |world| world.portal_schedule(session, subscription, false))
    }

    /// Saves another card (`pm_card_visa`, `tok_visa`) and makes it the customer's default, as a
    /// person does in the portal.
    pub fn portal_replace_card(&mut self, session: &str, card: &str) -> Result<(), PageError> {
        self.for_person(session, |world| world.portal_card(session, card))
    }

    /// One object, as the API would print it.
    pub fn object(&self, id: &str) -> Option<Value> {
        self.objects.get(id).cloned().or_else(|| self.events.get(id).map(events::Event::tree))
    }

    /// All objects of a kind (`customer`, `checkout.session`, ...), newest first.
    pub fn list(&self, kind: &str) -> Vec<Value> {
        self.list_newest(kind, usize::MAX)
    }

    /// The newest objects of a kind, at most so many, newest first.
    pub(crate) fn list_newest(&self, kind: &str, most: usize) -> Vec<Value> {
        match kind {
            "event" => self.newest_events().take(most).map(events::Event::tree).collect(),
            _ => self.newest(kind).take(most).cloned().collect(),
        }
    }

    /// How many objects of a kind there are.
    pub(crate) fn count(&self, kind: &str) -> usize {
        match kind {
            "event" => self.newest_events().count(),
            _ => self.newest(kind).count(),
        }
    }

    /// The line items of a Checkout Session.
    pub fn line_items(&self, session: &str) -> Vec<Value> {
        self.baskets.get(session).map(|basket| basket.lines.clone()).unwrap_or_default()
    }

    /// What waits to be delivered and was not taken yet, oldest first.
    pub fn take_deliveries(&mut self) -> Vec<Pending> {
        self.take_waiting()
    }

    /// Notes how a delivery went. One that was confirmed is never handed out again.
    pub fn delivered(&mut self, event: &str, endpoint: &str, ok: bool) {
        self.note_delivery(event, endpoint, ok);
    }

    /// A delivery as it is to be sent again; none if the endpoint is gone or disabled.
    pub fn delivery(&self, event: &str, endpoint: &str) -> Option<Pending> {
        self.render_delivery(event, endpoint)
    }

    /// Hands out again all that was taken and not confirmed: for whoever lost it.
    pub fn retake_deliveries(&mut self) {
        self.untaken();
    }
}
