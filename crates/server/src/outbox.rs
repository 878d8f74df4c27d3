//! The outbox: what was decided reaches the outside at least once, under one fixed key.

use std::future::pending;
use std::time::Duration;

use serde::Deserialize;
use specie_billing::{MailFacts, MailKind};
use specie_store::mails::{self, Mail};
use specie_store::mirrors::customers as stripe_customers;
use specie_store::outbox::{self as stored, Effect};
use specie_store::{StoreError, Tx, customers};

use crate::smtp::{Mailer, NotSent, SENDERS, Smtp};
use crate::{App, alarms, mail, meter};

/// What an effect of the kind `mail` holds.
#[derive(Deserialize)]
struct MailEffect {
    kind: MailKind,
    about: MailFacts,
}

/// The first wait after a try that failed, in seconds; it doubles.
const FIRST_WAIT: i64 = 5;
/// No wait is longer, in seconds.
const LONGEST_WAIT: i64 = 4 * 3_600;
/// How long until it is noted again that a mail was taken, when that has failed.
const NOTE_AGAIN: Duration = Duration::from_secs(1);
/// After so many tries, which take two days, a mail is given up.
const TRIES: i64 = 24;

/// Delivers what is due. Answers how many effects left the outbox.
pub async fn deliver_due(app: &App) -> Result<usize, StoreError> {
    let mut delivered = 0;
    for effect in &claim(app, SENDERS).await? {
        delivered += usize::from(deliver(app, effect, pending()).await?);
    }
    Ok(delivered)
}

/// Claims what is due, at most `limit` effects, for a minute each. What this process has under way is
/// not due, even if its claim could not be kept.
pub(crate) async fn claim(app: &App, limit: usize) -> Result<Vec<Effect>, StoreError> {
    let mut tx = app.db.begin().await?;
    let now = tx.now().await?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let (under_way, business) = (app.mailer.under_way(), app.business.now());
    let (claimed, unreadable) =
        stored::claim_but(&mut tx, &under_way, limit, now, business).await?;
    tx.commit().await?;
    alarms::corrupt(app, &unreadable);
    Ok(claimed)
}

/// Carries out a claimed effect. Answers whether it left the outbox; else it waits for its next try,
/// the longer, the more there were. What the outside has not taken when `late` returns is left.
pub(crate) async fn deliver(
    app: &App,
    effect: &Effect,
    late: impl Future<Output = ()>,
) -> Result<bool, StoreError> {
    let Err(error) = carry_out(app, effect, late).await else { return Ok(true) };
    if matches!(error, Undelivered::TakenOver | Undelivered::Left) {
        // When it is tried again is the other's to say, or follows from its claim.
        tracing::warn!(key = %effect.key, %error, "an effect was not delivered");
        return Ok(false);
    }
    if error.is_final(effect) {
        give_up(app, effect, &error).await?;
        return Ok(true);
    }
    let wait = wait_after(effect.attempts);
    tracing::warn!(key = %effect.key, %error, wait, "an effect was not delivered");
    meter::mail("deferred");
    let mut tx = app.db.begin().await?;
    let now = tx.now().await?;
    stored::failed(&mut tx, effect, now.plus_seconds(wait)).await?;
    tx.commit().await?;
    Ok(false)
}

