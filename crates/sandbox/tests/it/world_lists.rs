//! Lists, filters and expansion.

use serde_json::{Value, json};

use crate::world::{DAY, Lab, START, id};

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

/// The ids of a page, and whether there is more.
fn page(lab: &mut Lab, path: &str, pairs: &[(&str, &str)]) -> (Vec<String>, bool) {
    let list = lab.get(path, pairs);
    let ids = list["data"].as_array().unwrap().iter().map(id).collect();
    (ids, list["has_more"] == true)
}

#[test]
fn pages_end_where_the_list_does() {
    let mut lab = Lab::new();
    let mut made: Vec<String> = (0..6).map(|_| id(&lab.post("/v1/customers", &[]))).collect();
    made.reverse();
    let path = "/v1/customers";
    let mut near =
        |name: &str, cursor: &str| page(&mut lab, path, &[(name, cursor), ("limit", "2")]);
    assert_eq!(near("ending_before", &made[0]), (Vec::new(), false));
    assert_eq!(near("ending_before", &made[1]), (made[..1].to_vec(), false));
    assert_eq!(near("ending_before", &made[2]), (made[..2].to_vec(), false));
    assert_eq!(near("ending_before", &made[5]), (made[3..5].to_vec(), true));
    assert_eq!(near("starting_after", &made[2]), (made[3..5].to_vec(), true));
    assert_eq!(near("starting_after", &made[3]), (made[4..].to_vec(), false));
    assert_eq!(near("starting_after", &made[5]), (Vec::new(), false));

    lab.ask("DELETE", &format!("{path}/{}", made[2]), &[]);
    let mut near =
        |name: &str, cursor: &str| page(&mut lab, path, &[(name, cursor), ("limit", "2")]);
    assert_eq!(near("ending_before", &made[2]), (made[..2].to_vec(), false));
    assert_eq!(near("ending_before", &made[4]), ([&made[1..2], &made[3..4]].concat(), true));
    assert_eq!(near("starting_after", &made[2]), (made[3..5].to_vec(), true));

    let product = id(&lab.post("/v1/products", &[("name", "Pro")]));
    for (name, cursor) in [("starting_after", "cus_nothing"), ("ending_before", product.as_str())] {
        let error = lab.refused("GET", path, &[(name, cursor)], 400);
        assert_eq!(error["message"], format!("No such customer: '{cursor}'"));
        assert_eq!(error["param"], name);
    }
}

#[test]
fn a_page_of_one_customer_begins_at_anybody_s_object() {
    let mut lab = Lab::new();
    let (ada, _) = lab.subscribed("pm_card_visa", "month", "1");
    lab.subscribed("pm_card_visa", "week", "1");
    lab.world.advance(START + 100 * DAY);
    let all = lab.world.list("invoice");
    let hers = |part: &[Value]| -> Vec<String> {
        part.iter().filter(|invoice| invoice["customer"] == ada.as_str()).map(id).collect()
    };
    assert!(hers(&all).len() > 3 && all.len() > 15, "{} of {}", hers(&all).len(), all.len());
    for (at, cursor) in all.iter().map(id).enumerate() {
        let (newer, older) = (hers(&all[..at]), hers(&all[at + 1..]));
        let mut near = |name| {
            let pairs = [("customer", ada.as_str()), (name, cursor.as_str()), ("limit", "2")];
            page(&mut lab, "/v1/invoices", &pairs)
        };
        let nearest = newer[newer.len().saturating_sub(2)..].to_vec();
        assert_eq!(near("ending_before"), (nearest, newer.len() > 2), "{at}");
        let next: Vec<String> = older.iter().take(2).cloned().collect();
        assert_eq!(near("starting_after"), (next, older.len() > 2), "{at}");
    }
}

#[test]
fn a_product_that_is_made_again_is_listed_once() {
    let mut lab = Lab::new();
    let path = "/v1/products";
    for made in ["prod_a", "prod_b", "prod_c"] {
        lab.post(path, &[("id", made), ("name", "Pro")]);
    }
    lab.ask("DELETE", "/v1/products/prod_a", &[]);
    lab.post(path, &[("id", "prod_a"), ("name", "Pro")]);
    let ids = |list: &[&str]| list.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    assert_eq!(page(&mut lab, path, &[]), (ids(&["prod_a", "prod_c", "prod_b"]), false));
    let after = [("starting_after", "prod_a")];
    assert_eq!(page(&mut lab, path, &after), (ids(&["prod_c", "prod_b"]), false));
    assert_eq!(lab.world.index_faults(), Vec::<String>::new());
}

#[test]
fn events_that_are_shown_no_more_leave_the_pages_as_they_are() {
    let mut lab = Lab::new();
    for _ in 0..3 {
        lab.post("/v1/customers", &[]);
    }
    let old = id(&lab.world.list("event")[0]);
    lab.wall += 31 * DAY;
    for _ in 0..3 {
        lab.post("/v1/customers", &[]);
    }
    let shown: Vec<String> = lab.world.list("event").iter().map(id).collect();
    assert_eq!(shown.len(), 3);
    let path = "/v1/events";
    assert_eq!(page(&mut lab, path, &[]), (shown.clone(), false));
    let pairs = [("starting_after", shown[0].as_str()), ("limit", "1")];
    assert_eq!(page(&mut lab, path, &pairs), (shown[1..2].to_vec(), true));
    let pairs = [("ending_before", shown[2].as_str()), ("limit", "1")];
    assert_eq!(page(&mut lab, path, &pairs), (shown[1..2].to_vec(), true));
    lab.refused("GET", path, &[("starting_after", &old)], 400);
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
