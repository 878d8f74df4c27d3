//! Intents with their steps and tries.

use serde_json::json;
use specie_store::intents::{self, Intent, IntentState, Step, StepState, Try};
use specie_store::{Db, StoreError, customers, lanes, raw, raw_texts};
use specie_vocab::IntentId;

use crate::scene::{both, id, intent, wall, with_payer};

fn step(n: i64, state: StepState) -> Step {
    Step { intent: IntentId(id(1)), n, name: "session".into(), state, object: None }
}

/// What is waited for.
enum Lock {
    Customer,
    Ceiling,
}

pub(crate) fn first_try() -> Try {
    Try {
        intent: IntentId(id(1)),
        step: 0,
        n: 1,
        key: "1:0:1".into(),
        method: "POST".into(),
        path: "/v1/checkout/sessions".into(),
        body: "mode=subscription&metadata[a]=%C3%BC".into(),
        version: "2026-10-28.endive".into(),
        sent_at: wall(2),
        status: None,
        request_id: None,
        original_request: None,
        outcome: None,
    }
}

both! {
    async fn a_slot_has_one_unfinished_intent(db: Db) {
        let payer = with_payer(&db, 1).await.id;
        let other = with_payer(&db, 2).await.id;
        let mut tx = db.begin().await.unwrap();
        intents::insert(&mut tx, &intent(1, payer, Some("main"))).await.unwrap();
        let second = intents::insert(&mut tx, &intent(2, payer, Some("main"))).await;
        assert!(matches!(second, Err(StoreError::Conflict(_))));
        // Others' slots, other groups and what holds no slot are not in its way, nor is the
        // transaction lost.
        intents::insert(&mut tx, &intent(3, other, Some("main"))).await.unwrap();
        intents::insert(&mut tx, &intent(4, payer, Some("addons"))).await.unwrap();
        intents::insert(&mut tx, &intent(5, payer, None)).await.unwrap();
        intents::insert(&mut tx, &intent(6, payer, None)).await.unwrap();
        tx.commit().await.unwrap();

        let mut tx = db.begin().await.unwrap();
        let open = intents::open_of(&mut tx, payer, "main").await.unwrap().unwrap();
        assert_eq!(open, intent(1, payer, Some("main")));
        assert!(intents::finish(&mut tx, open.id, IntentState::Stuck, None, wall(3)).await.unwrap());
        let second = intents::insert(&mut tx, &intent(2, payer, Some("main"))).await;
        assert!(matches!(second, Err(StoreError::Conflict(_))), "a stuck one still holds its slot");
        let result = json!({ "session": "cs_1" });
        let done = intents::finish(&mut tx, open.id, IntentState::Done, Some(&result), wall(4)).await;
        assert!(done.unwrap());
        assert!(!intents::finish(&mut tx, open.id, IntentState::Failed, None, wall(5)).await.unwrap());
        let found = intents::get(&mut tx, open.id).await.unwrap().unwrap();
        assert_eq!((found.state, found.finished_at), (IntentState::Done, Some(wall(4))));
        assert_eq!(found.result, Some(result));
        intents::insert(&mut tx, &intent(2, payer, Some("main"))).await.unwrap();
        assert_eq!(intents::open_list(&mut tx, 9).await.unwrap().len(), 5);
        assert_eq!(intents::of_payer(&mut tx, payer, 9).await.unwrap().len(), 5);
    }

    async fn a_stuck_one_is_listed_and_opened_again(db: Db) {
        let payer = with_payer(&db, 1).await.id;
        let mut tx = db.begin().await.unwrap();
        intents::insert(&mut tx, &intent(1, payer, Some("main"))).await.unwrap();
        intents::insert(&mut tx, &intent(2, payer, None)).await.unwrap();
        let stuck = intent(1, payer, None).id;
        assert!(!intents::reopen(&mut tx, stuck, wall(9)).await.unwrap(), "it is open");
        let why = json!({ "why": "nobody knows" });
        intents::finish(&mut tx, stuck, IntentState::Stuck, Some(&why), wall(3)).await.unwrap();
        let ids = |all: Vec<Intent>| all.into_iter().map(|it| it.id).collect::<Vec<_>>();
        let of = IntentState::Stuck;
        assert_eq!(ids(intents::list(&mut tx, Some(of), 9).await.unwrap()), [stuck]);
        assert_eq!(intents::list(&mut tx, None, 9).await.unwrap().len(), 2);
        assert_eq!(intents::list(&mut tx, None, 1).await.unwrap().len(), 1);

        assert!(intents::reopen(&mut tx, stuck, wall(9)).await.unwrap());
        let found = intents::get(&mut tx, stuck).await.unwrap().unwrap();
        assert_eq!((found.state, found.result), (IntentState::Open, None));
        assert!(!intents::due(&mut tx, wall(8), 9).await.unwrap().contains(&stuck));
        assert!(intents::due(&mut tx, wall(9), 9).await.unwrap().contains(&stuck));
    }

    async fn of_many_at_once_one_gets_the_slot(db: Db) {
        let payer = with_payer(&db, 1).await.id;
        let attempt = |db: Db, n| async move {
            let mut tx = db.begin().await.unwrap();
            let got = intents::insert(&mut tx, &intent(n, payer, Some("main"))).await.is_ok();
            tx.commit().await.unwrap();
            got
        };
        let mut attempts = tokio::task::JoinSet::new();
        for n in 1..=20 {
            attempts.spawn(attempt(db.clone(), n));
        }
        let got = attempts.join_all().await;
        assert_eq!(got.into_iter().filter(|got| *got).count(), 1);
    }

    async fn intents_of_a_kind_are_counted_from_a_moment_on(db: Db) {
        let payer = with_payer(&db, 1).await.id;
        let mut tx = db.begin().await.unwrap();
        for n in 1..=3 {
            let it = intents::Intent { created_at: wall(n as i64), ..intent(n, payer, None) };
            intents::insert(&mut tx, &it).await.unwrap();
        }
        assert_eq!(intents::count_since(&mut tx, "checkout", wall(2)).await.unwrap(), 2);
        assert_eq!(intents::count_since(&mut tx, "recover", wall(2)).await.unwrap(), 0);
    }

    async fn links_into_the_portal_are_forgotten(db: Db) {
        let payer = with_payer(&db, 1).await.id;
        let mut tx = db.begin().await.unwrap();
        for (n, kind) in [(1, "portal"), (2, "portal"), (3, "checkout")] {
            let it = intents::Intent { kind: kind.into(), ..intent(n, payer, None) };
            intents::insert(&mut tx, &it).await.unwrap();
            let (intent, name, state) = (it.id, kind.into(), intents::StepState::Done);
            let step = intents::Step { intent, n: 0, name, state, object: Some("https://s".into()) };
            intents::save_step(&mut tx, &step).await.unwrap();
            let result = json!({ "url": "https://s" });
            let ended = wall(10 * n as i64);
            intents::finish(&mut tx, it.id, IntentState::Done, Some(&result), ended).await.unwrap();
        }
        let of_kind = intents::of_kind(&mut tx, payer, "portal").await.unwrap();
        assert_eq!(of_kind.iter().map(|it| it.id).collect::<Vec<_>>(), [2, 1].map(|n| IntentId(id(n))));
        intents::forget_links(&mut tx, wall(10)).await.unwrap();
        let mut left = Vec::new();
        for n in 1..=3 {
            let it = IntentId(id(n));
            let found = intents::get(&mut tx, it).await.unwrap().unwrap();
            let steps = intents::steps(&mut tx, it).await.unwrap();
            left.push((found.result.is_some(), steps[0].object.is_some()));
        }
        assert_eq!(left, [(false, false), (true, true), (true, true)]);
    }

    async fn an_intent_is_carried_out_by_one_at_a_time(db: Db) {
        let payer = with_payer(&db, 1).await.id;
        let it = intent(1, payer, Some("main"));
        let mut tx = db.begin().await.unwrap();
        intents::insert(&mut tx, &it).await.unwrap();
        assert!(intents::lease(&mut tx, it.id, wall(40), wall(10)).await.unwrap());
        assert!(!intents::lease(&mut tx, it.id, wall(50), wall(20)).await.unwrap());
        assert!(intents::due(&mut tx, wall(20), 9).await.unwrap().is_empty());
        assert_eq!(lanes::next_wall(&mut tx, wall(20)).await.unwrap(), Some(wall(40)));
        assert!(intents::lease(&mut tx, it.id, wall(70), wall(40)).await.unwrap());
        intents::let_go(&mut tx, it.id, wall(40), wall(41)).await.unwrap();
        assert!(intents::due(&mut tx, wall(41), 9).await.unwrap().is_empty(), "that was before");
        intents::let_go(&mut tx, it.id, wall(70), wall(42)).await.unwrap();
        assert!(intents::due(&mut tx, wall(41), 9).await.unwrap().is_empty());
        assert_eq!(intents::due(&mut tx, wall(42), 9).await.unwrap().len(), 1);
        assert!(!lanes::at_rest(&mut tx).await.unwrap());
        intents::finish(&mut tx, it.id, IntentState::Done, None, wall(43)).await.unwrap();
        assert!(!intents::lease(&mut tx, it.id, wall(99), wall(90)).await.unwrap());
        assert!(lanes::at_rest(&mut tx).await.unwrap());
    }

    /// SQLite has no locks to wait for: there the one connection that writes is waited for.
    async fn a_lock_is_waited_for_five_seconds_and_what_comes_of_it_passes(db: Db) {
        if !db.is_postgres() {
            return;
        }
        let payer = with_payer(&db, 1).await.id;
        let mut first = db.begin().await.unwrap();
        let patience = "select current_setting('lock_timeout')";
        assert_eq!(raw_texts(&mut first, patience).await.unwrap(), ["5s"]);
        customers::lock(&mut first, payer).await.unwrap();
        intents::hold_ceiling(&mut first).await.unwrap();

        // Five seconds are too long for a test.
        for lock in [Lock::Customer, Lock::Ceiling] {
            let mut second = db.begin().await.unwrap();
            raw(&mut second, "set local lock_timeout = '1ms'").await.unwrap();
            let refused = match lock {
                Lock::Customer => customers::lock(&mut second, payer).await.map(drop),
                Lock::Ceiling => intents::hold_ceiling(&mut second).await,
            };
            let refused = refused.unwrap_err();
            assert!(refused.is_transient() && !refused.is_full(), "{refused}");
        }
        first.commit().await.unwrap();
        let mut next = db.begin().await.unwrap();
        customers::lock(&mut next, payer).await.unwrap();
        assert_eq!(raw_texts(&mut next, patience).await.unwrap(), ["5s"], "1 ms ended with its transaction");
    }

    async fn who_stands_still_in_the_middle_of_a_transaction_holds_nothing_for_ever(db: Db) {
        if !db.is_postgres() {
            return;
        }
        let payer = with_payer(&db, 1).await.id;
        let mut still = db.begin().await.unwrap();
        let patience = "select current_setting('idle_in_transaction_session_timeout')";
        assert_eq!(raw_texts(&mut still, patience).await.unwrap(), ["30s"]);
        customers::lock(&mut still, payer).await.unwrap();

        // Half a minute is too long for a test.
        let short = "set local idle_in_transaction_session_timeout = '1ms'";
        raw(&mut still, short).await.unwrap();
        let mut next = db.begin().await.unwrap();
        customers::lock(&mut next, payer).await.unwrap();
        let ended = customers::lock(&mut still, payer).await.unwrap_err();
        assert!(ended.is_transient() && !ended.is_full(), "{ended}");
    }

    async fn a_request_is_kept_to_the_byte_before_its_answer_comes(db: Db) {
        let payer = with_payer(&db, 1).await.id;
        let mut tx = db.begin().await.unwrap();
        intents::insert(&mut tx, &intent(1, payer, Some("main"))).await.unwrap();
        intents::save_step(&mut tx, &step(1, StepState::Waiting)).await.unwrap();
        intents::save_step(&mut tx, &step(0, StepState::Sent)).await.unwrap();
        intents::add_try(&mut tx, &first_try()).await.unwrap();
        let again = intents::add_try(&mut tx, &first_try()).await;
        assert!(matches!(again, Err(StoreError::Conflict(_))));
        assert_eq!(intents::tries(&mut tx, IntentId(id(1))).await.unwrap(), [first_try()]);

        let answered = Try {
            status: Some(200),
            request_id: Some("req_1".into()),
            original_request: Some("req_0".into()),
            outcome: Some("answered".into()),
            ..first_try()
        };
        intents::answer(&mut tx, &answered).await.unwrap();
        assert_eq!(intents::tries(&mut tx, IntentId(id(1))).await.unwrap(), [answered]);
        let done = Step { object: Some("cs_1".into()), ..step(0, StepState::Done) };
        intents::save_step(&mut tx, &done).await.unwrap();
        let steps = intents::steps(&mut tx, IntentId(id(1))).await.unwrap();
        assert_eq!(steps, [done, step(1, StepState::Waiting)]);
    }
}
