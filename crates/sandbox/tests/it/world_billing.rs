//! Subscriptions over time: when they renew, what is told, how a failed payment ends.

use serde_json::{Value, json};
use specie_sandbox::world::{AfterDunning, Config, Dunning};
use specie_vocab::{Interval, IntervalUnit};

use crate::world::{DAY, Lab, START, id};

fn session(lab: &mut Lab, more: &[(&str, &str)]) -> Value {
    let price = lab.price("2900", "day", "30");
    let mut pairs = vec![
        ("mode", "subscription"),
        ("line_items[0][price]", &price),
        ("line_items[0][quantity]", "1"),
        ("success_url", "http://127.0.0.1/ok?s={CHECKOUT_SESSION_ID}"),
        ("subscription_data[metadata][plan]", "pro"),
    ];
    pairs.extend(more);
    lab.post("/v1/checkout/sessions", &pairs)
}

#[test]
fn a_checkout_makes_customer_subscription_and_a_paid_invoice() {
    let mut lab = Lab::new();
    let hook = lab.hook();
    let cs = id(&session(&mut lab, &[]));
    assert_eq!(lab.world.object(&cs).unwrap()["subscription"], Value::Null);
    let seen = lab.seen();
    let next = lab.world.pay_checkout(&cs, "pm_card_visa", Some("ada@example.com"), Some("Ada"));
    assert_eq!(next.unwrap(), format!("http://127.0.0.1/ok?s={cs}"));
    assert_eq!(
        lab.told(seen),
        [
            "charge.succeeded",
            "payment_method.attached",
            "customer.created",
            "customer.updated",
            "checkout.session.completed",
            "customer.subscription.created",
            "payment_intent.succeeded",
            "payment_intent.created",
            "invoice.created",
            "invoice.finalized",
            "invoice.paid",
            "invoice.payment_succeeded",
            "invoice_payment.paid",
        ]
    );
    let done = lab.get(
        &format!("/v1/checkout/sessions/{cs}"),
        &[
            ("expand[]", "subscription.latest_invoice"),
            ("expand[]", "customer"),
            ("expand[]", "line_items"),
        ],
    );
    assert_eq!(done["status"], "complete");
    assert_eq!(done["payment_status"], "paid");
    assert_eq!(done["customer"]["email"], "ada@example.com");
    assert_eq!(done["line_items"]["data"][0]["amount_total"], 2900);
    let sub = &done["subscription"];
    assert_eq!(sub["status"], "active");
    assert_eq!(sub["metadata"], json!({"plan": "pro"}));
    assert_eq!(sub["items"]["data"][0]["current_period_end"], START + 30 * DAY);
    assert!(sub["default_payment_method"].is_string());
    let invoice = &sub["latest_invoice"];
    assert_eq!(invoice["status"], "paid");
    assert_eq!(invoice["billing_reason"], "subscription_create");
    assert_eq!(invoice["lines"]["data"][0]["description"], "1 × Pro (at $29.00 / every 30 days)");
    let prefix = done["customer"]["invoice_prefix"].as_str().unwrap();
    assert_eq!(invoice["number"], format!("{prefix}-0001"));
    assert_eq!(lab.event("customer.subscription.created")["data"]["object"]["status"], "active");
    assert_eq!(lab.event("invoice.created")["data"]["object"]["status"], "draft");
    let payments = lab.get("/v1/invoice_payments", &[("invoice", invoice["id"].as_str().unwrap())]);
    let intent = payments["data"][0]["payment"]["payment_intent"].as_str().unwrap().to_owned();
    let intent =
        lab.get(&format!("/v1/payment_intents/{intent}"), &[("expand[]", "latest_charge")]);
    assert_eq!(intent["payment_details"]["order_reference"], invoice["id"]);
    assert_eq!(intent["latest_charge"]["customer"], done["customer"]["id"]);

    let again = lab.world.pay_checkout(&cs, "pm_card_visa", Some("a@b.c"), None).unwrap_err();
    assert_eq!(again.code, "already_paid");

    let sent = lab.world.take_deliveries();
    let first: Value = serde_json::from_str(&sent[0].body).unwrap();
    assert_eq!(first["pending_webhooks"], 1);
    assert!(lab.world.take_deliveries().is_empty());
    lab.world.retake_deliveries();
    assert_eq!(lab.world.take_deliveries(), sent);
    lab.world.delivered(&sent[0].event, &hook, true);
    assert_eq!(lab.world.object(&sent[0].event).unwrap()["pending_webhooks"], 0);
    lab.world.retake_deliveries();
    assert_eq!(lab.world.take_deliveries(), sent[1..]);
}

