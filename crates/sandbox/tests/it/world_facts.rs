//! Facts of the manual that have no story of their own: each is asked of the world directly.

use serde_json::{Value, json};

use crate::world::{DAY, Lab, START, call, header, id};

fn error(reply: &specie_sandbox::world::Reply) -> Value {
    serde_json::from_str::<Value>(&reply.body).unwrap()["error"].clone()
}

#[test]
fn a_key_that_is_in_use_is_told_so_and_not_used_up() {
    let mut lab = Lab::new();
    let mut asked = call("POST", "/v1/customers", &[("name", "Ada")]);
    asked.idempotency_key = Some("k".into());
    lab.world.hold_key("k", true);
    let reply = lab.raw(&asked);
    let refused = error(&reply);
    assert_eq!((reply.status, &refused["code"]), (409, &json!("idempotency_key_in_use")));
    assert_eq!(
        refused["message"],
        "There is currently another in-progress request using this Idempotent Key (that probably \
         means you submitted twice, and the other request is still going through): k. Please try \
         again later."
    );
    assert_eq!(header(&reply, "Stripe-Should-Retry"), None, "libraries try a 409 again");
    assert!(lab.world.list("customer").is_empty());
    lab.world.hold_key("k", false);
    assert_eq!(lab.raw(&asked).status, 200);
}

#[test]
fn a_charge_and_a_refund_move_the_balance() {
    let mut lab = Lab::new();
    let (_, sub) = lab.subscribed("pm_card_visa", "month", "1");
    let charge = lab.world.list("charge").remove(0);
    let txn = charge["balance_transaction"].as_str().unwrap().to_owned();
    assert_eq!(txn[4..20], id(&charge)[3..19], "the objects of one payment share their beginning");
    let shown = lab.get(
        &format!("/v1/charges/{}", id(&charge)),
        &[("expand[]", "balance_transaction.source"), ("expand[]", "refunds")],
    );
    let booked = &shown["balance_transaction"];
    for (field, value) in [
        ("amount", json!(2900)),
        ("fee", json!(114)),
        ("net", json!(2786)),
        ("type", json!("charge")),
        ("reporting_category", json!("charge")),
        ("status", json!("pending")),
        ("description", json!("Subscription creation")),
        ("exchange_rate", Value::Null),
    ] {
        assert_eq!(booked[field], value, "{field}");
    }
    assert_eq!(booked["fee_details"][0]["description"], "Stripe processing fees");
    assert_eq!(booked["source"]["id"], charge["id"]);
    assert_eq!(shown["refunds"]["total_count"], 0);
    let available = booked["available_on"].as_i64().unwrap();
    assert_eq!(available % DAY, 0, "a midnight");
    assert!((6 * DAY..=7 * DAY).contains(&(available - START)));

    let refund = lab.post("/v1/refunds", &[("charge", &id(&charge)), ("amount", "900")]);
    let of_refund = lab.get("/v1/balance_transactions", &[("source", &id(&refund))]);
    let back = &of_refund["data"][0];
    assert_eq!((&back["amount"], &back["fee"]), (&json!(-900), &json!(0)));
    assert_eq!(back["description"], "REFUND FOR CHARGE (Subscription creation)");
    assert_eq!(back["fee_details"], json!([]));
    assert_eq!(lab.get("/v1/balance_transactions", &[])["data"].as_array().unwrap().len(), 2);

    let balance = lab.get("/v1/balance", &[]);
    assert_eq!(balance["pending"][0]["amount"], 1886);
    assert_eq!(balance["available"][0]["amount"], 0);
    lab.world.advance(available);
    let balance = lab.get("/v1/balance", &[]);
    assert_eq!(balance["available"][0]["amount"], 1886);
    assert_eq!(lab.get(&format!("/v1/balance_transactions/{txn}"), &[])["status"], "available");
    let missing = lab.refused("GET", "/v1/balance_transactions/txn_x", &[], 404);
    assert_eq!(missing["message"], "No such balance transaction: 'txn_x'");
    assert_eq!(missing["param"], "id");

    let failed = lab.customer("pm_card_chargeCustomerFail");
    let price = id(&lab.world.list("price")[0]);
    lab.post("/v1/subscriptions", &[("customer", &failed), ("items[0][price]", &price)]);
    assert_eq!(lab.world.list("charge")[0]["balance_transaction"], Value::Null);
    assert!(!sub.is_empty());
}

