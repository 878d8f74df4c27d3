//! A sandbox on the desk: held in memory or in a folder, used over HTTP without a socket.

use std::path::Path;
use std::sync::Arc;

use axum::body::Body;
use http::{Request, Response};
use http_body_util::BodyExt;
use serde_json::Value;
use specie_sandbox::{OpenError, Options, Sandbox};
use specie_vocab::{ManualClock, Secret};
use tower::ServiceExt;

use crate::shapes;

/// Monday, 5 January 2026, 00:00 UTC.
pub const START: i64 = 1_767_571_200;
pub const HOME: &str = "http://127.0.0.1:12111";
pub const KEY: &str = "control-key";

pub struct Desk {
    pub sandbox: Sandbox,
    pub wall: Arc<ManualClock>,
}

/// What came back.
pub struct Answer {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: String,
}

impl Answer {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }
}

fn options(folder: Option<&Path>, wall: Arc<ManualClock>) -> Options {
    Options {
        seed: 1,
        data_dir: folder.map(Path::to_owned),
        start: jiff::Timestamp::from_second(START).unwrap(),
        base_url: HOME.into(),
        control_key: Secret::new(KEY),
        wall,
    }
}

impl Desk {
    pub fn in_memory() -> Self {
        let wall = Arc::new(ManualClock::new(jiff::Timestamp::from_second(START).unwrap()));
        let sandbox = Sandbox::open(options(None, wall.clone())).unwrap();
        Self { sandbox, wall }
    }

    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        let wall = Arc::new(ManualClock::new(jiff::Timestamp::from_second(START).unwrap()));
        let sandbox = Sandbox::open(options(Some(folder), wall.clone()))?;
        Ok(Self { sandbox, wall })
    }

    pub fn kept(folder: &Path) -> Self {
        Self::open(folder).unwrap()
    }

    /// Moves wall time on.
    pub fn wait(&self, seconds: i64) {
        let now = specie_vocab::WallClock::now(&*self.wall);
        self.wall.advance_to(now.plus_seconds(seconds).timestamp());
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response: Response<Body> = self.sandbox.router().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        Answer { status: head.status.as_u16(), headers: head.headers, body }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(format!("{HOME}{path}")).body(Body::empty()).unwrap()).await
    }

    /// A form, as a browser sends one from a page of ours.
    pub async fn form(&self, path: &str, pairs: &[(&str, &str)]) -> Answer {
        let request = Request::post(format!("{HOME}{path}"))
            .header("origin", HOME)
            .header("content-type", "application/x-www-form-urlencoded");
        self.send(request.body(encoded(pairs).into()).unwrap()).await
    }

    /// A call to the API.
    pub async fn api(&self, method: &str, path: &str, pairs: &[(&str, &str)]) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(format!("{HOME}{path}"))
            .header("authorization", "Bearer sk_test_aaaaaaaaaaaaaaaaaaaaaaaa")
            .header("content-type", "application/x-www-form-urlencoded");
        let answer = self.send(request.body(encoded(pairs).into()).unwrap()).await;
        let plain = path.split('?').next().unwrap_or(path);
        let faults = shapes::answer(method, plain, answer.status, &answer.body);
        assert!(faults.is_empty(), "{}", faults.join("\n"));
        answer
    }

    /// A call to the control API.
    pub async fn control(&self, method: &str, path: &str, body: &str) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(format!("{HOME}/_sandbox/{path}"))
            .header("specie-sandbox-key", KEY)
            .header("content-type", "application/json");
        self.send(request.body(body.to_owned().into()).unwrap()).await
    }
}

fn encoded(pairs: &[(&str, &str)]) -> String {
    let set = percent_encoding::NON_ALPHANUMERIC;
    let encode = |text: &str| percent_encoding::utf8_percent_encode(text, set).to_string();
    let pair = |(name, value): &(&str, &str)| format!("{}={}", encode(name), encode(value));
    pairs.iter().map(pair).collect::<Vec<_>>().join("&")
}
