//! A service with a database of its own, and a browser or app that calls it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode, header};
use bytes::Bytes;
use http_body_util::BodyExt;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use specie_billing::{SAASKIT, catalog};
use specie_server::app::Happening;
use specie_server::app::{Boxed, JwtSettings};
use specie_server::auth::key;
use specie_server::ingest::Writer;
use specie_server::reads::Cache;
use specie_server::{App, AppParts, Dev, Jump, Mailer, Patience, Settings, TimeMachine, routes};
use specie_store::customers::{self, Payer};
use specie_store::keys::{self, ApiKey};
use specie_store::{Db, Gate, Options, Tx, inbox, migrate_up};
use specie_stripe::{Client, RateBudget, Secrets, TransportError, sign};
use specie_vocab::{
    BusinessClock, BusinessTime, Chance, ManualClock, PayerId, Secret, SeededChance, WallClock,
    WallTime,
};
use tokio::sync::Notify;
use tower::ServiceExt;

/// Writes each test twice, `sqlite::name` and `postgres::name`, each with a house of its own.
macro_rules! both {
    ($(async fn $test:ident($house:ident: &House) $body:block)*) => {
        $(async fn $test($house: &$crate::house::House) $body)*

        mod sqlite {$(
            #[tokio::test]
            async fn $test() {
                super::$test(&$crate::house::House::new(Default::default()).await).await;
            }
        )*}

        mod postgres {$(
            #[tokio::test]
            async fn $test() {
                let own = specie_store::own::Own::for_test("house").await.unwrap();
                let Some(own) = own else { return };
                let house = $crate::house::House::on(&own.url()).await;
                super::$test(&house).await;
                house.app.db.close().await;
                own.remove().await.unwrap();
            }
        )*}
    };
}
pub(crate) use both;

/// When every test begins.
pub const NOW: i64 = 1_800_000_000;
pub const WEBHOOK_SECRET: &str = "whsec_test";
pub const JWT_SECRET: &str = "0123456789abcdef0123456789abcdef";

pub struct House {
    pub app: App,
    pub doors: Router,
    pub private: Router,
    pub clock: Arc<ManualClock>,
    pub server_key: String,
    /// How often Stripe was called.
    pub calls: Arc<AtomicUsize>,
    _folder: Option<tempfile::TempDir>,
}

/// What a test may want otherwise.
pub struct Wish {
    pub public_url: &'static str,
    pub catalog: String,
    pub dev: bool,
    pub mailer: Mailer,
    /// What stands before each commit.
    pub gate: Option<Arc<dyn Gate>>,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            public_url: "http://127.0.0.1:8080",
            catalog: SAASKIT.into(),
            dev: false,
            mailer: Mailer::Mailbox,
            gate: None,
        }
    }
}

/// A time machine that tells what it was asked.
struct Machine(Arc<ManualClock>);

impl TimeMachine for Machine {
    fn jump(&self, jump: Jump) -> Boxed<'_, Result<Vec<Happening>, String>> {
        Box::pin(async move {
            match jump {
                Jump::NextRenewal => Err("nobody has a subscription".into()),
                other => Ok(vec![Happening {
                    at: BusinessClock::now(&*self.0).timestamp(),
                    who: "Ada".into(),
                    what: format!("it was asked for {other:?} <b>"),
                    tone: "good",
                }]),
            }
        })
    }

    fn now(&self) -> BusinessTime {
        BusinessClock::now(&*self.0)
    }
}

/// A key of the app's server.
async fn make_key(db: &Db, chance: &dyn Chance) -> String {
    let made = key::make(chance);
    let row = ApiKey {
        id: chance.uuid(WallTime::from_second(NOW)),
        prefix: made.prefix,
        hash: made.hash,
        realm: "app".into(),
        name: "test".into(),
        scopes: String::new(),
        created_at: WallTime::from_second(NOW),
        revoked_at: None,
    };
    let mut tx = db.begin().await.unwrap();
    assert!(keys::insert(&mut tx, &row).await.unwrap());
    tx.commit().await.unwrap();
    made.secret.expose().into()
}

