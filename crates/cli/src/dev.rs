//! `specie dev`: all of it on one machine, offline.

mod keys;
mod machine;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use specie_sandbox::Sandbox;
use specie_scenario::Conductor;
use specie_server::app::{AppParts, JwtSettings};
use specie_server::catalog::{self as stripe_catalog, Endpoint};
use specie_server::ingest::Writer;
use specie_server::reads::Cache;
use specie_server::{App, Dev, Patience, Settings, api_keys, payers, routes};
use specie_store::{Db, Options, migrate_up};
use specie_stripe::{Client, RateBudget, Secrets, https_transport, transport};
use specie_vocab::{OffsetClock, Secret, SystemChance, SystemClock, WallClock};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tracing_subscriber::filter::LevelFilter;

use crate::config::{self, CATALOG};
use crate::fail::Fail;
use crate::{files, logs, ports};
use keys::Keys;
use machine::Machine;

/// See `specie dev --help`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  specie dev\n  specie dev --port 9000 --open\n  specie dev --fresh"
)]
pub struct Arguments {
    /// The service's port on 127.0.0.1.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// The sandbox's port on 127.0.0.1.
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
}

/// The realm of development's customers.
const REALM: &str = "app";
/// The demo customers: the app's id, and a name.
const CUSTOMERS: [(&str, &str); 3] =
    [("ada", "Ada Lovelace"), ("grace", "Grace Hopper"), ("linus", "Linus Pauling")];
/// How often what is due is looked for.
const PULSE: Duration = Duration::from_millis(100);
/// How often Stripe's list of events is read.
const WATERMARK: Duration = Duration::from_secs(60);

/// Starts everything, and runs until it is asked to stop.
pub async fn run(arguments: Arguments) -> Result<(), Fail> {
    logs::start(LevelFilter::WARN);
    let catalog = config::catalog(&arguments.catalog)?;
    let service = ports::listen(arguments.port, "--port").await?;
    let stripe = ports::listen(arguments.sandbox_port, "--sandbox-port").await?;
    if arguments.fresh
        && let Some(aside) = files::move_aside(&arguments.data_dir, SystemClock.now().timestamp())?
    {
        println!("the old state is in {}", aside.display());
    }
    files::folder(&arguments.data_dir)?;
    let lock = files::lock(&arguments.data_dir)?;
    let stage = set_up(&arguments, catalog, &service, &stripe).await?;
    stage.greet(&arguments);
    stage.serve(service, stripe).await?;
    drop(lock);
    Ok(())
}

/// All that runs.
struct Stage {
    app: App,
    sandbox: Sandbox,
    conductor: Conductor,
    keys: Keys,
    service_url: String,
    stripe_url: String,
}

fn address(listener: &TcpListener) -> Result<String, Fail> {
    let address = listener.local_addr().map_err(|error| Fail::Failed(error.to_string()))?;
    Ok(format!("http://{address}"))
}

/// What `PUBLIC_URL` says, where dev runs behind a proxy; else the service's own address.
fn public_url(own: &str) -> Result<String, Fail> {
    let named = config::Environment::read()?.get("PUBLIC_URL")?;
    Ok(named.map_or_else(|| own.to_owned(), |url| url.trim_end_matches('/').to_owned()))
}

async fn set_up(
    arguments: &Arguments,
    catalog: specie_billing::Catalog,
    service: &TcpListener,
    stripe: &TcpListener,
) -> Result<Stage, Fail> {
    let folder = arguments.data_dir.as_path();
    let (service_url, stripe_url) = (address(service)?, address(stripe)?);
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
    let client = Client::new(
        transport(sandbox.router()),
        stripe_url.clone(),
        Secret::new("sk_test_specieDevelopment"),
        RateBudget::unlimited(),
    );
    let db = open_database(folder, wall.clone()).await?;
    apply_catalog(&db, &client, &catalog, &service_url, &mut keys, folder).await?;
    api_keys::adopt(&db, &SystemChance, REALM, "development", &keys.server).await?;

    let machine = Arc::new(Machine::default());
    let app = App::new(AppParts {
        ingest: Writer::start(db.clone()),
        db,
        stripe: client,
        settings: Settings {
            public_url: public_url(&service_url)?,
            jwt: Some(JwtSettings {
                secret: keys.jwt.clone(),
                issuer: catalog.settings.jwt.issuer.clone(),
                audience: catalog.settings.jwt.audience.clone(),
            }),
            form_targets: vec![stripe_url.clone()],
            livemode: false,
            realm: REALM.into(),
        },
        catalog,
        webhook_secrets: Secrets::new([keys.webhook.clone()]),
        business: Arc::new(sandbox.clone()),
        wall: wall.clone(),
        chance: Arc::new(SystemChance),
        patience: Patience::Returns,
        cache: Cache::default(),
        binding: Default::default(),
        moved: Notify::new(),
        work: Notify::new(),
        dev: Some(Dev {
            machine: machine.clone(),
            customers: CUSTOMERS.map(|(id, name)| (id.into(), name.into())).into(),
            sandbox_url: stripe_url.clone(),
            memory: specie_server::dev::Memory::default(),
        }),
    });
    for (id, _) in CUSTOMERS {
        payers::find_or_create(&app, REALM, id)
            .await
            .map_err(|error| Fail::Failed(error.to_string()))?;
    }
    let conductor = Conductor::new(vec![app.clone()], sandbox.clone(), https_transport(), wall);
    machine.set(conductor.clone(), sandbox.clone(), app.clone());
    Ok(Stage { app, sandbox, conductor, keys, service_url, stripe_url })
}

