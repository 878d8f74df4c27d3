//! Receipts and invoices, as whoever has their address sees them.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;

use super::{card_text, date, date_and_time, message, missing, money, page, words};
use crate::sandbox::Sandbox;

#[derive(Template)]
#[template(path = "document.html")]
struct Document {
    title: String,
    amount: String,
    status: String,
    status_text: String,
    facts: Vec<(&'static str, String)>,
    lines: Vec<(String, String)>,
    total: String,
    link: Option<(String, String)>,
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
        title: "Receipt".into(),
        amount: money(&charge["amount"], &charge["currency"]),
        status: status.into(),
        status_text: status_text.into(),
        facts: known(facts),
        lines: Vec::new(),
        total: String::new(),
        link: invoice_of(&sandbox, &charge).map(|id| (format!("/i/{id}"), "The invoice".into())),
    };
    page(StatusCode::OK, &document, "")
}

/// An invoice, once it is finalised.
pub(crate) async fn invoice(State(sandbox): State<Sandbox>, Path(id): Path<String>) -> Response {
    let invoice = sandbox.object(&id).filter(|found| found["object"] == "invoice");
    let Some(invoice) = invoice.filter(|invoice| invoice["status"] != "draft") else {
        return missing("There is no such invoice.");
    };
    let currency = &invoice["currency"];
    let status = invoice["status"].as_str().unwrap_or_default();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let lines = invoice["lines"]["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    let line = |line: &Value| {
        let period = &line["period"];
        let from_to = date(&period["start"]).zip(date(&period["end"]));
        let from_to = from_to.map(|(from, to)| format!(", {from} – {to}")).unwrap_or_default();
        let what = line["description"].as_str().unwrap_or("Subscription");
        (format!("{what}{from_to}"), money(&line["amount"], &line["currency"]))
    };
    let facts = [
        ("Number", text(&invoice["number"])),
        ("For", text(&invoice["customer_name"])),
        ("To", text(&invoice["customer_email"])),
        ("Issued on", date(&invoice["created"])),
        ("Paid on", date(&invoice["status_transitions"]["paid_at"])),
        (
            "Still due",
            Some(money(&invoice["amount_remaining"], currency)).filter(|_| status == "open"),
        ),
        ("Next attempt", date_and_time(&invoice["next_payment_attempt"])),
    ];
    let receipt = charge_of(&sandbox, &invoice).and_then(|charge| {
        Some((format!("/receipts/{}", charge["id"].as_str()?), "The receipt".into()))
    });
    let document = Document {
        title: "Invoice".into(),
        amount: money(&invoice["total"], currency),
        status: status.into(),
        status_text: words(status),
        facts: known(facts),
        lines: lines.iter().map(line).collect(),
        total: money(&invoice["total"], currency),
        link: receipt,
    };
    page(StatusCode::OK, &document, "")
}

/// Where an invoice's PDF will be.
pub(crate) async fn pdf(Path(id): Path<String>) -> Response {
    let text = "The sandbox makes no PDF yet. The invoice's page can be printed.";
    let link = Some((format!("/i/{id}"), "The invoice".into()));
    message(StatusCode::NOT_FOUND, "No PDF yet", text, link)
}

fn known<const N: usize>(
    facts: [(&'static str, Option<String>); N],
) -> Vec<(&'static str, String)> {
    facts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// The invoice that a charge paid.
fn invoice_of(sandbox: &Sandbox, charge: &Value) -> Option<String> {
    let intent = charge["payment_intent"].as_str()?;
    let payments = sandbox.list("invoice_payment");
    let paid = payments.iter().find(|one| one["payment"]["payment_intent"] == intent)?;
    paid["invoice"].as_str().map(str::to_owned)
}

/// The charge that paid an invoice.
fn charge_of(sandbox: &Sandbox, invoice: &Value) -> Option<Value> {
    let payments = sandbox.list("invoice_payment");
    let paid = payments.iter().find(|one| one["invoice"] == invoice["id"])?;
    let intent = sandbox.object(paid["payment"]["payment_intent"].as_str()?)?;
    let charge = sandbox.object(intent["latest_charge"].as_str()?)?;
    (charge["status"] == "succeeded").then_some(charge)
}
