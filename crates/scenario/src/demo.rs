//! A year of three customers on the SaaSKit catalog, through the real service, over the real HTTP
//! interfaces of both sides, with one clock.

mod ledger;
mod story;
mod telling;

use jiff::Timestamp;
use serde::Serialize;
use specie_billing::Catalog;
use specie_store::{inbox, mails};
use specie_vocab::{Currency, Money};

use crate::agree::{self, NotCompared};
use crate::conductor::Stuck;
use crate::person::Refusal;
use crate::stage::{Opening, Over, Stage, StageError};

pub use story::{Telltale, play};

/// A line of the timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// When it happened, in business time.
    pub at: Timestamp,
    /// To whom.
    pub customer: String,
    /// What happened.
    pub what: String,
    /// What was paid, if anything was: `$29.00`.
    pub money: Option<String>,
    /// What the customer sees then: how the subscription stands, or the mail's subject.
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
        watch: None,
    })
    .await
}

/// The whole story, when it is over.
async fn summary(stage: &Stage, timeline: Vec<Line>, seconds: f64) -> Result<Told, DemoError> {
    let found = agree::compare(&stage.app.db, &stage.stripe).await?;
    let entries = ledger::all(stage).await?;
    let mut tx = stage.app.db.read().await?;
    let newest_first = mails::list(&mut tx, 1000).await?;
    let events = inbox::count(&mut tx).await?;
    let mail = |mail: mails::Mail| Mail {
        at: mail.created_at.timestamp(),
        to: mail.recipient,
        kind: mail.kind,
    };
    Ok(Told {
        agree: Agree { equal: found.equal, of: found.of, differing: found.differing },
        total: ledger::total(&entries),
        charges: entries.into_iter().map(|entry| entry.charge).collect(),
        mails: newest_first.into_iter().rev().map(mail).collect(),
        events,
        timeline,
        seconds,
    })
}

/// An amount in dollars, as people read it.
pub fn dollars(cents: i64) -> String {
    Money::new(cents, Currency::USD).to_string()
}
