//! What the claimed rows of a customer's lane name, and reading it from Stripe.
//!
//! Each object is read once, with what hangs on it: a session's subscription, a subscription's
//! newest invoice and card, an invoice's payments, a payment's charge and refunds.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use specie_store::inbox::Event;
use specie_store::lanes::Claim;
use specie_stripe::{
    CheckoutSession, Customer, Form, Invoice, PaymentIntent, PaymentMethod, Priority, Refund,
    StripeError, Subscription, Unreadable,
};
use specie_vocab::CustomerId;

use super::{LaneError, WishFor};
use crate::App;

/// What Stripe says of a customer's objects, now.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) customers: Vec<Customer>,
    pub(super) subscriptions: Vec<Subscription>,
    pub(super) invoices: Vec<Invoice>,
    pub(super) payments: Vec<Payment>,
    pub(super) sessions: Vec<CheckoutSession>,
    pub(super) payment_methods: Vec<PaymentMethod>,
    /// What was read, by id, as it came: for the second look.
    pub(super) raw: BTreeMap<String, Value>,
}

/// A payment intent with its refunds. Its newest charge is expanded in it.
pub(super) struct Payment {
    pub(super) intent: PaymentIntent,
    pub(super) refunds: Vec<Refund>,
}

impl From<Unreadable> for LaneError {
    fn from(error: Unreadable) -> Self {
        Self::Unreadable { object: error.object.into(), why: error.to_string() }
    }
}

/// Reads all that a claim names.
pub(super) async fn all(
    app: &App,
    customer: &CustomerId,
    claim: &Claim,
) -> Result<Seen, LaneError> {
    // Somebody waits for what was wished urgently; everything else may wait for them.
    let urgent = claim.wishes.iter().any(|wish| wish.urgent);
    let mut reader = Reader {
        app,
        priority: if urgent { Priority::Interactive } else { Priority::Background },
        todo: BTreeSet::new(),
        seen: Seen::default(),
        did: BTreeSet::new(),
    };
    for event in &claim.events {
        reader.todo.extend(named_by(event));
    }
    for wish in &claim.wishes {
        match serde_json::from_value(wish.what.clone()) {
            Ok(WishFor::Object { id }) => {
                reader.todo.insert(id);
            }
            Ok(WishFor::Everything) => reader.everything(customer).await?,
            Ok(WishFor::Ask { .. }) => {}
            Err(error) => {
                return Err(LaneError::Unreadable {
                    object: "wish".into(),
                    why: error.to_string(),
                });
            }
        }
    }
    while let Some(id) = reader.todo.pop_first() {
        if reader.did.insert(id.clone()) {
            reader.one(&id).await?;
        }
    }
    Ok(reader.seen)
}

/// The object that an event tells of, and that can be fetched.
///
/// Not fetched: portal sessions and the preview of `invoice.upcoming`, which no call returns. A
/// charge or a refund is read through its payment intent.
pub(super) fn named_by(event: &Event) -> Option<String> {
    let kind = event.kind.as_str();
    if kind.starts_with("charge.") || kind.starts_with("refund.") {
        return payload_field(event, "payment_intent");
    }
    if kind.starts_with("invoice_payment.") {
        return payload_field(event, "invoice");
    }
    if kind == "invoice.upcoming" || kind.starts_with("billing_portal.") {
        return None;
    }
    event.object.clone().filter(|id| is_readable(id))
}

/// The object through which one is read that has no call of its own here.
pub(super) fn through(object: &Value) -> Option<&str> {
    let field = match object["object"].as_str()? {
        "charge" | "refund" | "dispute" => "payment_intent",
        "invoice_payment" => "invoice",
        _ => return None,
    };
    object[field].as_str().or_else(|| object[field]["id"].as_str())
}

/// Kinds of objects that a customer's lane reads.
const READABLE: [&str; 6] = ["sub_", "in_", "pi_", "cs_", "cus_", "pm_"];

pub(super) fn is_readable(id: &str) -> bool {
    READABLE.iter().any(|prefix| id.starts_with(prefix))
}

/// A field of the object in an event's body: an id, or an expanded object's id.
pub(super) fn payload_field(event: &Event, field: &str) -> Option<String> {
    let body: Value = serde_json::from_slice(&event.payload).ok()?;
    let value = &body["data"]["object"][field];
    value.as_str().or_else(|| value["id"].as_str()).map(String::from)
}

struct Reader<'a> {
    app: &'a App,
    priority: Priority,
    todo: BTreeSet<String>,
    did: BTreeSet<String>,
    seen: Seen,
}

