//! What an operator does, by the functions behind the commands, through a service that runs. What a
//! process is in the middle of, its end breaks off here as everywhere.

use std::fmt;

use specie_server::App;
use specie_server::anchor::{self, is_signed_by};
use specie_server::app::AppParts;
use specie_server::catalog::{self, Applied, CatalogError, Endpoint};
use specie_server::digest::sha256;
use specie_server::events::{self, NotReplayed, Replayed};
use specie_server::intents::stuck::{self, Decision, NotDecided};
use specie_store::inbox::{self, EventHead, Filter, InboxState};
use specie_store::intents::{self, Intent, IntentState};
use specie_store::roots::verify::{Checks, verify};
use specie_store::{StoreError, audit, customers, lanes, roots};

use super::Simulation;
use super::acts::{Act, Done, Tools};

/// So many rows of a list are looked through.
const FEW: i64 = 100;
/// So often it is tried to decide about what is stuck, where commits get lost.
const TRIES: u32 = 100;

/// What an operator wants done.
#[derive(Clone, Copy, Debug)]
pub(super) enum Order {
    /// The catalog is applied.
    Apply,
    /// An event is replayed: one that is parked, or else one that is not, which must be refused.
    Replay { which: u32 },
    /// All events that are parked are replayed.
    ReplayAll,
    /// A change is retried or closed: one that is stuck, or else one that is not, which must be refused.
    Decide { which: u32, decision: Decision },
    /// All changes that are stuck are retried or closed, as the bits say.
    DecideAll { how: u32 },
    /// The audit trail is taken into a root, and must be found whole.
    Verify,
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Apply => "an operator applies the catalog",
            Self::Replay { .. } => "an operator replays an event",
            Self::ReplayAll => "an operator replays what is parked",
            Self::Decide { decision: Decision::Retry, .. } => "an operator retries a change",
            Self::Decide { decision: Decision::Close, .. } => "an operator closes a change",
            Self::DecideAll { .. } => "an operator decides about what is stuck",
            Self::Verify => "an operator verifies the audit trail",
        })
    }
}

/// Why an order was not carried out.
#[derive(Debug, thiserror::Error)]
enum NotDone {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}")]
    Wrong(String),
}

impl NotDone {
    /// Whether waiting helps: the database is away, or a commit was lost.
    fn may_be(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_transient())
    }
}

impl Simulation {
    /// Whoever is called by the alarm `intent_stuck` decides before time passes: what waits for the same
    /// slot asks for it again each minute, and nothing comes to rest. Nothing gets stuck meanwhile.
    pub(super) async fn before(&mut self, act: &Act, at: usize) -> Result<(), String> {
        let passes = matches!(act, Act::Wait { .. } | Act::Settle);
        self.weather.set_mistakes(!passes);
        if !passes || self.stuck().await.map_err(|error| error.to_string())? == 0 {
            return Ok(());
        }
        let order = Act::Operate(Order::DecideAll { how: self.dice.below(u32::MAX) });
        let doing = self.begin_with(&order, at, &[at]);
        self.through(&order, doing).await
    }

    /// In good weather the catalog can be applied, and is at Stripe as it was first applied: nobody
    /// changes anything of it.
    pub(super) async fn finds_the_catalog(&self) -> Result<(), String> {
        match apply(&self.stage.app).await {
            Ok(applied) if applied.changes.is_empty() => Ok(()),
            Ok(applied) => Err(format!("the catalog was applied, and lacks {:?}", applied.changes)),
            Err(error) => Err(format!("the catalog cannot be applied: {error}")),
        }
    }

    /// The trails tell of no more replays than an operator has asked for.
    pub(super) async fn tells_of_replays(&self) -> Result<(), String> {
        let told = self.replays().await.map_err(|error| error.to_string())?;
        self.office.explains(told)
    }

    async fn replays(&self) -> Result<usize, StoreError> {
        let mut tx = self.stage.app.db.read().await?;
        let mut told = 0;
        for payer in customers::list(&mut tx, FEW).await? {
            let all = audit::list(&mut tx, payer.id).await?;
            told += all.iter().filter(|entry| entry.what == "event.replayed").count();
        }
        Ok(told)
    }

    async fn stuck(&self) -> Result<i64, StoreError> {
        let mut tx = self.stage.app.db.read().await?;
        intents::count_in(&mut tx, IntentState::Stuck).await
    }
}

impl Tools {
    /// Carries out an order.
    pub(super) async fn operate(&self, order: Order) -> Done {
        let done = match order {
            Order::Apply => self.apply().await,
            Order::Replay { which } => self.replay(which).await,
            Order::ReplayAll => self.replay_all().await,
            Order::Decide { which, decision } => self.decide(which, decision).await,
            Order::DecideAll { how } => self.decide_all(how).await,
            Order::Verify => self.verify().await,
        };
        match done {
            Ok(line) => Done::Told(line),
            Err(error) if error.may_be() => Done::Refused(error.to_string()),
            Err(error) => Done::Wrong(error.to_string()),
        }
    }

    async fn apply(&self) -> Result<String, NotDone> {
        match apply(&self.replica.app).await {
            Ok(applied) => Ok(format!("{} changes", applied.changes.len())),
            Err(CatalogError::Store(error)) => Err(error.into()),
            Err(CatalogError::Stripe(error)) => Ok(error.to_string()),
            Err(error) => Err(NotDone::Wrong(error.to_string())),
        }
    }

