//! Every answer of the sandbox, in every flow, has the shape that Stripe declares.

use std::io::Write;

use bytes::Bytes;
use http::Request;
use specie_stripe::{Transport, TransportError};
use tower::{ServiceExt, service_fn};

#[path = "../../../sandbox/tests/shapes/check.rs"]
mod check;

/// A way to the sandbox on which each answer is looked at.
pub fn watched(way: Transport) -> Transport {
    Transport::new(service_fn(move |request: Request<Bytes>| {
        let way = way.clone();
        async move {
            let (method, path) = (request.method().clone(), request.uri().path().to_owned());
            let response = way.oneshot(request).await?;
            if path.starts_with("/v1/") {
                let body = String::from_utf8_lossy(response.body());
                let faults = check::answer(method.as_str(), &path, response.status().into(), &body);
                if !faults.is_empty() {
                    give_up(&faults, &body);
                }
            }
            Ok::<_, TransportError>(response)
        }
    }))
}

/// Ends all tests. A panic would end one request, which the service makes again.
fn give_up(faults: &[String], body: &str) -> ! {
    let said = format!("the sandbox answered\n{body}\n{}\n", faults.join("\n"));
    let _ = std::io::stderr().write_all(said.as_bytes());
    std::process::exit(101);
}

#[test]
fn the_checker_finds_what_is_wrong() {
    let good = r#"{"object": "list", "data": [], "has_more": false, "url": "/v1/customers"}"#;
    assert_eq!(check::answer("GET", "/v1/customers", 200, good), Vec::<String>::new());
    for (path, status, body) in [
        ("/v1/customers", 200, good.replace("false", "0")),
        ("/v1/prices", 200, good.to_owned()),
        ("/v1/customers/cus_1", 200, good.to_owned()),
        ("/v1/nothing", 200, good.to_owned()),
        ("/v1/customers", 404, good.to_owned()),
        ("/v1/customers", 200, "nonsense".to_owned()),
    ] {
        assert!(!check::answer("GET", path, status, &body).is_empty(), "{path} {status} {body}");
    }
}
