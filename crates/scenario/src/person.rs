//! A customer who clicks: through the app's server to the service, and on the sandbox's pages.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::door::{Door, DoorError, Reply};
use crate::stage::Stage;

/// A card that a customer types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Card(pub &'static str);

impl Card {
    /// Always works.
    pub const GOOD: Self = Self("4242424242424242");
    /// Mastercard, always works.
    pub const OTHER: Self = Self("5555555555554444");
    /// Is declined when it is typed.
    pub const DECLINED: Self = Self("4000000000000002");
}

/// Why something that a customer wanted did not happen.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// No answer.
    #[error(transparent)]
    Door(#[from] DoorError),
    /// A refusal, with what was said.
    #[error("{what} was answered with {status}: {body}")]
    Refused {
        /// What was wanted.
        what: &'static str,
        /// The status.
        status: StatusCode,
        /// The body's beginning.
        body: String,
    },
}

/// A customer of the app.
pub struct Person<'a> {
    stage: &'a Stage,
    service: Door,
    /// The app's own id.
    pub id: String,
    /// The name on the card.
    pub name: String,
    /// Where mails go.
    pub email: String,
}

impl<'a> Person<'a> {
    /// A customer that the service has not met.
    pub fn new(stage: &'a Stage, id: &str, name: &str) -> Self {
        let email = format!("{id}@example.com");
        Self { stage, service: stage.service.clone(), id: id.into(), name: name.into(), email }
    }

    /// The same customer, whose app's server calls another process of the service.
    #[must_use]
    pub fn at(self, service: &Door) -> Self {
        Self { service: service.clone(), ..self }
    }

    /// A call of the app's server on behalf of this customer.
    pub async fn call(&self, method: Method, path: &str, body: Value) -> Result<Reply, DoorError> {
        let bearer = format!("Bearer {}", self.stage.server_key.expose());
        let headers = [
            ("authorization", bearer.as_str()),
            ("specie-customer", self.id.as_str()),
            ("content-type", "application/json"),
        ];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.service.send(method, &format!("/api/billing/{path}"), &headers, body).await
    }

    /// Begins a checkout.
    pub async fn checkout(&self, plan: &str, price: &str) -> Result<Value, Refusal> {
        let body = json!({ "plan": plan, "price": price });
        let reply = self.call(Method::POST, "checkout", body).await?;
        fine("checkout", reply)?.json().map_err(Refusal::Door)
    }

    /// Types a card on a payment page, and presses pay.
    pub async fn pay(&self, url: &str, card: Card) -> Result<Reply, Refusal> {
        let fields = [
            ("email", self.email.as_str()),
            ("number", card.0),
            ("expiry", "12 / 34"),
            ("cvc", "123"),
            ("name", self.name.as_str()),
        ];
        let page = self.stripe().submit(url, &fields).await?;
        fine("payment", page)
    }

    /// Chooses, pays and comes back, as a browser does: the return address syncs the session.
    pub async fn subscribe(&self, plan: &str, price: &str, card: Card) -> Result<Value, Refusal> {
        let checkout = self.checkout(plan, price).await?;
        self.pay(checkout["url"].as_str().unwrap_or_default(), card).await?;
        let session = checkout["id"].as_str().unwrap_or_default();
        let path = format!("checkout/{session}/sync");
        let reply = self.call(Method::POST, &path, Value::Null).await?;
        fine("sync", reply)?.json().map_err(Refusal::Door)
    }

    /// The subscription, as the customer sees it.
    pub async fn subscription(&self) -> Result<Value, Refusal> {
        let reply = self.call(Method::GET, "subscription", Value::Null).await?;
        fine("subscription", reply)?.json().map_err(Refusal::Door)
    }

    /// The payments, newest first.
    pub async fn payments(&self) -> Result<Value, Refusal> {
        let reply = self.call(Method::GET, "payments?limit=100", Value::Null).await?;
        fine("payments", reply)?.json().map_err(Refusal::Door)
    }

