//! Where Stripe's pages lead back to, and the portal's tasks.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use http::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};
use specie_scenario::{Card, Person, agree};
use specie_server::explain::explain;
use specie_store::rows;

use crate::browser::Browser;
use crate::set::{beside, both, text};
use crate::views::counting;

/// Where a checkout leads when it is paid.
fn back_from(checkout: &Value) -> String {
    format!("/billing/return?session={}", text(&checkout["id"]))
}

/// Uses up the changes that may come at once, all but `left`.
async fn use_up(person: &Person<'_>, left: usize) {
    for _ in left..300 {
        let reply = person.call(Method::POST, "checkout/cs_test_none/sync", Value::Null).await;
        assert_eq!(reply.unwrap().status, StatusCode::NOT_FOUND);
    }
}

both! {
    async fn whoever_paid_without_our_cookie_is_thanked_and_told_nothing_else(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada Lovelace");
        let checkout = ada.checkout("pro", "monthly").await.unwrap();
        stage.conductor.settle().await.unwrap();
        let back = format!("/billing/return?session={}", text(&checkout["id"]));
        let page = stage.service.get(&back, &[]).await.unwrap();
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.text().contains("Your payment is not complete yet"), "{}", page.text());
        assert!(!page.text().contains(text(&checkout["url"])), "it is another's to pay");

        ada.pay(text(&checkout["url"]), Card::GOOD).await.unwrap();
        let page = stage.service.get(&back, &[]).await.unwrap();
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.text().contains("Thank you, your payment went through"), "{}", page.text());
        for private in ["29.00", "Lovelace", "ada", "4242", "Pro"] {
            let (_, main) =
                page.text().split_once("<main").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
            assert!(!main.contains(private), "{private}: {main}");
        }
        let unknown =
            stage.service.get("/billing/return?session=cs_test_guessed", &[]).await.unwrap();
        assert_eq!(unknown.status, StatusCode::UNAUTHORIZED);
    }

    async fn a_session_that_is_over_is_told_of_without_asking_stripe(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        let expired = ada.checkout("pro", "annual").await.unwrap();
        let paid = ada.checkout("pro", "monthly").await.unwrap();
        ada.pay(text(&paid["url"]), Card::GOOD).await.unwrap();
        stage.conductor.settle().await.unwrap();
        let (to_stripe, calls) = counting(stage, false);
        let process = beside(stage, to_stripe);
        let open = async |checkout: &Value| {
            process.service.get(&back_from(checkout), &[]).await.unwrap()
        };
        for _ in 0..=300 {
            let page = open(&expired).await;
            assert_eq!(page.status, StatusCode::OK);
            assert!(page.text().contains("Your payment is not complete yet"), "{}", page.text());
        }
        let page = open(&paid).await.text();
        assert!(page.contains("Thank you, your payment went through"), "{page}");
        assert_eq!(calls.load(Ordering::SeqCst), 0);
    }

    async fn coming_back_counts_as_a_change_where_stripe_is_asked(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        let expired = back_from(&ada.checkout("pro", "annual").await.unwrap());
        let open = back_from(&ada.checkout("pro", "monthly").await.unwrap());
        stage.conductor.settle().await.unwrap();
        let cookie = Browser::of(stage, "ada").await.cookie;
        let process = beside(stage, stage.stripe.transport.clone());
        use_up(&ada.at(&process.service), 3).await;

        let nobody: &[(&str, &str)] = &[];
        let ada: &[(&str, &str)] = &[("cookie", cookie.as_str())];
        let portal = "/billing/account?from=portal";
        let asking = [(open.as_str(), nobody), (open.as_str(), ada), (portal, ada)];
        for (path, headers) in asking {
            let reply = process.service.get(path, headers).await.unwrap();
            assert!(reply.status.as_u16() < 400, "{path}: {}", reply.text());
        }
        for (path, headers) in asking {
            let refused = process.service.get(path, headers).await.unwrap();
            assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS, "{path}");
            assert_eq!(refused.headers["retry-after"], "1", "{path}");
            assert!(refused.text().contains("That was asked too often"), "{}", refused.text());
        }
        let known = [(expired.as_str(), nobody), (expired.as_str(), ada), ("/billing/account", ada)];
        for (path, headers) in known {
            let reply = process.service.get(path, headers).await.unwrap();
            assert_eq!(reply.status, StatusCode::OK, "{path}: {}", reply.text());
        }
        stage.conductor.settle().await.unwrap();
    }

    async fn the_portal_leads_straight_to_the_end_of_the_subscription(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        let open = || ada.call(Method::POST, "portal", json!({ "task": "cancel" }));
        assert_eq!(open().await.unwrap().json().unwrap()["code"], "no_stripe_customer");
        ada.checkout("pro", "monthly").await.unwrap();
        assert_eq!(open().await.unwrap().json().unwrap()["code"], "not_subscribed");
        ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        let reply = open().await.unwrap();
        assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text());
        let url = reply.json().unwrap();
        let page = stage.stripe.get(text(&url["url"]), &[]).await.unwrap();
        let page = stage.stripe.get(page.location().unwrap(), &[]).await.unwrap();
        assert!(page.text().contains("Cancel Pro?"), "{}", page.text());
    }

    async fn whoever_was_deleted_at_stripe_may_buy_again(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        stage.conductor.settle().await.unwrap();
        let old = stage.sandbox.list("customer").remove(0);
        let path = format!("/v1/customers/{}", text(&old["id"]));
        ada.api(Method::DELETE, &path, "").await.unwrap();
        stage.conductor.settle().await.unwrap();
        assert_eq!(ada.subscription().await.unwrap()["status"], "canceled");

        ada.subscribe("pro", "annual", Card::GOOD).await.unwrap();
        stage.conductor.settle().await.unwrap();
        stage.conductor.watermark().await.unwrap();
        let view = ada.subscription().await.unwrap();
        assert_eq!((&view["status"], &view["price"]), (&json!("active"), &json!("annual")));
        assert_eq!(ada.payments().await.unwrap()["data"].as_array().unwrap().len(), 2);
        let found = agree::compare(&stage.app.db, &stage.stripe).await.unwrap();
        assert_eq!(found.differing, [] as [String; 0]);

        let of_table = |table| rows::of_table(&stage.app.db, table);
        let customers = of_table("stripe_customers").await.unwrap();
        let gone = customers.iter().find(|row| row["id"] == old["id"]).unwrap();
        assert_eq!((&gone["email"], &gone["name"]), (&Value::Null, &Value::Null));
        let made = Timestamp::from_second(old["created"].as_i64().unwrap()).unwrap();
        assert!(
            text(&gone["created"]).starts_with(&made.strftime("%FT%T").to_string()),
            "{gone:?}"
        );
        let cards = of_table("stripe_payment_methods").await.unwrap();
        assert!(cards.iter().all(|row| row["customer"] != old["id"]), "{cards:?}");
    }

    async fn what_was_paid_before_a_deletion_is_told_on(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        stage.conductor.settle().await.unwrap();
        let old = stage.sandbox.list("customer").remove(0);
        let paid = stage.sandbox.list("payment_intent").remove(0);
        let path = format!("/v1/customers/{}", text(&old["id"]));
        ada.api(Method::DELETE, &path, "").await.unwrap();
        stage.conductor.settle().await.unwrap();
        ada.subscribe("pro", "annual", Card::GOOD).await.unwrap();
        stage.conductor.settle().await.unwrap();

        let form = format!("payment_intent={}", text(&paid["id"]));
        ada.api(Method::POST, "/v1/refunds", &form).await.unwrap();
        stage.conductor.settle().await.unwrap();
        let all = ada.payments().await.unwrap();
        let all = all["data"].as_array().unwrap().iter();
        let all: BTreeMap<_, _> = all.map(|it| (text(&it["id"]), text(&it["status"]))).collect();
        assert_eq!((all.len(), all[text(&paid["id"])]), (2, "refunded"));
        assert!(all.values().any(|status| *status == "succeeded"), "{all:?}");
        let view = ada.subscription().await.unwrap();
        assert_eq!((&view["status"], &view["price"]), (&json!("active"), &json!("annual")));
        let found = agree::compare(&stage.app.db, &stage.stripe).await.unwrap();
        assert_eq!(found.differing, [] as [String; 0]);

        for asked in ["ada", text(&old["id"]), text(&paid["id"])] {
            let told = explain(&stage.app.db, asked).await.unwrap();
            assert_eq!(told.customer.unwrap().app_id, "ada");
            assert!(told.story.iter().any(|it| it.what == "charge.refunded"), "{asked}");
        }
    }
}
