//! The outbox: what was decided reaches the outside at least once, under one fixed key.

use serde::Deserialize;
use specie_billing::{MailFacts, MailKind};
use specie_store::mails::{self, Mail};
use specie_store::mirrors::customers as stripe_customers;
use specie_store::outbox::{self as stored, Effect};
use specie_store::{StoreError, customers};

use crate::{App, mail};

/// What an effect of the kind `mail` holds.
#[derive(Deserialize)]
struct MailEffect {
    kind: MailKind,
    about: MailFacts,
}

/// How many effects one round takes.
const ROUND: i64 = 100;

/// Delivers what is due. Answers how many effects left the outbox.
pub async fn deliver_due(app: &App) -> Result<usize, StoreError> {
    let mut tx = app.db.begin().await?;
    let now = tx.now().await?;
    let claimed = stored::claim(&mut tx, ROUND, now, app.business.now()).await?;
    tx.commit().await?;
    let mut delivered = 0;
    for effect in &claimed {
        match deliver(app, effect).await {
            Ok(()) => delivered += 1,
            Err(error) => {
                tracing::warn!(key = %effect.key, %error, "an effect was not delivered");
                let mut tx = app.db.begin().await?;
                let now = tx.now().await?;
                stored::failed(&mut tx, &effect.key, now.plus_seconds(60)).await?;
                tx.commit().await?;
            }
        }
    }
    Ok(delivered)
}

/// Why an effect stays in the outbox.
#[derive(Debug, thiserror::Error)]
enum Undelivered {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("its content cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    #[error("no effect is of the kind `{0}`")]
    UnknownKind(String),
    #[error(transparent)]
    Template(#[from] mail::MailError),
}

async fn deliver(app: &App, effect: &Effect) -> Result<(), Undelivered> {
    match effect.kind.as_str() {
        "mail" => to_mailbox(app, effect).await,
        other => Err(Undelivered::UnknownKind(other.into())),
    }
}

/// Puts a mail into the mailbox and takes it out of the outbox, in one transaction. A customer
/// without an address gets none.
async fn to_mailbox(app: &App, effect: &Effect) -> Result<(), Undelivered> {
    let MailEffect { kind, about } = serde_json::from_value(effect.what.clone())?;
    let mut tx = app.db.begin().await?;
    let payer = customers::get(&mut tx, effect.payer).await?;
    let customer = payer.and_then(|payer| payer.stripe);
    let recipient = match customer {
        Some(customer) => {
            let row = stripe_customers::get(&mut tx, &customer).await?;
            row.and_then(|row| row.email)
        }
        None => None,
    };
    if let Some(recipient) = recipient {
        let rendered = mail::render(app, kind, &about)?;
        let mail = Mail {
            key: effect.key.clone(),
            payer: effect.payer,
            kind: kind.as_str().into(),
            recipient,
            subject: rendered.subject,
            text: rendered.text,
            html: rendered.html,
            message_id: message_id(app, &effect.key),
            created_at: effect.due,
            sent_at: None,
        };
        mails::insert(&mut tx, &mail).await?;
    } else {
        tracing::warn!(payer = %effect.payer, kind = kind.as_str(), "a mail has no address");
    }
    stored::done(&mut tx, &effect.key).await?;
    tx.commit().await?;
    Ok(())
}

/// Fixed by the fact, so that a receiver can tell a mail that comes twice.
fn message_id(app: &App, key: &str) -> String {
    let digest = crate::digest::sha256(key.as_bytes());
    let host = app.settings.public_url.split("://").nth(1).unwrap_or("specie");
    let host = host.split(['/', ':']).next().unwrap_or("specie");
    format!("<{}@{host}>", specie_vocab::hex(&digest[..16]))
}
