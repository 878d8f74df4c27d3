//! The hosted pages, as a person without script uses them.

use crate::desk::{Desk, HOME, START};
use crate::shop::{self, CANCEL, SUCCESS, id, typed};

const CARD: &str = "4242 4242 4242 4242";

#[tokio::test]
async fn a_person_pays_and_returns() {
    let desk = Desk::in_memory();
    let shop = shop::open(&desk).await;
    let path = format!("/c/pay/{}", shop.session);
    let session = desk.sandbox.object(&shop.session).unwrap();
    assert!(session["url"].as_str().unwrap().starts_with(&format!("{HOME}{path}")));

    let page = desk.get(&path).await.expect(200);
    for text in [
        "<h1 id=\"what\">Subscribe to SaaSKit &#60;Pro&#62;</h1>",
        "$29.00",
        "every 30 days",
        "value=\"ada@shop.example\" readonly",
        &format!("href=\"{CANCEL}\""),
        "4000 0000 0000 9995",
        "autocomplete=\"cc-number\"",
    ] {
        assert!(page.body.contains(text), "{text} is not in {}", page.body);
    }
    let policy = page.header("content-security-policy");
    assert!(
        policy.ends_with("form-action 'self' http://localhost:* http://127.0.0.1:*"),
        "{policy}"
    );

    let paid = desk.form(&path, &typed(CARD)).await.expect(303);
    let there = SUCCESS.replace("{CHECKOUT_SESSION_ID}", &shop.session);
    assert_eq!(paid.header("location"), there);
    assert_eq!(shop::subscription(&desk, &shop).await["status"], "active");

    let done = desk.get(&path).await.expect(200);
    assert!(done.body.contains("<h1>All done</h1>"));
    assert!(done.body.contains(&format!("href=\"{there}\"")), "{}", done.body);
    let twice = desk.form(&path, &typed(CARD)).await.expect(303);
    assert_eq!(twice.header("location"), there, "whoever presses twice is led on as well");
    assert_eq!(desk.sandbox.list("charge").len(), 1);
}

#[tokio::test]
async fn a_card_that_does_not_pay_is_explained_and_can_be_tried_again() {
    let desk = Desk::in_memory();
    let shop = shop::open(&desk).await;
    let path = format!("/c/pay/{}", shop.session);
    for (number, status, text) in [
        ("4000 0000 0000 0002", 402, "declined"),
        ("4000 0000 0000 9995", 402, "insufficient funds"),
        ("4000 0025 0000 3155", 400, "3-D Secure authentication, which the sandbox does not"),
        ("4000 0000 0000 0259", 400, "does not support this test card yet"),
        ("4242 4242 4242 4241", 400, "Your card number is incorrect."),
        ("4532 0151 1283 0366", 400, "used a non test card"),
        ("", 400, "The card number is missing."),
    ] {
        let page = desk.form(&path, &typed(number)).await.expect(status);
        assert!(page.body.contains(text), "{number}: {}", page.body);
        assert!(page.body.contains("role=\"alert\""), "{number}");
        assert!(page.body.contains("<title>Error: "), "{number}");
        assert!(page.body.contains("aria-invalid=\"true\" aria-describedby=\"problem\""));
        assert!(number.is_empty() || !page.body.contains(&format!("value=\"{number}")), "{number}");
        assert!(page.body.contains("value=\"Ada Lovelace\""), "{number}");
    }
    desk.form(&path, &typed(CARD)).await.expect(303);
    assert_eq!(shop::subscription(&desk, &shop).await["status"], "active");
}

#[tokio::test]
async fn each_wrong_field_is_named() {
    let desk = Desk::in_memory();
    let shop = shop::open(&desk).await;
    let path = format!("/c/pay/{}", shop.session);
    for (field, value, text) in [
        ("expiry", "13 / 34", "expiration month is invalid"),
        ("expiry", "12/20", "expiration year is invalid"),
        ("expiry", "12", "expiration year is invalid"),
        ("cvc", "12", "security code is invalid"),
        ("name", "", "name on the card is missing"),
        ("name", "4242424242424242", "card number stands in the wrong field"),
    ] {
        let mut pairs = typed(CARD);
        pairs.iter_mut().find(|pair| pair.0 == field).unwrap().1 = value;
        let page = desk.form(&path, &pairs).await.expect(400);
        assert!(page.body.contains(text), "{field}={value}: {}", page.body);
        let input =
            page.body.split("<input ").find(|input| input.contains(&format!("id=\"{field}\"")));
        assert!(input.unwrap().contains("aria-invalid"), "{field}");
        assert!(!page.body.contains("value=\"4242"), "{field}");
    }
    for expiry in ["1234", "12/2034", "12-34", " 12 / 34 "] {
        let again = Desk::in_memory();
        let shop = shop::open(&again).await;
        let mut pairs = typed(CARD);
        pairs[1].1 = expiry;
        again.form(&format!("/c/pay/{}", shop.session), &pairs).await.expect(303);
    }
}

