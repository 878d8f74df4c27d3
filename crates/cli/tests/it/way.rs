//! Servers on this machine that do what a test says: a way to the sandbox on which answers are
//! changed, and a mail server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

/// What a way does with a request line, such as `GET /v1/account HTTP/1.1`.
pub enum Carried {
    /// It is passed on.
    On,
    /// It is passed on, and the answer bears this date.
    Dated(&'static str),
    /// It is answered with this status and Stripe's form of an error.
    Refused(u16),
}

/// A way to the sandbox at `to`: the address to ask at.
pub fn way(to: &str, carry: impl Fn(&str) -> Carried + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let to = to.strip_prefix("http://").unwrap().to_owned();
    let carry = Arc::new(carry);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (to, carry) = (to.clone(), carry.clone());
            std::thread::spawn(move || pass(stream.unwrap(), &to, &*carry));
        }
    });
    url
}

fn pass(mut stream: TcpStream, to: &str, carry: &dyn Fn(&str) -> Carried) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut first = String::new();
    if reader.read_line(&mut first).unwrap_or(0) == 0 {
        return;
    }
    let (mut head, mut length) = (format!("{first}Host: {to}\r\nConnection: close\r\n"), 0);
    for line in reader.by_ref().lines() {
        let line = line.unwrap();
        let (name, value) = line.split_once(": ").unwrap_or_default();
        match name.to_lowercase().as_str() {
            "" => break,
            "host" | "connection" => continue,
            "content-length" => length = value.parse().unwrap(),
            _ => {}
        }
        // The sandbox knows no restricted keys.
        head.push_str(&format!("{}\r\n", line.replace("Bearer rk_test_", "Bearer sk_test_")));
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let carried = carry(first.trim());
    let answer = match carried {
        Carried::Refused(status) => {
            let body = r#"{"error": {"type": "invalid_request_error", "message": "no"}}"#;
            format!("HTTP/1.1 {status} No\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        }
        Carried::On | Carried::Dated(_) => {
            let mut there = TcpStream::connect(to).unwrap();
            there.write_all(format!("{head}\r\n").as_bytes()).unwrap();
            there.write_all(&body).unwrap();
            let mut answer = Vec::new();
            there.read_to_end(&mut answer).unwrap();
            String::from_utf8(answer).unwrap()
        }
    };
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<String> = head.lines().map(String::from).collect();
    lines.retain(|line| !line.to_lowercase().starts_with("connection:"));
    if let Carried::Dated(date) = carried {
        lines.retain(|line| !line.to_lowercase().starts_with("date:"));
        lines.push(format!("date: {date}"));
    }
    lines.push("connection: close".into());
    let _ = stream.write_all(format!("{}\r\n\r\n{body}", lines.join("\r\n")).as_bytes());
}

/// A mail server that answers each mail with this line: its port.
pub fn mail_server(answer: &'static str) -> u16 {
    listen(answer, Arc::new(|_| {}))
}

/// A mail server that takes each mail, and tells of it as it comes: its port.
pub fn post_office(hear: impl Fn(Heard<'_>) + Send + Sync + 'static) -> u16 {
    listen("250 taken", Arc::new(hear))
}

/// What a mail server tells of a mail.
pub enum Heard<'a> {
    /// It begins.
    Begun,
    /// All its lines are there. It is answered after that.
    Lines(&'a [String]),
    /// It was answered, or whoever sent it is gone.
    Over,
}

/// Who hears of mails.
type Hear = Arc<dyn Fn(Heard<'_>) + Send + Sync>;

fn listen(answer: &'static str, hear: Hear) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let hear = hear.clone();
            std::thread::spawn(move || take(stream.unwrap(), answer, &hear));
        }
    });
    port
}

fn take(mut stream: TcpStream, answer: &str, hear: &Hear) {
    let reader = BufReader::new(stream.try_clone().unwrap());
    let mut say = |line: &str| stream.write_all(format!("{line}\r\n").as_bytes()).is_ok();
    say("220 ready");
    let (mut is_begun, mut in_mail, mut mail) = (false, false, Vec::new());
    for line in reader.lines().map_while(Result::ok) {
        let word = line.split(' ').next().unwrap_or_default().to_uppercase();
        let goes_on = match (in_mail, word.as_str()) {
            (true, ".") => {
                in_mail = false;
                hear(Heard::Lines(&std::mem::take(&mut mail)));
                let goes_on = say(answer);
                if std::mem::take(&mut is_begun) {
                    hear(Heard::Over);
                }
                goes_on
            }
            (true, _) => {
                mail.push(line);
                true
            }
            (false, "MAIL") => {
                if !std::mem::replace(&mut is_begun, true) {
                    hear(Heard::Begun);
                }
                say("250 fine")
            }
            (false, "DATA") => {
                in_mail = true;
                say("354 go on")
            }
            (false, "EHLO") => say("250-here\r\n250 AUTH PLAIN"),
            (false, "AUTH") => say("235 welcome"),
            (false, "QUIT") => {
                say("221 bye");
                false
            }
            _ => say("250 fine"),
        };
        if !goes_on {
            break;
        }
    }
    if is_begun {
        hear(Heard::Over);
    }
}
