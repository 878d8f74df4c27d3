//! `specie events` of customers whom several realms call the same.

use specie_store::customers::{self, Payer};
use specie_store::inbox::{self, InboxState, NewEvent};
use specie_vocab::{BusinessTime, PayerId, WallTime};
use uuid::Uuid;

use crate::place::Place;

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
    let path = place.path("specie.db").display().to_string();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let db = specie_store::Db::open(&path, Default::default()).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        for payer in [payer(1, "forum", None), payer(2, "shop", Some("cus_1"))] {
            assert!(customers::insert(&mut tx, &payer).await.unwrap());
        }
        tx.commit().await.unwrap();
        inbox::add(&db, &[event("evt_1", "cus_1"), event("evt_2", "cus_2")]).await.unwrap();
        db.close().await;
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
