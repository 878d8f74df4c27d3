//! What the weather says of our calls, and what it does not.

use jiff::Timestamp;
use specie_sandbox::Options;
use specie_stripe::{Answer, Client, Form, RateBudget, StoredRequest, StripeError, transport};
use specie_vocab::Secret;
use uuid::Uuid;

use super::super::stops::Stops;
use super::*;
use crate::stage::STRIPE_KEY;

const URL: &str = "http://stripe.localhost";

/// Somebody who calls Stripe through the weather.
struct Caller {
    weather: Weather,
    stripe: Client,
}

impl Caller {
    fn new() -> Self {
        let start = Timestamp::from_second(1_767_258_000).unwrap();
        let wall = Arc::new(ManualClock::new(start));
        let sandbox = Sandbox::open(Options {
            seed: 1,
            data_dir: None,
            start,
            base_url: URL.into(),
            control_key: Secret::new("control"),
            wall: wall.clone(),
        });
        let sandbox = sandbox.unwrap();
        let weather = Weather::new(1, sandbox.clone());
        let inner = transport(sandbox.router());
        let way = weather.way(inner, Stops::default().of(0), wall, Story::default());
        let stripe = Client::new(way, URL.into(), Secret::new(STRIPE_KEY), RateBudget::unlimited())
            .with_sleep(Arc::new(|_| Box::pin(std::future::ready(()))))
            .with_timeout(None);
        Self { weather, stripe }
    }

    async fn makes_a_customer(&self, name: &str, key: &str) -> Result<Answer, StripeError> {
        let form = Form::new().set("name", name);
        self.stripe.send(&StoredRequest::post("/v1/customers", &form, key)).await
    }

    /// Makes something under a key of its own. Answers its id.
    async fn makes(&self, what: &str, fields: &[(&str, &str)]) -> String {
        let form = fields.iter().fold(Form::new(), |form, (name, value)| form.set(*name, *value));
        let key = form.to_body();
        let request = StoredRequest::post(format!("/v1/{what}"), &form, key);
        let made = self.stripe.send(&request).await.unwrap().body;
        made["id"].as_str().unwrap().to_owned()
    }

    /// What a checkout of Ada's needs: whom it is for, and what she buys.
    async fn scene(&self) -> [String; 2] {
        let customer = self.makes("customers", &[("name", "Ada")]).await;
        let product = self.makes("products", &[("name", "Pro")]).await;
        let price = [
            ("product", product.as_str()),
            ("currency", "eur"),
            ("unit_amount", "900"),
            ("recurring[interval]", "month"),
            ("lookup_key", "specie.main.pro.monthly"),
        ];
        [customer, self.makes("prices", &price).await]
    }

    async fn opens_a_session(&self, [customer, price]: &[String; 2], change: IntentId) -> String {
        let mark = change.to_string();
        let session = [
            ("mode", "subscription"),
            ("customer", customer.as_str()),
            ("line_items[0][price]", price.as_str()),
            ("line_items[0][quantity]", "1"),
            ("success_url", "https://example.com"),
            ("metadata[specie_intent]", mark.as_str()),
        ];
        self.makes("checkout/sessions", &session).await
    }
}

fn change(n: u128) -> IntentId {
    IntentId(Uuid::from_u128(n))
}

#[tokio::test]
async fn a_key_that_we_use_with_two_requests_is_found() {
    let caller = Caller::new();
    for _ in 0..2 {
        caller.makes_a_customer("Ada", "key").await.unwrap();
    }
    assert_eq!(caller.weather.holds(), Ok(()));
    let refused = caller.makes_a_customer("Bob", "key").await;
    assert!(matches!(refused, Err(StripeError::Idempotency)), "{refused:?}");
    let said = caller.weather.holds().unwrap_err();
    assert_eq!(said, "POST /v1/customers: we have used its key with another request");
}

#[tokio::test]
async fn a_key_that_the_weather_mistakes_is_no_fault_of_ours() {
    let caller = Caller::new();
    caller.weather.turn(100, 0);
    caller.weather.set_mistakes(true);
    let mut mistaken = 0;
    for n in 0..100 {
        let key = format!("{}:customer:1", change(n));
        let answer = caller.makes_a_customer("Ada", &key).await;
        mistaken += u32::from(matches!(answer, Err(StripeError::Idempotency)));
    }
    assert!(mistaken > 0);
    assert_eq!(caller.weather.holds(), Ok(()));
}

#[tokio::test]
async fn a_session_that_was_left_counts_when_a_customer_is_told_of_it() {
    let caller = Caller::new();
    let scene = caller.scene().await;
    caller.weather.leave(change(1));
    let left = caller.opens_a_session(&scene, change(1)).await;
    caller.weather.answered(&left);
    caller.opens_a_session(&scene, change(2)).await;
    let said = caller.weather.holds().unwrap_err();
    assert!(said.contains("two sessions of a customer can be paid"), "{said}");
}

#[tokio::test]
async fn a_session_that_was_left_beside_another_stays_where_it_is() {
    let caller = Caller::new();
    let scene = caller.scene().await;
    caller.weather.leave(change(1));
    let left = caller.opens_a_session(&scene, change(1)).await;
    caller.opens_a_session(&scene, change(2)).await;
    caller.weather.answered(&left);
    assert_eq!(caller.weather.holds(), Ok(()));
    caller.weather.at_stripe().unwrap();
}

#[tokio::test]
async fn a_failure_stays_under_its_key_or_the_next_try_is_answered() {
    let caller = Caller::new();
    let (mut stays, mut goes) = (0, 0);
    for n in 0..200 {
        let key = n.to_string();
        caller.weather.turn(100, 0);
        let failed = caller.makes_a_customer("Ada", &key).await;
        if !matches!(failed, Err(StripeError::Server { replayed: false, .. })) {
            continue;
        }
        caller.weather.turn(0, 0);
        match caller.makes_a_customer("Ada", &key).await {
            Err(StripeError::Server { replayed: true, .. }) => stays += 1,
            answer => goes += i32::from(answer.is_ok()),
        }
    }
    assert!(stays > 0 && goes > 0, "{stays} stay, {goes} go");
}