#[test]
fn money_of_one_card_is_available_at_once() {
    let mut lab = Lab::new();
    lab.subscribed("pm_card_bypassPending", "month", "1");
    assert_eq!(lab.get("/v1/balance_transactions", &[])["data"][0]["status"], "available");
}

#[test]
fn a_renewal_is_announced_a_week_before() {
    let mut lab = Lab::new();
    let (_, sub) = lab.subscribed("pm_card_visa", "month", "1");
    let seen = lab.seen();
    lab.world.advance(START + 24 * DAY - 1);
    assert_eq!(lab.seen(), seen);
    lab.world.advance(START + 24 * DAY);
    assert_eq!(lab.told(seen), ["invoice.upcoming"]);
    let list = lab.get("/v1/events", &[("type", "invoice.upcoming")]);
    let event = &list["data"][0];
    assert_eq!(event["request"], json!({ "id": null, "idempotency_key": null }));
    let preview = &event["data"]["object"];
    assert!(id(preview).starts_with("upcoming_in_"));
    for (field, value) in [
        ("status", json!("draft")),
        ("billing_reason", json!("upcoming")),
        ("amount_due", json!(2900)),
        ("number", Value::Null),
        ("created", json!(START + 31 * DAY)),
    ] {
        assert_eq!(preview[field], value, "{field}");
    }
    let line = &preview["lines"]["data"][0]["period"];
    assert_eq!(line["start"], START + 31 * DAY);
    lab.refused("GET", &format!("/v1/invoices/{}", id(preview)), &[], 404);
    assert_eq!(lab.world.list("invoice").len(), 1, "nothing was made");

    lab.post(&format!("/v1/subscriptions/{sub}"), &[("cancel_at_period_end", "true")]);
    let seen = lab.seen();
    lab.world.advance(START + 40 * DAY);
    assert!(!lab.told(seen).contains(&"invoice.upcoming".to_owned()), "there is no renewal");
}

#[test]
fn no_renewal_is_announced_that_is_nearer_than_the_notice_or_with_the_switch_off() {
    for (unit, count, days) in [("day", "7", 7), ("month", "1", 0)] {
        let mut lab = Lab::new();
        lab.world.switch(&json!({ "upcoming_days": days })).unwrap();
        lab.subscribed("pm_card_visa", unit, count);
        lab.world.advance(START + 60 * DAY);
        assert!(!lab.told(0).contains(&"invoice.upcoming".to_owned()), "{unit}");
    }
}

#[test]
fn switches_are_set_by_name_all_or_none() {
    let mut lab = Lab::new();
    let before = lab.world.switches();
    assert_eq!(before["dunning"]["then"], "cancel");
    for (wanted, says) in [
        (json!({ "draft_seconds": 0 }), "`draft_seconds` goes from 1"),
        (json!({ "upcoming_days": 3, "nonsense": 1 }), "no switch `nonsense`"),
        (json!({ "dunning": { "then": "forgive" } }), "`dunning.then` is \"forgive\""),
        (json!({ "dunning": { "thn": "cancel" } }), "no switch `dunning.thn`"),
        (json!({ "dunning": 5 }), "`smart`, `fixed` or a JSON object"),
        (json!({ "dunning": { "retries": ["two"] } }), "a list of whole numbers"),
        (json!({ "draft_seconds": "x" }), "`draft_seconds` is \"x\", and has to be a whole"),
        (json!({ "test_clock_limits": 1 }), "true or false"),
        (json!({ "dunning": "hopeful" }), "no preset \"hopeful\""),
        (json!({ "dunning": { "retries": [0] } }), "pauses of 1 s"),
        (json!({ "event_times": 5 }), "has to be simulated or wall"),
        (json!([]), "JSON object"),
    ] {
        let refused = lab.world.switch(&wanted).unwrap_err();
        assert!(refused.contains(says), "{wanted}: {refused}");
        assert_eq!(lab.world.switches(), before, "{wanted}");
    }
    lab.world.switch(&json!({ "dunning": "smart", "event_times": "wall" })).unwrap();
    assert_eq!(lab.world.switches()["dunning"]["retries"].as_array().unwrap().len(), 8);
    lab.wall += 5;
    lab.post("/v1/customers", &[]);
    assert_eq!(lab.event("customer.created")["created"], START + 5);
}

