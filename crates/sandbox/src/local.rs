//! Who may drive the sandbox: programs on this machine, and its own pages. Not a web page from
//! elsewhere, and not one that a name server has sent here (DNS rebinding).

use std::net::IpAddr;

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, Uri};

/// A request that comes from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Foreign {
    Host,
    Origin,
}

/// Checks that `Host` names this machine or where the pages stand, and that a web page that sends
/// the request, if one does, comes from this machine.
pub(crate) fn check(headers: &HeaderMap, uri: &Uri, base_url: &str) -> Result<(), Foreign> {
    if let Some(host) = host(headers, uri)
        && !is_local(bare(&host), base_url)
    {
        return Err(Foreign::Host);
    }
    match origin(headers) {
        None => Ok(()),
        Some(Some(authority)) if is_local(bare(&authority), base_url) => Ok(()),
        Some(_) => Err(Foreign::Origin),
    }
}

/// Checks, beyond [`check`], that the request comes from a page of ours: a browser names the page
/// a form was sent from.
pub(crate) fn check_own_page(headers: &HeaderMap, uri: &Uri) -> Result<(), Foreign> {
    match (origin(headers), host(headers, uri)) {
        (None, _) => Ok(()),
        (Some(Some(origin)), Some(host)) if origin == host => Ok(()),
        _ => Err(Foreign::Origin),
    }
}

/// Whether the request names this machine itself as its host, and as where its page comes from if
/// a page sends it.
pub(crate) fn is_loopback(headers: &HeaderMap, uri: &Uri) -> bool {
    let here = |authority: &str| is_local(bare(authority), "");
    let from = match origin(headers) {
        None => true,
        Some(authority) => authority.is_some_and(|authority| here(&authority)),
    };
    from && host(headers, uri).is_some_and(|host| here(&host))
}

fn host(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let header = headers.get(HOST).map(|host| String::from_utf8_lossy(host.as_bytes()));
    let host = header.as_deref().or_else(|| uri.authority().map(|a| a.as_str()));
    host.map(str::to_ascii_lowercase)
}

/// The authority of the page that sends the request: `Some(None)` if it is a page without one.
fn origin(headers: &HeaderMap) -> Option<Option<String>> {
    let origin = headers.get(ORIGIN)?;
    let text = origin.to_str().ok().map(str::to_ascii_lowercase);
    let rest =
        text.as_deref().and_then(|o| o.strip_prefix("http://").or(o.strip_prefix("https://")));
    Some(rest.map(str::to_owned))
}

/// A host without its port.
fn bare(authority: &str) -> &str {
    match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => authority.split(':').next().unwrap_or(authority),
    }
}

fn is_local(host: &str, base_url: &str) -> bool {
    let own = base_url.parse::<Uri>().ok();
    let own = own.as_ref().and_then(Uri::host);
    host == "localhost"
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
        || own.is_some_and(|own| own.trim_matches(['[', ']']).eq_ignore_ascii_case(host))
}
