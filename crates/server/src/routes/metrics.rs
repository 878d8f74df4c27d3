//! `GET /metrics`: counters and gauges, in the text form that Prometheus reads.

use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use specie_store::intents::{self, IntentState};
use specie_store::{Tx, inbox, lanes, mails, outbox, quarantine, watermarks};
use specie_stripe::OUTCOMES;

use crate::alarms::{self, ALARMS};
use crate::meter::{Code, Outcome};
use crate::{ApiError, App, meter};

/// Counts a request by its route, never by its address: that may name a customer.
pub(super) async fn count(State(app): State<App>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let route = route.unwrap_or_else(|| "none".into());
    let method = match request.method().as_str() {
        known @ ("GET" | "POST" | "DELETE" | "HEAD" | "OPTIONS") => known.to_owned(),
        _ => "other".into(),
    };
    let begun = app.wall.now();
    let response = next.run(request).await;
    let status = response.status().as_u16();
    tracing::debug!(%method, %route, status, "answered");
    meter::answered(method, route, status, meter::seconds(begun, app.wall.now()));
    if response.extensions().get::<ApiError>().is_some_and(|error| error.corrupt) {
        alarms::raise(&app, "row_corrupt");
    }
    response
}

/// A figure that is read when it is asked for: name, what it is, and how much.
type Figure = (&'static str, &'static str, i64);

/// What waits, as the database knows it.
async fn gauges(app: &App, tx: &mut Tx) -> Result<Vec<Figure>, ApiError> {
    let now = tx.now().await?;
    let waiting = i64::try_from(lanes::restless(tx).await?.len()).unwrap_or(i64::MAX);
    let oldest = lanes::oldest_pending(tx).await?;
    let lag = oldest.map_or(0, |since| now.seconds_since(since).max(0));
    let open = intents::count_in(tx, IntentState::Open).await?;
    let stuck = intents::count_in(tx, IntentState::Stuck).await?;
    let mut all = vec![
        ("lanes_waiting", "Lanes with work that waits", waiting),
        ("lanes_lag_seconds", "How long the oldest event waits for its lane", lag),
        ("events_parked", "Events set aside for a person", lanes::parked(tx).await?),
        ("intents_open", "Changes at Stripe that are not finished", open),
        ("intents_stuck", "Changes at Stripe that wait for a person", stuck),
        ("quarantined", "Objects kept apart", quarantine::count(tx).await?),
        ("outbox_waiting", "Effects that are still to be carried out", outbox::waiting(tx).await?),
        ("mails_written", "Mails written", mails::count(tx).await?),
        (
            "stripe_outages",
            "Calls in a row that Stripe did not answer",
            app.stripe.outages().into(),
        ),
    ];
    if let Some(newest) = inbox::newest(tx).await? {
        let age = now.seconds_since(newest).max(0);
        all.push(("last_event_age_seconds", "How long ago the last event came", age));
    }
    if let Some(mark) = watermarks::latest(tx).await? {
        let age = now.seconds_since(mark.began_at).max(0);
        all.push(("watermark_age_seconds", "How long ago Stripe's events were last read", age));
    }
    Ok(all)
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Whose {
    clock: &'static str,
}

/// By how much other clocks are ahead of this machine's.
async fn skew(app: &App, tx: &mut Tx) -> Result<Family<Whose, Gauge>, ApiError> {
    let family = Family::<Whose, Gauge>::default();
    let database = tx.now().await?.seconds_since(app.wall.now());
    for (clock, ahead) in [("database", Some(database)), ("stripe", app.watch.stripe_ahead())] {
        if let Some(ahead) = ahead {
            family.get_or_create(&Whose { clock }).set(ahead);
        }
    }
    Ok(family)
}

/// Which alarms stand: 1, or 0.
async fn standing(app: &App) -> Result<Family<Code, Gauge>, ApiError> {
    let family = Family::<Code, Gauge>::default();
    let standing = alarms::standing(app).await?;
    for alarm in &ALARMS {
        let stands = standing.iter().any(|it| it.alarm == alarm);
        family.get_or_create(&Code { code: alarm.code.into() }).set(stands.into());
    }
    Ok(family)
}

fn stripe_calls(app: &App) -> Family<Outcome, Counter> {
    let family = Family::<Outcome, Counter>::default();
    for (outcome, count) in OUTCOMES.into_iter().zip(app.stripe.outcomes()) {
        family.get_or_create(&Outcome { outcome }).inc_by(count);
    }
    family
}

/// `GET /metrics`.
pub(super) async fn show(State(app): State<App>) -> Result<Response, ApiError> {
    let mut registry = Registry::with_prefix("specie");
    meter::register(&mut registry);
    registry.register("stripe_calls", "Calls to Stripe, by what came of them", stripe_calls(&app));
    registry.register("alarm", "Whether an alarm stands", standing(&app).await?);
    let mut tx = app.db.read().await?;
    let ahead = "By how much another clock is ahead of this machine's";
    registry.register("clock_skew_seconds", ahead, skew(&app, &mut tx).await?);
    for (name, help, value) in gauges(&app, &mut tx).await? {
        let gauge = Gauge::<i64>::default();
        gauge.set(value);
        registry.register(name, help, gauge);
    }
    let mut text = String::new();
    encode(&mut text, &registry).map_err(ApiError::internal)?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(CONTENT_TYPE, HeaderValue::from_static(kind))], text).into_response())
}
