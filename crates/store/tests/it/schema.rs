//! The schema: up and down on filled tables, views, and a database that is too new.

use serde_json::json;
use specie_store::held::{self, StoredHeld};
use specie_store::mirrors::{customers as stripe_customers, payments, subscriptions};
use specie_store::{
    Db, StoreError, audit, inbox, intents, looks, migrate_down, migrate_up, migration_status,
    outbox, raw, roots, watermarks, wishes,
};
use specie_vocab::PayerId;

use crate::mirrors::{customer, payment, subscription};
use crate::scene::{both, business, event, id, intent, wall, wish, with_payer};

/// How many migrations there are.
const NEWEST: i64 = 7;

/// A row in every table that others refer to, and in those with triggers.
async fn fill(db: &Db) -> PayerId {
    let payer = with_payer(db, 1).await.id;
    let mut tx = db.begin().await.unwrap();
    inbox::add_in(&mut tx, &[event(1, "cus_1")]).await.unwrap();
    wishes::add(&mut tx, &wish(1, "cus_1", wall(1))).await.unwrap();
    let it = intent(1, payer, Some("main"));
    intents::insert(&mut tx, &it).await.unwrap();
    let step = intents::Step {
        intent: it.id,
        n: 0,
        name: "session".into(),
        state: intents::StepState::Sent,
        object: None,
    };
    intents::save_step(&mut tx, &step).await.unwrap();
    let effect = outbox::Effect::new("a", payer, "mail", json!({}), business(1));
    outbox::add(&mut tx, &effect).await.unwrap();
    let details = json!({});
    let digest = |_: &[u8]| [0; 32];
    audit::append(&mut tx, payer, wall(1), "a", "b", "c", &details, [0; 32], digest).await.unwrap();
    let heads = roots::moved(&mut tx, 9).await.unwrap();
    let root = roots::next(None, &heads, wall(1), digest);
    assert!(roots::add(&mut tx, &root, &heads).await.unwrap());
    let mark = watermarks::Watermark::new(id(1), None, wall(1), 0, &["cus_2".into()]);
    watermarks::add(&mut tx, &mark).await.unwrap();
    let (because, found) = (json!(["evt_1"]), json!([{ "id": "in_1" }]));
    let look = looks::Look { lane: "cus_1".into(), fence: 1, at: wall(1), because, found };
    looks::add(&mut tx, &look).await.unwrap();
    stripe_customers::upsert(&mut tx, &customer()).await.unwrap();
    subscriptions::upsert(&mut tx, &subscription("active")).await.unwrap();
    payments::upsert(&mut tx, &payment(1, 1)).await.unwrap();
    tx.commit().await.unwrap();
    payer
}

fn held(subscription: &str, status: &str, price: &str) -> StoredHeld {
    StoredHeld {
        subscription: subscription.try_into().unwrap(),
        group: "main".into(),
        plan: "pro".into(),
        price: price.into(),
        status: status.into(),
        access: "none".into(),
        access_until: None,
        grace_until: None,
        period_start: business(0),
        period_end: business(9),
        cancel_at_period_end: false,
        cancel_at: None,
        canceled_at: None,
        ended_at: None,
        created: business(0),
        latest_invoice: None,
        more: json!({}),
    }
}

