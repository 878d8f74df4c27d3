//! The story of an id: what came, what was read, what was decided and why, and what went out.

use std::collections::BTreeSet;

use http::Method;
use serde_json::json;
use specie_scenario::{Card, Person, Stage};
use specie_server::explain::{Part, Story, Unexplained, explain};
use specie_store::inbox::{self, Filter};
use specie_store::{Db, raw};
use specie_vocab::WallClock;

use crate::set::{On, both, deliver, stage_on, text};

const DAY: i64 = 86_400;

async fn story(stage: &Stage, id: &str) -> Story {
    explain(&stage.app.db, id).await.unwrap_or_else(|error| panic!("{error}"))
}

/// What happens at the same moment is told by its part alone.
fn a_minute_later(stage: &Stage) {
    stage.wall.advance_to(stage.wall.now().plus_seconds(60).timestamp());
}

/// The newest event of a type.
async fn last_of(stage: &Stage, kind: &str) -> String {
    let filter = Filter { kind: Some(kind.into()), ..Filter::default() };
    let found = inbox::list(&mut stage.app.db.read().await.unwrap(), &filter, 1).await.unwrap();
    found[0].id.clone()
}

fn ids(story: &Story) -> BTreeSet<&str> {
    story.story.iter().filter_map(|line| line.id.as_deref()).collect()
}

fn parts(story: &Story) -> BTreeSet<Part> {
    story.story.iter().map(|line| line.part).collect()
}