impl House {
    /// One with a SQLite file.
    pub async fn new(wish: Wish) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("specie.db").display());
        Self { _folder: Some(folder), ..Self::on(&url).await.but(wish) }
    }

    /// One with a database that has nothing in it.
    pub async fn on(url: &str) -> Self {
        let clock = Arc::new(ManualClock::new(WallTime::from_second(NOW).timestamp()));
        let options = Options { clock: Some(clock.clone()), ..Options::default() };
        let db = Db::open(url, options).await.unwrap();
        migrate_up(&db).await.unwrap();
        let chance: Arc<dyn Chance> = Arc::new(SeededChance::new(7));
        let server_key = make_key(&db, &*chance).await;
        Self::of(db, clock, chance, server_key, Wish::default())
    }

    /// The same service with something about it otherwise: on the same database, with a memory of its
    /// own.
    pub fn but(&self, wish: Wish) -> Self {
        let (db, chance) = (self.app.db.clone(), self.app.chance.clone());
        Self::of(db, self.clock.clone(), chance, self.server_key.clone(), wish)
    }

    fn of(
        db: Db,
        clock: Arc<ManualClock>,
        chance: Arc<dyn Chance>,
        server_key: String,
        wish: Wish,
    ) -> Self {
        let db = match wish.gate {
            Some(gate) => db.with_gate(gate),
            None => db,
        };
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = calls.clone();
        let away = tower::service_fn(move |_: http::Request<Bytes>| {
            counted.fetch_add(1, Ordering::SeqCst);
            async { Err::<http::Response<Bytes>, _>(TransportError::new("Stripe is away")) }
        });
        let transport = tower::util::BoxCloneSyncService::new(away);
        let stripe = Client::new(
            transport,
            "http://127.0.0.1:1".into(),
            Secret::new("sk_test_1"),
            RateBudget::unlimited(),
        )
        .with_sleep(Arc::new(|_| Box::pin(async {})));
        let dev = wish.dev.then(|| Dev {
            machine: Arc::new(Machine(clock.clone())),
            customers: ["ada", "ben"].map(|id| (id.into(), id.to_uppercase())).into(),
            sandbox_url: "http://127.0.0.1:12111".into(),
            memory: specie_server::app::Memory::default(),
        });
        let app = App::new(AppParts {
            ingest: Writer::start(db.clone(), Patience::Returns),
            db,
            stripe,
            catalog: catalog::parse(&wish.catalog, "specie.toml").unwrap(),
            settings: Settings {
                public_url: wish.public_url.into(),
                jwt: Some(JwtSettings {
                    secret: Secret::new(JWT_SECRET),
                    issuer: "app".into(),
                    audience: "specie".into(),
                }),
                form_targets: vec!["http://127.0.0.1:12111".into()],
                livemode: false,
                realm: "app".into(),
                audit_key: None,
            },
            webhook_secrets: Secrets::new([Secret::new(WEBHOOK_SECRET)]),
            business: clock.clone(),
            wall: clock.clone(),
            chance,
            patience: Patience::Returns,
            cache: Cache::default(),
            shelf: Default::default(),
            turns: Default::default(),
            binding: Default::default(),
            mailer: wish.mailer,
            watch: Default::default(),
            moved: Notify::new(),
            work: Notify::new(),
            dev,
        });
        Self {
            doors: routes::router(app.clone()),
            private: routes::private_router(app.clone()),
            app,
            clock,
            server_key,
            calls,
            _folder: None,
        }
    }

    pub fn wait(&self, seconds: i64) {
        let to = WallClock::now(&*self.clock).plus_seconds(seconds);
        self.clock.advance_to(to.timestamp());
    }

    /// A customer whom Stripe does not know yet.
    pub async fn payer(&self, tx: &mut Tx) -> PayerId {
        let payer = Payer {
            id: PayerId(self.app.id()),
            realm: "app".into(),
            app_id: "ada".into(),
            stripe: None,
            version: 0,
            created_at: WallTime::from_second(NOW),
        };
        customers::insert(tx, &payer).await.unwrap();
        payer.id
    }

    /// A JWT of the app, as it is good now.
    pub fn jwt(&self, payer: &str, billing: &str) -> String {
        let exp = WallClock::now(&*self.clock).as_second() + 600;
        let claims = json!({
            "sub": payer, "exp": exp, "aud": "specie", "iss": "app", "billing": billing,
        });
        let key = EncodingKey::from_secret(JWT_SECRET.as_bytes());
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap()
    }

    /// A call by the app's server for a customer.
    pub async fn server(&self, method: Method, path: &str, customer: &str, body: Value) -> Answer {
        let request =
            self.asking(method, path, customer).body(Body::from(body.to_string())).unwrap();
        self.send(request).await
    }

    pub fn asking(
        &self,
        method: Method,
        path: &str,
        customer: &str,
    ) -> axum::http::request::Builder {
        Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.server_key))
            .header("specie-customer", customer)
            .header(header::CONTENT_TYPE, "application/json")
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        Answer::of(self.doors.clone().oneshot(request).await.unwrap()).await
    }

    /// A delivery by Stripe, signed by `secret`.
    pub async fn deliver(&self, body: &[u8], secret: &str) -> Answer {
        let at = WallClock::now(&*self.clock);
        let signature = sign(&Secret::new(secret), body, at);
        self.deliver_with(body, &signature).await
    }

    pub async fn deliver_with(&self, body: &[u8], signature: &str) -> Answer {
        let request = Request::builder()
            .method(Method::POST)
            .uri("/api/billing/webhook")
            .header("stripe-signature", signature)
            .body(Body::from(body.to_vec()))
            .unwrap();
        self.send(request).await
    }

    /// The inbox: type and state of each event, newest first.
    pub async fn inbox(&self) -> Vec<(String, &'static str)> {
        let mut tx = self.app.db.read().await.unwrap();
        let events = inbox::recent(&mut tx, 100).await.unwrap();
        events.into_iter().map(|event| (event.kind, event.state.as_str())).collect()
    }
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: axum::http::HeaderMap,
    pub text: String,
}

