//! Inbox, wishes and lanes: what waits, who takes it, and when all is at rest.

use serde_json::json;
use specie_store::inbox::{self, InboxState};
use specie_store::intents::{self, Step, StepState, Try};
use specie_store::lanes::{self, Counts, Hold};
use specie_store::looks::{self, Look};
use specie_store::{Db, leases, outbox, wishes};

use crate::intents::first_try;
use crate::scene::{both, business, event, id, intent, wall, wish, with_payer};
use crate::trail::meddle;

both! {
    async fn what_a_process_had_taken_when_it_was_killed_can_be_freed_at_once(db: Db) {
        let payer = with_payer(&db, 1).await.id;
        inbox::add(&db, &[event(1, "cus_1")]).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        let claim = async |tx: &mut _| lanes::claim(tx, "cus_1", 30, wall(2), business(2)).await;
        let first = claim(&mut tx).await.unwrap().unwrap();
        let change = intent(1, payer, None);
        intents::insert(&mut tx, &change).await.unwrap();
        assert!(intents::lease(&mut tx, change.id, wall(62), wall(2)).await.unwrap());
        let effect = outbox::Effect::new("a", payer, "mail", json!({}), business(1));
        outbox::add(&mut tx, &effect).await.unwrap();
        let effects = async |tx: &mut _| outbox::claim(tx, 9, wall(2), business(2)).await.unwrap().0;
        assert_eq!(effects(&mut tx).await.len(), 1);
        assert!(claim(&mut tx).await.unwrap().is_none() && effects(&mut tx).await.is_empty());

        leases::end_all(&mut tx, wall(2)).await.unwrap();
        assert!(!lanes::holds(&mut tx, "cus_1", first.fence).await.unwrap(), "it comes too late");
        assert_eq!(claim(&mut tx).await.unwrap().unwrap().events.len(), 1);
        assert!(intents::lease(&mut tx, change.id, wall(62), wall(2)).await.unwrap());
        assert_eq!(effects(&mut tx).await.len(), 1);
    }

    async fn a_change_that_waits_for_stripes_lists_is_not_freed(db: Db) {
        let payer = with_payer(&db, 1).await.id;
        let mut tx = db.begin().await.unwrap();
        let outcomes =
            [None, Some("gave_up"), Some("replayed"), Some("replayed_looked"), Some("reopened")];
        let mut all = Vec::new();
        for (n, outcome) in (1..).zip(outcomes) {
            let it = intent(n, payer, None);
            intents::insert(&mut tx, &it).await.unwrap();
            let (name, state) = ("session".into(), StepState::Sent);
            let step = Step { intent: it.id, n: 0, name, state, object: None };
            intents::save_step(&mut tx, &step).await.unwrap();
            let (key, outcome) = (format!("{n}:0:1"), outcome.map(String::from));
            let sent = Try { intent: it.id, key, outcome, ..first_try() };
            intents::add_try(&mut tx, &sent).await.unwrap();
            assert!(intents::lease(&mut tx, it.id, wall(62), wall(2)).await.unwrap());
            all.push(it.id);
        }
        leases::end_all(&mut tx, wall(3)).await.unwrap();
        assert_eq!(intents::due(&mut tx, wall(61), 9).await.unwrap(), all[..2]);
        assert_eq!(intents::due(&mut tx, wall(62), 9).await.unwrap(), all);
    }

    async fn an_event_comes_back_byte_for_byte_and_once(db: Db) {
        let mut new = event(1, "cus_1");
        new.payload = (0..=255).cycle().take(100_000).collect();
        assert_eq!(inbox::add(&db, &[new.clone(), event(2, "cus_1")]).await.unwrap(), 2);
        let mut other = new.clone();
        other.payload = b"another".to_vec();
        assert_eq!(inbox::add(&db, &[other, event(3, "cus_2")]).await.unwrap(), 1);

        let mut tx = db.read().await.unwrap();
        let found = inbox::get(&mut tx, "evt_1").await.unwrap().unwrap();
        assert_eq!(found.payload, new.payload);
        assert_eq!((found.created, found.received_at), (new.created, new.received_at));
        assert_eq!((found.state, found.failures, found.handled_at), (InboxState::Pending, 0, None));
        assert_eq!(found.api_version, new.api_version);
        assert!(!found.livemode);
        assert_eq!(inbox::get(&mut tx, "evt_9").await.unwrap(), None);
        assert_eq!(inbox::count(&mut tx).await.unwrap(), 3);
        let recent = inbox::recent(&mut tx, 2).await.unwrap();
        assert_eq!(recent.iter().map(|it| it.id.as_str()).collect::<Vec<_>>(), ["evt_3", "evt_2"]);
        let asked = ["evt_1".to_owned(), "evt_7".to_owned()];
        let known = inbox::known(&mut tx, &asked).await.unwrap();
        assert_eq!(known.into_iter().collect::<Vec<_>>(), ["evt_1"]);
    }

    async fn a_group_of_any_size_is_stored_whole_and_one_bad_row_stores_none(db: Db) {
        let many: Vec<_> = (0..300).map(|n| event(n, "cus_1")).collect();
        assert_eq!(inbox::add(&db, &many).await.unwrap(), 300);
        let mut lost = event(999, "cus_1");
        lost.lane = None; // what waits must say for which lane
        assert!(inbox::add(&db, &[event(998, "cus_1"), lost]).await.is_err());
        let mut tx = db.read().await.unwrap();
        assert_eq!(inbox::count(&mut tx).await.unwrap(), 300);
        assert_eq!(inbox::add_in(&mut tx, &[]).await.unwrap(), 0);
    }

    async fn one_batch_may_bring_an_event_twice_and_text_that_no_column_takes(db: Db) {
        let mut odd = event(2, "cus_1");
        odd.kind = "in\0voice.paid".into();
        let batch = [event(1, "cus_1"), odd, event(1, "cus_1")];
        assert_eq!(inbox::add(&db, &batch).await.unwrap(), 2);
        let mut tx = db.read().await.unwrap();
        let found = inbox::get(&mut tx, "evt_2").await.unwrap().unwrap();
        assert_eq!(found.kind, "in\u{fffd}voice.paid");
    }

    async fn what_came_before_a_customer_was_ours_waits_for_them(db: Db) {
        let unclaimed = |n, customer| {
            let mut event = event(n, customer);
            (event.state, event.lane) = (InboxState::Unclaimed, None);
            event
        };
        inbox::add(&db, &[unclaimed(1, "cus_1"), unclaimed(2, "cus_2")]).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        assert!(lanes::due(&mut tx, wall(9), business(9), 9, None).await.unwrap().is_empty());
        assert_eq!(inbox::pend_unclaimed(&mut tx, "cus_1").await.unwrap(), 1);
        assert_eq!(inbox::pend_unclaimed(&mut tx, "cus_1").await.unwrap(), 0);
        assert_eq!(lanes::due(&mut tx, wall(9), business(9), 9, None).await.unwrap(), ["cus_1"]);
    }

    async fn a_claim_takes_what_is_there_and_a_second_finds_it_taken(db: Db) {
        inbox::add(&db, &[event(2, "cus_1"), event(1, "cus_1"), event(3, "cus_2")]).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        let urgent = wishes::Wish { urgent: true, ..wish(2, "cus_1", wall(5)) };
        wishes::add(&mut tx, &wish(1, "cus_1", wall(4))).await.unwrap();
        wishes::add(&mut tx, &urgent).await.unwrap();
        wishes::add(&mut tx, &wish(3, "cus_1", wall(100))).await.unwrap();
        assert_eq!(
            lanes::due(&mut tx, wall(10), business(10), 9, None).await.unwrap(),
            ["cus_1", "cus_2"]
        );
        let claim = lanes::claim(&mut tx, "cus_1", 30, wall(10), business(10)).await.unwrap().unwrap();
        assert_eq!(claim.fence, 1);
        assert_eq!(claim.events.iter().map(|e| e.id.as_str()).collect::<Vec<_>>(), ["evt_1", "evt_2"]);
        assert_eq!(claim.events[0].payload, event(1, "cus_1").payload);
        assert_eq!(claim.wishes, [urgent, wish(1, "cus_1", wall(4))]);
        tx.commit().await.unwrap();

        let mut tx = db.begin().await.unwrap();
        assert_eq!(lanes::claim(&mut tx, "cus_1", 30, wall(11), business(11)).await.unwrap(), None);
        assert_eq!(lanes::due(&mut tx, wall(11), business(11), 9, None).await.unwrap(), ["cus_2"]);
        assert!(lanes::has_due(&mut tx, "cus_1", wall(11)).await.unwrap());
        // Until its lease is over; the other lane was never taken.
        let leased = Some(Hold::Leased);
        for (lane, at, hold) in [("cus_1", 39, leased), ("cus_1", 40, None), ("cus_2", 11, None)] {
            assert_eq!(lanes::hold(&mut tx, lane, wall(at)).await.unwrap(), hold, "{lane} {at}");
        }
        assert!(lanes::holds(&mut tx, "cus_1", 1).await.unwrap());
        assert_eq!(lanes::restless(&mut tx).await.unwrap(), ["cus_1", "cus_2"]);
    }

    async fn events_of_which_more_come_are_not_due_and_what_else_waits_is(db: Db) {
        let events = [event(1, "cus_1"), event(2, "cus_2"), event(3, "cus_3")];
        inbox::add(&db, &events).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        wishes::add(&mut tx, &wish(1, "cus_3", wall(4))).await.unwrap();
        let held_since = Some(events[1].received_at);
        let due = lanes::due(&mut tx, wall(9), business(9), 9, held_since).await.unwrap();
        assert_eq!(due, ["cus_1", "cus_3"]);
    }

    async fn who_overslept_the_lease_leaves_nothing_behind(db: Db) {
        inbox::add(&db, &[event(1, "cus_1")]).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        let first = lanes::claim(&mut tx, "cus_1", 30, wall(10), business(10)).await.unwrap().unwrap();
        let second = lanes::claim(&mut tx, "cus_1", 30, wall(40), business(40)).await.unwrap().unwrap();
        assert_eq!((first.fence, second.fence), (1, 2));
        assert!(!lanes::holds(&mut tx, "cus_1", 1).await.unwrap());
        assert!(lanes::holds(&mut tx, "cus_1", 2).await.unwrap());
        assert!(!lanes::release(&mut tx, "cus_1", 1, None).await.unwrap());
        assert!(!lanes::back_off(&mut tx, "cus_1", 1, wall(99), Counts::Yes).await.unwrap());
        // The second claim still stands: a late release has not let go of its lease.
        assert_eq!(lanes::claim(&mut tx, "cus_1", 30, wall(41), business(41)).await.unwrap(), None);
        assert!(lanes::release(&mut tx, "cus_1", 2, None).await.unwrap());
    }

    async fn only_claimed_rows_are_handled_and_what_came_meanwhile_keeps_the_lane_due(db: Db) {
        inbox::add(&db, &[event(1, "cus_1")]).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        let claim = lanes::claim(&mut tx, "cus_1", 30, wall(10), business(10)).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        inbox::add(&db, &[event(0, "cus_1")]).await.unwrap(); // older than the one that is claimed

        let mut tx = db.begin().await.unwrap();
        let ids: Vec<_> = claim.events.iter().map(|event| event.id.clone()).collect();
        inbox::mark(&mut tx, &ids, InboxState::Handled, wall(12)).await.unwrap();
        lanes::release(&mut tx, "cus_1", claim.fence, None).await.unwrap();
        let handled = inbox::get(&mut tx, "evt_1").await.unwrap().unwrap();
        assert_eq!((handled.state, handled.handled_at), (InboxState::Handled, Some(wall(12))));
        assert_eq!(lanes::due(&mut tx, wall(12), business(12), 9, None).await.unwrap(), ["cus_1"]);
        let again = lanes::claim(&mut tx, "cus_1", 30, wall(12), business(12)).await.unwrap().unwrap();
        assert_eq!(again.events.len(), 1);
        assert_eq!(again.events[0].id, "evt_0");
    }

    async fn a_claim_takes_200_rows_at_most(db: Db) {
        let many: Vec<_> = (0..250).map(|n| event(n, "cus_1")).collect();
        inbox::add(&db, &many).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        wishes::add(&mut tx, &wish(1, "cus_1", wall(4))).await.unwrap();
        let claim = lanes::claim(&mut tx, "cus_1", 30, wall(300), business(0)).await.unwrap().unwrap();
        assert_eq!((claim.events.len(), claim.wishes.len()), (199, 1));
        let ids: Vec<_> = claim.events.iter().map(|event| event.id.clone()).collect();
        inbox::mark(&mut tx, &ids, InboxState::Handled, wall(300)).await.unwrap();
        inbox::failed(&mut tx, &ids, "unreadable").await.unwrap();
        assert_eq!(inbox::get(&mut tx, "evt_0").await.unwrap().unwrap().failures, 1);
        assert_eq!(inbox::get(&mut tx, "evt_249").await.unwrap().unwrap().failures, 0);
    }

    async fn a_lane_that_backs_off_is_left_alone_and_an_outage_does_not_count(db: Db) {
        inbox::add(&db, &[event(1, "cus_1")]).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        lanes::claim(&mut tx, "cus_1", 30, wall(10), business(0)).await.unwrap().unwrap();
        assert!(lanes::back_off(&mut tx, "cus_1", 1, wall(20), Counts::No).await.unwrap());
        let waits = Some(Hold::BackingOff);
        assert_eq!(lanes::hold(&mut tx, "cus_1", wall(19)).await.unwrap(), waits);
        assert_eq!(lanes::hold(&mut tx, "cus_1", wall(20)).await.unwrap(), None);
        assert!(lanes::due(&mut tx, wall(19), business(0), 9, None).await.unwrap().is_empty());
        assert_eq!(lanes::claim(&mut tx, "cus_1", 30, wall(19), business(0)).await.unwrap(), None);
        assert_eq!(lanes::next_wall(&mut tx, wall(19)).await.unwrap(), Some(wall(20)));

        let claim = lanes::claim(&mut tx, "cus_1", 30, wall(20), business(0)).await.unwrap().unwrap();
        assert_eq!((claim.fence, claim.failures), (2, 0));
        lanes::back_off(&mut tx, "cus_1", 2, wall(30), Counts::Yes).await.unwrap();
        let claim = lanes::claim(&mut tx, "cus_1", 30, wall(30), business(0)).await.unwrap().unwrap();
        assert_eq!(claim.failures, 1);
        lanes::release(&mut tx, "cus_1", 3, None).await.unwrap();
        let claim = lanes::claim(&mut tx, "cus_1", 30, wall(30), business(0)).await.unwrap().unwrap();
        assert_eq!(claim.failures, 0);
    }

    async fn once_the_guilty_one_is_set_aside_failures_are_counted_anew(db: Db) {
        inbox::add(&db, &[event(1, "cus_1"), event(2, "cus_1")]).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        for n in 1..=4 {
            lanes::claim(&mut tx, "cus_1", 30, wall(n), business(0)).await.unwrap().unwrap();
            let counts = if n < 4 { Counts::Yes } else { Counts::Anew };
            assert!(lanes::back_off(&mut tx, "cus_1", n, wall(n), counts).await.unwrap());
        }
        let claim = lanes::claim(&mut tx, "cus_1", 30, wall(5), business(0)).await.unwrap().unwrap();
        assert_eq!(claim.failures, 1);
    }

    async fn a_worker_that_still_waits_keeps_its_claim(db: Db) {
        inbox::add(&db, &[event(1, "cus_1")]).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        lanes::claim(&mut tx, "cus_1", 30, wall(10), business(0)).await.unwrap().unwrap();
        assert!(lanes::extend(&mut tx, "cus_1", 1, wall(60)).await.unwrap());
        assert_eq!(lanes::claim(&mut tx, "cus_1", 30, wall(59), business(0)).await.unwrap(), None);
        assert!(lanes::claim(&mut tx, "cus_1", 30, wall(60), business(0)).await.unwrap().is_some());
        assert!(!lanes::extend(&mut tx, "cus_1", 1, wall(99)).await.unwrap(), "it was taken over");
        lanes::release(&mut tx, "cus_1", 2, None).await.unwrap();
        assert!(!lanes::extend(&mut tx, "cus_1", 2, wall(99)).await.unwrap(), "it was given back");
    }

    async fn what_came_long_ago_is_forgotten_unless_it_waits_or_is_parked(db: Db) {
        let all: Vec<_> = (1..=8).map(|n| event(n, "cus_1")).collect();
        inbox::add(&db, &all).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        let id = |n: i64| format!("evt_{n}");
        let states = [
            InboxState::Handled,
            InboxState::Unclaimed,
            InboxState::Parked,
            InboxState::Foreign,
            InboxState::Unroutable,
            InboxState::Pending,
            InboxState::Handled,
        ];
        for (n, state) in (1..).zip(states) {
            inbox::mark(&mut tx, &[id(n)], state, wall(7)).await.unwrap();
        }
        assert_eq!(lanes::unconfirmed(&mut tx).await.unwrap(), ["cus_1"]);
        let at = inbox::get(&mut tx, &id(6)).await.unwrap().unwrap().received_at;
        assert_eq!(inbox::forget_old(&mut tx, at, 1).await.unwrap(), 1);
        assert_eq!(inbox::get(&mut tx, &id(1)).await.unwrap(), None, "the oldest first");
        assert_eq!(inbox::forget_old(&mut tx, at, 9).await.unwrap(), 3);
        assert_eq!(inbox::forget_old(&mut tx, at, 9).await.unwrap(), 0);
        let ids: Vec<_> = (1..=8).map(id).collect();
        let stay = [id(3), id(6), id(7), id(8)];
        assert_eq!(inbox::known(&mut tx, &ids).await.unwrap(), stay.into());
    }

    async fn what_a_lane_found_is_kept_in_order_and_forgotten_when_it_is_old(db: Db) {
        let look = |lane: &str, fence, at| Look {
            lane: lane.into(),
            fence,
            at: wall(at),
            because: json!(["evt_1", "call:sync"]),
            found: json!([{ "id": "in_1", "found": "changed", "status": ["open", "paid"] }]),
        };
        let mut tx = db.begin().await.unwrap();
        for kept in [look("cus_1", 2, 7), look("cus_2", 1, 3), look("cus_1", 1, 5)] {
            looks::add(&mut tx, &kept).await.unwrap();
        }
        let theirs = looks::of_lane(&mut tx, "cus_1").await.unwrap();
        assert_eq!(theirs, [look("cus_1", 1, 5), look("cus_1", 2, 7)]);
        assert!(looks::of_lane(&mut tx, "cus_3").await.unwrap().is_empty());

        assert_eq!(looks::forget_old(&mut tx, wall(5), 1).await.unwrap(), 1);
        assert!(looks::of_lane(&mut tx, "cus_2").await.unwrap().is_empty(), "the oldest first");
        assert_eq!(looks::forget_old(&mut tx, wall(5), 9).await.unwrap(), 1);
        assert_eq!(looks::of_lane(&mut tx, "cus_1").await.unwrap(), [look("cus_1", 2, 7)]);
    }

    async fn only_what_is_handled_says_when_it_was(db: Db) {
        inbox::add(&db, &[event(1, "cus_1")]).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        let ids = ["evt_1".to_owned()];
        for (state, at) in [
            (InboxState::Parked, None),
            (InboxState::Pending, None),
            (InboxState::Handled, Some(wall(7))),
            (InboxState::Unclaimed, None),
            (InboxState::Parked, None),
        ] {
            inbox::mark(&mut tx, &ids, state, wall(7)).await.unwrap();
            let found = inbox::head(&mut tx, "evt_1").await.unwrap().unwrap();
            assert_eq!((found.state, found.handled_at), (state, at));
        }
        assert!(inbox::replay(&mut tx, "evt_1").await.unwrap());
        let found = inbox::head(&mut tx, "evt_1").await.unwrap().unwrap();
        assert_eq!((found.state, found.handled_at), (InboxState::Pending, None));
        tx.commit().await.unwrap();
        // Nor can the row say so.
        for sql in [
            "update inbox set handled_at = received_at where id = 'evt_1'",
            "update inbox set state = 'parked', handled_at = received_at where id = 'evt_1'",
            "update inbox set state = 'handled' where id = 'evt_1'",
        ] {
            assert!(meddle(&db, sql).await.is_err(), "{sql}");
        }
    }

    async fn what_waits_is_told_for_whoever_watches(db: Db) {
        let mut tx = db.begin().await.unwrap();
        assert_eq!(lanes::oldest_pending(&mut tx).await.unwrap(), None);
        inbox::add_in(&mut tx, &[event(1, "cus_1"), event(2, "cus_2")]).await.unwrap();
        let at = inbox::get(&mut tx, "evt_1").await.unwrap().unwrap().received_at;
        assert_eq!(lanes::oldest_pending(&mut tx).await.unwrap(), Some(at));
        inbox::mark(&mut tx, &["evt_1".into()], InboxState::Parked, wall(9)).await.unwrap();
        assert_eq!(lanes::parked(&mut tx).await.unwrap(), 1);
    }

    async fn a_lane_wakes_when_business_time_comes(db: Db) {
        let mut tx = db.begin().await.unwrap();
        wishes::add(&mut tx, &wish(1, "cus_1", wall(1))).await.unwrap();
        lanes::claim(&mut tx, "cus_1", 30, wall(1), business(0)).await.unwrap().unwrap();
        wishes::done(&mut tx, &[id(1)]).await.unwrap();
        lanes::release(&mut tx, "cus_1", 1, Some(business(500))).await.unwrap();
        assert_eq!(lanes::next_business(&mut tx).await.unwrap(), Some(business(500)));
        assert!(lanes::at_rest(&mut tx).await.unwrap());
        assert!(lanes::due(&mut tx, wall(900), business(499), 9, None).await.unwrap().is_empty());
        assert_eq!(lanes::claim(&mut tx, "cus_1", 30, wall(2), business(499)).await.unwrap(), None);
        assert!(lanes::at_rest(&mut tx).await.unwrap(), "a claim without work lets go again");
        assert_eq!(lanes::due(&mut tx, wall(2), business(500), 9, None).await.unwrap(), ["cus_1"]);
        let claim = lanes::claim(&mut tx, "cus_1", 30, wall(2), business(500)).await.unwrap().unwrap();
        assert!(claim.events.is_empty() && claim.wishes.is_empty());
        assert!(!lanes::at_rest(&mut tx).await.unwrap(), "somebody works on it");
    }

    async fn the_same_wish_is_kept_once_but_not_ended_by_who_took_the_first(db: Db) {
        let mut tx = db.begin().await.unwrap();
        wishes::add(&mut tx, &wish(1, "cus_1", wall(1))).await.unwrap();
        let claim = lanes::claim(&mut tx, "cus_1", 30, wall(1), business(0)).await.unwrap().unwrap();
        wishes::add(&mut tx, &wishes::Wish { urgent: true, ..wish(2, "cus_1", wall(1)) }).await.unwrap();
        wishes::add(&mut tx, &wish(3, "cus_1", wall(1))).await.unwrap();
        wishes::add(&mut tx, &wish(4, "cus_1", wall(11))).await.unwrap();
        let ids: Vec<_> = claim.wishes.iter().map(|wish| wish.id).collect();
        assert_eq!(ids, [id(1)]);
        wishes::done(&mut tx, &ids).await.unwrap();
        lanes::release(&mut tx, "cus_1", 1, None).await.unwrap();
        let claim = lanes::claim(&mut tx, "cus_1", 30, wall(20), business(0)).await.unwrap().unwrap();
        let left: Vec<_> = claim.wishes.iter().map(|wish| (wish.id, wish.urgent)).collect();
        assert_eq!(left, [(id(3), true), (id(4), false)]);
    }

    async fn a_look_that_is_soon_to_come_is_no_work(db: Db) {
        let mut tx = db.begin().await.unwrap();
        let now = tx.now().await.unwrap();
        let look = |n, seconds| {
            let what = json!({ "look": "object", "id": "sub_1" });
            wishes::Wish { what, urgent: false, ..wish(n, "cus_1", now.plus_seconds(seconds)) }
        };
        wishes::add(&mut tx, &look(1, 60)).await.unwrap();
        assert!(lanes::at_rest(&mut tx).await.unwrap());
        assert_eq!(lanes::unconfirmed(&mut tx).await.unwrap(), ["cus_1"], "nor is it confirmed");
        let others = [
            look(3, 3600),
            wishes::Wish { urgent: true, ..look(4, 50) },
            wishes::Wish { what: json!({ "look": "ask" }), ..look(5, 50) },
        ];
        for other in others {
            wishes::add(&mut tx, &other).await.unwrap();
            assert!(!lanes::at_rest(&mut tx).await.unwrap(), "{other:?}");
            wishes::done(&mut tx, &[other.id]).await.unwrap();
            assert!(lanes::at_rest(&mut tx).await.unwrap());
        }
    }

    async fn the_next_moment_is_the_earliest_that_lies_ahead(db: Db) {
        let mut tx = db.begin().await.unwrap();
        assert_eq!(lanes::next_wall(&mut tx, wall(0)).await.unwrap(), None);
        assert_eq!(lanes::next_business(&mut tx).await.unwrap(), None);
        assert!(lanes::at_rest(&mut tx).await.unwrap());
        wishes::add(&mut tx, &wish(1, "cus_1", wall(50))).await.unwrap();
        wishes::add(&mut tx, &wish(2, "cus_2", wall(5))).await.unwrap();
        assert!(!lanes::at_rest(&mut tx).await.unwrap());
        assert_eq!(lanes::next_wall(&mut tx, wall(0)).await.unwrap(), Some(wall(5)));
        assert_eq!(lanes::next_wall(&mut tx, wall(5)).await.unwrap(), Some(wall(50)));
        lanes::claim(&mut tx, "cus_2", 30, wall(6), business(0)).await.unwrap().unwrap();
        assert_eq!(lanes::next_wall(&mut tx, wall(6)).await.unwrap(), Some(wall(36)), "a lease");
    }

    async fn wishes_that_differ_are_different(db: Db) {
        let mut tx = db.begin().await.unwrap();
        let other = wishes::Wish { what: json!({ "object": "in_2" }), ..wish(2, "cus_1", wall(1)) };
        wishes::add(&mut tx, &wish(1, "cus_1", wall(1))).await.unwrap();
        wishes::add(&mut tx, &other).await.unwrap();
        let claim = lanes::claim(&mut tx, "cus_1", 30, wall(1), business(0)).await.unwrap().unwrap();
        assert_eq!(claim.wishes.len(), 2);
    }

    async fn many_workers_share_the_lanes_without_one_taken_twice(db: Db) {
        let many: Vec<_> = (0..40).map(|n| event(n, &format!("cus_{}", n % 20))).collect();
        inbox::add(&db, &many).await.unwrap();
        let worker = |db: Db| async move {
            let mut taken = Vec::new();
            for n in 0..20 {
                let mut tx = db.begin().await.unwrap();
                let lane = format!("cus_{n}");
                if let Some(claim) = lanes::claim(&mut tx, &lane, 30, wall(50), business(0)).await.unwrap() {
                    taken.push(claim.lane);
                }
                tx.commit().await.unwrap();
            }
            taken
        };
        let (a, b, c) = tokio::join!(worker(db.clone()), worker(db.clone()), worker(db.clone()));
        let mut all = [a, b, c].concat();
        all.sort();
        assert_eq!(all.len(), 20);
        all.dedup();
        assert_eq!(all.len(), 20);
    }
}
