//! What goes over the wire: errors as they were recorded, keys, lists, expansion; and whatever is
//! asked, the world answers the same again and never breaks.

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

/// Method, path and parameters; then status, code, param, and how the message begins.
type Refusal<'a> =
    (&'a str, &'a str, &'a [(&'a str, &'a str)], u16, Option<&'a str>, Option<&'a str>, &'a str);

#[test]
fn wrong_requests_are_refused_as_recorded() {
    let mut lab = Lab::new();
    let customer = id(&lab.post("/v1/customers", &[]));
    let price = lab.price("2900", "month", "1");
    let of = format!("/v1/customers/{customer}");
    let table: &[Refusal] = &[
        (
            "GET",
            "/v1/customers/cus_x",
            &[],
            404,
            Some("resource_missing"),
            Some("id"),
            "No such customer: 'cus_x'",
        ),
        (
            "GET",
            "/v1/prices/price_x",
            &[],
            404,
            Some("resource_missing"),
            Some("price"),
            "No such price: 'price_x'",
        ),
        (
            "GET",
            "/v1/invoices/in_x",
            &[],
            404,
            Some("resource_missing"),
            Some("invoice"),
            "No such invoice: 'in_x'",
        ),
        (
            "POST",
            "/v1/invoices/in_x/pay",
            &[],
            404,
            Some("resource_missing"),
            Some("id"),
            "No such invoice: 'in_x'",
        ),
        (
            "GET",
            "/v1/payment_intents/pi_x",
            &[],
            404,
            Some("resource_missing"),
            Some("intent"),
            "No such payment_intent: 'pi_x'",
        ),
        (
            "DELETE",
            "/v1/prices/price_x",
            &[],
            404,
            None,
            None,
            "Unrecognized request URL (DELETE: /v1/prices/price_x). Please see https://stripe.com/docs or we can help at https://support.stripe.com/.",
        ),
        (
            "POST",
            "/v1/customers",
            &[("wat", "1")],
            400,
            Some("parameter_unknown"),
            Some("wat"),
            "Received unknown parameter: wat",
        ),
        (
            "POST",
            "/v1/customers",
            &[("invoice_settings[nope]", "1")],
            400,
            Some("parameter_unknown"),
            Some("invoice_settings[nope]"),
            "Received unknown parameter: invoice_settings[nope]",
        ),
        (
            "POST",
            "/v1/customers",
            &[("a", "1"), ("b", "1")],
            400,
            Some("parameter_unknown"),
            Some("a"),
            "Received unknown parameters: a, b",
        ),
        (
            "POST",
            "/v1/customers",
            &[("email", "5")],
            400,
            Some("email_invalid"),
            Some("email"),
            "Invalid email address: 5",
        ),
        (
            "POST",
            "/v1/customers",
            &[("balance", "5")],
            400,
            Some("specie_sandbox_unsupported"),
            Some("balance"),
            "The sandbox does not support the parameter `balance` yet.",
        ),
        (
            "GET",
            "/v1/coupons",
            &[],
            400,
            Some("specie_sandbox_unsupported"),
            None,
            "The sandbox does not support the endpoint `GET /v1/coupons` yet.",
        ),
        (
            "GET",
            "/v1/customers",
            &[("limit", "abc")],
            400,
            Some("parameter_invalid_integer"),
            Some("limit"),
            "Invalid integer: abc",
        ),
        (
            "GET",
            "/v1/customers",
            &[("starting_after", "cus_x")],
            400,
            Some("resource_missing"),
            Some("starting_after"),
            "No such customer: 'cus_x'",
        ),
        (
            "GET",
            "/v1/invoices",
            &[("status", "late")],
            400,
            None,
            Some("status"),
            "Invalid status: must be one of draft, open, void, paid, or uncollectible",
        ),
        (
            "POST",
            "/v1/prices",
            &[("currency", "usd"), ("unit_amount", "5")],
            400,
            None,
            None,
            "You must specify either `product` or `product_data` when creating a price.",
        ),
        (
            "POST",
            "/v1/prices",
            &[("unit_amount", "5")],
            400,
            Some("parameter_missing"),
            Some("currency"),
            "Missing required param: currency.",
        ),
        (
            "POST",
            "/v1/prices",
            &[("currency", "usd"), ("unit_amount", "5"), ("product", "prod_x")],
            400,
            Some("resource_missing"),
            Some("product"),
            "No such product: 'prod_x'",
        ),
        (
            "POST",
            "/v1/subscriptions",
            &[("customer", "cus_x"), ("items[0][price]", &price)],
            404,
            Some("resource_missing"),
            Some("customer"),
            "No such customer: 'cus_x'",
        ),
        (
            "POST",
            "/v1/subscriptions",
            &[("customer", &customer)],
            400,
            Some("parameter_missing"),
            Some("items"),
            "Missing required param: items.",
        ),
        (
            "POST",
            "/v1/subscriptions",
            &[("customer", &customer), ("items[0][price]", "price_x")],
            400,
            Some("resource_missing"),
            Some("items[0][price]"),
            "No such price: 'price_x'",
        ),
        (
            "POST",
            "/v1/subscriptions",
            &[
                ("customer", &customer),
                ("items[0][price]", &price),
                ("cancel_at_period_end", "maybe"),
            ],
            400,
            None,
            Some("cancel_at_period_end"),
            "Invalid boolean: maybe",
        ),
        (
            "POST",
            "/v1/subscriptions",
            &[("customer", &customer), ("items[0][price]", &price), ("items[1][price]", &price)],
            400,
            None,
            Some("plan"),
            "Cannot create a Subscription with multiple Subscription Items with the same Price: ",
        ),
        (
            "POST",
            "/v1/subscriptions",
            &[("customer", &customer), ("items[0][price]", &price), ("trial_end", "now")],
            400,
            Some("specie_sandbox_unsupported"),
            Some("trial_end"),
            "The sandbox does not support the parameter `trial_end` yet.",
        ),
        (
            "POST",
            "/v1/subscriptions",
            &[("customer", &customer), ("items[0][price]", &price)],
            400,
            Some("resource_missing"),
            None,
            "This customer has no attached payment source or default payment method.",
        ),
        (
            "POST",
            "/v1/payment_methods/pm_card_visa/attach",
            &[],
            400,
            Some("parameter_missing"),
            None,
            "Must provide customer or customer_account.",
        ),
        (
            "POST",
            "/v1/payment_methods/pm_card_visa/attach",
            &[("customer", "cus_x")],
            400,
            Some("resource_missing"),
            Some("customer"),
            "No such customer: 'cus_x'",
        ),
        (
            "POST",
            "/v1/payment_methods/pm_card_visa_chargeDeclined/attach",
            &[("customer", &customer)],
            402,
            Some("card_declined"),
            Some(""),
            "Your card was declined.",
        ),
        (
            "POST",
            "/v1/payment_methods",
            &[("type", "card"), ("card[token]", "tok_nope")],
            400,
            Some("resource_missing"),
            Some("token"),
            "Invalid token id: tok_nope",
        ),
        (
            "POST",
            "/v1/refunds",
            &[],
            400,
            None,
            None,
            "One of the following params should be provided for this request: payment_intent or charge.",
        ),
        (
            "POST",
            "/v1/refunds",
            &[("charge", "ch_x")],
            404,
            Some("resource_missing"),
            Some("id"),
            "No such charge: 'ch_x'",
        ),
        (
            "GET",
            &of,
            &[("expand[]", "foo")],
            400,
            None,
            None,
            "This property cannot be expanded (foo).",
        ),
        (
            "GET",
            &of,
            &[("expand[]", "a.b.c.d.e")],
            400,
            Some("property_expansion_max_depth"),
            None,
            "You cannot expand more than 4 levels of a property. Property: a.b.c.d.e",
        ),
        (
            "GET",
            "/v1/customers",
            &[("expand[]", "foo")],
            400,
            None,
            None,
            "This property cannot be expanded (foo). You may want to try expanding 'data.foo' instead.",
        ),
    ];
    for (method, path, pairs, status, code, param, message) in table {
        let error = lab.refused(method, path, pairs, *status);
        let said = error["message"].as_str().unwrap();
        assert!(said.starts_with(message), "{method} {path} {pairs:?}: {said}");
        assert_eq!(error.get("code").and_then(Value::as_str), *code, "{method} {path} {pairs:?}");
        assert_eq!(error.get("param").and_then(Value::as_str), *param, "{method} {path} {pairs:?}");
        let explained = code.is_some_and(|code| code != "specie_sandbox_unsupported");
        assert_eq!(error.get("doc_url").is_some(), explained, "{error}");
        assert!(error["request_log_url"].is_string());
    }
    assert_eq!(lab.world.list("payment_method").len(), 0, "a refused card is not kept");
}

