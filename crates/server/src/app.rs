//! What every part of the service has at hand.

use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;

use specie_billing::Catalog;
use specie_store::Db;
use specie_stripe::{Client, Secrets};
use specie_vocab::{BusinessClock, BusinessTime, Chance, Secret, WallClock};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::account::Binding;
use crate::ingest::Writer;
use crate::reads::Cache;

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
    /// Whose Stripe account this is.
    pub binding: Binding,
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

/// A boxed future, so that callers do not compile what they only await.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What `specie dev` adds.
pub struct Dev {
    /// Moves the clock.
    pub machine: Arc<dyn TimeMachine>,
    /// The demo customers: the app's id and a name to show, the first one signed in by default.
    pub customers: Vec<(String, String)>,
    /// Where the sandbox's read-only pages are.
    pub sandbox_url: String,
    /// What the last jump caused.
    pub memory: crate::dev::Memory,
}

/// How far to move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jump {
    /// 86,400 seconds.
    Day,
    /// To just after the next renewal of anybody's subscription has been charged.
    NextRenewal,
    /// 30 days.
    Month,
    /// 365 days.
    Year,
}

/// Moves business time, and returns when all that this caused is at rest.
pub trait TimeMachine: Send + Sync {
    /// Jumps, and answers with a line for each thing that happened. An error is a sentence.
    fn jump(&self, jump: Jump) -> Boxed<'_, Result<Vec<String>, String>>;
    /// The time it shows.
    fn now(&self) -> BusinessTime;
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