#[test]
fn a_refused_card_leaves_the_session_open() {
    let mut lab = Lab::new();
    let cs = id(&session(&mut lab, &[("customer_email", "ada@example.com")]));
    let seen = lab.seen();
    let refused =
        lab.world.pay_checkout(&cs, "pm_card_visa_chargeDeclined", None, None).unwrap_err();
    assert_eq!(
        (refused.code.as_str(), refused.message.as_str()),
        ("generic_decline", "Your card was declined.")
    );
    assert_eq!(
        lab.told(seen),
        ["payment_intent.created", "charge.failed", "payment_intent.payment_failed",]
    );
    let asks =
        lab.world.pay_checkout(&cs, "pm_card_authenticationRequired", None, None).unwrap_err();
    assert_eq!(asks.code, "authentication_required");
    assert_eq!(lab.get(&format!("/v1/checkout/sessions/{cs}"), &[])["status"], "open");
    assert!(lab.world.list("subscription").is_empty());
    assert!(lab.world.list("customer").is_empty());
    lab.world.pay_checkout(&cs, "pm_card_visa", None, None).unwrap();
    assert_eq!(lab.world.list("payment_intent").len(), 1, "the same intent is used again");
    assert_eq!(lab.world.list("charge").len(), 2);
}

#[test]
fn a_session_expires_by_itself_or_by_a_call() {
    let mut lab = Lab::new();
    let (one, two) = (id(&session(&mut lab, &[])), id(&session(&mut lab, &[])));
    let _ = lab.world.pay_checkout(&one, "pm_card_visa_chargeDeclined", Some("a@b.c"), None);
    lab.post(&format!("/v1/checkout/sessions/{one}/expire"), &[]);
    assert_eq!(lab.event("payment_intent.canceled")["data"]["object"]["status"], "canceled");
    let error = lab.refused("POST", &format!("/v1/checkout/sessions/{one}/expire"), &[], 400);
    assert_eq!(
        error["message"],
        "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a status of `expired`."
    );
    assert_eq!(lab.world.next_due(), Some(START + DAY));
    lab.world.advance(START + DAY - 1);
    assert_eq!(lab.world.object(&two).unwrap()["status"], "open");
    lab.world.advance(START + DAY);
    let expired = lab.world.object(&two).unwrap();
    assert_eq!((&expired["status"], &expired["url"]), (&json!("expired"), &Value::Null));
    assert_eq!(
        lab.world.pay_checkout(&two, "pm_card_visa", Some("a@b.c"), None).unwrap_err().code,
        "session_expired"
    );
}

/// Every renewal falls on the grid of the anchor, and is charged 3,601 seconds later.
#[test]
fn renewals_fall_on_the_grid_to_the_second() {
    for (unit, word, count, start) in [
        (IntervalUnit::Day, "day", 30, "2027-12-20T10:00:07Z"),
        (IntervalUnit::Week, "week", 2, "2026-06-05T08:00:00Z"),
        (IntervalUnit::Month, "month", 1, "2027-10-31T10:00:00Z"),
        (IntervalUnit::Month, "month", 3, "2027-11-30T00:00:00Z"),
        (IntervalUnit::Year, "year", 1, "2028-02-29T12:00:00Z"),
    ] {
        let start = start.parse::<jiff::Timestamp>().unwrap().as_second();
        let mut lab = Lab::with(Config::new(1, start, "http://h"));
        let (_, sub) = lab.subscribed("pm_card_visa", word, &count.to_string());
        let interval = Interval { unit, count };
        lab.world.advance(interval.boundary(start, 5).unwrap() + 4_000);
        let mut invoices = lab.world.list("invoice");
        invoices.reverse();
        assert_eq!(invoices.len(), 6, "{word}");
        for (n, invoice) in (0_u32..).zip(&invoices) {
            let at = interval.boundary(start, n).unwrap();
            assert_eq!(invoice["created"], at);
            assert_eq!(
                invoice["lines"]["data"][0]["period"],
                json!({
                    "start": at, "end": interval.boundary(start, n + 1).unwrap(),
                })
            );
            let paid = if n == 0 { at } else { at + 3_601 };
            assert_eq!(invoice["status_transitions"]["paid_at"], paid);
            assert_eq!(invoice["attempt_count"], 1);
        }
        let sub = lab.world.object(&sub).unwrap();
        assert_eq!(
            sub["items"]["data"][0]["current_period_start"],
            interval.boundary(start, 5).unwrap()
        );
        assert_eq!(sub["billing_cycle_anchor"], start);
    }
}