#[tokio::test]
async fn an_expired_session_says_so_and_leads_back() {
    let desk = Desk::in_memory();
    let shop = shop::open(&desk).await;
    let path = format!("/c/pay/{}", shop.session);
    desk.sandbox.advance(START + 2 * 86_400).unwrap();
    for page in [desk.get(&path).await, desk.form(&path, &typed(CARD)).await] {
        let page = page.expect(410);
        assert!(page.body.contains("This page has expired"));
        assert!(page.body.contains(&format!("href=\"{CANCEL}\"")));
    }
}

#[tokio::test]
async fn the_portal_cancels_resumes_and_replaces_the_card() {
    let desk = Desk::in_memory();
    let shop = shop::open(&desk).await;
    desk.form(&format!("/c/pay/{}", shop.session), &typed(CARD)).await.expect(303);
    let subscription = id(&shop::subscription(&desk, &shop).await);
    let back = "http://127.0.0.1:8080/account";
    let pairs = [("customer", shop.customer.as_str()), ("return_url", back)];
    let portal = desk.api("POST", "/v1/billing_portal/sessions", &pairs).await.expect(200).json();
    let path = portal["url"].as_str().unwrap().strip_prefix(HOME).unwrap().to_owned();

    let page = desk.get(&path).await.expect(200).body;
    for text in [
        "<h1>Manage your billing</h1>",
        "SaaSKit &#60;Pro&#62;",
        "$29.00 every 30 days",
        "It renews on 4 Feb 2026",
        "Visa ending in 4242",
        "ada@shop.example",
        &format!("href=\"{back}\""),
        &format!("href=\"{path}/cancel/{subscription}\""),
    ] {
        assert!(page.contains(text), "{text} is not in {page}");
    }

    let asked = desk.get(&format!("{path}/cancel/{subscription}")).await.expect(200);
    assert!(asked.body.contains("until 4 Feb 2026"), "{}", asked.body);
    assert_eq!(shop::subscription(&desk, &shop).await["cancel_at_period_end"], false);
    let canceled = desk.form(&format!("{path}/cancel/{subscription}"), &[]).await.expect(303);
    assert_eq!(canceled.header("location"), path);
    assert_eq!(shop::subscription(&desk, &shop).await["cancel_at_period_end"], true);
    assert!(desk.get(&path).await.body.contains("It ends on 4 Feb 2026"));

    desk.form(&format!("{path}/resume/{subscription}"), &[]).await.expect(303);
    assert_eq!(shop::subscription(&desk, &shop).await["cancel_at_period_end"], false);

    let declined = desk.form(&format!("{path}/card"), &typed("4000000000000002")[..3]).await;
    assert!(declined.expect(402).body.contains("declined"));
    let typed = typed("5555 5555 5555 4444");
    desk.form(&format!("{path}/card"), &typed[..3]).await.expect(303);
    assert!(desk.get(&path).await.body.contains("Mastercard ending in 4444"));
}

#[tokio::test]
async fn the_portal_of_one_customer_does_not_touch_another() {
    let desk = Desk::in_memory();
    let (ada, bob) = (shop::open(&desk).await, shop::open(&desk).await);
    desk.form(&format!("/c/pay/{}", bob.session), &typed(CARD)).await.expect(303);
    let subscription = id(&shop::subscription(&desk, &bob).await);
    let pairs = [("customer", ada.customer.as_str())];
    let portal = desk.api("POST", "/v1/billing_portal/sessions", &pairs).await.expect(200).json();
    let path = format!("/p/session/{}/cancel/{subscription}", id(&portal));
    desk.get(&path).await.expect(404);
    assert_ne!(desk.form(&path, &[]).await.status, 303);
    assert_eq!(shop::subscription(&desk, &bob).await["cancel_at_period_end"], false);
}

#[tokio::test]
async fn a_session_that_was_made_to_cancel_asks_that_first() {
    let desk = Desk::in_memory();
    let shop = shop::open(&desk).await;
    desk.form(&format!("/c/pay/{}", shop.session), &typed(CARD)).await.expect(303);
    let subscription = id(&shop::subscription(&desk, &shop).await);
    let pairs = [
        ("customer", shop.customer.as_str()),
        ("flow_data[type]", "subscription_cancel"),
        ("flow_data[subscription_cancel][subscription]", &subscription),
    ];
    let portal = desk.api("POST", "/v1/billing_portal/sessions", &pairs).await.expect(200).json();
    let path = format!("/p/session/{}", id(&portal));
    let asked = format!("{path}/cancel/{subscription}");
    assert_eq!(desk.get(&path).await.expect(303).header("location"), asked);
    let page = desk.get(&asked).await.expect(200);
    assert!(page.body.contains(&format!("href=\"{path}?kept\"")), "{}", page.body);
    desk.get(&format!("{path}?kept")).await.expect(200);
    desk.form(&asked, &[]).await.expect(303);
    assert!(desk.get(&path).await.expect(200).body.contains("It ends on 4 Feb 2026"));
}

