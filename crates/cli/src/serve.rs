//! `specie serve`: the service, for real.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use specie_server::app::{AppParts, JwtSettings};
use specie_server::ingest::Writer;
use specie_server::reads::Cache;
use specie_server::{App, Patience, Settings, routes, runner};
use specie_store::{Db, Options, migration_status};
use specie_stripe::{Client, Limits, RateBudget, Secrets, https_transport};
use specie_vocab::{Secret, SystemChance, SystemClock};
use tokio::sync::{Notify, watch};
use tracing_subscriber::filter::LevelFilter;

use crate::config::{self, CATALOG, Environment};
use crate::fail::Fail;
use crate::{logs, ports};

/// See `specie serve --help`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  specie migrate up && specie serve\n  DATABASE_URL=postgres://… specie serve --port 8080 --private-port 8081\n\nSettings come from the environment or `.env`: see `.env.example`."
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
}

/// Where the database is, if `DATABASE_URL` does not say.
const DATABASE: &str = "specie.db";

/// The database's address or file.
pub fn database_url(environment: &Environment) -> Result<String, Fail> {
    Ok(environment.get("DATABASE_URL")?.unwrap_or_else(|| DATABASE.into()))
}

/// Where browsers and Stripe reach the service, without a slash at the end.
pub fn public_url(environment: &Environment) -> Result<String, Fail> {
    let url = environment.needed(
        "PUBLIC_URL",
        "it is the address at which browsers and Stripe reach this service, such as https://billing.example.com",
    )?;
    let fine = url.starts_with("https://") || url.starts_with("http://");
    if !fine || url.contains(['?', '#', ' ']) {
        return Err(Fail::Input(format!(
            "`PUBLIC_URL` is `{url}`: expected an address such as https://billing.example.com/pay"
        )));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// Stripe by the key in the environment.
pub fn stripe_client(environment: &Environment) -> Result<Client, Fail> {
    let (key, live) = stripe_key(environment)?;
    let base = environment.get("STRIPE_API_BASE")?;
    let base = base.unwrap_or_else(|| "https://api.stripe.com".into());
    let limits = if live { Limits::LIVE } else { Limits::TEST };
    let rate = RateBudget::new(Arc::new(SystemClock), limits);
    Ok(Client::new(https_transport(), base, key, rate))
}

/// The secret key, and whether it is a live one.
fn stripe_key(environment: &Environment) -> Result<(Secret, bool), Fail> {
    let key = environment.needed(
        "STRIPE_SECRET_KEY",
        "it is Stripe's secret key (sk_test_… or sk_live_…), from the dashboard under Developers, API keys",
    )?;
    let live = key.starts_with("sk_live_") || key.starts_with("rk_live_");
    if !live && !key.starts_with("sk_test_") && !key.starts_with("rk_test_") {
        return Err(Fail::Input(
            "`STRIPE_SECRET_KEY` is no secret key: it must begin with sk_test_, sk_live_, rk_test_ or rk_live_".into(),
        ));
    }
    Ok((Secret::new(key), live))
}

fn webhook_secrets(environment: &Environment) -> Result<Secrets, Fail> {
    let text = environment.needed(
        "STRIPE_WEBHOOK_SECRET",
        "`specie catalog apply` makes the webhook endpoint and gives its secret (whsec_…); during a change both may stand there, with a comma between",
    )?;
    let secrets: Vec<_> =
        text.split(',').map(str::trim).filter(|it| !it.is_empty()).map(Secret::new).collect();
    if secrets.iter().any(|secret| !secret.expose().starts_with("whsec_")) {
        return Err(Fail::Input("`STRIPE_WEBHOOK_SECRET` must begin with whsec_".into()));
    }
    Ok(Secrets::new(secrets))
}

/// Opens all that the service needs, refuses what must not start, and serves until it is stopped.
pub async fn run(arguments: Arguments) -> Result<(), Fail> {
    logs::start(LevelFilter::INFO);
    let environment = Environment::read()?;
    let public_url = public_url(&environment)?;
    let (_, livemode) = stripe_key(&environment)?;
    if livemode && !public_url.starts_with("https://") {
        return Err(Fail::Input(format!(
            "`STRIPE_SECRET_KEY` is a live key, and `PUBLIC_URL` is `{public_url}`: real money needs \
             https\n\nhint: use a test key for development, or an https address"
        )));
    }
    let webhook_secrets = webhook_secrets(&environment)?;
    let catalog = config::catalog(&arguments.catalog)?;
    let jwt = environment.secret("JWT_SECRET")?.map(|secret| JwtSettings {
        secret,
        issuer: catalog.settings.jwt.issuer.clone(),
        audience: catalog.settings.jwt.audience.clone(),
    });
    let db = Db::open(&database_url(&environment)?, Options::default()).await?;
    let status = migration_status(&db).await?;
    if status.current < status.newest {
        return Err(Fail::Input(format!(
            "the database has schema {} and this program needs {}\n\nhint: run `specie migrate up`",
            status.current, status.newest
        )));
    }
    let listener = ports::listen(arguments.port, "--port").await?;
    let private = ports::listen(arguments.private_port, "--private-port").await?;

    let app = App::new(AppParts {
        ingest: Writer::start(db.clone()),
        db,
        stripe: stripe_client(&environment)?,
        catalog,
        settings: Settings {
            public_url,
            jwt,
            form_targets: form_targets(&environment)?,
            livemode,
            realm: "app".into(),
        },
        webhook_secrets,
        business: Arc::new(SystemClock),
        wall: Arc::new(SystemClock),
        chance: Arc::new(SystemChance),
        patience: Patience::Sleeps,
        cache: Cache::default(),
        binding: Default::default(),
        moved: Notify::new(),
        work: Notify::new(),
        dev: None,
    });
    tracing::warn!("no mail is sent yet: mails are kept in the mailbox (table `mails`)");
    serve(app, listener, private).await
}

/// Where our forms redirect: Stripe's own pages, or those of the sandbox that is spoken to.
fn form_targets(environment: &Environment) -> Result<Vec<String>, Fail> {
    Ok(match environment.get("STRIPE_API_BASE")? {
        Some(base) => vec![base.trim_end_matches('/').to_owned()],
        None => vec!["https://checkout.stripe.com".into(), "https://billing.stripe.com".into()],
    })
}

async fn serve(
    app: App,
    listener: tokio::net::TcpListener,
    private: tokio::net::TcpListener,
) -> Result<(), Fail> {
    let (stop, stopped) = watch::channel(false);
    let work = tokio::spawn(runner::run(app.clone(), stopped.clone()));
    let until = |mut stopped: watch::Receiver<bool>| async move {
        let _ = stopped.wait_for(|stopped| *stopped).await;
    };
    let public_router = routes::router(app.clone());
    let private_router = routes::private_router(app.clone());
    let public =
        axum::serve(listener, public_router).with_graceful_shutdown(until(stopped.clone()));
    let private = axum::serve(private, private_router).with_graceful_shutdown(until(stopped));
    let public = tokio::spawn(public.into_future());
    let private = tokio::spawn(private.into_future());
    tracing::info!(url = %app.settings.public_url, "serving");
    ports::asked_to_stop().await;
    let _ = stop.send(true);
    let _ = work.await;
    for served in [public, private] {
        if let Ok(Err(error)) = served.await {
            return Err(Fail::Failed(error.to_string()));
        }
    }
    app.db.close().await;
    Ok(())
}
