//! Payers, their slots and what they hold.

use std::time::Duration;

use serde_json::json;
use specie_store::held::{self, StoredHeld};
use specie_store::slots::{self, SlotState, StoredSlot};
use specie_store::{Db, StoreError, customers};
use specie_vocab::{IntentId, PayerId};

use crate::scene::{both, business, cus, id, payer, wall, with_payer};

fn slot(group: &str, state: SlotState) -> StoredSlot {
    StoredSlot {
        group: group.into(),
        state,
        intent: None,
        session: None,
        subscription: None,
        others: json!([]),
    }
}

fn held_one() -> StoredHeld {
    StoredHeld {
        subscription: "sub_1".try_into().unwrap(),
        group: "main".into(),
        plan: "pro".into(),
        price: "monthly".into(),
        status: "past_due".into(),
        access: "until".into(),
        access_until: Some(business(30)),
        grace_until: Some(business(40)),
        period_start: business(0),
        period_end: business(20),
        cancel_at_period_end: true,
        cancel_at: Some(business(20)),
        canceled_at: Some(business(5)),
        ended_at: None,
        created: business(0),
        latest_invoice: Some("in_1".try_into().unwrap()),
        more: json!({ "failed": 2 }),
    }
}

both! {
    async fn a_payer_is_found_by_each_of_their_ids(db: Db) {
        let mut tx = db.begin().await.unwrap();
        let mut one = payer(1);
        one.stripe = None;
        assert!(customers::insert(&mut tx, &one).await.unwrap());
        assert!(!customers::insert(&mut tx, &one).await.unwrap());
        let double = customers::Payer { id: PayerId(id(2)), ..one.clone() };
        assert!(!customers::insert(&mut tx, &double).await.unwrap(), "the app's id is taken");
        let elsewhere = customers::Payer { realm: "other".into(), ..double };
        assert!(customers::insert(&mut tx, &elsewhere).await.unwrap());

        let found = customers::find(&mut tx, "main", "user-1").await.unwrap();
        assert_eq!(found.as_ref(), Some(&one));
        assert_eq!(customers::get(&mut tx, one.id).await.unwrap(), found);
        assert_eq!(customers::lock(&mut tx, one.id).await.unwrap(), found);
        assert_eq!(customers::by_stripe(&mut tx, &cus("cus_1")).await.unwrap(), None);
        customers::bind(&mut tx, one.id, &cus("cus_1")).await.unwrap();
        customers::bind(&mut tx, one.id, &cus("cus_1")).await.unwrap();
        let other = customers::bind(&mut tx, one.id, &cus("cus_2")).await;
        assert!(matches!(other, Err(StoreError::Conflict(_))));
        let found = customers::by_stripe(&mut tx, &cus("cus_1")).await.unwrap().unwrap();
        assert_eq!(found.id, one.id);
        assert_eq!(customers::bump(&mut tx, one.id).await.unwrap(), 1);
        assert_eq!(customers::bump(&mut tx, one.id).await.unwrap(), 2);
        assert_eq!(customers::list(&mut tx, 9).await.unwrap().len(), 2);
    }

    async fn who_locks_a_payer_waits_for_whoever_has_and_sees_what_they_decided(db: Db) {
        let one = with_payer(&db, 1).await;
        let mut first = db.begin().await.unwrap();
        customers::lock(&mut first, one.id).await.unwrap();
        let other = db.clone();
        let mut second = tokio::spawn(async move {
            let mut tx = other.begin().await.unwrap();
            customers::lock(&mut tx, one.id).await.unwrap().unwrap().version
        });
        // It never answers before the first has ended, however long it is given.
        let early = tokio::time::timeout(Duration::from_millis(300), &mut second).await;
        assert!(early.is_err(), "{early:?}");
        let version = customers::bump(&mut first, one.id).await.unwrap();
        first.commit().await.unwrap();
        assert_eq!(second.await.unwrap(), version);
    }

    async fn one_stripe_customer_is_one_payer(db: Db) {
        let one = with_payer(&db, 1).await;
        let mut tx = db.begin().await.unwrap();
        let two = customers::Payer { stripe: None, ..payer(2) };
        customers::insert(&mut tx, &two).await.unwrap();
        let taken = customers::bind(&mut tx, two.id, &one.stripe.unwrap()).await;
        assert!(matches!(taken, Err(StoreError::Conflict(_))));
    }

    async fn a_customer_who_was_deleted_stays_their_payers(db: Db) {
        let payer = with_payer(&db, 1).await;
        with_payer(&db, 2).await;
        let mut tx = db.begin().await.unwrap();
        assert!(!customers::unbind(&mut tx, payer.id, &cus("cus_2")).await.unwrap());
        assert_eq!(customers::former(&mut tx, payer.id).await.unwrap(), []);
        for (old, new) in [("cus_1", "cus_3"), ("cus_3", "cus_4")] {
            assert!(customers::unbind(&mut tx, payer.id, &cus(old)).await.unwrap());
            customers::bind(&mut tx, payer.id, &cus(new)).await.unwrap();
        }
        assert_eq!(customers::former(&mut tx, payer.id).await.unwrap(), [cus("cus_1"), cus("cus_3")]);
        for id in ["cus_1", "cus_3", "cus_4"] {
            let found = customers::by_stripe(&mut tx, &cus(id)).await.unwrap().unwrap();
            assert_eq!((found.id, found.stripe), (payer.id, Some(cus("cus_4"))));
        }
        assert_eq!(customers::by_stripe(&mut tx, &cus("cus_5")).await.unwrap(), None);
    }

    async fn a_slot_is_saved_and_loaded_in_each_of_its_states(db: Db) {
        let payer = with_payer(&db, 1).await.id;
        let (intent, session) = (Some(IntentId(id(5))), Some("cs_test_1".try_into().unwrap()));
        let subscription = Some("sub_1".try_into().unwrap());
        let states = [
            slot("main", SlotState::Empty),
            StoredSlot { intent, ..slot("main", SlotState::Claimed) },
            StoredSlot { intent, session, ..slot("main", SlotState::Open) },
            StoredSlot { subscription: subscription.clone(), ..slot("main", SlotState::Held) },
            StoredSlot { subscription, others: json!(["sub_2"]), ..slot("main", SlotState::Conflict) },
        ];
        let mut tx = db.begin().await.unwrap();
        assert!(slots::load(&mut tx, payer).await.unwrap().is_empty());
        for state in states {
            slots::save(&mut tx, payer, &state).await.unwrap();
            let found = slots::load(&mut tx, payer).await.unwrap();
            assert_eq!(found.into_values().collect::<Vec<_>>(), [state]);
        }
    }

    async fn a_slot_has_just_what_its_state_needs(db: Db) {
        let payer = with_payer(&db, 1).await.id;
        let wrong = [
            StoredSlot { intent: Some(IntentId(id(5))), ..slot("main", SlotState::Empty) },
            slot("main", SlotState::Claimed),
            slot("main", SlotState::Open),
            slot("main", SlotState::Held),
            slot("main", SlotState::Conflict),
        ];
        for slot in wrong {
            let mut tx = db.begin().await.unwrap();
            assert!(slots::save(&mut tx, payer, &slot).await.is_err(), "{slot:?}");
        }
    }

    async fn one_subscription_holds_one_slot(db: Db) {
        let (one, two) = (with_payer(&db, 1).await.id, with_payer(&db, 2).await.id);
        let subscription = Some("sub_1".try_into().unwrap());
        let held = StoredSlot { subscription, ..slot("main", SlotState::Held) };
        let mut tx = db.begin().await.unwrap();
        slots::save(&mut tx, one, &held).await.unwrap();
        let twice = slots::save(&mut tx, two, &held).await;
        assert!(matches!(twice, Err(StoreError::Conflict(_))));
    }

    async fn what_is_held_comes_back_as_it_was_saved(db: Db) {
        let payer = with_payer(&db, 1).await.id;
        let mut tx = db.begin().await.unwrap();
        held::save(&mut tx, payer, &held_one(), wall(1)).await.unwrap();
        let over = StoredHeld {
            status: "canceled".into(),
            access: "none".into(),
            access_until: None,
            grace_until: None,
            cancel_at_period_end: false,
            cancel_at: None,
            ended_at: Some(business(20)),
            latest_invoice: None,
            more: json!(null),
            ..held_one()
        };
        let key = over.subscription.clone();
        assert_eq!(held::load(&mut tx, payer).await.unwrap()[&key], held_one());
        held::save(&mut tx, payer, &over, wall(2)).await.unwrap();
        let found = held::load(&mut tx, payer).await.unwrap();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [(key.clone(), over)]);
        assert_eq!(held::payer_of(&mut tx, &key).await.unwrap(), Some(payer));
    }

    async fn a_held_row_has_one_of_stripes_states_and_a_period_that_runs_forward(db: Db) {
        let payer = with_payer(&db, 1).await.id;
        let wrong = [
            StoredHeld { status: "alive".into(), ..held_one() },
            StoredHeld { access: "perhaps".into(), ..held_one() },
            StoredHeld { period_end: business(-1), ..held_one() },
        ];
        for held in wrong {
            let mut tx = db.begin().await.unwrap();
            assert!(held::save(&mut tx, payer, &held, wall(1)).await.is_err(), "{held:?}");
        }
    }
}
