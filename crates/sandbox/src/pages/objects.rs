//! All objects of the world, to look at.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;

use super::{date_and_time, missing, money, page};
use crate::sandbox::Sandbox;
use crate::world::wire::pretty;

/// What can be looked at.
const KINDS: [&str; 15] = [
    "event",
    "customer",
    "subscription",
    "invoice",
    "invoice_payment",
    "payment_intent",
    "charge",
    "refund",
    "payment_method",
    "checkout.session",
    "billing_portal.session",
    "product",
    "price",
    "webhook_endpoint",
    "test_helpers.test_clock",
];
/// So many are listed.
const MOST: usize = 500;
/// What is not shown to whoever can open a page.
const SECRET: [&str; 2] = ["secret", "client_secret"];

#[derive(Template)]
#[template(path = "kinds.html")]
struct Kinds {
    now: String,
    kinds: Vec<(&'static str, usize)>,
}

#[derive(Template)]
#[template(path = "list.html")]
struct List {
    kind: String,
    count: String,
    rows: Vec<Row>,
    left_out: usize,
}

struct Row {
    id: String,
    created: String,
    about: String,
}

#[derive(Template)]
#[template(path = "object.html")]
struct Object {
    kind: String,
    id: String,
    parts: Vec<Part>,
}

struct Part {
    text: String,
    link: Option<String>,
}

/// What kinds there are, and how many of each.
pub(crate) async fn kinds(State(sandbox): State<Sandbox>) -> Response {
    let now = date_and_time(&sandbox.now().into()).unwrap_or_default();
    let kinds = KINDS.map(|kind| (kind, sandbox.count(kind))).to_vec();
    page(StatusCode::OK, &Kinds { now, kinds }, "")
}

/// The objects of one kind, newest first.
pub(crate) async fn list(State(sandbox): State<Sandbox>, Path(kind): Path<String>) -> Response {
    if !KINDS.contains(&kind.as_str()) {
        return missing("There is no such kind of object.");
    }
    let rows = sandbox.list_newest(&kind, MOST);
    let rows = rows.iter().map(|object| Row {
        id: object["id"].as_str().unwrap_or_default().to_owned(),
        created: date_and_time(&object["created"]).unwrap_or_default(),
        about: about(object),
    });
    let rows: Vec<Row> = rows.collect();
    let all = sandbox.count(&kind);
    let left_out = all.saturating_sub(rows.len());
    let count = match all {
        0 => "There is none".into(),
        count => count.to_string(),
    };
    page(StatusCode::OK, &List { kind, count, rows, left_out }, "")
}

/// One object, as the API prints it.
pub(crate) async fn show(
    State(sandbox): State<Sandbox>,
    Path((kind, id)): Path<(String, String)>,
) -> Response {
    let found = sandbox.object(&id).filter(|object| object["object"] == kind.as_str());
    let Some(mut object) = found else { return missing("There is no such object.") };
    hide(&mut object);
    let json = pretty(&object);
    let parts = linked(&sandbox, &json, &id);
    page(StatusCode::OK, &Object { kind, id, parts }, "")
}

/// What tells one object of a kind from another.
fn about(object: &Value) -> String {
    let amount = ["amount_total", "total", "amount", "unit_amount"];
    let amount = amount.iter().map(|key| &object[*key]).find(|value| value.is_i64());
    let words = ["type", "name", "email", "number", "status", "url"];
    let words = words.iter().filter_map(|key| object[*key].as_str());
    let amount = amount.map(|amount| money(amount, &object["currency"]));
    words.map(str::to_owned).chain(amount).collect::<Vec<_>>().join(" · ")
}

fn hide(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                if SECRET.contains(&key.as_str()) && value.is_string() {
                    *value = "(not shown)".into();
                } else {
                    hide(value);
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(hide),
        _ => {}
    }
}

/// The text in parts, with a link wherever it names another object.
fn linked(sandbox: &Sandbox, json: &str, own: &str) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for (n, text) in json.split('"').enumerate() {
        let quote = if n == 0 { "" } else { "\"" };
        let kind = (text.contains('_') && text != own).then(|| sandbox.object(text)).flatten();
        let kind = kind.as_ref().and_then(|object| object["object"].as_str());
        let link = kind.filter(|kind| KINDS.contains(kind));
        match (link, parts.last_mut()) {
            (Some(kind), _) => {
                parts.push(Part { text: quote.to_owned(), link: None });
                let link = Some(format!("/objects/{kind}/{text}"));
                parts.push(Part { text: text.to_owned(), link });
            }
            (None, Some(last)) if last.link.is_none() => {
                last.text.push_str(quote);
                last.text.push_str(text);
            }
            (None, _) => parts.push(Part { text: format!("{quote}{text}"), link: None }),
        }
    }
    parts
}
