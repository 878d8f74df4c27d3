//! A service and a sandbox set up against each other, with the catalog applied.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use jiff::Timestamp;
use specie_billing::Catalog;
use specie_sandbox::Sandbox;
use specie_server::anchor::AuditKey;
use specie_server::app::{AppParts, JwtSettings};
use specie_server::catalog::{self as stripe_catalog, Endpoint};
use specie_server::ingest::Writer;
use specie_server::lanes::Shelf;
use specie_server::reads::Cache;
use specie_server::{App, Dev, Patience, Settings, routes};
use specie_store::{Db, StoreError};
use specie_stripe::{Client, RateBudget, Secrets, Transport, https_transport, transport};
use specie_vocab::{Chance, ManualClock, Secret, SeededChance, WallClock};
use tokio::net::TcpListener;

use crate::checks::Sides;
use crate::conductor::{Conductor, Skip};
use crate::door::Door;

/// How the two sides reach each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// Loopback sockets on free ports.
    Sockets,
    /// In process, by the same code path.
    Process,
}

/// How a stage is set up.
pub struct Opening {
    /// `sqlite` file or `postgres://` address of the service's database, made if it is not there.
    pub database: String,
    /// How the sides reach each other.
    pub over: Over,
    /// Where business time starts.
    pub start: Timestamp,
    /// Where all chance comes from.
    pub seed: u64,
    /// What is sold.
    pub catalog: Catalog,
    /// Where the sandbox is kept; in memory if there is no folder.
    pub sandbox_folder: Option<PathBuf>,
    /// What stands on the way to the sandbox, for whoever asks it: a test looks at every answer.
    pub watch: Option<fn(Transport) -> Transport>,
}

/// Why a stage cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The sandbox.
    #[error(transparent)]
    Sandbox(#[from] specie_sandbox::OpenError),
    /// The catalog could not be applied.
    #[error("the catalog could not be applied: {0}")]
    Catalog(String),
    /// A socket.
    #[error("no port on 127.0.0.1 could be opened: {0}")]
    Socket(#[from] std::io::Error),
}

/// A service and a sandbox, with one clock.
pub struct Stage {
    /// The service.
    pub app: App,
    /// The sandbox.
    pub sandbox: Sandbox,
    /// Moves time.
    pub conductor: Conductor,
    /// The service, as a stranger reaches it.
    pub service: Door,
    /// The sandbox, as a stranger reaches it.
    pub stripe: Door,
    /// A server key of the realm `app`.
    pub server_key: Secret,
    /// Wall time.
    pub wall: Arc<ManualClock>,
    /// What signs the sandbox's webhooks.
    pub webhook_secret: Secret,
    /// What further replicas are made from.
    kit: Kit,
}

/// How a further replica of the service lives.
pub struct Backing {
    /// The stage's database, as this replica reaches it.
    pub db: Db,
    /// How this replica reaches the sandbox.
    pub to_stripe: Transport,
    /// What this replica takes for wall time.
    pub wall: Arc<dyn WallClock>,
    /// How it waits.
    pub patience: Patience,
    /// From how many waiting lanes on it reads them ahead.
    pub many: usize,
}

/// The key that the service uses towards the sandbox.
pub const STRIPE_KEY: &str = "sk_test_specieStage00000000";

impl Stage {
    /// Sets the stage: both sides run, the catalog is applied, nothing has happened yet.
    pub async fn open(opening: Opening) -> Result<Self, StageError> {
        let wall = Arc::new(ManualClock::new(opening.start));
        let chance: Arc<dyn Chance> = Arc::new(SeededChance::new(opening.seed));
        let sockets = match opening.over {
            Over::Sockets => Some((listener().await?, listener().await?)),
            Over::Process => None,
        };
        let address = |at: Option<SocketAddr>, name: &str| match at {
            Some(at) => format!("http://{at}"),
            None => format!("http://{name}.localhost"),
        };
        let at = |listener: &TcpListener| listener.local_addr().ok();
        let service_url = address(sockets.as_ref().and_then(|it| at(&it.0)), "service");
        let stripe_url = address(sockets.as_ref().and_then(|it| at(&it.1)), "stripe");

        let sandbox = Sandbox::open(specie_sandbox::Options {
            seed: opening.seed,
            data_dir: opening.sandbox_folder,
            start: opening.start,
            base_url: stripe_url.clone(),
            control_key: Secret::new(chance.token()),
            wall: wall.clone(),
        })?;
        let (service_socket, stripe_socket) = sockets.unzip();
        if let Some(socket) = stripe_socket {
            serve(socket, sandbox.router());
        }
        let to_stripe = match opening.over {
            Over::Sockets => https_transport(),
            Over::Process => transport(sandbox.router()),
        };
        let to_stripe = opening.watch.map_or(to_stripe.clone(), |watch| watch(to_stripe));
        let stripe = client(to_stripe.clone(), &stripe_url);
        let db = Db::open(
            &opening.database,
            specie_store::Options { clock: Some(wall.clone()), ..specie_store::Options::default() },
        )
        .await?;
        specie_store::migrate_up(&db).await?;

        let webhook_secret = apply(&db, &stripe, &opening.catalog, &service_url).await?;
        let kit = Kit {
            jwt_secret: Secret::new(chance.token()),
            webhook_secret: webhook_secret.clone(),
            service_url,
            stripe_url,
            catalog: opening.catalog,
            chance,
        };
        let app = App::new(kit.parts(db, stripe, &sandbox, wall.clone(), Patience::Returns));
        let router = routes::router(app.clone());
        let to_service = match opening.over {
            Over::Sockets => https_transport(),
            Over::Process => transport(router.clone()),
        };
        if let Some(socket) = service_socket {
            serve(socket, router);
        }
        let server_key =
            specie_server::api_keys::create(&app.db, &*app.chance, "app", "stage").await?;
        let skip: Arc<dyn Skip> = wall.clone();
        Ok(Self {
            conductor: Conductor::new(vec![app.clone()], sandbox.clone(), to_service.clone(), skip),
            service: Door { transport: to_service, base: kit.service_url.clone() },
            stripe: Door { transport: to_stripe, base: kit.stripe_url.clone() },
            app,
            sandbox,
            server_key,
            wall,
            webhook_secret,
            kit,
        })
    }

    /// What the service stored, and what Stripe has.
    pub fn sides(&self) -> Sides<'_> {
        let policies = &self.app.catalog.policies;
        Sides { db: &self.app.db, sandbox: &self.sandbox, stripe: &self.stripe, policies }
    }

    /// A further replica of the service on the same database. It serves nobody yet.
    pub fn replica(&self, backing: Backing) -> App {
        let stripe = client(backing.to_stripe, &self.kit.stripe_url);
        let Backing { db, wall, patience, many, .. } = backing;
        let parts = self.kit.parts(db, stripe, &self.sandbox, wall, patience);
        App::new(AppParts { shelf: Shelf::from(many), ..parts })
    }

    /// A process that works in real time on the stage's database, and reaches Stripe by `stripe`. It
    /// serves nobody.
    pub fn process(&self, stripe: Client) -> App {
        let (db, wall) = (self.app.db.clone(), self.wall.clone());
        App::new(self.kit.parts(db, stripe, &self.sandbox, wall, Patience::Sleeps))
    }
}

