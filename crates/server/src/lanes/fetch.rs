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

use super::ahead::Ahead;
use super::told::{self, Told};
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
    ahead: Option<&Ahead>,
) -> Result<Seen, LaneError> {
    // Somebody waits for what was wished urgently; everything else may wait for them.
    let urgent = claim.wishes.iter().any(|wish| wish.urgent);
    let mut reader = Reader {
        app,
        ahead,
        priority: if urgent { Priority::Interactive } else { Priority::Background },
        todo: BTreeSet::new(),
        seen: Seen::default(),
        did: BTreeSet::new(),
    };
    for event in &claim.events {
        reader.todo.extend(named_by(event));
    }
    let mut everything = false;
    for wish in &claim.wishes {
        match serde_json::from_value(wish.what.clone()) {
            Ok(WishFor::Object { id, .. }) => {
                reader.todo.insert(id);
            }
            Ok(WishFor::Everything) => everything = true,
            Ok(WishFor::Ask { .. }) => {}
            Err(error) => {
                return Err(LaneError::Unreadable {
                    object: "wish".into(),
                    why: error.to_string(),
                });
            }
        }
    }
    if everything {
        reader.everything(customer).await?;
    }
    while let Some(id) = reader.next() {
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
        return Told::by(event)?.payment_intent().map(String::from);
    }
    if kind.starts_with("invoice_payment.") {
        return Told::by(event)?.invoice().map(String::from);
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
    told::id(&object[field])
}

/// Kinds of objects that a customer's lane reads.
const READABLE: [&str; 6] = ["sub_", "in_", "pi_", "cs_", "cus_", "pm_"];

pub(super) fn is_readable(id: &str) -> bool {
    READABLE.iter().any(|prefix| id.starts_with(prefix))
}

/// What is read with a subscription: its newest invoice and its card, as deep as Stripe expands.
pub(super) const SUBSCRIPTION: &[&str] = &["latest_invoice.payments", "default_payment_method"];
/// With an invoice.
pub(super) const INVOICE: &[&str] = &["payments"];
/// With a payment intent.
pub(super) const PAYMENT: &[&str] = &["latest_charge"];
/// With a customer: their card.
pub(super) const CUSTOMER: &[&str] = &["invoice_settings.default_payment_method"];

fn text(id: &Value) -> String {
    id.as_str().unwrap_or_default().to_owned()
}

struct Reader<'a> {
    app: &'a App,
    /// What was read of the lane ahead of its claim.
    ahead: Option<&'a Ahead>,
    priority: Priority,
    todo: BTreeSet<String>,
    did: BTreeSet<String>,
    seen: Seen,
}

impl Reader<'_> {
    async fn get(&self, path: &str, expand: &[&str]) -> Result<Option<Value>, StripeError> {
        if let Some(found) = self.ahead.and_then(|ahead| ahead.get(path)) {
            return self.whole(found).await.map(Some);
        }
        let query = expand
            .iter()
            .enumerate()
            .fold(Form::new(), |form, (n, field)| form.set(format!("expand[{n}]"), *field));
        match self.app.stripe.get(path, &query, self.priority).await {
            Ok(found) => Ok(Some(self.whole(found).await?)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The same, kept as it came.
    async fn read(&mut self, path: &str, expand: &[&str]) -> Result<Option<Value>, StripeError> {
        let found = self.get(path, expand).await?;
        found.iter().for_each(|found| self.note(found));
        Ok(found)
    }

    /// Keeps an object as it came.
    fn note(&mut self, found: &Value) {
        if let Some(id) = found["id"].as_str() {
            self.seen.raw.insert(id.into(), found.clone());
        }
    }

    /// Takes an object out of the one that it stands in, and leaves its id there. None, if it is not
    /// there, or was read already.
    async fn unfold(&mut self, field: Option<&mut Value>) -> Result<Option<Value>, StripeError> {
        let Some(field) = field.filter(|field| field.is_object()) else { return Ok(None) };
        let found = field.take();
        *field = found["id"].clone();
        if found["deleted"] == true || !self.did.insert(text(field)) {
            return Ok(None);
        }
        let found = self.whole(found).await?;
        self.note(&found);
        Ok(Some(found))
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

    /// A subscription first: it brings its newest invoice and its card.
    fn next(&mut self) -> Option<String> {
        let subscription = self.todo.iter().find(|id| id.starts_with("sub_")).cloned();
        subscription.and_then(|id| self.todo.take(&id)).or_else(|| self.todo.pop_first())
    }

    async fn one(&mut self, id: &str) -> Result<(), LaneError> {
        match id.split_once('_').map(|(prefix, _)| prefix) {
            Some("sub") => self.whole_subscription(id).await?,
            Some("in") => {
                if let Some(found) = self.read(&format!("/v1/invoices/{id}"), INVOICE).await? {
                    self.invoice_from(&found)?;
                }
            }
            Some("pi") => self.payment(id).await?,
            Some("cs") => {
                let path = format!("/v1/checkout/sessions/{id}");
                if let Some(found) = self.read(&path, &[]).await? {
                    self.session(CheckoutSession::parse(&found)?);
                }
            }
            Some("cus") => self.whole_customer(id).await?,
            Some("pm") => {
                let path = format!("/v1/payment_methods/{id}");
                if let Some(found) = self.read(&path, &[]).await? {
                    self.payment_method_from(&found)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    async fn whole_subscription(&mut self, id: &str) -> Result<(), LaneError> {
        let found = self.get(&format!("/v1/subscriptions/{id}"), SUBSCRIPTION).await?;
        let Some(mut found) = found else { return Ok(()) };
        let invoice = self.unfold(found.get_mut("latest_invoice")).await?;
        let card = self.unfold(found.get_mut("default_payment_method")).await?;
        self.note(&found);
        self.subscription(Subscription::parse(&found)?);
        invoice.map(|it| self.invoice_from(&it)).transpose()?;
        card.map(|it| self.payment_method_from(&it)).transpose()?;
        Ok(())
    }

    async fn whole_customer(&mut self, id: &str) -> Result<(), LaneError> {
        let found = self.get(&format!("/v1/customers/{id}"), CUSTOMER).await?;
        let Some(mut found) = found else { return Ok(()) };
        let card = found.pointer_mut("/invoice_settings/default_payment_method");
        let card = self.unfold(card).await?;
        self.note(&found);
        self.customer(Customer::parse(&found)?);
        card.map(|it| self.payment_method_from(&it)).transpose()?;
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

    fn invoice_from(&mut self, found: &Value) -> Result<(), LaneError> {
        let found = Invoice::parse(found)?;
        for payment in &found.payments {
            self.also(payment.payment_intent.as_ref());
        }
        self.seen.invoices.push(found);
        Ok(())
    }

    fn payment_method_from(&mut self, found: &Value) -> Result<(), LaneError> {
        self.seen.payment_methods.push(PaymentMethod::parse(found)?);
        Ok(())
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
        let Some(found) = self.read(&path, PAYMENT).await? else { return Ok(()) };
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
