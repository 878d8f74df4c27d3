//! The world, asked directly. Every answer is checked against Stripe's declared shapes.

use std::fmt::Write as _;

use serde_json::Value;
use specie_sandbox::world::{Call, Config, Reply, World};

use crate::shapes;

pub const START: i64 = 1_767_614_400; // 2026-01-05T12:00:00Z
pub const DAY: i64 = 86_400;

pub struct Lab {
    pub world: World,
    pub wall: i64,
}

fn encode(pairs: &[(&str, &str)]) -> String {
    let mut out = String::new();
    for (name, value) in pairs {
        if !out.is_empty() {
            out.push('&');
        }
        let _ = write!(out, "{name}=");
        for byte in value.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' => {
                    out.push(char::from(byte));
                }
                byte => {
                    let _ = write!(out, "%{byte:02X}");
                }
            }
        }
    }
    out
}

pub fn call(method: &str, path: &str, pairs: &[(&str, &str)]) -> Call {
    let form = encode(pairs);
    let (query, body) =
        if method == "POST" { (String::new(), form) } else { (form, String::new()) };
    Call {
        method: method.into(),
        path: path.into(),
        query,
        body,
        authorization: Some("Bearer sk_test_lab".into()),
        ..Call::default()
    }
}

impl Lab {
    pub fn new() -> Self {
        Self::with(Config::new(7, START, "http://127.0.0.1:12111"))
    }

    pub fn with(config: Config) -> Self {
        Self { world: World::new(config), wall: START }
    }

    pub fn raw(&mut self, call: &Call) -> Reply {
        let reply = self.world.call(call, self.wall);
        let body: Value = serde_json::from_str(&reply.body).expect("JSON");
        let faults = shapes::answer(&call.method, &call.path, reply.status, &reply.body);
        assert!(faults.is_empty(), "{}\n{body:#}", faults.join("\n"));
        reply
    }

    pub fn ask(&mut self, method: &str, path: &str, pairs: &[(&str, &str)]) -> (u16, Value) {
        let reply = self.raw(&call(method, path, pairs));
        (reply.status, serde_json::from_str(&reply.body).expect("JSON"))
    }

    #[track_caller]
    pub fn post(&mut self, path: &str, pairs: &[(&str, &str)]) -> Value {
        let (status, body) = self.ask("POST", path, pairs);
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    #[track_caller]
    pub fn get(&mut self, path: &str, pairs: &[(&str, &str)]) -> Value {
        let (status, body) = self.ask("GET", path, pairs);
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    #[track_caller]
    pub fn refused(
        &mut self,
        method: &str,
        path: &str,
        pairs: &[(&str, &str)],
        want: u16,
    ) -> Value {
        let (status, body) = self.ask(method, path, pairs);
        assert_eq!(status, want, "{path}: {body}");
        body["error"].clone()
    }

    /// A price that recurs every `count` units.
    pub fn price(&mut self, amount: &str, unit: &str, count: &str) -> String {
        let product = id(&self.post("/v1/products", &[("name", "Pro")]));
        id(&self.post(
            "/v1/prices",
            &[
                ("product", &product),
                ("currency", "usd"),
                ("unit_amount", amount),
                ("recurring[interval]", unit),
                ("recurring[interval_count]", count),
            ],
        ))
    }

    /// A customer with a default card.
    pub fn customer(&mut self, card: &str) -> String {
        let customer =
            id(&self.post("/v1/customers", &[("email", "ada@example.com"), ("name", "Ada")]));
        let path = format!("/v1/payment_methods/{card}/attach");
        let method = id(&self.post(&path, &[("customer", &customer)]));
        let field = "invoice_settings[default_payment_method]";
        self.post(&format!("/v1/customers/{customer}"), &[(field, &method)]);
        customer
    }

    /// A subscription of a new customer.
    pub fn subscribed(&mut self, card: &str, unit: &str, count: &str) -> (String, String) {
        let (price, customer) = (self.price("2900", unit, count), self.customer(card));
        let sub =
            self.post("/v1/subscriptions", &[("customer", &customer), ("items[0][price]", &price)]);
        (customer, id(&sub))
    }

    /// A hook for everything.
    pub fn hook(&mut self) -> String {
        id(&self.post(
            "/v1/webhook_endpoints",
            &[("url", "http://127.0.0.1:8080/webhook"), ("enabled_events[]", "*")],
        ))
    }

    /// The types of all events after the first `seen`, oldest first.
    pub fn told(&self, seen: usize) -> Vec<String> {
        let mut events = self.world.list("event");
        events.reverse();
        events.iter().skip(seen).map(|e| e["type"].as_str().unwrap().to_owned()).collect()
    }

    /// Ids of every kind, and one of nothing.
    pub fn ids(&self) -> Vec<String> {
        let kinds = [
            "customer",
            "payment_method",
            "product",
            "price",
            "checkout.session",
            "subscription",
            "invoice",
            "payment_intent",
            "charge",
            "refund",
            "webhook_endpoint",
        ];
        let newest = kinds.iter().flat_map(|kind| self.world.list(kind).into_iter().take(2));
        newest.map(|object| id(&object)).chain(["cus_nothing".to_owned()]).collect()
    }

    pub fn seen(&self) -> usize {
        self.world.list("event").len()
    }

    pub fn event(&self, kind: &str) -> Value {
        self.world.list("event").into_iter().find(|e| e["type"] == kind).expect(kind)
    }
}

pub fn id(object: &Value) -> String {
    object["id"].as_str().expect("an id").to_owned()
}

pub fn header<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
    reply.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
}
