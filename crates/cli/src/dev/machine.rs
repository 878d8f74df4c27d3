//! The clock's buttons: how far they go, and what they tell.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use serde_json::Value;
use specie_sandbox::Sandbox;
use specie_scenario::Conductor;
use specie_server::app::{Boxed, Happening};
use specie_server::{App, Jump, TimeMachine};
use specie_store::customers;
use specie_store::mails::{self, Mail};
use specie_vocab::{BusinessClock, BusinessTime, Currency, Money};

const DAY: i64 = 86_400;
/// Stripe finalises a renewal's invoice an hour into the period, and charges it then.
const CHARGED_AFTER: i64 = 3_700;
/// So many of the newest mails are looked through for new ones.
const MAILS: i64 = 5_000;

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
    fn jump(&self, jump: Jump) -> Boxed<'_, Result<Vec<Happening>, String>> {
        Box::pin(async move {
            let parts = self.0.get().ok_or("the clock is not ready yet")?;
            let to = parts.target(jump)?;
            let events: BTreeSet<String> = ids(&parts.sandbox).into_iter().collect();
            let mails: BTreeSet<String> =
                parts.mails().await.into_iter().map(|it| it.key).collect();
            parts.conductor.advance_to(to).await.map_err(|error| error.to_string())?;
            Ok(parts.told_since(&events, &mails).await)
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
            Jump::NextRenewal => next_charge(&self.sandbox)
                .ok_or("nobody has a subscription that renews; choose a plan first")?,
        })
    }

    /// What a person cares about, oldest first.
    async fn told_since(
        &self,
        events: &BTreeSet<String>,
        mails: &BTreeSet<String>,
    ) -> Vec<Happening> {
        let names = self.names().await;
        let all = self.sandbox.list("event");
        let new = all.iter().filter(|it| !events.contains(it["id"].as_str().unwrap_or_default()));
        // The list is newest first.
        let mut told: Vec<_> = new.filter_map(|event| line(event, &names)).collect();
        told.reverse();
        let mut sent = self.mails().await;
        sent.retain(|mail| !mails.contains(&mail.key));
        sent.reverse();
        told.extend(sent.into_iter().map(|mail| Happening {
            at: mail.created_at.timestamp(),
            who: mail.recipient,
            what: format!("mail: {}", mail.subject),
            tone: "",
        }));
        told.sort_by_key(|it| it.at);
        told
    }

    async fn mails(&self) -> Vec<Mail> {
        let Ok(mut tx) = self.app.db.read().await else { return Vec::new() };
        mails::list(&mut tx, MAILS).await.unwrap_or_default()
    }

    /// The customers' names by Stripe's ids.
    async fn names(&self) -> Vec<(String, String)> {
        let Ok(mut tx) = self.app.db.read().await else { return Vec::new() };
        let all = customers::list(&mut tx, 1000).await.unwrap_or_default();
        let known = self.app.dev.iter().flat_map(|dev| &dev.customers).collect::<Vec<_>>();
        let name = |app_id: String| {
            let found = known.iter().find(|(id, _)| *id == app_id);
            found.map_or(app_id, |(_, name)| name.clone())
        };
        all.into_iter().filter_map(|it| Some((it.stripe?.to_string(), name(it.app_id)))).collect()
    }
}

/// Just after the next renewal was charged: of an invoice that waits for that, or of the
/// subscription whose period ends first. A subscription that only ends comes when no other renews.
fn next_charge(sandbox: &Sandbox) -> Option<i64> {
    let subscriptions = sandbox.list("subscription");
    let period_end = |it: &Value| it["items"]["data"][0]["current_period_end"].as_i64();
    let ends = |it: &Value| it["cancel_at_period_end"] == true || it["cancel_at"].is_i64();
    let running: Vec<_> = subscriptions
        .iter()
        .filter(|it| matches!(it["status"].as_str(), Some("active" | "trialing" | "past_due")))
        .collect();
    let renewing = running.iter().filter(|it| !ends(it));
    let periods = renewing.filter_map(|it| Some(period_end(it)? + CHARGED_AFTER));
    let invoices = sandbox.list("invoice");
    let drafts = invoices.iter().filter(|it| it["status"] == "draft" && it["auto_advance"] == true);
    let drafts = drafts.filter_map(|it| Some(it["created"].as_i64()? + CHARGED_AFTER));
    let next = periods.chain(drafts).min();
    next.or_else(|| running.iter().filter_map(|it| period_end(it)).min().map(|end| end + 1))
}

fn line(event: &Value, names: &[(String, String)]) -> Option<Happening> {
    let object = &event["data"]["object"];
    let amount = |field: &str| {
        let currency = Currency::try_from(object["currency"].as_str()?).ok()?;
        Some(Money::new(object[field].as_i64()?, currency).to_string())
    };
    let (what, tone) = match event["type"].as_str()? {
        "invoice.paid" => (format!("paid {}", amount("amount_paid")?), "good"),
        "invoice.payment_failed" => {
            let attempt = object["attempt_count"].as_i64().unwrap_or(1);
            (format!("payment of {} declined, attempt {attempt}", amount("amount_due")?), "bad")
        }
        "customer.subscription.deleted" => ("the subscription ended".into(), "bad"),
        "customer.subscription.updated" => {
            event["data"]["previous_attributes"]["status"].as_str()?;
            match object["status"].as_str()? {
                "active" => ("the subscription is active again".into(), "good"),
                "past_due" => ("the subscription is past due".into(), "bad"),
                other => (format!("the subscription is now {}", other.replace('_', " ")), ""),
            }
        }
        "checkout.session.expired" => ("an unpaid checkout expired".into(), ""),
        _ => return None,
    };
    let customer = object["customer"].as_str().unwrap_or_default();
    let who = names.iter().find(|(id, _)| id == customer).map_or(customer, |(_, name)| name);
    let at = jiff::Timestamp::from_second(event["created"].as_i64()?).ok()?;
    Some(Happening { at, who: who.into(), what, tone })
}
