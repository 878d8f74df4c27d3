//! What is called: sensible things, anything at all, and rubbish.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Lab, START, call, id};
use crate::every_parameter::{Endpoint, endpoints, sent};

/// A die that falls the same way each time.
pub struct Die(u64);

impl Die {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit.max(1)
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// Whoever calls, and the ids that were seen, by kind.
pub struct Caller {
    die: Die,
    served: Vec<Endpoint>,
    other: Vec<Endpoint>,
    seen: BTreeMap<String, Vec<String>>,
}

/// So many ids of a kind are remembered.
const MEMORY: usize = 8;
const CARDS: [&str; 6] = [
    "pm_card_visa",
    "pm_card_visa",
    "pm_card_mastercard",
    "pm_card_chargeCustomerFail",
    "pm_card_authenticationRequired",
    "pm_card_chargeDeclined",
];
/// What is asked to be expanded: some of it opens in many answers, some in none.
const EXPANSIONS: [&str; 12] = [
    "customer",
    "data",
    "data.customer",
    "latest_invoice",
    "latest_invoice.payments",
    "default_payment_method",
    "items.data.price.product",
    "invoice",
    "payment_intent",
    "latest_charge",
    "test_clock",
    "x",
];
const RUBBISH: [&str; 14] = [
    "%zz",
    "a[b",
    "a]b[",
    "a[b][c]=1&a=2",
    "a=1&a[b]=2",
    "\u{0}",
    "[]=1",
    "limit[]=3",
    "%F0%9F%92%B8=%00",
    "expand=x",
    "expand[][a]=1",
    "metadata[[]]=1",
    "=",
    "a[][b]=1&a[]=2",
];

type Pairs = Vec<(String, String)>;

fn pairs(list: &[(&str, &str)]) -> Pairs {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

impl Caller {
    pub fn new(seed: u64) -> Self {
        let (served, other) = (endpoints(true), endpoints(false));
        Self { die: Die(seed), served, other, seen: BTreeMap::new() }
    }

    /// Something happens.
    pub fn step(&mut self, lab: &mut Lab, of: &str) {
        match self.die.below(100) {
            0..45 => self.sensible(lab, of),
            45..80 => self.anything(lab, of),
            80..84 => self.rubbish(lab, of),
            84..92 => self.time_passes(lab),
            92..97 => self.a_person_acts(lab),
            _ => self.webhooks_go_out(lab),
        }
    }

    fn some(&mut self, kind: &str) -> String {
        match self.seen.get(kind) {
            Some(ids) if self.die.below(20) > 0 => self.die.one(ids).clone(),
            _ => format!("{kind}_nothing"),
        }
    }

    /// The newest object of a kind that stands so; another one now and then.
    fn open(&mut self, lab: &Lab, kind: &str, status: &str) -> String {
        let found = lab.world.list(kind).into_iter().find(|object| object["status"] == status);
        match found {
            Some(found) if self.die.below(4) > 0 => id(&found),
            _ => self.some(kind),
        }
    }

    fn any(&mut self) -> String {
        let kinds: Vec<String> = self.seen.keys().cloned().collect();
        let none = "nothing".to_owned();
        let kind = if kinds.is_empty() { none } else { self.die.one(&kinds).clone() };
        self.some(&kind)
    }

    /// Remembers the ids in an answer.
    fn note(&mut self, answer: &Value) {
        if let (Some(kind), Some(id)) = (answer["object"].as_str(), answer["id"].as_str()) {
            let ids = self.seen.entry(kind.to_owned()).or_default();
            if !ids.iter().any(|known| known == id) {
                if ids.len() >= MEMORY {
                    ids.remove(0);
                }
                ids.push(id.to_owned());
            }
        }
        let inner = answer["data"].as_array().into_iter().flatten();
        inner
            .chain(answer["items"]["data"].as_array().into_iter().flatten())
            .for_each(|o| self.note(o));
        for field in ["latest_invoice", "invoice", "payment_intent", "latest_charge", "charge"] {
            if let (Some(id), kind) = (answer[field].as_str(), field.trim_start_matches("latest_"))
            {
                self.note(&json!({ "id": id, "object": kind }));
            }
        }
    }

    fn ask(&mut self, lab: &mut Lab, of: &str, method: &str, path: &str, pairs: &Pairs) {
        let pairs: Vec<(&str, &str)> =
            pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let mut asked = call(method, path, &pairs);
        asked.idempotency_key =
            (self.die.below(4) == 0).then(|| format!("k{}", self.die.below(200)));
        // A write that is refused for what it is to expand is taken back.
        let expands = method != "GET" && pairs.iter().any(|(name, _)| name.starts_with("expand"));
        let looks = self.die.below(if expands { 6 } else { 60 }) == 0;
        let before = looks.then(|| {
            // What time alone has done is not the call's doing.
            lab.get("/v1/account", &[]);
            serde_json::to_value(&lab.world).unwrap()["objects"].take()
        });
        let reply = lab.raw(&asked);
        let of = format!("{of}: {method} {path} {pairs:?}: {} {}", reply.status, reply.body);
        assert!([200, 400, 402, 404, 429].contains(&reply.status), "{of}");
        if let Some(before) = before
            && (method == "GET" || matches!(reply.status, 400 | 404 | 429))
        {
            let after = serde_json::to_value(&lab.world).unwrap()["objects"].take();
            assert!(before == after, "{of}\n\nsomething was done all the same");
        }
        if asked.idempotency_key.is_some() && method == "POST" && matches!(reply.status, 200 | 402)
        {
            let again = lab.raw(&asked);
            assert_eq!((again.status, &again.body), (reply.status, &reply.body), "{of}: replayed");
        }
        self.note(&serde_json::from_str(&reply.body).unwrap());
    }

    /// Something that a program would ask for.
    fn sensible(&mut self, lab: &mut Lab, of: &str) {
        let customer = self.some("customer");
        let (method, path, mut pairs) = match self.die.below(28) {
            0 | 1 => {
                ("POST", "/v1/customers".into(), pairs(&[("email", "a@b.example"), ("name", "A")]))
            }
            2 => {
                let clock = self.some("test_helpers.test_clock");
                ("POST", "/v1/customers".into(), pairs(&[("test_clock", &clock)]))
            }
            3..6 => {
                let card = *self.die.one(&CARDS);
                let path = "/v1/customers".to_owned();
                let field = "invoice_settings[default_payment_method]";
                let mut with = pairs(&[("payment_method", card), (field, card)]);
                if self.die.below(3) == 0 {
                    with.push(("test_clock".into(), self.some("test_helpers.test_clock")));
                }
                ("POST", path, with)
            }
            6 => {
                let card = *self.die.one(&CARDS);
                (
                    "POST",
                    format!("/v1/payment_methods/{card}/attach"),
                    pairs(&[("customer", &customer)]),
                )
            }
            7 => {
                let method = self.some("payment_method");
                let field = "invoice_settings[default_payment_method]";
                ("POST", format!("/v1/customers/{customer}"), pairs(&[(field, &method)]))
            }
            8 => ("POST", "/v1/products".into(), pairs(&[("name", "Pro")])),
            9 | 10 => ("POST", "/v1/prices".into(), self.price()),
            11..15 => ("POST", "/v1/subscriptions".into(), self.subscription(&customer)),
            15 | 16 => ("POST", "/v1/checkout/sessions".into(), self.session(&customer)),
            17 => ("POST", "/v1/billing_portal/sessions".into(), pairs(&[("customer", &customer)])),
            18 => {
                let invoice = self.open(lab, "invoice", "open");
                let act = *self.die.one(&["pay", "pay", "void", "finalize"]);
                ("POST", format!("/v1/invoices/{invoice}/{act}"), Vec::new())
            }
            19 => {
                let charge = self.open(lab, "charge", "succeeded");
                let mut with = pairs(&[("charge", &charge)]);
                if self.die.below(2) == 0 {
                    with.push(("amount".into(), (1 + self.die.below(900)).to_string()));
                }
                ("POST", "/v1/refunds".into(), with)
            }
            20 => {
                let sub = self.some("subscription");
                let ends = *self.die.one(&["true", "false"]);
                (
                    "POST",
                    format!("/v1/subscriptions/{sub}"),
                    pairs(&[("cancel_at_period_end", ends)]),
                )
            }
            21 if self.die.below(3) == 0 => {
                ("DELETE", format!("/v1/customers/{customer}"), Vec::new())
            }
            21 => {
                ("DELETE", format!("/v1/subscriptions/{}", self.some("subscription")), Vec::new())
            }
            22 => {
                let frozen = START + 86_400 * (i64::try_from(self.die.below(800)).unwrap() - 400);
                let with = pairs(&[("frozen_time", &frozen.to_string())]);
                ("POST", "/v1/test_helpers/test_clocks".into(), with)
            }
            23 | 24 => {
                let clock = self.some("test_helpers.test_clock");
                let frozen = lab.world.object(&clock).and_then(|held| held["frozen_time"].as_i64());
                let to =
                    frozen.unwrap_or_default() + i64::try_from(self.die.below(5_000_000)).unwrap();
                let with = pairs(&[("frozen_time", &to.to_string())]);
                ("POST", format!("/v1/test_helpers/test_clocks/{clock}/advance"), with)
            }
            25 if self.die.below(4) == 0 => {
                let clock = self.some("test_helpers.test_clock");
                ("DELETE", format!("/v1/test_helpers/test_clocks/{clock}"), Vec::new())
            }
            _ => {
                let of = ["subscriptions", "invoices", "payment_intents", "charges", "customers"];
                let list = *self.die.one(&of);
                let with = pairs(&[("customer", customer.as_str()), ("limit", "5")]);
                ("GET", format!("/v1/{list}"), if list == "customers" { Vec::new() } else { with })
            }
        };
        if method != "GET" && self.die.below(12) == 0 {
            pairs.push(("expand[0]".into(), (*self.die.one(&EXPANSIONS)).into()));
        }
        self.ask(lab, of, method, &path, &pairs);
    }

    fn price(&mut self) -> Pairs {
        let (product, unit) =
            (self.some("product"), *self.die.one(&["week", "month", "month", "year"]));
        let amount = *self.die.one(&["2900", "900", "49", "0", "99999999"]);
        let count = (1 + self.die.below(12)).to_string();
        pairs(&[
            ("product", &product),
            ("currency", *self.die.one(&["usd", "usd", "eur", "jpy"])),
            ("unit_amount", amount),
            ("recurring[interval]", unit),
            ("recurring[interval_count]", &count),
        ])
    }

    fn subscription(&mut self, customer: &str) -> Pairs {
        let price = self.some("price");
        let mut made = pairs(&[("customer", customer), ("items[0][price]", &price)]);
        if self.die.below(3) == 0 {
            made.push(("items[0][quantity]".into(), self.die.below(5).to_string()));
        }
        if self.die.below(4) == 0 {
            made.push(("items[1][price]".into(), self.some("price")));
        }
        if self.die.below(2) == 0 {
            let ways = ["default_incomplete", "error_if_incomplete", "allow_incomplete"];
            made.push(("payment_behavior".into(), (*self.die.one(&ways)).into()));
        }
        made
    }

    fn session(&mut self, customer: &str) -> Pairs {
        let price = self.some("price");
        let mut made = pairs(&[
            ("mode", "subscription"),
            ("line_items[0][price]", &price),
            ("line_items[0][quantity]", "1"),
            ("success_url", "http://h/ok"),
        ]);
        if self.die.below(4) > 0 {
            made.push(("customer".into(), customer.into()));
        }
        made
    }

    /// Any endpoint with any parameters, mostly of the right kind.
    fn anything(&mut self, lab: &mut Lab, of: &str) {
        let endpoint = self.die.below(self.served.len());
        let (method, path) = (self.served[endpoint].method, self.served[endpoint].path.clone());
        let path = path.replace("x_1", &self.any());
        let mut pairs = Vec::new();
        for (name, is_known, kind) in self.served[endpoint].parameters.clone() {
            let needed = kind.split(':').next().unwrap_or_default().ends_with('!');
            // A write costs a copy of the world, if what it expands may not open.
            let rare = if name == "expand[]" && method != "GET" { 20 } else { 6 };
            let chosen = if needed { self.die.below(8) > 0 } else { self.die.below(rare) == 0 };
            if !is_known || kind.starts_with('o') || !chosen {
                continue;
            }
            let name = match kind.as_bytes().first() {
                Some(b'm') => format!("{name}[k{}]", self.die.below(60)),
                Some(b'r') => format!("{name}[{}]", self.die.one(&["gt", "gte", "lt", "lte"])),
                _ => sent(name),
            };
            let value =
                if self.die.below(25) == 0 { String::new() } else { self.value(&name, kind) };
            pairs.push((name, value));
        }
        self.ask(lab, of, method, &path, &pairs);
    }

    /// A value that may or may not fit: mostly of the right kind, with ids that are there.
    fn value(&mut self, name: &str, kind: &str) -> String {
        let die = &mut self.die;
        let mut parts = name.rsplit('[').map(|part| part.trim_end_matches(']'));
        let last = parts.find(|part| part.parse::<u8>().is_err()).unwrap_or(name);
        let words: Vec<&str> = kind.split_once(':').map_or("", |it| it.1).split(',').collect();
        let far = ["9223372036854775807", "-9223372036854775808", "253118303999", "0", "-1"];
        match (kind.as_bytes().first(), last) {
            (Some(b'i'), _) if die.below(8) == 0 => (*die.one(&far)).to_owned(),
            (Some(b'i'), _) => {
                (*die.one(&["1", "0", "-1", "100", "2900", "99999999", "12"])).to_owned()
            }
            (Some(b't' | b'r'), _) if die.below(5) == 0 => (*die.one(&far)).to_owned(),
            (Some(b't' | b'r'), _) => {
                (START + 3_600 * i64::try_from(die.below(900)).unwrap()).to_string()
            }
            (Some(b'b'), _) => (*die.one(&["true", "false"])).to_owned(),
            (Some(b'e'), _) => (*die.one(&words)).to_owned(),
            (_, "currency") => (*die.one(&["usd", "usd", "eur", "xyz"])).to_owned(),
            (_, "token") => (*die.one(&["tok_visa", "tok_chargeCustomerFail", "tok_x"])).to_owned(),
            (_, "url" | "success_url" | "cancel_url" | "return_url") => "http://h/x".to_owned(),
            (_, "email") => "a@b.example".to_owned(),
            (_, "name" | "description" | "reason") => (*die.one(&["7", "Ада", "x y"])).to_owned(),
            (_, "unit_amount_decimal") => (*die.one(&["7", "0.5", "1e9", "-3"])).to_owned(),
            (_, "expand") => (*die.one(&EXPANSIONS)).to_owned(),
            _ => self.any(),
        }
    }

    /// What is no call at all, or one of Stripe's that is not served.
    fn rubbish(&mut self, lab: &mut Lab, of: &str) {
        let known = if self.die.below(2) == 0 { &self.served } else { &self.other };
        let endpoint = &known[self.die.below(known.len())];
        let (method, path) = (endpoint.method, endpoint.path.clone());
        let method = if self.die.below(6) == 0 { "PATCH" } else { method };
        let bad = *self.die.one(&["%00", "a%2Fb", "", "../x", "x y", "é"]);
        let path = path.replace("x_1", bad);
        let mut asked = call(method, &path, &[]);
        let rubbish = *self.die.one(&RUBBISH);
        (asked.query, asked.body) = (rubbish.to_owned(), (*self.die.one(&RUBBISH)).to_owned());
        asked.idempotency_key = (self.die.below(3) == 0).then(|| "k".repeat(self.die.below(300)));
        asked.version = (self.die.below(4) == 0).then(|| (*self.die.one(&RUBBISH)).to_owned());
        let reply = lab.world.call(&asked, lab.wall);
        assert!([200, 400, 404].contains(&reply.status), "{of}: {asked:?}: {}", reply.body);
    }

    fn time_passes(&mut self, lab: &mut Lab) {
        let seconds = i64::try_from(self.die.below(900_000)).unwrap();
        match self.die.below(3) {
            0 => lab.wall += 1 + seconds % 90,
            1 => lab.wall += seconds / 10,
            _ => {
                let far = if self.die.below(5) == 0 { 4 } else { 1 };
                lab.world.advance(lab.world.now() + seconds * far);
            }
        }
    }

    /// Somebody pays, or does something in the portal.
    fn a_person_acts(&mut self, lab: &mut Lab) {
        let card = *self.die.one(&CARDS);
        let portal = self.some("billing_portal.session");
        let sub = self.some("subscription");
        // A refusal is for the person to read.
        let _ = match self.die.below(6) {
            0 => lab.world.portal_cancel(&portal, &sub),
            1 => lab.world.portal_resume(&portal, &sub),
            2 => lab.world.portal_replace_card(&portal, card),
            _ => {
                let session = self.open(lab, "checkout.session", "open");
                lab.world.pay_checkout(&session, card, Some("a@b.example"), Some("A")).map(|_| ())
            }
        };
        lab.world.list("subscription").iter().take(2).map(id).for_each(|id| {
            self.note(&json!({ "id": id, "object": "subscription" }));
        });
    }

    fn webhooks_go_out(&mut self, lab: &mut Lab) {
        for pending in lab.world.take_deliveries() {
            if self.die.below(10) > 0 {
                lab.world.delivered(&pending.event, &pending.endpoint, self.die.below(4) > 0);
            }
        }
        if self.die.below(4) == 0 {
            lab.world.retake_deliveries();
        }
    }
}
