//! Looking for what a step did when its answer was lost for good. Never by search, which lags: by
//! listing under the parent, or by reading the object that the step aims at.

use serde_json::Value;
use specie_store::customers::Payer;
use specie_store::intents::Intent;
use specie_stripe::{Form, Priority, StripeError};

use super::request::target;
use crate::App;

/// The object that a step made or changed, if it did. `body` is what was sent.
pub(crate) async fn find(
    app: &App,
    intent: &Intent,
    payer: &Payer,
    name: &str,
    body: &str,
) -> Result<Option<Value>, StripeError> {
    let mark = intent.id.to_string();
    let customer = payer.stripe.as_ref().map(|id| id.to_string()).unwrap_or_default();
    let found = match name {
        // Stripe's `created` runs with business time; two days more than this intent is old.
        "customer" => {
            let age = app.wall.now().seconds_since(intent.created_at).max(0);
            let since = app.business.now().plus_seconds(-age - 2 * 86_400).as_second().to_string();
            listed(app, "/v1/customers", Form::new().set("created[gte]", &since), &mark).await?
        }
        "session" if customer.is_empty() => None,
        "session" => {
            let query = Form::new().set("customer", &customer);
            listed(app, "/v1/checkout/sessions", query, &mark).await?
        }
        "refund" => {
            let sent = specie_stripe::decode(body).unwrap_or_default();
            let payment = sent["payment_intent"].as_str().unwrap_or_default();
            let query = Form::new().set("payment_intent", payment);
            listed(app, "/v1/refunds", query, &mark).await?
        }
        "update" | "move_card" => {
            let found = aimed_at(app, "/v1/subscriptions", intent, name).await?;
            found.filter(|it| it["metadata"]["specie_intent"] == mark.as_str())
        }
        "cancel" => {
            let found = aimed_at(app, "/v1/subscriptions", intent, name).await?;
            found.filter(|it| it["status"] == "canceled")
        }
        "expire" => {
            let found = aimed_at(app, "/v1/checkout/sessions", intent, name).await?;
            found.filter(|it| it["status"] == "expired")
        }
        "pay" => {
            let found = aimed_at(app, "/v1/invoices", intent, name).await?;
            found.filter(|it| it["status"] == "paid")
        }
        _ => None,
    };
    Ok(found)
}

async fn listed(
    app: &App,
    path: &str,
    query: Form,
    mark: &str,
) -> Result<Option<Value>, StripeError> {
    match app.stripe.list_all(path, &query, Priority::Interactive).await {
        Ok(all) => Ok(all.into_iter().find(|it| it["metadata"]["specie_intent"] == mark)),
        // Of a customer who was deleted.
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error),
    }
}

async fn aimed_at(
    app: &App,
    path: &str,
    intent: &Intent,
    name: &str,
) -> Result<Option<Value>, StripeError> {
    let Some(id) = target(intent, name, &[]) else { return Ok(None) };
    let path = format!("{path}/{id}");
    match app.stripe.get(&path, &Form::new(), Priority::Interactive).await {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error),
    }
}
