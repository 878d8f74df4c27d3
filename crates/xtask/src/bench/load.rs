//! The load: requests over connections that stay open, and how long their answers took.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::header::HOST;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use specie_vocab::{SystemClock, WallClock};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

/// A request that is ready to go.
pub type Ready = Request<Full<Bytes>>;

/// How fast requests are sent.
#[derive(Clone, Copy)]
pub enum Pace {
    /// The next one when the last one is answered.
    Closed,
    /// So many a second, whatever the answers do.
    PerSecond(u32),
}

/// What the answers took.
pub struct Measured {
    /// How many.
    pub count: usize,
    /// From the first request to the last answer.
    pub seconds: f64,
    /// Sorted, in microseconds.
    latencies: Vec<i64>,
}

impl Measured {
    /// Answers a second.
    pub fn rate(&self) -> f64 {
        self.count as f64 / self.seconds
    }

    /// The latency below which so many of a thousand answers came, in milliseconds.
    pub fn at(&self, per_mille: usize) -> f64 {
        let place = (self.latencies.len() * per_mille / 1000).min(self.latencies.len() - 1);
        self.latencies[place] as f64 / 1000.0
    }
}

/// Microseconds since 1970.
pub fn micros() -> i64 {
    SystemClock.now().timestamp().as_microsecond()
}

/// A connection that stays open.
pub struct Connection(http1::SendRequest<Full<Bytes>>);

impl Connection {
    /// To an address such as `127.0.0.1:8080`.
    pub async fn open(address: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| address.to_owned())?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    /// Sends a request, and reads its whole answer.
    pub async fn send(&mut self, mut request: Ready) -> anyhow::Result<Response<Bytes>> {
        let host = request.uri().authority().map_or("", |it| it.as_str()).parse()?;
        request.headers_mut().insert(HOST, host);
        let path = request.uri().path_and_query().map_or("/", |it| it.as_str()).parse()?;
        *request.uri_mut() = path;
        self.0.ready().await?;
        let (head, body) = self.0.send_request(request).await?.into_parts();
        Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
    }
}

/// Sends all of `requests` over `at_once` connections. Each must be answered with 200.
pub async fn send(
    address: &str,
    requests: Vec<Ready>,
    at_once: usize,
    pace: Pace,
) -> anyhow::Result<Measured> {
    send_checked(address, requests, at_once, pace, |_| Ok(())).await
}

/// The same, and each answer's body must pass `check`.
pub async fn send_checked(
    address: &str,
    requests: Vec<Ready>,
    at_once: usize,
    pace: Pace,
    check: impl Fn(&[u8]) -> anyhow::Result<()> + Copy + 'static,
) -> anyhow::Result<Measured> {
    let count = requests.len();
    let queue = Rc::new(RefCell::new(requests.into_iter().enumerate()));
    let mut connections = Vec::new();
    for _ in 0..at_once {
        connections.push(Connection::open(address).await?);
    }
    let begun = micros();
    let tasks = LocalSet::new();
    let all: Vec<_> = connections
        .into_iter()
        .map(|connection| {
            tasks.spawn_local(work(connection, Rc::clone(&queue), pace, begun, check))
        })
        .collect();
    tasks.await;
    let seconds = (micros() - begun) as f64 / 1e6;
    let mut latencies = Vec::with_capacity(count);
    for task in all {
        latencies.extend(task.await??);
    }
    latencies.sort_unstable();
    ensure!(!latencies.is_empty(), "there was nothing to send");
    Ok(Measured { count, seconds, latencies })
}

type Queue = Rc<RefCell<std::iter::Enumerate<std::vec::IntoIter<Ready>>>>;

async fn work(
    mut connection: Connection,
    queue: Queue,
    pace: Pace,
    begun: i64,
    check: impl Fn(&[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<Vec<i64>> {
    let mut latencies = Vec::new();
    loop {
        let Some((n, request)) = queue.borrow_mut().next() else { return Ok(latencies) };
        if let Pace::PerSecond(rate) = pace {
            let due = begun + (n as i64) * 1_000_000 / i64::from(rate);
            let wait = u64::try_from(due - micros()).unwrap_or(0);
            tokio::time::sleep(Duration::from_micros(wait)).await;
        }
        let sent = micros();
        let answer = connection.send(request).await?;
        ensure!(answer.status() == StatusCode::OK, "answered {answer:?}");
        latencies.push(micros() - sent);
        check(answer.body())?;
    }
}
