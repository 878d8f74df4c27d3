//! The clock's buttons: how far they go, and what they tell.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use serde_json::Value;
use specie_sandbox::Sandbox;
use specie_scenario::Conductor;
use specie_server::app::Boxed;
use specie_server::{App, Jump, TimeMachine};
use specie_store::customers;
use specie_vocab::{BusinessClock, BusinessTime, Currency, Money};

const DAY: i64 = 86_400;
/// Stripe finalises a renewal's invoice an hour into the period, and charges it then.
const CHARGED_AFTER: i64 = 3_700;

/// The time machine of `specie dev`; it is wired up once everything runs.
#[derive(Default)]
pub struct Machine(OnceLock<Parts>);

struct Parts {
    conductor: Conductor,
    sandbox: Sandbox,
    app: App,
}

impl Machine {
    /// Wires it up.
    pub fn set(&self, conductor: Conductor, sandbox: Sandbox, app: App) {
        // It is wired up once, by `set_up`.
        let _ = self.0.set(Parts { conductor, sandbox, app });
    }
}

impl TimeMachine for Machine {
    fn jump(&self, jump: Jump) -> Boxed<'_, Result<Vec<String>, String>> {
        Box::pin(async move {
            let parts = self.0.get().ok_or("the clock is not ready yet")?;
            let to = parts.target(jump)?;
            let seen: BTreeSet<String> = ids(&parts.sandbox).into_iter().collect();
            parts.conductor.advance_to(to).await.map_err(|error| error.to_string())?;
            Ok(parts.told_since(&seen).await)
        })
    }

    fn now(&self) -> BusinessTime {
        let at = self.0.get().map(|parts| BusinessClock::now(&parts.sandbox));
        at.unwrap_or(BusinessTime::from_second(0))
    }
}

fn ids(sandbox: &Sandbox) -> Vec<String> {
    sandbox.list("event").iter().filter_map(|it| it["id"].as_str()).map(String::from).collect()
}

impl Parts {
    fn target(&self, jump: Jump) -> Result<i64, String> {
        let now = self.sandbox.now();
        Ok(match jump {
            Jump::Day => now + DAY,
            Jump::Month => now + 30 * DAY,
            Jump::Year => now + 365 * DAY,
            Jump::NextRenewal => {
                let ends = self.sandbox.list("subscription").into_iter().filter_map(|it| {
                    let runs =
                        !matches!(it["status"].as_str(), Some("canceled" | "incomplete_expired"));
                    it["items"]["data"][0]["current_period_end"].as_i64().filter(|_| runs)
                });
                let next = ends.min().ok_or("there is no subscription to renew yet")?;
                next + CHARGED_AFTER
            }
        })
    }

    /// A line for each event that a person cares about, oldest first.
    async fn told_since(&self, seen: &BTreeSet<String>) -> Vec<String> {
        let names = self.names().await;
        let mut lines: Vec<_> = self
            .sandbox
            .list("event")
            .iter()
            .filter(|it| !seen.contains(it["id"].as_str().unwrap_or_default()))
            .filter_map(|event| line(event, &names))
            .collect();
        lines.reverse();
        lines
    }

    /// The app's ids by Stripe's.
    async fn names(&self) -> Vec<(String, String)> {
        let Ok(mut tx) = self.app.db.read().await else { return Vec::new() };
        let all = customers::list(&mut tx, 1000).await.unwrap_or_default();
        all.into_iter().filter_map(|it| Some((it.stripe?.to_string(), it.app_id))).collect()
    }
}

fn line(event: &Value, names: &[(String, String)]) -> Option<String> {
    let object = &event["data"]["object"];
    let amount = |field: &str| {
        let currency = Currency::try_from(object["currency"].as_str()?).ok()?;
        Some(Money::new(object[field].as_i64()?, currency).to_string())
    };
    let what = match event["type"].as_str()? {
        "invoice.paid" => format!("paid {}", amount("amount_paid")?),
        "invoice.payment_failed" => format!("payment of {} declined", amount("amount_due")?),
        "customer.subscription.deleted" => "subscription ended".into(),
        "customer.subscription.updated" => {
            let before = event["data"]["previous_attributes"]["status"].as_str()?;
            format!("subscription went from {before} to {}", object["status"].as_str()?)
        }
        "checkout.session.expired" => "an unpaid checkout expired".into(),
        _ => return None,
    };
    let customer = object["customer"].as_str().unwrap_or_default();
    let who = names.iter().find(|(id, _)| id == customer).map_or(customer, |(_, name)| name);
    let at = jiff::Timestamp::from_second(event["created"].as_i64()?).ok()?;
    Some(format!("{}  {who}: {what}", at.strftime("%Y-%m-%d %H:%M")))
}
