//! The tools of development: the clock, the demo customers, the mailbox.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use specie_store::customers::{self, Payer};
use specie_store::mails::{self, Mail};
use specie_vocab::{BusinessTime, PayerId, WallTime};

use crate::house::{Browser, House, NOW, Wish, both};

fn development() -> Wish {
    Wish { dev: true, ..Wish::default() }
}

both! {
    async fn a_visitor_is_the_first_demo_customer_and_may_become_another(house: &House) {
        let house = house.but(development());
        let browser = Browser::default();
        let pressed = |page: &str, id: &str| {
            page.contains(&format!(
                "value=\"{id}\" aria-describedby=\"dev-customer\" aria-pressed=\"true\""
            ))
        };
        let page = browser.get(&house, "/billing/account").await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(pressed(&page.text, "ada") && !pressed(&page.text, "ben"), "{}", page.text);
        // The same visitor is not signed in anew with each page.
        assert!(browser.get(&house, "/billing/plans").await.headers.get("set-cookie").is_none());

        let fields = [("customer", "ben"), ("back", "/billing/plans")];
        let switched = browser.post(&house, "/dev/customers", &fields).await;
        assert_eq!(
            (switched.status, switched.header("location")),
            (StatusCode::SEE_OTHER, "/billing/plans")
        );
        assert!(pressed(&browser.get(&house, "/billing/plans").await.text, "ben"));
        let unknown =
            browser.post(&house, "/dev/customers", &[("customer", "eve"), ("back", "")]).await;
        assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    }

    async fn the_mailbox_shows_each_mail_in_a_frame_that_runs_nothing(house: &House) {
        let house = house.but(development());
        let payer = Payer {
            id: PayerId(house.app.id()),
            realm: "app".into(),
            app_id: "x".into(),
            stripe: None,
            version: 0,
            created_at: WallTime::from_second(NOW),
        };
        let mail = Mail {
            key: "payment_failed:in_1:2".into(),
            payer: payer.id,
            kind: "payment_failed".into(),
            recipient: "ada@example.com".into(),
            subject: "It <failed>".into(),
            text: "line one\nline two".into(),
            html: "<html><head></head><body style=\"color:red\">hi</body></html>".into(),
            message_id: "<1@specie>".into(),
            created_at: BusinessTime::from_second(NOW),
            sent_at: None,
            failed_at: None,
            failure: None,
        };
        let mut tx = house.app.db.begin().await.unwrap();
        customers::insert(&mut tx, &payer).await.unwrap();
        mails::insert(&mut tx, &mail).await.unwrap();
        tx.commit().await.unwrap();

        let browser = Browser::default();
        let list = browser.get(&house, "/dev/mailbox").await;
        assert!(list.text.contains("Mailbox (1)") && list.text.contains("It &#60;failed&#62;"));
        let path = "/dev/mailbox/payment%5Ffailed%3Ain%5F1%3A2";
        assert!(list.text.contains(path), "{}", list.text);
        let page = browser.get(&house, path).await;
        assert!(page.text.contains("line one\nline two"));
        assert!(page.header("content-security-policy").contains("frame-src 'self'"));
        let body = browser.get(&house, &format!("{path}/html")).await;
        assert!(body.text.contains("<base target=\"_top\">"));
        let policy = body.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'") && policy.contains("sandbox "),
            "{policy}"
        );
        assert_eq!(browser.get(&house, "/dev/mailbox/other").await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_jump_is_told_on_the_page_that_follows() {
    let house = House::new(development()).await;
    let browser = Browser::default();
    let fields = [("jump", "year"), ("jumps", "0"), ("back", "/billing/account")];
    let jumped = browser.post(&house, "/dev/clock", &fields).await;
    assert_eq!(
        (jumped.status, jumped.header("location")),
        (StatusCode::SEE_OTHER, "/billing/account")
    );
    let page = browser.get(&house, "/billing/account").await;
    assert!(page.text.contains("it was asked for Year &#60;b&#62;"), "{}", page.text);

    let fields = [("jump", "next_renewal"), ("jumps", "1"), ("back", "https://evil.com")];
    let refused = browser.post(&house, "/dev/clock", &fields).await;
    assert_eq!(refused.header("location"), "/billing/account", "only pages of ours");
    let page = browser.get(&house, "/billing/account").await;
    assert!(page.text.contains("did not move: nobody has a subscription"));
    let wrong = browser
        .post(&house, "/dev/clock", &[("jump", "decade"), ("jumps", "2"), ("back", "")])
        .await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_button_that_is_pressed_twice_moves_the_clock_once() {
    let house = House::new(development()).await;
    let browser = Browser::default();
    let press = [("jump", "day"), ("jumps", "0"), ("back", "/dev/mailbox")];
    browser.post(&house, "/dev/clock", &press).await;
    let again = [("jump", "year"), ("jumps", "0"), ("back", "/dev/mailbox")];
    let again = browser.post(&house, "/dev/clock", &again).await;
    assert_eq!(again.header("location"), "/dev/mailbox");
    let page = browser.get(&house, "/dev/mailbox").await;
    assert!(page.text.contains("asked for Day") && !page.text.contains("asked for Year"));
    assert!(page.text.contains("The clock moved once") && page.text.contains("value=\"1\""));
    let next = [("jump", "year"), ("jumps", "1"), ("back", "/dev/mailbox")];
    browser.post(&house, "/dev/clock", &next).await;
    let page = browser.get(&house, "/dev/mailbox").await;
    assert!(page.text.contains("asked for Year") && !page.text.contains("The clock moved once"));
}

#[tokio::test]
async fn the_tools_lead_back_to_the_page_that_was_shown() {
    let house = House::new(development()).await;
    let browser = Browser::default();
    let switch = async |back: &str| {
        let fields = [("customer", "ben"), ("back", back)];
        browser.post(&house, "/dev/customers", &fields).await.header("location").to_owned()
    };
    for back in
        ["/billing/plans", "/billing/plans?every=365day", "/dev/mailbox", "/dev/mailbox/a%3A1"]
    {
        assert_eq!(switch(back).await, back);
    }
    for wrong in [
        "https://evil.com/billing/plans",
        "//evil.com",
        "/dev/mailbox/../../x",
        "/billing/plans/x",
        "",
    ] {
        assert_eq!(switch(wrong).await, "/billing/account", "{wrong}");
    }
    // What is not known of a query is left out.
    assert_eq!(switch("/billing/plans?every=1&x=//evil.com").await, "/billing/plans");
    let page = browser.get(&house, "/billing/plans?every=365day").await;
    assert!(
        page.text.contains("name=\"back\" value=\"/billing/plans?every=365day\""),
        "{}",
        page.text
    );
}

#[tokio::test]
async fn a_page_elsewhere_can_neither_drive_nor_read_the_tools() {
    let house = House::new(development()).await;
    let request = |host: &str, origin: &str, method: &str, path: &str| {
        let request = Request::builder().method(method).uri(path).header("host", host);
        let request = request.header("origin", origin);
        request
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from("jump=day&jumps=0&back="))
            .unwrap()
    };
    let local = "127.0.0.1:8080";
    for (host, origin) in
        [("evil.com", "http://evil.com"), (local, "https://evil.com"), (local, "null")]
    {
        for (method, path) in [("POST", "/dev/clock"), ("GET", "/dev/mailbox")] {
            let answer = house.send(request(host, origin, method, path)).await;
            assert_eq!(answer.problem().0, 403, "{host} {origin} {method} {path}");
        }
    }
    let ours = house.send(request(local, "http://127.0.0.1:8080", "POST", "/dev/clock")).await;
    assert_eq!(ours.status, StatusCode::SEE_OTHER);
}
