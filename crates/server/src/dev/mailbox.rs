//! The mailbox: what customers would have received.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use specie_store::mails::{self, Mail};

use crate::pages::texts::english;
use crate::pages::{Frame, Visitor, html, words};
use crate::{ApiError, App};

/// How many mails the page lists.
const SHOWN: i64 = 200;

#[derive(Template)]
#[template(path = "dev/mailbox.html")]
struct MailboxPage {
    frame: Frame,
    mails: Vec<MailRow>,
}

#[derive(Template)]
#[template(path = "dev/mail.html")]
struct MailPage {
    frame: Frame,
    mail: MailRow,
}

struct MailRow {
    path: String,
    at: String,
    date: String,
    to: String,
    subject: String,
    message_id: String,
    text: String,
}

impl From<Mail> for MailRow {
    fn from(mail: Mail) -> Self {
        let at = mail.created_at.timestamp();
        Self {
            path: utf8_percent_encode(&mail.key, NON_ALPHANUMERIC).to_string(),
            at: at.to_string(),
            date: words::short_date(english(), at),
            to: mail.recipient,
            subject: mail.subject,
            message_id: mail.message_id,
            text: mail.text,
        }
    }
}

pub(super) async fn list(
    State(app): State<App>,
    visitor: Visitor,
    uri: Uri,
) -> Result<Response, ApiError> {
    let mut tx = app.db.read().await?;
    let mails = mails::list(&mut tx, SHOWN).await?.into_iter().map(MailRow::from).collect();
    drop(tx);
    let frame = Frame::new(&app, "Mailbox", Some(&visitor.session), &uri).await?;
    Ok(html(StatusCode::OK, &MailboxPage { frame, mails }))
}

pub(super) async fn show(
    State(app): State<App>,
    visitor: Visitor,
    uri: Uri,
    Path(key): Path<String>,
) -> Result<Response, ApiError> {
    let mail = find(&app, &key).await?;
    let frame = Frame::new(&app, &mail.subject, Some(&visitor.session), &uri).await?;
    Ok(html(StatusCode::OK, &MailPage { frame, mail: mail.into() }))
}

/// The mail as a mail reader shows it: its own styles, nothing that runs, nothing that is fetched.
pub(super) async fn body(
    State(app): State<App>,
    Path(key): Path<String>,
) -> Result<Response, ApiError> {
    let mail = find(&app, &key).await?;
    let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; \
                  sandbox allow-popups allow-top-navigation-by-user-activation";
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy)),
    ];
    // In a frame, links lead out of it.
    let text = mail.html.replacen("<head>", "<head>\n<base target=\"_top\">", 1);
    Ok((headers, text).into_response())
}

async fn find(app: &App, key: &str) -> Result<Mail, ApiError> {
    let mut tx = app.db.read().await?;
    mails::get(&mut tx, key).await?.ok_or_else(|| ApiError::not_found("mail"))
}
