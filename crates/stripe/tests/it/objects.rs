//! Objects in the shapes that recordings show, of the pinned version and of older ones.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use specie_stripe::{
    Charge, ChargeRef, CheckoutSession, Customer, Event, Invoice, InvoicePayment, PaymentIntent,
    PaymentMethod, PortalSession, Price, Product, Refund, Subscription, Unreadable,
    WebhookEndpoint,
};
use specie_vocab::{Currency, Interval, IntervalUnit, Period};

use crate::recorded::{
    AT, LATER, charge, customer, invoice, payment_intent, price, session, subscription,
};

fn changed(mut value: Value, changes: Value) -> Value {
    for (name, change) in changes.as_object().unwrap() {
        match change {
            // What is to be absent, rather than null.
            Value::String(gone) if gone == "(absent)" => {
                value.as_object_mut().unwrap().remove(name);
            }
            change => value[name] = change.clone(),
        }
    }
    value
}

fn noted() -> BTreeMap<String, String> {
    BTreeMap::from([("specie_intent".into(), "i1".into())])
}

#[test]
fn a_customer_is_read_and_what_is_left_of_a_deleted_one() {
    let read = Customer::parse(&customer()).unwrap();
    assert_eq!(read.id.as_str(), "cus_TestCustomer1");
    assert_eq!(read.email.as_deref(), Some("ada@example.com"));
    assert_eq!((read.currency, read.delinquent), (Some(Currency::USD), false));
    assert_eq!(read.default_payment_method.unwrap().as_str(), "pm_1Test");
    assert_eq!((read.created, read.deleted), (Some(AT), false));
    assert_eq!(read.raw, customer());

    let stub = json!({"id": "cus_1", "object": "customer", "deleted": true});
    let read = Customer::parse(&stub).unwrap();
    assert_eq!((read.deleted, read.created, read.email), (true, None, None));

    let expanded = json!({"default_payment_method": {"id": "pm_2", "object": "payment_method"}});
    let read = Customer::parse(&changed(customer(), json!({"invoice_settings": expanded})));
    assert_eq!(read.unwrap().default_payment_method.unwrap().as_str(), "pm_2");
    let card = json!({"default_payment_method": "card_1Old"});
    let read = Customer::parse(&changed(customer(), json!({"invoice_settings": card})));
    assert_eq!(read.unwrap().default_payment_method, None, "of another age");
}

#[test]
fn a_subscription_has_its_periods_on_its_items() {
    let read = Subscription::parse(&subscription()).unwrap();
    assert_eq!(read.status, "active");
    assert_eq!(read.items.len(), 1);
    let item = &read.items[0];
    assert_eq!(item.price.as_ref().unwrap().as_str(), "price_1Test");
    assert_eq!(item.product.as_ref().unwrap().as_str(), "prod_Test");
    assert_eq!((item.quantity, item.period), (Some(1), Period { start: AT, end: LATER }));
    assert_eq!(read.period(), Some(item.period));
    assert!(read.cancel_at_period_end && !read.items_has_more);
    assert_eq!((read.cancel_at, read.canceled_at), (Some(LATER), Some(AT + 60)));
    assert_eq!(read.cancellation_reason.as_deref(), Some("cancellation_requested"));
    assert_eq!(read.latest_invoice.unwrap().as_str(), "in_1Test");
    assert_eq!(read.metadata, noted());
}

/// As 2020-08-27 wrote it: the period and no currency on the subscription, a plan beside a price.
#[test]
fn a_subscription_of_the_first_generation_is_read_too() {
    let mut old = changed(
        subscription(),
        json!({
            "current_period_start": AT, "current_period_end": LATER, "currency": "(absent)",
            "billing_mode": "(absent)", "cancellation_details": "(absent)", "status": "canceled",
            "ended_at": AT + 99, "discount": null,
        }),
    );
    let item = &mut old["items"]["data"][0];
    *item = changed(
        item.take(),
        json!({
            "current_period_start": "(absent)", "current_period_end": "(absent)",
        }),
    );
    let read = Subscription::parse(&old).unwrap();
    assert_eq!(read.period(), Some(Period { start: AT, end: LATER }));
    assert_eq!((read.currency, read.ended_at), (Currency::USD, Some(AT + 99)));

    old["items"]["data"][0]["price"]["id"] = json!("gold-plan");
    old["items"]["data"][0]["price"]["product"] = json!("gold");
    let read = Subscription::parse(&old).unwrap();
    assert_eq!((&read.items[0].price, &read.items[0].product), (&None, &None));
}

