//! Where the mail server is: `smtp://` or `smtps://`, user, password, host and port.

use std::fmt;
use std::net::IpAddr;

use percent_encoding::percent_decode_str;
use specie_vocab::Secret;

/// An address that says too little, or what cannot be. It never repeats a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadAddress(String);

impl BadAddress {
    pub(super) fn new(what: String) -> Self {
        Self(what)
    }
}

/// How what is said to the server is kept from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte on.
    Tls,
    /// `STARTTLS` before anything is told; a server that does not offer it gets nothing.
    StartTls,
    /// Not at all: on this machine, or where somebody said so.
    Plain,
}

/// A mail server.
#[derive(Clone, PartialEq, Eq)]
pub struct Server {
    /// Its name or IP address.
    pub host: String,
    /// Its port: 465 for `smtps://` and 587 for `smtp://`, if nobody says.
    pub port: u16,
    /// How it is spoken to.
    pub security: Security,
    /// User and password, if it asks for them.
    pub login: Option<(String, Secret)>,
}

/// Without the login.
impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} ({:?})", self.security)
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl Server {
    /// Reads `smtp(s)://user:password@host:port`, where user and password are percent-encoded, and
    /// `?tls=none` or `?tls=required` may follow an `smtp://`. On this machine TLS is not demanded
    /// unless that is said.
    pub fn parse(url: &str) -> Result<Self, BadAddress> {
        let wrong = |what: &str| BadAddress(what.into());
        let (scheme, rest) = url.split_once("://").unwrap_or_default();
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (login, place) = match rest.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, rest),
        };
        let place = place.strip_suffix('/').unwrap_or(place);
        let port = match scheme {
            "smtps" => 465,
            "smtp" => 587,
            _ => return Err(wrong("begins with neither `smtp://` nor `smtps://`")),
        };
        let (host, port) = host_and_port(place, port)?;
        let security = security(scheme, query, &host)?;
        let login = login.map(user_and_password).transpose()?;
        Ok(Self { host, port, security, login })
    }

    /// Whether a password would cross a network in clear text.
    pub fn exposes_login(&self) -> bool {
        self.security == Security::Plain && self.login.is_some() && !is_loopback(&self.host)
    }
}

fn host_and_port(place: &str, default: u16) -> Result<(String, u16), BadAddress> {
    let bracketed = place.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (host, port) = match bracketed {
        Some((host, "")) => (host, None),
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    let named = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let is_ip = host.parse::<IpAddr>().is_ok();
    if host.is_empty() || !(is_ip || host.chars().all(named)) {
        return Err(BadAddress("names no host after the `@`, or none that can be one".into()));
    }
    match port.map_or(Ok(default), str::parse) {
        Ok(0) | Err(_) => Err(BadAddress("has a port that is no number from 1 to 65535".into())),
        Ok(port) => Ok((host.to_owned(), port)),
    }
}

fn security(scheme: &str, query: &str, host: &str) -> Result<Security, BadAddress> {
    match (scheme, query) {
        ("smtps", "" | "tls=required") => Ok(Security::Tls),
        ("smtps", "tls=none") => {
            Err(BadAddress("says `smtps://` and `tls=none`: without TLS it is `smtp://`".into()))
        }
        (_, "tls=none") => Ok(Security::Plain),
        (_, "tls=required") => Ok(Security::StartTls),
        (_, "") if is_loopback(host) => Ok(Security::Plain),
        (_, "") => Ok(Security::StartTls),
        _ => Err(BadAddress(
            "has something after `?` that is neither `tls=none` nor `tls=required`".into(),
        )),
    }
}

fn user_and_password(login: &str) -> Result<(String, Secret), BadAddress> {
    let decoded = |text: &str| {
        let text = percent_decode_str(text).decode_utf8().ok();
        let plain = text.filter(|text| !text.is_empty() && !text.contains(char::is_control));
        plain.map(|text| text.into_owned())
    };
    let both = login
        .split_once(':')
        .and_then(|(user, password)| Some((decoded(user)?, Secret::new(decoded(password)?))));
    both.ok_or_else(|| {
        BadAddress(
            "has something before the `@` that is not `user:password`, percent-encoded".into(),
        )
    })
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, place: &str, security: Security) {
        let found = Server::parse(url).unwrap();
        assert_eq!((found.to_string().as_str(), found.security), (place, security), "{url}");
    }

    #[test]
    fn an_address_says_where_and_how() {
        check("smtps://mail.example.com", "mail.example.com:465", Security::Tls);
        check("smtps://u:p@mail.example.com:8465/", "mail.example.com:8465", Security::Tls);
        check("smtp://mail.example.com", "mail.example.com:587", Security::StartTls);
        check("smtp://mail.example.com:25?tls=none", "mail.example.com:25", Security::Plain);
        check("smtp://localhost:25", "localhost:25", Security::Plain);
        check("smtp://127.0.0.1:25", "127.0.0.1:25", Security::Plain);
        check("smtp://[::1]:25", "[::1]:25", Security::Plain);
        check("smtp://[2001:db8::1]", "[2001:db8::1]:587", Security::StartTls);
        check("smtp://localhost?tls=required", "localhost:587", Security::StartTls);
    }

    #[test]
    fn a_login_is_decoded_and_may_hold_an_at_sign() {
        let login = |url| Server::parse(url).unwrap().login.unwrap();
        let (user, password) = login("smtps://billing%40example.com:a%3Ab%2Fc@mail.example.com");
        assert_eq!((user.as_str(), password.expose()), ("billing@example.com", "a:b/c"));
        let (user, password) = login("smtps://u:p@ss:word@mail.example.com");
        assert_eq!((user.as_str(), password.expose()), ("u", "p@ss:word"));
        assert_eq!(Server::parse("smtps://mail.example.com").unwrap().login, None);
    }

    #[test]
    fn what_is_wrong_is_told_without_what_was_said() {
        for (url, said) in [
            ("mail.example.com:25", "begins with neither"),
            ("http://u:hidden@mail.example.com", "begins with neither"),
            ("smtp://", "names no host"),
            ("smtp://u:hidden@", "names no host"),
            ("smtp://u:hidden@a b", "names no host"),
            ("smtp://u:hidden@host/path", "names no host"),
            ("smtp://u:hidden@host:x", "has a port"),
            ("smtp://u:hidden@host:0", "has a port"),
            ("smtp://u:hidden@host:70000", "has a port"),
            ("smtp://hidden@host", "before the `@`"),
            ("smtp://:hidden@host", "before the `@`"),
            ("smtp://u:hidden%0d%0a@host", "before the `@`"),
            ("smtp://host?tls=maybe", "after `?`"),
            ("smtps://host?tls=none", "without TLS it is `smtp://`"),
        ] {
            let told = Server::parse(url).unwrap_err().to_string();
            assert!(told.contains(said) && !told.contains("hidden"), "{url}: {told}");
        }
    }

    #[test]
    fn a_password_in_clear_text_is_noticed() {
        for (url, exposes) in [
            ("smtp://u:p@mail.example.com?tls=none", true),
            ("smtp://mail.example.com?tls=none", false),
            ("smtp://u:p@localhost", false),
            ("smtp://u:p@mail.example.com", false),
        ] {
            assert_eq!(Server::parse(url).unwrap().exposes_login(), exposes, "{url}");
        }
    }
}
