//! Lists, filters and expansion.

use serde_json::{Value, json};

use crate::world::{Lab, START, id};

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
