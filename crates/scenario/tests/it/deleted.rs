//! A customer who is deleted at Stripe while a page waits to be paid by them, and buys again.

use std::sync::atomic::Ordering;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use specie_scenario::{Card, Person, Stage};
use specie_store::{audit, customers};

use crate::away::refusing_to_expire;
use crate::gone::customer;
use crate::late::{instead, json_of};
use crate::losses::{Mortal, When, assert_agreed, at_each_change, survives};
use crate::set::{On, beside, both, deliver, having, lose_all, text};
use crate::two_groups::{asks, assert_one_customer, seller};

/// Somebody deletes Ada in the dashboard.
async fn delete(stage: &Stage) {
    let path = format!("/v1/customers/{}", customer(stage).await);
    Person::new(stage, "ada", "Ada").api(Method::DELETE, &path, "").await.unwrap();
}

/// Ada began a checkout, was deleted, and we have heard of it. Answers her session.
async fn deleted_with_a_page_open(stage: &Stage) -> String {
    let ada = Person::new(stage, "ada", "Ada");
    let page = ada.checkout("pro", "monthly").await.unwrap();
    stage.conductor.settle().await.unwrap();
    assert_eq!(ada.subscription().await.unwrap()["open_checkout"]["id"], page["id"]);
    delete(stage).await;
    stage.conductor.settle().await.unwrap();
    text(&page["id"]).to_owned()
}

fn status_of(stage: &Stage, session: &str) -> Value {
    stage.sandbox.object(session).unwrap()["status"].clone()
}

/// The page can be paid, by one customer, and the session before it cannot: it was expired once.
async fn assert_is_bought(stage: &Stage, page: &Value, dead: &str) {
    assert_eq!(status_of(stage, dead), "expired");
    let events = stage.sandbox.list("event");
    let expired = events.iter().filter(|it| it["type"] == "checkout.session.expired");
    assert_eq!(expired.count(), 1);

    let ada = Person::new(stage, "ada", "Ada");
    ada.pay(text(&page["url"]), Card::GOOD).await.unwrap();
    stage.conductor.settle().await.unwrap();
    assert_eq!(ada.subscription().await.unwrap()["status"], "active");
    assert_eq!(having(stage, "subscription", "active").len(), 1);
    assert_eq!(having(stage, "charge", "succeeded").len(), 1);
    assert_eq!(stage.sandbox.list("checkout.session").len(), 2);
    assert_eq!(stage.sandbox.list("customer").len(), 1);
    assert_agreed(stage).await;
}

/// What was begun and ended in Ada's name because she was deleted, and by whom.
async fn trail_of_expiry(stage: &Stage) -> Vec<(String, String)> {
    let mut tx = stage.app.db.read().await.unwrap();
    let ada = customers::find(&mut tx, "app", "ada").await.unwrap().unwrap();
    let entries = audit::list(&mut tx, ada.id).await.unwrap();
    let of_it = entries.into_iter().filter(|it| it.what.starts_with("expiry."));
    of_it.map(|it| (it.what, it.who)).collect()
}

