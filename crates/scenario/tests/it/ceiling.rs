//! How many second subscriptions are taken back in a day, by whatever process and however late.

use http::Method;
use serde_json::json;
use specie_scenario::{Person, Stage};
use specie_server::alarms;
use specie_store::intents::{self, Intent, IntentState};
use specie_store::{Tx, audit, customers, raw_texts};
use specie_vocab::IntentId;

use crate::losses::pay_a_second_session;
use crate::set::{Process, beside_but, both, having, text};

/// A process of a catalog that lets one be taken back in a day.
fn one_a_day(stage: &Stage) -> Process {
    beside_but(stage, stage.stripe.transport.clone(), |parts| {
        parts.catalog.policies.refunds_per_day = 1;
    })
}

/// A customer's change, that holds the slot as long as it is stuck.
async fn change_of(stage: &Stage, tx: &mut Tx, customer: &str, kind: &str, state: IntentState) {
    let payer = customers::find(tx, "app", customer).await.unwrap().unwrap();
    let now = stage.app.wall.now();
    let intent = Intent {
        id: IntentId(stage.app.id()),
        payer: payer.id,
        plan_group: Some("main".into()),
        kind: kind.into(),
        what: json!({}),
        asked_by: "specie".into(),
        state,
        decided_version: 1,
        created_at: now,
        finished_at: (state == IntentState::Done).then_some(now),
        result: None,
    };
    intents::insert(tx, &intent).await.unwrap();
}

/// Whether somebody waits to count against the ceiling. A SQLite file has one writer, and whoever
/// comes next waits for it.
async fn somebody_waits(stage: &Stage) -> bool {
    if !stage.app.db.is_postgres() {
        return true;
    }
    let mut tx = stage.app.db.read().await.unwrap();
    let waiting = "select mode from pg_locks where not granted and locktype = 'advisory' \
                   and database = (select oid from pg_database where datname = current_database())";
    !raw_texts(&mut tx, waiting).await.unwrap().is_empty()
}

async fn is_alarmed(process: &Process) -> bool {
    let standing = alarms::standing(&process.app).await.unwrap();
    standing.iter().any(|it| it.alarm.code == "refund_ceiling")
}

async fn assert_left_to_a_person(stage: &Stage, process: &Process) {
    assert_eq!(having(stage, "subscription", "active").len(), 2);
    assert_eq!(stage.sandbox.list("refund").len(), 0);
    assert!(is_alarmed(process).await);
}

/// Ada's second subscription waits for a change of hers that is stuck. When that is over, Bob's has
/// been taken back.
async fn waits_till_another_was_taken_back(stage: &Stage, process: &Process) {
    Person::new(stage, "bob", "Bob").checkout("pro", "monthly").await.unwrap();
    stage.conductor.settle().await.unwrap();
    pay_a_second_session(stage).await;
    let mut tx = stage.app.db.begin().await.unwrap();
    change_of(stage, &mut tx, "ada", "change", IntentState::Stuck).await;
    tx.commit().await.unwrap();
    process.conductor.pulse().await.unwrap();
    assert_eq!(having(stage, "subscription", "active").len(), 2);

    let mut tx = stage.app.db.begin().await.unwrap();
    let ada = customers::find(&mut tx, "app", "ada").await.unwrap().unwrap();
    let open = intents::open_of(&mut tx, ada.id, "main").await.unwrap().unwrap();
    let now = stage.app.wall.now();
    intents::finish(&mut tx, open.id, IntentState::Undone, None, now).await.unwrap();
    change_of(stage, &mut tx, "bob", "cancel_and_refund", IntentState::Done).await;
    tx.commit().await.unwrap();
}

async fn a_minute(stage: &Stage, process: &Process) {
    stage.wall.advance_to(stage.app.wall.now().plus_seconds(61).timestamp());
    process.conductor.settle().await.unwrap();
}

/// What Ada's trail says of her second subscription.
async fn told(stage: &Stage) -> Vec<String> {
    let mut tx = stage.app.db.read().await.unwrap();
    let ada = customers::find(&mut tx, "app", "ada").await.unwrap().unwrap();
    let all = audit::list(&mut tx, ada.id).await.unwrap().into_iter().map(|entry| entry.what);
    let of_it = ["taken_back", "conflict", "not_taken_back"];
    let word = |what: &str| what.strip_prefix("subscription.").map(String::from);
    all.filter_map(|what| word(&what)).filter(|it| of_it.contains(&&**it)).collect()
}

both! {
    async fn what_another_process_takes_back_counts_before_it_is_committed(stage: &Stage) {
        let process = one_a_day(stage);
        Person::new(stage, "bob", "Bob").checkout("pro", "monthly").await.unwrap();
        stage.conductor.settle().await.unwrap();
        pay_a_second_session(stage).await;

        let mut of_bob = stage.app.db.begin().await.unwrap();
        intents::hold_ceiling(&mut of_bob).await.unwrap();
        let settling = async { process.conductor.settle().await.unwrap() };
        tokio::pin!(settling);
        let mut is_over = false;
        while !is_over && !somebody_waits(stage).await {
            is_over = tokio::select! {
                biased;
                () = &mut settling => true,
                () = tokio::task::yield_now() => false,
            };
        }
        change_of(stage, &mut of_bob, "bob", "cancel_and_refund", IntentState::Done).await;
        of_bob.commit().await.unwrap();
        if !is_over {
            settling.await;
        }
        assert_left_to_a_person(stage, &process).await;
        assert_eq!(told(stage).await, ["conflict"]);
    }

    async fn what_waited_for_its_turn_counts_too(stage: &Stage) {
        let process = one_a_day(stage);
        waits_till_another_was_taken_back(stage, &process).await;
        let view = Person::new(stage, "ada", "Ada").subscription().await.unwrap();
        assert_eq!(view["conflicts"].as_array().unwrap().len(), 1);
        a_minute(stage, &process).await;
        assert_left_to_a_person(stage, &process).await;
        assert_eq!(told(stage).await, ["taken_back", "not_taken_back"]);
    }

    async fn what_waited_and_is_the_only_one_by_now_is_no_ones_business(stage: &Stage) {
        let process = one_a_day(stage);
        waits_till_another_was_taken_back(stage, &process).await;
        let ada = Person::new(stage, "ada", "Ada");
        let view = ada.subscription().await.unwrap();
        let first = format!("/v1/subscriptions/{}", text(&view["subscription"]));
        ada.api(Method::DELETE, &first, "").await.unwrap();
        process.conductor.pulse().await.unwrap();
        a_minute(stage, &process).await;
        assert_eq!(having(stage, "subscription", "active").len(), 1);
        assert!(!is_alarmed(&process).await);
        assert_eq!(told(stage).await, ["taken_back"]);
    }
}
