//! Test clocks of the API: time of its own for some customers.

use serde_json::Value;
use specie_sandbox::world::World;

use crate::world::{DAY, Lab, START, call, id};

const CLOCKS: &str = "/v1/test_helpers/test_clocks";
/// 2030-01-31T00:00:00Z: the clocks of these tests stand in the future.
const FROZEN: i64 = 1_896_048_000;

impl Lab {
    fn clock(&mut self, frozen: i64) -> String {
        id(&self.post(CLOCKS, &[("frozen_time", &frozen.to_string())]))
    }

    /// A subscription of a new customer of a clock. Gives customer and subscription.
    fn clocked(&mut self, clock: &str, card: &str, unit: &str) -> (String, String) {
        let customer = id(&self.post("/v1/customers", &[("test_clock", clock)]));
        let path = format!("/v1/payment_methods/{card}/attach");
        let method = id(&self.post(&path, &[("customer", &customer)]));
        let field = "invoice_settings[default_payment_method]";
        self.post(&format!("/v1/customers/{customer}"), &[(field, &method)]);
        let price = self.price("2900", unit, "1");
        let pairs = [("customer", customer.as_str()), ("items[0][price]", &price)];
        let sub = self.post("/v1/subscriptions", &pairs);
        (customer, id(&sub))
    }

    fn advance(&mut self, clock: &str, to: i64) -> Value {
        let path = format!("{CLOCKS}/{clock}/advance");
        self.post(&path, &[("frozen_time", &to.to_string())])
    }

    /// Advances a clock and waits until it is ready.
    fn advanced(&mut self, clock: &str, to: i64) -> Value {
        self.advance(clock, to);
        self.wall += 1;
        self.get(&format!("{CLOCKS}/{clock}"), &[])
    }
}

#[test]
fn a_clock_is_made_read_listed_and_deleted() {
    let mut lab = Lab::new();
    let made = lab.post(CLOCKS, &[("frozen_time", &FROZEN.to_string()), ("name", "A year")]);
    assert!(id(&made).starts_with("clock_1"), "{made}");
    assert_eq!((&made["created"], &made["frozen_time"]), (&START.into(), &FROZEN.into()));
    assert_eq!(made["deletes_after"], START + 30 * DAY);
    assert_eq!((&made["status"], &made["name"]), (&"ready".into(), &"A year".into()));
    let path = format!("{CLOCKS}/{}", id(&made));
    assert_eq!(lab.get(&path, &[]), made);
    lab.clock(START - DAY);
    let list = lab.get(CLOCKS, &[("limit", "1")]);
    assert_eq!((list["data"].as_array().unwrap().len(), &list["has_more"]), (1, &true.into()));

    let (status, gone) = lab.ask("DELETE", &path, &[]);
    assert_eq!((status, &gone["deleted"]), (200, &true.into()));
    let error = lab.refused("GET", &path, &[], 404);
    assert_eq!(error["message"], format!("No such billingclock: '{}'", id(&made)));
    assert_eq!(
        lab.told(0),
        [
            "test_helpers.test_clock.created",
            "test_helpers.test_clock.created",
            "test_helpers.test_clock.deleted",
        ]
    );
}

#[test]
fn what_belongs_to_a_clock_lives_in_its_time() {
    let mut lab = Lab::new();
    let clock = lab.clock(FROZEN);
    let (customer, sub) = lab.clocked(&clock, "pm_card_visa", "month");
    for (object, path) in [("customers", &customer), ("subscriptions", &sub)] {
        let held = lab.get(&format!("/v1/{object}/{path}"), &[]);
        assert_eq!(
            (&held["created"], &held["test_clock"]),
            (&FROZEN.into(), &clock.as_str().into())
        );
    }
    let invoices = lab.get("/v1/invoices", &[("customer", &customer)]);
    let invoice = &invoices["data"][0];
    assert_eq!((&invoice["status"], &invoice["test_clock"]), (&"paid".into(), &clock.into()));
    assert_eq!(invoice["created"], FROZEN);
    assert_eq!(invoice["status_transitions"]["paid_at"], FROZEN);
    // Money moves in real time.
    for kind in ["payment_intent", "charge", "balance_transaction"] {
        assert_eq!(lab.world.list(kind)[0]["created"], START, "{kind}");
    }
    let payment = &lab.world.list("invoice_payment")[0];
    assert_eq!(payment["status_transitions"]["paid_at"], START);
    assert_eq!(lab.world.now(), START);
    // The world's own clock leaves them alone.
    lab.world.advance(START + 29 * DAY);
    assert_eq!(lab.world.list("invoice").len(), 1);
}

