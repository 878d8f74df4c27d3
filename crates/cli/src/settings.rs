//! What the environment must say for the service, each wrong or missing setting in one sentence,
//! and all of them at once.

use std::net::IpAddr;

use axum::http::Uri;
use specie_server::anchor::AuditKey;
use specie_server::smtp::Server;
use specie_server::{Mailer, Smtp};
use specie_vocab::Secret;

use crate::config::Environment;
use crate::fail::Fail;

/// Where the database is, if `DATABASE_URL` does not say.
const DATABASE: &str = "specie.db";
/// Stripe itself.
const STRIPE: &str = "https://api.stripe.com";
/// HS256 asks for a secret as long as its digest.
const JWT_SECRET_BYTES: usize = 32;

/// How Stripe is reached.
pub struct Stripe {
    /// `https://api.stripe.com`, or a sandbox.
    pub base: String,
    /// Whether it is a sandbox: anything but Stripe itself.
    pub is_other: bool,
    /// The secret key.
    pub key: Secret,
    /// Whether it moves real money.
    pub live: bool,
}

/// What a command could not read, gathered to be told at once.
#[derive(Default)]
pub struct Faults(Vec<String>);

impl Faults {
    /// The value, or a fault noted.
    pub fn keep<T>(&mut self, found: Result<T, Fail>) -> Option<T> {
        match found {
            Ok(value) => Some(value),
            Err(Fail::Input(what) | Fail::Failed(what)) => {
                self.0.push(what);
                None
            }
            Err(Fail::Found | Fail::Unheard) => None,
        }
    }

    /// A fault that is not about one value.
    pub fn add(&mut self, what: String) {
        self.0.push(what);
    }

