//! Where a customer may be sent back to: parsed, exact origin, path prefix.

use std::fmt;

/// An origin and a path under which return addresses are allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedReturn {
    origin: String,
    path: String,
}

/// An address that the allow-list holds. Made by [`check_return_url`] only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedReturnUrl(String);

impl CheckedReturnUrl {
    /// The address, as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CheckedReturnUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why an address is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadReturnUrl {
    /// It is no address that we can read without doubt.
    #[error("the return address {0}")]
    Unreadable(&'static str),
    /// No entry of the allow-list holds it.
    #[error("the return address is not on the allow-list")]
    NotAllowed,
}

/// What a browser would make of an address, as far as it matters here.
struct Parts<'a> {
    origin: String,
    path: &'a str,
    rest: &'a str,
}

/// Stripe puts the session's id in place of this.
const TEMPLATE: &str = "{CHECKOUT_SESSION_ID}";

impl AllowedReturn {
    /// Reads an entry: an origin with a path, without query or fragment. A path that ends in `/`
    /// holds everything below it; another holds itself and what is below it.
    pub fn parse(text: &str) -> Result<Self, BadReturnUrl> {
        let Parts { origin, path, rest } = read(text)?;
        if !rest.is_empty() {
            return Err(BadReturnUrl::Unreadable("must have no query or fragment"));
        }
        Ok(Self { origin, path: path.into() })
    }

    fn holds(&self, found: &Parts<'_>) -> bool {
        let below =
            |rest: &str| rest.is_empty() || self.path.ends_with('/') || rest.starts_with('/');
        self.origin == found.origin && found.path.strip_prefix(&*self.path).is_some_and(below)
    }
}

impl fmt::Display for AllowedReturn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.path)
    }
}

/// Reads `found` and looks it up in `allowed`.
pub fn check_return_url(
    found: &str,
    allowed: &[AllowedReturn],
) -> Result<CheckedReturnUrl, BadReturnUrl> {
    let parts = read(found)?;
    if allowed.iter().any(|entry| entry.holds(&parts)) {
        Ok(CheckedReturnUrl(found.into()))
    } else {
        Err(BadReturnUrl::NotAllowed)
    }
}

/// Takes only what every browser reads in one way: no user, no escapes or dots that move the path,
/// nothing that is repaired on the way.
fn read(text: &str) -> Result<Parts<'_>, BadReturnUrl> {
    let wrong = |why| Err(BadReturnUrl::Unreadable(why));
    if text.len() > 2000 {
        return wrong("must have 2,000 characters at most");
    }
    let plain = text.replace(TEMPLATE, "x");
    if !plain.bytes().all(|b| b.is_ascii_graphic() && !br#"\"<>^`{|}"#.contains(&b)) {
        return wrong("must be ASCII without spaces, backslashes, quotes or braces");
    }
    let (scheme, after) = match text.split_once("://") {
        Some((scheme @ ("https" | "http"), after)) => (scheme, after),
        _ => return wrong("must start with `https://`, or with `http://` on this machine"),
    };
    let end = after.find(['/', '?', '#']).unwrap_or(after.len());
    let (authority, tail) = after.split_at(end);
    let (host, port) = split_port(authority);
    let good_port = port.is_none_or(|port| {
        (1..=5).contains(&port.len())
            && port.bytes().all(|b| b.is_ascii_digit())
            && port.parse::<u16>().is_ok_and(|number| number > 0)
            && !port.starts_with('0')
    });
    if !is_host(host) || !good_port {
        return wrong("must have a plain host in lower case and at most a port");
    }
    if scheme == "http" && !is_this_machine(host) {
        return wrong("must start with `https://`; `http://` is for this machine only");
    }
    let cut = tail.find(['?', '#']).unwrap_or(tail.len());
    let (path, rest) = tail.split_at(cut);
    if path.contains(TEMPLATE) || !is_still(path) {
        return wrong("must have a path without `.`, `..`, `//` and escaped dots or slashes");
    }
    let default = match scheme {
        "https" => "443",
        _ => "80",
    };
    let port = port.filter(|port| *port != default);
    let origin = match port {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    };
    Ok(Parts { origin, path: if path.is_empty() { "/" } else { path }, rest })
}

fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

/// Whatever ends in `.localhost` is this machine too (RFC 6761, 6.3).
fn is_this_machine(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "[::1]") || host.ends_with(".localhost")
}

fn is_host(host: &str) -> bool {
    if host == "[::1]" {
        return true;
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= 253 && host.split('.').all(label)
}

fn is_still(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    !lower.contains("//")
        && !["%2e", "%2f", "%5c", "%00"].iter().any(|escape| lower.contains(escape))
        && !path.split('/').any(|segment| matches!(segment, "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(found: &str) -> Result<CheckedReturnUrl, BadReturnUrl> {
        let allowed = [
            "https://app.example.com/billing",
            "http://127.0.0.1:8080/pages/",
            "http://app.localhost:3000/",
        ];
        let allowed = allowed.map(|entry| AllowedReturn::parse(entry).unwrap());
        check_return_url(found, &allowed)
    }

    #[test]
    fn what_the_list_holds_is_taken() {
        for good in [
            "https://app.example.com/billing",
            "https://app.example.com:443/billing/",
            "https://app.example.com/billing/done?session={CHECKOUT_SESSION_ID}#top",
            "https://app.example.com/billing?x=1",
            "http://127.0.0.1:8080/pages/account",
            "http://app.localhost:3000/done",
        ] {
            assert_eq!(check(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn what_only_looks_like_it_is_refused() {
        for bad in [
            "https://app.example.com/billings",
            "https://app.example.com/",
            "https://app.example.com.evil.com/billing",
            "https://evil.com/https://app.example.com/billing",
            "https://app.example.com:8443/billing",
            "http://app.example.com/billing",
            "http://127.0.0.1/pages/",
            "http://app.localhost.evil.com:3000/",
            "http://xlocalhost:3000/",
            "http://127.0.0.1:8080/pages",
            "https://app.example.com@evil.com/billing",
            "https://user:pw@app.example.com/billing",
            "https://app.example.com/billing/../admin",
            "https://app.example.com/billing/%2e%2E/admin",
            "https://app.example.com/billing/./x",
            "https://app.example.com/billing//evil.com",
            "https://app.example.com\\@evil.com/billing",
            "https://app.example.com/billing\n",
            " https://app.example.com/billing",
            "https://APP.example.com/billing",
            "https://app.example.com./billing",
            "https://äpp.example.com/billing",
            "https://app.example.com:/billing",
            "https://app.example.com:0443/billing",
            "HTTPS://app.example.com/billing",
            "https:/app.example.com/billing",
            "//app.example.com/billing",
            "javascript:alert(1)",
            "data:text/html,x",
            "/billing",
            "",
            "https://app.example.com/billing/{CHECKOUT_SESSION_ID}",
            "https://app.example.com/billing?x={OTHER}",
        ] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
        let long = format!("https://app.example.com/billing?{}", "x".repeat(2000));
        assert!(check(&long).is_err());
    }

    #[test]
    fn an_entry_without_a_path_holds_its_origin() {
        let allowed = [AllowedReturn::parse("https://app.example.com").unwrap()];
        assert!(check_return_url("https://app.example.com", &allowed).is_ok());
        assert!(check_return_url("https://app.example.com/any", &allowed).is_ok());
        assert!(AllowedReturn::parse("https://app.example.com/?x").is_err());
    }
}
