//! Which alarms stand: each cause is looked at where it lies.

use specie_store::intents::{self, IntentState};
use specie_store::{
    StoreError, Tx, held, inbox, lanes, mails, outbox, quarantine, replicas, watermarks,
};
use specie_vocab::{BusinessTime, WallTime};

use super::list::{ALARMS, Alarm};
use super::watch::Began;
use crate::App;
use crate::catalog::EVENTS;

/// A clock that differs more, in seconds, decides wrongly.
pub(crate) const CLOCK_OFF: i64 = 60;
/// So long, in seconds, Stripe may be silent: its list of events is read every minute, and webhooks
/// come within seconds.
pub(crate) const SILENT: i64 = 300;
/// A mail that was tried so often is late.
const TRIES: i64 = 2;
/// So many calls in a row without an answer are no accident.
const OUTAGES: u32 = 3;
const DAY: i64 = 86_400;

/// An alarm that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Which.
    pub alarm: &'static Alarm,
    /// What was found.
    pub found: String,
}

/// The alarms that stand now, by their codes.
pub async fn standing(app: &App) -> Result<Vec<Standing>, StoreError> {
    let tx = &mut app.db.read().await?;
    let now = tx.now().await?;
    began(app, now);
    let mut all = Vec::new();
    for alarm in &ALARMS {
        let found = match alarm.happens {
            true => happened(app, alarm.code),
            false => cause(app, tx, now, alarm.code).await?,
        };
        all.extend(found.map(|found| Standing { alarm, found }));
    }
    Ok(all)
}

/// When this process first looked.
fn began(app: &App, now: WallTime) -> Began {
    app.watch.began(Began { wall: now, business: app.business.now() })
}

fn happened(app: &App, code: &str) -> Option<String> {
    let day = app.wall.now().plus_seconds(-DAY);
    app.watch.happened_since(code, day).then(|| "it happened within the last day".into())
}

/// What the cause of an alarm is, if there is one.
async fn cause(
    app: &App,
    tx: &mut Tx,
    now: WallTime,
    code: &str,
) -> Result<Option<String>, StoreError> {
    let day = now.plus_seconds(-DAY);
    Ok(match code {
        "clock_off" => clock(app, now),
        "event_parked" => some(lanes::parked(tx).await?, "parked events"),
        "foreign_event" => some(inbox::foreign_since(tx, day).await?, "foreign events"),
        "intent_stuck" => some(intents::count_in(tx, IntentState::Stuck).await?, "stuck changes"),
        "mail_failing" => mail(tx, day).await?,
        "no_webhook" => webhooks(app, tx, now).await?,
        "not_stored" => app.ingest.refusal(),
        "quarantined" => some(quarantine::count(tx).await?, "quarantined objects"),
        "second_subscription" => some(held::doubled(tx).await?, "customers with two"),
        "stripe_key_refused" => app.stripe.key_refused().then(|| "the last answer was 401".into()),
        "stripe_right_missing" => app.stripe.right_missing().map(forbidden),
        "stripe_unreachable" => unreachable(app, tx, now).await?,
        "webhook_disabled" => {
            app.watch.endpoint_disabled().then(|| "the endpoint's status is not `enabled`".into())
        }
        "wrong_account" => app.watch.wrong_account().then(|| "another account or mode".into()),
        _ => None,
    })
}

fn some(count: i64, what: &str) -> Option<String> {
    (count > 0).then(|| format!("{what}: {count}"))
}

fn forbidden(endpoint: String) -> String {
    format!("the last answer to `{endpoint}` was 403")
}

fn clock(app: &App, now: WallTime) -> Option<String> {
    let database = now.seconds_since(app.wall.now());
    let stripe = app.watch.stripe_ahead();
    [("database", Some(database)), ("Stripe", stripe)].into_iter().find_map(|(whose, ahead)| {
        let ahead = ahead.filter(|ahead| ahead.abs() > CLOCK_OFF)?;
        Some(
            format!("the clock of the {whose} is ahead by {ahead} s")
                .replace("the Stripe", "Stripe"),
        )
    })
}

async fn mail(tx: &mut Tx, day: WallTime) -> Result<Option<String>, StoreError> {
    let waiting = outbox::failing(tx, TRIES).await?;
    let failed = mails::failed_since(tx, day).await?;
    let any = waiting > 0 || failed > 0;
    Ok(any.then(|| format!("{waiting} wait after several tries, {failed} were given up")))
}

/// An event that a watermark pass has brought, and no delivery since. One that was made before this
/// process began says nothing of the endpoint: most likely nobody was there to take it.
async fn webhooks(app: &App, tx: &mut Tx, now: WallTime) -> Result<Option<String>, StoreError> {
    let Began { wall, business } = began(app, now);
    let anywhere = replicas::last_delivery(tx).await?;
    let last = anywhere.max(app.watch.delivered_at()).unwrap_or(wall);
    // Stripe tells the second alone.
    let since = BusinessTime::from_second(business.as_second());
    let oldest = inbox::oldest_after(tx, last, since, &EVENTS).await?;
    let waits = oldest.is_some_and(|oldest| now.seconds_since(oldest) > SILENT);
    Ok(waits.then(|| format!("no webhook since {last}")))
}

/// A key that is refused has an alarm of its own.
async fn unreachable(app: &App, tx: &mut Tx, now: WallTime) -> Result<Option<String>, StoreError> {
    if app.stripe.key_refused() || app.watch.wrong_account() {
        return Ok(None);
    }
    let outages = app.stripe.outages();
    if outages >= OUTAGES {
        return Ok(Some(format!("{outages} calls in a row had no answer")));
    }
    let last = watermarks::latest(tx).await?.map(|mark| mark.began_at);
    let last = last.max(Some(began(app, now).wall)).unwrap_or(now);
    let silent = now.seconds_since(last);
    Ok((silent > SILENT).then(|| format!("its list of events was last read {silent} s ago")))
}
