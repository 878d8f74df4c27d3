//! What holds in every world, whatever was asked of it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Lab, id};

/// The kinds that can be read by their id, and where.
const READ: [(&str, &str); 13] = [
    ("customer", "customers"),
    ("payment_method", "payment_methods"),
    ("product", "products"),
    ("price", "prices"),
    ("checkout.session", "checkout/sessions"),
    ("subscription", "subscriptions"),
    ("invoice", "invoices"),
    ("invoice_payment", "invoice_payments"),
    ("payment_intent", "payment_intents"),
    ("charge", "charges"),
    ("refund", "refunds"),
    ("webhook_endpoint", "webhook_endpoints"),
    ("test_helpers.test_clock", "test_helpers/test_clocks"),
];
/// Which fields name other objects.
const NAMES: [(&str, &[&str]); 7] = [
    ("subscription", &["customer", "latest_invoice", "default_payment_method", "test_clock"]),
    ("invoice", &["customer", "test_clock", "parent.subscription_details.subscription"]),
    ("invoice_payment", &["invoice", "payment.payment_intent"]),
    ("payment_intent", &["customer", "latest_charge", "payment_method"]),
    ("charge", &["customer", "payment_intent", "payment_method", "balance_transaction"]),
    ("refund", &["charge", "payment_intent", "balance_transaction"]),
    ("customer", &["test_clock", "invoice_settings.default_payment_method"]),
];

fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(value, |node, key| &node[key])
}

fn int(value: &Value, path: &str) -> i64 {
    at(value, path).as_i64().unwrap_or_default()
}

/// Looks at the whole world.
pub fn check(lab: &mut Lab, of: &str) {
    let due = lab.world.next_due();
    assert!(due.is_none_or(|due| due >= lab.world.now()), "{of}: {due:?} is overdue");
    ids_are_unique_and_lead_somewhere(lab, of);
    invoices_add_up(lab, of);
    payments_add_up(lab, of);
    the_balance_is_the_sum_of_what_moved(lab, of);
    subscriptions_have_a_period(lab, of);
    events_wait_for_no_fewer_than_nobody(lab, of);
    what_is_listed_can_be_read(lab, of);
}

fn ids_are_unique_and_lead_somewhere(lab: &Lab, of: &str) {
    let mut seen = BTreeSet::new();
    for kind in READ.iter().map(|(kind, _)| *kind).chain(["event", "balance_transaction"]) {
        for object in lab.world.list(kind) {
            assert_eq!(object["object"], kind, "{of}: {object}");
            assert!(seen.insert(id(&object)), "{of}: {} is there twice", id(&object));
        }
    }
    for (kind, fields) in NAMES {
        for object in lab.world.list(kind) {
            for named in fields.iter().filter_map(|field| at(&object, field).as_str()) {
                let there = lab.world.object(named).is_some();
                assert!(there, "{of}: {} names {named}, which is not there", id(&object));
            }
        }
    }
}

fn invoices_add_up(lab: &mut Lab, of: &str) {
    for invoice in lab.world.list("invoice") {
        let of = format!("{of}: {invoice:#}");
        let lines = invoice["lines"]["data"].as_array().unwrap();
        let whole = invoice["lines"]["has_more"] == false;
        let sum: i64 = lines.iter().map(|line| int(line, "amount")).sum();
        assert!(!whole || sum == int(&invoice, "total"), "{of}");
        assert_eq!(int(&invoice, "subtotal"), int(&invoice, "total"), "{of}");
        let (due, paid) = (int(&invoice, "amount_due"), int(&invoice, "amount_paid"));
        assert!(due >= 0 && due == paid + int(&invoice, "amount_remaining"), "{of}");
        if invoice["status"] == "paid" {
            assert_eq!(due, paid, "{of}");
        }
        if invoice["status"] == "draft" {
            assert!(invoice["number"].is_null(), "{of}");
        } else {
            let owed = int(&invoice, "total") + int(&invoice, "starting_balance");
            assert_eq!(owed, due + int(&invoice, "ending_balance"), "{of}");
        }
    }
    let numbers = lab.world.list("invoice");
    let numbers: Vec<&str> =
        numbers.iter().filter_map(|invoice| invoice["number"].as_str()).collect();
    assert_eq!(
        numbers.iter().collect::<BTreeSet<_>>().len(),
        numbers.len(),
        "{of}: a number twice"
    );
}

