//! A mail server of a test's own: it keeps what comes, and takes a mail when the test lets it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use specie_server::smtp::Server;
use specie_server::{Mailer, Smtp};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

/// How long a mail is waited for that must come.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Post {
    port: u16,
    seen: watch::Receiver<Vec<String>>,
    allowed: Arc<Semaphore>,
}

/// What all connections share.
struct Desk {
    /// The texts of all mails, each from when its last line has come.
    seen: watch::Sender<Vec<String>>,
    /// How many last lines may be answered.
    allowed: Arc<Semaphore>,
    /// With what.
    answer: &'static str,
}

impl Post {
    /// Listens. The last line of a mail will be answered with `answer`.
    pub async fn open(answer: &'static str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, seen) = watch::channel(Vec::new());
        let allowed = Arc::new(Semaphore::new(0));
        let desk = Arc::new(Desk { seen: sender, allowed: allowed.clone(), answer });
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(attend(stream, desk.clone()));
            }
        });
        Self { port, seen, allowed }
    }

    /// What sends to it.
    pub fn mailer(&self) -> Mailer {
        Mailer::Smtp(self.smtp())
    }

    pub fn smtp(&self) -> Smtp {
        let server = Server::parse(&format!("smtp://127.0.0.1:{}", self.port)).unwrap();
        Smtp::new(server, "SaaSKit <billing@example.com>", None).unwrap()
    }

    /// Lets it answer the last lines of so many mails more.
    pub fn answer(&self, mails: usize) {
        self.allowed.add_permits(mails);
    }

    /// Returns when so many mails have come, answered or not.
    pub async fn has(&self, mails: usize) {
        let mut seen = self.seen.clone();
        let come = seen.wait_for(|seen| seen.len() >= mails);
        tokio::time::timeout(PATIENCE, come).await.expect("it comes in time").unwrap();
    }

    /// The `Message-ID`s of all mails that have come, in their order.
    pub fn ids(&self) -> Vec<String> {
        let id = |text: &String| {
            let line = text.lines().find(|line| line.starts_with("Message-ID: "));
            line.unwrap_or_default().to_owned()
        };
        self.seen.borrow().iter().map(id).collect()
    }
}

/// Serves a connection until it ends.
async fn attend(stream: TcpStream, desk: Arc<Desk>) -> io::Result<()> {
    let mut lines = BufReader::new(stream);
    lines.get_mut().write_all(b"220 post\r\n").await?;
    let mut line = String::new();
    while lines.read_line(&mut line).await? > 0 {
        let said = match line.trim_end() {
            "DATA" => {
                lines.get_mut().write_all(b"354 go on\r\n").await?;
                take(&mut lines, &desk).await?
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