fn wait_after(attempts: i64) -> i64 {
    (FIRST_WAIT << (attempts - 1).clamp(0, 20)).min(LONGEST_WAIT)
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
    #[error(transparent)]
    NotSent(#[from] NotSent),
    #[error("this process stood still, and it was taken over meanwhile")]
    TakenOver,
    #[error("it was under way when the process ended, and is left")]
    Left,
}

impl Undelivered {
    /// Whether it is given up. What is our own fault stays: the next version may mend it.
    fn is_final(&self, effect: &Effect) -> bool {
        match self {
            Self::NotSent(NotSent::Never(_)) => true,
            Self::NotSent(NotSent::Later(_)) => effect.attempts >= TRIES,
            _ => false,
        }
    }
}

async fn carry_out(
    app: &App,
    effect: &Effect,
    late: impl Future<Output = ()>,
) -> Result<(), Undelivered> {
    match effect.kind.as_str() {
        "mail" => send(app, effect, late).await,
        other => Err(Undelivered::UnknownKind(other.into())),
    }
}

/// Puts a mail into the mailbox, and to the mail server, if there is one. Between the mail's last line
/// and our commit lies the time in which a crash sends it twice, under one `Message-ID`.
async fn send(
    app: &App,
    effect: &Effect,
    late: impl Future<Output = ()>,
) -> Result<(), Undelivered> {
    let mut tx = app.db.begin().await?;
    let Some(mail) = kept(app, &mut tx, effect).await? else {
        stored::done(&mut tx, &effect.key).await?;
        tx.commit().await?;
        meter::mail("no_address");
        return Ok(());
    };
    let Mailer::Smtp(smtp) = &app.mailer else {
        stored::done(&mut tx, &effect.key).await?;
        tx.commit().await?;
        meter::mail("kept");
        return Ok(());
    };
    tx.commit().await?;
    let Some(_under_way) = smtp.under_way.hold(&effect.key) else {
        return Err(Undelivered::TakenOver);
    };
    hand_over(app, smtp, &mail, effect, late).await?;
    // Whatever fails from here on: to begin anew would send it twice.
    while let Err(error) = note_sent(app, &mail.key, &effect.key).await {
        tracing::warn!(%error, key = %effect.key, "it cannot be noted yet that a mail was taken");
        tokio::time::sleep(NOTE_AGAIN).await;
    }
    meter::mail("sent");
    Ok(())
}

async fn note_sent(app: &App, mail: &str, effect: &str) -> Result<(), StoreError> {
    let mut tx = app.db.begin().await?;
    let now = tx.now().await?;
    mails::sent(&mut tx, mail, now).await?;
    stored::done(&mut tx, effect).await?;
    tx.commit().await
}

/// Hands a mail over, and keeps its effect claimed as long as that takes.
async fn hand_over(
    app: &App,
    smtp: &Smtp,
    mail: &Mail,
    effect: &Effect,
    late: impl Future<Output = ()>,
) -> Result<(), Undelivered> {
    let still_ours = async || extend(app, effect).await.unwrap_or(false);
    let sign_of_life = app.mailer.waits().sign_of_life;
    tokio::select! {
        // What the server has said counts, even if the claim is lost.
        biased;
        sent = smtp.send(mail, app.wall.now(), still_ours) => match sent {
            Ok(true) => Ok(()),
            Ok(false) => Err(Undelivered::TakenOver),
            Err(error) => Err(error.into()),
        },
        () = taken_over(app, effect, sign_of_life) => Err(Undelivered::TakenOver),
        () = late => Err(Undelivered::Left),
    }
}

/// Says again and again that an effect is being carried out. Returns when another process has claimed
/// it, which must have taken this one for dead.
async fn taken_over(app: &App, effect: &Effect, sign_of_life: Duration) {
    loop {
        tokio::time::sleep(sign_of_life).await;
        match extend(app, effect).await {
            Ok(true) => {}
            Ok(false) => return,
            // To begin anew for that would send the mail twice for sure.
            Err(error) => {
                tracing::warn!(%error, key = %effect.key, "a claim could not be kept");
            }
        }
    }
}

async fn extend(app: &App, effect: &Effect) -> Result<bool, StoreError> {
    let mut tx = app.db.begin().await?;
    let now = tx.now().await?;
    let ours = stored::extend(&mut tx, effect, now).await?;
    tx.commit().await?;
    Ok(ours)
}

/// The mail as it was first written, or as it is written now. A customer without an address gets
/// none.
async fn kept(app: &App, tx: &mut Tx, effect: &Effect) -> Result<Option<Mail>, Undelivered> {
    if let Some(mail) = mails::get(tx, &effect.key).await? {
        return Ok(Some(mail));
    }
    let MailEffect { kind, about } = serde_json::from_value(effect.what.clone())?;
    let Some(recipient) = address(tx, effect).await? else {
        tracing::warn!(payer = %effect.payer, kind = kind.as_str(), "a mail has no address");
        return Ok(None);
    };
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
        failed_at: None,
        failure: None,
    };
    mails::insert(tx, &mail).await?;
    Ok(Some(mail))
}

async fn address(tx: &mut Tx, effect: &Effect) -> Result<Option<String>, StoreError> {
    let payer = customers::get(tx, effect.payer).await?;
    let Some(customer) = payer.and_then(|payer| payer.stripe) else { return Ok(None) };
    let row = stripe_customers::get(tx, &customer).await?;
    Ok(row.and_then(|row| row.email))
}

/// Nobody tries it again; the table `mails` keeps it, and says why.
async fn give_up(app: &App, effect: &Effect, why: &Undelivered) -> Result<(), StoreError> {
    tracing::error!(key = %effect.key, %why, tries = effect.attempts, "a mail was given up");
    let mut tx = app.db.begin().await?;
    let now = tx.now().await?;
    mails::failed(&mut tx, &effect.key, &why.to_string(), now).await?;
    stored::done(&mut tx, &effect.key).await?;
    tx.commit().await?;
    meter::mail("failed");
    alarms::raise(app, "mail_failing");
    Ok(())
}

/// Fixed by the fact, so that a receiver can tell a mail that comes twice.
fn message_id(app: &App, key: &str) -> String {
    let digest = crate::digest::sha256(key.as_bytes());
    let host = app.settings.public_url.split("://").nth(1).unwrap_or("specie");
    let host = host.split(['/', ':']).next().unwrap_or("specie");
    format!("<{}@{host}>", specie_vocab::hex(&digest[..16]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_is_tried_for_two_days_ever_more_seldom() {
        let waits: Vec<i64> = (1..TRIES).map(wait_after).collect();
        assert_eq!(waits[..4], [5, 10, 20, 40]);
        assert!(waits.is_sorted() && waits.last() == Some(&LONGEST_WAIT));
        let hours = waits.iter().sum::<i64>() / 3_600;
        assert!((46..=52).contains(&hours), "{hours}");
    }
}