both! {
    async fn who_was_deleted_with_a_page_open_gets_one_that_can_be_paid(stage: &Stage) {
        let dead = deleted_with_a_page_open(stage).await;
        let ada = Person::new(stage, "ada", "Ada");
        assert_eq!(ada.subscription().await.unwrap()["open_checkout"], Value::Null);
        assert_eq!(status_of(stage, &dead), "open", "nobody has asked for another");

        let page = ada.checkout("pro", "monthly").await.unwrap();
        assert_eq!(ada.checkout("pro", "monthly").await.unwrap(), page);
        assert_is_bought(stage, &page, &dead).await;
        let told = trail_of_expiry(stage).await;
        let told: Vec<_> = told.iter().map(|(what, who)| (what.as_str(), who.as_str())).collect();
        assert_eq!(told, [("expiry.begun", "specie"), ("expiry.done", "specie")]);
    }

    async fn who_was_deleted_with_a_page_open_may_choose_another_price(stage: &Stage) {
        let dead = deleted_with_a_page_open(stage).await;
        let page = Person::new(stage, "ada", "Ada").checkout("pro", "annual").await.unwrap();
        assert_is_bought(stage, &page, &dead).await;
    }

    async fn who_was_deleted_with_a_page_open_buys_in_another_group(stage: &Stage) {
        let process = seller(stage, stage.stripe.transport.clone()).await;
        let (_, dead) = asks(stage, &process, "pro").await;
        process.conductor.settle().await.unwrap();
        delete(stage).await;
        process.conductor.settle().await.unwrap();

        let (status, page) = asks(stage, &process, "space").await;
        assert_eq!(status, 201, "{page}");
        assert_eq!(status_of(stage, text(&dead["id"])), "expired");
        assert_one_customer(stage, &process).await;
        assert_agreed(stage).await;
    }

    async fn who_was_not_deleted_keeps_the_page_that_waits_for_them(stage: &Stage) {
        let process = seller(stage, stage.stripe.transport.clone()).await;
        let ben = Person::new(stage, "ben", "Ben").at(&process.service);
        let page = ben.checkout("pro", "monthly").await.unwrap();
        asks(stage, &process, "pro").await;
        process.conductor.settle().await.unwrap();
        delete(stage).await;
        process.conductor.settle().await.unwrap();

        asks(stage, &process, "space").await;
        ben.checkout("space", "monthly").await.unwrap();
        process.conductor.settle().await.unwrap();
        assert_eq!(status_of(stage, text(&page["id"])), "open");
        assert_eq!(ben.checkout("pro", "monthly").await.unwrap(), page);
    }

    async fn what_is_expired_and_read_late_is_not_expired_again(stage: &Stage) {
        let dead = deleted_with_a_page_open(stage).await;
        let late = json_of(&stage.sandbox.object(&dead).unwrap());
        let path = format!("GET /v1/checkout/sessions/{dead}");
        let process = beside(stage, instead(stage, vec![(path, late)]));
        let page = Person::new(stage, "ada", "Ada").at(&process.service);
        let page = page.checkout("pro", "monthly").await.unwrap();
        assert_is_bought(stage, &page, &dead).await;
        assert_eq!(trail_of_expiry(stage).await.len(), 2);
    }

    // As long as somebody may be paying it, there is none beside it.
    async fn who_was_deleted_gets_no_other_page_before_theirs_is_expired(stage: &Stage) {
        let dead = deleted_with_a_page_open(stage).await;
        let (to_stripe, asked) = refusing_to_expire(stage);
        let process = beside(stage, to_stripe);
        let refused = Person::new(stage, "ada", "Ada").at(&process.service);
        let choice = json!({ "plan": "pro", "price": "monthly" });
        let reply = refused.call(Method::POST, "checkout", choice).await.unwrap();
        assert_eq!(reply.status, StatusCode::CONFLICT, "{}", reply.text());
        assert_eq!(reply.json().unwrap()["code"], "checkout_in_progress");
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        assert_eq!(status_of(stage, &dead), "open");
        assert_eq!(stage.sandbox.list("customer"), [] as [Value; 0]);

        stage.wall.advance_to(stage.app.wall.now().plus_seconds(11).timestamp());
        let page = Person::new(stage, "ada", "Ada").checkout("pro", "monthly").await.unwrap();
        assert_is_bought(stage, &page, &dead).await;
    }

    async fn a_page_that_was_paid_before_its_customer_was_deleted_stands_in_nobodys_way(stage: &Stage) {
        stage.conductor.watermark().await.unwrap();
        let ada = Person::new(stage, "ada", "Ada");
        let paid = ada.checkout("pro", "monthly").await.unwrap();
        stage.conductor.settle().await.unwrap();
        lose_all(stage, true);
        ada.pay(text(&paid["url"]), Card::GOOD).await.unwrap();
        delete(stage).await;
        let events = stage.sandbox.list("event");
        let heard = events.iter().find(|it| it["type"] == "customer.deleted").unwrap();
        deliver(stage, heard).await;
        stage.conductor.settle().await.unwrap();
        lose_all(stage, false);

        let page = ada.checkout("pro", "annual").await.unwrap();
        ada.pay(text(&page["url"]), Card::GOOD).await.unwrap();
        stage.conductor.settle().await.unwrap();
        stage.conductor.watermark().await.unwrap();
        let view = ada.subscription().await.unwrap();
        assert_eq!((&view["status"], &view["price"]), (&json!("active"), &json!("annual")));
        assert_eq!(having(stage, "subscription", "active").len(), 1);
        assert_eq!(having(stage, "subscription", "canceled").len(), 1);
        assert_eq!(stage.sandbox.list("customer").len(), 1);
        assert_eq!(stage.sandbox.list("refund"), [] as [Value; 0]);
        assert_agreed(stage).await;
    }
}

/// Buys again. Answers whether the process ended meanwhile.
async fn bought_again(stage: &Stage, nth: usize, when: When) -> bool {
    let dead = deleted_with_a_page_open(stage).await;
    let mut mortal = Mortal::of(stage, nth, when);
    let choice = json!({ "plan": "pro", "price": "monthly" });
    let page = mortal.call(Method::POST, "checkout", choice).await;
    assert_is_bought(stage, &page, &dead).await;
    mortal.died
}

// It expires the session, makes the customer, and opens another session.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_deleted_buys_again_once_though_the_process_ends_meanwhile() {
    survives(bought_again, 3).await;
    let told = at_each_change(On::Sqlite, bought_again, When::BeforeItArrives).await;
    assert_eq!(told, Some(3));
}
