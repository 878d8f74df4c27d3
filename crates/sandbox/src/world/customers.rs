//! Customers.

use serde_json::{Map, Value, json};

use super::World;
use super::events::merge_metadata;
use super::fault::{Answer, Fault};
use super::given::Given;
use super::state::{difference, maybe, object, put, text};

/// Fields that are plain texts, or null.
const TEXTS: [&str; 4] = ["email", "name", "description", "phone"];

/// An address with what was given merged in; null when it was unset.
pub(super) fn address(old: &Value, given: &Given, path: &str) -> Value {
    match given.at(path) {
        Some(Value::Object(map)) => {
            let parts = ["city", "country", "line1", "line2", "postal_code", "state"];
            let merged = parts.map(|part| {
                let value = match map.get(part).and_then(Value::as_str) {
                    Some("") => Value::Null,
                    Some(text) => json!(text),
                    None => old.get(part).cloned().unwrap_or_default(),
                };
                (part.to_owned(), value)
            });
            Value::Object(Map::from_iter(merged))
        }
        Some(_) => Value::Null,
        None => old.clone(),
    }
}

fn check_email(given: &Given) -> Answer<()> {
    let Some(email) = given.filled("email") else { return Ok(()) };
    let good = email.split_once('@').is_some_and(|(user, host)| {
        !user.is_empty()
            && !host.is_empty()
            && !host.contains('@')
            && !email.contains(char::is_whitespace)
    });
    if good && email.chars().count() <= 512 {
        return Ok(());
    }
    let fault = Fault::parameter(format!("Invalid email address: {email}"), "email");
    Err(fault.code("email_invalid"))
}

impl World {
    pub(super) fn need(&self, kind: &str, id: &str) -> Answer {
        let (thing, param) = match kind {
            "payment_intent" => ("payment_intent", "intent"),
            "price" => ("price", "price"),
            "invoice" => ("invoice", "invoice"),
            "checkout.session" => ("checkout.session", "session"),
            "billing_portal.configuration" => ("configuration", "configuration"),
            "webhook_endpoint" => ("webhook endpoint", "id"),
            "balance_transaction" => ("balance transaction", "id"),
            super::clocks::KIND => ("billingclock", "test_clock"),
            kind => (kind, "id"),
        };
        let found = self.find(kind, id).cloned();
        found.ok_or_else(|| Fault::missing(404, thing, id, param))
    }

    /// Applies what both creating and updating take. Answers a default card that is still to be
    /// checked.
    fn fill_customer(&self, customer: &mut Value, given: &Given) -> Answer<()> {
        check_email(given)?;
        for field in TEXTS {
            if let Some(value) = given.text(field) {
                customer[field] = if value.is_empty() { Value::Null } else { json!(value) };
            }
        }
        if given.at("address").is_some() {
            customer["address"] = address(&customer["address"], given, "address");
        }
        if given.at("preferred_locales").is_some() {
            customer["preferred_locales"] = json!(given.texts("preferred_locales"));
        }
        if let Some(exempt) = given.text("tax_exempt") {
            customer["tax_exempt"] = json!(if exempt.is_empty() { "none" } else { exempt });
        }
        if let Some(prefix) = given.filled("invoice_prefix") {
            let good = prefix.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
            if !good || prefix.len() > 12 {
                return Err(Fault::invalid(
                    "Invoice number prefix must be 1–12 uppercase letters or numbers.",
                ));
            }
            let id = text(customer, "id");
            let mut holders = self.newest_with("customer", "invoice_prefix", prefix);
            if let Some(other) = holders.find(|other| text(other, "id") != id) {
                return Err(Fault::invalid(format!(
                    "This invoice number prefix is taken by customer: {}. Please enter a different \
                     prefix.",
                    text(other, "id")
                )));
            }
            customer["invoice_prefix"] = json!(prefix);
        }
        merge_metadata(customer, given);
        Ok(())
    }

    /// A new customer without an event.
    pub(super) fn make_customer(&mut self) -> Value {
        let id = self.short_id("cus_");
        let prefix = self.capitals(8);
        let nulls = "address currency customer_account default_source description discount email \
                     name phone shipping test_clock";
        object(
            nulls,
            json!({
                "id": id, "object": "customer", "balance": 0, "created": self.now,
                "delinquent": false, "invoice_prefix": prefix,
                "invoice_settings": {
                    "custom_fields": null, "default_payment_method": null, "footer": null,
                    "rendering_options": null,
                },
                "livemode": false, "metadata": {}, "next_invoice_sequence": 1,
                "preferred_locales": [], "tax_exempt": "none",
            }),
        )
    }