async fn open_database(folder: &Path, clock: Arc<OffsetClock>) -> Result<Db, Fail> {
    let file = folder.join("specie.db").display().to_string();
    let db = Db::open(&file, Options { clock: Some(clock), ..Options::default() }).await?;
    migrate_up(&db).await?;
    Ok(db)
}

async fn apply_catalog(
    db: &Db,
    client: &Client,
    catalog: &specie_billing::Catalog,
    service_url: &str,
    keys: &mut Keys,
    folder: &Path,
) -> Result<(), Fail> {
    let endpoint = Endpoint { url: format!("{service_url}/api/billing/webhook") };
    let applied = stripe_catalog::apply(db, client, catalog, Some(&endpoint))
        .await
        .map_err(|error| Fail::Failed(format!("the catalog could not be applied: {error}")))?;
    if let Some(secret) = applied.webhook_secret {
        keys.webhook = secret;
        keys.save(folder)?;
    }
    Ok(())
}

impl Stage {
    fn greet(&self, arguments: &Arguments) {
        let Self { service_url, stripe_url, keys, .. } = self;
        println!("\n  specie dev: subscription billing, all of it on this machine\n");
        println!("  plans       {service_url}/         choose one, pay with 4242 4242 4242 4242");
        println!("  account     {service_url}/billing/account");
        println!("  mailbox     {service_url}/dev/mailbox");
        println!("  API docs    {service_url}/docs");
        println!("  sandbox     {stripe_url}/objects   the offline Stripe");
        println!("  state       {}\n", arguments.data_dir.display());
        println!("  server key  {}", keys.server.expose());
        println!("  JWT secret  {}  (HS256)", keys.jwt.expose());
        println!("\n  Signed in as Ada. The strip at the foot of each page moves the clock.");
        println!("  Stop with Ctrl-C; the next start goes on from here, `--fresh` begins anew.\n");
        if arguments.open {
            open_browser(service_url);
        }
    }

    async fn serve(self, service: TcpListener, stripe: TcpListener) -> Result<(), Fail> {
        let service = axum::serve(service, routes::router(self.app.clone()));
        let stripe = axum::serve(stripe, self.sandbox.router());
        let failed = |error: std::io::Error| Fail::Failed(error.to_string());
        tokio::select! {
            served = service => served.map_err(failed)?,
            served = stripe => served.map_err(failed)?,
            () = pulse(&self.conductor) => {}
            () = watch_events(&self.conductor) => {}
            () = ports::asked_to_stop() => {}
        }
        println!("stopped; everything is kept");
        self.app.db.close().await;
        Ok(())
    }
}

/// Does what is due as it comes, at the present time.
async fn pulse(conductor: &Conductor) {
    loop {
        if let Err(error) = conductor.pulse().await {
            tracing::error!(%error, "the background work failed");
        }
        tokio::time::sleep(PULSE).await;
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

/// Opens the machine's browser, where there is one.
fn open_browser(url: &str) {
    let programs = ["xdg-open", "open"];
    let opened = programs.iter().any(|program| {
        let quiet = std::process::Stdio::null;
        std::process::Command::new(program).arg(url).stdout(quiet()).stderr(quiet()).spawn().is_ok()
    });
    if !opened {
        println!("  no browser was found: open {url} yourself");
    }
}