#[test]
fn an_invoice_bills_the_period_of_the_line_that_ends_last() {
    let read = Invoice::parse(&invoice()).unwrap();
    assert_eq!(read.subscription.unwrap().as_str(), "sub_1Test");
    assert_eq!(read.metadata, noted());
    assert_eq!(read.line_period, Some(Period { start: AT, end: LATER }));
    assert_eq!((read.period_start, read.period_end), (AT - 90, AT));
    assert_eq!((read.amount_due, read.amount_paid, read.amount_remaining), (2900, 2900, 0));
    assert_eq!((read.attempt_count, read.attempted, read.next_payment_attempt), (1, true, None));
    assert_eq!((read.finalized_at, read.paid_at, read.voided_at), (Some(AT), Some(AT + 1), None));
    let [payment] = read.payments.try_into().unwrap();
    assert_eq!(payment.payment_intent.unwrap().as_str(), "pi_3Test");
    assert_eq!((payment.status.as_str(), payment.is_default), ("paid", true));

    let draft = changed(invoice(), json!({"number": null, "payments": "(absent)", "parent": null}));
    let read = Invoice::parse(&draft).unwrap();
    assert_eq!((read.number, read.payments, read.subscription), (None, Vec::new(), None));
}

/// Before 2025-03-31.basil.
#[test]
fn an_invoice_of_an_older_generation_names_its_subscription_and_its_payment() {
    let old = changed(
        invoice(),
        json!({
            "parent": "(absent)", "payments": "(absent)", "subscription": "sub_1Test", "paid": true,
            "payment_intent": {"id": "pi_3Test", "object": "payment_intent"},
            "subscription_details": {"metadata": {"specie_intent": "i1"}},
        }),
    );
    let read = Invoice::parse(&old).unwrap();
    assert_eq!(read.subscription.unwrap().as_str(), "sub_1Test");
    assert_eq!(read.metadata, noted());
    let intent = "pi_3Test".try_into().unwrap();
    assert_eq!(
        read.payments,
        [InvoicePayment {
            id: None,
            payment_intent: Some(intent),
            status: "paid".into(),
            is_default: true,
        }]
    );
}

#[test]
fn a_payment_intent_knows_its_charge_its_failure_and_its_invoice() {
    let read = PaymentIntent::parse(&payment_intent()).unwrap();
    assert_eq!(read.latest_charge, Some(ChargeRef::Id("ch_3Test".into())));
    assert_eq!(read.invoice.unwrap().as_str(), "in_1Test");
    assert_eq!(read.next_action_url.as_deref(), Some("https://3ds"));
    let failure = read.last_payment_error.unwrap();
    assert_eq!(failure.decline_code.as_deref(), Some("insufficient_funds"));

    let order = json!({"customer_reference": null, "order_reference": "order 17"});
    let paid = changed(
        payment_intent(),
        json!({
            "latest_charge": charge(), "payment_details": order, "last_payment_error": null,
        }),
    );
    let read = PaymentIntent::parse(&paid).unwrap();
    let latest = read.latest_charge.unwrap();
    assert_eq!(latest.id(), "ch_3Test");
    assert_eq!(latest.charge().unwrap().last4.as_deref(), Some("4242"));
    assert_eq!((read.invoice, read.last_payment_error), (None, None));

    let old = changed(
        payment_intent(),
        json!({
            "latest_charge": "(absent)", "payment_details": "(absent)", "invoice": "in_1Test",
            "charges": {"object": "list", "data": [charge()], "has_more": false},
        }),
    );
    let read = PaymentIntent::parse(&old).unwrap();
    assert_eq!((read.latest_charge.unwrap().id(), read.invoice.is_some()), ("ch_3Test", true));
}