#[test]
fn a_given_up_invoice_can_be_marked_and_voiding_it_is_a_switch() {
    let mut lab = Lab::new();
    let dunning = json!({ "retries": [DAY], "then": "past_due", "mark_uncollectible": true });
    lab.world.switch(&json!({ "dunning": dunning })).unwrap();
    let (customer, sub) = lab.subscribed("pm_card_visa", "day", "30");
    let path = "/v1/payment_methods/pm_card_chargeCustomerFail/attach";
    let card = id(&lab.post(path, &[("customer", &customer)]));
    let field = "invoice_settings[default_payment_method]";
    lab.post(&format!("/v1/customers/{customer}"), &[(field, &card)]);
    lab.world.advance(START + 33 * DAY);
    let invoice = lab.world.list("invoice").remove(0);
    assert_eq!(invoice["status"], "uncollectible");
    assert_eq!(invoice["auto_advance"], false);
    assert!(invoice["status_transitions"]["marked_uncollectible_at"].is_i64());
    lab.event("invoice.marked_uncollectible");
    let held = lab.get(&format!("/v1/subscriptions/{sub}"), &[]);
    assert_eq!(held["status"], "active", "an uncollectible invoice is no longer waited for");

    let void = format!("/v1/invoices/{}/void", id(&invoice));
    let refused = lab.refused("POST", &void, &[], 400);
    assert_eq!(refused["message"], "You can only pass in open invoices. This invoice isn't open.");
    lab.world.switch(&json!({ "void_uncollectible": true })).unwrap();
    assert_eq!(lab.post(&void, &[])["status"], "void");
}

#[test]
fn a_card_that_asks_for_its_owner_is_not_charged_again_without_another() {
    let mut lab = Lab::new();
    let (customer, _) = lab.subscribed("pm_card_visa", "day", "30");
    let path = "/v1/payment_methods/pm_card_authenticationRequired/attach";
    let card = id(&lab.post(path, &[("customer", &customer)]));
    let field = "invoice_settings[default_payment_method]";
    lab.post(&format!("/v1/customers/{customer}"), &[(field, &card)]);
    let seen = lab.seen();
    lab.world.advance(START + 34 * DAY);
    let told = lab.told(seen);
    let count = |kind: &str| told.iter().filter(|told| *told == kind).count();
    assert_eq!(count("payment_intent.requires_action"), 1, "{told:?}");
    assert_eq!(count("invoice.payment_failed"), 2, "the count goes on: {told:?}");
}

#[test]
fn test_cards_that_are_not_simulated_are_refused_by_name() {
    let mut lab = Lab::new();
    let customer = id(&lab.post("/v1/customers", &[]));
    for template in ["pm_card_createDispute", "pm_card_pendingRefund", "pm_usBankAccount_success"] {
        let path = format!("/v1/payment_methods/{template}/attach");
        let refused = lab.refused("POST", &path, &[("customer", &customer)], 400);
        assert_eq!(refused["code"], "specie_sandbox_unsupported");
        assert!(refused["message"].as_str().unwrap().contains(template));
    }
    for token in ["tok_createDispute", "tok_riskLevelElevated"] {
        let pairs = [("type", "card"), ("card[token]", token)];
        let refused = lab.refused("POST", "/v1/payment_methods", &pairs, 400);
        assert_eq!(refused["code"], "specie_sandbox_unsupported");
    }
}

