//! The customer portal: subscriptions, the card, invoices, and the way back.

use askama::Template;
use axum::extract::{Form, Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;

use super::{
    CardFace, CardForm, Hint, Problem, SAVED, card_face, card_template, date, every, message,
    missing, money, page, product_name, refused, see_other, web_link, words,
};
use crate::sandbox::{ActionError, Sandbox};

const NO_SESSION: &str = "There is no such portal page. Its address may be cut short.";
/// So many invoices are listed.
const INVOICES: usize = 24;

#[derive(Template)]
#[template(path = "portal.html")]
struct Portal {
    session: String,
    email: String,
    back: Option<String>,
    subscriptions: Vec<Subscription>,
    saved: Option<CardFace>,
    replacing: bool,
    invoices: Vec<Invoice>,
    card: CardForm,
    hints: &'static [Hint],
}

struct Subscription {
    id: String,
    name: String,
    price: String,
    status: String,
    status_text: String,
    ends: Option<String>,
    renews: Option<String>,
    can_cancel: bool,
    can_resume: bool,
}

struct Invoice {
    id: String,
    number: String,
    date: String,
    amount: String,
    status: String,
    status_text: String,
}

#[derive(Template)]
#[template(path = "confirm.html")]
struct Confirm {
    session: String,
    id: String,
    name: String,
    ends: String,
}

/// A card that was typed.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Typed {
    number: String,
    expiry: String,
    cvc: String,
}

/// Shows the portal; first of all what its session was made for.
pub(crate) async fn show(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    match to_cancel(&sandbox, &id).filter(|_| query.is_none()) {
        Some(subscription) => see_other(&format!("/p/session/{id}/cancel/{subscription}")),
        None => shown(&sandbox, &id, StatusCode::OK, None),
    }
}

/// The subscription that the session was made to cancel, while it can be.
fn to_cancel(sandbox: &Sandbox, session: &str) -> Option<String> {
    let (_, session) = portal(sandbox, session)?;
    let id = session["flow"]["subscription_cancel"]["subscription"].as_str()?;
    let found = sandbox.object(id)?;
    subscription(sandbox, &found).can_cancel.then(|| id.to_owned())
}

/// Saves another card.
pub(crate) async fn replace_card(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    Form(typed): Form<Typed>,
) -> Response {
    let card = card_template(&typed.number, &typed.expiry, &typed.cvc, sandbox.month());
    let card = match card {
        Ok(card) => card,
        Err(problem) => return shown(&sandbox, &id, StatusCode::BAD_REQUEST, Some(problem)),
    };
    done(&sandbox, &id, sandbox.portal_replace_card(&id, card))
}

/// Asks whether a subscription shall really end.
pub(crate) async fn confirm(
    State(sandbox): State<Sandbox>,
    Path((session, id)): Path<(String, String)>,
) -> Response {
    let Some((customer, _)) = portal(&sandbox, &session) else { return missing(NO_SESSION) };
    let found = sandbox.object(&id).filter(|found| found["customer"] == customer.as_str());
    let Some(found) = found else { return missing("There is no such subscription.") };
    let name = product_name(&sandbox, &found["items"]["data"][0]["price"]);
    let ends = date(period_end(&found)).unwrap_or_else(|| "the end of its period".into());
    page(StatusCode::OK, &Confirm { session, id, name, ends }, "")
}

/// Ends a subscription with its period.
pub(crate) async fn cancel(
    State(sandbox): State<Sandbox>,
    Path((session, id)): Path<(String, String)>,
) -> Response {
    done(&sandbox, &session, sandbox.portal_cancel(&session, &id))
}

/// Takes a cancellation back.
pub(crate) async fn resume(
    State(sandbox): State<Sandbox>,
    Path((session, id)): Path<(String, String)>,
) -> Response {
    done(&sandbox, &session, sandbox.portal_resume(&session, &id))
}

fn done(sandbox: &Sandbox, session: &str, result: Result<(), ActionError>) -> Response {
    match result {
        Ok(()) => see_other(&format!("/p/session/{session}")),
        Err(error) => {
            let (status, problem) = refused(error);
            shown(sandbox, session, status, Some(problem))
        }
    }
}

fn shown(sandbox: &Sandbox, id: &str, status: StatusCode, problem: Option<Problem>) -> Response {
    let Some((customer_id, session)) = portal(sandbox, id) else { return missing(NO_SESSION) };
    let Some(customer) = sandbox.object(&customer_id).filter(|c| c["deleted"] != true) else {
        return message(StatusCode::GONE, "Gone", "This customer was deleted.", None);
    };
    let of_customer = |kind| sandbox.list_with(kind, "customer", &customer_id);
    let subscriptions = of_customer("subscription");
    let default = &customer["invoice_settings"]["default_payment_method"];
    let of_subscription = subscriptions.iter().map(|one| &one["default_payment_method"]);
    let method = std::iter::once(default).chain(of_subscription).find_map(Value::as_str);
    let saved = method.and_then(|id| sandbox.object(id)).as_ref().and_then(card_face);

    let template = Portal {
        session: id.to_owned(),
        email: customer["email"].as_str().unwrap_or_default().to_owned(),
        back: web_link(&session["return_url"]),
        subscriptions: subscriptions.iter().map(|one| subscription(sandbox, one)).collect(),
        saved,
        replacing: session["flow"]["type"] == "payment_method_update",
        invoices: of_customer("invoice").iter().take(INVOICES).map(invoice).collect(),
        card: CardForm { problem },
        hints: SAVED,
    };
    page(status, &template, "")
}

/// The session's customer, and the session.
fn portal(sandbox: &Sandbox, id: &str) -> Option<(String, Value)> {
    let session = sandbox.object(id)?;
    let is_portal = session["object"] == "billing_portal.session";
    let customer = session["customer"].as_str().filter(|_| is_portal)?.to_owned();
    Some((customer, session))
}

fn subscription(sandbox: &Sandbox, found: &Value) -> Subscription {
    let item = &found["items"]["data"][0];
    let price = &item["price"];
    let status = found["status"].as_str().unwrap_or_default().to_owned();
    let over = matches!(status.as_str(), "canceled" | "incomplete_expired");
    let ending = !over && (found["cancel_at_period_end"] == true || found["cancel_at"].is_i64());
    let amount = money(&price["unit_amount"], &price["currency"]);
    let end = period_end(found);
    Subscription {
        id: found["id"].as_str().unwrap_or_default().to_owned(),
        name: product_name(sandbox, price),
        price: every(price).map_or(amount.clone(), |every| format!("{amount} {every}")),
        status_text: if ending { "Ends soon".into() } else { words(&status) },
        status: if ending { "ending".into() } else { status },
        ends: date(&found["cancel_at"]).or_else(|| date(end)).filter(|_| ending),
        renews: date(end).filter(|_| !over),
        can_cancel: !over && !ending,
        can_resume: ending,
    }
}

/// The end of the paid period: on the item since the spring of 2025.
fn period_end(subscription: &Value) -> &Value {
    &subscription["items"]["data"][0]["current_period_end"]
}

fn invoice(found: &Value) -> Invoice {
    let id = found["id"].as_str().unwrap_or_default().to_owned();
    let status = found["status"].as_str().unwrap_or_default();
    Invoice {
        number: found["number"].as_str().unwrap_or(&id).to_owned(),
        date: date(&found["created"]).unwrap_or_default(),
        amount: money(&found["total"], &found["currency"]),
        status_text: match status {
            "open" => "To be paid".into(),
            status => words(status),
        },
        status: status.into(),
        id,
    }
}
