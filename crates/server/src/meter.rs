//! What this process counts. One process, one set of counters, whatever number of routers it has.

use std::sync::LazyLock;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use specie_vocab::WallTime;

/// Upper ends of the classes of answering times, in seconds.
const SECONDS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
/// The same of handling times, which hold calls to Stripe.
const HANDLING: [f64; 10] = [0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];

/// What may come of a delivery.
const DELIVERIES: [&str; 5] = ["stored", "unroutable", "foreign", "bad_signature", "busy"];
/// What may come of a try to send a mail.
const MAILS: [&str; 5] = ["sent", "kept", "deferred", "failed", "no_address"];
/// What may come of a lane's turn.
const LANES: [&str; 2] = ["done", "backed_off"];

static REQUESTS: LazyLock<Family<Answered, Counter>> = LazyLock::new(Family::default);
static TIMES: LazyLock<Family<Door, Histogram>> =
    LazyLock::new(|| Family::new_with_constructor(|| Histogram::new(SECONDS)));
static WEBHOOKS: LazyLock<Family<Outcome, Counter>> = LazyLock::new(|| from_zero(&DELIVERIES));
static MAILED: LazyLock<Family<Outcome, Counter>> = LazyLock::new(|| from_zero(&MAILS));
static HANDLED: LazyLock<Family<Outcome, Histogram>> = LazyLock::new(|| {
    let family = Family::new_with_constructor(handling as fn() -> Histogram);
    for outcome in LANES {
        drop(family.get_or_create(&Outcome { outcome }));
    }
    family
});
static ALARMS: LazyLock<Family<Code, Counter>> = LazyLock::new(|| {
    let family = Family::default();
    for alarm in &crate::alarms::ALARMS {
        drop(family.get_or_create(&Code { code: alarm.code.into() }));
    }
    family
});

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    method: String,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Door {
    method: String,
    route: String,
}

/// What became of something.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Outcome {
    pub(crate) outcome: &'static str,
}

/// An alarm's name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Code {
    pub(crate) code: String,
}

fn handling() -> Histogram {
    Histogram::new(HANDLING)
}

/// Counters that are there before anything happens: a rise from nothing is no rise.
fn from_zero(outcomes: &[&'static str]) -> Family<Outcome, Counter> {
    let family = Family::default();
    for outcome in outcomes {
        drop(family.get_or_create(&Outcome { outcome }));
    }
    family
}

/// Seconds from one moment to another, to the microsecond; none, if a clock was set back.
pub(crate) fn seconds(begun: WallTime, ended: WallTime) -> f64 {
    let micros = |at: WallTime| at.timestamp().as_microsecond();
    (micros(ended) - micros(begun)).max(0) as f64 / 1e6
}

/// A request was answered.
pub(crate) fn answered(method: String, route: String, status: u16, seconds: f64) {
    let door = Door { method: method.clone(), route: route.clone() };
    TIMES.get_or_create(&door).observe(seconds);
    REQUESTS.get_or_create(&Answered { method, route, status }).inc();
}

/// A delivery came: one of [`DELIVERIES`].
pub(crate) fn webhook(outcome: &'static str) {
    WEBHOOKS.get_or_create(&Outcome { outcome }).inc();
}

/// It was tried to send a mail: one of [`MAILS`].
pub(crate) fn mail(outcome: &'static str) {
    MAILED.get_or_create(&Outcome { outcome }).inc();
}

/// A lane had its turn: one of [`LANES`].
pub(crate) fn lane(outcome: &'static str, seconds: f64) {
    HANDLED.get_or_create(&Outcome { outcome }).observe(seconds);
}

/// Something needs a person.
pub(crate) fn alarm(code: &str) {
    ALARMS.get_or_create(&Code { code: code.into() }).inc();
}

/// Names all counters, for whoever writes them out.
pub(crate) fn register(registry: &mut Registry) {
    registry.register("http_requests", "Requests answered", REQUESTS.clone());
    registry.register("http_request_seconds", "How long answers took", TIMES.clone());
    registry.register("webhooks", "Deliveries, by what became of them", WEBHOOKS.clone());
    registry.register("mails", "Tries to send a mail, by what became of them", MAILED.clone());
    registry.register("lane_seconds", "How long a lane's turn took", HANDLED.clone());
    registry.register("alarms", "What needed a person, since the start", ALARMS.clone());
}
