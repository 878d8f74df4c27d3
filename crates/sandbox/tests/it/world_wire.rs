//! What goes over the wire: shapes, idempotency keys, what may be written; and whatever is asked,
//! the world answers the same again and never breaks.

use proptest::prelude::*;
use serde_json::{Value, json};
use specie_sandbox::world::{Config, World};

use crate::shapes;
use crate::world::{DAY, Lab, START, call, header, id};

#[test]
fn the_shapes_notice_what_is_missing_or_wrong() {
    let mut lab = Lab::new();
    let good = lab.post("/v1/customers", &[]);
    assert!(shapes::faults(&good).is_empty());
    for (name, value) in
        [("email", json!(5)), ("livemode", Value::Null), ("tax_exempt", json!("maybe"))]
    {
        let mut bad =
            json!({ "object": "list", "data": [good.clone()], "has_more": false, "url": "/" });
        bad["data"][0][name] = value;
        assert_eq!(shapes::faults(&bad).len(), 1, "{name}");
    }
    let mut bad = good;
    bad.as_object_mut().unwrap().remove("invoice_settings");
    assert_eq!(shapes::faults(&bad).len(), 1);
}

#[test]
fn a_key_replays_the_first_answer_byte_for_byte() {
    let mut lab = Lab::new();
    let keyed = |path: &str, pairs: &[(&str, &str)], key: &str| {
        let mut asked = call("POST", path, pairs);
        asked.idempotency_key = Some(key.into());
        asked
    };
    let first = lab.raw(&keyed("/v1/customers", &[("name", "A"), ("email", "a@b.c")], "k"));
    let again = lab.raw(&keyed("/v1/customers", &[("email", "a@b.c"), ("name", "A")], "k"));
    assert_eq!((first.status, &first.body), (again.status, &again.body));
    assert_eq!(header(&first, "Original-Request"), header(&first, "Request-Id"));
    assert_eq!(header(&again, "Original-Request"), header(&first, "Request-Id"));
    assert_ne!(header(&again, "Request-Id"), header(&first, "Request-Id"));
    assert_eq!(header(&again, "Idempotent-Replayed"), Some("true"));
    assert_eq!(header(&first, "Idempotent-Replayed"), None);
    assert_eq!(header(&first, "Stripe-Should-Retry"), Some("false"));
    assert_eq!(lab.world.list("customer").len(), 1);
    assert_eq!(lab.event("customer.created")["request"]["idempotency_key"], "k");

    for (asked, message) in [
        (
            keyed("/v1/customers", &[("name", "B")], "k"),
            "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than 'k' if you meant to execute a different request.",
        ),
        (
            keyed("/v1/products", &[("name", "A"), ("email", "a@b.c")], "k"),
            "Keys for idempotent requests can only be used for the same endpoint they were first used for ('/v1/products' vs '/v1/customers'). Try using a key other than 'k' if you meant to execute a different request.",
        ),
    ] {
        let reply = lab.raw(&asked);
        let error: Value = serde_json::from_str::<Value>(&reply.body).unwrap()["error"].clone();
        assert_eq!((reply.status, error["type"].as_str()), (400, Some("idempotency_error")));
        assert_eq!(error["message"], message);
        assert!(error.get("code").is_none());
    }

    // A refusal before the work began is not kept; a decline is.
    assert_eq!(lab.raw(&keyed("/v1/customers", &[("wat", "1")], "v")).status, 400);
    assert_eq!(lab.raw(&keyed("/v1/customers", &[("name", "C")], "v")).status, 200);
    let customer = id(&lab.world.list("customer")[0]);
    let path = "/v1/payment_methods/pm_card_visa_chargeDeclined/attach";
    let declined = lab.raw(&keyed(path, &[("customer", &customer)], "d"));
    assert_eq!(declined.status, 402);
    assert_eq!(lab.raw(&keyed(path, &[("customer", &customer)], "d")).body, declined.body);

    lab.wall += DAY + 1;
    assert_eq!(
        lab.raw(&keyed("/v1/customers", &[("name", "B")], "k")).status,
        200,
        "a day later the key is free"
    );
}

