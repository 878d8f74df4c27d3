//! The checks find what they are there for.

use http::Method;
use serde_json::{Value, json};
use specie_billing::catalog::StaleAccess;
use specie_scenario::checks::{self, Broken, Closed, Sides};
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
    checks::at_stripe(&stage.sandbox, &Closed::default()).unwrap();
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
    assert_says(
        checks::at_stripe(&stage.sandbox, &Closed::default()),
        "two sessions of a customer can be paid",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_or_an_endpoint_that_is_at_stripe_twice_is_found() {
    let (stage, _folder) = stage().await;
    let ada = Person::new(&stage, "ada", "Ada");
    let at_stripe = || checks::at_stripe(&stage.sandbox, &Closed::default());
    at_stripe().unwrap();
    let plan = "name=Again&metadata[specie_plan]=pro";
    let made = ada.api(Method::POST, "/v1/products", plan).await.unwrap();
    assert_says(at_stripe(), "a plan is at Stripe twice");
    let path = format!("/v1/products/{}", text(&made["id"]));
    ada.api(Method::DELETE, &path, "").await.unwrap();
    at_stripe().unwrap();
    let address =
        text(&stage.sandbox.list("webhook_endpoint")[0]["url"]).replace("://", "%3A%2F%2F");
    let endpoint = format!("url={address}&enabled_events[0]=*");
    ada.api(Method::POST, "/v1/webhook_endpoints", &endpoint).await.unwrap();
    assert_says(at_stripe(), "two webhook endpoints lead to one address");
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
    assert_says(checks::always(&stage.sides()).await, "an intent of ada names somebody");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_of_the_trail_whose_cause_is_not_there_is_found() {
    let (stage, _folder) = stage().await;
    subscribed(&stage).await;
    let path = format!("/v1/subscriptions/{}", text(&stage.sandbox.list("subscription")[0]["id"]));
    let ada = Person::new(&stage, "ada", "Ada");
    ada.api(Method::POST, &path, "cancel_at_period_end=true").await.unwrap();
    stage.conductor.settle().await.unwrap();
    checks::always(&stage.sides()).await.unwrap();
    spoil(&stage, "delete from inbox").await;
    assert_says(checks::always(&stage.sides()).await, "of ada has not one cause");
}

#[tokio::test(flavor = "multi_thread")]
async fn grace_that_is_not_what_the_invoices_and_the_policies_say_is_found() {
    let (stage, _folder) = stage().await;
    subscribed(&stage).await;
    Person::new(&stage, "ada", "Ada").bank_blocks_card().await.unwrap();
    let later = stage.sandbox.now() + 32 * 86_400;
    stage.conductor.advance_to(later).await.unwrap();
    checks::always(&stage.sides()).await.unwrap();
    let spoiled = "update stripe_invoices set finalized_at = '2026-02-03T00:00:00.000000Z' \
                   where status = 'open'";
    spoil(&stage, spoiled).await;
    assert_says(checks::always(&stage.sides()).await, "grace_until of sub_");
}

/// Whether the checks let pass that Ada is shown her view with some fields changed.
async fn shows(sides: &Sides<'_>, view: &Value, changes: Value) -> Result<(), Broken> {
    let mut view = view.clone();
    for (name, value) in changes.as_object().unwrap() {
        view[name] = value.clone();
    }
    checks::shown(sides, "ada", &view).await
}

#[tokio::test(flavor = "multi_thread")]
async fn access_for_whoever_holds_nothing_is_found() {
    let (stage, _folder) = stage().await;
    let ada = Person::new(&stage, "ada", "Ada");
    let (sides, forged) = (stage.sides(), json!({ "group": "main", "access": true }));
    assert_says(checks::shown(&sides, "ada", &forged).await, "ada is nobody");
    ada.checkout("pro", "monthly").await.unwrap();
    let view = ada.subscription().await.unwrap();
    checks::shown(&sides, "ada", &view).await.unwrap();
    for changes in
        [json!({ "access": true }), json!({ "status": "active" }), json!({ "version": 0 })]
    {
        assert_says(shows(&sides, &view, changes).await, "ada is shown");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_that_says_something_else_than_what_is_held_is_found() {
    let (stage, _folder) = stage().await;
    subscribed(&stage).await;
    let ada = Person::new(&stage, "ada", "Ada");
    let view = ada.subscription().await.unwrap();
    let sides = stage.sides();
    checks::shown(&sides, "ada", &view).await.unwrap();
    for changes in [
        json!({ "access": false }),
        json!({ "access_until": "2027-01-01T00:00:00Z" }),
        json!({ "status": "past_due" }),
        json!({ "subscription": null }),
        json!({ "cancel_at_period_end": true }),
    ] {
        assert_says(shows(&sides, &view, changes).await, "ada is shown");
    }
    // What may be old gives access, or does not, as the policies say.
    shows(&sides, &view, json!({ "stale": true })).await.unwrap();
    let mut policies = stage.app.catalog.policies.clone();
    policies.access_when_stale = StaleAccess::Deny;
    let sides = Sides { policies: &policies, ..sides };
    assert_says(shows(&sides, &view, json!({ "stale": true })).await, "ada is shown");
    shows(&sides, &view, json!({ "stale": true, "access": false })).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_came_of_no_effect_is_found() {
    let (stage, _folder) = stage().await;
    subscribed(&stage).await;
    spoil(&stage, "delete from outbox where key in (select key from mails)").await;
    assert_says(checks::always(&stage.sides()).await, "a mail of no effect");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_whose_effect_is_not_carried_out_or_asked_for_another_is_found() {
    let (stage, _folder) = stage().await;
    subscribed(&stage).await;
    spoil(&stage, "update outbox set done = false where key in (select key from mails)").await;
    assert_says(checks::always(&stage.sides()).await, "a mail of the kind receipt came of");
    spoil(&stage, "update outbox set done = true").await;
    checks::always(&stage.sides()).await.unwrap();
    spoil(&stage, "update mails set kind = 'canceled'").await;
    assert_says(checks::always(&stage.sides()).await, "a mail of the kind canceled came of");
}

/// Each column of what is held, and an update that lets it say something else.
const SPOILED: [(&str, &str); 15] = [
    ("plan_group", "update held_subscriptions set plan_group = 'another'"),
    ("plan", "update held_subscriptions set plan = 'another'"),
    ("price", "update held_subscriptions set price = 'annual'"),
    ("status", "update held_subscriptions set status = 'unpaid'"),
    ("access", "update held_subscriptions set access = 'none'"),
    ("access_until", "update held_subscriptions set access_until = '2027-01-01T00:00:00.000000Z'"),
    ("grace_until", "update held_subscriptions set grace_until = '2027-01-01T00:00:00.000000Z'"),
    ("period_start", "update held_subscriptions set period_start = '2020-01-01T00:00:00.000000Z'"),
    ("period_end", "update held_subscriptions set period_end = '2027-01-01T00:00:00.000000Z'"),
    ("cancel_at_period_end", "update held_subscriptions set cancel_at_period_end = true"),
    ("cancel_at", "update held_subscriptions set cancel_at = '2027-01-01T00:00:00.000000Z'"),
    ("canceled_at", "update held_subscriptions set canceled_at = '2027-01-01T00:00:00.000000Z'"),
    ("ended_at", "update held_subscriptions set ended_at = '2027-01-01T00:00:00.000000Z'"),
    ("created", "update held_subscriptions set created = '2020-01-01T00:00:00.000000Z'"),
    ("latest_invoice", "update held_subscriptions set latest_invoice = 'in_another'"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_column_of_what_is_held_that_says_something_else_is_found() {
    let (stage, _folder) = stage().await;
    subscribed(&stage).await;
    spoil(&stage, "create table kept as select * from held_subscriptions").await;
    for (column, sql) in SPOILED {
        spoil(&stage, sql).await;
        let what = format!("{column} of sub_");
        assert_says(checks::always(&stage.sides()).await, &what);
        spoil(&stage, "delete from held_subscriptions").await;
        spoil(&stage, "insert into held_subscriptions select * from kept").await;
    }
    checks::always(&stage.sides()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_that_says_something_else_than_what_is_held_is_found() {
    let (stage, _folder) = stage().await;
    subscribed(&stage).await;
    spoil(&stage, "update stripe_subscriptions set status = 'unpaid'").await;
    assert_says(checks::always(&stage.sides()).await, r#""active" here, "unpaid" in its mirror"#);
    spoil(&stage, "delete from stripe_subscriptions").await;
    assert_says(checks::always(&stage.sides()).await, "is held, and has no mirror");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_is_not_what_the_trail_told_last_is_found() {
    let (stage, _folder) = stage().await;
    subscribed(&stage).await;
    spoil(&stage, "update slots set state = 'empty', subscription = null").await;
    assert_says(checks::always(&stage.sides()).await, "the trail of ada: the slot");
    spoil(&stage, "delete from slots").await;
    assert_says(checks::always(&stage.sides()).await, "the trail of ada: the slot");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_the_trail_tells_of_and_nobody_holds_is_found() {
    let (stage, _folder) = stage().await;
    subscribed(&stage).await;
    spoil(&stage, "delete from held_subscriptions").await;
    assert_says(checks::always(&stage.sides()).await, "was told of, and is not held");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_stripe_says_of_who_was_deleted_is_found() {
    let (stage, _folder) = stage().await;
    subscribed(&stage).await;
    let ada = Person::new(&stage, "ada", "Ada");
    let path = format!("/v1/customers/{}", text(&stage.sandbox.list("customer")[0]["id"]));
    ada.api(Method::DELETE, &path, "").await.unwrap();
    stage.conductor.settle().await.unwrap();
    stage.conductor.watermark().await.unwrap();
    checks::at_rest(&stage.sides()).await.unwrap();
    spoil(&stage, "update stripe_customers set raw = json_set(raw, '$.balance', 7)").await;
    assert_says(checks::at_rest(&stage.sides()).await, "is deleted, and kept is");
    spoil(&stage, "update stripe_customers set raw = json_set(raw, '$.email', 'ada@example.com')")
        .await;
    assert_says(checks::at_rest(&stage.sides()).await, "what is kept names somebody");
    spoil(&stage, "delete from stripe_customers").await;
    assert_says(checks::at_rest(&stage.sides()).await, "is ours, and has no row");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_stuck_is_found_but_for_one_that_a_person_has_to_decide_about() {
    let (stage, _folder) = stage().await;
    subscribed(&stage).await;
    spoil(
        &stage,
        r#"update intents set state = 'stuck', finished_at = null, result = '{"why":"lost"}'"#,
    )
    .await;
    assert_says(checks::always(&stage.sides()).await, "an intent is stuck");
    spoil(
        &stage,
        r#"update intents set result =
            '{"why":"the idempotency key was used before with another request"}'"#,
    )
    .await;
    checks::always(&stage.sides()).await.unwrap();
    assert_says(checks::at_rest(&stage.sides()).await, "1 changes are stuck, 0 events are parked");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_still_parked_is_found() {
    let (stage, _folder) = stage().await;
    subscribed(&stage).await;
    spoil(
        &stage,
        "update inbox set state = 'parked', handled_at = null \
         where id = (select min(id) from inbox where state = 'handled')",
    )
    .await;
    assert_says(checks::at_rest(&stage.sides()).await, "0 changes are stuck, 1 events are parked");
}
