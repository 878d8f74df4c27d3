//! Mails, one row per fact, each with a `Message-ID` of its own that never changes.

use specie_vocab::{BusinessTime, PayerId, WallTime};

use crate::sql::{all, one, row, run, statements, value};
use crate::{StoreError, Tx};

row! {
    /// A mail.
    pub struct Mail in "mails" by key: String {
        /// Unique per fact that it tells.
        pub key: String,
        /// Who pays.
        pub payer: PayerId,
        /// What kind of fact.
        pub kind: String,
        /// The address.
        pub recipient: String,
        /// The subject.
        pub subject: String,
        /// As plain text.
        pub text: String,
        /// As HTML.
        pub html: String,
        /// Its `Message-ID`.
        pub message_id: String,
        /// When the fact became one.
        pub created_at: BusinessTime,
        /// When a mail server took it.
        pub sent_at: Option<WallTime>,
        /// When it was given up.
        pub failed_at: Option<WallTime>,
        /// Why, in one word: an SMTP status, or what was wrong.
        pub failure: Option<String>,
    }
}

statements! {
    INSERT: Mail = "insert into mails ({columns}) values ({places}) on conflict (key) do nothing";
    GET: Mail = "select {columns} from mails where key = $1";
    LIST: Mail = "select {columns} from mails order by created_at desc, key desc limit $1";
    OF_PAYER: Mail = "select {columns} from mails where payer = $1 \
                      order by created_at desc, key desc limit $2";
    COUNT = "select count(*) from mails";
    SENT = "update mails set sent_at = $2 where key = $1 and sent_at is null";
    FAILED = "update mails set failed_at = $2, failure = $3 \
              where key = $1 and sent_at is null and failed_at is null";
    FAILED_SINCE = "select count(*) from mails where failed_at >= $1";
}

/// Keeps a mail. False, if its fact was told before.
pub async fn insert(tx: &mut Tx, mail: &Mail) -> Result<bool, StoreError> {
    let Mail { key, payer, kind, recipient, subject, .. } = mail;
    let Mail { text, html, message_id, created_at, sent_at, failed_at, failure, .. } = mail;
    let bound = run!(
        tx,
        INSERT,
        [
            key, payer, kind, recipient, subject, text, html, message_id, created_at, sent_at,
            failed_at, failure
        ]
    );
    Ok(bound == 1)
}

/// The mail with this key.
pub async fn get(tx: &mut Tx, key: &str) -> Result<Option<Mail>, StoreError> {
    Ok(one!(tx, GET, [key]))
}

/// All mails, newest first.
pub async fn list(tx: &mut Tx, limit: i64) -> Result<Vec<Mail>, StoreError> {
    Ok(all!(tx, LIST, [limit]))
}

/// A payer's mails, newest first.
pub async fn of_payer(tx: &mut Tx, payer: PayerId, limit: i64) -> Result<Vec<Mail>, StoreError> {
    Ok(all!(tx, OF_PAYER, [payer, limit]))
}

/// How many mails there are.
pub async fn count(tx: &mut Tx) -> Result<i64, StoreError> {
    Ok(value!(tx, i64, COUNT, []))
}

/// Notes that a mail server took a mail. False, if one had before.
pub async fn sent(tx: &mut Tx, key: &str, now: WallTime) -> Result<bool, StoreError> {
    Ok(run!(tx, SENT, [key, now]) == 1)
}

/// Gives a mail up, and says why. False, if it was sent or given up before.
pub async fn failed(tx: &mut Tx, key: &str, why: &str, now: WallTime) -> Result<bool, StoreError> {
    Ok(run!(tx, FAILED, [key, now, why]) == 1)
}

/// How many mails were given up at `moment` or later.
pub async fn failed_since(tx: &mut Tx, moment: WallTime) -> Result<i64, StoreError> {
    Ok(value!(tx, i64, FAILED_SINCE, [moment]))
}
