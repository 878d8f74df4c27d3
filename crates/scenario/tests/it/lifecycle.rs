//! One customer's subscription, from the first payment to the end.

use serde_json::Value;
use specie_scenario::{Card, Person, agree};
use specie_store::mails;

use crate::set::both;

const DAY: i64 = 86_400;

fn fields<'a>(view: &'a Value, names: &[&str]) -> Vec<&'a Value> {
    names.iter().map(|name| &view[*name]).collect()
}

both! {
    async fn a_customer_subscribes_and_sees_it_at_once(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada Lovelace");
        assert_eq!(ada.subscription().await.unwrap()["status"], "none");

        let view = ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        assert_eq!(
            fields(&view, &["status", "access", "plan", "price"]),
            [&Value::from("active"), &true.into(), &"pro".into(), &"monthly".into(),]
        );
        assert_eq!(view["current_period_end"], "2026-01-31T09:00:00Z");
        assert_eq!(view["card"]["last4"], "4242");

        stage.conductor.settle().await.unwrap();
        let found = agree::compare(&stage.app.db, &stage.stripe).await.unwrap();
        assert_eq!(found.differing, [] as [String; 0]);
        assert!(found.of > 50, "{}", found.of);
    }

    async fn a_renewal_is_charged_an_hour_into_its_period(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada Lovelace");
        ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        let start = stage.sandbox.now();

        stage.conductor.advance_to(start + 30 * DAY).await.unwrap();
        assert_eq!(ada.payments().await.unwrap()["data"].as_array().unwrap().len(), 1);
        stage.conductor.advance_to(start + 30 * DAY + 3_601).await.unwrap();
        let payments = ada.payments().await.unwrap();
        assert_eq!(payments["data"].as_array().unwrap().len(), 2);
        assert_eq!(payments["data"][0]["amount"], 2900);
        assert_eq!(payments["data"][0]["status"], "succeeded");
    }

    async fn a_declined_renewal_keeps_access_and_a_new_card_recovers_it(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada Lovelace");
        ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        let start = stage.sandbox.now();
        ada.bank_blocks_card().await.unwrap();

        stage.conductor.advance_to(start + 31 * DAY).await.unwrap();
        let view = ada.subscription().await.unwrap();
        assert_eq!(view["status"], "past_due");
        assert_eq!(view["access"], true);
        assert!(view["grace_until"].is_string());
        assert!(view["next_payment_attempt"].is_string());

        ada.replace_card(Card::OTHER).await.unwrap();
        stage.conductor.settle().await.unwrap();
        let view = ada.subscription().await.unwrap();
        assert_eq!(view["status"], "active");
        assert_eq!(view["card"]["last4"], "4444");

        let mut tx = stage.app.db.read().await.unwrap();
        let mut kinds: Vec<_> =
            mails::list(&mut tx, 100).await.unwrap().into_iter().map(|mail| mail.kind).collect();
        kinds.sort();
        assert_eq!(kinds, ["payment_failed", "receipt", "receipt", "recovered"]);
    }

    async fn a_canceled_subscription_is_active_until_that_second(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada Lovelace");
        ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        let start = stage.sandbox.now();

        assert_eq!(ada.cancel().await.unwrap()["cancel_at_period_end"], true);
        assert_eq!(ada.cancel().await.unwrap()["cancel_at_period_end"], true);
        assert_eq!(ada.resume().await.unwrap()["cancel_at_period_end"], false);
        assert_eq!(ada.cancel().await.unwrap()["cancel_at_period_end"], true);

        stage.conductor.advance_to(start + 30 * DAY - 1).await.unwrap();
        let view = ada.subscription().await.unwrap();
        assert_eq!((&view["status"], &view["access"]), (&"active".into(), &true.into()));
        stage.conductor.advance_to(start + 30 * DAY).await.unwrap();
        let view = ada.subscription().await.unwrap();
        assert_eq!((&view["status"], &view["access"]), (&"canceled".into(), &false.into()));
        assert_eq!(ada.payments().await.unwrap()["data"].as_array().unwrap().len(), 1);

        let again = ada.subscribe("pro", "annual", Card::GOOD).await.unwrap();
        assert_eq!(again["status"], "active");
        assert_eq!(again["price"], "annual");
    }

    async fn a_checkout_that_expires_frees_the_slot(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada Lovelace");
        let first = ada.checkout("pro", "monthly").await.unwrap();
        let same = ada.checkout("pro", "monthly").await.unwrap();
        assert_eq!(first, same);
        let other = ada.checkout("pro", "annual").await.unwrap();
        assert_ne!(first["id"], other["id"]);

        let start = stage.sandbox.now();
        stage.conductor.advance_to(start + DAY).await.unwrap();
        let view = ada.subscription().await.unwrap();
        assert_eq!((&view["status"], &view["open_checkout"]), (&"none".into(), &Value::Null));
        assert_eq!(ada.subscribe("pro", "annual", Card::GOOD).await.unwrap()["status"], "active");
    }
}