#[test]
fn the_catalogue_keeps_its_rules() {
    let mut lab = Lab::new();
    let product = id(&lab.post("/v1/products", &[("name", "Pro"), ("id", "prod_specie_pro")]));
    assert_eq!(product, "prod_specie_pro");
    let seen = lab.seen();
    let pairs = [
        ("product", "prod_specie_pro"),
        ("currency", "USD"),
        ("unit_amount", "900"),
        ("recurring[interval]", "month"),
        ("lookup_key", "pro"),
    ];
    let price = lab.post("/v1/prices", &pairs);
    assert_eq!((&price["currency"], &price["unit_amount_decimal"]), (&json!("usd"), &json!("900")));
    assert_eq!(lab.told(seen), ["plan.created", "price.created"]);
    let taken = lab.refused("POST", "/v1/prices", &pairs, 400);
    assert_eq!(
        taken["message"],
        format!("A price (`{}`) already uses that lookup key.", id(&price))
    );
    let mut moved = pairs.to_vec();
    moved.push(("transfer_lookup_key", "true"));
    let next = lab.post("/v1/prices", &moved);
    assert_eq!(
        lab.event("price.updated")["data"]["previous_attributes"],
        json!({"lookup_key": "pro"})
    );
    assert_eq!(lab.get("/v1/prices", &[("lookup_keys[]", "pro")])["data"][0]["id"], next["id"]);
    lab.refused("DELETE", "/v1/products/prod_specie_pro", &[], 400);
    let path = format!("/v1/prices/{}", id(&next));
    lab.post(&path, &[("active", "false")]);
    lab.refused("POST", &path, &[("unit_amount", "1")], 400);
    let customer = lab.customer("pm_card_visa");
    lab.refused(
        "POST",
        "/v1/subscriptions",
        &[("customer", &customer), ("items[0][price]", &id(&next))],
        400,
    );
    let metered = lab.refused(
        "POST",
        "/v1/prices",
        &[
            ("product", &product),
            ("currency", "usd"),
            ("unit_amount", "1"),
            ("recurring[interval]", "month"),
            ("recurring[usage_type]", "metered"),
        ],
        400,
    );
    assert!(metered["message"].as_str().unwrap().contains("meters"));
}

#[test]
fn metadata_merges_and_clears() {
    let mut lab = Lab::new();
    let customer = id(&lab.post("/v1/customers", &[("metadata[a]", "1"), ("metadata[b]", "2")]));
    let path = format!("/v1/customers/{customer}");
    let merged = lab.post(&path, &[("metadata[b]", ""), ("metadata[c]", "3")]);
    assert_eq!(merged["metadata"], json!({"a": "1", "c": "3"}));
    assert_eq!(
        lab.event("customer.updated")["data"]["previous_attributes"],
        json!({"metadata": {"b": "2", "c": null}})
    );
    let seen = lab.seen();
    lab.post(&path, &[("metadata[c]", "3")]);
    assert_eq!(lab.seen(), seen, "nothing changed, nothing told");
    assert_eq!(lab.post(&path, &[("metadata", "")])["metadata"], json!({}));
    lab.refused("POST", &path, &[("metadata[a]", &"x".repeat(501))], 400);
}

#[test]
fn a_secret_is_shown_once_and_events_are_kept_for_thirty_days_of_wall_time() {
    let mut lab = Lab::new();
    let made = lab.post(
        "/v1/webhook_endpoints",
        &[("url", "http://h/x"), ("enabled_events[0]", "customer.created")],
    );
    assert!(made["secret"].as_str().unwrap().starts_with("whsec_"));
    let path = format!("/v1/webhook_endpoints/{}", id(&made));
    assert!(lab.get(&path, &[]).get("secret").is_none());
    let customer = id(&lab.post("/v1/customers", &[]));
    lab.post(&format!("/v1/customers/{customer}"), &[("name", "B")]);
    let sent = lab.world.take_deliveries();
    assert_eq!(sent.len(), 1, "only what was asked for");
    assert_eq!(made["secret"], sent[0].secret);
    let event = format!("/v1/events/{}", sent[0].event);
    lab.world.advance(START + 400 * DAY);
    lab.get(&event, &[]);
    lab.wall += 30 * DAY + 1;
    lab.refused("GET", &event, &[], 404);
    assert_eq!(lab.get("/v1/events", &[])["data"], json!([]));
    assert!(
        lab.world.delivery(&sent[0].event, &sent[0].endpoint).is_some(),
        "what waits is still sent"
    );
    lab.post(&path, &[("disabled", "true")]);
    assert!(lab.world.delivery(&sent[0].event, &sent[0].endpoint).is_none());
}

#[test]
fn a_world_that_was_put_away_goes_on_as_if_it_had_not_been() {
    let mut lab = Lab::new();
    lab.hook();
    lab.subscribed("pm_card_visa", "month", "1");
    let text = serde_json::to_string(&lab.world).unwrap();
    let mut back: World = serde_json::from_str(&text).unwrap();
    lab.world.advance(START + 100 * DAY);
    back.advance(START + 100 * DAY);
    assert_eq!(serde_json::to_string(&lab.world).unwrap(), serde_json::to_string(&back).unwrap());
}