#[test]
fn the_one_account_may_be_named() {
    let mut lab = Lab::new();
    let account = id(&lab.get("/v1/account", &[]));
    let mut asked = call("GET", "/v1/customers", &[]);
    asked.account = Some(account.clone());
    let reply = lab.raw(&asked);
    assert_eq!((reply.status, header(&reply, "Stripe-Account")), (200, Some(account.as_str())));
    asked.account = Some("acct_1OfSomebodyElse".into());
    let reply = lab.raw(&asked);
    assert_eq!(reply.status, 400);
    assert_eq!(error(&reply)["code"], "specie_sandbox_unsupported");
    assert_eq!(error(&reply)["param"], "Stripe-Account");
}

#[test]
fn an_object_holds_fifty_keys_of_metadata() {
    let mut lab = Lab::new();
    let keys: Vec<String> = (0..51).map(|n| format!("metadata[k{n}]")).collect();
    let pairs: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), "v")).collect();
    let customer = id(&lab.post("/v1/customers", &pairs[..50]));
    lab.refused("POST", "/v1/customers", &pairs, 400);
    let product = id(&lab.post("/v1/products", &[("name", "Pro")]));
    lab.post(&format!("/v1/products/{product}"), &pairs[..50]);
    for path in [format!("/v1/customers/{customer}"), format!("/v1/products/{product}")] {
        let seen = lab.seen();
        let refused = lab.refused("POST", &path, &[("metadata[one_more]", "v")], 400);
        assert_eq!(refused["param"], "metadata", "{path}");
        lab.post(&path, &[("metadata[k0]", ""), ("metadata[one_more]", "v")]);
        assert_eq!(lab.seen(), seen + 1, "the refused one changed nothing");
        lab.post(&path, &[("metadata[one_more]", ""), ("metadata[k0]", "v")]);
    }
}

#[test]
fn what_a_session_cannot_do_is_not_taken() {
    let mut lab = Lab::new();
    let price = lab.price("2900", "month", "1");
    let customer = id(&lab.post("/v1/customers", &[]));
    let good = [
        ("mode", "subscription"),
        ("line_items[0][price]", price.as_str()),
        ("line_items[0][quantity]", "1"),
        ("success_url", "http://h/ok"),
    ];
    let long = "x".repeat(201);
    for (name, value, code) in [
        ("currency", "eur", None),
        ("billing_address_collection", "required", Some("specie_sandbox_unsupported")),
        ("client_reference_id", long.as_str(), None),
        ("customer_update[name]", "auto", None),
        ("locale", "xx", None),
        ("ui_mode", "elements", Some("specie_sandbox_unsupported")),
        ("allowed_payment_method_types[0]", "sepa_debit", Some("specie_sandbox_unsupported")),
        ("allowed_payment_method_types[0]", "shells", None),
    ] {
        let pairs: Vec<_> = good.iter().copied().chain([(name, value)]).collect();
        let refused = lab.refused("POST", "/v1/checkout/sessions", &pairs, 400);
        assert_eq!(refused.get("code").and_then(Value::as_str), code, "{name}: {refused}");
    }
    let more = [("customer", customer.as_str()), ("customer_update[address]", "auto")];
    let pairs: Vec<_> = good.iter().copied().chain(more).collect();
    let refused = lab.refused("POST", "/v1/checkout/sessions", &pairs, 400);
    assert_eq!(refused["param"], "customer_update[address]");
    let pairs: Vec<_> = good.iter().copied().chain([("currency", "USD")]).collect();
    lab.post("/v1/checkout/sessions", &pairs);
}

