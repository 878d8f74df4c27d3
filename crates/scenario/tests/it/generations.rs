//! Events of every generation of Stripe's API, and of types that nobody has heard of.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request, Response};
use serde_json::{Value, json};
use specie_scenario::{Card, Person, Stage, agree};
use specie_server::{App, quiet};
use specie_store::inbox::{self, InboxState};
use specie_store::rows;
use specie_stripe::{API_VERSION, Transport};
use tower::ServiceExt;

use crate::set::{beside, both, deliver, text, way};

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

/// A customer's object.
fn theirs(stage: &Stage, kind: &str, customer: &Value) -> Value {
    let all = stage.sandbox.list(kind);
    all.into_iter().find(|it| it["customer"] == *customer).unwrap()
}

fn take(object: &mut Value, fields: &[&str]) {
    let map = object.as_object_mut().unwrap();
    fields.iter().for_each(|field| drop(map.remove(*field)));
}

/// An object as `version` writes it.
fn written(stage: &Stage, version: &str, it: Value) -> Value {
    match text(&it["object"]) {
        "subscription" => subscription(version, it),
        "invoice" => invoice(stage, version, it),
        "payment_intent" => payment(stage, version, it),
        _ => it,
    }
}

fn subscription(version: &str, mut it: Value) -> Value {
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

fn invoice(stage: &Stage, version: &str, mut it: Value) -> Value {
    if version < "2025-03-31" {
        let customer = it["customer"].clone();
        it["subscription"] = it["parent"]["subscription_details"]["subscription"].clone();
        it["payment_intent"] = theirs(stage, "payment_intent", &customer)["id"].clone();
        it["charge"] = theirs(stage, "charge", &customer)["id"].clone();
        it["paid"] = (it["status"] == "paid").into();
        take(&mut it, &["parent", "payments"]);
        for line in it["lines"]["data"].as_array_mut().unwrap() {
            line["price"] = line["pricing"]["price_details"]["price"].clone();
            line["type"] = "subscription".into();
            take(line, &["pricing", "parent"]);
        }
    }
    it
}

fn payment(stage: &Stage, version: &str, mut it: Value) -> Value {
    let customer = it["customer"].clone();
    if version < "2022-11-15" {
        let charge = theirs(stage, "charge", &customer);
        it["charges"] = json!({ "object": "list", "data": [charge], "has_more": false });
        take(&mut it, &["latest_charge"]);
    }
    if version < "2025-03-31" {
        it["invoice"] = theirs(stage, "invoice", &customer)["id"].clone();
    }
    it
}

/// An object as it is, was or will be in a state.
fn in_state(stage: &Stage, mut it: Value, status: &str) -> Value {
    it["status"] = status.into();
    if status == "canceled" {
        it["ended_at"] = stage.sandbox.now().into();
        it["canceled_at"] = stage.sandbox.now().into();
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
    let now = |kind: &str| written(stage, version, only(stage, kind));
    let told = [
        ("invoice.paid", now("invoice")),
        ("payment_intent.succeeded", now("payment_intent")),
        ("charge.succeeded", now("charge")),
        ("checkout.session.completed", now("checkout.session")),
        ("customer.subscription.updated", now("subscription")),
        ("customer.updated", now("customer")),
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
    let over = written(stage, version, in_state(stage, only(stage, "subscription"), "canceled"));
    let kind = "customer.subscription.deleted";
    deliver(stage, &event(stage, "evt_end", version, kind, over)).await;
    stage.conductor.settle().await.unwrap();
    assert_eq!(head(stage, "evt_end").await.state, InboxState::Handled, "{version}");
    let view = ada.subscription().await.unwrap();
    assert_eq!((&view["status"], &view["access"]), (&"canceled".into(), &false.into()));
}

/// How an object comes to its end.
struct End {
    object: &'static str,
    /// Its last state, and the event that tells it.
    last: (&'static str, &'static str),
    /// A state before that, and the event that tells it, which comes later.
    before: (&'static str, &'static str),
    /// What Stripe's reads say when the one comes, and when the other does.
    reads: [&'static str; 2],
}

/// What is believed over a read that does not show it yet, what a read that shows it no more does not
/// take back, and what a read alone decides: an uncollectible invoice may still be paid.
const ENDS: [End; 6] = [
    End {
        object: "subscription",
        last: ("canceled", "customer.subscription.deleted"),
        before: ("active", "customer.subscription.updated"),
        reads: ["active", "active"],
    },
    End {
        object: "invoice",
        last: ("void", "invoice.voided"),
        before: ("open", "invoice.payment_failed"),
        reads: ["open", "open"],
    },
    End {
        object: "invoice",
        last: ("paid", "invoice.paid"),
        before: ("open", "invoice.finalized"),
        reads: ["paid", "open"],
    },
    End {
        object: "invoice",
        last: ("uncollectible", "invoice.marked_uncollectible"),
        before: ("open", "invoice.payment_failed"),
        reads: ["uncollectible", "uncollectible"],
    },
    End {
        object: "checkout.session",
        last: ("complete", "checkout.session.completed"),
        before: ("open", "checkout.session.updated"),
        reads: ["open", "open"],
    },
    End {
        object: "checkout.session",
        last: ("expired", "checkout.session.expired"),
        before: ("open", "checkout.session.updated"),
        reads: ["open", "open"],
    },
];

/// Where objects of a kind are read, and the table of what was.
fn place(object: &str) -> (&'static str, &'static str) {
    match object {
        "subscription" => ("/v1/subscriptions", "stripe_subscriptions"),
        "invoice" => ("/v1/invoices", "stripe_invoices"),
        _ => ("/v1/checkout/sessions", "stripe_checkout_sessions"),
    }
}

/// A way to Stripe on which the object at `path` is read as it is written here.
fn reading(stage: &Stage, path: String, object: Arc<Mutex<Value>>) -> Transport {
    let inner = stage.stripe.transport.clone();
    way(move |request: Request<Bytes>| {
        let it = request.method() == Method::GET && request.uri().path() == path;
        let (inner, read) = (inner.clone(), it.then(|| object.lock().unwrap().to_string()));
        async move {
            match read {
                Some(read) => Ok(Response::new(Bytes::from(read))),
                None => inner.oneshot(request).await,
            }
        }
    })
}

/// Works until nothing is left to be done, without a word of Stripe's own.
async fn rest(stage: &Stage, app: &App) {
    while let Some(next) = quiet::run_to_quiet(app).await.unwrap().wall {
        stage.wall.advance_to(next.timestamp());
    }
}

/// Somebody who has paid, of whom nobody here has heard since. Answers with an object of theirs.
async fn paid(stage: &Stage, id: &str, object: &str) -> Value {
    let person = Person::new(stage, id, "Somebody");
    let checkout = person.checkout("pro", "monthly").await.unwrap();
    rest(stage, &stage.app).await;
    person.pay(text(&checkout["url"]), Card::GOOD).await.unwrap();
    let sessions = stage.sandbox.list("checkout.session");
    let session = sessions.into_iter().find(|it| it["id"] == checkout["id"]).unwrap();
    theirs(stage, object, &session["customer"])
}

/// An end that `version` tells is not taken back by its old news.
async fn is_kept(stage: &Stage, version: &str) {
    for (n, it) in ENDS.iter().enumerate() {
        let object = paid(stage, &format!("p{n}"), it.object).await;
        let read = Arc::new(Mutex::new(Value::Null));
        let (path, table) = place(it.object);
        let path = format!("{path}/{}", text(&object["id"]));
        let process = beside(stage, reading(stage, path, Arc::clone(&read)));
        let is = |status| in_state(stage, object.clone(), status);
        for ((status, kind), says) in [it.last, it.before].into_iter().zip(it.reads) {
            *read.lock().unwrap() = is(says);
            let (id, told) = (format!("evt_{n}_{status}"), written(stage, version, is(status)));
            deliver(stage, &event(stage, &id, version, kind, told)).await;
            rest(stage, &process.app).await;
            assert_eq!(head(stage, &id).await.state, InboxState::Handled, "{version}: {kind}");
            let rows = rows::of_table(&stage.app.db, table).await.unwrap();
            let row = rows.into_iter().find(|row| row["id"] == object["id"]).unwrap();
            assert_eq!(row["status"], it.last.0, "{version}: after {kind}");
        }
    }
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

    async fn ends_that_events_of_2020_tell_are_not_taken_back_by_old_news(stage: &Stage) {
        is_kept(stage, "2020-08-27").await;
    }

    async fn ends_that_events_of_2022_tell_are_not_taken_back_by_old_news(stage: &Stage) {
        is_kept(stage, "2022-11-15").await;
    }

    async fn ends_that_events_of_2023_tell_are_not_taken_back_by_old_news(stage: &Stage) {
        is_kept(stage, "2023-10-16").await;
    }

    async fn ends_that_events_of_basil_tell_are_not_taken_back_by_old_news(stage: &Stage) {
        is_kept(stage, "2025-03-31.basil").await;
    }

    async fn ends_that_events_of_today_tell_are_not_taken_back_by_old_news(stage: &Stage) {
        is_kept(stage, API_VERSION).await;
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
