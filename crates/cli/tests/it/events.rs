//! `specie events` from outside: customers whom several realms call the same, and what is replayed.

use std::time::{Duration, Instant};

use serde_json::json;
use specie_store::customers::{self, Payer};
use specie_store::inbox::{self, InboxState, NewEvent};
use specie_vocab::{BusinessTime, PayerId, SystemClock, WallClock, WallTime};
use uuid::Uuid;

use crate::catalog::project;
use crate::doctor::in_database;
use crate::place::Place;
use crate::serve::start;

const SOON: Duration = Duration::from_secs(10);

fn payer(n: u128, realm: &str, stripe: Option<&str>) -> Payer {
    Payer {
        id: PayerId(Uuid::from_u128(n)),
        realm: realm.into(),
        app_id: "ada".into(),
        stripe: stripe.map(|id| id.try_into().unwrap()),
        version: 0,
        created_at: WallTime::from_second(1_700_000_000),
    }
}

fn event(id: &str, customer: &str) -> NewEvent {
    NewEvent {
        id: id.into(),
        kind: "invoice.paid".into(),
        created: BusinessTime::from_second(1_700_000_000),
        api_version: None,
        account: None,
        livemode: false,
        object: Some("in_1".into()),
        customer: Some(customer.into()),
        lane: Some(customer.into()),
        payload: b"{}".into(),
        received_at: WallTime::from_second(1_700_000_000),
        state: InboxState::Pending,
    }
}

/// Ada of the shop and Ada of the forum, who has bought nothing, and what came about the first and
/// about somebody else.
fn fill(place: &Place) {
    in_database(place, async |db| {
        let mut tx = db.begin().await.unwrap();
        for payer in [payer(1, "forum", None), payer(2, "shop", Some("cus_1"))] {
            assert!(customers::insert(&mut tx, &payer).await.unwrap());
        }
        tx.commit().await.unwrap();
        inbox::add(&db, &[event("evt_1", "cus_1"), event("evt_2", "cus_2")]).await.unwrap();
    });
}

#[test]
fn a_name_that_several_realms_have_is_refused_by_whoever_is_asked() {
    let place = Place::new().with("DATABASE_URL", "specie.db");
    place.run(&["migrate", "up"]).fine();
    fill(&place);
    let [forum, shop] = [1, 2].map(|n| Uuid::from_u128(n).to_string());
    let said = format!(
        "`ada` is a customer in several realms: {forum} in `forum`, {shop} in `shop`\n\nhint: ask for one of them"
    );
    for command in [&["explain", "ada"][..], &["events", "list", "--customer", "ada"]] {
        place.run(command).refused(2, &[&said]);
    }
    for customer in [shop.as_str(), "cus_1"] {
        let listed = place.run(&["events", "list", "--customer", customer]).fine().out;
        assert!(listed.contains("evt_1") && !listed.contains("evt_2"), "{listed}");
    }
    for nobody in [forum.as_str(), "bob"] {
        let said = format!("there is no customer `{nobody}` that Stripe knows");
        place.run(&["events", "list", "--customer", nobody]).refused(2, &[&said]);
    }
    place.run(&["explain", &forum]).fine();
}

/// Ada of the shop, and three events about her that are parked.
fn park(place: &Place) {
    in_database(place, async |db| {
        let mut tx = db.begin().await.unwrap();
        assert!(customers::insert(&mut tx, &payer(1, "shop", Some("cus_1"))).await.unwrap());
        // What is handled and old would be forgotten.
        let (state, received_at) = (InboxState::Parked, SystemClock.now());
        let parked = ["evt_1", "evt_2", "evt_3"].map(|id| NewEvent {
            state,
            received_at,
            ..event(id, "cus_1")
        });
        inbox::add_in(&mut tx, &parked).await.unwrap();
        tx.commit().await.unwrap();
    });
}

fn state(place: &Place, id: &str) -> String {
    let shown = place.run(&["events", "show", id, "--json"]).fine().json();
    shown["state"].as_str().unwrap().to_owned()
}

/// Returns when the service has handled an event.
fn is_handled(place: &Place, id: &str) {
    let began = Instant::now();
    while state(place, id) != "handled" {
        assert!(began.elapsed() < Duration::from_secs(120), "{id} is not handled");
    }
}

#[test]
fn a_parked_event_that_is_replayed_is_handled_by_the_next_service_and_by_one_that_runs() {
    let (place, sandbox, _) = project();
    let place = place.with("STRIPE_WEBHOOK_SECRET", "whsec_stranger");
    place.run(&["migrate", "up"]).fine();
    park(&place);
    let replay = |what: &[&str]| place.run(&[&["events", "replay"], what].concat());

    replay(&["evt_1", "evt_nobody"]).refused(2, &["there is no event `evt_nobody`"]);
    assert_eq!(state(&place, "evt_1"), "parked", "all of them or none");
    assert_eq!(replay(&["evt_1"]).fine().out, "replayed evt_1\n");
    assert_eq!(state(&place, "evt_1"), "pending");
    replay(&["evt_1"]).refused(2, &["is pending, and only parked ones are replayed"]);

    let (serve, ..) = start(&place, 0);
    is_handled(&place, "evt_1");
    let told = replay(&["evt_2", "--json"]).fine().json();
    assert_eq!(told, json!({ "replayed": ["evt_2"] }));
    is_handled(&place, "evt_2");
    replay(&["evt_2"]).refused(2, &["is handled, and only parked ones are replayed"]);
    replay(&["evt_nobody"]).refused(2, &["there is no event `evt_nobody`"]);
    assert_eq!(replay(&["--state", "parked"]).fine().out, "replayed evt_3\n");
    is_handled(&place, "evt_3");
    assert_eq!(replay(&["--state", "parked", "--json"]).fine().json(), json!({ "replayed": [] }));
    serve.stops_by("TERM", SOON);
    sandbox.stops_by("INT", SOON);
}
