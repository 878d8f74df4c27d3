//! Payment methods: cards, saved and not.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::cards::{self, Authentication, Behaviour, Decline, TestCard};

use super::World;
use super::customers::address;
use super::events::merge_metadata;
use super::fault::{Answer, Fault, doc_url};
use super::given::Given;
use super::pages::List;
use super::state::{int, maybe, put, text};

/// What the world knows of a card beside its object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Card {
    /// A template or a token of [`crate::cards`].
    name: String,
    /// Whether it was attached once: a detached one cannot be attached again.
    used: bool,
}

/// How a charge of a card goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Paid,
    Declined(Decline),
    /// Somebody must authenticate.
    Asks,
}

impl World {
    fn test_card(&self, method: &str) -> Option<&'static TestCard> {
        cards::by_name(&self.cards.get(method)?.name)
    }

    /// Whether a saved card was made from this template.
    pub(super) fn is_card(&self, method: &str, template: &str) -> bool {
        self.cards.get(method).is_some_and(|card| card.name == template)
    }

    /// How a charge of a saved card goes.
    pub(super) fn outcome(&self, method: &str) -> Outcome {
        match self.test_card(method).map(|card| card.behaviour) {
            Some(Behaviour::Pays) => Outcome::Paid,
            Some(Behaviour::Refused(decline) | Behaviour::FailsLater(decline)) => {
                Outcome::Declined(decline)
            }
            Some(Behaviour::NeedsAuthentication(Authentication::OnceSaved)) => Outcome::Paid,
            Some(Behaviour::NeedsAuthentication(_)) => Outcome::Asks,
            None => Outcome::Declined(Decline::ProcessingError),
        }
    }

    /// A new, unattached card.
    pub(super) fn make_method(&mut self, card: &TestCard, billing: Value) -> String {
        let id = self.long_id("pm_", '1');
        let (year, month) = self.year_and_month();
        let fingerprint = self.fingerprint(card);
        let network = if card.brand == "unknown" { "visa" } else { card.brand };
        self.keep(json!({
            "id": id, "object": "payment_method", "allow_redisplay": "unspecified",
            "billing_details": billing,
            "card": {
                "brand": card.brand,
                "checks": {
                    "address_line1_check": null, "address_postal_code_check": null,
                    "cvc_check": "unchecked",
                },
                "country": card.country, "display_brand": card.brand,
                "exp_month": month, "exp_year": year + 1, "fingerprint": fingerprint,
                "funding": card.funding, "generated_from": null, "last4": card.last4,
                "networks": { "available": [network], "preferred": null },
                "regulated_status": "unregulated",
                "three_d_secure_usage": { "supported": card.brand == "visa" || card.brand == "mastercard" },
                "wallet": null,
            },
            "created": self.now, "customer": null, "customer_account": null, "livemode": false,
            "metadata": {}, "type": "card",
        }));
        let name = if card.template.is_empty() { card.token } else { card.template };
        self.cards.insert(id.clone(), Card { name: name.to_owned(), used: false });
        id
    }

    /// The same card has the same fingerprint, and another in another account.
    pub(super) fn fingerprint(&self, card: &TestCard) -> String {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ self.config.seed;
        let mut made = String::new();
        for round in 0..2_u8 {
            for byte in card.last4.bytes().chain(card.brand.bytes()).chain([round]) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
            let mut rest = hash;
            for _ in 0..8 {
                let digit = u8::try_from(rest % 36).unwrap_or_default();
                made.push(char::from(if digit < 10 { b'0' + digit } else { b'A' + digit - 10 }));
                rest /= 36;
            }
        }
        made
    }

    /// A card by its id, or a fresh one from a template.
    pub(super) fn method_or_template(
        &mut self,
        id: &str,
        param: &str,
        status: u16,
    ) -> Answer<String> {
        if self.find("payment_method", id).is_some() {
            return Ok(id.to_owned());
        }
        match cards::by_name(id).filter(|card| card.template == id) {
            // It will be attached: one that the bank refuses is not kept.
            Some(TestCard { behaviour: Behaviour::Refused(decline), .. }) => {
                Err(Fault::card(decline_body(*decline)).param(""))
            }
            Some(card) => Ok(self.make_method(card, no_billing())),
            None if cards::is_unsupported(id) => Err(Fault::unsupported("test card", id)),
            None => Err(no_method(id, param, status)),
        }
    }

    /// Whether the bank lets a card be saved.
    pub(super) fn probe_attach(&self, method: &str) -> Answer<()> {
        match self.test_card(method).map(|card| card.behaviour) {
            Some(Behaviour::Refused(decline)) => Err(Fault::card(decline_body(decline)).param("")),
            _ => Ok(()),
        }
    }

    /// Attaches a card to a customer, or refuses as the bank does.
    pub(super) fn attach(&mut self, method: &str, customer: &str) -> Answer<()> {
        self.probe_attach(method)?;
        self.attach_unasked(method, customer);
        Ok(())
    }

    /// Attaches a card that was just paid with.
    pub(super) fn attach_unasked(&mut self, method: &str, customer: &str) {
        self.set(method, [("customer", json!(customer)), ("card.checks.cvc_check", json!("pass"))]);
        if let Some(card) = self.cards.get_mut(method) {
            card.used = true;
        }
        self.emit("payment_method.attached", method);
    }

    pub(super) fn create_method(&mut self, given: &Given) -> Answer {
        if given.filled("type") != Some("card") {
            return Err(Fault::unsupported("value of", "type"));
        }
        let Some(token) = given.filled("card.token") else {
            let fault = Fault::parameter("Missing required param: card.", "card");
            return Err(fault.code("parameter_missing"));
        };
        let card = self.card_of_token(token, "card[token]")?;
        let billing = billing(&no_billing(), given);
        let id = self.make_method(card, billing);
        let mut method = self.copy(&id);
        merge_metadata(&mut method, given);
        if let Some(redisplay) = given.filled("allow_redisplay") {
            method["allow_redisplay"] = json!(redisplay);
        }
        self.replace(&id, method.clone());
        Ok(method)
    }

    pub(super) fn attach_method(&mut self, id: &str, given: &Given) -> Answer {
        let Some(customer) = given.filled("customer") else {
            let fault = Fault::parameter("Must provide customer or customer_account.", "");
            let mut fault = fault.code("parameter_missing");
            fault.body.remove("param");
            return Err(fault);
        };
        if self.find("customer", customer).is_none() {
            return Err(Fault::missing(400, "customer", customer, "customer"));
        }
        let customer = customer.to_owned();
        let method = self.method_or_template(id, "payment_method", 404)?;
        let held = self.copy(&method);
        match maybe(&held, "customer") {
            Some(owner) if owner == customer => return Ok(held),
            Some(_) => {
                return Err(Fault::invalid(
                    "The payment method you provided has already been attached to a customer.",
                ));
            }
            None if self.cards.get(&method).is_some_and(|card| card.used) => {
                return Err(Fault::invalid(
                    "This PaymentMethod was previously used without being attached to a Customer or \
                     was detached from a Customer, and may not be used again.",
                ));
            }
            None => {}
        }
        self.attach(&method, &customer)?;
        Ok(self.copy(&method))
    }

    pub(super) fn detach_method(&mut self, id: &str) -> Answer {
        let method = self.need_method(id)?;
        let Some(customer) = maybe(&method, "customer") else {
            return Err(Fault::invalid(
                "The payment method you provided is not attached to a customer so detachment is \
                 impossible.",
            ));
        };
        self.detach(id, &customer);
        Ok(self.copy(id))
    }

    pub(super) fn detach(&mut self, id: &str, customer: &str) {
        let previous = self.set(id, [("customer", Value::Null)]);
        self.emit_change("payment_method.detached", id, previous);
        let field = "invoice_settings.default_payment_method";
        if maybe(&self.copy(customer), field).as_deref() == Some(id) {
            let previous = self.set(customer, [(field, Value::Null)]);
            self.emit_change("customer.updated", customer, previous);
        }
        let running = self
            .newest_with("subscription", "default_payment_method", id)
            .filter(|sub| text(sub, "status") != "canceled");
        let subscriptions: Vec<String> = running.map(|sub| text(sub, "id").to_owned()).collect();
        for subscription in subscriptions {
            let previous = self.set(&subscription, [("default_payment_method", Value::Null)]);
            self.emit_change("customer.subscription.updated", &subscription, previous);
        }
    }

    pub(super) fn update_method(&mut self, id: &str, given: &Given) -> Answer {
        let old = self.need_method(id)?;
        if old["customer"].is_null() {
            return Err(Fault::invalid(
                "You must save this PaymentMethod to a customer before you can update it.",
            ));
        }
        let mut method = old.clone();
        let month = given.int("card.exp_month").unwrap_or(int(&old, "card.exp_month"));
        let year = given.int("card.exp_year").unwrap_or(int(&old, "card.exp_year"));
        if !(1..=12).contains(&month) {
            let fault =
                Fault::parameter("Your card's expiration month is invalid.", "card[exp_month]");
            return Err(fault.code("invalid_expiry_month"));
        }
        if year < i64::from(self.year_and_month().0) || year > 9999 {
            let fault =
                Fault::parameter("Your card's expiration year is invalid.", "card[exp_year]");
            return Err(fault.code("invalid_expiry_year"));
        }
        put(&mut method, "card.exp_month", json!(month));
        put(&mut method, "card.exp_year", json!(year));
        method["billing_details"] = billing(&old["billing_details"], given);
        if let Some(redisplay) = given.filled("allow_redisplay") {
            method["allow_redisplay"] = json!(redisplay);
        }
        merge_metadata(&mut method, given);
        let previous = super::state::difference(&old, &method);
        self.replace(id, method);
        self.emit_change("payment_method.updated", id, previous);
        Ok(self.copy(id))
    }

    pub(super) fn need_method(&self, id: &str) -> Answer {
        let found = self.find("payment_method", id).cloned();
        found.ok_or_else(|| no_method(id, "payment_method", 404))
    }

    pub(super) fn list_methods<'a>(&'a self, customer: &'a str, given: &Given) -> List<'a, Value> {
        let all: List<'a, Value> = List::of(self, "payment_method");
        let all = all.with("customer", customer);
        if given.filled("type").is_some_and(|kind| kind != "card") { all.none() } else { all }
    }
}

