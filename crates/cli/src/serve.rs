//! `specie serve`: the service, for real.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use specie_server::anchor::AuditKey;
use specie_server::app::{AppParts, JwtSettings};
use specie_server::ingest::Writer;
use specie_server::reads::Cache;
use specie_server::{App, Mailer, Patience, Settings, routes, runner};
use specie_store::{Db, leases};
use specie_stripe::{Client, Limits, RateBudget, Secrets, https_transport};
use specie_vocab::{SystemChance, SystemClock};
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tracing_subscriber::filter::LevelFilter;

use crate::config::{self, CATALOG, Environment};
use crate::database::{self, For};
use crate::fail::Fail;
use crate::ports::Asked;
use crate::settings::{self, Faults};
use crate::{logs, operator, ports};

/// See `specie serve --help`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  specie migrate up && specie serve\n  DATABASE_URL=postgres://user@host/billing specie serve --port 8080 --private-port 8081\n\nSettings come from the environment, a file that `NAME_FILE` names, or `.env`; `specie init`\nwrites a `.env.example` that says what each is. Logs go to stderr, JSON unless it is a terminal."
)]
pub struct Arguments {
    /// The public port on 127.0.0.1; put a proxy with TLS before it.
    #[arg(long, env = "PORT", default_value_t = 8080)]
    port: u16,
    /// The port of /readyz and /metrics.
    #[arg(long, default_value_t = 8081)]
    private_port: u16,
    /// The catalog's file.
    #[arg(long, default_value = CATALOG)]
    catalog: PathBuf,
    /// Stores events and leaves all other work undone: for measuring what ingest alone costs.
    #[arg(long, hide = true)]
    only_ingest: bool,
}

/// How long what is under way may take to end: with the rest, less than ten seconds.
const PATIENCE: Duration = Duration::from_secs(8);

/// What the environment says.
pub struct Found {
    /// Where browsers and Stripe reach the service.
    pub public_url: String,
    /// How Stripe is reached.
    pub stripe: settings::Stripe,
    webhook: Secrets,
    jwt: Option<specie_vocab::Secret>,
    audit_key: Option<AuditKey>,
    /// Where the database is.
    pub database: String,
    /// How mails leave.
    pub mailer: Mailer,
}

/// Reads all settings, and refuses them all at once.
pub fn read(environment: &Environment) -> Result<Found, Fail> {
    let mut faults = Faults::default();
    let public_url = faults.keep(settings::public_url(environment));
    let stripe = faults.keep(settings::stripe(environment));
    let webhook = faults.keep(settings::webhook_secrets(environment));
    let jwt = faults.keep(settings::jwt_secret(environment));
    let audit_key = faults.keep(settings::audit_key(environment));
    let database = faults.keep(settings::database_url(environment));
    let mailer = faults.keep(settings::mailer(environment));
    if let (Some(url), Some(stripe)) = (&public_url, &stripe)
        && stripe.live
        && !url.starts_with("https://")
    {
        faults.add(format!(
            "`STRIPE_SECRET_KEY` is a live key and `PUBLIC_URL` is `{url}`: real money needs https; \
             take a test key for development, or an https address"
        ));
    }
    match (public_url, stripe, webhook, jwt, audit_key, database, mailer) {
        (
            Some(public_url),
            Some(stripe),
            Some(webhook),
            Some(jwt),
            Some(audit_key),
            Some(database),
            Some(mailer),
        ) if faults.is_empty() => {
            let webhook = Secrets::new(webhook);
            Ok(Found { public_url, stripe, webhook, jwt, audit_key, database, mailer })
        }
        _ => Err(faults.into_fail()),
    }
}

/// The client of a Stripe that was found in the settings.
pub fn client(stripe: &settings::Stripe) -> Client {
    let limits = match stripe {
        settings::Stripe { live: true, .. } => Limits::LIVE,
        settings::Stripe { is_other: true, .. } => Limits::SANDBOX,
        _ => Limits::TEST,
    };
    let rate = RateBudget::new(Arc::new(SystemClock), limits);
    Client::new(https_transport(), stripe.base.clone(), stripe.key.clone(), rate)
}

/// Opens all that the service needs, refuses what must not start, and serves until it is stopped.
pub async fn run(arguments: Arguments) -> Result<(), Fail> {
    logs::start(LevelFilter::INFO);
    let environment = Environment::read()?;
    let found = read(&environment)?;
    let catalog = config::catalog_or_saaskit(&arguments.catalog)?;
    database::there(&found.database)?;
    let listener = ports::listen(arguments.port, "--port").await?;
    let private = ports::listen(arguments.private_port, "--private-port").await?;
    let db = database::connect(&found.database, For::Writing).await?;
    database::check_schema(&db).await?;
    tell_of_mail(&found.mailer);
    tell(&arguments.catalog, &catalog, &db).await?;
    tell_of_roots(found.audit_key.as_ref());

    // Until here Ctrl-C ends it by itself, also while a database does not answer.
    let asked = Asked::listen()?;
    let file = database::file_of(&found.database);
    if file.is_some() {
        nobody_else_works(&db).await?;
    }
    let app = app(found, catalog, db);
    let address = ports::address(&private)?;
    // Whoever writes to a Postgres needs no door.
    let door = file.map(|file| operator::open(&file, &address, app.clone())).transpose()?;
    tracing::info!(
        url = %app.settings.public_url,
        listening = %ports::address(&listener)?,
        private = %address,
        "serving"
    );
    let work = if arguments.only_ingest { Work::None } else { Work::All };
    serve(app, work, [listener, private], door, asked).await
}

