//! Paying a Checkout Session, as a person does on its page.

use serde_json::{Value, json};

use crate::cards::{self, Behaviour, TestCard};

use super::checkout::page_error;
use super::methods::no_billing;
use super::payments::{Purpose, Tried};
use super::state::{difference, int, maybe, put, rank, text};
use super::subscriptions::Beginning;
use super::{PageError, World};

impl World {
    /// Pays an open session as a person does on its page.
    pub(super) fn pay_session(
        &mut self,
        id: &str,
        card: &str,
        email: Option<&str>,
        name: Option<&str>,
    ) -> Result<String, PageError> {
        let session = self.find("checkout.session", id).cloned();
        let session = session
            .ok_or_else(|| page_error("resource_missing", "This payment page does not exist."))?;
        match text(&session, "status") {
            "open" => {}
            "complete" => {
                return Err(page_error(
                    "already_paid",
                    "This was paid already: nothing more to do.",
                ));
            }
            _ => return Err(page_error("session_expired", "This payment page has expired.")),
        }
        let card = cards::by_name(card)
            .ok_or_else(|| page_error("incorrect_number", "Your card number is incorrect."))?;
        if let Behaviour::NeedsAuthentication(_) = card.behaviour {
            return Err(page_error(
                "authentication_required",
                "This card asks for 3-D Secure, which this sandbox does not show yet. Please use \
                 another card.",
            ));
        }
        let customer = maybe(&session, "customer");
        if customer.as_ref().is_some_and(|customer| self.find("customer", customer).is_none()) {
            return Err(page_error("resource_missing", "The customer of this page was deleted."));
        }
        let known = customer.as_ref().and_then(|id| maybe(&self.copy(id), "email"));
        let typed = email.map(str::trim).filter(|email| !email.is_empty()).map(str::to_owned);
        let email = known.or(typed).or(maybe(&session, "customer_email"));
        if customer.is_none() && !email.as_deref().is_some_and(|email| email.contains('@')) {
            return Err(page_error("email_invalid", "Please type your e-mail address."));
        }
        let name = name.map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned);
        self.complete(id, card, email, name)
    }

    pub(super) fn complete(
        &mut self,
        id: &str,
        card: &TestCard,
        email: Option<String>,
        name: Option<String>,
    ) -> Result<String, PageError> {
        let session = self.copy(id);
        let basket = self.baskets.get(id).cloned().unwrap_or_default();
        let (amount, currency) =
            (int(&session, "amount_total"), text(&session, "currency").to_owned());
        let mut billing = no_billing();
        billing["email"] = json!(email);
        billing["name"] = json!(name);
        let method = self.make_method(card, billing);
        let given = maybe(&session, "customer");
        let fresh = given.is_none();
        let mut charged = None;
        let mut intent = basket.intent.clone();
        let tried_before = intent.is_some();
        if amount > 0 {
            let pi = intent.unwrap_or_else(|| {
                self.make_intent(Purpose {
                    customer: given.clone(),
                    amount,
                    currency: currency.clone(),
                    description: "Subscription creation".into(),
                    invoice: None,
                })
            });
            intent = Some(pi.clone());
            match self.try_charge(&pi, &method) {
                Tried::Paid { charge } => charged = Some(charge),
                Tried::Declined { charge, decline } => {
                    if let Some(basket) = self.baskets.get_mut(id) {
                        basket.intent = Some(pi.clone());
                    }
                    if !tried_before {
                        self.emit("payment_intent.created", &pi);
                    }
                    self.emit("charge.failed", &charge);
                    self.emit("payment_intent.payment_failed", &pi);
                    return Err(page_error(decline.reason(), decline.message()));
                }
                Tried::Asks => {
                    return Err(page_error(
                        "authentication_required",
                        "This card asks for 3-D Secure.",
                    ));
                }
            }
        } else {
            self.probe_attach(&method).map_err(|f| page_error(&f.finest_code(), f.message()))?;
        }
        let customer = match given {
            Some(customer) => customer,
            None => {
                let mut made = self.make_customer();
                put(&mut made, "email", json!(email));
                put(&mut made, "name", json!(name));
                let customer = text(&made, "id").to_owned();
                self.keep(made);
                customer
            }
        };
        if let (Some(pi), true) = (&intent, fresh) {
            self.set(pi, [("customer", json!(customer)), ("receipt_email", json!(email))]);
        }
        if let (Some(charge), true) = (&charged, fresh) {
            self.set(charge, [("customer", json!(customer)), ("receipt_email", json!(email))]);
        }
        let chosen = basket
            .lines
            .iter()
            .map(|line| (line["price"].clone(), int(line, "quantity"), json!({})));
        let (sub, invoice) = self.begin(Beginning {
            customer: customer.clone(),
            items: chosen.collect(),
            metadata: basket.metadata.clone(),
            description: basket.description.clone(),
            default_payment_method: Some(method.clone()),
            save_default: false,
        });
        let draft = self.copy(&invoice);
        self.finalize(&invoice, intent.clone());
        let open = self.copy(&invoice);
        // Paid by Checkout: the count stays 0.
        self.mark_paid(&invoice, 0);
        if let Some(pi) = &intent {
            self.set(pi, [("payment_details.order_reference", json!(invoice))]);
        }
        let details = json!({
            "address": null, "business_name": null, "email": email, "individual_name": null,
            "name": name, "phone": null, "tax_exempt": "none", "tax_ids": [],
        });
        self.unplan(rank::CHECKOUT, id);
        self.set(
            id,
            [
                ("status", json!("complete")),
                ("url", Value::Null),
                ("subscription", json!(sub)),
                ("invoice", json!(invoice)),
                ("customer", json!(customer)),
                ("customer_details", details),
                ("payment_status", json!(if amount > 0 { "paid" } else { "no_payment_required" })),
            ],
        );
        if let Some(charge) = &charged {
            self.emit("charge.succeeded", charge);
        }
        self.attach_unasked(&method, &customer);
        if fresh {
            self.emit("customer.created", &customer);
        }
        let before = self.copy(&customer);
        if self.copy(&customer)["currency"].is_null() {
            self.set(&customer, [("currency", json!(currency))]);
        }
        if basket.save_name && name.is_some() {
            self.set(&customer, [("name", json!(name))]);
        }
        if !fresh && before["email"].is_null() && email.is_some() {
            self.set(&customer, [("email", json!(email))]);
        }
        let changes = difference(&before, &self.copy(&customer));
        self.emit_change("customer.updated", &customer, changes);
        self.emit("checkout.session.completed", id);
        self.emit("customer.subscription.created", &sub);
        if let Some(pi) = &intent {
            self.emit("payment_intent.succeeded", pi);
            if !tried_before {
                self.emit("payment_intent.created", pi);
            }
        }
        self.emit_as("invoice.created", &draft, None);
        self.emit_as("invoice.finalized", &open, None);
        self.tell_paid(&invoice);
        self.review_customer(&customer);
        Ok(text(&session, "success_url").replace("{CHECKOUT_SESSION_ID}", id))
    }
}
