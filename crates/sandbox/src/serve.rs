//! The sandbox on its own: a socket, a clock that flows, webhooks that go out by themselves.

use std::convert::Infallible;
use std::fmt::Display;
use std::future::Future;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use specie_stripe::{Transport, TransportError, https_transport, transport};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower::{Service, ServiceExt, service_fn};

use crate::sandbox::Sandbox;

/// How often the clocks are looked at.
const TICK: Duration = Duration::from_secs(1);

/// Serves the sandbox on `listener` until `stop` is done: its clock flows, and webhooks go out
/// through `transport`. At the end a snapshot is written, so that the next start is quick.
pub async fn serve<S>(
    listener: TcpListener,
    sandbox: Sandbox,
    transport: S,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()>
where
    S: Service<Request<Bytes>, Response = Response<Bytes>> + Clone + Send + Sync + 'static,
    S::Error: Display + Send,
    S::Future: Send,
{
    sandbox.flow().map_err(io::Error::other)?;
    let (stopped, mut has_stopped) = watch::channel(());
    let background = tokio::spawn({
        let sandbox = sandbox.clone();
        async move {
            tokio::select! {
                never = run(&sandbox, &transport) => match never {},
                _ = has_stopped.changed() => {}
            }
        }
    });
    let served = axum::serve(listener, sandbox.router())
        .with_graceful_shutdown(async move {
            stop.await;
            drop(stopped);
        })
        .await;
    if background.await.is_err() {
        tracing::error!("the delivery of webhooks panicked");
    }
    served.and_then(|()| sandbox.snapshot())
}

/// Moves the clock and delivers, for ever.
async fn run<S>(sandbox: &Sandbox, transport: &S) -> Infallible
where
    S: Service<Request<Bytes>, Response = Response<Bytes>> + Clone,
    S::Error: Display,
{
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = sandbox.shared().waiting.notified() => {}
        }
        if sandbox.catch_up().is_err() {
            tracing::error!("the clock cannot be moved");
        }
        let seconds = sandbox.read(|state| state.world.config().switches.webhook_timeout);
        let patience = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
        sandbox.deliver_within(transport, Some(patience)).await;
    }
}

/// The way to webhook endpoints: HTTPS, and plain HTTP to wherever, since this is all a test.
pub fn webhook_transport() -> Transport {
    let plain: legacy::Client<_, Full<Bytes>> =
        legacy::Client::builder(TokioExecutor::new()).build_http();
    let plain = transport(service_fn(move |request: Request<Full<Bytes>>| {
        let plain = plain.clone();
        async move { plain.request(request).await.map_err(TransportError::new) }
    }));
    let secure = https_transport();
    Transport::new(service_fn(move |request: Request<Bytes>| {
        let is_plain = request.uri().scheme_str() == Some("http");
        let way = if is_plain { plain.clone() } else { secure.clone() };
        way.oneshot(request)
    }))
}