fn client(to_stripe: Transport, url: &str) -> Client {
    Client::new(to_stripe, url.to_owned(), Secret::new(STRIPE_KEY), RateBudget::unlimited())
        .with_sleep(Arc::new(|_| Box::pin(std::future::ready(()))))
        .with_timeout(None)
}

/// Applies the catalog. Answers what signs webhooks from then on.
async fn apply(
    db: &Db,
    stripe: &Client,
    catalog: &Catalog,
    service_url: &str,
) -> Result<Secret, StageError> {
    let endpoint = Endpoint { url: format!("{service_url}/api/billing/webhook") };
    let applied = stripe_catalog::apply(db, stripe, catalog, Some(&endpoint))
        .await
        .map_err(|error| StageError::Catalog(error.to_string()))?;
    applied
        .webhook_secret
        .ok_or_else(|| StageError::Catalog("the sandbox has an endpoint already".into()))
}

/// What all replicas have in common.
struct Kit {
    jwt_secret: Secret,
    webhook_secret: Secret,
    service_url: String,
    stripe_url: String,
    catalog: Catalog,
    chance: Arc<dyn Chance>,
}

impl Kit {
    fn parts(
        &self,
        db: Db,
        stripe: Client,
        sandbox: &Sandbox,
        wall: Arc<dyn WallClock>,
        patience: Patience,
    ) -> AppParts {
        let settings = Settings {
            public_url: self.service_url.clone(),
            jwt: Some(JwtSettings {
                secret: self.jwt_secret.clone(),
                issuer: "app".into(),
                audience: "specie".into(),
            }),
            form_targets: vec![self.stripe_url.clone()],
            livemode: false,
            realm: "app".into(),
            // Not by chance: all that follows from the seed stays as it was.
            audit_key: Some(AuditKey::of_seed(&[7; 32])),
        };
        AppParts {
            ingest: Writer::start(db.clone(), patience),
            db,
            stripe,
            catalog: self.catalog.clone(),
            settings,
            webhook_secrets: Secrets::new([self.webhook_secret.clone()]),
            business: Arc::new(sandbox.clone()),
            wall,
            chance: self.chance.clone(),
            patience,
            cache: Cache::default(),
            shelf: Default::default(),
            turns: Default::default(),
            binding: Default::default(),
            mailer: Default::default(),
            watch: Default::default(),
            moved: tokio::sync::Notify::new(),
            work: tokio::sync::Notify::new(),
            dev: None::<Dev>,
        }
    }
}

async fn listener() -> Result<TcpListener, std::io::Error> {
    TcpListener::bind(("127.0.0.1", 0)).await
}

fn serve(listener: TcpListener, router: Router) {
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "a listener stopped");
        }
    });
}
