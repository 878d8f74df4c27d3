//! The sandbox on a socket of its own: time flows, webhooks go out, and it stops when told.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use specie_sandbox::{serve, webhook_transport};
use specie_stripe::Transport;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tower::{ServiceExt, service_fn};

use crate::desk::Desk;

#[tokio::test]
async fn it_answers_delivers_and_stops() {
    let desk = Desk::in_memory();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (got, mut received) = mpsc::unbounded_channel();
    let got = Arc::new(got);
    let receiver = Transport::new(service_fn(move |request: Request<Bytes>| {
        let sent = got.send(request.uri().to_string());
        async move {
            sent.map_err(specie_stripe::TransportError::new)?;
            Ok(Response::new(Bytes::new()))
        }
    }));
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async move { drop(stopped.await) };
    let serving = tokio::spawn(serve(listener, desk.sandbox.clone(), receiver, stopped));

    let ask = async |path: &str, body: &str| {
        let request = Request::post(format!("http://{address}{path}"))
            .header("host", address.to_string())
            .header("authorization", "Bearer sk_test_aaaaaaaaaaaaaaaaaaaaaaaa")
            .header("content-type", "application/x-www-form-urlencoded");
        let request = request.body(Bytes::copy_from_slice(body.as_bytes())).unwrap();
        webhook_transport().oneshot(request).await.unwrap()
    };
    let hook = "url=http%3A%2F%2F127.0.0.1%3A9%2Fhook&enabled_events%5B%5D=*";
    assert_eq!(ask("/v1/webhook_endpoints", hook).await.status(), 200);
    let made = ask("/v1/customers", "email=a%40b.example").await;
    assert_eq!(made.status(), 200);
    assert_eq!(made.headers()["server"], "nginx");
    assert_eq!(made.headers().get_all("date").iter().count(), 1);
    assert_eq!(received.recv().await.unwrap(), "http://127.0.0.1:9/hook");

    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
}
