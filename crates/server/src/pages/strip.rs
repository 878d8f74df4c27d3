//! The strip under each page in development: clock, customers, mailbox, last events.

use axum::http::Uri;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use specie_store::{customers, inbox, mails};

use super::texts::english;
use super::words;
use crate::app::{Happening, LastJump};
use crate::auth::session::Session;
use crate::{ApiError, App};

/// How many events the strip shows.
const EVENTS: i64 = 12;

/// What the strip shows.
pub(crate) struct Strip {
    pub clock: String,
    pub clock_at: String,
    /// How many jumps there were.
    pub jumps: u64,
    /// Where the tools lead back to.
    pub back: String,
    pub customers: Vec<Customer>,
    pub last_jump: Option<Told>,
    pub events: Vec<Event>,
    pub mails: i64,
    pub sandbox_url: String,
}

pub(crate) struct Customer {
    pub id: String,
    pub name: String,
    pub current: bool,
}

/// The last jump, as the strip tells it.
pub(crate) struct Told {
    pub title: String,
    pub note: Option<String>,
    pub lines: Vec<Line>,
}

pub(crate) struct Line {
    pub at: String,
    pub time: String,
    pub who: String,
    pub what: String,
    pub tone: &'static str,
}

pub(crate) struct Event {
    pub id: String,
    pub kind: String,
    pub time: String,
    pub state: &'static str,
}

/// The strip for a visitor at `uri`; none in production.
pub(super) async fn of(
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
    Ok(Some(Strip {
        clock: format!("{} UTC", moment(now)),
        clock_at: now.to_string(),
        jumps: dev.memory.jumps(),
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
        last_jump: dev.memory.read().map(told),
        events: events
            .into_iter()
            .map(|event| Event {
                time: moment(event.created.timestamp()),
                id: event.id,
                kind: event.kind,
                state: event.state.as_str(),
            })
            .collect(),
        mails: mails::count(&mut tx).await?,
        sandbox_url: dev.sandbox_url.clone(),
    }))
}

fn told(jump: LastJump) -> Told {
    let line = |it: Happening| Line {
        at: it.at.to_string(),
        time: moment(it.at),
        who: it.who,
        what: it.what,
        tone: it.tone,
    };
    let lines = jump.happened.into_iter().map(line).collect();
    Told { title: jump.title, note: jump.note, lines }
}

/// `21 Dec 2026, 16:32`.
fn moment(at: Timestamp) -> String {
    let time = at.to_zoned(TimeZone::UTC);
    format!("{}, {:02}:{:02}", words::short_date(english(), at), time.hour(), time.minute())
}

/// The page that the visitor sees, as a path of ours; the account for what cannot be shown again.
fn back(root: &str, uri: &Uri) -> String {
    let pages = uri.path().trim_start_matches(root);
    // Within a nest, a path begins after it.
    let page = pages.trim_start_matches("/billing").trim_start_matches("/dev");
    let every = uri.query().filter(|query| query.starts_with("every="));
    match (page, every) {
        ("/plans", Some(every)) => format!("{root}/billing/plans?{every}"),
        ("/plans" | "/account", _) => format!("{root}/billing{page}"),
        _ if page == "/mailbox" || page.starts_with("/mailbox/") => format!("{root}/dev{page}"),
        _ => format!("{root}/billing/account"),
    }
}
