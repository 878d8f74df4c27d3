//! Requests from this machine only: `Host` and `Origin` must be local names, or the public address
//! behind a proxy. Else a web page could drive development, whose pages sign everybody in, or read
//! it by rebinding a name of its own to this machine.

use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, Method, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use crate::{ApiError, App};

/// Lets local requests through; 403 for all others.
pub(crate) async fn only(State(app): State<App>, request: Request, next: Next) -> Response {
    let public = authority(&app.settings.public_url);
    if is_local(request.method(), request.headers(), public) {
        match other_name(request.method(), request.headers(), request.uri(), public) {
            // A cookie belongs to a name: whoever pays comes back under the public one.
            Some(path) => Redirect::temporary(&format!("http://{public}{path}")).into_response(),
            None => next.run(request).await,
        }
    } else {
        ApiError::forbidden(
            "`specie dev` answers to this machine only; behind a proxy, start it with PUBLIC_URL",
        )
        .into_response()
    }
}

/// Host and port of an address.
fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default()
}

fn is_local(method: &Method, headers: &HeaderMap, public: &str) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let ours = |host: &str| is_local_host(host) || host == public;
    let host = text(HOST).is_some_and(ours);
    let origin = text(ORIGIN).is_none_or(|origin| {
        let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        host.is_some_and(ours)
    });
    // A link from elsewhere may lead to a page; a form from elsewhere may not act.
    host && origin && (reads || site != Some("cross-site"))
}

/// The path of a page that is asked for under another name of this machine than the public one,
/// such as `localhost` for `127.0.0.1`, at the same port.
fn other_name<'a>(
    method: &Method,
    headers: &HeaderMap,
    uri: &'a Uri,
    public: &str,
) -> Option<&'a str> {
    let host = headers.get(HOST)?.to_str().ok()?;
    let port = |name: &str| name.rsplit_once(':').map(|(_, port)| port.to_owned());
    let path = uri.path_and_query()?.as_str();
    let is_page = path == "/" || path.starts_with("/billing") || path.starts_with("/dev");
    let is_read = matches!(*method, Method::GET | Method::HEAD);
    let is_other = host != public && is_local_host(host) && is_local_host(public);
    (is_page && is_read && is_other && port(host) == port(public)).then_some(path)
}

fn is_local_host(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(name, "localhost" | "127.0.0.1" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: Method, headers: &[(&'static str, &str)]) -> bool {
        let headers = headers.iter().map(|(name, value)| {
            (axum::http::HeaderName::from_static(name), value.parse().unwrap())
        });
        is_local(&method, &headers.collect(), "pay.example.com")
    }

    #[test]
    fn local_names_are_let_through() {
        for host in ["localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080", "[::1]"] {
            assert!(check(Method::GET, &[("host", host)]), "{host}");
        }
        let origin = ("origin", "http://127.0.0.1:8080");
        assert!(check(Method::POST, &[("host", "127.0.0.1:8080"), origin]));
    }

    #[test]
    fn a_page_under_another_name_of_this_machine_leads_to_the_public_one() {
        let check = |method: Method, host: &str, path: &'static str, public: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().unwrap());
            other_name(&method, &headers, &Uri::from_static(path), public).map(str::to_owned)
        };
        let (name, number) = ("localhost:8080", "127.0.0.1:8080");
        let path = "/billing/plans?every=365day";
        assert_eq!(check(Method::GET, name, path, number).as_deref(), Some(path));
        assert_eq!(check(Method::GET, number, "/", name).as_deref(), Some("/"));
        assert_eq!(check(Method::GET, number, path, number), None, "it is the public one");
        assert_eq!(check(Method::POST, name, path, number), None, "a form stays where it is");
        assert_eq!(check(Method::GET, name, "/api/billing/plans", number), None);
        assert_eq!(check(Method::GET, "localhost:9000", path, number), None, "a proxy's port");
        assert_eq!(check(Method::GET, name, path, "pay.example.com"), None, "a proxy's name");
    }

    #[test]
    fn a_proxy_may_pass_the_public_name() {
        assert_eq!(authority("https://pay.example.com/billing"), "pay.example.com");
        let origin = ("origin", "https://pay.example.com");
        assert!(check(Method::POST, &[("host", "pay.example.com"), origin]));
        assert!(!check(Method::GET, &[("host", "pay.example.com.evil.com")]));
    }

    #[test]
    fn other_names_and_other_pages_are_not() {
        for host in ["evil.com", "localhost.evil.com", "127.0.0.1.evil.com", "evil.com:8080", ""] {
            assert!(!check(Method::GET, &[("host", host)]), "{host}");
        }
        assert!(!check(Method::GET, &[]));
        for origin in ["https://evil.com", "null", "http://localhost.evil.com", "localhost"] {
            assert!(!check(Method::POST, &[("host", "localhost"), ("origin", origin)]), "{origin}");
        }
        let cross = ("sec-fetch-site", "cross-site");
        assert!(!check(Method::POST, &[("host", "localhost"), cross]));
        assert!(check(Method::GET, &[("host", "localhost"), cross]));
    }
}
