//! A mail server of a test's own: it keeps what comes, and takes a mail when the test lets it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use specie_server::Smtp;
use specie_server::smtp::Server;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

/// How long a mail is waited for that must come.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Post {
    port: u16,
    desk: Arc<Desk>,
}

/// What all connections share.
struct Desk {
    /// The texts of all mails, each from when its last line has come.
    seen: watch::Sender<Vec<String>>,
    /// How many last lines may be answered.
    allowed: Semaphore,
    /// With what.
    answer: &'static str,
    /// How many connections there were.
    connections: AtomicUsize,
    /// Told when they are to end.
    hung_up: watch::Sender<()>,
}

impl Post {
    /// Listens. The last line of a mail will be answered with `answer`.
    pub async fn open(answer: &'static str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let desk = Arc::new(Desk {
            seen: watch::Sender::default(),
            allowed: Semaphore::new(0),
            answer,
            connections: AtomicUsize::new(0),
            hung_up: watch::Sender::default(),
        });
        let shared = desk.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(attend(stream, shared.clone(), shared.hung_up.subscribe()));
            }
        });
        Self { port, desk }
    }

    /// What sends to it.
    pub fn smtp(&self) -> Smtp {
        smtp_to(self.port)
    }

    /// Lets it answer the last lines of so many mails more.
    pub fn answer(&self, mails: usize) {
        self.desk.allowed.add_permits(mails);
    }

    /// Ends all connections.
    pub fn hang_up(&self) {
        self.desk.hung_up.send_replace(());
    }

    /// How many connections there were.
    pub fn connections(&self) -> usize {
        self.desk.connections.load(Ordering::SeqCst)
    }

    /// Returns when so many mails have come, answered or not.
    pub async fn has(&self, mails: usize) {
        let mut seen = self.desk.seen.subscribe();
        let come = seen.wait_for(|seen| seen.len() >= mails);
        tokio::time::timeout(PATIENCE, come).await.expect("it comes in time").unwrap();
    }

    /// The `Message-ID`s of all mails that have come, in their order.
    pub fn ids(&self) -> Vec<String> {
        let id = |text: &String| {
            let line = text.lines().find(|line| line.starts_with("Message-ID: "));
            line.unwrap_or_default().to_owned()
        };
        self.desk.seen.borrow().iter().map(id).collect()
    }
}

/// What sends to a port of this machine.
pub fn smtp_to(port: u16) -> Smtp {
    let server = Server::parse(&format!("smtp://127.0.0.1:{port}")).unwrap();
    Smtp::new(server, "SaaSKit <billing@example.com>", None).unwrap()
}

/// Serves a connection until one of both sides ends it.
async fn attend(
    stream: TcpStream,
    desk: Arc<Desk>,
    mut hung_up: watch::Receiver<()>,
) -> io::Result<()> {
    tokio::select! {
        // A command that came meanwhile is not answered.
        biased;
        _ = hung_up.changed() => Ok(()),
        ended = speak(stream, &desk) => ended,
    }
}

async fn speak(stream: TcpStream, desk: &Desk) -> io::Result<()> {
    let mut lines = BufReader::new(stream);
    lines.get_mut().write_all(b"220 post\r\n").await?;
    let mut line = String::new();
    while lines.read_line(&mut line).await? > 0 {
        let said = match line.trim_end() {
            "DATA" => {
                lines.get_mut().write_all(b"354 go on\r\n").await?;
                take(&mut lines, desk).await?
            }
            "QUIT" => "221 bye",
            _ => "250 fine",
        };
        lines.get_mut().write_all(format!("{said}\r\n").as_bytes()).await?;
        line.clear();
    }
    Ok(())
}

/// Reads a mail to its last line, and answers with what is said to it.
async fn take(lines: &mut BufReader<TcpStream>, desk: &Desk) -> io::Result<&'static str> {
    let mut text = String::new();
    while !text.ends_with("\r\n.\r\n") {
        if lines.read_line(&mut text).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    desk.seen.send_modify(|seen| seen.push(text));
    desk.allowed.acquire().await.unwrap().forget();
    Ok(desk.answer)
}