#[test]
fn a_renewal_tells_what_it_does_in_order() {
    let mut lab = Lab::new();
    let (_, sub) = lab.subscribed("pm_card_visa", "day", "30");
    let seen = lab.seen();
    lab.world.advance(START + 30 * DAY);
    assert_eq!(
        lab.told(seen),
        ["invoice.upcoming", "invoice.created", "customer.subscription.updated"]
    );
    let event = lab.event("customer.subscription.updated");
    let previous = &event["data"]["previous_attributes"];
    assert_eq!(previous["items"]["data"][0]["current_period_end"], START + 30 * DAY);
    assert_eq!(previous["items"].as_object().unwrap().len(), 1);
    assert!(previous["latest_invoice"].is_string());
    assert_eq!(event["created"], START + 30 * DAY);
    assert_eq!(event["request"], json!({"id": null, "idempotency_key": null}));
    let draft = &lab.world.list("invoice")[0];
    assert_eq!(draft["status"], "draft");
    assert_eq!(draft["automatically_finalizes_at"], START + 30 * DAY + 3_601);
    assert_eq!(draft["next_payment_attempt"], START + 30 * DAY + 3_600);
    assert_eq!(draft["period_start"], START);
    assert_eq!(lab.world.object(&sub).unwrap()["status"], "active");
    let seen = lab.seen();
    lab.world.advance(START + 30 * DAY + 3_601);
    assert_eq!(
        lab.told(seen),
        [
            "invoice.updated",
            "invoice.finalized",
            "charge.succeeded",
            "payment_intent.succeeded",
            "payment_intent.created",
            "invoice.paid",
            "invoice.payment_succeeded",
            "invoice_payment.paid",
        ]
    );
}

fn default_card(lab: &mut Lab, customer: &str, card: &str) -> String {
    let method = lab.post(&format!("/v1/payment_methods/{card}/attach"), &[("customer", customer)]);
    let field = "invoice_settings[default_payment_method]";
    lab.post(&format!("/v1/customers/{customer}"), &[(field, method["id"].as_str().unwrap())]);
    id(&method)
}

#[test]
fn a_failed_renewal_is_tried_again_and_then_ends_the_subscription() {
    let mut lab = Lab::new();
    let (customer, sub) = lab.subscribed("pm_card_visa", "day", "30");
    default_card(&mut lab, &customer, "pm_card_chargeCustomerFail");
    let first = START + 30 * DAY + 3_601;
    lab.world.advance(first - 1);
    let seen = lab.seen();
    lab.world.advance(first);
    assert_eq!(
        lab.told(seen),
        [
            "invoice.updated",
            "invoice.finalized",
            "charge.failed",
            "payment_intent.payment_failed",
            "payment_intent.created",
            "invoice.payment_failed",
            "invoice.updated",
            "customer.subscription.updated",
            "customer.updated",
        ]
    );
    assert_eq!(
        lab.event("customer.updated")["data"]["previous_attributes"],
        json!({"delinquent": false})
    );
    let mut at = first;
    for (count, pause) in [(1, 3), (2, 5), (3, 7)] {
        let invoice = lab.world.list("invoice")[0].clone();
        assert_eq!(invoice["attempt_count"], count);
        at += pause * DAY;
        assert_eq!(invoice["next_payment_attempt"], at);
        assert_eq!(lab.world.object(&sub).unwrap()["status"], "past_due");
        lab.world.advance(at);
    }
    let invoice = lab.world.list("invoice")[0].clone();
    assert_eq!(
        (&invoice["attempt_count"], &invoice["next_payment_attempt"]),
        (&json!(4), &Value::Null)
    );
    assert_eq!((&invoice["status"], &invoice["auto_advance"]), (&json!("open"), &json!(false)));
    let ended = lab.world.object(&sub).unwrap();
    assert_eq!((&ended["status"], &ended["ended_at"]), (&json!("canceled"), &json!(at)));
    assert_eq!(ended["cancellation_details"]["reason"], "payment_failed");
    assert_eq!(lab.world.next_due(), None);
}

