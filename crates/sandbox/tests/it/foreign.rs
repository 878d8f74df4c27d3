//! No web page from elsewhere can drive the sandbox, or read it.

use axum::body::Body;
use http::Request;

use crate::desk::Desk;

async fn status(path: &str, method: &str, headers: &[(&str, &str)]) -> u16 {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let form = "application/x-www-form-urlencoded";
    let request = request.header("content-type", form).body(Body::empty()).unwrap();
    Desk::in_memory().send(request).await.status
}

const HERE: (&str, &str) = ("host", "127.0.0.1:12111");
const KEY: (&str, &str) = ("authorization", "Bearer sk_test_aaaaaaaaaaaaaaaaaaaaaaaa");

#[tokio::test]
async fn a_name_that_was_sent_here_is_refused_everywhere() {
    for path in ["/v1/customers", "/objects", "/c/pay/cs_1", "/assets/style.css", "/nowhere"] {
        assert_eq!(status(path, "GET", &[("host", "rebound.example"), KEY]).await, 403, "{path}");
        assert_ne!(status(path, "GET", &[HERE, KEY]).await, 403, "{path}");
    }
}

#[tokio::test]
async fn a_page_of_another_site_is_refused() {
    for origin in ["https://evil.example", "null", "http://127.0.0.1.evil.example", "file://"] {
        for (path, method) in [
            ("/v1/customers", "POST"),
            ("/v1/customers", "GET"),
            ("/c/pay/cs_1", "POST"),
            ("/p/session/bps_1/cancel/sub_1", "POST"),
        ] {
            let found = status(path, method, &[HERE, KEY, ("origin", origin)]).await;
            assert_eq!(found, 403, "{method} {path} from {origin}");
        }
    }
}

#[tokio::test]
async fn only_our_own_pages_send_forms_to_us() {
    let path = "/p/session/bps_1/cancel/sub_1";
    let other_port = ("origin", "http://127.0.0.1:3000");
    assert_eq!(status(path, "POST", &[HERE, other_port]).await, 403);
    // An app on this machine may call the API from its pages.
    assert_ne!(status("/v1/customers", "GET", &[HERE, KEY, other_port]).await, 403);
    let own = ("origin", "http://127.0.0.1:12111");
    assert_eq!(status(path, "POST", &[HERE, own]).await, 404);
}

#[tokio::test]
async fn pages_carry_a_strict_policy_and_no_script() {
    let desk = Desk::in_memory();
    for path in ["/objects", "/objects/customer", "/nowhere", "/c/pay/cs_1"] {
        let page = desk.get(path).await;
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'self';"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert_eq!(page.header("referrer-policy"), "same-origin");
        assert!(!page.body.contains("<script") && !page.body.contains("style="), "{path}");
    }
}