    /// Asks that the subscription ends with its period.
    pub async fn cancel(&self) -> Result<Value, Refusal> {
        let reply = self.call(Method::POST, "subscription/cancellation", json!({})).await?;
        fine("cancellation", reply)?.json().map_err(Refusal::Door)
    }

    /// Takes that back.
    pub async fn resume(&self) -> Result<Value, Refusal> {
        let reply = self.call(Method::DELETE, "subscription/cancellation", Value::Null).await?;
        fine("resumption", reply)?.json().map_err(Refusal::Door)
    }

    /// Replaces the card in the portal.
    pub async fn replace_card(&self, card: Card) -> Result<(), Refusal> {
        let reply = self.call(Method::POST, "portal", json!({ "task": "replace_card" })).await?;
        let portal = fine("portal", reply)?.json()?;
        self.enter_card(portal["url"].as_str().unwrap_or_default(), card).await
    }

    /// Enters a card in a session of Stripe's portal.
    pub async fn enter_card(&self, url: &str, card: Card) -> Result<(), Refusal> {
        let fields = [
            ("number", card.0),
            ("expiry", "12 / 34"),
            ("cvc", "123"),
            ("name", self.name.as_str()),
        ];
        let path = url.split('?').next().unwrap_or(url);
        let page = self.stripe().submit(&format!("{path}/card"), &fields).await?;
        fine("card", page).map(drop)
    }

    /// The bank blocks the card that the subscription is paid with: from now on it is declined.
    /// Done through Stripe's API, as its test cards allow.
    pub async fn bank_blocks_card(&self) -> Result<(), Refusal> {
        let subscription = self.subscription().await?;
        let id = subscription["subscription"].as_str().unwrap_or_default().to_owned();
        let found = self.api(Method::GET, &format!("/v1/subscriptions/{id}"), "").await?;
        let customer = found["customer"].as_str().unwrap_or_default();
        let attach = "/v1/payment_methods/pm_card_chargeCustomerFail/attach";
        let card = self.api(Method::POST, attach, &format!("customer={customer}")).await?;
        let card = card["id"].as_str().unwrap_or_default();
        let body = format!("default_payment_method={card}");
        self.api(Method::POST, &format!("/v1/subscriptions/{id}"), &body).await.map(drop)
    }

    /// Somebody with the dashboard gives this customer another name.
    pub async fn is_renamed_at_stripe(&self) -> Result<(), Refusal> {
        let subscription = self.subscription().await?;
        let id = subscription["subscription"].as_str().unwrap_or_default().to_owned();
        let found = self.api(Method::GET, &format!("/v1/subscriptions/{id}"), "").await?;
        let customer = found["customer"].as_str().unwrap_or_default();
        let path = format!("/v1/customers/{customer}");
        self.api(Method::POST, &path, "name=Somebody+Else").await.map(drop)
    }

    /// A call to Stripe's API, as somebody with the dashboard may make it.
    pub async fn api(&self, method: Method, path: &str, form: &str) -> Result<Value, Refusal> {
        stripe_api(self.stripe(), method, path, form).await
    }

    fn stripe(&self) -> &Door {
        &self.stage.stripe
    }
}

/// A call to Stripe's API with the stage's key.
pub async fn stripe_api(
    door: &Door,
    method: Method,
    path: &str,
    form: &str,
) -> Result<Value, Refusal> {
    let bearer = format!("Bearer {}", crate::stage::STRIPE_KEY);
    let headers =
        [("authorization", bearer.as_str()), ("content-type", "application/x-www-form-urlencoded")];
    let reply = door.send(method, path, &headers, form.to_owned()).await?;
    fine("a call to stripe", reply)?.json().map_err(Refusal::Door)
}

fn fine(what: &'static str, reply: Reply) -> Result<Reply, Refusal> {
    if reply.status.is_success() || reply.status.is_redirection() {
        return Ok(reply);
    }
    let body = reply.text().chars().take(600).collect();
    Err(Refusal::Refused { what, status: reply.status, body })
}
