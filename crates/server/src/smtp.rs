//! Mails on their way to a mail server: how it is reached, and what its answers mean.

mod address;
mod message;

use std::error::Error;
use std::fmt;
use std::time::Duration;

use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::{self, PoolConfig};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use specie_store::mails::Mail;
use specie_vocab::WallTime;

pub use address::{BadAddress, Security, Server};

/// How many connections are kept at most: as many mails are under way at once.
pub(crate) const SENDERS: usize = 4;
/// How long one mail may take. Its effect is claimed for a minute, so nobody else begins it
/// meanwhile.
const PATIENCE: Duration = Duration::from_secs(40);
/// How long a server may take to let somebody in.
const CONNECT: Duration = Duration::from_secs(15);
/// How long a connection may rest before it is closed.
const REST: Duration = Duration::from_secs(30);
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

/// Who sends, and through which server. Connections are kept for the next mail.
#[derive(Clone)]
pub struct Smtp {
    server: Server,
    from: Mailbox,
    transport: AsyncSmtpTransport<Tokio1Executor>,
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
        let transport = transport(&server, &from, authorities)?;
        Ok(Self { server, from, transport })
    }

    /// Whether mails can be sent as `from`.
    pub fn check_sender(from: &str) -> Result<(), BadAddress> {
        sender(from).map(drop)
    }

    /// The server.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Sends a mail, and returns when the server has taken it.
    pub async fn send(&self, mail: &Mail, now: WallTime) -> Result<(), NotSent> {
        let message = message::of(mail, &self.from, now).map_err(NotSent::Never)?;
        self.hand_over(message).await
    }

    /// Sends a line to `recipient`, so that somebody sees that mails arrive.
    pub async fn send_greeting(&self, recipient: &str, now: WallTime) -> Result<(), NotSent> {
        let message = message::greeting(recipient, &self.from, now).map_err(NotSent::Never)?;
        self.hand_over(message).await
    }

    async fn hand_over(&self, message: Message) -> Result<(), NotSent> {
        match tokio::time::timeout(PATIENCE, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(not_sent(&error)),
            Err(_) => Err(NotSent::Later(format!("no answer in {} s", PATIENCE.as_secs()))),
        }
    }

    /// Connects, greets and logs in, and sends nothing.
    pub async fn greet(&self) -> Result<(), NotSent> {
        let late = || NotSent::Later(format!("no answer in {} s", CONNECT.as_secs()));
        match tokio::time::timeout(CONNECT, self.transport.test_connection()).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(NotSent::Later("the server takes no commands".into())),
            Ok(Err(error)) => Err(not_sent(&error)),
            Err(_) => Err(late()),
        }
    }
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Smtp").field(&self.server).finish()
    }
}

fn sender(from: &str) -> Result<Mailbox, BadAddress> {
    from.parse().map_err(|_| {
        BadAddress::new(format!(
            "is `{from}`, expected `billing@example.com` or `Name <billing@example.com>`"
        ))
    })
}

fn transport(
    server: &Server,
    from: &Mailbox,
    authorities: Option<&str>,
) -> Result<AsyncSmtpTransport<Tokio1Executor>, BadAddress> {
    let tls = match server.security {
        Security::Plain => Tls::None,
        Security::StartTls => Tls::Required(parameters(server, authorities)?),
        Security::Tls => Tls::Wrapper(parameters(server, authorities)?),
    };
    let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(server.host.as_str())
        .port(server.port)
        .tls(tls)
        .timeout(Some(CONNECT))
        .hello_name(ClientId::Domain(from.email.domain().to_owned()))
        .pool_config(PoolConfig::new().max_size(SENDERS as u32).idle_timeout(REST));
    Ok(match &server.login {
        Some((user, password)) => {
            let login = Credentials::new(user.clone(), password.expose().to_owned());
            builder.credentials(login).build()
        }
        None => builder.build(),
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

fn not_sent(error: &smtp::Error) -> NotSent {
    let Some(code) = error.status().map(u16::from) else { return NotSent::Later(cause(error)) };
    // The text beside the code often repeats the recipient's address.
    let said = format!("the mail server answered {code}");
    if error.is_permanent() && !LOGIN.contains(&code) {
        NotSent::Never(said)
    } else {
        NotSent::Later(said)
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

    // The connections that are kept need a runtime.
    #[tokio::test]
    async fn neither_the_password_nor_the_user_prints() {
        let server = Server::parse("smtps://hidden:secret@mail.example.com").unwrap();
        let smtp = Smtp::new(server, "SaaSKit <billing@example.com>", None).unwrap();
        let printed = format!("{:?}", Mailer::Smtp(smtp));
        assert!(printed.contains("mail.example.com"), "{printed}");
        assert!(!printed.contains("hidden") && !printed.contains("secret"), "{printed}");
    }

    #[tokio::test]
    async fn who_sends_has_an_address_and_authorities_are_certificates() {
        let server = || Server::parse("smtps://mail.example.com").unwrap();
        for from in ["", "billing", "SaaSKit <billing>", "a@b\r\nBcc: c@d"] {
            assert!(Smtp::new(server(), from, None).is_err(), "{from}");
        }
        assert!(Smtp::new(server(), "billing@example.com", Some("rubbish")).is_err());
    }
}
