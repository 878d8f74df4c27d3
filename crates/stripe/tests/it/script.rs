//! A transport that answers what a test says, and remembers what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use specie_stripe::{Client, RateBudget, transport};
use specie_vocab::Secret;
use tower::service_fn;

/// What a test lets Stripe answer.
pub enum Reply {
    /// The connection breaks.
    Broken,
    /// No answer ever comes.
    Never,
    /// A status, headers and a body.
    Answer(u16, Vec<(&'static str, &'static str)>, String),
}

/// A status and a body.
pub fn reply(status: u16, body: impl ToString) -> Reply {
    Reply::Answer(status, Vec::new(), body.to_string())
}

/// A request as it arrived.
#[derive(Clone)]
pub struct Asked {
    pub line: String,
    pub headers: HeaderMap,
    pub body: String,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// A client and what happened to it.
pub struct Script {
    pub client: Client,
    asked: Arc<Mutex<Vec<Asked>>>,
    slept: Arc<Mutex<Vec<Duration>>>,
}

impl Script {
    pub fn new(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::with_rate(replies, RateBudget::unlimited())
    }

    pub fn with_rate(replies: impl IntoIterator<Item = Reply>, rate: RateBudget) -> Self {
        let replies: Arc<Mutex<VecDeque<_>>> = Arc::new(Mutex::new(replies.into_iter().collect()));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let slept = Arc::new(Mutex::new(Vec::new()));
        let (log, sleeps) = (asked.clone(), slept.clone());
        let service = service_fn(move |request: Request<Full<Bytes>>| {
            let (replies, log) = (replies.clone(), log.clone());
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                log.lock().unwrap().push(Asked {
                    line: format!("{} {}", head.method, head.uri),
                    headers: head.headers,
                    body: String::from_utf8(body.to_vec()).unwrap(),
                });
                let reply = replies.lock().unwrap().pop_front();
                match reply.expect("a reply for each request") {
                    Reply::Broken => Err("the connection broke"),
                    Reply::Never => std::future::pending().await,
                    Reply::Answer(status, headers, body) => {
                        let response = Response::builder().status(status);
                        let response = headers.iter().fold(response, |response, (name, value)| {
                            response.header(*name, *value)
                        });
                        Ok(response.body(Full::new(Bytes::from(body))).unwrap())
                    }
                }
            }
        });
        let key = Secret::new("sk_test_hidden");
        let client = Client::new(transport(service), "http://stripe.test/".into(), key, rate)
            .with_sleep(Arc::new(move |time| {
                sleeps.lock().unwrap().push(time);
                Box::pin(std::future::ready(()))
            }))
            .with_timeout(None);
        Self { client, asked, slept }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }

    pub fn slept(&self) -> Vec<Duration> {
        self.slept.lock().unwrap().clone()
    }
}
