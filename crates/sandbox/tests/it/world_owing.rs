//! Who is delinquent: a customer whose newest invoice, collected by itself, failed.

use serde_json::Value;

use crate::world::{DAY, Lab, START, id};

const FIELD: &str = "invoice_settings[default_payment_method]";

/// Gives a customer another card.
fn default_card(lab: &mut Lab, customer: &str, card: &str) {
    let path = format!("/v1/payment_methods/{card}/attach");
    let method = id(&lab.post(&path, &[("customer", customer)]));
    lab.post(&format!("/v1/customers/{customer}"), &[(FIELD, &method)]);
}

fn owes(lab: &mut Lab, customer: &str) -> Value {
    lab.get(&format!("/v1/customers/{customer}"), &[])["delinquent"].clone()
}

/// A customer whose one subscription was ended because nobody paid for it.
fn dunned(lab: &mut Lab) -> String {
    let (customer, sub) = lab.subscribed("pm_card_visa", "day", "30");
    default_card(lab, &customer, "pm_card_chargeCustomerFail");
    lab.world.advance(START + 60 * DAY);
    assert_eq!(lab.get(&format!("/v1/subscriptions/{sub}"), &[])["status"], "canceled");
    assert_eq!(owes(lab, &customer), true);
    default_card(lab, &customer, "pm_card_visa");
    customer
}

#[test]
fn who_buys_again_and_pays_owes_nothing() {
    let mut lab = Lab::new();
    let customer = dunned(&mut lab);
    let price = lab.price("2900", "day", "30");
    let seen = lab.seen();
    lab.post("/v1/subscriptions", &[("customer", &customer), ("items[0][price]", &price)]);
    assert_eq!(owes(&mut lab, &customer), false);
    assert_eq!(lab.told(seen).last().map(String::as_str), Some("customer.updated"));
    lab.world.advance(lab.world.now() + 31 * DAY);
    assert_eq!(owes(&mut lab, &customer), false);
}

#[test]
fn who_buys_again_on_the_payment_page_owes_nothing() {
    let mut lab = Lab::new();
    let customer = dunned(&mut lab);
    let price = lab.price("2900", "day", "30");
    let pairs = [
        ("mode", "subscription"),
        ("customer", customer.as_str()),
        ("line_items[0][price]", &price),
        ("line_items[0][quantity]", "1"),
        ("success_url", "http://127.0.0.1/ok"),
    ];
    let session = id(&lab.post("/v1/checkout/sessions", &pairs));
    lab.world.pay_checkout(&session, "pm_card_visa", None, None).unwrap();
    assert_eq!(owes(&mut lab, &customer), false);
}

#[test]
fn a_first_payment_that_failed_makes_nobody_delinquent() {
    let mut lab = Lab::new();
    let (customer, _) = lab.subscribed("pm_card_visa", "day", "30");
    lab.world.advance(START + 30 * DAY);
    // The renewal is a draft still when another subscription begins, and fails to.
    default_card(&mut lab, &customer, "pm_card_chargeCustomerFail");
    let price = lab.price("900", "day", "30");
    let pairs = [("customer", customer.as_str()), ("items[0][price]", &price)];
    assert_eq!(lab.post("/v1/subscriptions", &pairs)["status"], "incomplete");
    assert_eq!(owes(&mut lab, &customer), false);
    default_card(&mut lab, &customer, "pm_card_visa");
    lab.world.advance(START + 30 * DAY + 7_200);
    assert_eq!(owes(&mut lab, &customer), false, "the renewal was paid");
}

#[test]
fn a_renewal_that_fails_makes_delinquent_until_it_is_paid() {
    let mut lab = Lab::new();
    let (customer, _) = lab.subscribed("pm_card_visa", "day", "30");
    default_card(&mut lab, &customer, "pm_card_chargeCustomerFail");
    lab.world.advance(START + 31 * DAY);
    assert_eq!(owes(&mut lab, &customer), true);
    default_card(&mut lab, &customer, "pm_card_visa");
    lab.world.advance(START + 34 * DAY);
    assert_eq!(owes(&mut lab, &customer), false);
}
