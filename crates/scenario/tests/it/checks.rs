//! The checks find what they are there for.

use http::Method;
use specie_scenario::checks::{self, Broken};
use specie_scenario::{Card, Person, Stage};
use specie_store::raw;

use crate::set::{stage, text};

#[track_caller]
fn assert_says(found: Result<(), Broken>, what: &str) {
    let said = found.expect_err(what).to_string();
    assert!(said.contains(what), "`{what}` is not in {said}");
}

async fn spoil(stage: &Stage, sql: &'static str) {
    let mut tx = stage.app.db.begin().await.unwrap();
    raw(&mut tx, sql).await.unwrap();
    tx.commit().await.unwrap();
}

async fn subscribed(stage: &Stage) {
    let ada = Person::new(stage, "ada", "Ada");
    ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
    stage.conductor.settle().await.unwrap();
    stage.conductor.watermark().await.unwrap();
    checks::always(&stage.sides()).await.unwrap();
    checks::at_rest(&stage.sides()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_session_of_a_group_that_can_be_paid_is_found() {
    let (stage, _folder) = stage().await;
    let ada = Person::new(&stage, "ada", "Ada");
    ada.checkout("pro", "monthly").await.unwrap();
    checks::at_stripe(&stage.sandbox).unwrap();
    let (customers, prices) = (stage.sandbox.list("customer"), stage.sandbox.list("price"));
    // Of another price: the group is what counts.
    let annual = prices.iter().find(|it| text(&it["lookup_key"]).contains(".annual.")).unwrap();
    let form = format!(
        "mode=subscription&customer={}&line_items[0][price]={}&line_items[0][quantity]=1\
         &success_url=https://example.com&metadata[specie_intent]=another",
        text(&customers[0]["id"]),
        text(&annual["id"]),
    );
    ada.api(Method::POST, "/v1/checkout/sessions", &form).await.unwrap();
    assert_says(checks::at_stripe(&stage.sandbox), "two sessions of a customer can be paid");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_says_something_else_than_stripe_and_the_trail_is_found() {
    let (stage, _folder) = stage().await;
    subscribed(&stage).await;
    spoil(&stage, "update held_subscriptions set more = replace(more, 'monthly', 'annual')").await;
    assert_says(checks::at_rest(&stage.sides()).await, "plan of sub_");
    assert_says(checks::always(&stage.sides()).await, "the trail of ada");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_beside_the_trail_is_found() {
    let (stage, _folder) = stage().await;
    subscribed(&stage).await;
    spoil(&stage, "update intents set what = replace(what, 'monthly', 'ada@example.com')").await;
    assert_says(checks::at_rest(&stage.sides()).await, "an intent of ada names somebody");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_came_of_no_effect_is_found() {
    let (stage, _folder) = stage().await;
    subscribed(&stage).await;
    spoil(&stage, "delete from outbox where key in (select key from mails)").await;
    assert_says(checks::always(&stage.sides()).await, "a mail of no effect");
}