    async fn replay(&self, which: u32) -> Result<String, NotDone> {
        let Some(head) = self.event(which).await? else { return Ok("no event has come".into()) };
        let is_parked = head.state == InboxState::Parked;
        let (ids, asked) = (std::slice::from_ref(&head.id), u32::from(is_parked));
        self.office.asks_to_replay(asked);
        match events::replay_here(&self.replica.app, ids).await {
            Ok(replayed) if is_parked => Ok(self.noted(asked, &replayed)),
            Err(NotReplayed::Store(error)) => Err(error.into()),
            Err(error @ NotReplayed::NotParked { .. }) if !is_parked => Ok(error.to_string()),
            other => Err(NotDone::Wrong(format!("of {head:?} came {other:?}"))),
        }
    }

    async fn replay_all(&self) -> Result<String, NotDone> {
        let parked = lanes::parked(&mut self.replica.app.db.read().await?).await?;
        let asked = u32::try_from(parked).unwrap_or(u32::MAX);
        self.office.asks_to_replay(asked);
        match events::replay_here(&self.replica.app, &[]).await {
            Ok(replayed) => Ok(self.noted(asked, &replayed)),
            Err(NotReplayed::Store(error)) => Err(error.into()),
            Err(error) => Err(NotDone::Wrong(error.to_string())),
        }
    }

    fn noted(&self, asked: u32, replayed: &Replayed) -> String {
        let events = &replayed.events;
        self.office.heard_of_replays(asked, u32::try_from(events.len()).unwrap_or(0));
        format!("{} replayed: {}", events.len(), events.join(" "))
    }

    /// An event that is parked, or else one of the newest.
    async fn event(&self, which: u32) -> Result<Option<EventHead>, StoreError> {
        let mut tx = self.replica.app.db.read().await?;
        let parked = Filter { state: Some(InboxState::Parked), ..Filter::default() };
        let mut heads = inbox::list(&mut tx, &parked, FEW).await?;
        if heads.is_empty() {
            heads = inbox::list(&mut tx, &Filter::default(), FEW).await?;
        }
        Ok(one_of(heads, which))
    }

    async fn decide(&self, which: u32, decision: Decision) -> Result<String, NotDone> {
        let mut known = self.stuck(which).await?;
        if known.is_none() {
            known = self.change(None, which).await?;
        }
        match known {
            Some(intent) => self.decide_about(&intent, decision).await,
            None => Ok("no change was ever begun".into()),
        }
    }

    async fn decide_all(&self, how: u32) -> Result<String, NotDone> {
        let mut told = Vec::new();
        for n in 0..TRIES {
            let Some(intent) = self.stuck(0).await? else { return Ok(told.join("; ")) };
            let closes = (how >> (n % 32)) & 1 == 1;
            let decision = if closes { Decision::Close } else { Decision::Retry };
            match self.decide_about(&intent, decision).await {
                Err(error) if !error.may_be() => return Err(error),
                Err(error) => told.push(error.to_string()),
                Ok(line) => told.push(line),
            }
        }
        Err(NotDone::Wrong(format!("nobody can decide: {}", told.join("; "))))
    }

    async fn decide_about(&self, intent: &Intent, decision: Decision) -> Result<String, NotDone> {
        let is_stuck = intent.state == IntentState::Stuck;
        if is_stuck {
            // Before it is so: whoever decides may not live to hear that it was.
            match decision {
                Decision::Close => self.weather.leave(intent.id),
                Decision::Retry => self.weather.take_back(intent.id),
            }
        }
        match stuck::decide_here(&self.replica.app, &[intent.id], decision).await {
            Ok(_) if is_stuck => {
                self.office.heard_of_a_decision();
                Ok(format!("{decision:?} {} {}", intent.kind, intent.id))
            }
            Err(NotDecided::Store(error)) => Err(error.into()),
            Err(error @ NotDecided::NotStuck { .. }) if !is_stuck => Ok(error.to_string()),
            other => Err(NotDone::Wrong(format!("of {intent:?} came {other:?}"))),
        }
    }

    async fn stuck(&self, which: u32) -> Result<Option<Intent>, StoreError> {
        self.change(Some(IntentState::Stuck), which).await
    }

    /// One of the newest changes in a state, or of all.
    async fn change(
        &self,
        state: Option<IntentState>,
        which: u32,
    ) -> Result<Option<Intent>, StoreError> {
        let mut tx = self.replica.app.db.read().await?;
        Ok(one_of(intents::list(&mut tx, state, FEW).await?, which))
    }

    /// As `specie audit verify` does with the log that was kept, as soon as what has moved is anchored.
    async fn verify(&self) -> Result<String, NotDone> {
        let AppParts { db, settings, .. } = &*self.replica.app;
        anchor::anchor(&self.replica.app).await?;
        let newest = roots::last(&mut db.read().await?).await?;
        let kept = self.office.keep(newest.map(|root| root.digest));
        let key = settings.audit_key.as_ref();
        let trusted: Vec<_> = key.iter().map(|key| key.public().to_vec()).collect();
        let checks =
            Checks { digest: sha256, signed_by: is_signed_by, trusted: &trusted, kept: &kept };
        let report = verify(&mut db.snapshot().await?, checks).await?;
        if let Some(found) = report.findings.first() {
            let what = format!("the audit trail: {}: {}", found.place, found.what);
            return Err(NotDone::Wrong(what));
        }
        Ok(format!("{} entries, {} roots: sound", report.entries, report.roots))
    }
}

async fn apply(app: &App) -> Result<Applied, CatalogError> {
    let AppParts { db, stripe, catalog, settings, .. } = &**app;
    let endpoint = Endpoint { url: format!("{}/api/billing/webhook", settings.public_url) };
    catalog::apply(db, stripe, catalog, Some(&endpoint)).await
}

fn one_of<T>(mut all: Vec<T>, which: u32) -> Option<T> {
    let at = which as usize % all.len().max(1);
    (at < all.len()).then(|| all.swap_remove(at))
}
