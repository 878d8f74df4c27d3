//! The way to Stripe: any `tower` service that answers HTTP requests.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::{self, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt, service_fn};

/// Carries a request to Stripe: over HTTPS, to loopback, into the sandbox in this process, or
/// through something that makes faults.
pub type Transport = BoxCloneSyncService<Request<Bytes>, Response<Bytes>, TransportError>;

/// The largest answer that is read: a page of 100 large objects has some MiB.
const LARGEST_ANSWER: usize = 64 << 20;

/// A host that does not even take the connection is given up sooner than an answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TransportError(String);

impl TransportError {
    /// Says why, without anything of the request.
    pub fn new(why: impl fmt::Display) -> Self {
        Self(why.to_string())
    }
}

/// Any HTTP service as a transport, such as a router in this process.
pub fn transport<S, B>(service: S) -> Transport
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: fmt::Display,
    S::Future: Send,
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    BoxCloneSyncService::new(service_fn(move |request: Request<Bytes>| {
        let service = service.clone();
        async move {
            let answer = service.oneshot(request.map(Full::new)).await;
            let (head, body) = answer.map_err(TransportError::new)?.into_parts();
            let body = Limited::new(body, LARGEST_ANSWER).collect().await;
            let body = body.map_err(TransportError::new)?.to_bytes();
            Ok(Response::from_parts(head, body))
        }
    }))
}

/// HTTPS with Mozilla's roots; plain HTTP to this machine only, so that no key crosses a wire
/// unencrypted. Follows no redirect.
pub fn https_transport() -> Transport {
    let mut sockets = HttpConnector::new();
    sockets.enforce_http(false);
    sockets.set_nodelay(true);
    sockets.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let connector = hyper_rustls::HttpsConnectorBuilder::new()
        .with_webpki_roots()
        .https_or_http()
        .enable_http1()
        .wrap_connector(sockets);
    let client = legacy::Client::builder(TokioExecutor::new()).build(connector);
    transport(service_fn(move |request: Request<Full<Bytes>>| {
        let client: legacy::Client<_, Full<Bytes>> = client.clone();
        async move {
            if !is_safe(request.uri()) {
                return Err(TransportError::new(
                    "the address must be `https://`, or `http://` on this machine",
                ));
            }
            client.request(request).await.map_err(|error| TransportError::new(reason(&error)))
        }
    }))
}

fn is_safe(uri: &Uri) -> bool {
    match (uri.scheme_str(), uri.host()) {
        (Some("https"), Some(_)) => true,
        (Some("http"), Some(host)) => is_loopback(host),
        _ => false,
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The innermost cause: "connection refused" says more than "client error (Connect)".
fn reason(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
