//! `specie dev`: all of it on one machine, offline.

mod browser;
mod endpoints;
mod keys;
mod machine;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use specie_sandbox::Sandbox;
use specie_scenario::Conductor;
use specie_server::anchor::AuditKey;
use specie_server::app::{AppParts, JwtSettings};
use specie_server::catalog::{self as stripe_catalog, Endpoint};
use specie_server::ingest::Writer;
use specie_server::reads::Cache;
use specie_server::{App, Dev, Patience, Settings, api_keys, payers, routes, runner};
use specie_store::{Db, Options, StoreError, migrate_up};
use specie_stripe::{Client, RateBudget, Secrets, https_transport, transport};
use specie_vocab::{OffsetClock, Secret, SystemChance, SystemClock, WallClock};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tracing_subscriber::filter::LevelFilter;

use crate::config::{self, CATALOG};
use crate::fail::Fail;
use crate::ports::Asked;
use crate::{files, logs, out, ports, settings};
use keys::Keys;
use machine::Machine;

/// See `specie dev --help`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  specie dev\n  specie dev --port 9000 --open\n  specie dev --fresh\n  PUBLIC_URL=https://dev.example.com/pay specie dev    behind a proxy, under a prefix\n\nIt needs no settings and never talks to Stripe."
)]
pub struct Arguments {
    /// The service's port on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// The sandbox's port on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 12111)]
    sandbox_port: u16,
    /// Where the state is kept.
    #[arg(long, default_value = ".specie/local")]
    data_dir: PathBuf,
    /// The catalog's file; SaaSKit's plans, if the default one is not there.
    #[arg(long, default_value = CATALOG)]
    catalog: PathBuf,
    /// Moves the old state aside and begins anew.
    #[arg(long)]
    fresh: bool,
    /// Opens a browser.
    #[arg(long)]
    open: bool,
    /// Says what runs where as one JSON document.
    #[arg(long)]
    json: bool,
}

/// The realm of development's customers.
const REALM: &str = "app";
/// The demo customers: the app's id, and a name.
const CUSTOMERS: [(&str, &str); 3] =
    [("ada", "Ada Lovelace"), ("grace", "Grace Hopper"), ("linus", "Linus Pauling")];
/// How often what is due is looked for, if nobody says that something is.
const PULSE: Duration = Duration::from_millis(500);
/// How long it rests in any case.
const REST: Duration = Duration::from_millis(50);
/// How long the database may take to close.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often Stripe's list of events is read.
const WATERMARK: Duration = Duration::from_secs(60);

/// Starts everything, and runs until it is asked to stop.
pub async fn run(arguments: Arguments) -> Result<(), Fail> {
    logs::start(LevelFilter::WARN);
    let mut asked = Asked::listen()?;
    refuse_live_key()?;
    let catalog = config::catalog_or_saaskit(&arguments.catalog)?;
    let not_sold = config::not_sold_yet(&catalog);
    let service = ports::listen(arguments.port, "--port").await?;
    let stripe = ports::listen(arguments.sandbox_port, "--sandbox-port").await?;
    let public_url = public_url(&service)?;
    let folder = arguments.data_dir.as_path();
    if arguments.fresh {
        files::begin_anew(folder, files::State::Dev)?;
    }
    files::state_folder(folder)?;
    let lock = files::lock(folder)?;
    let stage = tokio::select! {
        stage = set_up(folder, catalog, public_url, &service, &stripe) => stage?,
        // The next start goes on with whatever is set up by now.
        () = asked.stopped() => return Ok(()),
    };
    // Whoever started this may have stopped to listen.
    let _ = stage.greet(&arguments, &not_sold);
    if arguments.open {
        browser::open(&stage.app.settings.public_url);
    }
    stage.serve(service, stripe, asked).await?;
    drop(lock);
    Ok(())
}

/// A live key is never used here, and whoever has one around may think it is.
fn refuse_live_key() -> Result<(), Fail> {
    let key = config::Environment::read()?.get("STRIPE_SECRET_KEY")?;
    if key.is_some_and(|key| settings::is_live(&key)) {
        return Err(Fail::Input(
            "`STRIPE_SECRET_KEY` is a live key, and `specie dev` is for development: it never talks to Stripe\n\nhint: take the key out of the environment and of `.env` on this machine".into(),
        ));
    }
    Ok(())
}

