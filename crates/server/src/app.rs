//! What every part of the service has at hand.

mod machine;

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use specie_billing::Catalog;
use specie_store::Db;
use specie_stripe::{Client, Secrets};
use specie_vocab::{BusinessClock, Chance, Secret, WallClock};
use tokio::sync::Notify;
use uuid::Uuid;

pub use machine::{Boxed, Dev, Happening, Jump, LastJump, Memory, TimeMachine};

use crate::account::Binding;
use crate::alarms::Watch;
use crate::anchor::AuditKey;
use crate::ingest::Writer;
use crate::lanes::Shelf;
use crate::reads::Cache;
use crate::smtp::Mailer;
use crate::turns::Turns;

/// How often another task is waited for while Stripe does not answer: a second.
const BLIP: usize = 20;

/// The service's parts, shared by all tasks.
#[derive(Clone)]
pub struct App(Arc<AppParts>);

/// See [`App`].
pub struct AppParts {
    /// Where everything is kept.
    pub db: Db,
    /// How Stripe is reached.
    pub stripe: Client,
    /// What is sold.
    pub catalog: Catalog,
    /// Addresses, keys and names of this installation.
    pub settings: Settings,
    /// Checks that an event comes from Stripe.
    pub webhook_secrets: Secrets,
    /// Tells when subscriptions renew.
    pub business: Arc<dyn BusinessClock>,
    /// Tells when tokens expire.
    pub wall: Arc<dyn WallClock>,
    /// Makes ids and tokens.
    pub chance: Arc<dyn Chance>,
    /// Whether a worker may wait, or leaves waiting to whoever moves the clock.
    pub patience: Patience,
    /// Where verified events are handed in.
    pub ingest: Writer,
    /// Customers' views, in memory.
    pub cache: Cache,
    /// What was read ahead, where many lanes wait.
    pub shelf: Shelf,
    /// Who may change something for a customer now.
    pub turns: Turns,
    /// Whose Stripe account this is.
    pub binding: Binding,
    /// How mails leave.
    pub mailer: Mailer,
    /// What is remembered for alarms.
    pub watch: Watch,
    /// Told whenever a lane, an intent or an effect was moved on.
    pub moved: Notify,
    /// Told whenever a worker may have something to do.
    pub work: Notify,
    /// The development tools; none in production.
    pub dev: Option<Dev>,
}

/// Addresses, keys and names of an installation.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where browsers reach the service: scheme, host, optional port and path prefix, without a
    /// slash at the end. `http://127.0.0.1:8080`, `https://example.com/pay`.
    pub public_url: String,
    /// The secret of the app's own JWTs (HS256); without one they are refused.
    pub jwt: Option<JwtSettings>,
    /// Origins to which our forms redirect: Stripe's checkout and portal, or the sandbox.
    pub form_targets: Vec<String>,
    /// Whether the Stripe key is a live one.
    pub livemode: bool,
    /// The realm of the app's JWTs and of development's customers.
    pub realm: String,
    /// What signs the roots of the audit trail; without it they are not signed.
    pub audit_key: Option<AuditKey>,
}

impl Settings {
    /// The path under which a proxy shows us: `/pay` of `https://example.com/pay`, else nothing.
    pub fn prefix(&self) -> &str {
        let url = self.public_url.as_str();
        let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
        let path = after_scheme.find('/').map_or("", |slash| &after_scheme[slash..]);
        path.trim_end_matches('/')
    }
}

/// How the app's own JWTs are checked.
#[derive(Clone, Debug)]
pub struct JwtSettings {
    /// The shared secret of HS256.
    pub secret: Secret,
    /// What `iss` must say.
    pub issuer: String,
    /// What `aud` must say.
    pub audience: String,
}

/// Whether work that must wait for wall time may sleep in its task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// It sleeps, as in production.
    Sleeps,
    /// It returns at once; whoever moves the clock calls it again.
    Returns,
    /// The same, and it waits for other tasks by letting them run, not by the machine's clock: what
    /// happens follows from what was asked alone.
    Yields,
}

impl Patience {
    /// Whether work may wait by the machine's clock.
    pub(crate) fn sleeps(self) -> bool {
        self == Self::Sleeps
    }
}

impl App {
    /// Puts the parts together.
    pub fn new(parts: AppParts) -> Self {
        Self(Arc::new(parts))
    }

    /// A new id.
    pub fn id(&self) -> Uuid {
        self.chance.uuid(self.wall.now())
    }

    /// Waits a moment for another task that works on the same customer.
    pub async fn wait_for_others(&self) {
        if self.patience == Patience::Yields {
            return tokio::task::yield_now().await;
        }
        let _woken = tokio::time::timeout(Duration::from_millis(50), self.moved.notified()).await;
    }

    /// How often others are waited for where `most` is often enough by the clock. Who lets them run
    /// sees each step of theirs: if they have not come to an end by then, they stand still.
    pub(crate) fn rounds(&self, most: usize) -> usize {
        if self.patience == Patience::Yields { most.div_ceil(8) } else { most }
    }

    /// Whether what another task has under way most likely waits for its next try: it was waited for
    /// this often, and Stripe's last call had no answer, or the key is refused.
    pub(crate) fn waits_for_stripe(&self, rounds: usize) -> bool {
        rounds >= BLIP && (self.stripe.outages() > 0 || self.stripe.key_refused())
    }

    /// The same of what waits for its next try for certain: the key may lack the right to do it.
    pub(crate) fn waits_for_a_right(&self, rounds: usize) -> bool {
        rounds >= BLIP && self.stripe.may_not_read()
    }

    /// Says that something moved on and that there may be more to do.
    pub fn stir(&self) {
        self.moved.notify_waiters();
        self.work.notify_one();
    }
}

impl Deref for App {
    type Target = AppParts;

    fn deref(&self) -> &AppParts {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_is_the_path_of_the_public_address() {
        for (url, prefix) in [
            ("http://127.0.0.1:8080", ""),
            ("https://example.com/", ""),
            ("https://example.com/pay", "/pay"),
            ("https://example.com/a/b/", "/a/b"),
        ] {
            let settings = Settings {
                public_url: url.into(),
                jwt: None,
                form_targets: Vec::new(),
                livemode: false,
                realm: "app".into(),
                audit_key: None,
            };
            assert_eq!(settings.prefix(), prefix, "{url}");
        }
    }
}
