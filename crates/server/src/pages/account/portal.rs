//! To Stripe's portal to replace the card, and back.

use axum::Form;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::Extensions;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use specie_store::customers::Payer;
use specie_store::intents::{self as stored_intents, IntentState};
use specie_vocab::IntentId;

use super::account_url;
use crate::auth::counted;
use crate::commands::portal::{self, Task};
use crate::intents::{self, Driven};
use crate::lanes::{self, WishFor};
use crate::once::{Scope, once_for_page};
use crate::pages::Visitor;
use crate::rates::Kind;
use crate::trail::{Who, why};
use crate::views::PortalView;
use crate::{ApiError, App};

/// How often a page looks whether somebody else has carried out a change, 50 ms apart at most.
const LOOKS: usize = 60;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::pages) struct Visit {
    token: String,
}

/// Sends the customer to Stripe's portal to replace the card.
pub(in crate::pages) async fn portal(
    State(app): State<App>,
    visitor: Visitor,
    form: Result<Form<Visit>, FormRejection>,
) -> Result<Response, ApiError> {
    let Form(Visit { token }) = form.map_err(|_| ApiError::invalid("the form is wrong"))?;
    let key = visitor.check_form(&token)?;
    let visit = portal::Visit {
        return_url: format!("{}/billing/account?from=portal", app.settings.public_url),
        task: Some(Task::ReplaceCard),
        subscription: None,
    };
    let scope = Scope::new(&visitor.payer, "page.portal", &());
    let session: PortalView = once_for_page(
        &app,
        &scope,
        &key,
        portal::start(&app, &visitor.payer, Who::Customer, &visit),
    )
    .await?;
    Ok(Redirect::to(&session.url).into_response())
}

/// A card that was replaced in the portal is looked at before the page is shown, which counts as a
/// change. What fails here comes by webhook.
pub(super) async fn after_portal(
    app: &App,
    payer: &Payer,
    extensions: &Extensions,
) -> Result<Response, ApiError> {
    if let Some(customer) = &payer.stripe {
        counted(extensions, app, payer.id, Kind::Change)?;
        if let Err(error) = look_and_move(app, payer, customer.as_str()).await {
            tracing::warn!(%error, "the customer was not looked at after the portal");
        }
    }
    Ok(Redirect::to(&account_url(app, "")).into_response())
}

/// Looks, and carries out what the new card asks for: it becomes the subscription's own, and pays
/// what is open. Else the page would still show the old one.
async fn look_and_move(app: &App, payer: &Payer, lane: &str) -> Result<(), ApiError> {
    lanes::look_now(app, lane, WishFor::Everything, why::PORTAL).await?;
    let mut tx = app.db.read().await?;
    let mut open = stored_intents::of_payer(&mut tx, payer.id, 20).await?;
    drop(tx);
    open.retain(|it| it.kind == "recover" && it.state == IntentState::Open);
    for intent in &open {
        carried_out(app, intent.id).await?;
    }
    match open.is_empty() {
        true => Ok(()),
        false => lanes::look_now(app, lane, WishFor::Everything, why::PORTAL).await,
    }
}

/// Drives an intent, or waits a moment for whoever does.
async fn carried_out(app: &App, id: IntentId) -> Result<(), ApiError> {
    for _ in 0..app.rounds(LOOKS) {
        if intents::drive(app, id).await? != Driven::Busy {
            return Ok(());
        }
        app.wait_for_others().await;
    }
    Ok(())
}