/// All that runs.
struct Stage {
    app: App,
    sandbox: Sandbox,
    conductor: Conductor,
    keys: Keys,
    stripe_url: String,
}

/// What `PUBLIC_URL` of this process says, where dev runs behind a proxy; else the service's own
/// address. The one in `.env` is where `serve` will be.
fn public_url(service: &TcpListener) -> Result<String, Fail> {
    match config::of_process("PUBLIC_URL") {
        Some(url) => settings::checked_public_url(&url),
        None => ports::address(service),
    }
}

async fn set_up(
    folder: &Path,
    catalog: specie_billing::Catalog,
    public_url: String,
    service: &TcpListener,
    stripe: &TcpListener,
) -> Result<Stage, Fail> {
    let (service_url, stripe_url) = (ports::address(service)?, ports::address(stripe)?);
    let mut keys = Keys::read_or_make(folder)?;
    let wall = Arc::new(OffsetClock::default());
    let sandbox = Sandbox::open(specie_sandbox::Options {
        seed: keys.seed,
        data_dir: Some(folder.join("sandbox")),
        start: SystemClock.now().timestamp(),
        base_url: stripe_url.clone(),
        control_key: keys.control.clone(),
        wall: wall.clone(),
    })?;
    files::report_cut(folder, sandbox.opened().cut);
    let client = Client::new(
        transport(sandbox.router()),
        stripe_url.clone(),
        Secret::new("sk_test_specieDevelopment"),
        RateBudget::unlimited(),
    );
    let db = open_database(folder, wall.clone()).await?;
    let webhook = apply_catalog(&db, &client, &catalog, &service_url, &mut keys, folder).await?;
    api_keys::adopt(&db, &SystemChance, REALM, "development", &keys.server).await?;

    let machine = Arc::new(Machine::default());
    let app = App::new(AppParts {
        ingest: Writer::start(db.clone(), Patience::Returns),
        db,
        stripe: client,
        settings: Settings {
            public_url,
            jwt: Some(JwtSettings {
                secret: keys.jwt.clone(),
                issuer: catalog.settings.jwt.issuer.clone(),
                audience: catalog.settings.jwt.audience.clone(),
            }),
            form_targets: vec![stripe_url.clone()],
            livemode: false,
            realm: REALM.into(),
            audit_key: AuditKey::parse(keys.audit.expose()),
        },
        catalog,
        webhook_secrets: Secrets::new([webhook]),
        business: Arc::new(sandbox.clone()),
        wall: wall.clone(),
        chance: Arc::new(SystemChance),
        patience: Patience::Returns,
        cache: Cache::default(),
        shelf: Default::default(),
        turns: Default::default(),
        binding: Default::default(),
        mailer: Default::default(),
        watch: Default::default(),
        moved: Notify::new(),
        work: Notify::new(),
        dev: Some(Dev {
            machine: machine.clone(),
            customers: CUSTOMERS.map(|(id, name)| (id.into(), name.into())).into(),
            sandbox_url: stripe_url.clone(),
            memory: specie_server::app::Memory::default(),
        }),
    });
    for (id, _) in CUSTOMERS {
        payers::find_or_create(&app, REALM, id)
            .await
            .map_err(|error| Fail::Failed(error.to_string()))?;
    }
    let conductor = Conductor::new(vec![app.clone()], sandbox.clone(), https_transport(), wall);
    machine.set(conductor.clone(), sandbox.clone(), app.clone());
    Ok(Stage { app, sandbox, conductor, keys, stripe_url })
}

async fn open_database(folder: &Path, clock: Arc<OffsetClock>) -> Result<Db, Fail> {
    let file = folder.join("specie.db").display().to_string();
    let opened = Db::open(&file, Options { clock: Some(clock), ..Options::default() }).await;
    let db = match opened {
        Err(error @ StoreError::CorruptFile { .. }) => {
            let hint = "`--fresh` moves the old state aside and begins anew";
            return Err(Fail::from(error).with_hint(hint));
        }
        opened => opened?,
    };
    migrate_up(&db).await?;
    Ok(db)
}

