//! Whoever watches what must always hold: after each act, and within one that takes long.

use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use specie_billing::catalog::Policies;
use specie_sandbox::Sandbox;
use specie_store::Db;

use super::storage::Storage;
use super::weather::Weather;
use crate::checks::{self, Broken, Looked, Read};
use crate::stage::Stage;

/// Watches both sides. What it has seen is not looked at again before it may have changed.
#[derive(Clone)]
pub(super) struct Watcher(Arc<Watched>);

struct Watched {
    /// Not a replica's: no trap stops whoever watches, and no outage blinds them.
    db: Db,
    sandbox: Sandbox,
    storage: Storage,
    weather: Weather,
    policies: Policies,
    seen: Mutex<Seen>,
}

/// What was checked last.
#[derive(Default)]
struct Seen {
    /// At which commit.
    commits: Option<u64>,
    /// And at which commit the mails were, and what was written down.
    mailed: Option<u64>,
    read: Read,
    /// What the chains ended with then.
    heads: String,
    looked: Looked,
    /// How much had happened at Stripe.
    changes: Option<u64>,
}

impl Watcher {
    pub(super) fn new(stage: &Stage, storage: Storage, weather: Weather) -> Self {
        let (db, sandbox) = (stage.app.db.clone(), stage.sandbox.clone());
        let (policies, seen) = (stage.app.catalog.policies.clone(), Mutex::default());
        Self(Arc::new(Watched { db, sandbox, storage, weather, policies, seen }))
    }

    /// Checks what must always hold. Answers the end of each chain of the audit trail, shortened.
    pub(super) async fn check(&self) -> Result<String, String> {
        self.at_stripe()?;
        let commits = self.0.storage.commits();
        // An act may be left standing or dropped while it looks. What was seen is taken out until
        // then, so that nobody waits for it; whoever comes meanwhile looks at everything.
        let mut seen = take(&mut *self.seen());
        if seen.commits != Some(commits) {
            seen.heads = self.stored(&mut seen.looked).await?;
            seen.commits = Some(commits);
        }
        let heads = seen.heads.clone();
        *self.seen() = seen;
        Ok(heads)
    }

    /// The same, the mails, and what was written down: it stays, and need not be looked for within an
    /// act.
    pub(super) async fn check_all(&self) -> Result<String, String> {
        let heads = self.check().await?;
        let commits = Some(self.0.storage.commits());
        if self.seen().mailed != commits {
            self.stays().await.map_err(|broken| broken.to_string())?;
            self.seen().mailed = commits;
        }
        Ok(heads)
    }

    async fn stays(&self) -> Result<(), Broken> {
        checks::mailed(&self.0.db).await?;
        let mut read = take(&mut self.seen().read);
        checks::written(&self.0.db, &mut read).await?;
        self.seen().read = read;
        Ok(())
    }

    fn at_stripe(&self) -> Result<(), String> {
        self.0.weather.holds()?;
        let changes = self.0.sandbox.changes();
        let before = self.seen().changes.replace(changes);
        if before == Some(changes) {
            return Ok(());
        }
        self.0.weather.at_stripe().map_err(|broken| broken.to_string())
    }

    async fn stored(&self, looked: &mut Looked) -> Result<String, String> {
        let Watched { db, sandbox, policies, .. } = &*self.0;
        let stored = checks::stored(db, sandbox, policies, looked).await;
        stored.map_err(|broken| broken.to_string())
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