impl Answer {
    pub async fn of(response: Response<Body>) -> Self {
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Self { status: head.status, headers: head.headers, text }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    /// A problem's status and code.
    pub fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text);
        (self.status.as_u16(), self.json()["code"].as_str().unwrap().into())
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Keeps cookies, as browsers do, and follows nothing by itself.
#[derive(Default)]
pub struct Browser(Mutex<BTreeMap<String, String>>);

impl Browser {
    pub async fn get(&self, house: &House, path: &str) -> Answer {
        self.go(house, Request::builder().uri(path), String::new()).await
    }

    pub async fn post(&self, house: &House, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = fields
            .iter()
            .fold(specie_stripe::Form::new(), |form, (name, value)| form.set(*name, *value));
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.go(house, request, body.to_body()).await
    }

    async fn go(
        &self,
        house: &House,
        request: axum::http::request::Builder,
        body: String,
    ) -> Answer {
        let cookies: Vec<String> =
            self.0.lock().unwrap().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = request
            .header(header::HOST, "127.0.0.1:8080")
            .header(header::COOKIE, cookies.join("; "))
            .body(Body::from(body))
            .unwrap();
        let answer = house.send(request).await;
        for cookie in answer.headers.get_all(header::SET_COOKIE) {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
            let (name, value) = pair.split_once('=').unwrap();
            self.0.lock().unwrap().insert(name.into(), value.into());
        }
        answer
    }
}

/// The value of a hidden field of the first form that has it.
pub fn hidden(page: &str, name: &str) -> String {
    let mark = format!("name=\"{name}\" value=\"");
    let (_, after) = page.split_once(&mark).unwrap_or_else(|| panic!("no `{name}` in {page}"));
    after.split('"').next().unwrap().into()
}