/// Brings the sandbox in step with the catalog. Answers with what signs its webhooks.
async fn apply_catalog(
    db: &Db,
    client: &Client,
    catalog: &specie_billing::Catalog,
    service_url: &str,
    keys: &mut Keys,
    folder: &Path,
) -> Result<Secret, Fail> {
    let endpoint = Endpoint { url: format!("{service_url}/api/billing/webhook") };
    let failed = |error: &dyn std::fmt::Display| {
        Fail::Failed(format!("the catalog could not be applied: {error}"))
    };
    let kept = keys.webhook.as_ref().map(|_| endpoint.url.as_str());
    endpoints::remove_others(client, kept).await.map_err(|error| failed(&error))?;
    let applied = stripe_catalog::apply(db, client, catalog, Some(&endpoint))
        .await
        .map_err(|error| failed(&error))?;
    if let Some(secret) = applied.webhook_secret {
        keys.webhook = Some(secret);
        keys.save(folder)?;
    }
    keys.webhook.clone().ok_or_else(|| failed(&"the webhook endpoint has no secret"))
}

impl Stage {
    fn greet(&self, arguments: &Arguments, not_sold: &[String]) -> Result<(), Fail> {
        let Self { app, stripe_url, keys, .. } = self;
        let url = &app.settings.public_url;
        let (server, jwt) = (keys.server.expose(), keys.jwt.expose());
        let claims = &app.catalog.settings.jwt;
        if arguments.json {
            return out::json(&json!({
                "service": url, "plans": format!("{url}/"),
                "account": format!("{url}/billing/account"),
                "mailbox": format!("{url}/dev/mailbox"), "docs": format!("{url}/docs"),
                "sandbox": stripe_url, "objects": format!("{stripe_url}/objects"),
                "data_dir": arguments.data_dir, "server_key": server, "jwt_secret": jwt,
                "jwt_issuer": claims.issuer, "jwt_audience": claims.audience,
                "sandbox_control_key": keys.control.expose(), "not_sold_yet": not_sold,
            }));
        }
        let state = arguments.data_dir.display();
        out::say(format!(
            "\n  specie dev: subscription billing, all of it on this machine\n\n  \
             plans       {url}/   choose one, pay with 4242 4242 4242 4242\n  \
             account     {url}/billing/account\n  \
             mailbox     {url}/dev/mailbox\n  \
             API docs    {url}/docs\n  \
             sandbox     {stripe_url}/objects   the offline Stripe\n  \
             state       {state}\n\n  \
             server key  {server}\n  \
             JWT secret  {jwt}\n              \
             HS256, `iss` {}, `aud` {}, `sub` your user's id, `exp`\n",
            claims.issuer, claims.audience,
        ))?;
        for sentence in not_sold {
            out::say(format!("  note: {sentence}"))?;
        }
        out::say(
            "  Signed in as Ada. The strip at the foot of each page moves the clock.\n  \
             Stop with Ctrl-C; the next start goes on from here, `--fresh` begins anew.\n",
        )
    }

    async fn serve(
        self,
        service: TcpListener,
        stripe: TcpListener,
        mut asked: Asked,
    ) -> Result<(), Fail> {
        let service = axum::serve(service, routes::router(self.app.clone()));
        let stripe = axum::serve(stripe, self.sandbox.router());
        let failed = |error: std::io::Error| Fail::Failed(error.to_string());
        tokio::select! {
            served = service => served.map_err(failed)?,
            served = stripe => served.map_err(failed)?,
            () = pulse(&self.conductor, &self.app) => {}
            () = watch_events(&self.conductor) => {}
            () = anchors(&self.conductor) => {}
            () = asked.stopped() => {}
        }
        // What is under way when the time is over goes on at the next start.
        let _ = tokio::time::timeout(PATIENCE, self.app.db.close()).await;
        eprintln!("stopped; everything is kept");
        Ok(())
    }
}

/// Does what is due as it comes, at the present time.
async fn pulse(conductor: &Conductor, app: &App) {
    loop {
        if let Err(error) = conductor.pulse().await {
            tracing::error!(%error, "the background work failed");
        }
        tokio::time::sleep(REST).await;
        let _ = tokio::time::timeout(PULSE, app.work.notified()).await;
    }
}

async fn anchors(conductor: &Conductor) {
    loop {
        tokio::time::sleep(runner::ANCHOR).await;
        if let Err(error) = conductor.anchor().await {
            tracing::error!(%error, "the audit trail could not be anchored");
        }
    }
}

async fn watch_events(conductor: &Conductor) {
    loop {
        if let Err(error) = conductor.pass().await {
            tracing::error!(%error, "the watermark pass failed");
        }
        tokio::time::sleep(WATERMARK).await;
    }
}