const PATHS: &[&str] = &[
    "customers",
    "customers/$",
    "payment_methods/pm_card_visa/attach",
    "payment_methods/$/attach",
    "payment_methods/pm_card_chargeCustomerFail/attach",
    "payment_methods/$/detach",
    "payment_methods/$",
    "payment_methods",
    "products",
    "products/$",
    "prices",
    "prices/$",
    "checkout/sessions",
    "checkout/sessions/$",
    "checkout/sessions/$/expire",
    "checkout/sessions/$/line_items",
    "subscriptions",
    "subscriptions/$",
    "invoices",
    "invoices/$",
    "invoices/$/pay",
    "invoices/$/void",
    "invoices/$/finalize",
    "invoices/$/lines",
    "invoice_payments",
    "payment_intents",
    "payment_intents/$",
    "charges",
    "charges/$",
    "refunds",
    "refunds/$",
    "events",
    "events/$",
    "webhook_endpoints",
    "webhook_endpoints/$",
    "billing_portal/sessions",
    "account",
    "subscription_items",
    "coupons",
    "nothing",
];
const PAIRS: &[(&str, &str)] = &[
    ("customer", "$"),
    ("items[0][price]", "$"),
    ("line_items[0][price]", "$"),
    ("line_items[0][quantity]", "1"),
    ("mode", "subscription"),
    ("success_url", "http://h/ok"),
    ("currency", "usd"),
    ("unit_amount", "2900"),
    ("unit_amount", "0"),
    ("unit_amount", "-1"),
    ("product", "$"),
    ("recurring[interval]", "day"),
    ("recurring[interval_count]", "7"),
    ("name", "A"),
    ("email", "a@b.c"),
    ("metadata[k]", "v"),
    ("metadata", ""),
    ("cancel_at_period_end", "true"),
    ("default_payment_method", "$"),
    ("payment_method", "$"),
    ("invoice_settings[default_payment_method]", "$"),
    ("charge", "$"),
    ("payment_intent", "$"),
    ("amount", "100"),
    ("url", "http://h/x"),
    ("enabled_events[]", "*"),
    ("expand[]", "customer"),
    ("expand[]", "latest_invoice.payments"),
    ("expand[]", "data.customer"),
    ("limit", "3"),
    ("starting_after", "$"),
    ("type", "card"),
    ("card[token]", "tok_visa"),
    ("subscription", "$"),
    ("created[gte]", "1"),
    ("a[b][c]", "1"),
    ("status", "all"),
    ("quantity", "999999999999999999"),
];

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 12, rng_seed: proptest::test_runner::RngSeed::Fixed(7), ..ProptestConfig::default()
    })]

    /// Whatever is asked in whatever order: an answer of the declared shape, no server error, and
    /// the same bytes from the same seed.
    #[test]
    fn any_sequence_is_answered_and_repeats_itself(
        steps in prop::collection::vec((0_u8..10, 0..PATHS.len(), prop::collection::vec(0..PAIRS.len(), 0..6), any::<u32>()), 1..60),
        seed in any::<u64>(),
    ) {
        let run = || {
            let mut lab = Lab::with(Config::new(seed, START, "http://h"));
            lab.hook();
            lab.subscribed("pm_card_visa", "day", "7");
            let mut said = String::new();
            for (kind, path, pairs, pick) in &steps {
                let all = lab.ids();
                let some = |n: usize| all[(*pick as usize).wrapping_add(n * 31) % all.len()].clone();
                match kind {
                    0 => lab.world.advance(lab.world.now() + i64::from(pick % 3_000_000)),
                    1 => {
                        let session = lab.world.list("checkout.session").first().map(id).unwrap_or_default();
                        let card = ["pm_card_visa", "pm_card_chargeCustomerFail", "nope"][(pick % 3) as usize];
                        said += &format!("{:?}", lab.world.pay_checkout(&session, card, Some("a@b.c"), None));
                    }
                    kind => {
                        let method = ["GET", "POST", "POST", "POST", "DELETE"][(kind % 5) as usize];
                        let path = format!("/v1/{}", PATHS[*path].replace('$', &some(0)));
                        let filled: Vec<(&str, String)> = pairs.iter().enumerate()
                            .map(|(n, at)| (PAIRS[*at].0, PAIRS[*at].1.replace('$', &some(n + 1)))).collect();
                        let pairs: Vec<(&str, &str)> = filled.iter().map(|(k, v)| (*k, v.as_str())).collect();
                        let mut asked = call(method, &path, &pairs);
                        if pick % 4 == 0 {
                            asked.idempotency_key = Some(format!("k{}", pick % 16));
                        }
                        let reply = lab.raw(&asked);
                        assert!([200, 400, 402, 404].contains(&reply.status), "{}", reply.status);
                        said += &reply.body;
                    }
                }
                for pending in lab.world.take_deliveries() {
                    said += &pending.body;
                }
            }
            said + &serde_json::to_string(&lab.world).unwrap()
        };
        prop_assert_eq!(run(), run());
    }
}