#[test]
fn endpoints_are_told_of_known_events_only() {
    let mut lab = Lab::new();
    let make = |event: &'static str| [("url", "http://h/x"), ("enabled_events[0]", event)];
    let refused = lab.refused("POST", "/v1/webhook_endpoints", &make("invoice.payd"), 400);
    assert_eq!(refused["param"], "enabled_events[0]");
    let message = refused["message"].as_str().unwrap();
    assert!(
        message.starts_with("Invalid enabled_events[0]: must be one of *, account."),
        "{message}"
    );
    lab.post("/v1/webhook_endpoints", &make("invoice.paid"));
    let mut old = make("invoice.paid").to_vec();
    old.push(("api_version", "2024-06-20"));
    let refused = lab.refused("POST", "/v1/webhook_endpoints", &old, 400);
    assert_eq!(refused["code"], "specie_sandbox_unsupported");
}

#[test]
fn a_rolled_secret_signs_beside_the_new_one_until_it_expires() {
    let mut lab = Lab::new();
    let hook = lab.hook();
    let before = lab.world.signing_secrets(&hook, lab.wall);
    assert_eq!(before.len(), 1);
    let old = before[0].clone();
    let new = lab.world.roll_secret(&hook, 3_600, lab.wall).unwrap();
    assert_ne!(old, new);
    assert_eq!(lab.world.signing_secrets(&hook, lab.wall), [new.clone(), old]);
    assert_eq!(lab.world.signing_secrets(&hook, lab.wall + 3_600), [new]);
    assert_eq!(lab.world.roll_secret("we_nobody", 0, lab.wall), None);
}

#[test]
fn a_delivery_that_was_given_up_is_still_counted_as_pending() {
    let mut lab = Lab::new();
    let hook = lab.hook();
    lab.post("/v1/customers", &[]);
    let sent = lab.world.take_deliveries();
    lab.world.delivered(&sent[0].event, &hook, false);
    let path = format!("/v1/events/{}", sent[0].event);
    assert_eq!(lab.get(&path, &[])["pending_webhooks"], 1);
    let failed = |lab: &mut Lab, ok: &str| {
        lab.get("/v1/events", &[("delivery_success", ok)])["data"].as_array().unwrap().len()
    };
    assert_eq!((failed(&mut lab, "false"), failed(&mut lab, "true")), (1, 0));
    lab.wall += 30 * DAY + 1;
    lab.refused("GET", &path, &[], 404);
    assert!(lab.world.object(&sent[0].event).is_none(), "nobody waits for it any more");
}

#[test]
fn an_invoice_freezes_the_customer_when_it_is_finalised() {
    let mut lab = Lab::new();
    let (customer, _) = lab.subscribed("pm_card_visa", "day", "30");
    lab.world.advance(START + 30 * DAY);
    let path = format!("/v1/customers/{customer}");
    lab.post(&path, &[("email", "new@example.com")]);
    lab.world.advance(START + 30 * DAY + 3_601);
    lab.post(&path, &[("email", "newest@example.com")]);
    assert_eq!(lab.world.list("invoice")[0]["customer_email"], "new@example.com");
}

#[test]
fn lists_within_objects_hold_ten_and_few_count_all() {
    let mut lab = Lab::new();
    let customer = lab.customer("pm_card_visa");
    let price = lab.price("2900", "month", "1");
    for _ in 0..11 {
        lab.post("/v1/subscriptions", &[("customer", &customer), ("items[0][price]", &price)]);
    }
    let shown = lab.get(&format!("/v1/customers/{customer}"), &[("expand[]", "subscriptions")]);
    let list = &shown["subscriptions"];
    assert_eq!((list["data"].as_array().unwrap().len(), &list["has_more"]), (10, &json!(true)));
    assert!(list.get("total_count").is_none());
    let line = &lab.world.list("invoice")[0]["lines"];
    assert_eq!((&line["total_count"], &line["data"][0]["subscription"]), (&json!(1), &Value::Null));
}

#[test]
fn ids_in_a_path_may_be_escaped() {
    let mut lab = Lab::new();
    lab.post("/v1/products", &[("name", "Pro"), ("id", "pro plan")]);
    assert_eq!(lab.get("/v1/products/pro%20plan", &[])["id"], "pro plan");
}
