//! What is demanded of reads, whatever they cost: none calls Stripe, and none is old without saying
//! so.

use std::time::Duration;

use anyhow::{Context, ensure};
use specie_store::{Db, Options, watermarks};
use specie_vocab::{SystemClock, WallClock, WallTime};

use super::super::load::Connection;
use super::super::service::{Service, get};

/// What the service has done up to a moment.
pub struct Done {
    at: WallTime,
    /// Calls to Stripe.
    calls: f64,
    /// Turns of customers' lanes: whoever reads lets Stripe be asked by one.
    turns: f64,
}

impl Done {
    /// Up to now.
    pub async fn by(service: &Service) -> anyhow::Result<Self> {
        let at = SystemClock.now();
        let mut connection = Connection::open(&service.private).await?;
        let answer = connection.send(get(&service.private, "/metrics")?).await?;
        let text = String::from_utf8_lossy(answer.body()).into_owned();
        let calls = sum(&text, "specie_stripe_calls_total");
        Ok(Self { at, calls, turns: sum(&text, "specie_lane_seconds_count") })
    }

    /// How often Stripe was called since, but for the one call of each watermark pass: never, or this
    /// is an error. So is it when a lane has looked.
    pub async fn nobody_was_called(&self, service: &Service, url: &str) -> anyhow::Result<f64> {
        let mut calls = 0.0;
        for _ in 0..20 {
            let now = Self::by(service).await?;
            let turns = now.turns - self.turns;
            ensure!(turns == 0.0, "reads made lanes ask Stripe: {turns} turns");
            calls = now.calls - self.calls - passes(url, self.at).await?;
            if calls <= 0.0 {
                return Ok(0.0);
            }
            // A pass that has called and is not written yet.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        anyhow::bail!("while it was read, Stripe was called {calls} times, passes left out")
    }
}

/// All values of a figure, whatever their labels.
fn sum(text: &str, name: &str) -> f64 {
    let lines = text.lines().filter(|line| line.starts_with(name));
    lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}

/// How many watermark passes there were since, or just before: one may have called after it began.
async fn passes(url: &str, since: WallTime) -> anyhow::Result<f64> {
    let db = Db::open_read_only(url, Options::default()).await?;
    let passes = watermarks::since(&mut db.read().await?, since.plus_seconds(-2)).await?;
    db.close().await;
    Ok(passes.len() as f64)
}

/// That an answer is marked as stale, if it is older than `fresh` seconds.
pub fn says_how_old(body: &[u8], fresh: i64) -> anyhow::Result<()> {
    let text = std::str::from_utf8(body)?;
    let as_of = text.split_once(r#""as_of":""#).and_then(|(_, rest)| rest.split('"').next());
    let as_of = as_of.with_context(|| format!("there is no `as_of` in {text}"))?;
    let as_of = as_of.parse().map(WallTime::new)?;
    let age = SystemClock.now().seconds_since(as_of);
    let is_marked = text.contains(r#""stale":true"#);
    ensure!(is_marked || age <= fresh, "an answer is {age} s old, and not marked as stale: {text}");
    Ok(())
}