#[test]
fn advancing_renews_in_simulated_order_and_is_ready_later() {
    let mut lab = Lab::new();
    let clock = lab.clock(FROZEN);
    let (_, sub) = lab.clocked(&clock, "pm_card_visa", "month");
    lab.hook();
    let seen = lab.seen();
    let to = FROZEN + 40 * DAY;
    let answer = lab.advance(&clock, to);
    assert_eq!((&answer["status"], &answer["frozen_time"]), (&"advancing".into(), &FROZEN.into()));
    assert_eq!(answer["status_details"]["advancing"]["target_frozen_time"], to);
    assert_eq!(lab.world.next_ready(), Some(lab.wall + 1));
    assert_eq!(lab.get(&format!("{CLOCKS}/{clock}"), &[])["status"], "advancing");
    assert!(lab.world.take_deliveries().len() > 5, "events arrive while it advances");
    lab.wall += 1;
    let ready = lab.get(&format!("{CLOCKS}/{clock}"), &[]);
    assert_eq!((&ready["status"], &ready["frozen_time"]), (&"ready".into(), &to.into()));
    assert_eq!(ready["status_details"], serde_json::json!({}));

    let mut events = lab.world.list("event");
    events.reverse();
    let told = lab.told(seen);
    assert_eq!(told.first().map(String::as_str), Some("test_helpers.test_clock.advancing"));
    assert_eq!(told.last().map(String::as_str), Some("test_helpers.test_clock.ready"));
    assert!(told.contains(&"invoice.upcoming".into()) && told.contains(&"invoice.paid".into()));
    let times: Vec<i64> =
        events[seen..].iter().map(|event| event["created"].as_i64().unwrap()).collect();
    assert!(times.is_sorted() && times[0] == FROZEN && times.last() == Some(&to), "{times:?}");
    // 31 January and a month is 28 February: the draft of that renewal was paid an hour later.
    let newest = &lab.world.list("invoice")[0];
    assert_eq!(newest["created"], FROZEN + 28 * DAY);
    assert_eq!(newest["status_transitions"]["paid_at"], FROZEN + 28 * DAY + 3_601);
    let held = lab.get(&format!("/v1/subscriptions/{sub}"), &[]);
    assert_eq!(held["items"]["data"][0]["current_period_start"], FROZEN + 28 * DAY);
}

#[test]
fn writes_to_its_objects_wait_until_a_clock_is_ready() {
    let mut lab = Lab::new();
    let clock = lab.clock(FROZEN);
    let (customer, sub) = lab.clocked(&clock, "pm_card_visa", "month");
    let charge = id(&lab.world.list("charge")[0]);
    let intruder = lab.customer("pm_card_visa");
    lab.advance(&clock, FROZEN + DAY);
    let message =
        format!("Test clock advancement underway - cannot perform modifications: {clock}");
    let sub_path = format!("/v1/subscriptions/{sub}");
    let clock_path = format!("{CLOCKS}/{clock}");
    let later = (FROZEN + 2 * DAY).to_string();
    for (method, path, pairs) in [
        ("POST", sub_path.as_str(), vec![("metadata[a]", "b")]),
        ("DELETE", &sub_path, vec![]),
        ("POST", &format!("/v1/customers/{customer}"), vec![("name", "Ada")]),
        ("DELETE", &format!("/v1/customers/{customer}"), vec![]),
        ("POST", "/v1/customers", vec![("test_clock", clock.as_str())]),
        ("POST", "/v1/payment_methods/pm_card_visa/attach", vec![("customer", &customer)]),
        ("POST", "/v1/refunds", vec![("charge", &charge)]),
        ("POST", &format!("{clock_path}/advance"), vec![("frozen_time", &later)]),
        ("DELETE", &clock_path, vec![]),
    ] {
        let error = lab.refused(method, path, &pairs, 429);
        assert_eq!(error["message"], message, "{method} {path}");
        assert_eq!((&error["type"], error.get("code")), (&"invalid_request_error".into(), None));
    }
    // A refusal does not use up its key, and others go on.
    let mut asked = call("POST", &sub_path, &[("metadata[a]", "b")]);
    asked.idempotency_key = Some("once".into());
    assert_eq!(lab.raw(&asked).status, 429);
    lab.post(&format!("/v1/customers/{intruder}"), &[("name", "Grace")]);
    lab.get(&sub_path, &[]);
    lab.wall += 1;
    assert_eq!(lab.raw(&asked).status, 200);
}

