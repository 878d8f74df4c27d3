//! A year of three customers on the SaaSKit catalog, through the real service, over the real HTTP
//! interfaces of both sides, with one clock.

mod story;

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use specie_billing::Catalog;
use specie_store::{inbox, mails};
use specie_vocab::{Currency, Money, Secret};

use crate::agree::{self, NotCompared};
use crate::conductor::Stuck;
use crate::person::{Person, Refusal, stripe_api};
use crate::stage::{Opening, Over, Stage, StageError};

pub use story::play;

/// A line of the timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// When it happened, in business time.
    pub at: Timestamp,
    /// To whom.
    pub customer: String,
    /// What happened.
    pub what: String,
    /// What it cost, if it did: `$29.00`.
    pub money: Option<String>,
    /// What the customer sees then.
    pub sees: String,
}

/// A charge, as Stripe lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Charge {
    /// When it was made.
    pub at: Timestamp,
    /// The app's own id of who paid.
    pub customer: String,
    /// In cents.
    pub amount: i64,
    /// `usd`.
    pub currency: String,
    /// `succeeded` or `failed`.
    pub status: String,
    /// The first second of the time it pays for.
    pub period_start: Timestamp,
    /// The first second after that time.
    pub period_end: Timestamp,
}

/// A mail in the mailbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mail {
    /// When its fact happened.
    pub at: Timestamp,
    /// To whom.
    pub to: String,
    /// Which.
    pub kind: String,
}

/// How many fields agree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Agree {
    /// Equal ones.
    pub equal: usize,
    /// Compared ones.
    pub of: usize,
    /// What differs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differing: Vec<String>,
}