/// Whoever writes a file is alone: what an earlier process had taken when it was killed is free.
async fn nobody_else_works(db: &Db) -> Result<(), Fail> {
    let mut tx = db.begin().await?;
    let now = tx.now().await?;
    leases::end_all(&mut tx, now).await?;
    Ok(tx.commit().await?)
}

fn tell_of_mail(mailer: &Mailer) {
    match mailer {
        Mailer::Mailbox => tracing::warn!(
            "no mail is sent: `SMTP_URL` is not set, and mails stay in the mailbox, the table `mails`"
        ),
        Mailer::Smtp(smtp) if smtp.server().exposes_login() => tracing::warn!(
            "the password of `SMTP_URL` travels to {} in clear text: `tls=none` is said",
            smtp.server()
        ),
        Mailer::Smtp(_) => {}
    }
}

/// What is in order and yet not as somebody may think.
async fn tell(file: &Path, catalog: &specie_billing::Catalog, db: &Db) -> Result<(), Fail> {
    if !file.exists() {
        tracing::warn!(
            "there is no {CATALOG}: the SaaSKit plans are sold; `specie init` writes one"
        );
    }
    for sentence in config::not_sold_yet(catalog) {
        tracing::warn!("{sentence}");
    }
    for price in specie_server::catalog::not_applied(db, catalog).await? {
        tracing::warn!("price {price} is not in Stripe yet: run `specie catalog apply`");
    }
    Ok(())
}

/// Whether roots of the audit trail are signed, and by whom.
fn tell_of_roots(key: Option<&AuditKey>) {
    match key {
        Some(key) => tracing::info!(
            public_key = specie_vocab::hex(&key.public()),
            "roots of the audit trail are signed"
        ),
        None => {
            tracing::warn!("roots of the audit trail are not signed: SPECIE_AUDIT_KEY is not set")
        }
    }
}

fn app(found: Found, catalog: specie_billing::Catalog, db: Db) -> App {
    let Found { public_url, stripe, webhook, jwt, audit_key, mailer, .. } = found;
    let jwt = jwt.map(|secret| JwtSettings {
        secret,
        issuer: catalog.settings.jwt.issuer.clone(),
        audience: catalog.settings.jwt.audience.clone(),
    });
    App::new(AppParts {
        ingest: Writer::start(db.clone(), Patience::Sleeps),
        db,
        catalog,
        settings: Settings {
            public_url,
            jwt,
            form_targets: form_targets(&stripe),
            livemode: stripe.live,
            realm: "app".into(),
            audit_key,
        },
        stripe: client(&stripe),
        webhook_secrets: webhook,
        business: Arc::new(SystemClock),
        wall: Arc::new(SystemClock),
        chance: Arc::new(SystemChance),
        patience: Patience::Sleeps,
        cache: Cache::default(),
        shelf: Default::default(),
        turns: Default::default(),
        binding: Default::default(),
        mailer,
        watch: Default::default(),
        moved: Notify::new(),
        work: Notify::new(),
        dev: None,
    })
}

/// Where our forms redirect: Stripe's own pages, or those of the sandbox that is spoken to.
fn form_targets(stripe: &settings::Stripe) -> Vec<String> {
    if stripe.is_other {
        return vec![stripe.base.clone()];
    }
    vec!["https://checkout.stripe.com".into(), "https://billing.stripe.com".into()]
}

/// What is done beside answering.
#[derive(Clone, Copy)]
enum Work {
    All,
    None,
}

async fn serve(
    app: App,
    work: Work,
    [listener, private]: [TcpListener; 2],
    door: Option<operator::Opened>,
    mut asked: Asked,
) -> Result<(), Fail> {
    let (stop, stopped) = watch::channel(false);
    let work = match work {
        Work::All => tokio::spawn(runner::run(app.clone(), stopped.clone())),
        Work::None => tokio::spawn(async {}),
    };
    let private_router = match &door {
        Some(door) => door.router.clone().merge(routes::private_router(app.clone())),
        None => routes::private_router(app.clone()),
    };
    let mut doors = JoinSet::new();
    doors.spawn(ports::serve(listener, routes::router(app.clone()), stopped.clone()));
    doors.spawn(ports::serve(private, private_router, stopped));
    asked.stopped().await;
    let _ = stop.send(true);
    // What is cut off here goes on at the next start: nothing is half-done for good.
    let rest = async {
        let _ = work.await;
        while doors.join_next().await.is_some() {}
        // Requests may have been answered for longer than there was work.
        runner::make_root(&app).await;
        app.db.close().await;
    };
    if tokio::time::timeout(PATIENCE, rest).await.is_err() {
        tracing::warn!("what was under way did not end in time; it goes on at the next start");
    }
    tracing::info!("stopped");
    drop(door);
    Ok(())
}
