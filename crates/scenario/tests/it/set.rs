//! Setting the scene.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use jiff::Timestamp;
use serde_json::Value;
use specie_billing::{SAASKIT, catalog};
use specie_sandbox::Chaos;
use specie_scenario::{Conductor, Door, Opening, Over, Stage};
use specie_server::app::AppParts;
use specie_server::ingest::Writer;
use specie_server::reads::Cache;
use specie_server::{App, Patience, routes};
use specie_store::own::Own;
use specie_stripe::{Client, RateBudget, Secrets, Transport, TransportError, sign, transport};
use specie_vocab::{Secret, WallTime};
use tempfile::TempDir;
use tokio::sync::Notify;
use tower::util::BoxCloneSyncService;

/// Writes each flow twice, `sqlite::name` and `postgres::name`, each with a database of its own. Flows
/// whose log is looked at begin with `on one thread:`.
macro_rules! both {
    (on one thread: $($flows:tt)*) => { $crate::set::both! { @ "current_thread" $($flows)* } };
    (@ $flavor:tt $(async fn $test:ident($stage:ident: &Stage) $body:block)*) => {
        $(async fn $test($stage: &specie_scenario::Stage) $body)*

        mod sqlite {$(
            #[tokio::test(flavor = $flavor)]
            async fn $test() {
                $crate::set::On::Sqlite.play(super::$test).await;
            }
        )*}

        mod postgres {$(
            #[tokio::test(flavor = $flavor)]
            async fn $test() {
                $crate::set::On::Postgres.play(super::$test).await;
            }
        )*}
    };
    ($($flows:tt)*) => { $crate::set::both! { @ "multi_thread" $($flows)* } };
}
pub(crate) use both;

/// A stage with SQLite in a folder of its own, in process.
pub async fn stage() -> (Stage, TempDir) {
    stage_of(1).await
}

/// The same with a seed.
pub async fn stage_of(seed: u64) -> (Stage, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let stage = stage_on(folder.path().join("specie.db").display().to_string(), seed).await;
    (stage, folder)
}

/// The same on a database that is there.
pub async fn stage_on(database: String, seed: u64) -> Stage {
    stage_selling(SAASKIT, database, seed).await
}

/// The same with another catalog.
pub async fn stage_selling(sold: &str, database: String, seed: u64) -> Stage {
    // Shown only with a test that fails. A second start is another test's: the first one stands.
    let _ = tracing_subscriber::fmt().with_test_writer().try_init();
    Stage::open(Opening {
        database,
        over: Over::Process,
        start: "2026-01-01T09:00:00Z".parse::<Timestamp>().unwrap(),
        seed,
        catalog: catalog::parse(sold, "catalog").unwrap(),
        sandbox_folder: None,
        watch: Some(crate::shapes::watched),
    })
    .await
    .unwrap()
}

/// Which database a stage stands on, for tests that need one stage after the other.
#[derive(Clone, Copy, Debug)]
pub enum On {
    Sqlite,
    Postgres,
}

impl On {
    /// Plays a flow on a stage of its own. None, if there is no such database.
    pub async fn play<T>(self, flow: impl AsyncFnOnce(&Stage) -> T) -> Option<T> {
        self.lend(async |database| {
            let stage = stage_on(database, 1).await;
            let told = flow(&stage).await;
            stage.app.db.close().await;
            told
        })
        .await
    }

    /// Lends a database that is there for this alone. None, if there is no such database.
    pub async fn lend<T>(self, to: impl AsyncFnOnce(String) -> T) -> Option<T> {
        match self {
            Self::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                Some(to(folder.path().join("specie.db").display().to_string()).await)
            }
            Self::Postgres => {
                let own = Own::for_test("flow").await.unwrap()?;
                let told = to(own.url()).await;
                own.remove().await.unwrap();
                Some(told)
            }
        }
    }
}

/// A further process of the service.
pub struct Process {
    /// Its parts.
    pub app: App,
    /// Its door.
    pub service: Door,
    /// Works for this process alone.
    pub conductor: Conductor,
}

