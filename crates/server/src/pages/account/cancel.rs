//! Ending a subscription, after a question, and taking that back.

use askama::Template;
use axum::Form;
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::{account_url, ends, is_owing};
use crate::commands::cancellation::{self, Wanted};
use crate::once::{Scope, once_for_page};
use crate::pages::offers::is_held;
use crate::pages::texts::{english, fill};
use crate::pages::{Frame, Visitor, html, words};
use crate::trail::Who;
use crate::views::SubscriptionView;
use crate::{ApiError, App, reads};

#[derive(Template)]
#[template(path = "cancel.html")]
struct CancelPage {
    frame: Frame,
    text: String,
    group: String,
    token: String,
}

#[derive(Deserialize)]
pub(in crate::pages) struct Which {
    group: Option<String>,
}

pub(in crate::pages) async fn ask_to_cancel(
    State(app): State<App>,
    visitor: Visitor,
    uri: Uri,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Response, ApiError> {
    let named = which.ok().and_then(|Query(which)| which.group);
    let group = reads::only_group(&app, named.as_deref())?;
    let view = reads::subscription(&app, &visitor.payer, &group).await?;
    if !is_held(&view) || ends(&view) {
        return Ok(Redirect::to(&account_url(&app, "")).into_response());
    }
    let t = english();
    let plan = view.plan.as_deref().and_then(|key| app.catalog.plan(key));
    let plan =
        plan.map_or_else(|| view.plan.clone().unwrap_or_default(), |(_, it)| it.name.clone());
    let end = view.current_period_end.map(|end| words::date(t, end));
    let text = match &end {
        Some(end) if is_owing(&view) => {
            fill(&t.cancel_text_owing, &[("plan", &plan), ("date", end)])
        }
        Some(end) => fill(&t.cancel_text, &[("plan", &plan), ("date", end)]),
        None => fill(&t.cancel_text_undated, &[("plan", &plan)]),
    };
    let mut frame = Frame::new(&app, &t.cancel_title, Some(&visitor.session), &uri).await?;
    frame.here = "account";
    let token = visitor.form_token(&app);
    Ok(html(StatusCode::OK, &CancelPage { frame, text, group, token }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::pages) struct Change {
    token: String,
    group: String,
}

type ChangeForm = Result<Form<Change>, FormRejection>;

pub(in crate::pages) async fn cancel(
    State(app): State<App>,
    visitor: Visitor,
    form: ChangeForm,
) -> Result<Response, ApiError> {
    change(&app, &visitor, form, Wanted::End).await?;
    Ok(Redirect::to(&account_url(&app, "?done=canceled")).into_response())
}

pub(in crate::pages) async fn resume(
    State(app): State<App>,
    visitor: Visitor,
    form: ChangeForm,
) -> Result<Response, ApiError> {
    change(&app, &visitor, form, Wanted::GoOn).await?;
    Ok(Redirect::to(&account_url(&app, "?done=resumed")).into_response())
}

async fn change(
    app: &App,
    visitor: &Visitor,
    form: ChangeForm,
    wanted: Wanted,
) -> Result<SubscriptionView, ApiError> {
    let Form(Change { token, group }) = form.map_err(|_| ApiError::invalid("the form is wrong"))?;
    let key = visitor.check_form(&token)?;
    let group = reads::only_group(app, Some(&group))?;
    let scope = Scope::new(&visitor.payer, "page.cancellation", &(&group, wanted == Wanted::End));
    let change = cancellation::Change { wanted, decided_on: None };
    let work = cancellation::set(app, &visitor.payer, Who::Customer, &group, change);
    once_for_page(app, &scope, &key, work).await
}
