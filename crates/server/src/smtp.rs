//! Mails on their way to a mail server: how it is reached, and what its answers mean.

mod address;
mod lines;
mod message;
mod under_way;

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use lettre::Message;
use lettre::message::Mailbox;
use lettre::transport::smtp;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use specie_store::mails::Mail;
use specie_vocab::WallTime;

pub use address::{BadAddress, Security, Server};

use lines::{Lines, leave};
use under_way::UnderWay;

/// As many mails are under way at once.
pub(crate) const SENDERS: usize = 4;
/// How long a server may take to let somebody in.
const CONNECT: Duration = Duration::from_secs(15);
/// Refusals that say something of the login, and nothing of the mail.
const LOGIN: [u16; 4] = [530, 534, 535, 538];

/// How mails leave.
#[derive(Clone, Debug, Default)]
pub enum Mailer {
    /// Not at all: they stay in the mailbox, the table `mails`.
    #[default]
    Mailbox,
    /// A mail server takes them.
    Smtp(Smtp),
}

impl Mailer {
    /// How long is waited for a mail.
    pub(crate) fn waits(&self) -> Waits {
        match self {
            Self::Mailbox => Waits::default(),
            Self::Smtp(smtp) => smtp.waits,
        }
    }

    /// The keys of the mails that this process has under way.
    pub(crate) fn under_way(&self) -> Vec<String> {
        match self {
            Self::Mailbox => Vec::new(),
            Self::Smtp(smtp) => smtp.under_way.keys(),
        }
    }
}

/// Who sends, and through which server. Connections are kept for the next mail.
#[derive(Clone)]
pub struct Smtp {
    from: Mailbox,
    lines: Arc<Lines>,
    waits: Waits,
    /// What is handed over now, or is taken and not noted yet.
    pub(crate) under_way: UnderWay,
}

/// How long is waited for a mail.
#[derive(Clone, Copy, Debug)]
pub struct Waits {
    /// Until the server waits for its text: connected, greeted, logged in and told of the addresses.
    /// Who gives up here has sent nothing.
    pub begin: Duration,
    /// From then on, until the server has taken it. Who gives up here may have sent it.
    pub take: Duration,
    /// How often it is said meanwhile that the mail is under way, so that nobody else begins it: well
    /// within the minute for which its effect is claimed.
    pub sign_of_life: Duration,
    /// How long a mail that is under way when the process is to end may still take.
    pub at_the_end: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            begin: Duration::from_secs(40),
            // As RFC 5321, 4.5.3.2.6, asks: a server that filters or passes on a mail while we wait
            // delivers it all the same, and would be sent it again and again.
            take: Duration::from_secs(600),
            sign_of_life: Duration::from_secs(20),
            // With what comes after it, less than the eight seconds after which the rest is cut off.
            at_the_end: Duration::from_secs(6),
        }
    }
}

/// Why a mail was not taken. None of them names an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// The server is away, is busy, or lets us not in: another try may help.
    #[error("{0}")]
    Later(String),
    /// The server refused this mail, or it cannot be one: no try helps.
    #[error("{0}")]
    Never(String),
}

impl Smtp {
    /// Sends as `from` (`Name <name@example.com>`, or the address alone) through `server`, whose
    /// certificate is signed by somebody whom everybody trusts, or by one of `authorities` (PEM).
    pub fn new(server: Server, from: &str, authorities: Option<&str>) -> Result<Self, BadAddress> {
        let from = sender(from)?;
        let tls = tls(&server, authorities)?;
        let hello = ClientId::Domain(from.email.domain().to_owned());
        let (lines, waits) = (Lines::new(server, hello, tls), Waits::default());
        Ok(Self { from, lines, waits, under_way: UnderWay::default() })
    }

    /// The same, waiting for longer or less long.
    #[must_use]
    pub fn waiting(self, waits: Waits) -> Self {
        Self { waits, ..self }
    }

    /// Whether mails can be sent as `from`.
    pub fn check_sender(from: &str) -> Result<(), BadAddress> {
        sender(from).map(drop)
    }

    /// The server.
    pub fn server(&self) -> &Server {
        &self.lines.server
    }

    /// Sends a mail, and returns when the server has taken it. `still` is asked just before the text:
    /// without it nothing is sent. Answers whether it was.
    pub async fn send(
        &self,
        mail: &Mail,
        now: WallTime,
        still: impl AsyncFnOnce() -> bool,
    ) -> Result<bool, NotSent> {
        let message = message::of(mail, &self.from, now).map_err(NotSent::Never)?;
        self.hand_over(&message, still).await
    }

