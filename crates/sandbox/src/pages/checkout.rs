//! The Checkout page: what is bought, a card, and the way back.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;

use super::{
    CardForm, Hint, PATIENCE, PAYING, Problem, card_template, every, leads_to, message, missing,
    money, page, product_name, refused, see_other, typed_text, web_link,
};
use crate::sandbox::Sandbox;

#[derive(Template)]
#[template(path = "checkout.html")]
struct Checkout {
    session: String,
    name: String,
    lines: Vec<Line>,
    total: String,
    every: Option<String>,
    email: String,
    email_known: bool,
    holder: String,
    back: Option<String>,
    card: CardForm,
    hints: &'static [Hint],
}

struct Line {
    name: String,
    quantity: u64,
    amount: String,
    about: String,
}

/// What a person typed.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Typed {
    number: String,
    expiry: String,
    cvc: String,
    name: String,
    email: String,
}

/// Shows an open session's page, or says what became of it.
pub(crate) async fn show(State(sandbox): State<Sandbox>, Path(id): Path<String>) -> Response {
    shown(&sandbox, &id, StatusCode::OK, Typed::default(), None)
}

/// Pays, and goes where the session leads.
pub(crate) async fn pay(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    Form(typed): Form<Typed>,
) -> Response {
    let Some(session) = session(&sandbox, &id) else { return missing(NO_SESSION) };
    if session["status"] != "open" {
        // Whoever pressed twice is led on as well.
        let paid = session["success_url"].as_str().filter(|_| session["status"] == "complete");
        return match paid {
            Some(url) => see_other(&url.replace("{CHECKOUT_SESSION_ID}", &id)),
            None => over(&id, &session),
        };
    }
    let checked = check(&typed, known_email(&sandbox, &session), sandbox.month());
    let (email, name, card) = match checked {
        Ok(checked) => checked,
        Err(problem) => {
            return shown(&sandbox, &id, StatusCode::BAD_REQUEST, typed, Some(problem));
        }
    };
    match sandbox.pay_checkout(&id, card, email.as_deref(), Some(&name)) {
        Ok(url) => {
            drop(tokio::time::timeout(PATIENCE, sandbox.told()).await);
            see_other(&url.replace("{CHECKOUT_SESSION_ID}", &id))
        }
        Err(error) => {
            let (status, problem) = refused(error);
            shown(&sandbox, &id, status, typed, Some(problem))
        }
    }
}

const NO_SESSION: &str = "There is no such payment page. Its address may be cut short.";

type Checked = (Option<String>, String, &'static str);

fn check(typed: &Typed, known: Option<String>, today: (i16, i8)) -> Result<Checked, Problem> {
    let problem = |message: &str, field| Problem { message: message.into(), field };
    let email = match known {
        Some(_) => None, // the customer's own
        None => {
            let typed = typed_text(&typed.email, "email")?;
            let is_address = |text: &str| {
                text.split_once('@').is_some_and(|(name, host)| {
                    !name.is_empty() && host.contains('.') && !text.contains(char::is_whitespace)
                })
            };
            let typed = typed.filter(|text| is_address(text));
            Some(typed.ok_or_else(|| problem("Your email address is incomplete.", "email"))?)
        }
    };
    let card = card_template(&typed.number, &typed.expiry, &typed.cvc, today)?;
    let name = typed_text(&typed.name, "name")?;
    let name = name.ok_or_else(|| problem("The name on the card is missing.", "name"))?;
    Ok((email, name, card))
}

fn shown(
    sandbox: &Sandbox,
    id: &str,
    status: StatusCode,
    typed: Typed,
    problem: Option<Problem>,
) -> Response {
    let Some(session) = session(sandbox, id) else { return missing(NO_SESSION) };
    if session["status"] != "open" {
        return over(id, &session);
    }
    let items = line_items(sandbox, id, &session);
    let lines = items.iter().map(|item| line(sandbox, item)).collect::<Vec<_>>();
    let first = items.first().map(|item| &item["price"]);
    let known = known_email(sandbox, &session);
    // What stands in the wrong field is not shown again either.
    let again = |text: String| typed_text(&text, "").ok().flatten().unwrap_or_default();
    let template = Checkout {
        session: id.to_owned(),
        name: first.map_or_else(|| "your plan".into(), |price| product_name(sandbox, price)),
        total: money(&session["amount_total"], &session["currency"]),
        every: first.and_then(every),
        lines,
        email_known: known.is_some(),
        email: known
            .or_else(|| session["customer_email"].as_str().map(str::to_owned))
            .filter(|_| typed.email.is_empty())
            .unwrap_or_else(|| again(typed.email)),
        holder: again(typed.name),
        back: web_link(&session["cancel_url"]),
        card: CardForm { problem },
        hints: PAYING,
    };
    let leads = session["success_url"].as_str().map(leads_to).unwrap_or_default();
    page(status, &template, &leads)
}

fn session(sandbox: &Sandbox, id: &str) -> Option<Value> {
    sandbox.object(id).filter(|session| session["object"] == "checkout.session")
}

/// What became of a session that is not open.
fn over(id: &str, session: &Value) -> Response {
    if session["status"] == "complete" {
        let text = "This payment was made already. There is nothing more to do here.";
        let url = web_link(&session["success_url"]);
        let url = url.map(|url| (url.replace("{CHECKOUT_SESSION_ID}", id), "Continue".into()));
        return message(StatusCode::OK, "All done", text, url);
    }
    let text = "This payment page has expired, and nothing was charged. Go back and start again.";
    let back = web_link(&session["cancel_url"]).map(|url| (url, "Go back".into()));
    message(StatusCode::GONE, "This page has expired", text, back)
}

/// The address of the customer that the session names.
fn known_email(sandbox: &Sandbox, session: &Value) -> Option<String> {
    let customer = sandbox.object(session["customer"].as_str()?)?;
    customer["email"].as_str().filter(|email| !email.is_empty()).map(str::to_owned)
}

/// What is bought. The session itself names it only when it is asked for.
fn line_items(sandbox: &Sandbox, id: &str, session: &Value) -> Vec<Value> {
    if let Some(items) = session["line_items"]["data"].as_array() {
        return items.clone();
    }
    sandbox.checkout_lines(id)
}

fn line(sandbox: &Sandbox, item: &Value) -> Line {
    let price = &item["price"];
    let quantity = item["quantity"].as_u64().unwrap_or(1);
    let unit = money(&price["unit_amount"], &price["currency"]);
    let about = match (every(price), quantity) {
        (Some(every), 1) => format!("{unit} {every}"),
        (Some(every), _) => format!("{unit} each, {every}"),
        (None, _) => String::new(),
    };
    Line {
        name: product_name(sandbox, price),
        quantity,
        amount: money(&item["amount_total"], &item["currency"]),
        about,
    }
}