fn payments_add_up(lab: &Lab, of: &str) {
    let mut refunded: BTreeMap<String, i64> = BTreeMap::new();
    for refund in lab.world.list("refund") {
        *refunded.entry(refund["charge"].as_str().unwrap().into()).or_default() +=
            int(&refund, "amount");
    }
    for charge in lab.world.list("charge") {
        let of = format!("{of}: {charge:#}");
        let (amount, back) = (int(&charge, "amount"), int(&charge, "amount_refunded"));
        assert_eq!(back, refunded.get(&id(&charge)).copied().unwrap_or_default(), "{of}");
        assert!((0..=amount).contains(&back), "{of}");
        assert_eq!(charge["refunded"], back == amount && back > 0, "{of}");
    }
    for intent in lab.world.list("payment_intent") {
        let of = format!("{of}: {intent:#}");
        let paid = intent["status"] == "succeeded";
        assert_eq!(
            int(&intent, "amount_received"),
            if paid { int(&intent, "amount") } else { 0 },
            "{of}"
        );
        let charge = intent["latest_charge"].as_str().and_then(|id| lab.world.object(id));
        let took = charge.is_some_and(|charge| {
            charge["status"] == "succeeded" && charge["amount"] == intent["amount"]
        });
        assert_eq!(paid, took, "{of}");
    }
    for payment in lab.world.list("invoice_payment") {
        let invoice = lab.world.object(payment["invoice"].as_str().unwrap()).unwrap();
        let paid = payment["status"] == "paid";
        assert_eq!(paid, invoice["status"] == "paid", "{of}: {payment:#} of {invoice:#}");
    }
}

fn the_balance_is_the_sum_of_what_moved(lab: &mut Lab, of: &str) {
    let mut moved: BTreeMap<String, i64> = BTreeMap::new();
    let mut add = |currency: &Value, amount: i64| {
        *moved.entry(currency.as_str().unwrap().to_owned()).or_default() += amount;
    };
    for charge in lab.world.list("charge").iter().filter(|charge| charge["status"] == "succeeded") {
        add(&charge["currency"], int(charge, "amount"));
    }
    for refund in lab.world.list("refund") {
        add(&refund["currency"], -int(&refund, "amount"));
    }
    for one in lab.world.list("balance_transaction") {
        assert_eq!(int(&one, "net"), int(&one, "amount") - int(&one, "fee"), "{of}: {one}");
        add(&one["currency"], -int(&one, "fee"));
    }
    let balance = lab.get("/v1/balance", &[]);
    for part in ["available", "pending"] {
        for entry in balance[part].as_array().unwrap() {
            add(&entry["currency"], -int(entry, "amount"));
        }
    }
    assert!(moved.values().all(|rest| *rest == 0), "{of}: {moved:?} {balance}");
}

fn subscriptions_have_a_period(lab: &Lab, of: &str) {
    for sub in lab.world.list("subscription") {
        let of = format!("{of}: {sub:#}");
        let items = sub["items"]["data"].as_array().unwrap();
        assert!(!items.is_empty(), "{of}");
        for item in items {
            assert!(int(item, "current_period_start") < int(item, "current_period_end"), "{of}");
        }
        let over = matches!(sub["status"].as_str(), Some("canceled" | "incomplete_expired"));
        assert_eq!(over, !sub["ended_at"].is_null(), "{of}");
        let customer = lab.world.object(sub["customer"].as_str().unwrap()).unwrap();
        assert!(over || customer["deleted"] != true, "{of}");
        assert!(over || customer["test_clock"] == sub["test_clock"], "{of}");
    }
}

fn events_wait_for_no_fewer_than_nobody(lab: &Lab, of: &str) {
    for event in lab.world.list("event") {
        assert!(int(&event, "pending_webhooks") >= 0, "{of}: {event}");
        assert!(!event["data"]["object"].is_null(), "{of}: {event}");
    }
}

/// Every list leads through all pages to objects that can be read, and shows them as they are read.
fn what_is_listed_can_be_read(lab: &mut Lab, of: &str) {
    for (kind, path) in READ {
        let path = format!("/v1/{path}");
        // Cards are listed by their owner alone.
        if kind != "payment_method" {
            pages_show_each_once(lab, &path, of);
        }
        for object in lab.world.list(kind).iter().take(5) {
            let read = lab.get(&format!("{path}/{}", id(object)), &[]);
            assert_eq!(id(&read), id(object), "{of}");
        }
    }
}

fn pages_show_each_once(lab: &mut Lab, path: &str, of: &str) {
    let mut listed = BTreeSet::new();
    let mut last: Option<String> = None;
    loop {
        let mut pairs = vec![("limit", "100")];
        if let Some(last) = &last {
            pairs.push(("starting_after", last));
        }
        let page = lab.get(path, &pairs);
        let data = page["data"].as_array().unwrap();
        for object in data {
            assert!(listed.insert(id(object)), "{of}: {} is listed twice", id(object));
        }
        for object in data.iter().take(3) {
            assert_eq!(&lab.get(&format!("{path}/{}", id(object)), &[]), object, "{of}");
        }
        last = data.last().map(id);
        if page["has_more"] == false {
            return;
        }
    }
}
