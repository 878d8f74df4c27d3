//! A shop on the desk: a product with a price, a customer, and a session to pay.

use serde_json::Value;

use crate::desk::Desk;

pub const SUCCESS: &str = "http://127.0.0.1:8080/done?session={CHECKOUT_SESSION_ID}";
pub const CANCEL: &str = "http://127.0.0.1:8080/plans";

pub struct Shop {
    pub customer: String,
    pub session: String,
}

async fn made(desk: &Desk, path: &str, pairs: &[(&str, &str)]) -> Value {
    desk.api("POST", path, pairs).await.expect(200).json()
}

pub fn id(object: &Value) -> String {
    object["id"].as_str().unwrap().to_owned()
}

/// A monthly plan at $29.00 every 30 days, a customer, and an open session.
pub async fn open(desk: &Desk) -> Shop {
    let product = id(&made(desk, "/v1/products", &[("name", "SaaSKit <Pro>")]).await);
    let price = [
        ("product", product.as_str()),
        ("unit_amount", "2900"),
        ("currency", "usd"),
        ("recurring[interval]", "day"),
        ("recurring[interval_count]", "30"),
    ];
    let price = id(&made(desk, "/v1/prices", &price).await);
    let customer = [("email", "ada@shop.example"), ("name", "Ada")];
    let customer = id(&made(desk, "/v1/customers", &customer).await);
    let session = [
        ("mode", "subscription"),
        ("customer", customer.as_str()),
        ("line_items[0][price]", price.as_str()),
        ("line_items[0][quantity]", "1"),
        ("success_url", SUCCESS),
        ("cancel_url", CANCEL),
    ];
    let session = id(&made(desk, "/v1/checkout/sessions", &session).await);
    Shop { customer, session }
}

/// What a person types to pay with a card.
pub fn typed(number: &str) -> [(&str, &str); 5] {
    [
        ("number", number),
        ("expiry", "12 / 34"),
        ("cvc", "123"),
        ("name", "Ada Lovelace"),
        ("email", "ada@shop.example"),
    ]
}

/// The customer's one subscription.
pub async fn subscription(desk: &Desk, shop: &Shop) -> Value {
    let path = format!("/v1/subscriptions?customer={}&status=all", shop.customer);
    let list = desk.api("GET", &path, &[]).await.expect(200).json();
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    list["data"][0].clone()
}