#[test]
fn a_clock_goes_on_by_two_intervals_of_its_shortest_subscription() {
    let mut lab = Lab::new();
    let clock = lab.clock(FROZEN);
    let path = format!("{CLOCKS}/{clock}/advance");
    let two_years = FROZEN + 732 * DAY;
    for (to, within) in
        [(FROZEN, "must be after"), (FROZEN - 1, "must be after"), (two_years + 1, "two years")]
    {
        let error = lab.refused("POST", &path, &[("frozen_time", &to.to_string())], 400);
        assert_eq!(error["param"], "frozen_time");
        assert!(error["message"].as_str().unwrap().contains(within), "{error}");
    }
    lab.clocked(&clock, "pm_card_visa", "year");
    let (_, monthly) = lab.clocked(&clock, "pm_card_visa", "month");
    // The 31st and two months is the 31st of March.
    let most = FROZEN + 59 * DAY;
    let error = lab.refused("POST", &path, &[("frozen_time", &(most + 1).to_string())], 400);
    assert!(error["message"].as_str().unwrap().contains("two intervals"), "{error}");
    lab.advanced(&clock, most);
    lab.ask("DELETE", &format!("/v1/subscriptions/{monthly}"), &[]);
    lab.advanced(&clock, most + 300 * DAY);

    let free = lab.clock(FROZEN);
    lab.world.switch(&serde_json::json!({ "test_clock_limits": false })).unwrap();
    lab.advanced(&free, FROZEN + 9_000 * DAY);
}

#[test]
fn a_clock_has_three_customers_with_three_subscriptions_each() {
    let mut lab = Lab::new();
    let clock = lab.clock(FROZEN);
    let (first, _) = lab.clocked(&clock, "pm_card_visa", "month");
    let price = lab.price("900", "month", "1");
    let pairs = [("customer", first.as_str()), ("items[0][price]", price.as_str())];
    lab.post("/v1/subscriptions", &pairs);
    let third = id(&lab.post("/v1/subscriptions", &pairs));
    lab.refused("POST", "/v1/subscriptions", &pairs, 400);
    lab.ask("DELETE", &format!("/v1/subscriptions/{third}"), &[]);
    lab.post("/v1/subscriptions", &pairs);

    let more = [("test_clock", clock.as_str())];
    lab.post("/v1/customers", &more);
    lab.post("/v1/customers", &more);
    let error = lab.refused("POST", "/v1/customers", &more, 400);
    assert_eq!(error["param"], "test_clock");
    let error = lab.refused("POST", "/v1/customers", &[("test_clock", "clock_x")], 400);
    assert_eq!(error["message"], "No such billingclock: 'clock_x'");
    assert_eq!(error["code"], "resource_missing");
}

#[test]
fn without_limits_a_clock_still_goes_through_so_many_periods_at_once() {
    let mut lab = Lab::new();
    lab.world.switch(&serde_json::json!({ "test_clock_limits": false })).unwrap();
    let clock = lab.clock(FROZEN);
    lab.clocked(&clock, "pm_card_visa", "day");
    let path = format!("{CLOCKS}/{clock}/advance");
    let far = (FROZEN + 20_003 * DAY).to_string();
    let error = lab.refused("POST", &path, &[("frozen_time", &far)], 400);
    assert_eq!(error["param"], "frozen_time");
    assert!(error["message"].as_str().unwrap().contains("smaller jumps"), "{error}");
    assert_eq!(lab.get(&format!("{CLOCKS}/{clock}"), &[])["status"], "ready");
    lab.advanced(&clock, FROZEN + 5 * DAY);
    assert_eq!(lab.world.list("invoice").len(), 6);
}

#[test]
fn what_begins_at_the_end_of_time_is_as_whole_as_anything() {
    let mut lab = Lab::new();
    let latest = 253_118_303_999; // 9990-12-31T23:59:59Z
    lab.refused("POST", CLOCKS, &[("frozen_time", &(latest + 1_i64).to_string())], 400);
    let clock = lab.clock(latest);
    let (_, sub) = lab.clocked(&clock, "pm_card_visa", "year");
    let held = lab.get(&format!("/v1/subscriptions/{sub}"), &[]);
    assert_eq!(held["items"]["data"][0]["current_period_end"], latest + 365 * DAY);
    let card = &lab.world.list("payment_method")[0]["card"];
    assert!(card["exp_year"].as_i64() > Some(9990), "{card}");
}