#[test]
fn keys_and_versions_are_looked_at_first() {
    let mut lab = Lab::new();
    for (key, message) in [
        (None, "You did not provide an API key."),
        (Some("Bearer "), "You did not provide an API key."),
        (Some("Bearer pk_test_123456789"), "Invalid API Key provided: pk_test_*****6789"),
        (Some("Bearer sk_live_1234567890"), "Invalid API Key provided: sk_live_******7890"),
    ] {
        let mut asked = call("GET", "/v1/account", &[]);
        asked.authorization = key.map(str::to_owned);
        let reply = lab.raw(&asked);
        let error: Value = serde_json::from_str(&reply.body).unwrap();
        assert_eq!(reply.status, 401);
        assert!(error["error"]["message"].as_str().unwrap().starts_with(message), "{error}");
        assert_eq!(error["error"].as_object().unwrap().len(), 2);
        assert_eq!(header(&reply, "WWW-Authenticate"), Some("Bearer realm=\"Stripe\""));
        assert_eq!(header(&reply, "Request-Id"), None);
        assert_eq!(header(&reply, "Stripe-Version"), None);
    }
    let mut basic = call("GET", "/v1/account", &[]);
    basic.authorization = Some("Basic c2tfdGVzdF9hYmM6".into()); // sk_test_abc:
    assert_eq!(lab.raw(&basic).status, 200);
    for (version, status) in
        [("2026-10-28.endive", 200), ("2025-03-31.basil", 200), ("2024-06-20", 400), ("nope", 400)]
    {
        let mut asked = call("GET", "/v1/account", &[]);
        asked.version = Some(version.into());
        let reply = lab.raw(&asked);
        assert_eq!(reply.status, status, "{version}");
        if version == "nope" {
            assert!(reply.body.contains("Invalid Stripe API version: nope"));
            assert!(!reply.body.contains("request_log_url"));
            assert_eq!(header(&reply, "Stripe-Version"), Some("nope"));
        }
    }
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
fn lists_page_in_both_directions_and_past_deleted_objects() {
    let mut lab = Lab::new();
    let mut made: Vec<String> = (0..25).map(|_| id(&lab.post("/v1/customers", &[]))).collect();
    made.reverse();
    let ids = |list: &Value| list["data"].as_array().unwrap().iter().map(id).collect::<Vec<_>>();
    let first = lab.get("/v1/customers", &[]);
    assert_eq!((ids(&first), &first["has_more"]), (made[..10].to_vec(), &json!(true)));
    assert_eq!(first["url"], "/v1/customers");
    assert_eq!(ids(&lab.get("/v1/customers", &[("limit", "0")])), made[..1]);
    assert_eq!(ids(&lab.get("/v1/customers", &[("limit", "1000")])), made);
    let mut walked = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let mut pairs = vec![("limit", "7")];
        if let Some(cursor) = &cursor {
            pairs.push(("starting_after", cursor));
        }
        let page = lab.get("/v1/customers", &pairs);
        walked.extend(ids(&page));
        cursor = walked.last().cloned();
        if page["has_more"] == false {
            break;
        }
    }
    assert_eq!(walked, made);
    let before = lab.get("/v1/customers", &[("ending_before", &made[12]), ("limit", "5")]);
    assert_eq!((ids(&before), &before["has_more"]), (made[7..12].to_vec(), &json!(true)));
    lab.ask("DELETE", &format!("/v1/customers/{}", made[3]), &[]);
    let after = lab.get("/v1/customers", &[("starting_after", &made[3]), ("limit", "2")]);
    assert_eq!(ids(&after), made[4..6]);
    let error = lab.refused(
        "GET",
        "/v1/customers",
        &[("starting_after", &made[0]), ("ending_before", &made[1])],
        400,
    );
    assert_eq!(
        error["message"],
        "Received both starting_after and ending_before parameters. Please pass in only one."
    );
    let range = [("created[gt]", START.to_string())];
    assert_eq!(
        ids(&lab.get("/v1/customers", &[(range[0].0, range[0].1.as_str())])),
        Vec::<String>::new()
    );
}