/// What a demo tells when it is over.
#[derive(Clone, Debug, Serialize)]
pub struct Told {
    /// The service against Stripe.
    pub agree: Agree,
    /// All charges, oldest first.
    pub charges: Vec<Charge>,
    /// Succeeded charges less refunds, in cents.
    pub total: i64,
    /// All mails, oldest first.
    pub mails: Vec<Mail>,
    /// How many events the service received.
    pub events: i64,
    /// What happened, in order.
    pub timeline: Vec<Line>,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// Why a demo does not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// It cannot begin.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// A customer was refused something.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Time stands still.
    #[error(transparent)]
    Stuck(#[from] Stuck),
    /// The sides cannot be compared.
    #[error(transparent)]
    NotCompared(#[from] NotCompared),
    /// The database.
    #[error(transparent)]
    Store(#[from] specie_store::StoreError),
}

impl From<crate::door::DoorError> for DemoError {
    fn from(error: crate::door::DoorError) -> Self {
        Self::Refused(error.into())
    }
}

/// Where the demo's year begins.
const START: i64 = 1_767_258_000; // 2026-01-01T09:00:00Z

/// Opens the demo's stage: loopback sockets, its database at `database`, nothing of the
/// environment.
pub async fn stage(database: &str, catalog: Catalog, seed: u64) -> Result<Stage, StageError> {
    Stage::open(Opening {
        database: database.into(),
        over: Over::Sockets,
        start: Timestamp::from_second(START).unwrap_or(Timestamp::UNIX_EPOCH),
        seed,
        catalog,
        sandbox_folder: None,
    })
    .await
}

/// What was seen so far, so that each thing is told once.
pub(crate) struct Telling<'a> {
    stage: &'a Stage,
    charges: BTreeSet<String>,
    mails: BTreeSet<String>,
    states: BTreeMap<String, String>,
    timeline: Vec<Line>,
    tell: &'a mut dyn FnMut(&Line),
}

impl<'a> Telling<'a> {
    pub(crate) fn new(stage: &'a Stage, tell: &'a mut dyn FnMut(&Line)) -> Self {
        Self {
            stage,
            charges: BTreeSet::new(),
            mails: BTreeSet::new(),
            states: BTreeMap::new(),
            timeline: Vec::new(),
            tell,
        }
    }

    pub(crate) fn say(&mut self, line: Line) {
        (self.tell)(&line);
        self.timeline.push(line);
    }

    /// Something that a customer did.
    pub(crate) async fn did(&mut self, person: &Person<'_>, what: &str) -> Result<(), DemoError> {
        let sees = seen(&person.subscription().await?);
        self.states.insert(person.id.clone(), sees.clone());
        let at = self.now();
        let line = Line { at, customer: person.id.clone(), what: what.into(), money: None, sees };
        self.say(line);
        self.look(std::slice::from_ref(person)).await
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.stage.sandbox.now()).unwrap_or(Timestamp::MAX)
    }

    /// Tells what happened since the last look.
    pub(crate) async fn look(&mut self, people: &[Person<'_>]) -> Result<(), DemoError> {
        for person in people {
            self.new_charges(person).await?;
        }
        for person in people {
            let view = person.subscription().await?;
            let sees = seen(&view);
            let before = self.states.insert(person.id.clone(), sees.clone());
            if before.as_ref() != Some(&sees) && view["status"] != "none" {
                let what = format!("subscription is {}", view["status"].as_str().unwrap_or("?"));
                let (at, customer) = (self.now(), person.id.clone());
                self.say(Line { at, customer, what, money: None, sees });
            }
        }
        self.new_mails().await
    }

    async fn new_charges(&mut self, person: &Person<'_>) -> Result<(), DemoError> {
        let payments = person.payments().await?;
        let sees = seen(&person.subscription().await?);
        let mut rows = payments["data"].as_array().cloned().unwrap_or_default();
        rows.reverse();
        for row in rows {
            let status = row["status"].as_str().unwrap_or_default();
            let key = format!("{}:{status}", row["id"].as_str().unwrap_or_default());
            if !["succeeded", "failed", "refunded"].contains(&status) || !self.charges.insert(key) {
                continue;
            }
            let what = match status {
                "succeeded" => "paid",
                "refunded" => "got a refund",
                _ => "payment declined",
            };
            let at = self.now();
            let money = row["text"].as_str().map(String::from);
            let line = Line {
                at,
                customer: person.id.clone(),
                what: what.into(),
                money,
                sees: sees.clone(),
            };
            self.say(line);
        }
        Ok(())
    }

    async fn new_mails(&mut self) -> Result<(), DemoError> {
        let mut tx = self.stage.app.db.read().await?;
        let mut all = mails::list(&mut tx, 1000).await?;
        drop(tx);
        all.reverse();
        for mail in all {
            if self.mails.insert(mail.key.clone()) {
                let what = format!("mail to {}: {}", mail.recipient, mail.subject);
                let at = mail.created_at.timestamp();
                let customer = mail.recipient.split('@').next().unwrap_or_default().to_owned();
                let line = Line { at, customer, what, money: None, sees: String::new() };
                self.say(line);
            }
        }
        Ok(())
    }

    /// The whole story, when it is over.
    pub(crate) async fn end(self, seconds: f64) -> Result<Told, DemoError> {
        let found = agree::compare(&self.stage.app.db, &self.stage.stripe).await?;
        let charges = charges(self.stage).await?;
        let mut tx = self.stage.app.db.read().await?;
        let mut mails: Vec<_> = mails::list(&mut tx, 1000)
            .await?
            .into_iter()
            .map(|mail| Mail {
                at: mail.created_at.timestamp(),
                to: mail.recipient,
                kind: mail.kind,
            })
            .collect();
        mails.sort_by_key(|mail| mail.at);
        let events = inbox::count(&mut tx).await?;
        Ok(Told {
            agree: Agree { equal: found.equal, of: found.of, differing: found.differing },
            total: total(self.stage).await?,
            charges,
            mails,
            events,
            timeline: self.timeline,
            seconds,
        })
    }
}

/// What the customer sees, in a few words.
fn seen(view: &Value) -> String {
    let status = view["status"].as_str().unwrap_or("none");
    let day =
        |field: &str| view[field].as_str().map(|text| text.chars().take(10).collect::<String>());
    let access = if view["access"] == true { "access" } else { "no access" };
    match status {
        "none" => "no subscription".into(),
        "canceled" => format!("ended, {access}"),
        "past_due" => {
            let until = day("grace_until").map(|day| format!(" until {day}")).unwrap_or_default();
            format!("past due, {access}{until}")
        }
        _ if view["cancel_at_period_end"] == true => {
            format!("{status}, ends {}", day("ends_at").unwrap_or_default())
        }
        _ => format!("{status}, next on {}", day("current_period_end").unwrap_or_default()),
    }
}

async fn all_of(stage: &Stage, path: &str) -> Result<Vec<Value>, Refusal> {
    let mut all = Vec::new();
    let mut after = String::new();
    loop {
        let path = format!("{path}?limit=100{after}");
        let page = stripe_api(&stage.stripe, Method::GET, &path, "").await?;
        all.extend(page["data"].as_array().cloned().unwrap_or_default());
        let last = all.last().and_then(|it| it["id"].as_str()).unwrap_or_default();
        after = format!("&starting_after={last}");
        if page["has_more"] != true {
            return Ok(all);
        }
    }
}

/// All charges as Stripe lists them, oldest first, with the time that each pays for.
async fn charges(stage: &Stage) -> Result<Vec<Charge>, Refusal> {
    let intents = all_of(stage, "/v1/payment_intents").await?;
    let invoices = all_of(stage, "/v1/invoices").await?;
    let people = people(stage).await?;
    let by_id = |all: &[Value], id: &Value| {
        all.iter().find(|it| it["id"] == *id).cloned().unwrap_or_default()
    };
    let time =
        |value: &Value| Timestamp::from_second(value.as_i64().unwrap_or(0)).unwrap_or_default();
    let mut charges = Vec::new();
    for charge in all_of(stage, "/v1/charges").await? {
        let intent = by_id(&intents, &charge["payment_intent"]);
        let invoice = by_id(&invoices, &intent["payment_details"]["order_reference"]);
        let period = &invoice["lines"]["data"][0]["period"];
        let customer = charge["customer"].as_str().unwrap_or_default();
        charges.push(Charge {
            at: time(&charge["created"]),
            customer: people.get(customer).cloned().unwrap_or_else(|| customer.into()),
            amount: charge["amount"].as_i64().unwrap_or(0),
            currency: charge["currency"].as_str().unwrap_or_default().into(),
            status: charge["status"].as_str().unwrap_or_default().into(),
            period_start: time(&period["start"]),
            period_end: time(&period["end"]),
        });
    }
    charges.reverse();
    charges.sort_by_key(|charge| charge.at);
    Ok(charges)
}

/// The app's ids by Stripe's.
async fn people(stage: &Stage) -> Result<BTreeMap<String, String>, Refusal> {
    let mut tx = match stage.app.db.read().await {
        Ok(tx) => tx,
        Err(error) => return Err(Refusal::Door(crate::door::DoorError(error.to_string()))),
    };
    let payers = specie_store::customers::list(&mut tx, 1000).await;
    let payers =
        payers.map_err(|error| Refusal::Door(crate::door::DoorError(error.to_string())))?;
    Ok(payers.into_iter().filter_map(|it| Some((it.stripe?.to_string(), it.app_id))).collect())
}

/// Succeeded charges less refunds, in cents, as Stripe has them.
async fn total(stage: &Stage) -> Result<i64, Refusal> {
    let charges = all_of(stage, "/v1/charges").await?;
    let net = |charge: &Value| match charge["status"].as_str() {
        Some("succeeded") => {
            charge["amount"].as_i64().unwrap_or(0) - charge["amount_refunded"].as_i64().unwrap_or(0)
        }
        _ => 0,
    };
    Ok(charges.iter().map(net).sum())
}

/// An amount in dollars, as people read it.
pub fn dollars(cents: i64) -> String {
    Money::new(cents, Currency::USD).to_string()
}

/// The key of the demo's app, so that a curious reader can call the service while it runs.
pub fn key(stage: &Stage) -> &Secret {
    &stage.server_key
}