#[test]
fn lists_hide_what_belongs_to_clocks_unless_it_is_asked_for() {
    let mut lab = Lab::new();
    let clock = lab.clock(FROZEN);
    let (theirs, _) = lab.clocked(&clock, "pm_card_visa", "month");
    let (own, _) = lab.subscribed("pm_card_visa", "month", "1");
    let customers = |list: &Value| -> String {
        let of = list["data"].as_array().unwrap().iter();
        let of = of.map(|o| o["customer"].as_str().unwrap_or_else(|| o["id"].as_str().unwrap()));
        of.collect::<Vec<_>>().join(" ")
    };
    for path in ["/v1/customers", "/v1/subscriptions", "/v1/invoices"] {
        assert_eq!(customers(&lab.get(path, &[])), own, "{path}");
    }
    for path in ["/v1/customers", "/v1/subscriptions"] {
        assert_eq!(customers(&lab.get(path, &[("test_clock", &clock)])), theirs);
        let error = lab.refused("GET", path, &[("test_clock", "clock_x")], 400);
        assert_eq!(error["message"], "No such billingclock: 'clock_x'");
    }
    for path in ["/v1/invoices", "/v1/subscriptions"] {
        assert_eq!(customers(&lab.get(path, &[("customer", &theirs)])), theirs);
    }
    lab.world.switch(&serde_json::json!({ "test_clock_lists": "shown" })).unwrap();
    assert_eq!(customers(&lab.get("/v1/customers", &[])), format!("{own} {theirs}"));
}

#[test]
fn a_failing_card_is_dunned_in_the_clocks_time() {
    let mut lab = Lab::new();
    let clock = lab.clock(FROZEN);
    let (customer, sub) = lab.clocked(&clock, "pm_card_visa", "month");
    let failing = "/v1/payment_methods/pm_card_chargeCustomerFail/attach";
    let method = id(&lab.post(failing, &[("customer", &customer)]));
    let field = "invoice_settings[default_payment_method]";
    lab.post(&format!("/v1/customers/{customer}"), &[(field, &method)]);
    let path = format!("/v1/subscriptions/{sub}");
    lab.advanced(&clock, FROZEN + 29 * DAY);
    assert_eq!(lab.get(&path, &[])["status"], "past_due");
    lab.advanced(&clock, FROZEN + 50 * DAY);
    assert_eq!(lab.get(&path, &[])["status"], "canceled");
}

#[test]
fn many_clocks_stand_side_by_side_with_the_worlds() {
    let mut lab = Lab::new();
    let (_, own) = lab.subscribed("pm_card_visa", "month", "1");
    let clocks = [FROZEN, START - 900 * DAY, START].map(|frozen| lab.clock(frozen));
    let subs = clocks.clone().map(|clock| lab.clocked(&clock, "pm_card_visa", "month").1);
    lab.advanced(&clocks[1], START - 860 * DAY);
    let renewed = |lab: &mut Lab, sub: &str| {
        let held = lab.get("/v1/invoices", &[("subscription", sub)]);
        held["data"].as_array().unwrap().len() > 1
    };
    assert_eq!(subs.clone().map(|sub| renewed(&mut lab, &sub)), [false, true, false]);
    assert!(!renewed(&mut lab, &own));
    lab.advance(&clocks[0], FROZEN + 40 * DAY);
    lab.advance(&clocks[2], START + 10 * DAY);
    lab.world.advance(START + 20 * DAY);
    let text = serde_json::to_string(&lab.world).unwrap();
    let mut back: World = serde_json::from_str(&text).unwrap();
    for world in [&mut lab.world, &mut back] {
        world.settle(lab.wall + 1);
        world.advance(START + 32 * DAY);
    }
    assert_eq!(serde_json::to_string(&lab.world).unwrap(), serde_json::to_string(&back).unwrap());
    // By the world's time the clocks are 30 days old by now, and gone.
    assert_eq!(lab.world.list("test_helpers.test_clock").len(), 0);
    assert!(renewed(&mut lab, &own));
}

