//! Events of every generation of Stripe's API, and of types that nobody has heard of.

use serde_json::{Value, json};
use specie_scenario::{Card, Person, Stage, agree};
use specie_store::inbox::{self, InboxState};
use specie_stripe::API_VERSION;

use crate::set::{both, deliver, text};

fn event(stage: &Stage, id: &str, version: &str, kind: &str, object: Value) -> Value {
    json!({
        "id": id, "object": "event", "api_version": version, "created": stage.sandbox.now(),
        "data": { "object": object }, "livemode": false, "pending_webhooks": 1,
        "request": { "id": null, "idempotency_key": null }, "type": kind,
    })
}

fn only(stage: &Stage, kind: &str) -> Value {
    stage.sandbox.list(kind).remove(0)
}

fn take(object: &mut Value, fields: &[&str]) {
    let map = object.as_object_mut().unwrap();
    fields.iter().for_each(|field| drop(map.remove(*field)));
}

/// A subscription as `version` writes it.
fn subscription(stage: &Stage, version: &str) -> Value {
    let mut it = only(stage, "subscription");
    if version == API_VERSION {
        return it;
    }
    take(&mut it, &["billing_mode"]);
    if version < "2025-03-31" {
        let item = it["items"]["data"][0].clone();
        for field in ["current_period_start", "current_period_end"] {
            it[field] = item[field].clone();
        }
        take(&mut it["items"]["data"][0], &["current_period_start", "current_period_end"]);
        it["plan"] = item["plan"].clone();
        it["quantity"] = 1.into();
        it["discount"] = Value::Null;
        take(&mut it, &["discounts"]);
    }
    if version < "2022-08-01" {
        take(&mut it, &["currency", "cancellation_details"]);
    }
    it
}

/// An invoice as `version` writes it.
fn invoice(stage: &Stage, version: &str) -> Value {
    let mut it = only(stage, "invoice");
    if version < "2025-03-31" {
        it["subscription"] = it["parent"]["subscription_details"]["subscription"].clone();
        it["payment_intent"] = only(stage, "payment_intent")["id"].clone();
        it["charge"] = only(stage, "charge")["id"].clone();
        it["paid"] = true.into();
        take(&mut it, &["parent", "payments"]);
        for line in it["lines"]["data"].as_array_mut().unwrap() {
            line["price"] = line["pricing"]["price_details"]["price"].clone();
            line["type"] = "subscription".into();
            take(line, &["pricing", "parent"]);
        }
    }
    it
}

/// A payment intent as `version` writes it.
fn payment(stage: &Stage, version: &str) -> Value {
    let mut it = only(stage, "payment_intent");
    if version < "2022-11-15" {
        let charge = only(stage, "charge");
        it["charges"] = json!({ "object": "list", "data": [charge], "has_more": false });
        take(&mut it, &["latest_charge"]);
    }
    if version < "2025-03-31" {
        it["invoice"] = only(stage, "invoice")["id"].clone();
    }
    it
}

async fn head(stage: &Stage, id: &str) -> inbox::EventHead {
    let mut tx = stage.app.db.read().await.unwrap();
    inbox::head(&mut tx, id).await.unwrap().unwrap()
}

/// What is told in the words of `version` reaches its customer, and an end is believed.
async fn is_believed(stage: &Stage, version: &str) {
    let ada = Person::new(stage, "ada", "Ada");
    ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
    stage.conductor.settle().await.unwrap();
    let told = [
        ("invoice.paid", invoice(stage, version)),
        ("payment_intent.succeeded", payment(stage, version)),
        ("charge.succeeded", only(stage, "charge")),
        ("checkout.session.completed", only(stage, "checkout.session")),
        ("customer.subscription.updated", subscription(stage, version)),
        ("customer.updated", only(stage, "customer")),
        ("customer.updated", json!({ "id": only(stage, "customer")["id"], "object": "customer" })),
    ];
    for (n, (kind, object)) in told.into_iter().enumerate() {
        deliver(stage, &event(stage, &format!("evt_{n}"), version, kind, object)).await;
    }
    stage.conductor.settle().await.unwrap();
    let customer = only(stage, "customer");
    for n in 0..7 {
        let head = head(stage, &format!("evt_{n}")).await;
        assert_eq!(head.state, InboxState::Handled, "{version}: {head:?}");
        assert_eq!(head.customer.as_deref(), customer["id"].as_str(), "{version}: {head:?}");
    }
    assert_eq!(ada.subscription().await.unwrap()["status"], "active", "{version}");
    let found = agree::compare(&stage.app.db, &stage.stripe).await.unwrap();
    assert_eq!(found.differing, [] as [String; 0], "{version}");

    // What Stripe's reads do not show yet: it is over.
    let mut over = subscription(stage, version);
    over["status"] = "canceled".into();
    over["ended_at"] = stage.sandbox.now().into();
    over["canceled_at"] = stage.sandbox.now().into();
    let kind = "customer.subscription.deleted";
    deliver(stage, &event(stage, "evt_end", version, kind, over)).await;
    stage.conductor.settle().await.unwrap();
    assert_eq!(head(stage, "evt_end").await.state, InboxState::Handled, "{version}");
    let view = ada.subscription().await.unwrap();
    assert_eq!((&view["status"], &view["access"]), (&"canceled".into(), &false.into()));
}

both! {
    // One of each shape that Stripe has had since 2020.
    async fn events_of_2020_reach_their_customer_and_their_ends_are_believed(stage: &Stage) {
        is_believed(stage, "2020-08-27").await;
    }

    async fn events_of_2022_reach_their_customer_and_their_ends_are_believed(stage: &Stage) {
        is_believed(stage, "2022-11-15").await;
    }

    async fn events_of_2023_reach_their_customer_and_their_ends_are_believed(stage: &Stage) {
        is_believed(stage, "2023-10-16").await;
    }

    async fn events_of_basil_reach_their_customer_and_their_ends_are_believed(stage: &Stage) {
        is_believed(stage, "2025-03-31.basil").await;
    }

    async fn events_of_today_reach_their_customer_and_their_ends_are_believed(stage: &Stage) {
        is_believed(stage, API_VERSION).await;
    }

    async fn events_of_unknown_types_are_stored_acknowledged_and_change_nothing(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        stage.conductor.settle().await.unwrap();
        let before = ada.subscription().await.unwrap();
        let customer = only(stage, "customer")["id"].clone();
        let hologram = json!({ "id": "holo_1", "object": "hologram", "customer": customer });
        let lonely = json!({ "id": "holo_2", "object": "hologram", "customer": null });
        let nameless = json!({ "object": "hologram" });
        let schedule =
            json!({ "id": "sub_sched_1", "object": "subscription_schedule", "customer": customer });
        let told = [
            ("evt_of_ours", "hologram.projected", hologram, InboxState::Handled),
            ("evt_of_nobody", "hologram.projected", lonely, InboxState::Handled),
            ("evt_without_id", "hologram.lost", nameless, InboxState::Unclaimed),
            ("evt_schedule", "subscription_schedule.created", schedule, InboxState::Handled),
        ];
        for (id, kind, object, _) in &told {
            deliver(stage, &event(stage, id, "2031-01-01.zinnia", kind, object.clone())).await;
        }
        stage.conductor.settle().await.unwrap();
        for (id, kind, _, expected) in told {
            let head = head(stage, id).await;
            assert_eq!((head.kind.as_str(), head.state), (kind, expected), "{id}");
        }
        let mut after = ada.subscription().await.unwrap();
        after["as_of"] = before["as_of"].clone();
        assert_eq!(text(&after["status"]), "active");
        assert_eq!(after, before);
    }
}