#[test]
fn a_new_card_recovers_at_the_next_retry_or_at_once() {
    let mut lab = Lab::new();
    let (customer, sub) = lab.subscribed("pm_card_visa", "day", "30");
    default_card(&mut lab, &customer, "pm_card_chargeCustomerFail");
    lab.world.advance(START + 31 * DAY);
    let invoice = id(&lab.world.list("invoice")[0]);
    let path = format!("/v1/invoices/{invoice}/pay");
    let error = lab.refused("POST", &path, &[], 402);
    assert_eq!(error["code"], "card_declined");
    assert_eq!(error["payment_intent"]["status"], "requires_payment_method");
    assert!(error.get("param").is_none());
    assert_eq!(lab.world.object(&invoice).unwrap()["attempt_count"], 1, "only the clock counts on");
    let good = default_card(&mut lab, &customer, "pm_card_mastercard");
    let seen = lab.seen();
    let paid = lab.post(&path, &[("payment_method", &good)]);
    assert_eq!((&paid["status"], &paid["next_payment_attempt"]), (&json!("paid"), &Value::Null));
    assert_eq!(
        lab.told(seen),
        [
            "charge.succeeded",
            "payment_intent.succeeded",
            "invoice.paid",
            "invoice.payment_succeeded",
            "invoice_payment.paid",
            "customer.subscription.updated",
            "customer.updated",
        ]
    );
    assert_eq!(lab.world.object(&sub).unwrap()["status"], "active");
    assert_eq!(lab.refused("POST", &path, &[], 400)["message"], "Invoice is already paid");
    lab.world.advance(START + 50 * DAY);
    assert_eq!(lab.world.list("charge").len(), 4, "no retry is left over");
}

#[test]
fn dunning_ends_as_configured_and_a_lost_card_is_not_charged_again() {
    for (then, status) in [(AfterDunning::Unpaid, "unpaid"), (AfterDunning::PastDue, "past_due")] {
        let mut config = Config::new(3, START, "http://h");
        config.dunning = Dunning { retries: vec![DAY], then, ..Dunning::default() };
        let mut lab = Lab::with(config);
        let (customer, sub) = lab.subscribed("pm_card_visa", "day", "30");
        let lost = lab.post(
            "/v1/payment_methods",
            &[("type", "card"), ("card[token]", "tok_visa_chargeCustomerFailLostCard")],
        );
        default_card(&mut lab, &customer, lost["id"].as_str().unwrap());
        lab.world.advance(START + 33 * DAY);
        assert_eq!(lab.world.object(&sub).unwrap()["status"], status);
        assert_eq!(lab.world.list("charge").len(), 2, "one paid, one refused, none repeated");
        assert_eq!(lab.world.list("invoice")[0]["attempt_count"], 2);
        lab.world.advance(START + 61 * DAY);
        let newest = &lab.world.list("invoice")[0];
        let draft = status == "unpaid";
        assert_eq!(newest["status"], if draft { "draft" } else { "open" });
        assert_eq!(newest["auto_advance"], !draft);
    }
}

#[test]
fn a_cancellation_at_period_end_beats_the_renewal_and_can_be_taken_back() {
    let mut lab = Lab::new();
    let (customer, sub) = lab.subscribed("pm_card_visa", "day", "30");
    let path = format!("/v1/subscriptions/{sub}");
    lab.world.advance(START + DAY);
    let ending = lab.post(&path, &[("cancel_at_period_end", "true")]);
    assert_eq!(ending["cancel_at"], START + 30 * DAY);
    assert_eq!(ending["canceled_at"], START + DAY);
    assert_eq!(ending["cancellation_details"]["reason"], "cancellation_requested");
    let back = lab.post(&path, &[("cancel_at_period_end", "false")]);
    assert_eq!((&back["cancel_at"], &back["canceled_at"]), (&Value::Null, &Value::Null));
    let portal = lab.post("/v1/billing_portal/sessions", &[("customer", &customer)]);
    lab.world.portal_cancel(portal["id"].as_str().unwrap(), &sub).unwrap();
    lab.world.portal_resume(portal["id"].as_str().unwrap(), &sub).unwrap();
    lab.world.portal_cancel(portal["id"].as_str().unwrap(), &sub).unwrap();
    let seen = lab.seen();
    lab.world.advance(START + 90 * DAY);
    assert_eq!(lab.told(seen), ["customer.subscription.deleted"]);
    let ended = lab.get(&path, &[]);
    assert_eq!(
        (&ended["status"], &ended["ended_at"]),
        (&json!("canceled"), &json!(START + 30 * DAY))
    );
    assert_eq!(lab.world.list("invoice").len(), 1);
    let error = lab.refused("DELETE", &path, &[], 404);
    assert_eq!(error["message"], format!("No such subscription: '{sub}'"));
    let error = lab.refused("POST", &path, &[("cancel_at_period_end", "true")], 400);
    assert_eq!(error["code"], "invalid_canceled_subscription_fields");
    lab.post(&path, &[("metadata[a]", "1")]);
}