both! {
    async fn a_life_is_told_in_order_with_its_causes(stage: &Stage) {
        let ben = Person::new(stage, "ben", "ben");
        ben.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        let ada = Person::new(stage, "ada", "ada");
        let checkout = ada.checkout("pro", "monthly").await.unwrap();
        a_minute_later(stage);
        ada.pay(text(&checkout["url"]), Card::GOOD).await.unwrap();
        stage.conductor.settle().await.unwrap();
        a_minute_later(stage);
        ada.cancel().await.unwrap();
        a_minute_later(stage);
        stage.conductor.advance_to(stage.sandbox.now() + 40 * DAY).await.unwrap();

        let told = story(stage, "ada").await;
        let customer = told.customer.as_ref().unwrap();
        assert_eq!((told.kind, customer.app_id.as_str()), ("customer", "ada"));
        assert!(told.waiting.is_empty(), "{:?}", told.waiting);
        assert_eq!(
            parts(&told).into_iter().collect::<Vec<_>>(),
            [Part::Came, Part::Read, Part::Decided, Part::Sent, Part::Told]
        );
        let of_wall = told.story.iter().filter(|line| line.part != Part::Told);
        assert!(of_wall.map(|line| line.at).is_sorted(), "{:#?}", told.story);
        let place = |what: &str| {
            told.story.iter().position(|line| line.what == what).unwrap_or_else(|| panic!("{what}"))
        };
        let order = [
            "checkout.begun", "POST /v1/customers", "POST /v1/checkout/sessions",
            "checkout.session.completed", "subscription.held", "cancellation.begun",
            "customer.subscription.deleted", "mail canceled",
        ];
        assert!(order.map(place).is_sorted(), "{:#?}", told.story);
        for line in told.story.iter().filter(|line| line.part == Part::Decided) {
            assert!(line.who.is_some() && line.why.is_some(), "{line:?}");
        }
        // Asked by each of their ids it is the same story.
        for id in [&customer.id, customer.stripe.as_ref().unwrap()] {
            assert_eq!(story(stage, id).await.story, told.story);
        }
        let text_of_it = json!(told).to_string();
        for personal in ["ada@", "4242", "whsec"] {
            assert!(!text_of_it.contains(personal), "`{personal}` is in {text_of_it}");
        }
    }

    async fn a_thing_has_a_story_of_its_own(stage: &Stage) {
        let ada = Person::new(stage, "ada", "ada");
        for _ in 0..2 {
            ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
            ada.cancel().await.unwrap();
            stage.conductor.advance_to(stage.sandbox.now() + 31 * DAY).await.unwrap();
        }
        let of_kind = |kind: &str| {
            let all = stage.sandbox.list(kind);
            all.iter().map(|it| text(&it["id"]).to_owned()).collect::<Vec<_>>()
        };
        let (subscriptions, sessions) = (of_kind("subscription"), of_kind("checkout.session"));
        let [invoices, payments] = [of_kind("invoice"), of_kind("payment_intent")];
        assert_eq!((subscriptions.len(), invoices.len(), payments.len()), (2, 2, 2));
        for (kind, all) in [
            ("subscription", &subscriptions), ("session", &sessions), ("invoice", &invoices),
            ("payment", &payments),
        ] {
            let [one, other] = &all[..] else { panic!("{all:?}") };
            let told = story(stage, one).await;
            assert_eq!(told.kind, kind);
            assert!(ids(&told).contains(one.as_str()), "{told:?}");
            assert!(!json!(told.story).to_string().contains(other.as_str()), "{one} tells of {other}: {told:#?}");
        }
        let of_subscription = story(stage, &subscriptions[0]).await;
        assert!(parts(&of_subscription).len() == 5, "{of_subscription:#?}");

        let done = of_subscription.story.iter().find(|line| line.what == "checkout.done").unwrap();
        let intent = story(stage, done.why.as_deref().unwrap()).await;
        assert_eq!(intent.kind, "intent");
        assert!(parts(&intent).contains(&Part::Sent), "{intent:#?}");
        let held = of_subscription.story.iter().find(|line| line.what == "subscription.held").unwrap();
        let ended = of_subscription.story.iter().rfind(|line| line.part == Part::Came).unwrap();
        for line in [held, ended] {
            let id = if line.part == Part::Came { line.id.as_deref() } else { line.why.as_deref() };
            let id = id.unwrap();
            if id.starts_with("evt_") {
                let told = story(stage, id).await;
                assert_eq!((told.kind, told.story[0].id.as_deref()), ("event", Some(id)));
            }
        }
    }

    async fn an_event_tells_what_was_read_decided_and_told_because_of_it(stage: &Stage) {
        let ada = Person::new(stage, "ada", "ada");
        let held = ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        stage.conductor.settle().await.unwrap();
        let id = text(&held["subscription"]);
        let path = format!("/v1/subscriptions/{id}");
        ada.api(Method::POST, &path, "cancel_at_period_end=true").await.unwrap();
        stage.conductor.settle().await.unwrap();

        let event = last_of(stage, "customer.subscription.updated").await;
        let told = story(stage, &event).await;
        let of_part = |part: Part| told.story.iter().filter(move |line| line.part == part);
        assert_eq!(of_part(Part::Came).count(), 1, "{told:#?}");
        let read = of_part(Part::Read).find(|line| line.id.as_deref() == Some(id)).unwrap();
        assert_eq!((read.what.as_str(), &read.details["found"]), ("subscription", &json!("changed")));
        assert_eq!(read.details["cancel_at_period_end"], json!([false, true]));
        assert_eq!(read.details["status"], json!(null), "it is the same: {read:?}");
        let decided = of_part(Part::Decided).map(|line| line.what.as_str());
        assert_eq!(decided.collect::<Vec<_>>(), ["subscription.changed"], "{told:#?}");
        let mails = of_part(Part::Told).map(|line| line.what.as_str());
        assert_eq!(mails.collect::<Vec<_>>(), ["mail cancellation_scheduled"], "{told:#?}");
        let caused = told.story.iter().filter(|line| line.part != Part::Came);
        for line in caused {
            assert_eq!(line.why.as_deref(), Some(event.as_str()), "{line:?}");
        }
        let place = |part: Part| told.story.iter().position(|line| line.part == part);
        assert!([Part::Came, Part::Read, Part::Decided, Part::Told].map(place).is_sorted(), "{told:#?}");
    }

    async fn an_event_tells_what_was_sent_to_stripe_because_of_it(stage: &Stage) {
        let ada = Person::new(stage, "ada", "ada");
        ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        ada.bank_blocks_card().await.unwrap();
        stage.conductor.advance_to(stage.sandbox.now() + 31 * DAY).await.unwrap();
        ada.replace_card(Card::OTHER).await.unwrap();
        stage.conductor.settle().await.unwrap();

        let whole = story(stage, "ada").await;
        let begun = whole.story.iter().find(|line| line.what == "recover.begun").unwrap();
        let told = story(stage, begun.why.as_deref().unwrap()).await;
        assert_eq!(told.kind, "event");
        let sent = told.story.iter().filter(|line| line.part == Part::Sent);
        let sent: Vec<_> = sent.map(|line| line.what.as_str()).collect();
        let [card, pay] = sent[..] else { panic!("{told:#?}") };
        assert!(card.starts_with("POST /v1/subscriptions/sub_"), "{card}");
        assert!(pay.starts_with("POST /v1/invoices/in_") && pay.ends_with("/pay"), "{pay}");
        assert!(told.story.iter().any(|line| line.what == "recover.done"), "{told:#?}");
    }

    async fn an_event_that_names_no_customer_is_told_with_whose_it_was(stage: &Stage) {
        stage.conductor.watermark().await.unwrap();
        let ada = Person::new(stage, "ada", "ada");
        ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        stage.conductor.settle().await.unwrap();
        stage.conductor.watermark().await.unwrap();
        let invoice = text(&stage.sandbox.list("invoice")[0]["id"]).to_owned();
        let told = story(stage, &last_of(stage, "invoice_payment.paid").await).await;
        let reads: Vec<_> = told.story.iter().filter(|line| line.part == Part::Read).collect();
        assert_eq!(reads.len(), 1, "what it tells was known: {reads:#?}");

        let events = stage.sandbox.list("event");
        let mut other = events.into_iter().find(|it| it["type"] == "invoice_payment.paid").unwrap();
        other["id"] = "evt_other".into();
        other["data"]["object"]["status"] = "open".into();
        deliver(stage, &other).await;
        stage.conductor.settle().await.unwrap();
        let told = story(stage, "evt_other").await;
        assert_eq!(told.customer.map(|it| it.app_id).as_deref(), Some("ada"));
        let reads = told.story.iter().filter(|line| line.part == Part::Read);
        let of_it = reads.filter(|line| line.id.as_deref() == Some(invoice.as_str()));
        let found: Vec<_> = of_it.map(|line| text(&line.details["found"])).collect();
        assert!(found.len() > 1, "in a lane of its own and in hers: {:#?}", told.story);
        assert_eq!(found[0], "belongs to a customer", "{:#?}", told.story);
    }

    async fn what_nothing_has_is_said_with_what_was_looked_for(stage: &Stage) {
        for (id, looked) in [
            ("sub_nobody", "a subscription, a customer of the app by that id"),
            ("evt_nobody", "an event, a customer of the app by that id"),
            ("cus_nobody", "a customer of Stripe's, a customer of the app by that id"),
            ("nobody", "looked for a customer of the app by that id"),
            ("01941f29-7c00-7000-8000-000000000000", "a customer's own id, an intent, a customer"),
        ] {
            let error = explain(&stage.app.db, id).await.unwrap_err();
            assert!(matches!(&error, Unexplained::Unknown { .. }), "{error}");
            assert!(error.to_string().contains(looked), "{error}");
        }
        // A stranger of the same Stripe account is known by what came.
        let ada = Person::new(stage, "ada", "Ada");
        let stranger = ada.api(Method::POST, "/v1/customers", "name=Stranger").await.unwrap();
        stage.conductor.settle().await.unwrap();
        let told = story(stage, text(&stranger["id"])).await;
        assert_eq!((told.customer, told.story.len()), (None, 1));
        assert_eq!(told.story[0].details["state"], "unclaimed");
    }
}

/// A service that writes is not in the way of whoever reads beside it.
#[tokio::test(flavor = "multi_thread")]
async fn it_is_read_beside_the_service() {
    for on in [On::Sqlite, On::Postgres] {
        on.lend(reads_beside).await;
    }
}

async fn reads_beside(database: String) {
    let stage = stage_on(database.clone(), 1).await;
    let ada = Person::new(&stage, "ada", "Ada");
    ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
    stage.conductor.settle().await.unwrap();
    let mut writing = stage.app.db.begin().await.unwrap();
    raw(&mut writing, "update customers set version = version + 1").await.unwrap();
    let beside = Db::open_read_only(&database, Default::default()).await.unwrap();
    let told = explain(&beside, "ada").await.unwrap();
    let mut tx = beside.snapshot().await.unwrap();
    assert!(inbox::count(&mut tx).await.unwrap() > 0 && !told.story.is_empty());
    assert!(raw(&mut tx, "delete from inbox").await.is_err(), "it cannot write");
}
