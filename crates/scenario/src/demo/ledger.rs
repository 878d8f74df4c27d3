//! The demo's charges, as Stripe lists them.

use std::collections::BTreeMap;

use http::Method;
use jiff::Timestamp;
use serde_json::Value;

use super::Charge;
use crate::door::DoorError;
use crate::person::{Refusal, stripe_api};
use crate::stage::Stage;

/// A charge with its id.
pub(super) struct Entry {
    /// Stripe's.
    pub id: String,
    /// What is told of it.
    pub charge: Charge,
    /// In cents, what went back.
    refunded: i64,
}

/// All charges, oldest first, with the time that each pays for.
pub(super) async fn all(stage: &Stage) -> Result<Vec<Entry>, Refusal> {
    let listed = list(stage, "/v1/charges").await?;
    let intents = by_id(list(stage, "/v1/payment_intents").await?);
    let invoices = by_id(list(stage, "/v1/invoices").await?);
    let people = people(stage).await?;
    let nothing = Value::Null;
    let named = |all: &BTreeMap<String, Value>, id: &Value| {
        all.get(id.as_str().unwrap_or_default()).unwrap_or(&nothing).clone()
    };
    let entry = |charge: &Value| {
        let intent = named(&intents, &charge["payment_intent"]);
        let invoice = named(&invoices, &intent["payment_details"]["order_reference"]);
        entry(charge, &invoice, &people)
    };
    let mut all: Vec<_> = listed.iter().rev().map(entry).collect();
    all.sort_by_key(|entry| entry.charge.at);
    Ok(all)
}

/// The newest charges that are not among `known`, oldest first.
pub(super) async fn news(
    stage: &Stage,
    known: impl Fn(&str) -> bool,
) -> Result<Vec<Entry>, Refusal> {
    let get = async |path: String| stripe_api(&stage.stripe, Method::GET, &path, "").await;
    let page = get("/v1/charges?limit=20".into()).await?;
    let people = people(stage).await?;
    let mut news = Vec::new();
    for charge in page["data"].as_array().into_iter().flatten().rev() {
        if known(charge["id"].as_str().unwrap_or_default()) {
            continue;
        }
        let intent = charge["payment_intent"].as_str().unwrap_or_default();
        let intent = get(format!("/v1/payment_intents/{intent}")).await?;
        let invoice = intent["payment_details"]["order_reference"].as_str().unwrap_or_default();
        let invoice = get(format!("/v1/invoices/{invoice}")).await?;
        news.push(entry(charge, &invoice, &people));
    }
    Ok(news)
}

/// Succeeded charges less refunds, in cents.
pub(super) fn total(entries: &[Entry]) -> i64 {
    let succeeded = entries.iter().filter(|entry| entry.charge.status == "succeeded");
    succeeded.map(|entry| entry.charge.amount - entry.refunded).sum()
}

fn entry(charge: &Value, invoice: &Value, people: &BTreeMap<String, String>) -> Entry {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let time =
        |value: &Value| Timestamp::from_second(value.as_i64().unwrap_or(0)).unwrap_or_default();
    let period = &invoice["lines"]["data"][0]["period"];
    let customer = text(&charge["customer"]);
    Entry {
        id: text(&charge["id"]),
        refunded: charge["amount_refunded"].as_i64().unwrap_or(0),
        charge: Charge {
            at: time(&charge["created"]),
            customer: people.get(&customer).cloned().unwrap_or(customer),
            amount: charge["amount"].as_i64().unwrap_or(0),
            currency: text(&charge["currency"]),
            status: text(&charge["status"]),
            period_start: time(&period["start"]),
            period_end: time(&period["end"]),
        },
    }
}

fn by_id(all: Vec<Value>) -> BTreeMap<String, Value> {
    let named = |it: Value| Some((it["id"].as_str()?.to_owned(), it));
    all.into_iter().filter_map(named).collect()
}

/// A list, page by page, newest first.
async fn list(stage: &Stage, path: &str) -> Result<Vec<Value>, Refusal> {
    let mut all = Vec::new();
    let mut after = String::new();
    loop {
        let path = format!("{path}?limit=100{after}");
        let page = stripe_api(&stage.stripe, Method::GET, &path, "").await?;
        all.extend(page["data"].as_array().cloned().unwrap_or_default());
        let last = all.last().and_then(|it| it["id"].as_str()).unwrap_or_default();
        after = format!("&starting_after={last}");
        if page["has_more"] != true {
            return Ok(all);
        }
    }
}

/// The app's ids by Stripe's.
async fn people(stage: &Stage) -> Result<BTreeMap<String, String>, Refusal> {
    let unreadable = |error: specie_store::StoreError| Refusal::Door(DoorError(error.to_string()));
    let mut tx = stage.app.db.read().await.map_err(unreadable)?;
    let payers = specie_store::customers::list(&mut tx, 1000).await.map_err(unreadable)?;
    Ok(payers.into_iter().filter_map(|it| Some((it.stripe?.to_string(), it.app_id))).collect())
}