    /// All of them as one failure.
    pub fn into_fail(self) -> Fail {
        let hint = "hint: settings come from the environment, from a file that `NAME_FILE` names, or \
                    from `.env`; `specie init` writes a `.env.example` that says what each is";
        Fail::Input(match self.0.as_slice() {
            [one] => format!("{one}\n\n{hint}"),
            all => {
                let list: String = all.iter().map(|what| format!("\n  - {what}")).collect();
                format!("{} settings are missing or wrong{list}\n\n{hint}", all.len())
            }
        })
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The database's address or file.
pub fn database_url(environment: &Environment) -> Result<String, Fail> {
    let Some(url) = environment.get("DATABASE_URL")? else { return Ok(DATABASE.into()) };
    match url.split_once("://") {
        Some(("postgres" | "postgresql", rest)) => known_parameters(rest).map(|()| url),
        Some(("sqlite", _)) | None => file_name(url),
        // The rest of it may hold a password.
        Some((scheme, _)) => Err(Fail::Input(format!(
            "`DATABASE_URL` begins with `{scheme}://`, expected `postgres://…` or the name of a SQLite file"
        ))),
    }
}

/// What the address of a Postgres may say behind its `?`.
const PARAMETERS: [&str; 18] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

/// Names a parameter that nobody reads, since it may be a misspelled one. Its value may be a password.
fn known_parameters(rest: &str) -> Result<(), Fail> {
    let query = rest.split_once('?').map_or("", |(_, query)| query);
    let query = query.split('#').next().unwrap_or_default();
    let keys = query.split('&').map(|pair| pair.split('=').next().unwrap_or_default());
    let is_known =
        |key: &str| key.is_empty() || PARAMETERS.contains(&key) || key.starts_with("options");
    for key in keys.filter(|key| !is_known(key)) {
        // A password with a `?` in it was not percent-encoded.
        if query.contains('@') {
            return Err(Fail::Input(
                "`DATABASE_URL` has a `?` before its `@`; in user and password, such characters \
                 are percent-encoded"
                    .into(),
            ));
        }
        eprintln!("warning: `DATABASE_URL` has a parameter `{key}`, which nothing here reads");
    }
    Ok(())
}

/// Refuses what SQLite would read as more than a file's name, or what is kept nowhere.
fn file_name(url: String) -> Result<String, Fail> {
    if url.contains('?') || url.contains(":memory:") {
        return Err(Fail::Input(
            "`DATABASE_URL` is to name a SQLite file alone, such as `specie.db` or \
             `sqlite:///var/lib/specie.db`: no parameters behind a `?`, and no `:memory:`"
                .into(),
        ));
    }
    Ok(url)
}

/// Where browsers and Stripe reach the service, without a slash at the end.
pub fn public_url(environment: &Environment) -> Result<String, Fail> {
    let url = environment.needed(
        "PUBLIC_URL",
        "the address at which browsers and Stripe reach this service, such as https://billing.example.com",
    )?;
    checked_public_url(&url)
}

/// The same of a value that was found.
pub fn checked_public_url(url: &str) -> Result<String, Fail> {
    let wrong = |what: &str| {
        Err(Fail::Input(format!(
            "`PUBLIC_URL` {what}: expected an address such as https://billing.example.com/pay"
        )))
    };
    if url.contains('@') {
        return wrong("names a user, which no address of a service does");
    }
    let parsed = url.parse::<Uri>().ok();
    let parts = parsed.as_ref().and_then(|it| Some((it.scheme_str()?, it.host()?)));
    match parts {
        Some(("https" | "http", host)) if !host.is_empty() && !url.contains(['?', '#']) => {
            Ok(url.trim_end_matches('/').to_owned())
        }
        _ => wrong(&format!("is `{url}`")),
    }
}

/// Stripe by the key in the environment.
pub fn stripe(environment: &Environment) -> Result<Stripe, Fail> {
    let (key, live) = stripe_key(environment)?;
    let base = environment.get("STRIPE_API_BASE")?;
    let is_other = base.as_deref().is_some_and(|base| base.trim_end_matches('/') != STRIPE);
    let base = base.unwrap_or_else(|| STRIPE.into());
    let base = base.trim_end_matches('/').to_owned();
    if base.contains('@') {
        return Err(Fail::Input(
            "`STRIPE_API_BASE` names a user, which no address of Stripe's does; what is before the \
             `@` may be a password, and is not repeated here"
                .into(),
        ));
    }
    if !is_private(&base) {
        return Err(Fail::Input(format!(
            "`STRIPE_API_BASE` is `{base}`, expected an https:// address, or http:// on this machine, \
             such as http://127.0.0.1:12111 of `specie sandbox`; leave it out for Stripe itself"
        )));
    }
    if live && !base.starts_with("https://") {
        return Err(Fail::Input(format!(
            "`STRIPE_SECRET_KEY` is a live key and would travel in clear text to \
             `STRIPE_API_BASE` `{base}`; leave that out for Stripe itself, or use a test key"
        )));
    }
    Ok(Stripe { base, is_other, key, live })
}

/// Whether a key that travels there is read by nobody on the way.
fn is_private(base: &str) -> bool {
    let Ok(uri) = base.parse::<Uri>() else { return false };
    let Some(host) = uri.host().filter(|host| !host.is_empty()) else { return false };
    let bare = host.trim_matches(['[', ']']);
    let local = bare == "localhost"
        || bare.ends_with(".localhost")
        || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    match uri.scheme_str() {
        Some("https") => true,
        Some("http") => local,
        _ => false,
    }
}

/// Whether a key moves real money.
pub fn is_live(key: &str) -> bool {
    key.starts_with("sk_live_") || key.starts_with("rk_live_")
}

fn stripe_key(environment: &Environment) -> Result<(Secret, bool), Fail> {
    let key = environment.needed(
        "STRIPE_SECRET_KEY",
        "Stripe's secret key (sk_test_… or rk_test_…, later sk_live_… or rk_live_…), from its dashboard under Developers, API keys",
    )?;
    let wrong = |what: &str| Err(Fail::Input(format!("`STRIPE_SECRET_KEY` {what}")));
    if key.starts_with("pk_") {
        return wrong(
            "is a publishable key (pk_…), expected the secret one beside it (sk_… or rk_…)",
        );
    }
    let kinds = ["sk_test_", "rk_test_", "sk_live_", "rk_live_"];
    match kinds.iter().find_map(|kind| key.strip_prefix(kind)) {
        Some(rest) if !rest.is_empty() && key.bytes().all(|b| b.is_ascii_graphic()) => {
            let live = is_live(&key);
            Ok((Secret::new(key), live))
        }
        _ => wrong("is no secret key: it begins with sk_test_, rk_test_, sk_live_ or rk_live_"),
    }
}

/// What checks that events come from Stripe.
pub fn webhook_secrets(environment: &Environment) -> Result<Vec<Secret>, Fail> {
    let text = environment.needed(
        "STRIPE_WEBHOOK_SECRET",
        "what Stripe signs its webhooks with (whsec_…); `specie catalog apply --secret-file FILE` makes the endpoint and writes it",
    )?;
    let all: Vec<&str> = text.split(',').map(str::trim).filter(|it| !it.is_empty()).collect();
    let fine = |it: &str| it.strip_prefix("whsec_").is_some_and(|rest| !rest.is_empty());
    if all.is_empty() || !all.iter().all(|it| fine(it)) {
        return Err(Fail::Input(
            "`STRIPE_WEBHOOK_SECRET` is no webhook secret: it begins with whsec_; two, while one replaces the other, stand with a comma between".into(),
        ));
    }
    Ok(all.into_iter().map(Secret::new).collect())
}

/// What signs the roots of the audit trail, if anything does.
pub fn audit_key(environment: &Environment) -> Result<Option<AuditKey>, Fail> {
    let Some(text) = environment.secret("SPECIE_AUDIT_KEY")? else { return Ok(None) };
    AuditKey::parse(text.expose()).map(Some).ok_or_else(|| {
        Fail::Input(
            "`SPECIE_AUDIT_KEY` is no key: expected 32 bytes in hex or base64; `openssl rand -hex 32` makes one".into(),
        )
    })
}

/// What the app signs its users' tokens with, if it does.
pub fn jwt_secret(environment: &Environment) -> Result<Option<Secret>, Fail> {
    let Some(secret) = environment.secret("JWT_SECRET")? else { return Ok(None) };
    let length = secret.expose().len();
    if length < JWT_SECRET_BYTES {
        return Err(Fail::Input(format!(
            "`JWT_SECRET` has {length} bytes, expected at least {JWT_SECRET_BYTES}: `openssl rand -hex 32` makes one"
        )));
    }
    Ok(Some(secret))
}

/// How mails leave: by `SMTP_URL`, or not at all.
pub fn mailer(environment: &Environment) -> Result<Mailer, Fail> {
    let Some(url) = environment.get("SMTP_URL")? else { return Ok(Mailer::Mailbox) };
    let server = Server::parse(&url).map_err(|error| {
        Fail::Input(format!(
            "`SMTP_URL` {error}: expected an address such as smtps://user:password@mail.example.com"
        ))
    })?;
    let from = environment.needed(
        "MAIL_FROM",
        "who sends the mails of `SMTP_URL`, such as Example <billing@example.com>",
    )?;
    let authorities = environment.get("SMTP_CA")?;
    let wrong = |name: &str, error| Fail::Input(format!("`{name}` {error}"));
    Smtp::check_sender(&from).map_err(|error| wrong("MAIL_FROM", error))?;
    let smtp = Smtp::new(server, &from, authorities.as_deref());
    Ok(Mailer::Smtp(smtp.map_err(|error| wrong("SMTP_CA", error))?))
}
