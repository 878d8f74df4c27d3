//! What is refused, word for word as Stripe does.

use serde_json::Value;

use crate::world::{Lab, call, header, id};

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
        (
            Some(concat!("Bearer sk_live_", "1234567890")),
            "Invalid API Key provided: sk_live_******7890",
        ),
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
fn a_trial_of_a_price_has_up_to_730_days() {
    let mut lab = Lab::new();
    let product = id(&lab.post("/v1/products", &[("name", "Pro")]));
    let price = |days| {
        [
            ("product", product.as_str()),
            ("currency", "usd"),
            ("unit_amount", "2900"),
            ("recurring[interval]", "month"),
            ("recurring[trial_period_days]", days),
        ]
    };
    for days in ["-1", "731", "9223372036854775807"] {
        let error = lab.refused("POST", "/v1/prices", &price(days), 400);
        assert_eq!(error["param"], "recurring[trial_period_days]", "{days}");
    }
    for days in ["0", "730"] {
        lab.post("/v1/prices", &price(days));
    }
}

#[test]
fn a_product_does_not_take_the_id_of_an_event() {
    let mut lab = Lab::new();
    lab.post("/v1/customers", &[]);
    let event = id(&lab.event("customer.created"));
    let error = lab.refused("POST", "/v1/products", &[("name", "Pro"), ("id", &event)], 400);
    assert_eq!(error["code"], "resource_already_exists");
    let price = [
        ("currency", "usd"),
        ("unit_amount", "2900"),
        ("product_data[name]", "Pro"),
        ("product_data[id]", event.as_str()),
    ];
    let error = lab.refused("POST", "/v1/prices", &price, 400);
    assert_eq!(error["code"], "resource_already_exists");
}