/// A further process of the same service: on the same database, with its own way to Stripe.
pub fn beside(stage: &Stage, to_stripe: Transport) -> Process {
    beside_but(stage, to_stripe, |_| {})
}

/// The same, with something about it changed.
pub fn beside_but(
    stage: &Stage,
    to_stripe: Transport,
    change: impl FnOnce(&mut AppParts),
) -> Process {
    let key = Secret::new("sk_test_anotherProcess000000");
    let stripe = Client::new(to_stripe, stage.stripe.base.clone(), key, RateBudget::unlimited())
        .with_sleep(Arc::new(|_| Box::pin(std::future::ready(()))))
        .with_timeout(None);
    let mut parts = AppParts {
        db: stage.app.db.clone(),
        stripe,
        catalog: stage.app.catalog.clone(),
        settings: stage.app.settings.clone(),
        webhook_secrets: Secrets::new([stage.webhook_secret.clone()]),
        business: stage.app.business.clone(),
        wall: stage.app.wall.clone(),
        chance: stage.app.chance.clone(),
        patience: Patience::Returns,
        ingest: Writer::start(stage.app.db.clone(), Patience::Returns),
        cache: Cache::default(),
        shelf: Default::default(),
        turns: Default::default(),
        binding: Default::default(),
        mailer: Default::default(),
        watch: Default::default(),
        moved: Notify::new(),
        work: Notify::new(),
        dev: None,
    };
    change(&mut parts);
    let app = App::new(parts);
    let to_service = transport(routes::router(app.clone()));
    let (apps, skip) = (vec![app.clone()], stage.wall.clone());
    Process {
        app,
        service: Door { transport: to_service.clone(), base: stage.service.base.clone() },
        conductor: Conductor::new(apps, stage.sandbox.clone(), to_service, skip),
    }
}

/// A way on which `carry` says what becomes of each request.
pub fn way<F, Carried>(carry: F) -> Transport
where
    F: Fn(Request<Bytes>) -> Carried + Clone + Send + Sync + 'static,
    Carried: Future<Output = Result<Response<Bytes>, TransportError>> + Send + 'static,
{
    BoxCloneSyncService::new(tower::service_fn(carry))
}

/// The objects of a kind whose `status` is this.
pub fn having(stage: &Stage, kind: &str, status: &str) -> Vec<Value> {
    stage.sandbox.list(kind).into_iter().filter(|it| it["status"] == status).collect()
}

/// An id or another text of a document.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a text was expected: {value}"))
}

/// From now on no webhook comes, or all do again.
pub fn lose_all(stage: &Stage, lose: bool) {
    let lose = if lose { 100 } else { 0 };
    stage.sandbox.unsettle(&Chaos { lose, ..Chaos::default() }).unwrap();
}

/// What only operators reach of a process.
pub fn private(app: &App) -> Door {
    let private = transport(routes::private_router(app.clone()));
    Door { transport: private, base: "http://private.localhost".into() }
}

/// Delivers an event, signed just now.
pub async fn deliver(stage: &Stage, event: &Value) {
    deliver_stamped(stage, event, stage.app.wall.now()).await;
}

/// The same, signed at a moment.
pub async fn deliver_stamped(stage: &Stage, event: &Value, at: WallTime) {
    let body = event.to_string();
    let signature = sign(&stage.webhook_secret, body.as_bytes(), at);
    let headers = [("stripe-signature", signature.as_str())];
    let sent = stage.service.send(Method::POST, "/api/billing/webhook", &headers, body).await;
    assert_eq!(sent.unwrap().status, StatusCode::OK, "{event}");
}

/// Delivers Stripe's newest event of a type, be it one that our endpoint does not ask for.
pub async fn tell(stage: &Stage, kind: &str) {
    let events = stage.sandbox.list("event");
    deliver(stage, events.iter().find(|it| it["type"] == kind).unwrap()).await;
}
