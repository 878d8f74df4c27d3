//! Moving the clock, and becoming another customer.

use axum::Form;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use crate::app::{Jump, LastJump};
use crate::auth::session;
use crate::{ApiError, App, Dev, payers};

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Far {
    Day,
    NextRenewal,
    Month,
    Year,
}

#[derive(Deserialize)]
pub(super) struct Move {
    jump: Far,
    /// How many jumps there had been when the page was made.
    jumps: u64,
    back: String,
}

/// What is said when a button was pressed on a page from before another jump.
const PRESSED_TWICE: &str = "A button was pressed on a page from before this jump. The clock moved \
                             once; press again to move it on.";

/// Moves the clock, and returns when all that this caused is at rest.
pub(super) async fn jump(
    State(app): State<App>,
    form: Result<Form<Move>, FormRejection>,
) -> Result<Response, ApiError> {
    let Form(form) = form.map_err(|_| ApiError::invalid("the form is wrong"))?;
    let dev = tools(&app)?;
    let there = Redirect::to(&checked(&app, &form.back)).into_response();
    let _turn = dev.memory.turn().await;
    if form.jumps != dev.memory.jumps() {
        dev.memory.add_note(PRESSED_TWICE);
        return Ok(there);
    }
    let (jump, name) = match form.jump {
        Far::Day => (Jump::Day, "One day later"),
        Far::NextRenewal => (Jump::NextRenewal, "At the next renewal"),
        Far::Month => (Jump::Month, "A month later"),
        Far::Year => (Jump::Year, "A year later"),
    };
    let (title, happened) = match dev.machine.jump(jump).await {
        Ok(happened) => (format!("{name}: {}", how_many(happened.len())), happened),
        Err(why) => (format!("The clock did not move: {why}"), Vec::new()),
    };
    dev.memory.keep(LastJump { title, happened, note: None });
    Ok(there)
}

fn how_many(things: usize) -> String {
    match things {
        0 => "nothing happened".into(),
        1 => "one thing happened".into(),
        _ => format!("{things} things happened"),
    }
}

#[derive(Deserialize)]
pub(super) struct Switch {
    customer: String,
    back: String,
}

/// Signs the browser in as another demo customer.
pub(super) async fn switch(
    State(app): State<App>,
    form: Result<Form<Switch>, FormRejection>,
) -> Result<Response, ApiError> {
    let Form(form) = form.map_err(|_| ApiError::invalid("the form is wrong"))?;
    let known = tools(&app)?.customers.iter().any(|(id, _)| *id == form.customer);
    if !known {
        return Err(ApiError::not_found("demo customer"));
    }
    let payer = payers::find_or_create(&app, &app.settings.realm, &form.customer).await?;
    let session = session::open(&app, payer.id).await?;
    let cookie = [(SET_COOKIE, session::cookie(&app, &session))];
    Ok((cookie, Redirect::to(&checked(&app, &form.back))).into_response())
}

fn tools(app: &App) -> Result<&Dev, ApiError> {
    app.dev.as_ref().ok_or_else(|| ApiError::not_found("page"))
}

/// A path of our pages, with the choice of the plan page; anything else leads to the account.
fn checked(app: &App, back: &str) -> String {
    let root = app.settings.prefix();
    let (path, query) = back.split_once('?').map_or((back, None), |(path, it)| (path, Some(it)));
    let page = ["billing/plans", "billing/account", "dev/mailbox"]
        .map(|page| format!("{root}/{page}"))
        .into_iter()
        .find(|page| page == path || (page.ends_with("mailbox") && is_mail(page, path)));
    let plain = |text: &&str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let chosen = query.and_then(|query| query.strip_prefix("every=")).filter(plain);
    match (page, chosen) {
        (Some(page), Some(chosen)) if page == path => format!("{page}?every={chosen}"),
        (Some(_), None) => path.into(),
        _ => format!("{root}/billing/account"),
    }
}

/// Whether a path is that of one mail.
fn is_mail(mailbox: &str, path: &str) -> bool {
    let key = path.strip_prefix(mailbox).and_then(|rest| rest.strip_prefix('/'));
    key.is_some_and(|key| {
        !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'%')
    })
}
