//! The tools of `specie dev`: the strip under each page, and its own pages.

pub(crate) mod local;
mod mailbox;
mod tools;

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::Uri;
use axum::routing::{get, post};
use jiff::tz::TimeZone;
use specie_store::{customers, inbox, mails};

use crate::auth::session::Session;
use crate::pages::texts::english;
use crate::pages::{dressed, words};
use crate::{ApiError, App};

/// How many events the strip shows.
const EVENTS: i64 = 12;

/// What the strip shows.
pub(crate) struct Strip {
    pub clock: String,
    pub clock_at: String,
    /// Where the tools lead back to.
    pub back: String,
    pub customers: Vec<Customer>,
    pub last_jump: Option<LastJump>,
    pub events: Vec<Event>,
    pub mails: i64,
    pub sandbox_url: String,
}

pub(crate) struct Customer {
    pub id: String,
    pub name: String,
    pub current: bool,
}

/// What the last jump caused.
#[derive(Clone, Debug, Default)]
pub struct LastJump {
    /// How far it went, or why it did not.
    pub title: String,
    /// A line for each thing that happened.
    pub lines: Vec<String>,
}

pub(crate) struct Event {
    pub id: String,
    pub kind: String,
    pub state: &'static str,
}

/// Where the last jump is remembered, for the page that is shown after it.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<Option<LastJump>>>);

impl Memory {
    fn keep(&self, jump: LastJump) {
        *self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(jump);
    }

    fn read(&self) -> Option<LastJump> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }
}

/// Everything under `/dev`; nothing in production.
pub(crate) fn router(app: &App) -> Router<App> {
    if app.dev.is_none() {
        return Router::new();
    }
    let tools = Router::new()
        .route("/clock", post(tools::jump))
        .route("/customers", post(tools::switch))
        .route("/mailbox", get(mailbox::list))
        .route("/mailbox/{key}", get(mailbox::show))
        .route("/mailbox/{key}/html", get(mailbox::body));
    Router::new().nest("/dev", dressed(tools, app))
}

/// The strip for a visitor at `uri`; none in production.
pub(crate) async fn strip(
    app: &App,
    root: &str,
    session: Option<&Session>,
    uri: &Uri,
) -> Result<Option<Strip>, ApiError> {
    let Some(dev) = &app.dev else { return Ok(None) };
    let mut tx = app.db.read().await?;
    let visitor = match session {
        Some(session) => customers::get(&mut tx, session.payer).await?,
        None => None,
    };
    let events = inbox::recent(&mut tx, EVENTS).await?;
    let now = dev.machine.now().timestamp();
    let time = now.to_zoned(TimeZone::UTC);
    Ok(Some(Strip {
        clock: format!(
            "{}, {:02}:{:02} UTC",
            words::date(english(), now),
            time.hour(),
            time.minute()
        ),
        clock_at: now.to_string(),
        back: back(root, uri),
        customers: dev
            .customers
            .iter()
            .map(|(id, name)| Customer {
                id: id.clone(),
                name: name.clone(),
                current: visitor.as_ref().is_some_and(|visitor| visitor.app_id == *id),
            })
            .collect(),
        last_jump: dev.memory.read(),
        events: events
            .into_iter()
            .map(|event| Event { id: event.id, kind: event.kind, state: event.state.as_str() })
            .collect(),
        mails: mails::count(&mut tx).await?,
        sandbox_url: dev.sandbox_url.clone(),
    }))
}

/// The page that the visitor sees, as a path of ours; the account for what cannot be shown again.
fn back(root: &str, uri: &Uri) -> String {
    let path = uri.path();
    let page = path.rsplit('/').next().unwrap_or_default();
    match page {
        "plans" | "account" | "mailbox" => {
            let area = if page == "mailbox" { "dev" } else { "billing" };
            format!("{root}/{area}/{page}")
        }
        _ => format!("{root}/billing/account"),
    }
}