#[test]
fn charges_and_refunds_are_read_of_cards_and_of_others() {
    let read = Charge::parse(&charge()).unwrap();
    assert_eq!((read.amount, read.amount_refunded, read.refunded), (2900, 900, false));
    assert_eq!(read.brand.as_deref(), Some("visa"));
    let other = changed(
        charge(),
        json!({
            "id": "py_3Test", "payment_method_details": {"link": {"country": "US"}, "type": "link"},
        }),
    );
    let read = Charge::parse(&other).unwrap();
    assert_eq!((read.id.as_str(), read.last4), ("py_3Test", None));

    let refund = json!({
        "id": "re_3Test", "object": "refund", "amount": 900, "balance_transaction": "txn_1",
        "charge": charge(), "created": AT, "currency": "usd",
        "metadata": {"specie_intent": "i1"}, "payment_intent": "pi_3Test",
        "reason": "requested_by_customer", "status": "succeeded",
    });
    let read = Refund::parse(&refund).unwrap();
    assert_eq!(read.charge.as_deref(), Some("ch_3Test"));
    assert_eq!((read.amount, read.customer, read.metadata), (900, None, noted()));
    assert!(Refund::parse(&changed(refund, json!({"id": "pyr_1Test"}))).is_ok());
}

#[test]
fn sessions_are_read() {
    let read = CheckoutSession::parse(&session()).unwrap();
    assert_eq!((read.status.as_str(), read.mode.as_str()), ("open", "subscription"));
    assert_eq!((read.subscription, read.expires_at), (None, AT + 86_400));
    assert_eq!(read.metadata, noted());
    let complete = changed(
        session(),
        json!({
            "status": "complete", "url": null, "subscription": subscription(), "invoice": "in_1Test",
            "payment_status": "paid",
        }),
    );
    let read = CheckoutSession::parse(&complete).unwrap();
    assert_eq!((read.url, read.subscription.unwrap().as_str()), (None, "sub_1Test"));

    let portal = json!({
        "id": "bps_1Test", "object": "billing_portal.session", "customer": "cus_TestCustomer1",
        "url": "https://billing.stripe.com/p/session/test_x",
    });
    let read = PortalSession::parse(&portal).unwrap();
    assert!(read.url.ends_with("test_x"));
    assert!(!format!("{read:?}").contains("test_x"), "whoever has the link is let in");
}

#[test]
fn what_is_sold_is_read() {
    let read = Price::parse(&price()).unwrap();
    assert_eq!(read.interval, Some(Interval { unit: IntervalUnit::Day, count: 30 }));
    assert_eq!((read.unit_amount, read.metered), (Some(2900), false));
    assert_eq!(read.lookup_key.as_deref(), Some("specie:pro:monthly"));
    let once = changed(price(), json!({"recurring": null, "type": "one_time"}));
    assert_eq!(Price::parse(&once).unwrap().interval, None);
    let odd = json!({"recurring": {"interval": "fortnight", "interval_count": 1}});
    let fault = Unreadable { object: "price", field: "recurring.interval" };
    assert_eq!(Price::parse(&changed(price(), odd)), Err(fault));

    let product = json!({
        "id": "gold plan", "object": "product", "active": true, "attributes": [], "created": AT,
        "default_price": null, "images": [], "livemode": false, "marketing_features": [],
        "metadata": {}, "name": "Gold", "type": "service", "updated": AT + 1, "url": null,
    });
    let read = Product::parse(&product).unwrap();
    assert_eq!((read.name.as_deref(), read.updated), (Some("Gold"), Some(AT + 1)));
    let stub = json!({"id": "prod_1", "object": "product", "deleted": true});
    assert!(Product::parse(&stub).unwrap().deleted);
}

#[test]
fn payment_methods_are_read() {
    let method = json!({
        "id": "pm_1Test", "object": "payment_method", "allow_redisplay": "unspecified",
        "billing_details": {"email": null},
        "card": {"brand": "visa", "exp_month": 11, "exp_year": 2027, "last4": "4242"},
        "created": AT, "customer": null, "livemode": false, "metadata": {}, "type": "card",
    });
    let read = PaymentMethod::parse(&method).unwrap();
    assert_eq!((read.customer, read.exp_month, read.exp_year), (None, Some(11), Some(2027)));
    let link = changed(method, json!({"card": "(absent)", "type": "link", "link": {}}));
    let read = PaymentMethod::parse(&link).unwrap();
    assert_eq!((read.kind.as_str(), read.brand), ("link", None));
}

