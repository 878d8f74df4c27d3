//! Moving the clock, and becoming another customer.

use axum::Form;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::LastJump;
use crate::app::Jump;
use crate::auth::session;
use crate::pages::prefix;
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
    back: String,
}

/// Moves the clock, and returns when all that this caused is at rest.
pub(super) async fn jump(
    State(app): State<App>,
    form: Result<Form<Move>, FormRejection>,
) -> Result<Response, ApiError> {
    let Form(form) = form.map_err(|_| ApiError::invalid("the form is wrong"))?;
    let dev = tools(&app)?;
    let (jump, name) = match form.jump {
        Far::Day => (Jump::Day, "One day went by"),
        Far::NextRenewal => (Jump::NextRenewal, "The next renewal came"),
        Far::Month => (Jump::Month, "A month went by"),
        Far::Year => (Jump::Year, "A year went by"),
    };
    let happened = match dev.machine.jump(jump).await {
        Ok(lines) if lines.is_empty() => {
            LastJump { title: format!("{name}, and nothing happened"), lines }
        }
        Ok(lines) => LastJump { title: format!("{name}: {} things happened", lines.len()), lines },
        Err(why) => LastJump { title: format!("The clock did not move: {why}"), lines: Vec::new() },
    };
    dev.memory.keep(happened);
    Ok(Redirect::to(&checked(&app, &form.back)).into_response())
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

/// A path of our pages; anything else leads to the account.
fn checked(app: &App, back: &str) -> String {
    let root = prefix(&app.settings.public_url);
    let pages = ["billing/plans", "billing/account", "dev/mailbox"];
    let known = pages.iter().map(|page| format!("{root}/{page}")).find(|page| page == back);
    known.unwrap_or_else(|| format!("{root}/billing/account"))
}