    pub(super) fn create_customer(&mut self, given: &Given) -> Answer {
        let clock = self.check_clock(given)?;
        let mut customer = self.make_customer();
        customer["test_clock"] = json!(clock);
        self.fill_customer(&mut customer, given)?;
        let id = text(&customer, "id").to_owned();
        let wanted = given.filled("payment_method").map(str::to_owned);
        let method = match &wanted {
            Some(method) => Some(self.method_or_template(method, "payment_method", 400)?),
            None => None,
        };
        if let Some(method) = &method {
            self.check_owner(method, &id)?;
        }
        if let Some(default) = given.filled("invoice_settings.default_payment_method") {
            let same = wanted.as_deref() == Some(default);
            let Some(method) = method.as_ref().filter(|_| same) else {
                return Err(self.not_theirs(default, &id));
            };
            put(&mut customer, "invoice_settings.default_payment_method", json!(method));
        }
        // The bank's answer comes before anything is kept.
        if let Some(method) = &method {
            self.probe_attach(method)?;
        }
        self.keep(customer);
        self.emit("customer.created", &id);
        if let Some(method) = &method {
            self.attach(method, &id)?;
        }
        Ok(self.copy(&id))
    }

    /// That a card is nobody else's.
    pub(super) fn check_owner(&self, method: &str, customer: &str) -> Answer<()> {
        match maybe(&self.copy(method), "customer") {
            Some(owner) if owner != customer => Err(self.not_theirs(method, customer)),
            _ => Ok(()),
        }
    }

    /// The error for a card of somebody else.
    pub(super) fn not_theirs(&self, method: &str, customer: &str) -> Box<Fault> {
        if self.find("payment_method", method).is_none() {
            return Fault::missing(
                400,
                "PaymentMethod",
                method,
                "invoice_settings[default_payment_method]",
            );
        }
        Fault::invalid(format!(
            "The PaymentMethod {method} does not belong to the Customer you supplied {customer}. \
             Please use this PaymentMethod with the Customer that it belongs to instead."
        ))
        .param("payment_method")
    }

    pub(super) fn update_customer(&mut self, id: &str, given: &Given) -> Answer {
        let old = self.need("customer", id)?;
        let mut customer = old.clone();
        self.fill_customer(&mut customer, given)?;
        if let Some(method) = given.text("invoice_settings.default_payment_method") {
            if !method.is_empty() {
                let param = "invoice_settings[default_payment_method]";
                let held = self.find("payment_method", method);
                let held =
                    held.ok_or_else(|| Fault::missing(400, "PaymentMethod", method, param))?;
                if text(held, "customer") != id {
                    return Err(Fault::invalid(format!(
                        "The customer does not have a payment method with the ID {method}. The \
                         payment method must be attached to the customer."
                    ))
                    .code("resource_missing")
                    .param(param));
                }
            }
            let value = if method.is_empty() { Value::Null } else { json!(method) };
            put(&mut customer, "invoice_settings.default_payment_method", value);
        }
        let previous = difference(&old, &customer);
        self.replace(id, customer);
        self.emit_change("customer.updated", id, previous);
        Ok(self.copy(id))
    }

    pub(super) fn retrieve_customer(&self, id: &str) -> Answer {
        match self.objects.get(id) {
            Some(stub) if self.is_stub(id) && text(stub, "object") == "customer" => {
                Ok(stub.clone())
            }
            _ => self.need("customer", id),
        }
    }

    pub(super) fn delete_customer(&mut self, id: &str) -> Answer {
        self.need("customer", id)?;
        let running = self
            .newest_with("subscription", "customer", id)
            .filter(|sub| !matches!(text(sub, "status"), "canceled" | "incomplete_expired"));
        let running: Vec<String> = running.map(|sub| text(sub, "id").to_owned()).collect();
        for subscription in running {
            self.end_subscription(&subscription, "cancellation_requested");
        }
        for method in self.ids_with("payment_method", "customer", id) {
            self.set(&method, [("customer", Value::Null)]);
        }
        self.emit("customer.deleted", id);
        let stub = json!({ "id": id, "object": "customer", "deleted": true });
        self.replace(id, stub.clone());
        Ok(stub)
    }
}
