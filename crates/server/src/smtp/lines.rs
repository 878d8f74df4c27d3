//! Connections to a mail server: how one begins, what is said on it before a mail, and how it is kept
//! for the next one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lettre::Address;
use lettre::address::Envelope;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Tls};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{
    ClientId, Extension, MailBodyParameter, MailParameter, ServerInfo,
};

use super::{CONNECT, NotSent, Server};

/// How long a connection may rest before it is closed.
const REST: Duration = Duration::from_secs(30);

/// The way to a server, and the connections to it that rest: no more than mails were under way at
/// once.
pub(super) struct Lines {
    pub(super) server: Server,
    hello: ClientId,
    tls: Tls,
    resting: Mutex<Resting>,
}

#[derive(Default)]
struct Resting {
    lines: Vec<(u64, AsyncSmtpConnection)>,
    /// The number of the last one.
    last: u64,
}

impl Lines {
    /// To `server`, which hears that `hello` speaks.
    pub(super) fn new(server: Server, hello: ClientId, tls: Tls) -> Arc<Self> {
        Arc::new(Self { server, hello, tls, resting: Mutex::default() })
    }

    /// Connects, greets, encrypts and logs in.
    pub(super) async fn begin(&self) -> Result<AsyncSmtpConnection, Error> {
        let place = (self.server.host.as_str(), self.server.port);
        let wrapper = match &self.tls {
            Tls::Wrapper(tls) => Some(tls.clone()),
            _ => None,
        };
        let hello = &self.hello;
        let mut line =
            AsyncSmtpConnection::connect_tokio1(place, Some(CONNECT), hello, wrapper, None).await?;
        if let Tls::Required(tls) = &self.tls {
            line.starttls(tls.clone(), hello).await?;
        }
        if let Some((user, password)) = &self.server.login {
            let login = Credentials::new(user.clone(), password.expose().to_owned());
            line.auth(DEFAULT_MECHANISMS, &login).await?;
        }
        Ok(line)
    }

    /// A connection on which the server waits for the text of this mail.
    pub(super) async fn announce(
        &self,
        envelope: &Envelope,
        text: &[u8],
    ) -> Result<AsyncSmtpConnection, NotSent> {
        // Whatever a server says before it hears of a mail is not about that mail.
        let mut line = self.take().await.map_err(|error| match NotSent::from(error) {
            NotSent::Never(why) | NotSent::Later(why) => NotSent::Later(why),
        })?;
        match say(&mut line, envelope, text).await {
            Ok(()) => Ok(line),
            Err(why) => {
                leave(line);
                Err(why)
            }
        }
    }

    /// A connection that rested and still stands, or a new one.
    async fn take(&self) -> Result<AsyncSmtpConnection, Error> {
        while let Some(mut line) = self.pop() {
            let stands = tokio::time::timeout(CONNECT, line.test_connected()).await;
            if matches!(stands, Ok(true)) {
                return Ok(line);
            }
        }
        self.begin().await
    }

    /// Keeps a connection for the next mail, for a while.
    pub(super) fn keep(self: &Arc<Self>, line: AsyncSmtpConnection) {
        let n = self.push(line);
        let lines = Arc::downgrade(self);
        tokio::spawn(async move {
            tokio::time::sleep(REST).await;
            let line = lines.upgrade().and_then(|lines| lines.remove(n));
            if let Some(line) = line {
                close(line).await;
            }
        });
    }

    fn resting(&self) -> MutexGuard<'_, Resting> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, line: AsyncSmtpConnection) -> u64 {
        let mut resting = self.resting();
        resting.last += 1;
        let n = resting.last;
        resting.lines.push((n, line));
        n
    }

    fn pop(&self) -> Option<AsyncSmtpConnection> {
        self.resting().lines.pop().map(|(_, line)| line)
    }

    fn remove(&self, n: u64) -> Option<AsyncSmtpConnection> {
        let mut resting = self.resting();
        let at = resting.lines.iter().position(|(kept, _)| *kept == n)?;
        Some(resting.lines.remove(at).1)
    }
}

/// Says from whom and to whom a mail goes, until the server waits for its text.
async fn say(
    line: &mut AsyncSmtpConnection,
    envelope: &Envelope,
    text: &[u8],
) -> Result<(), NotSent> {
    let parameters = parameters(line.server_info(), envelope, text)?;
    line.command(Mail::new(envelope.from().cloned(), parameters)).await?;
    for recipient in envelope.to() {
        line.command(Rcpt::new(recipient.clone(), Vec::new())).await?;
    }
    line.command(Data).await?;
    Ok(())
}

/// What a server is told of a mail with more than ASCII in it, if it takes such mails.
fn parameters(
    server: &ServerInfo,
    envelope: &Envelope,
    text: &[u8],
) -> Result<Vec<MailParameter>, NotSent> {
    let is_ascii = |address: &Address| AsRef::<str>::as_ref(address).is_ascii();
    let addresses = envelope.from().into_iter().chain(envelope.to()).all(is_ascii);
    let utf8 = MailParameter::SmtpUtfEight;
    let eight = MailParameter::Body(MailBodyParameter::EightBitMime);
    let mut told = Vec::new();
    for (is_ascii, extension, parameter) in [
        (addresses, Extension::SmtpUtfEight, utf8),
        (text.is_ascii(), Extension::EightBitMime, eight),
    ] {
        if is_ascii {
            continue;
        }
        if !server.supports_feature(extension) {
            return Err(NotSent::Later(format!("the mail server has no {extension}")));
        }
        told.push(parameter);
    }
    Ok(told)
}

/// Takes leave of the server, while nobody waits for it.
pub(super) fn leave(line: AsyncSmtpConnection) {
    tokio::spawn(close(line));
}

async fn close(mut line: AsyncSmtpConnection) {
    // A server that does not answer is left all the same.
    let _late = tokio::time::timeout(CONNECT, line.abort()).await;
}
