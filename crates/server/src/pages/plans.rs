//! Choosing a plan, and coming back from paying for it.

use askama::Template;
use axum::Form;
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::{Extensions, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use specie_vocab::{PayerId, SessionId};

use super::offers::{self, Choice, Section};
use super::texts::english;
use super::{Frame, Link, Message, Notice, Visitor, html};
use crate::auth::counted;
use crate::commands::checkout;
use crate::once::{Scope, once_for_page};
use crate::rates::Kind;
use crate::trail::Who;
use crate::views::CheckoutView;
use crate::{ApiError, App, reads};

#[derive(Template)]
#[template(path = "plans.html")]
struct PlansPage {
    frame: Frame,
    toggle: Vec<Choice>,
    sections: Vec<Section>,
    token: String,
}

#[derive(Deserialize, Default)]
pub(super) struct Wanted {
    every: Option<String>,
    unpaid: Option<String>,
}

pub(super) async fn show(
    State(app): State<App>,
    visitor: Visitor,
    uri: Uri,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, ApiError> {
    let t = english();
    let wanted = wanted.map(|Query(wanted)| wanted).unwrap_or_default();
    let toggle = offers::toggle(t, &app.catalog, wanted.every.as_deref());
    let chosen = toggle.iter().find(|choice| choice.chosen).map_or("", |choice| &choice.key);
    let mut sections = Vec::new();
    for group in &app.catalog.groups {
        let held = reads::subscription(&app, &visitor.payer, &group.key).await?;
        sections.push(offers::section(t, &app.catalog, group, chosen, &held));
    }
    let mut frame = Frame::new(&app, &t.plans_title, Some(&visitor.session), &uri).await?;
    frame.here = "plans";
    frame.notice = wanted.unpaid.map(|_| Notice {
        kind: "",
        title: t.plans_not_paid.clone(),
        text: t.plans_not_paid_text.clone(),
    });
    let token = visitor.form_token(&app);
    Ok(html(StatusCode::OK, &PlansPage { frame, toggle, sections, token }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Chosen {
    token: String,
    plan: String,
    price: String,
}

/// Sends the customer to Stripe's page. The form names a plan and a price of the catalog by their
/// keys; what it costs is never asked of a browser.
pub(super) async fn choose(
    State(app): State<App>,
    visitor: Visitor,
    form: Result<Form<Chosen>, FormRejection>,
) -> Result<Response, ApiError> {
    let Form(Chosen { token, plan, price }) =
        form.map_err(|_| ApiError::invalid("the form is wrong"))?;
    let key = visitor.check_form(&token)?;
    let price = app.catalog.price(&plan, &price).ok_or_else(|| ApiError::not_found("price"))?;
    let scope = Scope::new(&visitor.payer, "page.choose", &(&price.plan, &price.price));
    let base = format!("{}/billing", app.settings.public_url);
    let choice = checkout::Choice {
        price,
        success_url: format!("{base}/return?session={{CHECKOUT_SESSION_ID}}"),
        cancel_url: format!("{base}/plans?unpaid=1"),
    };
    let session: CheckoutView = once_for_page(
        &app,
        &scope,
        &key,
        checkout::start(&app, &visitor.payer, Who::Customer, &choice),
    )
    .await?;
    Ok(Redirect::to(&session.url).into_response())
}

#[derive(Deserialize)]
pub(super) struct Back {
    session: String,
}

/// The customer comes back from paying, often before the webhook: what is true is read now. Whoever
/// is not signed in here, because the app made the session, hears only whether it was paid. Where
/// Stripe is asked, it counts as a change of the session's customer.
pub(super) async fn come_back(
    State(app): State<App>,
    visitor: Result<Visitor, ApiError>,
    uri: Uri,
    extensions: Extensions,
    back: Result<Query<Back>, QueryRejection>,
) -> Result<Response, ApiError> {
    let session = back.ok().and_then(|Query(back)| SessionId::try_from(back.session).ok());
    let may_ask = |payer| counted(&extensions, &app, payer, Kind::Change);
    let visitor = match (visitor, &session) {
        (Ok(visitor), _) => visitor,
        (Err(stranger), Some(session)) => {
            return thank(&app, session, &uri, may_ask).await?.ok_or(stranger);
        }
        (Err(stranger), None) => return Err(stranger),
    };
    let session = session.ok_or_else(|| ApiError::not_found("checkout session"))?;
    let t = english();
    let now = checkout::come_back(&app, &visitor.payer, &session, may_ask).await?;
    let frame = Frame::new(&app, &t.return_title, Some(&visitor.session), &uri).await?;
    if offers::is_held(&now) {
        let done = if now.access { "?done=paid" } else { "" };
        return Ok(Redirect::to(&format!("{}/account{done}", frame.base)).into_response());
    }
    Ok(not_yet(frame, &session, now.open_checkout.map(|open| open.url)))
}

/// What somebody hears of a session who knows its id and is not signed in; nothing of an unknown one.
async fn thank(
    app: &App,
    session: &SessionId,
    uri: &Uri,
    may_ask: impl FnOnce(PayerId) -> Result<(), ApiError>,
) -> Result<Option<Response>, ApiError> {
    let t = english();
    let complete = checkout::is_complete(app, session, may_ask).await?;
    let Some(complete) = complete else { return Ok(None) };
    let mut frame = Frame::new(app, &t.return_title, None, uri).await?;
    if !complete {
        return Ok(Some(not_yet(frame, session, None)));
    }
    let actions = frame.way_to_app().into_iter().collect();
    frame.title.clone_from(&t.return_done_title);
    let (title, text) = (t.return_done_title.clone(), t.return_done_text.clone());
    Ok(Some(html(StatusCode::OK, &Message { frame, title, text, actions })))
}

fn not_yet(frame: Frame, session: &SessionId, open: Option<String>) -> Response {
    let t = english();
    let again = format!("{}/return?session={session}", frame.base);
    let mut actions = vec![Link { url: again, text: t.return_again.clone() }];
    actions.extend(open.map(|url| Link { url, text: t.return_resume.clone() }));
    let (title, text) = (t.return_title.clone(), t.return_text.clone());
    html(StatusCode::OK, &Message { frame, title, text, actions })
}
