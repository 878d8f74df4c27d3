//! Rows that somebody has spoiled: they are named and not guessed, and stop nobody else.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use specie_scenario::{Card, Person, Stage, checks};
use specie_server::lanes::{self, WishFor};
use specie_server::{App, alarms, intents};
use specie_store::inbox::InboxState;
use specie_store::intents::{Intent, IntentState};
use specie_store::{
    customers, inbox, intents as intent_list, lanes as stored, outbox, raw, raw_texts,
};
use specie_vocab::{IntentId, WallClock};

use crate::set::{beside, both, stage};

async fn change(stage: &Stage, sql: String) {
    let mut tx = stage.app.db.begin().await.unwrap();
    raw(&mut tx, String::leak(sql)).await.unwrap();
    tx.commit().await.unwrap();
}

async fn standing(app: &App) -> Vec<&'static str> {
    let standing = alarms::standing(app).await.unwrap();
    standing.iter().map(|it| it.alarm.code).collect()
}

async fn lane_of(stage: &Stage, name: &str) -> String {
    let mut tx = stage.app.db.read().await.unwrap();
    let payer = customers::find(&mut tx, "app", name).await.unwrap().unwrap();
    payer.stripe.unwrap().to_string()
}

both! {
    async fn what_was_decided_about_one_is_spoiled_and_the_others_go_on(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        stage.conductor.settle().await.unwrap();
        let text = if stage.app.db.is_postgres() { "more::text" } else { "more" };
        let read = String::leak(format!("select {text} from held_subscriptions"));
        let mut tx = stage.app.db.read().await.unwrap();
        let kept = raw_texts(&mut tx, read).await.unwrap().remove(0);
        drop(tx);
        change(stage, "update held_subscriptions set more = '{}'".into()).await;

        let process = beside(stage, stage.stripe.transport.clone());
        let asking = Person::new(stage, "ada", "Ada").at(&process.service);
        let refused = asking.call(Method::GET, "subscription", Value::Null).await.unwrap();
        assert_eq!(refused.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(standing(&process.app).await, ["row_corrupt"], "a request has met it");
        let lane = lane_of(stage, "ada").await;
        lanes::look_now(&stage.app, &lane, WishFor::Everything, "call:sync").await.unwrap_err();
        assert_eq!(standing(&stage.app).await, ["row_corrupt"]);
        let refused = ada.call(Method::POST, "subscription/cancellation", json!({})).await;
        let status = refused.unwrap().status;
        assert!(status.is_server_error(), "{status}");
        let bob = Person::new(stage, "bob", "Bob");
        let view = bob.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        assert_eq!(view["access"], true);
        let mut tx = stage.app.db.read().await.unwrap();
        assert_eq!(stored::parked(&mut tx).await.unwrap(), 0, "no event is at fault");
        drop(tx);

        let kept = kept.replace('\'', "''");
        change(stage, format!("update held_subscriptions set more = '{kept}' where more = '{{}}'")).await;
        stage.conductor.settle().await.unwrap();
        assert_eq!(ada.subscription().await.unwrap()["access"], true);
        checks::at_rest(&stage.sides()).await.unwrap();
    }

    async fn what_a_change_is_about_is_spoiled_and_it_waits_for_a_person(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        stage.conductor.settle().await.unwrap();
        let mut tx = stage.app.db.begin().await.unwrap();
        let now = tx.now().await.unwrap();
        let ada = customers::find(&mut tx, "app", "ada").await.unwrap().unwrap();
        let spoiled = Intent {
            id: IntentId(stage.app.id()),
            payer: ada.id,
            plan_group: Some("main".into()),
            kind: "cancellation".into(),
            what: json!({ "subscription": 7 }),
            asked_by: "app".into(),
            state: IntentState::Open,
            decided_version: 1,
            created_at: now,
            finished_at: None,
            result: None,
        };
        intent_list::insert(&mut tx, &spoiled).await.unwrap();
        tx.commit().await.unwrap();

        intents::drive(&stage.app, spoiled.id).await.unwrap_err();
        assert_eq!(standing(&stage.app).await, ["row_corrupt"]);
        let mut tx = stage.app.db.read().await.unwrap();
        let soon = now.plus_seconds(50);
        let due = intent_list::due(&mut tx, soon, 9).await.unwrap();
        assert!(due.is_empty(), "it waits to be put right");
    }

    async fn an_event_that_is_spoiled_is_parked_and_the_others_of_its_lane_are_handled(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        stage.conductor.settle().await.unwrap();
        assert_eq!(ada.subscription().await.unwrap()["stale"], false);
        let bytes = if stage.app.db.is_postgres() { "'zz'::bytea" } else { "x'7a7a'" };
        let lane = lane_of(stage, "ada").await;
        change(stage, format!("update inbox set state = 'pending', handled_at = null, payload = {bytes} where id = (\
            select min(id) from inbox where lane = '{lane}')")).await;
        lanes::look_now(&stage.app, &lane, WishFor::Everything, "call:sync").await.unwrap();
        assert_eq!(standing(&stage.app).await, ["event_parked", "row_corrupt"]);
        assert_eq!(ada.subscription().await.unwrap()["stale"], true);
        let mut tx = stage.app.db.read().await.unwrap();
        let parked = inbox::Filter { state: Some(InboxState::Parked), ..Default::default() };
        let [event] = &inbox::list(&mut tx, &parked, 9).await.unwrap()[..] else { panic!("one") };
        assert!(event.reason.as_deref().unwrap().starts_with("`inbox.payload` of evt_"), "{event:?}");
        drop(tx);
        stage.conductor.settle().await.unwrap();
    }

    async fn no_event_is_parked_because_the_database_is_out_of_order(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        stage.conductor.settle().await.unwrap();
        ada.is_renamed_at_stripe().await.unwrap();
        change(stage, "alter table stripe_customers rename to elsewhere".into()).await;
        for _ in 0..9 {
            stage.conductor.pulse().await.unwrap();
            stage.wall.advance_to(stage.wall.now().plus_seconds(20).timestamp());
        }
        let mut tx = stage.app.db.read().await.unwrap();
        let pending = inbox::Filter { state: Some(InboxState::Pending), ..Default::default() };
        assert!(!inbox::list(&mut tx, &pending, 9).await.unwrap().is_empty());
        assert_eq!(stored::parked(&mut tx).await.unwrap(), 0);
        drop(tx);
        change(stage, "alter table elsewhere rename to stripe_customers".into()).await;
        stage.conductor.settle().await.unwrap();
        checks::at_rest(&stage.sides()).await.unwrap();
    }
}

/// Only SQLite lets anybody write words where times and documents stand.
#[tokio::test(flavor = "multi_thread")]
async fn spoiled_changes_effects_and_lanes_hold_nobody_up() {
    let (stage, _folder) = stage().await;
    let ada = Person::new(&stage, "ada", "Ada");
    ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
    stage.conductor.settle().await.unwrap();
    let lane = lane_of(&stage, "ada").await;
    change(&stage, "pragma ignore_check_constraints = on".into()).await;
    change(&stage, "update intents set state = 'open', created_at = 'rubbish'".into()).await;
    change(&stage, "update outbox set done = false, not_before = null, what = 'rubbish'".into())
        .await;
    change(&stage, format!("update lanes set wake_at = 'rubbish' where lane = '{lane}'")).await;

    let due = async || {
        let mut tx = stage.app.db.read().await.unwrap();
        let now = tx.now().await.unwrap();
        specie_store::intents::due(&mut tx, now, 9).await.unwrap()
    };
    for id in due().await {
        intents::drive(&stage.app, id).await.unwrap_err();
    }
    assert_eq!(due().await, [], "each waits to be put right");
    lanes::look_now(&stage.app, &lane, WishFor::Everything, "call:sync").await.unwrap_err();
    assert_eq!(lanes::run(&stage.app, &lane).await.unwrap(), lanes::Ran::Nothing, "it is put off");
    let mut tx = stage.app.db.begin().await.unwrap();
    let now = tx.now().await.unwrap();
    let far = specie_vocab::BusinessTime::from_second(9_999_999_999);
    let (read, unreadable) = outbox::claim(&mut tx, 9, now, far).await.unwrap();
    assert_eq!((read.len(), unreadable.len()), (0, 1), "{unreadable:?}");
    drop(tx);
    let bob = Person::new(&stage, "bob", "Bob");
    bob.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
    assert!(standing(&stage.app).await.contains(&"row_corrupt"));
}
