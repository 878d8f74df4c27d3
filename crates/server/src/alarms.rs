//! Alarms: what needs a person. Each stands as long as its cause does; it is told once when it
//! begins and once when it is over, and `/metrics` shows which ones stand.

mod list;
mod look;
mod watch;

use std::collections::BTreeSet;
use std::fmt::Display;
use std::time::Duration;

use specie_store::StoreError;
use specie_stripe::{Form, Priority, StripeError, WebhookEndpoint};
use tokio::sync::watch::Receiver;

pub use list::{ALARMS, Alarm};
pub(crate) use look::{CLOCK_OFF, SILENT};
pub use look::{Standing, standing};
pub use watch::Watch;

use crate::runner::stopped;
use crate::{App, meter};

/// How often it is looked whether anything has begun or is over.
const LOOK: Duration = Duration::from_secs(15);
/// After how many looks Stripe is asked for the endpoint: every ten minutes.
const ENDPOINT: u32 = 40;

/// Something happened that needs a person: it is counted, and stands for a day unless its cause can
/// be looked at.
pub(crate) fn raise(app: &App, code: &str) {
    meter::alarm(code);
    app.watch.happened(code, app.wall.now());
}

/// Names rows that cannot be read.
pub(crate) fn corrupt(app: &App, rows: impl IntoIterator<Item = impl Display>) {
    for error in rows {
        tracing::error!(%error, "a row cannot be read");
        raise(app, "row_corrupt");
    }
}

/// Looks again and again until `stop` says so.
pub(crate) async fn watch(app: App, mut stop: Receiver<bool>) {
    let mut looks = 0;
    while !*stop.borrow() {
        if looks % ENDPOINT == 0 {
            let looked = tokio::select! {
                looked = look_at_endpoint(&app) => looked,
                () = stopped(&mut stop) => return,
            };
            if let Err(error) = looked {
                tracing::debug!(%error, "it is not known whether the webhook endpoint is enabled");
            }
        }
        looks += 1;
        if let Err(error) = tell(&app).await {
            tracing::warn!(%error, "it cannot be looked for alarms");
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Tells what has begun and what is over since it was told last.
pub async fn tell(app: &App) -> Result<(), StoreError> {
    let standing = standing(app).await?;
    let codes: BTreeSet<_> = standing.iter().map(|it| it.alarm.code).collect();
    let (new, over) = app.watch.changes(&codes);
    for it in standing.iter().filter(|it| new.contains(&it.alarm.code)) {
        let Alarm { code, mend, .. } = it.alarm;
        tracing::error!(alarm = code, found = it.found, mend, "an alarm began");
    }
    for code in over {
        tracing::info!(alarm = code, "an alarm is over");
    }
    Ok(())
}

/// Whether Stripe has switched our endpoint off. One that is not there is none of Stripe's doing,
/// and `specie doctor` tells it.
pub async fn look_at_endpoint(app: &App) -> Result<(), StripeError> {
    let url = format!("{}/api/billing/webhook", app.settings.public_url);
    let (path, query) = ("/v1/webhook_endpoints", Form::new());
    let all = app.stripe.list_all(path, &query, Priority::Background).await?;
    let all = all.iter().map(WebhookEndpoint::parse).collect::<Result<Vec<_>, _>>()?;
    let mut ours = all.iter().filter(|it| it.url == url).peekable();
    let there = ours.peek().is_some();
    app.watch.saw_endpoint(there && ours.all(|it| it.status != "enabled"));
    Ok(())
}