#[test]
fn filters_find_what_was_asked_for() {
    let mut lab = Lab::new();
    let (customer, sub) = lab.subscribed("pm_card_visa", "month", "1");
    let (_, other) = lab.subscribed("pm_card_visa", "month", "1");
    let ids = |list: &Value| list["data"].as_array().unwrap().iter().map(id).collect::<Vec<_>>();
    assert_eq!(ids(&lab.get("/v1/subscriptions", &[("customer", &customer)])), [sub.as_str()]);
    lab.ask("DELETE", &format!("/v1/subscriptions/{other}"), &[]);
    assert_eq!(ids(&lab.get("/v1/subscriptions", &[])), [sub.as_str()]);
    assert_eq!(ids(&lab.get("/v1/subscriptions", &[("status", "canceled")])), [other.as_str()]);
    assert_eq!(
        ids(&lab.get("/v1/subscriptions", &[("status", "all")])),
        [other.as_str(), sub.as_str()]
    );
    assert_eq!(ids(&lab.get("/v1/invoices", &[("subscription", &sub)])).len(), 1);
    assert_eq!(ids(&lab.get("/v1/invoices", &[("status", "open")])).len(), 0);
    let intent = id(&lab.get("/v1/payment_intents", &[("customer", &customer)])["data"][0]);
    let found = lab.get(
        "/v1/invoice_payments",
        &[
            ("payment[type]", "payment_intent"),
            ("payment[payment_intent]", &intent),
            ("expand[]", "data.invoice"),
        ],
    );
    assert_eq!(found["data"][0]["invoice"]["customer"], json!(customer));
    assert_eq!(ids(&lab.get("/v1/charges", &[("payment_intent", &intent)])).len(), 1);
    assert_eq!(lab.get("/v1/payment_methods", &[])["data"], json!([]));
    assert_eq!(
        lab.get("/v1/events", &[("type", "invoice.*"), ("limit", "3")])["data"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    let one = lab.get("/v1/events", &[("types[]", "customer.subscription.deleted")]);
    assert_eq!(one["data"][0]["data"]["object"]["id"], json!(other));
}

#[test]
fn expansion_goes_four_levels_deep() {
    let mut lab = Lab::new();
    let (_, sub) = lab.subscribed("pm_card_visa", "month", "1");
    let invoice = id(&lab.world.list("invoice")[0]);
    let deep = lab.get(
        &format!("/v1/invoices/{invoice}"),
        &[
            ("expand[]", "payments.data.payment.payment_intent"),
            ("expand[]", "parent.subscription_details.subscription"),
            ("expand[]", "confirmation_secret"),
        ],
    );
    assert_eq!(
        deep["payments"]["data"][0]["payment"]["payment_intent"]["object"],
        "payment_intent"
    );
    assert_eq!(deep["parent"]["subscription_details"]["subscription"]["id"], json!(sub));
    assert!(lab.get(&format!("/v1/invoices/{invoice}"), &[]).get("payments").is_none());
    let list = lab.get("/v1/subscriptions", &[("expand[]", "data.items.data.price")]);
    assert_eq!(list["data"][0]["items"]["data"][0]["price"]["object"], "price");
    let error = lab.refused(
        "GET",
        &format!("/v1/subscriptions/{sub}"),
        &[("expand[]", "customer.nope")],
        400,
    );
    assert_eq!(
        error["message"],
        "This property cannot be expanded because it doesn't exist: nope."
    );
    let before = lab.world.list("customer").len();
    lab.refused("POST", "/v1/customers", &[("expand[]", "nope")], 400);
    assert_eq!(lab.world.list("customer").len(), before, "a refused write leaves nothing");
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