pub(super) fn missing_token(token: &str) -> Box<Fault> {
    let mut fault = Fault::missing(400, "token", token, "token");
    fault.body.insert("message".into(), json!(format!("Invalid token id: {token}")));
    fault
}

fn no_method(id: &str, param: &str, status: u16) -> Box<Fault> {
    let mut fault = Fault::missing(status, "PaymentMethod", id, param);
    let message = format!(
        "No such PaymentMethod: '{id}'; It's possible this PaymentMethod exists on one of your \
         connected accounts, in which case you should retry this request on that connected \
         account. Learn more at https://stripe.com/docs/connect/authentication"
    );
    fault.body.insert("message".into(), json!(message));
    fault
}

/// Nobody's address.
pub(super) fn no_billing() -> Value {
    json!({
        "address": {
            "city": null, "country": null, "line1": null, "line2": null, "postal_code": null,
            "state": null,
        },
        "email": null, "name": null, "phone": null, "tax_id": null,
    })
}

fn billing(old: &Value, given: &Given) -> Value {
    let mut billing = old.clone();
    for field in ["email", "name", "phone"] {
        if let Some(value) = given.text(&format!("billing_details.{field}")) {
            billing[field] = if value.is_empty() { Value::Null } else { json!(value) };
        }
    }
    if given.at("billing_details.address").is_some() {
        let kept = address(&billing["address"], given, "billing_details.address");
        billing["address"] = if kept.is_null() { no_billing()["address"].clone() } else { kept };
    }
    billing
}

/// What an error says of a decline.
pub(super) fn decline_body(decline: Decline) -> Map<String, Value> {
    let body = json!({
        "advice_code": decline.advice(), "code": decline.code(), "decline_code": decline.reason(),
        "doc_url": doc_url(decline.code()), "message": decline.message(),
        "network_decline_code": decline.network_code(), "type": "card_error",
    });
    match body {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