    /// Sends a line to `recipient`, so that somebody sees that mails arrive.
    pub async fn send_greeting(&self, recipient: &str, now: WallTime) -> Result<(), NotSent> {
        let message = message::greeting(recipient, &self.from, now).map_err(NotSent::Never)?;
        self.hand_over(&message, async || true).await.map(drop)
    }

    async fn hand_over(
        &self,
        message: &Message,
        still: impl AsyncFnOnce() -> bool,
    ) -> Result<bool, NotSent> {
        let (text, Waits { begin, take, .. }) = (message.formatted(), self.waits);
        let announced = self.lines.announce(message.envelope(), &text);
        let mut line = within(begin, announced).await?;
        if !still().await {
            leave(line);
            return Ok(false);
        }
        let taken = async { line.message(&text).await.map(drop).map_err(NotSent::from) };
        let taken = within(take, taken).await;
        match taken {
            Ok(()) => self.lines.keep(line),
            Err(_) => leave(line),
        }
        taken.map(|()| true)
    }

    /// Connects, greets and logs in, and sends nothing.
    pub async fn greet(&self) -> Result<(), NotSent> {
        within(CONNECT, self.knock()).await
    }

    async fn knock(&self) -> Result<(), NotSent> {
        let mut line = self.lines.begin().await?;
        let answers = line.test_connected().await;
        leave(line);
        match answers {
            true => Ok(()),
            false => Err(NotSent::Later("the server takes no commands".into())),
        }
    }
}

/// What comes of it in time.
async fn within<T>(
    limit: Duration,
    done: impl Future<Output = Result<T, NotSent>>,
) -> Result<T, NotSent> {
    let late = || NotSent::Later(format!("no answer in {} s", limit.as_secs()));
    tokio::time::timeout(limit, done).await.unwrap_or_else(|_| Err(late()))
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Smtp").field(self.server()).finish()
    }
}

fn sender(from: &str) -> Result<Mailbox, BadAddress> {
    from.parse().map_err(|_| {
        BadAddress::new(format!(
            "is `{from}`, expected `billing@example.com` or `Name <billing@example.com>`"
        ))
    })
}

fn tls(server: &Server, authorities: Option<&str>) -> Result<Tls, BadAddress> {
    Ok(match server.security {
        Security::Plain => Tls::None,
        Security::StartTls => Tls::Required(parameters(server, authorities)?),
        Security::Tls => Tls::Wrapper(parameters(server, authorities)?),
    })
}

fn parameters(server: &Server, authorities: Option<&str>) -> Result<TlsParameters, BadAddress> {
    let mut builder = TlsParameters::builder(server.host.clone());
    let none = || BadAddress::new("holds no certificate in PEM".into());
    for pem in authorities.map(certificates).unwrap_or_default() {
        let whole = pem.contains("-----BEGIN CERTIFICATE-----");
        let read = Some(pem.as_bytes()).filter(|_| whole).map(Certificate::from_pem);
        builder = builder.add_root_certificate(read.and_then(Result::ok).ok_or_else(none)?);
    }
    builder.build().map_err(|error| BadAddress::new(cause(&error)))
}

/// The certificates of a file that may hold several.
fn certificates(text: &str) -> Vec<&str> {
    const END: &str = "-----END CERTIFICATE-----";
    let parts: Vec<&str> = text.split_inclusive(END).filter(|it| it.contains(END)).collect();
    if parts.is_empty() { vec![text] } else { parts }
}

impl From<smtp::Error> for NotSent {
    fn from(error: smtp::Error) -> Self {
        let Some(code) = error.status().map(u16::from) else { return Self::Later(cause(&error)) };
        // The text beside the code often repeats the recipient's address.
        let said = format!("the mail server answered {code}");
        if error.is_permanent() && !LOGIN.contains(&code) {
            Self::Never(said)
        } else {
            Self::Later(said)
        }
    }
}

/// The innermost cause: "connection refused" says more than "network error".
fn cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_the_password_nor_the_user_prints() {
        let server = Server::parse("smtps://hidden:secret@mail.example.com").unwrap();
        let smtp = Smtp::new(server, "SaaSKit <billing@example.com>", None).unwrap();
        let printed = format!("{:?}", Mailer::Smtp(smtp));
        assert!(printed.contains("mail.example.com"), "{printed}");
        assert!(!printed.contains("hidden") && !printed.contains("secret"), "{printed}");
    }

    #[test]
    fn who_sends_has_an_address_and_authorities_are_certificates() {
        let server = || Server::parse("smtps://mail.example.com").unwrap();
        for from in ["", "billing", "SaaSKit <billing>", "a@b\r\nBcc: c@d"] {
            assert!(Smtp::new(server(), from, None).is_err(), "{from}");
        }
        assert!(Smtp::new(server(), "billing@example.com", Some("rubbish")).is_err());
    }
}