impl Reader<'_> {
    async fn get(&mut self, path: &str, expand: &[&str]) -> Result<Option<Value>, StripeError> {
        let query = expand
            .iter()
            .enumerate()
            .fold(Form::new(), |form, (n, field)| form.set(format!("expand[{n}]"), *field));
        match self.app.stripe.get(path, &query, self.priority).await {
            Ok(found) => {
                let found = self.whole(found).await?;
                if let Some(id) = found["id"].as_str() {
                    self.seen.raw.insert(id.into(), found.clone());
                }
                Ok(Some(found))
            }
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// An object with all of its lists: those within it are cut at ten.
    async fn whole(&self, mut found: Value) -> Result<Value, StripeError> {
        for name in ["items", "lines", "payments"] {
            if found[name]["has_more"] != true {
                continue;
            }
            let url = found[name]["url"].as_str().unwrap_or_default().to_owned();
            let (path, query) = url.split_once('?').unwrap_or((&url, ""));
            let parts = query.split('&').filter_map(|part| part.split_once('='));
            let query = parts.fold(Form::new(), |form, (name, value)| form.set(name, value));
            let all = self.app.stripe.list_all(path, &query, self.priority).await?;
            found[name]["data"] = Value::Array(all);
            found[name]["has_more"] = false.into();
        }
        Ok(found)
    }

    async fn one(&mut self, id: &str) -> Result<(), LaneError> {
        match id.split_once('_').map(|(prefix, _)| prefix) {
            Some("sub") => {
                if let Some(found) = self.get(&format!("/v1/subscriptions/{id}"), &[]).await? {
                    self.subscription(Subscription::parse(&found)?);
                }
            }
            Some("in") => {
                let expand = ["payments"];
                if let Some(found) = self.get(&format!("/v1/invoices/{id}"), &expand).await? {
                    self.invoice(Invoice::parse(&found)?);
                }
            }
            Some("pi") => self.payment(id).await?,
            Some("cs") => {
                let path = format!("/v1/checkout/sessions/{id}");
                if let Some(found) = self.get(&path, &[]).await? {
                    self.session(CheckoutSession::parse(&found)?);
                }
            }
            Some("cus") => {
                if let Some(found) = self.get(&format!("/v1/customers/{id}"), &[]).await? {
                    self.customer(Customer::parse(&found)?);
                }
            }
            Some("pm") => {
                let path = format!("/v1/payment_methods/{id}");
                if let Some(found) = self.get(&path, &[]).await? {
                    self.seen.payment_methods.push(PaymentMethod::parse(&found)?);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn also(&mut self, id: Option<impl ToString>) {
        self.todo.extend(id.map(|id| id.to_string()));
    }

    fn subscription(&mut self, found: Subscription) {
        self.also(found.latest_invoice.as_ref());
        self.also(found.default_payment_method.as_ref());
        self.seen.subscriptions.push(found);
    }

    fn invoice(&mut self, found: Invoice) {
        for payment in &found.payments {
            self.also(payment.payment_intent.as_ref());
        }
        self.seen.invoices.push(found);
    }

    fn session(&mut self, found: CheckoutSession) {
        self.also(found.subscription.as_ref());
        self.also(found.invoice.as_ref());
        self.seen.sessions.push(found);
    }

    fn customer(&mut self, found: Customer) {
        self.also(found.default_payment_method.as_ref());
        self.seen.customers.push(found);
    }

    async fn payment(&mut self, id: &str) -> Result<(), LaneError> {
        let path = format!("/v1/payment_intents/{id}");
        let Some(found) = self.get(&path, &["latest_charge"]).await? else { return Ok(()) };
        let intent = PaymentIntent::parse(&found)?;
        let refunded = found["latest_charge"]["amount_refunded"].as_i64().unwrap_or(0) > 0;
        let mut refunds = Vec::new();
        if refunded {
            let query = Form::new().set("payment_intent", id);
            let all = self.app.stripe.list_all("/v1/refunds", &query, self.priority).await?;
            for refund in &all {
                refunds.push(Refund::parse(refund)?);
            }
        }
        self.seen.payments.push(Payment { intent, refunds });
        Ok(())
    }

    /// All that Stripe has of a customer, in list pages.
    async fn everything(&mut self, customer: &CustomerId) -> Result<(), LaneError> {
        self.todo.insert(customer.to_string());
        let lists = [
            ("/v1/subscriptions", Form::new().set("status", "all")),
            ("/v1/invoices", Form::new()),
            ("/v1/payment_intents", Form::new()),
            ("/v1/checkout/sessions", Form::new()),
        ];
        for (path, query) in lists {
            let query = query.set("customer", customer.as_str());
            let all = self.app.stripe.list_all(path, &query, self.priority).await?;
            let ids = all.iter().filter_map(|it| it["id"].as_str()).map(String::from);
            self.todo.extend(ids);
        }
        Ok(())
    }
}