both! {
    async fn filled_tables_go_down_and_up_again(db: Db) {
        fill(&db).await;
        let newest = migration_status(&db).await.unwrap();
        assert_eq!((newest.current, newest.newest), (newest.newest, NEWEST));
        migrate_up(&db).await.unwrap();
        migrate_down(&db, newest.newest).await.unwrap();
        assert_eq!(inbox::count(&mut db.read().await.unwrap()).await.unwrap(), 1, "nothing to do");
        for version in (1..NEWEST).rev() {
            migrate_down(&db, version).await.unwrap();
            assert_eq!(migration_status(&db).await.unwrap().current, version);
            assert_eq!(inbox::count(&mut db.read().await.unwrap()).await.unwrap(), 1, "all is kept");
        }
        migrate_up(&db).await.unwrap();
        let mut tx = db.read().await.unwrap();
        let mark = watermarks::latest(&mut tx).await.unwrap().unwrap();
        assert!(mark.confirms("cus_1"), "what was there before is read");
        let [intent] = &intents::open_list(&mut tx, 2).await.unwrap()[..] else { panic!("one") };
        assert_eq!(intent.asked_by, "specie", "nobody was written down before");
        let heads = roots::moved(&mut tx, 9).await.unwrap();
        assert_eq!((heads.len(), heads[0].n), (1, 1), "what no root has anchored waits for one");
        drop(tx);
        migrate_down(&db, 0).await.unwrap();
        assert_eq!(migration_status(&db).await.unwrap().current, 0);
        migrate_up(&db).await.unwrap();
        assert_eq!(inbox::count(&mut db.read().await.unwrap()).await.unwrap(), 0);
        fill(&db).await;
        migrate_down(&db, 0).await.unwrap();
    }

    async fn a_schema_that_is_too_new_is_left_alone(db: Db) {
        let mut tx = db.begin().await.unwrap();
        raw(&mut tx, "insert into schema_versions (version) values (77)").await.unwrap();
        tx.commit().await.unwrap();
        for refused in [
            migration_status(&db).await.map(drop),
            migrate_up(&db).await,
            migrate_down(&db, 0).await,
        ] {
            let refused = refused.unwrap_err();
            assert!(matches!(refused, StoreError::SchemaTooNew { current: 77, newest: NEWEST }), "{refused}");
        }
        assert_eq!(inbox::count(&mut db.read().await.unwrap()).await.unwrap(), 0);
    }

    async fn replicas_that_start_together_migrate_once(db: Db) {
        migrate_down(&db, 0).await.unwrap();
        let (a, b, c) = tokio::join!(migrate_up(&db), migrate_up(&db), migrate_up(&db));
        for done in [a, b, c] {
            done.unwrap();
        }
        assert_eq!(migration_status(&db).await.unwrap().current, NEWEST);
    }

    async fn the_views_say_what_the_tables_mean(db: Db) {
        let payer = fill(&db).await;
        let mut tx = db.begin().await.unwrap();
        for (n, status) in [
            "active", "trialing", "past_due", "unpaid", "canceled", "paused", "incomplete",
            "incomplete_expired",
        ].into_iter().enumerate() {
            let row = held(&format!("sub_{n}"), status, "monthly");
            held::save(&mut tx, payer, &row, wall(1)).await.unwrap();
        }
        let words = texts(&mut tx, "select user_id || ' ' || plan || ' ' || status || ' ' || stripe_status || ' ' || stripe_customer_id from subscriptions order by stripe_subscription_id").await;
        assert_eq!(words, [
            "user-1 monthly active active cus_1",
            "user-1 monthly trialing trialing cus_1",
            "user-1 monthly past_due past_due cus_1",
            "user-1 monthly unpaid unpaid cus_1",
            "user-1 monthly canceled canceled cus_1",
            "user-1 monthly unpaid paused cus_1",
        ]);

        for (n, status, refunded, failure) in [
            (1, "succeeded", 0, None), (2, "succeeded", 1, None), (3, "succeeded", 2900, None),
            (4, "requires_action", 0, None), (5, "requires_payment_method", 0, Some("card_declined")),
            (6, "requires_payment_method", 0, None), (7, "processing", 0, None), (8, "canceled", 0, None),
        ] {
            let mut row = payment(n, n);
            (row.status, row.amount_refunded) = (status.into(), refunded);
            (row.failure_code, row.charge_status) = (failure.map(Into::into), None);
            // The first of them is there from before; a canceled one would stay as it is.
            payments::upsert(&mut tx, &row).await.unwrap();
        }
        let words = texts(&mut tx, "select status from payments order by id").await;
        assert_eq!(words, [
            "succeeded", "partially_refunded", "refunded", "requires_action", "failed", "pending",
            "pending", "failed",
        ]);
    }

    async fn a_plan_is_named_with_its_price_where_a_group_has_several(db: Db) {
        let payer = with_payer(&db, 1).await.id;
        let mut tx = db.begin().await.unwrap();
        held::save(&mut tx, payer, &held("sub_1", "active", "annual"), wall(1)).await.unwrap();
        for (n, plan) in ["pro", "team"].into_iter().enumerate() {
            let version = specie_store::price_versions::PriceVersion {
                group: "main".into(),
                plan: plan.into(),
                price: "annual".into(),
                version: 1,
                stripe_product: "prod_1".try_into().unwrap(),
                stripe_price: format!("price_{n}").try_into().unwrap(),
                amount: 1,
                currency: specie_vocab::Currency::USD,
                interval: "day".into(),
                count: 365,
                created_at: wall(1),
            };
            specie_store::price_versions::add(&mut tx, &version).await.unwrap();
            let expected = if n == 0 { "annual" } else { "pro/annual" };
            assert_eq!(texts(&mut tx, "select plan from subscriptions").await, [expected]);
        }
    }
}

async fn texts(tx: &mut specie_store::Tx, sql: &'static str) -> Vec<String> {
    specie_store::raw_texts(tx, sql).await.unwrap()
}
