//! HTTP by hand, on a connection of its own for each request.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use serde_json::Value;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: String,
    /// How long the body is, as the head says; none, if it does not.
    length: Option<usize>,
}

impl Answer {
    /// Whether all of the body came, as far as its length was said.
    pub fn is_whole(&self) -> bool {
        self.length.is_none_or(|length| length == self.body.len())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Sends a request to an address such as `http://127.0.0.1:8080/healthz`.
pub fn send(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    try_to_send(method, url, headers, body).unwrap().expect("an answer")
}

/// The same to a server that may be about to end. None, if it hung up without an answer.
pub fn try_to_send(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> std::io::Result<Option<Answer>> {
    let rest = url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut head = format!("{method} /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    let mut stream = TcpStream::connect(host)?;
    stream.write_all(head.as_bytes())?;
    let mut text = Vec::new();
    stream.read_to_end(&mut text)?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|it| it.parse().ok());
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length").then(|| value.parse().ok())?
    });
    Ok(status.map(|status| Answer { status, body: body.into(), length }))
}

pub fn get(url: &str) -> Answer {
    send("GET", url, &[], "")
}

/// What a call of Stripe's API needs.
pub const STRIPE: [(&str, &str); 2] = [
    ("Authorization", "Bearer sk_test_stranger"),
    ("Content-Type", "application/x-www-form-urlencoded"),
];

/// A call of Stripe's API.
pub fn stripe(method: &str, sandbox: &str, path: &str, form: &str) -> Value {
    let answer = send(method, &format!("{sandbox}{path}"), &STRIPE, form);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// A connection that is open and says nothing, as browsers keep them, and one that broke off in
/// the middle of a request.
pub fn linger(url: &str) -> [TcpStream; 2] {
    let host = url.strip_prefix("http://").unwrap();
    let silent = TcpStream::connect(host).unwrap();
    let mut half = TcpStream::connect(host).unwrap();
    half.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n").unwrap();
    [silent, half]
}

/// A port that nobody has at this moment.
pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}