#[test]
fn the_portals_card_becomes_the_customers_default_only() {
    let mut lab = Lab::new();
    let cs = id(&session(&mut lab, &[]));
    lab.world.pay_checkout(&cs, "pm_card_visa", Some("a@b.c"), None).unwrap();
    let customer = id(&lab.world.list("customer")[0]);
    let before = lab.world.list("subscription")[0]["default_payment_method"].clone();
    let portal = id(&lab.post("/v1/billing_portal/sessions", &[("customer", &customer)]));
    lab.world.portal_replace_card(&portal, "pm_card_amex").unwrap();
    let refused =
        lab.world.portal_replace_card(&portal, "pm_card_visa_chargeDeclinedInsufficientFunds");
    assert_eq!(refused.unwrap_err().code, "insufficient_funds");
    let default =
        lab.world.object(&customer).unwrap()["invoice_settings"]["default_payment_method"].clone();
    assert_ne!(default, before);
    assert_eq!(lab.world.list("subscription")[0]["default_payment_method"], before);
    assert!(lab.world.portal_cancel("bps_nope", "sub_x").is_err());
}

#[test]
fn a_first_payment_that_fails_leaves_it_incomplete_for_23_hours() {
    let mut lab = Lab::new();
    let (price, customer) =
        (lab.price("2900", "month", "1"), lab.customer("pm_card_chargeCustomerFail"));
    let pairs = [("customer", customer.as_str()), ("items[0][price]", price.as_str())];
    let error = lab.refused(
        "POST",
        "/v1/subscriptions",
        &[pairs[0], pairs[1], ("payment_behavior", "error_if_incomplete")],
        402,
    );
    assert_eq!(error["type"], "card_error");
    assert!(lab.world.list("subscription").is_empty());
    let sub = lab.post("/v1/subscriptions", &pairs);
    assert_eq!(sub["status"], "incomplete");
    let path = format!("/v1/subscriptions/{}", id(&sub));
    assert_eq!(
        lab.refused("POST", &path, &[("cancel_at_period_end", "true")], 400)["code"],
        "status_transition_invalid"
    );
    lab.world.advance(START + 23 * 3_600);
    let expired = lab.get(&path, &[("expand[]", "latest_invoice")]);
    assert_eq!(expired["status"], "incomplete_expired");
    assert_eq!(expired["latest_invoice"]["status"], "void");
    assert_eq!(lab.world.list("payment_intent")[0]["status"], "canceled");

    let sub = lab.post("/v1/subscriptions", &pairs);
    let good = default_card(&mut lab, &customer, "pm_card_visa");
    let invoice = sub["latest_invoice"].as_str().unwrap();
    lab.post(&format!("/v1/invoices/{invoice}/pay"), &[("payment_method", &good)]);
    assert_eq!(lab.world.object(sub["id"].as_str().unwrap()).unwrap()["status"], "active");
    assert_eq!(lab.world.next_due().map(|due| due > START + 20 * DAY), Some(true));
}

