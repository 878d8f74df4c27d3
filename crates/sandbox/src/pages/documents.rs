//! Receipts and invoices, as whoever has their address sees them. An open invoice can be paid.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;

use super::{
    CardForm, Hint, PATIENCE, Problem, SAVED, card_template, card_text, date, date_and_time,
    missing, money, page, pdf, see_other, words,
};
use crate::sandbox::Sandbox;
use crate::skin::header_value;
use crate::world::Call;

const NO_INVOICE: &str = "There is no such invoice.";

#[derive(Template)]
#[template(path = "document.html")]
struct Document {
    title: &'static str,
    amount: String,
    status: String,
    status_text: String,
    facts: Vec<(&'static str, String)>,
    lines: Vec<Line>,
    sums: Vec<(&'static str, String)>,
    links: Vec<(String, &'static str)>,
    pay: Option<Pay>,
    card: CardForm,
    hints: &'static [Hint],
}

struct Line {
    name: String,
    period: Option<String>,
    amount: String,
}

/// What is still due, and can be paid on the page.
struct Pay {
    invoice: String,
    due: String,
}

/// A card that was typed.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Typed {
    number: String,
    expiry: String,
    cvc: String,
}

/// The receipt of a charge that succeeded.
pub(crate) async fn receipt(State(sandbox): State<Sandbox>, Path(id): Path<String>) -> Response {
    let charge = sandbox.object(&id).filter(|found| found["object"] == "charge");
    let Some(charge) = charge.filter(|charge| charge["status"] == "succeeded") else {
        return missing("There is no such receipt.");
    };
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let email =
        text(&charge["receipt_email"]).or_else(|| text(&charge["billing_details"]["email"]));
    let refunded = money(&charge["amount_refunded"], &charge["currency"]);
    let has_refund = charge["amount_refunded"].as_i64().is_some_and(|amount| amount > 0);
    let facts = [
        ("Paid on", date_and_time(&charge["created"])),
        ("Card", card_text(&charge["payment_method_details"])),
        ("For", text(&charge["description"])),
        ("To", email),
        ("Refunded", Some(refunded).filter(|_| has_refund)),
        ("Number", text(&charge["receipt_number"])),
        ("Charge", Some(id)),
    ];
    let (status, status_text) = match charge["refunded"] == true {
        true => ("refunded", "Refunded"),
        false => ("succeeded", "Paid"),
    };
    let document = Document {
        title: "Receipt",
        amount: money(&charge["amount"], &charge["currency"]),
        status: status.into(),
        status_text: status_text.into(),
        facts: known(facts),
        lines: Vec::new(),
        sums: Vec::new(),
        links: invoice_of(&sandbox, &charge)
            .map(|id| (format!("/i/{id}"), "View the invoice"))
            .into_iter()
            .collect(),
        pay: None,
        card: CardForm::default(),
        hints: &[],
    };
    page(StatusCode::OK, &document, "")
}

/// An invoice, once it is finalised.
pub(crate) async fn invoice(State(sandbox): State<Sandbox>, Path(id): Path<String>) -> Response {
    shown(&sandbox, &id, StatusCode::OK, None)
}

/// Pays an open invoice with a card that was typed.
pub(crate) async fn pay(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    Form(typed): Form<Typed>,
) -> Response {
    let Some(invoice) = finalised(&sandbox, &id) else { return missing(NO_INVOICE) };
    if invoice["status"] != "open" {
        return see_other(&format!("/i/{id}"));
    }
    let card = card_template(&typed.number, &typed.expiry, &typed.cvc, sandbox.month());
    let paid = match card {
        Ok(card) => charge(&sandbox, &invoice, card),
        Err(problem) => return shown(&sandbox, &id, StatusCode::BAD_REQUEST, Some(problem)),
    };
    match paid {
        Ok(()) => {
            drop(tokio::time::timeout(PATIENCE, sandbox.told()).await);
            see_other(&format!("/i/{id}"))
        }
        Err(message) => {
            let problem = Problem { message, field: "number" };
            shown(&sandbox, &id, StatusCode::PAYMENT_REQUIRED, Some(problem))
        }
    }
}

/// Saves the card with the customer and charges the invoice to it, as calls of the API do.
fn charge(sandbox: &Sandbox, invoice: &Value, card: &str) -> Result<(), String> {
    let customer = invoice["customer"].as_str().unwrap_or_default();
    let attach = format!("/v1/payment_methods/{card}/attach");
    let method = post(sandbox, &attach, &format!("customer={customer}"))?;
    let method = method["id"].as_str().unwrap_or_default();
    let pay = format!("/v1/invoices/{}/pay", invoice["id"].as_str().unwrap_or_default());
    post(sandbox, &pay, &format!("payment_method={method}")).map(|_| ())
}

fn post(sandbox: &Sandbox, path: &str, body: &str) -> Result<Value, String> {
    let call = Call {
        method: "POST".into(),
        path: path.into(),
        query: String::new(),
        body: body.into(),
        authorization: Some("Bearer sk_test_hostedInvoicePage".into()),
        idempotency_key: None,
        version: None,
        account: None,
    };
    let reply = sandbox.call(call).map_err(|broken| broken.to_string())?;
    let body: Value = serde_json::from_str(&reply.body).unwrap_or_default();
    if reply.status == 200 {
        return Ok(body);
    }
    Err(body["error"]["message"].as_str().unwrap_or("Please try again.").into())
}

fn finalised(sandbox: &Sandbox, id: &str) -> Option<Value> {
    let invoice = sandbox.object(id).filter(|found| found["object"] == "invoice");
    invoice.filter(|invoice| invoice["status"] != "draft")
}

fn shown(sandbox: &Sandbox, id: &str, status: StatusCode, problem: Option<Problem>) -> Response {
    let Some(invoice) = finalised(sandbox, id) else { return missing(NO_INVOICE) };
    let receipt = charge_of(sandbox, &invoice).and_then(|charge| {
        Some((format!("/receipts/{}", charge["id"].as_str()?), "View the receipt"))
    });
    let print = (format!("/i/{id}/pdf"), "Download as PDF");
    let is_open = invoice["status"] == "open";
    let due = money(&invoice["amount_remaining"], &invoice["currency"]);
    let word = invoice["status"].as_str().unwrap_or_default();
    let document = Document {
        title: "Invoice",
        amount: money(&invoice["total"], &invoice["currency"]),
        status: word.into(),
        status_text: if is_open { "To be paid".into() } else { words(word) },
        facts: facts(&invoice),
        lines: lines(&invoice),
        sums: sums(&invoice),
        links: receipt.into_iter().chain([print]).collect(),
        pay: is_open.then(|| Pay { invoice: id.into(), due }),
        card: CardForm { problem },
        hints: SAVED,
    };
    page(status, &document, "")
}

fn facts(invoice: &Value) -> Vec<(&'static str, String)> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let next = date_and_time(&invoice["next_payment_attempt"]);
    known([
        ("Number", text(&invoice["number"])),
        ("For", text(&invoice["customer_name"])),
        ("To", text(&invoice["customer_email"])),
        ("Issued on", date(&invoice["created"])),
        ("Paid on", date(&invoice["status_transitions"]["paid_at"])),
        ("Next attempt", next.filter(|_| invoice["status"] == "open")),
    ])
}

fn lines(invoice: &Value) -> Vec<Line> {
    let all = invoice["lines"]["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    let line = |line: &Value| {
        let period = &line["period"];
        let from_to = date(&period["start"]).zip(date(&period["end"]));
        Line {
            name: line["description"].as_str().unwrap_or("Subscription").into(),
            period: from_to.map(|(from, to)| format!("{from} – {to}")),
            amount: money(&line["amount"], &line["currency"]),
        }
    };
    all.iter().map(line).collect()
}

fn sums(invoice: &Value) -> Vec<(&'static str, String)> {
    let amount = |field: &str| money(&invoice[field], &invoice["currency"]);
    let due = Some(amount("amount_remaining")).filter(|_| invoice["status"] == "open");
    known([("Total", Some(amount("total"))), ("Still due", due)])
}

/// An invoice to keep.
pub(crate) async fn print(State(sandbox): State<Sandbox>, Path(id): Path<String>) -> Response {
    let Some(invoice) = finalised(&sandbox, &id) else { return missing(NO_INVOICE) };
    let own = |(name, value): (&str, String)| (name.to_owned(), value);
    let line = |line: Line| match line.period {
        Some(period) => (format!("{}, {period}", line.name), line.amount),
        None => (line.name, line.amount),
    };
    let status = words(invoice["status"].as_str().unwrap_or_default());
    let note = "Specie sandbox: a test, no money moved".to_owned();
    let more = [("Status".to_owned(), status), ("From".to_owned(), note)];
    let paper = pdf::Paper {
        title: "Invoice".into(),
        facts: facts(&invoice).into_iter().map(own).chain(more).collect(),
        lines: lines(&invoice).into_iter().map(line).collect(),
        sums: sums(&invoice).into_iter().map(own).collect(),
    };
    let name = invoice["number"].as_str().unwrap_or(&id);
    let shown = format!("inline; filename=\"invoice-{name}.pdf\"");
    let headers = [
        (header::CONTENT_TYPE, header_value("application/pdf")),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::try_from(shown).unwrap_or_else(|_| header_value("inline")),
        ),
        (header::CACHE_CONTROL, header_value("no-store")),
        (header::X_CONTENT_TYPE_OPTIONS, header_value("nosniff")),
    ];
    (headers, pdf::pdf(&paper)).into_response()
}

fn known<const N: usize>(
    facts: [(&'static str, Option<String>); N],
) -> Vec<(&'static str, String)> {
    facts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// The invoice that a charge paid.
fn invoice_of(sandbox: &Sandbox, charge: &Value) -> Option<String> {
    let intent = charge["payment_intent"].as_str()?;
    let payments = sandbox.list_with("invoice_payment", "payment.payment_intent", intent);
    payments.first()?["invoice"].as_str().map(str::to_owned)
}

/// The charge that paid an invoice.
fn charge_of(sandbox: &Sandbox, invoice: &Value) -> Option<Value> {
    let payments = sandbox.list_with("invoice_payment", "invoice", invoice["id"].as_str()?);
    let intent = sandbox.object(payments.first()?["payment"]["payment_intent"].as_str()?)?;
    let charge = sandbox.object(intent["latest_charge"].as_str()?)?;
    (charge["status"] == "succeeded").then_some(charge)
}
