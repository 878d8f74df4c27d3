//! What this process counts. One process, one set of counters, whatever number of routers it has.

use std::sync::LazyLock;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Upper ends of the classes of answering times, in seconds.
const SECONDS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

static REQUESTS: LazyLock<Family<Answered, Counter>> = LazyLock::new(Family::default);
static TIMES: LazyLock<Family<Door, Histogram>> =
    LazyLock::new(|| Family::new_with_constructor(|| Histogram::new(SECONDS)));
static WEBHOOKS: LazyLock<Family<Outcome, Counter>> = LazyLock::new(Family::default);
static ALARMS: LazyLock<Family<Alarm, Counter>> = LazyLock::new(Family::default);

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

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Alarm {
    code: String,
}

/// A request was answered.
pub(crate) fn answered(method: String, route: String, status: u16, seconds: f64) {
    let door = Door { method: method.clone(), route: route.clone() };
    TIMES.get_or_create(&door).observe(seconds);
    REQUESTS.get_or_create(&Answered { method, route, status }).inc();
}

/// A delivery came: `stored`, `unroutable`, `foreign`, `bad_signature` or `busy`.
pub(crate) fn webhook(outcome: &'static str) {
    WEBHOOKS.get_or_create(&Outcome { outcome }).inc();
}

/// Something needs a person.
pub(crate) fn alarm(code: &str) {
    ALARMS.get_or_create(&Alarm { code: code.into() }).inc();
}

/// Names all counters, for whoever writes them out.
pub(crate) fn register(registry: &mut Registry) {
    registry.register("http_requests", "Requests answered", REQUESTS.clone());
    registry.register("http_request_seconds", "How long answers took", TIMES.clone());
    registry.register("webhooks", "Deliveries, by what became of them", WEBHOOKS.clone());
    registry.register("alarms", "What needed a person, since the start", ALARMS.clone());
}
