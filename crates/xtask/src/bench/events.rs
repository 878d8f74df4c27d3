//! Signed events of five kilobytes, each with an id of its own.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};
use specie_stripe::sign;
use specie_vocab::{Chance, Secret, SystemChance, SystemClock, WallClock};

/// What signs them.
pub const SECRET: &str = "whsec_bench";

/// Whose events they are.
pub enum Whose<'a> {
    /// Of these customers of ours, in turn, as Stripe shows them.
    Of(&'a [Value]),
    /// Of so many customers whom nobody knows.
    Strangers(usize),
}

/// Requests that deliver `count` events to `url`, signed just now.
pub fn deliveries(url: &str, count: usize, whose: &Whose<'_>) -> Vec<Request<Full<Bytes>>> {
    let run = SystemChance.token()[..12].to_owned();
    let secret = Secret::new(SECRET);
    (0..count)
        .map(|n| {
            let customer = match whose {
                Whose::Of(customers) => customers[n % customers.len()].clone(),
                Whose::Strangers(count) => stranger(&format!("cus_{run}{}", n % count)),
            };
            let body = event(&format!("evt_{run}{n:08}"), customer);
            let signature = sign(&secret, body.as_bytes(), SystemClock.now());
            Request::post(url)
                .header("content-type", "application/json; charset=utf-8")
                .header("user-agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
                .header("stripe-signature", signature)
                .body(Full::new(Bytes::from(body)))
                .expect("the parts are a request's")
        })
        .collect()
}

/// An event that a customer has changed, laid out as Stripe lays it out. Ids and digests in it do not
/// compress, the names of its fields do: as in Stripe's own.
fn event(id: &str, customer: Value) -> String {
    let created = SystemClock.now().as_second();
    let body = json!({
        "id": id,
        "object": "event",
        "api_version": specie_stripe::API_VERSION,
        "created": created,
        "data": {
            "object": with_tax_ids(customer, created),
            "previous_attributes": { "description": null },
        },
        "livemode": false,
        "pending_webhooks": 1,
        "request": { "id": &SystemChance.token()[..18], "idempotency_key": SystemChance.token() },
        "type": "customer.updated",
    });
    serde_json::to_string_pretty(&body).unwrap_or_default()
}

/// What makes it as large as those of customers with a history.
fn with_tax_ids(mut customer: Value, created: i64) -> Value {
    let tax_ids: Vec<Value> = (0..9)
        .map(|_| {
            json!({
                "id": format!("txi_{}", &SystemChance.token()[..24]),
                "object": "tax_id",
                "country": "DE",
                "created": created,
                "customer": customer["id"],
                "livemode": false,
                "owner": { "customer": customer["id"], "type": "customer" },
                "type": "eu_vat",
                "value": &SystemChance.token()[..11],
                "verification": { "status": "verified", "verified_name": SystemChance.token() },
            })
        })
        .collect();
    customer["tax_ids"] = json!({ "object": "list", "data": tax_ids, "has_more": false });
    customer
}

fn stranger(id: &str) -> Value {
    json!({
        "id": id,
        "object": "customer",
        "address": { "city": "Berlin", "country": "DE", "line1": "Unter den Linden 1", "line2": null,
                     "postal_code": "10117", "state": null },
        "balance": 0,
        "currency": "usd",
        "default_source": null,
        "delinquent": false,
        "description": SystemChance.token(),
        "email": "ada@example.com",
        "invoice_prefix": &SystemChance.token()[..8],
        "invoice_settings": { "custom_fields": null, "default_payment_method": null,
                              "footer": null, "rendering_options": null },
        "livemode": false,
        "metadata": { "one": SystemChance.token(), "two": SystemChance.token() },
        "name": "Ada Lovelace",
        "next_invoice_sequence": 2,
        "phone": null,
        "preferred_locales": [],
        "shipping": null,
        "tax_exempt": "none",
        "test_clock": null,
    })
}
