//! Whether the service and Stripe agree: every column of every mirror's row, against the object as
//! the sandbox's API lists it.
//!
//! The rows are read as the database has them, and compared by a table of this file's own: nothing
//! of what the service reads or translates with takes part.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use serde_json::{Map, Value};
use specie_store::{Db, StoreError, rows};

use crate::door::Door;
use crate::person::{Refusal, stripe_api};

/// How many columns were compared, and which differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agreement {
    /// Columns that say what Stripe says.
    pub equal: usize,
    /// Columns compared, and objects of our customers that have no row.
    pub of: usize,
    /// A line for each that differs: table, id, column, ours, Stripe's; or what has no row.
    pub differing: Vec<String>,
}

/// Why the two sides could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum NotCompared {
    /// Ours.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Stripe's.
    #[error(transparent)]
    Stripe(#[from] Refusal),
    /// A column that the table of this file does not know: it must be added there.
    #[error("the column `{0}` is compared with nothing")]
    Unknown(String),
}

/// What a column must equal.
enum Is {
    /// The value at a path of the object.
    At(&'static str),
    /// True at a path; false if there is nothing.
    Flag(&'static str),
    /// Unix seconds at a path.
    Time(&'static str),
    /// Of a payment's newest charge, at a path.
    OfCharge(&'static str),
    /// An amount of a payment's newest charge, at a path; zero without a charge.
    SumOfCharge(&'static str),
}

/// A table, the list it mirrors, and what each column must equal.
struct Mirror {
    table: &'static str,
    list: &'static str,
    columns: &'static [(&'static str, Is)],
}

use Is::{At, Flag, OfCharge, SumOfCharge, Time};

const MIRRORS: &[Mirror] = &[
    Mirror {
        table: "stripe_customers",
        list: "/v1/customers",
        columns: &[
            ("id", At("id")),
            ("email", At("email")),
            ("name", At("name")),
            ("currency", At("currency")),
            ("delinquent", At("delinquent")),
            ("default_payment_method", At("invoice_settings.default_payment_method")),
            ("deleted", Flag("deleted")),
            ("created", Time("created")),
        ],
    },
    Mirror {
        table: "stripe_subscriptions",
        list: "/v1/subscriptions?status=all",
        columns: &[
            ("id", At("id")),
            ("customer", At("customer")),
            ("status", At("status")),
            ("price", At("items.data.0.price.id")),
            ("quantity", At("items.data.0.quantity")),
            ("currency", At("currency")),
            ("cancel_at_period_end", At("cancel_at_period_end")),
            ("cancel_at", Time("cancel_at")),
            ("canceled_at", Time("canceled_at")),
            ("ended_at", Time("ended_at")),
            ("current_period_start", Time("items.data.0.current_period_start")),
            ("current_period_end", Time("items.data.0.current_period_end")),
            ("latest_invoice", At("latest_invoice")),
            ("default_payment_method", At("default_payment_method")),
            ("start_date", Time("start_date")),
            ("created", Time("created")),
        ],
    },
    Mirror {
        table: "stripe_invoices",
        list: "/v1/invoices",
        columns: &[
            ("id", At("id")),
            ("customer", At("customer")),
            ("subscription", At("parent.subscription_details.subscription")),
            ("number", At("number")),
            ("status", At("status")),
            ("billing_reason", At("billing_reason")),
            ("currency", At("currency")),
            ("amount_due", At("amount_due")),
            ("amount_paid", At("amount_paid")),
            ("amount_remaining", At("amount_remaining")),
            ("total", At("total")),
            ("attempt_count", At("attempt_count")),
            ("attempted", At("attempted")),
            ("next_payment_attempt", Time("next_payment_attempt")),
            ("line_period_start", Time("lines.data.0.period.start")),
            ("line_period_end", Time("lines.data.0.period.end")),
            ("hosted_invoice_url", At("hosted_invoice_url")),
            ("invoice_pdf", At("invoice_pdf")),
            ("created", Time("created")),
            ("finalized_at", Time("status_transitions.finalized_at")),
            ("paid_at", Time("status_transitions.paid_at")),
        ],
    },
    Mirror {
        table: "stripe_payments",
        list: "/v1/payment_intents",
        columns: &[
            ("id", At("id")),
            ("customer", At("customer")),
            ("invoice", At("payment_details.order_reference")),
            ("amount", At("amount")),
            ("amount_received", At("amount_received")),
            ("amount_refunded", SumOfCharge("amount_refunded")),
            ("currency", At("currency")),
            ("status", At("status")),
            ("latest_charge", At("latest_charge")),
            ("charge_status", OfCharge("status")),
            ("failure_code", OfCharge("failure_code")),
            ("card_brand", OfCharge("payment_method_details.card.brand")),
            ("card_last4", OfCharge("payment_method_details.card.last4")),
            ("receipt_url", OfCharge("receipt_url")),
            ("created", Time("created")),
        ],
    },
    Mirror {
        table: "stripe_refunds",
        list: "/v1/refunds",
        columns: &[
            ("id", At("id")),
            ("customer", At("customer")),
            ("payment_intent", At("payment_intent")),
            ("charge", At("charge")),
            ("amount", At("amount")),
            ("currency", At("currency")),
            ("status", At("status")),
            ("reason", At("reason")),
            ("created", Time("created")),
        ],
    },
    Mirror {
        table: "stripe_checkout_sessions",
        list: "/v1/checkout/sessions",
        columns: &[
            ("id", At("id")),
            ("customer", At("customer")),
            ("status", At("status")),
            ("payment_status", At("payment_status")),
            ("mode", At("mode")),
            ("subscription", At("subscription")),
            ("invoice", At("invoice")),
            ("url", At("url")),
            ("expires_at", Time("expires_at")),
            ("intent", At("metadata.specie_intent")),
            ("created", Time("created")),
        ],
    },
    Mirror {
        table: "stripe_payment_methods",
        list: "/v1/customers/{customer}/payment_methods",
        columns: &[
            ("id", At("id")),
            ("customer", At("customer")),
            ("kind", At("type")),
            ("brand", At("card.brand")),
            ("last4", At("card.last4")),
            ("exp_month", At("card.exp_month")),
            ("exp_year", At("card.exp_year")),
            ("created", Time("created")),
        ],
    },
    Mirror {
        table: "stripe_prices",
        list: "/v1/prices",
        columns: &[
            ("id", At("id")),
            ("product", At("product")),
            ("active", At("active")),
            ("currency", At("currency")),
            ("unit_amount", At("unit_amount")),
            ("interval_unit", At("recurring.interval")),
            ("interval_count", At("recurring.interval_count")),
            ("lookup_key", At("lookup_key")),
            ("created", Time("created")),
        ],
    },
    Mirror {
        table: "stripe_products",
        list: "/v1/products",
        columns: &[
            ("id", At("id")),
            ("name", At("name")),
            ("active", At("active")),
            ("created", Time("created")),
            ("updated", Time("updated")),
        ],
    },
];

/// Compares all mirrors with Stripe.
pub async fn compare(db: &Db, stripe: &Door) -> Result<Agreement, NotCompared> {
    let charges = listed(stripe, "/v1/charges").await?;
    let customers = ids(&rows::of_table(db, "stripe_customers").await?);
    let mut found = Agreement::default();
    for mirror in MIRRORS {
        let ours = rows::of_table(db, mirror.table).await?;
        let theirs = objects(stripe, mirror.list).await?;
        for row in &ours {
            let id = row.get("id").and_then(Value::as_str).unwrap_or_default();
            if mirror.table == "stripe_customers" && !theirs.contains_key(id) {
                unlisted(stripe, id, row, &mut found).await?;
                continue;
            }
            row_against(mirror, row, theirs.get(id), &charges, &mut found)?;
        }
        let ours = ids(&ours);
        let of_ours = |it: &Value| it["customer"].as_str().is_some_and(|id| customers.contains(id));
        for (id, _) in theirs.iter().filter(|(id, it)| of_ours(it) && !ours.contains(*id)) {
            found.of += 1;
            found.differing.push(format!("{} has no row of {id}", mirror.table));
        }
    }
    Ok(found)
}

/// A deleted customer is in no list, and Stripe says no more of them than that: nor do we.
async fn unlisted(
    stripe: &Door,
    id: &str,
    row: &Map<String, Value>,
    found: &mut Agreement,
) -> Result<(), Refusal> {
    let theirs = stripe_api(stripe, Method::GET, &format!("/v1/customers/{id}"), "").await?;
    found.of += 1;
    if theirs["deleted"] == true && is_same(&row["deleted"], &theirs["deleted"]) {
        found.equal += 1;
    } else {
        found.differing.push(format!("stripe_customers has {id}, which no list has"));
    }
    for column in ["email", "name", "default_payment_method"] {
        found.of += 1;
        match row.get(column) {
            Some(Value::Null) => found.equal += 1,
            kept => found
                .differing
                .push(format!("stripe_customers.{column} of {id}, who is deleted: {kept:?} here")),
        }
    }
    Ok(())
}

fn ids(rows: &[Map<String, Value>]) -> BTreeSet<String> {
    rows.iter().filter_map(|row| row.get("id")?.as_str()).map(String::from).collect()
}

async fn objects(stripe: &Door, list: &str) -> Result<BTreeMap<String, Value>, Refusal> {
    if !list.contains("{customer}") {
        return listed(stripe, list).await;
    }
    let mut all = BTreeMap::new();
    for customer in listed(stripe, "/v1/customers").await?.keys() {
        all.extend(listed(stripe, &list.replace("{customer}", customer)).await?);
    }
    Ok(all)
}

/// All objects of a list, by id, page by page.
async fn listed(stripe: &Door, list: &str) -> Result<BTreeMap<String, Value>, Refusal> {
    let mut all = BTreeMap::new();
    let mut after = String::new();
    loop {
        let and = if list.contains('?') { '&' } else { '?' };
        let path = format!("{list}{and}limit=100{after}");
        let page = stripe_api(stripe, Method::GET, &path, "").await?;
        let data = page["data"].as_array().cloned().unwrap_or_default();
        for object in data {
            let id = object["id"].as_str().unwrap_or_default().to_owned();
            after = format!("&starting_after={id}");
            all.insert(id, object);
        }
        if page["has_more"] != true {
            return Ok(all);
        }
    }
}

fn row_against(
    mirror: &Mirror,
    row: &Map<String, Value>,
    theirs: Option<&Value>,
    charges: &BTreeMap<String, Value>,
    found: &mut Agreement,
) -> Result<(), NotCompared> {
    let nothing = Value::Null;
    for (column, ours) in row {
        if ["raw", "fetched_at"].contains(&column.as_str()) {
            continue;
        }
        let is = mirror.columns.iter().find(|(name, _)| name == column).map(|(_, is)| is);
        let is = is.ok_or_else(|| NotCompared::Unknown(format!("{}.{column}", mirror.table)))?;
        let object = theirs.unwrap_or(&nothing);
        let charge = charges.get(object["latest_charge"].as_str().unwrap_or_default());
        let of_charge = |path| charge.map_or(Value::Null, |charge| at(charge, path));
        let expected = match is {
            At(path) | Time(path) => at(object, path),
            Flag(path) => (at(object, path) == true).into(),
            OfCharge(path) => of_charge(path),
            SumOfCharge(path) => of_charge(path).as_i64().unwrap_or(0).into(),
        };
        let same = match is {
            Time(_) => seconds(ours) == expected.as_i64(),
            _ => is_same(ours, &expected),
        };
        found.of += 1;
        if same {
            found.equal += 1;
        } else {
            let id = row.get("id").cloned().unwrap_or_default();
            found.differing.push(format!(
                "{}.{column} of {id}: {ours} here, {expected} at Stripe",
                mirror.table
            ));
        }
    }
    Ok(())
}

fn at(object: &Value, path: &str) -> Value {
    let step = |value: &Value, part: &str| match part.parse::<usize>() {
        Ok(n) => value[n].clone(),
        Err(_) => value[part].clone(),
    };
    path.split('.').fold(object.clone(), |value, part| step(&value, part))
}

/// SQLite has no booleans: it keeps 0 and 1.
fn is_same(ours: &Value, expected: &Value) -> bool {
    match expected {
        Value::Bool(flag) => ours == expected || ours.as_i64() == Some(i64::from(*flag)),
        _ => ours == expected,
    }
}

fn seconds(value: &Value) -> Option<i64> {
    let text = value.as_str()?.replace(' ', "T");
    let text = if text.ends_with('Z') || text.contains('+') { text } else { format!("{text}Z") };
    Some(text.parse::<jiff::Timestamp>().ok()?.as_second())
}