#[test]
fn events_and_their_endpoints_are_read() {
    let event = json!({
        "id": "evt_1Test", "object": "event", "api_version": "2026-10-28.endive", "created": AT,
        "data": {"object": customer(), "previous_attributes": {"name": null}}, "livemode": true,
        "pending_webhooks": 0, "request": null, "type": "customer.updated",
    });
    let read = Event::parse(&event).unwrap();
    assert_eq!((read.kind.as_str(), read.livemode, read.account), ("customer.updated", true, None));
    assert_eq!((read.object, read.previous), (customer(), Some(json!({"name": null}))));

    let endpoint = json!({
        "id": "we_1Test", "object": "webhook_endpoint", "api_version": null, "created": AT,
        "description": null, "enabled_events": ["invoice.paid", "*"], "livemode": false,
        "metadata": {}, "secret": "whsec_hidden", "status": "enabled", "url": "https://app/hook",
    });
    let read = WebhookEndpoint::parse(&endpoint).unwrap();
    assert_eq!(read.enabled_events, ["invoice.paid", "*"]);
    assert_eq!(read.secret.as_ref().unwrap().expose(), "whsec_hidden");
    assert!(!format!("{read:?}").contains("hidden"));
}

/// A kind of object, one of them, what fails in reading it, the fields it cannot do without.
type Readable = (&'static str, Value, fn(&Value) -> Option<Unreadable>, Vec<&'static str>);

fn readers() -> Vec<Readable> {
    vec![
        ("customer", customer(), |v| Customer::parse(v).err(), vec!["id", "created"]),
        (
            "subscription",
            subscription(),
            |v| Subscription::parse(v).err(),
            vec!["id", "customer", "status", "start_date", "created"],
        ),
        (
            "invoice",
            invoice(),
            |v| Invoice::parse(v).err(),
            vec![
                "id",
                "status",
                "currency",
                "amount_due",
                "amount_paid",
                "amount_remaining",
                "total",
                "period_start",
                "period_end",
                "created",
            ],
        ),
        (
            "payment_intent",
            payment_intent(),
            |v| PaymentIntent::parse(v).err(),
            vec!["id", "amount", "currency", "status", "created"],
        ),
        (
            "charge",
            charge(),
            |v| Charge::parse(v).err(),
            vec!["id", "amount", "currency", "status", "created"],
        ),
        (
            "checkout.session",
            session(),
            |v| CheckoutSession::parse(v).err(),
            vec!["id", "status", "payment_status", "mode", "expires_at", "created"],
        ),
        ("price", price(), |v| Price::parse(v).err(), vec!["id", "product", "currency", "created"]),
    ]
}

#[test]
fn what_lacks_a_needed_field_names_it() {
    for (object, value, parse, needed) in readers() {
        assert_eq!(parse(&value), None, "{object}");
        assert_eq!(parse(&json!({})), Some(Unreadable { object, field: "object" }));
        assert_eq!(parse(&json!("text")), Some(Unreadable { object, field: "object" }));
        for field in needed {
            for wrong in [json!(null), json!("(absent)"), json!([]), json!({"x": 1})] {
                let fault = parse(&changed(value.clone(), json!({ field: wrong })));
                assert_eq!(fault, Some(Unreadable { object, field }), "{object} {field}");
            }
        }
    }
}

/// Whatever stands in any place of an object, reading it ends, with the object or its fault.
#[test]
fn nothing_in_any_place_panics() {
    let strange = [
        json!(null),
        json!(true),
        json!(-1),
        json!(u64::MAX),
        json!(""),
        json!("\u{0}ü"),
        json!([]),
        json!([[]]),
        json!({}),
        json!({"id": 1}),
        json!({"data": [null, 1, "x"]}),
    ];
    for (_, value, parse, _) in readers() {
        let mut paths = Vec::new();
        places(&value, String::new(), &mut paths);
        for (path, strange) in paths.iter().flat_map(|p| strange.iter().map(move |s| (p, s))) {
            let mut mangled = value.clone();
            *mangled.pointer_mut(path).unwrap() = strange.clone();
            let _ = parse(&mangled);
        }
    }
}

fn places(value: &Value, path: String, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(name, child)| places(child, format!("{path}/{name}"), found));
        }
        Value::Array(items) => {
            let numbered = items.iter().enumerate();
            numbered.for_each(|(n, child)| places(child, format!("{path}/{n}"), found));
        }
        _ => {}
    }
    found.push(path);
}