#[test]
fn a_deleted_clock_takes_its_customers_and_their_billing_along() {
    let mut lab = Lab::new();
    let clock = lab.clock(FROZEN);
    let (customer, sub) = lab.clocked(&clock, "pm_card_visa", "month");
    let invoice = id(&lab.world.list("invoice")[0]);
    let charge = id(&lab.world.list("charge")[0]);
    let seen = lab.seen();
    lab.ask("DELETE", &format!("{CLOCKS}/{clock}"), &[]);
    assert_eq!(
        lab.told(seen),
        ["customer.subscription.deleted", "customer.deleted", "test_helpers.test_clock.deleted",]
    );
    assert_eq!(lab.get(&format!("/v1/customers/{customer}"), &[])["deleted"], true);
    lab.refused("GET", &format!("/v1/subscriptions/{sub}"), &[], 404);
    lab.refused("GET", &format!("/v1/invoices/{invoice}"), &[], 404);
    // The money did move.
    lab.get(&format!("/v1/charges/{charge}"), &[("expand[]", "customer")]);
    lab.post("/v1/refunds", &[("charge", &charge)]);
}

#[test]
fn a_checkout_of_a_clocks_customer_expires_by_real_time_and_bills_by_the_clocks() {
    let mut lab = Lab::new();
    let clock = lab.clock(FROZEN);
    let customer = id(&lab.post("/v1/customers", &[("test_clock", &clock)]));
    let price = lab.price("2900", "month", "1");
    let pairs = [
        ("mode", "subscription"),
        ("customer", customer.as_str()),
        ("line_items[0][price]", &price),
        ("line_items[0][quantity]", "1"),
        ("success_url", "http://h/ok"),
    ];
    let session = lab.post("/v1/checkout/sessions", &pairs);
    assert_eq!(session["expires_at"], START + DAY);
    lab.advance(&clock, FROZEN + DAY);
    let refused = lab.world.pay_checkout(&id(&session), "pm_card_visa", None, None).unwrap_err();
    assert_eq!(refused.code, "test_clock_advancing");
    lab.wall += 1;
    lab.get(CLOCKS, &[]);
    lab.world.pay_checkout(&id(&session), "pm_card_visa", None, None).unwrap();
    let sub = &lab.world.list("subscription")[0];
    assert_eq!(
        (&sub["created"], &sub["test_clock"]),
        (&(FROZEN + DAY).into(), &clock.clone().into())
    );
    let portal = id(&lab.post("/v1/billing_portal/sessions", &[("customer", &customer)]));
    lab.world.portal_cancel(&portal, &id(sub)).unwrap();
    lab.advanced(&clock, FROZEN + 35 * DAY);
    assert_eq!(lab.get(&format!("/v1/subscriptions/{}", id(sub)), &[])["status"], "canceled");

    lab.world.switch(&serde_json::json!({ "checkout_times": "simulated" })).unwrap();
    let session = lab.post("/v1/checkout/sessions", &pairs);
    assert_eq!(session["expires_at"], FROZEN + 36 * DAY);
    lab.advanced(&clock, FROZEN + 36 * DAY);
    let path = format!("/v1/checkout/sessions/{}", id(&session));
    assert_eq!(lab.get(&path, &[])["status"], "expired");
}

#[test]
fn a_clock_can_be_made_for_a_customer_who_was_never_billed() {
    let mut lab = Lab::new();
    let customer = id(&lab.post("/v1/customers", &[("name", "Ada")]));
    let pairs = [("frozen_time", "1896048000"), ("customer", customer.as_str())];
    let clock = id(&lab.post(CLOCKS, &pairs));
    assert_eq!(lab.get(&format!("/v1/customers/{customer}"), &[])["test_clock"], clock);
    lab.refused("POST", CLOCKS, &pairs, 400);
    let (billed, _) = lab.subscribed("pm_card_visa", "month", "1");
    lab.refused("POST", CLOCKS, &[("frozen_time", "1"), ("customer", &billed)], 400);
}

#[test]
fn a_deleted_clock_takes_along_what_was_billed_to_those_deleted_before() {
    let mut lab = Lab::new();
    let clock = lab.clock(FROZEN);
    let (customer, sub) = lab.clocked(&clock, "pm_card_visa", "month");
    lab.ask("DELETE", &format!("/v1/customers/{customer}"), &[]);
    assert_eq!(lab.get(&format!("/v1/subscriptions/{sub}"), &[])["test_clock"], clock);
    lab.ask("DELETE", &format!("{CLOCKS}/{clock}"), &[]);
    lab.refused("GET", &format!("/v1/subscriptions/{sub}"), &[], 404);
    assert!(lab.world.list("invoice").is_empty());
}