#[tokio::test]
async fn receipt_and_invoice_name_each_other() {
    let desk = Desk::in_memory();
    let shop = shop::open(&desk).await;
    desk.form(&format!("/c/pay/{}", shop.session), &typed(CARD)).await.expect(303);
    let charge = desk.sandbox.list("charge").remove(0);
    let receipt = charge["receipt_url"].as_str().unwrap().strip_prefix(HOME).unwrap();
    let page = desk.get(receipt).await.expect(200);
    assert!(page.body.contains("$29.00") && page.body.contains("Visa ending in 4242"));

    let invoice = desk.sandbox.list("invoice").remove(0);
    let hosted = invoice["hosted_invoice_url"].as_str().unwrap().strip_prefix(HOME).unwrap();
    assert!(page.body.contains(&format!("href=\"/i/{}\"", id(&invoice))), "{}", page.body);
    let page = desk.get(hosted).await.expect(200);
    for text in ["$29.00", "5 Jan 2026 – 4 Feb 2026", invoice["number"].as_str().unwrap()] {
        assert!(page.body.contains(text), "{text} is not in {}", page.body);
    }
    assert!(page.body.contains(&format!("href=\"/receipts/{}\"", id(&charge))), "{}", page.body);
}

/// An invoice that a renewal left open.
async fn open_invoice(desk: &Desk, shop: &shop::Shop) -> String {
    desk.form(&format!("/c/pay/{}", shop.session), &typed(CARD)).await.expect(303);
    let subscription = id(&shop::subscription(desk, shop).await);
    let attach = "/v1/payment_methods/pm_card_chargeCustomerFail/attach";
    let pairs = [("customer", shop.customer.as_str())];
    let card = id(&desk.api("POST", attach, &pairs).await.expect(200).json());
    let pairs = [("default_payment_method", card.as_str())];
    desk.api("POST", &format!("/v1/subscriptions/{subscription}"), &pairs).await.expect(200);
    desk.sandbox.advance(START + 31 * 86_400).unwrap();
    let found = desk.sandbox.list("invoice").into_iter().find(|it| it["status"] == "open");
    id(&found.unwrap())
}

#[tokio::test]
async fn an_open_invoice_can_be_paid_on_its_page() {
    let desk = Desk::in_memory();
    let shop = shop::open(&desk).await;
    let invoice = open_invoice(&desk, &shop).await;
    let (path, pay) = (format!("/i/{invoice}"), format!("/i/{invoice}/pay"));
    let page = desk.get(&path).await.expect(200).body;
    for text in ["To be paid", "Still due", "Next attempt", "<h2 id=\"pay\">Pay $29.00 with a card"]
    {
        assert!(page.contains(text), "{text} is not in {page}");
    }
    for (number, status, text) in [
        ("4000 0000 0000 0002", 402, "declined"),
        ("4000 0000 0000 0341", 402, "declined"),
        ("4000 0027 6000 3184", 400, "3-D Secure"),
        ("", 400, "The card number is missing."),
    ] {
        let page = desk.form(&pay, &typed(number)[..3]).await.expect(status).body;
        assert!(page.contains(text) && page.contains("role=\"alert\""), "{number}: {page}");
        assert_eq!(desk.sandbox.object(&invoice).unwrap()["status"], "open", "{number}");
    }
    let paid = desk.form(&pay, &typed(CARD)[..3]).await.expect(303);
    assert_eq!(paid.header("location"), path);
    let page = desk.get(&path).await.expect(200).body;
    assert!(page.contains("status paid") && !page.contains("<form"), "{page}");
    assert_eq!(shop::subscription(&desk, &shop).await["status"], "active");
    let charges = desk.sandbox.list("charge").len();
    desk.form(&pay, &typed(CARD)[..3]).await.expect(303);
    assert_eq!(desk.sandbox.list("charge").len(), charges, "once");
    desk.form("/i/in_nothing/pay", &typed(CARD)[..3]).await.expect(404);
}

#[tokio::test]
async fn the_objects_can_be_looked_at_without_their_secrets() {
    let desk = Desk::in_memory();
    let shop = shop::open(&desk).await;
    let pairs = [("url", "http://127.0.0.1:9/hook"), ("enabled_events[0]", "*")];
    let endpoint = desk.api("POST", "/v1/webhook_endpoints", &pairs).await.expect(200).json();
    let kinds = desk.get("/objects").await.expect(200);
    assert!(kinds.body.contains("href=\"/objects/checkout.session\""));
    let list = desk.get("/objects/customer").await.expect(200);
    assert!(list.body.contains(&shop.customer) && list.body.contains("ada@shop.example"));
    let session =
        desk.get(&format!("/objects/checkout.session/{}", shop.session)).await.expect(200);
    assert!(session.body.contains(&format!("href=\"/objects/customer/{}\"", shop.customer)));

    let page = desk.get(&format!("/objects/webhook_endpoint/{}", id(&endpoint))).await.expect(200);
    assert!(!page.body.contains(endpoint["secret"].as_str().unwrap()));
    desk.get("/objects/nothing").await.expect(404);
    desk.get("/objects/customer/cus_nobody").await.expect(404);
    desk.get(&format!("/objects/invoice/{}", shop.customer)).await.expect(404);
}