#[test]
fn three_d_secure_off_session_leaves_an_open_invoice() {
    let mut lab = Lab::new();
    let (price, customer) =
        (lab.price("2900", "month", "1"), lab.customer("pm_card_authenticationRequired"));
    let sub = lab.post(
        "/v1/subscriptions",
        &[("customer", &customer), ("items[0][price]", &price), ("expand[]", "latest_invoice")],
    );
    assert_eq!(sub["status"], "incomplete");
    let invoice = &sub["latest_invoice"];
    assert_eq!(invoice["status"], "open");
    assert_eq!((&invoice["attempted"], &invoice["attempt_count"]), (&json!(true), &json!(0)));
    let path = format!("/v1/invoices/{}/pay", invoice["id"].as_str().unwrap());
    let error = lab.refused("POST", &path, &[], 402);
    assert_eq!(error["code"], "authentication_required");
    assert!(error.get("charge").is_none());
    assert!(lab.world.list("charge").is_empty());
}

#[test]
fn a_refund_gives_all_back_once() {
    let mut lab = Lab::new();
    lab.subscribed("pm_card_visa", "month", "1");
    let charge = lab.world.list("charge")[0].clone();
    let (id_of, intent) = (id(&charge), charge["payment_intent"].as_str().unwrap().to_owned());
    let error = lab.refused("POST", "/v1/refunds", &[("charge", &id_of), ("amount", "4000")], 400);
    assert_eq!(
        error["message"],
        "Refund amount ($40.00) is greater than unrefunded amount on charge ($29.00)"
    );
    let seen = lab.seen();
    let refund = lab
        .post("/v1/refunds", &[("payment_intent", &intent), ("reason", "requested_by_customer")]);
    assert_eq!((&refund["status"], &refund["amount"]), (&json!("succeeded"), &json!(2900)));
    assert_eq!(
        lab.told(seen),
        ["refund.created", "charge.refunded", "refund.updated", "charge.refund.updated"]
    );
    assert_eq!(refund["id"].as_str().unwrap()[3..19], intent[3..19], "one payment, one stem");
    let charge = lab.get(&format!("/v1/charges/{id_of}"), &[("expand[]", "refunds")]);
    assert_eq!((&charge["refunded"], &charge["amount_refunded"]), (&json!(true), &json!(2900)));
    assert_eq!(charge["refunds"]["data"][0]["id"], refund["id"]);
    let error = lab.refused("POST", "/v1/refunds", &[("charge", &id_of)], 400);
    assert_eq!(error["code"], "charge_already_refunded");
    assert_eq!(error["message"], format!("Charge {id_of} has already been refunded."));
}

#[test]
fn deleting_a_customer_ends_what_it_had() {
    let mut lab = Lab::new();
    let (customer, sub) = lab.subscribed("pm_card_visa", "month", "1");
    let seen = lab.seen();
    let path = format!("/v1/customers/{customer}");
    let stub = json!({"id": customer, "object": "customer", "deleted": true});
    assert_eq!(lab.ask("DELETE", &path, &[]), (200, stub.clone()));
    assert_eq!(lab.told(seen), ["customer.subscription.deleted", "customer.deleted"]);
    assert_eq!(lab.event("customer.deleted")["data"]["object"]["email"], "ada@example.com");
    assert_eq!(lab.get(&path, &[]), stub);
    assert_eq!(
        lab.get(&format!("/v1/subscriptions/{sub}"), &[("expand[]", "customer")])["customer"],
        stub
    );
    assert_eq!(lab.get("/v1/customers", &[])["data"], json!([]));
    assert_eq!(lab.refused("POST", &path, &[("name", "B")], 404)["param"], "id");
    lab.world.advance(START + 400 * DAY);
    assert_eq!(lab.world.list("invoice").len(), 1);
}

#[test]
fn amounts_below_the_minimum_wait_for_the_next_invoice() {
    let mut lab = Lab::new();
    let (price, customer) = (lab.price("30", "day", "30"), lab.customer("pm_card_visa"));
    lab.post("/v1/subscriptions", &[("customer", &customer), ("items[0][price]", &price)]);
    let first = lab.world.list("invoice")[0].clone();
    assert_eq!(
        (&first["status"], &first["amount_due"], &first["ending_balance"]),
        (&json!("paid"), &json!(0), &json!(30))
    );
    assert!(lab.world.list("charge").is_empty());
    lab.world.advance(START + 31 * DAY);
    let second = lab.world.list("invoice")[0].clone();
    assert_eq!((&second["amount_paid"], &second["ending_balance"]), (&json!(60), &json!(0)));
    assert_eq!(lab.world.object(&customer).unwrap()["balance"], 0);
}
