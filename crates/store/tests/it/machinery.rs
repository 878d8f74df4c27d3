//! Outbox, mails, keys, tokens, idempotency and the other small tables.

use serde_json::json;
use specie_store::idempotency::{self, Begun};
use specie_store::keys::{self, ApiKey};
use specie_store::mails::{self, Mail};
use specie_store::outbox::{self, Effect};
use specie_store::price_versions::{self, PriceVersion};
use specie_store::replicas::{self, Replica};
use specie_store::watermarks::{self, Watermark};
use specie_store::{Db, Tx, inbox, installation, lanes, page_sessions, quarantine, session_tokens};
use specie_vocab::{Currency, Interval, IntervalUnit, Money, PayerId, WallTime};

use crate::scene::{both, business, event, id, wall, with_payer};

fn effect(key: &str, payer: PayerId, due: i64) -> Effect {
    Effect::new(key, payer, "mail", json!({ "to": "ü" }), business(due))
}

fn mail(n: i64, payer: PayerId) -> Mail {
    Mail {
        key: format!("receipt:{n}"),
        payer,
        kind: "receipt".into(),
        recipient: "ann@example.com".into(),
        subject: "Your receipt".into(),
        text: "Thank you".into(),
        html: "<p>Thank you</p>".into(),
        message_id: format!("<{n}@example.com>"),
        created_at: business(n),
        sent_at: None,
        failed_at: None,
        failure: None,
    }
}

fn version(version: i64) -> PriceVersion {
    PriceVersion {
        group: "main".into(),
        plan: "pro".into(),
        price: "monthly".into(),
        version,
        stripe_product: "prod_1".try_into().unwrap(),
        stripe_price: format!("price_{version}").try_into().unwrap(),
        amount: 2900,
        currency: Currency::USD,
        interval: "day".into(),
        count: 30,
        created_at: wall(version),
    }
}

/// When the first event of a kind came after `came` that was made at `made` or later.
async fn oldest(tx: &mut Tx, came: WallTime, made: i64, kind: &'static str) -> Option<WallTime> {
    inbox::oldest_after(tx, came, business(made), &["none.such", kind]).await.unwrap()
}

const HASH: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

both! {
    async fn an_effect_is_queued_once_even_after_it_is_done(db: Db) {
        let payer = with_payer(&db, 1).await.id;
        let mut tx = db.begin().await.unwrap();
        assert!(outbox::add(&mut tx, &effect("a", payer, 5)).await.unwrap());
        assert!(!outbox::add(&mut tx, &effect("a", payer, 6)).await.unwrap());
        assert!(!lanes::at_rest(&mut tx).await.unwrap());
        assert_eq!(lanes::next_business(&mut tx).await.unwrap(), Some(business(5)));
        assert!(outbox::done(&mut tx, "a").await.unwrap());
        assert!(!outbox::done(&mut tx, "a").await.unwrap());
        assert!(!outbox::add(&mut tx, &effect("a", payer, 7)).await.unwrap());
        assert!(lanes::at_rest(&mut tx).await.unwrap());
        assert_eq!(lanes::next_business(&mut tx).await.unwrap(), None);
    }

    async fn effects_are_claimed_when_due_in_their_order_and_by_one(db: Db) {
        let payer = with_payer(&db, 1).await.id;
        let mut tx = db.begin().await.unwrap();
        for (key, due) in [("late", 9), ("b", 2), ("a", 2), ("first", 1)] {
            outbox::add(&mut tx, &effect(key, payer, due)).await.unwrap();
        }
        let claimed = outbox::claim(&mut tx, 9, wall(0), business(2)).await.unwrap().0;
        let keys: Vec<_> = claimed.iter().map(|effect| effect.key.as_str()).collect();
        assert_eq!(keys, ["first", "a", "b"]);
        let again = Effect { attempts: 1, ..effect("first", payer, 1) };
        assert_eq!(claimed[0], again);
        assert!(outbox::claim(&mut tx, 9, wall(59), business(2)).await.unwrap().0.is_empty());
        assert!(outbox::failed(&mut tx, &claimed[1], wall(20)).await.unwrap());
        assert_eq!(lanes::next_wall(&mut tx, wall(10)).await.unwrap(), Some(wall(20)));
        let again = outbox::claim(&mut tx, 9, wall(20), business(2)).await.unwrap().0;
        assert_eq!(again.iter().map(|it| (it.key.as_str(), it.attempts)).collect::<Vec<_>>(), [("a", 2)]);
        // Whoever claimed the others is not heard of: their minute is over.
        let again = outbox::claim(&mut tx, 9, wall(60), business(2)).await.unwrap().0;
        assert_eq!(again.len(), 2);
    }

    async fn what_is_under_way_is_not_claimed_by_who_says_so(db: Db) {
        let payer = with_payer(&db, 1).await.id;
        let mut tx = db.begin().await.unwrap();
        for key in ["a", "b", "c"] {
            outbox::add(&mut tx, &effect(key, payer, 1)).await.unwrap();
        }
        let under_way = ["a".to_owned(), "c".to_owned()];
        for (at, expected) in [(0, &["b"][..]), (30, &[]), (60, &["b"])] {
            let claimed = outbox::claim_but(&mut tx, &under_way, 9, wall(at), business(1)).await;
            let keys: Vec<_> = claimed.unwrap().0.into_iter().map(|effect| effect.key).collect();
            assert_eq!(keys, expected, "{at}");
        }
        let claimed = outbox::claim(&mut tx, 9, wall(60), business(1)).await.unwrap().0;
        assert_eq!(claimed.iter().map(|effect| effect.attempts).collect::<Vec<_>>(), [1, 1]);
    }

    async fn an_effect_that_takes_long_is_claimed_for_longer_by_who_has_it(db: Db) {
        let payer = with_payer(&db, 1).await.id;
        let mut tx = db.begin().await.unwrap();
        outbox::add(&mut tx, &effect("a", payer, 1)).await.unwrap();
        let claim = async |tx: &mut _, now| outbox::claim(tx, 9, wall(now), business(1)).await.unwrap().0;
        let first = claim(&mut tx, 0).await.remove(0);
        assert!(outbox::extend(&mut tx, &first, wall(40)).await.unwrap());
        assert!(claim(&mut tx, 99).await.is_empty());
        let second = claim(&mut tx, 100).await.remove(0);
        // Whoever had it stood still, and neither keeps it nor gives it back.
        assert!(!outbox::extend(&mut tx, &first, wall(110)).await.unwrap());
        assert!(!outbox::failed(&mut tx, &first, wall(110)).await.unwrap());
        assert!(claim(&mut tx, 159).await.is_empty());
        outbox::done(&mut tx, "a").await.unwrap();
        assert!(!outbox::extend(&mut tx, &second, wall(120)).await.unwrap());
    }

    async fn a_mail_is_kept_once_and_the_newest_comes_first(db: Db) {
        let payer = with_payer(&db, 1).await.id;
        let other = with_payer(&db, 2).await.id;
        let mut tx = db.begin().await.unwrap();
        for n in 1..=3 {
            assert!(mails::insert(&mut tx, &mail(n, payer)).await.unwrap());
        }
        assert!(!mails::insert(&mut tx, &mail(1, payer)).await.unwrap());
        mails::insert(&mut tx, &mail(4, other)).await.unwrap();
        assert_eq!(mails::count(&mut tx).await.unwrap(), 4);
        assert_eq!(mails::list(&mut tx, 2).await.unwrap(), [mail(4, other), mail(3, payer)]);
        assert_eq!(mails::of_payer(&mut tx, payer, 9).await.unwrap().len(), 3);
        assert!(mails::sent(&mut tx, "receipt:1", wall(9)).await.unwrap());
        assert!(!mails::sent(&mut tx, "receipt:1", wall(10)).await.unwrap());
        let found = mails::get(&mut tx, "receipt:1").await.unwrap().unwrap();
        assert_eq!(found.sent_at, Some(wall(9)));
    }

    async fn a_mail_is_given_up_once_and_never_after_it_was_sent(db: Db) {
        let payer = with_payer(&db, 1).await.id;
        let mut tx = db.begin().await.unwrap();
        for n in 1..=2 {
            mails::insert(&mut tx, &mail(n, payer)).await.unwrap();
        }
        assert!(mails::failed(&mut tx, "receipt:1", "550", wall(5)).await.unwrap());
        assert!(!mails::failed(&mut tx, "receipt:1", "554", wall(6)).await.unwrap());
        mails::sent(&mut tx, "receipt:2", wall(5)).await.unwrap();
        assert!(!mails::failed(&mut tx, "receipt:2", "550", wall(6)).await.unwrap());
        let found = mails::get(&mut tx, "receipt:1").await.unwrap().unwrap();
        assert_eq!((found.failed_at, found.failure.as_deref()), (Some(wall(5)), Some("550")));
        assert_eq!(mails::failed_since(&mut tx, wall(5)).await.unwrap(), 1);
        assert_eq!(mails::failed_since(&mut tx, wall(6)).await.unwrap(), 0);
    }

    async fn what_waits_in_the_outbox_is_counted(db: Db) {
        let payer = with_payer(&db, 1).await.id;
        let mut tx = db.begin().await.unwrap();
        for key in ["a", "b"] {
            outbox::add(&mut tx, &effect(key, payer, 1)).await.unwrap();
        }
        outbox::claim(&mut tx, 1, wall(0), business(1)).await.unwrap();
        assert_eq!(outbox::waiting(&mut tx).await.unwrap(), 2);
        assert_eq!(outbox::failing(&mut tx, 0).await.unwrap(), 1);
        outbox::done(&mut tx, "a").await.unwrap();
        assert_eq!(outbox::waiting(&mut tx).await.unwrap(), 1);
        assert_eq!(outbox::failing(&mut tx, 0).await.unwrap(), 0);
    }

    async fn what_came_after_the_last_webhook_is_found_by_its_type_and_age(db: Db) {
        let mut tx = db.begin().await.unwrap();
        assert_eq!(inbox::newest(&mut tx).await.unwrap(), None);
        let events: Vec<_> = (1..=3).map(|n| event(n, "cus_1")).collect();
        inbox::add_in(&mut tx, &events).await.unwrap();
        let at = |n: usize| events[n - 1].received_at;
        assert_eq!(inbox::newest(&mut tx).await.unwrap(), Some(at(3)));
        assert!(events.iter().all(|it| it.kind == "invoice.paid"), "{events:?}");
        assert_eq!(oldest(&mut tx, at(1), 1, "invoice.paid").await, Some(at(2)));
        assert_eq!(oldest(&mut tx, at(1), 3, "invoice.paid").await, Some(at(3)));
        assert_eq!(oldest(&mut tx, at(1), 4, "invoice.paid").await, None);
        assert_eq!(oldest(&mut tx, at(3), 1, "invoice.paid").await, None);
        assert_eq!(oldest(&mut tx, at(1), 1, "no.such").await, None);
        assert_eq!(inbox::foreign_since(&mut tx, at(1)).await.unwrap(), 0);
    }

    async fn somebody_may_write(db: Db) {
        assert!(!db.only_reads().await.unwrap());
    }

    async fn a_key_counts_until_it_is_revoked(db: Db) {
        let key = ApiKey {
            id: id(1),
            prefix: "sk_specie_abc".into(),
            hash: HASH.into(),
            realm: "main".into(),
            name: "Backend".into(),
            scopes: "billing".into(),
            created_at: wall(1),
            revoked_at: None,
        };
        let mut tx = db.begin().await.unwrap();
        assert!(keys::insert(&mut tx, &key).await.unwrap());
        let double = ApiKey { id: id(2), ..key.clone() };
        assert!(!keys::insert(&mut tx, &double).await.unwrap());
        assert_eq!(keys::by_prefix(&mut tx, "sk_specie_abc").await.unwrap(), Some(key.clone()));
        assert_eq!(keys::by_prefix(&mut tx, "sk_specie_ab").await.unwrap(), None);
        assert!(keys::revoke(&mut tx, key.id, wall(2)).await.unwrap());
        assert!(!keys::revoke(&mut tx, key.id, wall(3)).await.unwrap());
        let revoked = ApiKey { revoked_at: Some(wall(2)), ..key };
        assert_eq!(keys::list(&mut tx).await.unwrap(), [revoked]);
    }

    async fn a_token_counts_once_and_not_for_long(db: Db) {
        let payer = with_payer(&db, 1).await.id;
        let late = HASH.replace('e', "f");
        let mut tx = db.begin().await.unwrap();
        session_tokens::add(&mut tx, HASH, payer, wall(900)).await.unwrap();
        session_tokens::add(&mut tx, &late, payer, wall(900)).await.unwrap();
        assert_eq!(session_tokens::take(&mut tx, "unknown", wall(1)).await.unwrap(), None);
        assert_eq!(session_tokens::take(&mut tx, HASH, wall(1)).await.unwrap(), Some(payer));
        assert_eq!(session_tokens::take(&mut tx, HASH, wall(2)).await.unwrap(), None);
        assert_eq!(session_tokens::take(&mut tx, &late, wall(900)).await.unwrap(), None);
        assert_eq!(session_tokens::sweep(&mut tx, wall(900)).await.unwrap(), 2);
    }

    async fn a_page_session_counts_until_it_is_over(db: Db) {
        let payer = with_payer(&db, 1).await.id;
        let mut tx = db.begin().await.unwrap();
        page_sessions::add(&mut tx, HASH, payer, wall(900)).await.unwrap();
        for _ in 0..2 {
            assert_eq!(page_sessions::find(&mut tx, HASH, wall(899)).await.unwrap(), Some(payer));
        }
        assert_eq!(page_sessions::find(&mut tx, HASH, wall(900)).await.unwrap(), None);
        page_sessions::remove(&mut tx, HASH).await.unwrap();
        assert_eq!(page_sessions::find(&mut tx, HASH, wall(1)).await.unwrap(), None);
        assert_eq!(page_sessions::sweep(&mut tx, wall(900)).await.unwrap(), 0);
    }

    async fn a_request_with_the_same_key_brings_the_same_answer(db: Db) {
        let mut tx = db.begin().await.unwrap();
        let tx = &mut tx;
        let begun = idempotency::begin(tx, "p1", "k", b"one", wall(0)).await.unwrap();
        assert_eq!(begun, Begun::New);
        assert_eq!(idempotency::begin(tx, "p1", "k", b"one", wall(1)).await.unwrap(), Begun::Running);
        assert_eq!(idempotency::begin(tx, "p1", "k", b"two", wall(1)).await.unwrap(), Begun::Mismatch);
        assert_eq!(idempotency::begin(tx, "p2", "k", b"two", wall(1)).await.unwrap(), Begun::New);
        // Whoever began it is gone.
        assert_eq!(idempotency::begin(tx, "p1", "k", b"one", wall(60)).await.unwrap(), Begun::New);
        let body = b"{\"a\": 1,  \"a\": 2}\0".to_vec();
        assert!(idempotency::finish(tx, "p1", "k", 201, &body).await.unwrap());
        assert!(!idempotency::finish(tx, "p1", "k", 500, b"").await.unwrap());
        let done = Begun::Done { status: 201, body };
        assert_eq!(idempotency::begin(tx, "p1", "k", b"one", wall(999)).await.unwrap(), done);
        assert_eq!(idempotency::begin(tx, "p1", "k", b"two", wall(999)).await.unwrap(), Begun::Mismatch);
        idempotency::forget(tx, "p2", "k").await.unwrap();
        assert_eq!(idempotency::begin(tx, "p2", "k", b"new", wall(2)).await.unwrap(), Begun::New);
        idempotency::forget(tx, "p1", "k").await.unwrap();
        assert_eq!(idempotency::begin(tx, "p1", "k", b"one", wall(999)).await.unwrap(), done);
        assert_eq!(idempotency::sweep(tx, wall(1)).await.unwrap(), 1);
    }

    async fn an_object_is_set_apart_once_until_a_person_decides(db: Db) {
        let payer = with_payer(&db, 1).await.id;
        let mut tx = db.begin().await.unwrap();
        for n in 0..2 {
            let details = json!({ "n": n });
            let new = quarantine::add(&mut tx, payer, "sub_9", "second", &details).await.unwrap();
            assert_eq!(new, n == 0, "it waits already");
        }
        let open = quarantine::open(&mut tx, 9).await.unwrap();
        assert_eq!(open.len(), 1);
        assert_eq!((open[0].object.as_str(), &open[0].details), ("sub_9", &json!({ "n": 1 })));
        assert_eq!(quarantine::of_payer(&mut tx, payer).await.unwrap(), open);
        assert_eq!(quarantine::of_payer(&mut tx, PayerId(id(2))).await.unwrap(), []);
        assert!(quarantine::resolve(&mut tx, payer, "sub_9", "second", wall(5)).await.unwrap());
        assert_eq!(quarantine::of_payer(&mut tx, payer).await.unwrap(), []);
        assert!(!quarantine::resolve(&mut tx, payer, "sub_9", "second", wall(5)).await.unwrap());
        assert!(quarantine::open(&mut tx, 9).await.unwrap().is_empty());
        assert!(quarantine::add(&mut tx, payer, "sub_9", "second", &json!(null)).await.unwrap());
        assert_eq!(quarantine::open(&mut tx, 9).await.unwrap().len(), 1);
    }

    async fn a_pass_stops_at_the_latest_that_is_old_enough(db: Db) {
        let restless: Vec<String> = ["cus_1", "ch_1"].map(String::from).into();
        let mark = |n: u128| {
            let head = (n > 1).then(|| format!("evt_{n}"));
            Watermark::new(id(n), head, wall(n as i64 * 60), 3, &restless)
        };
        let mut tx = db.begin().await.unwrap();
        assert_eq!(watermarks::latest(&mut tx).await.unwrap(), None);
        for n in 1..=4 {
            watermarks::add(&mut tx, &mark(n)).await.unwrap();
        }
        assert_eq!(watermarks::latest_before(&mut tx, wall(59)).await.unwrap(), None);
        assert_eq!(watermarks::latest_before(&mut tx, wall(180)).await.unwrap(), Some(mark(3)));
        assert_eq!(watermarks::latest(&mut tx).await.unwrap(), Some(mark(4)));
        assert_eq!(watermarks::oldest(&mut tx).await.unwrap(), Some(mark(1)));
        assert_eq!(watermarks::since(&mut tx, wall(180)).await.unwrap(), [mark(4), mark(3)]);
        let latest = watermarks::latest(&mut tx).await.unwrap().unwrap();
        assert!(latest.confirms("cus_2") && !latest.confirms("cus_1"));
        assert_eq!(watermarks::prune(&mut tx, wall(190)).await.unwrap(), 2);
        assert_eq!(watermarks::oldest(&mut tx).await.unwrap(), Some(mark(3)));
        assert_eq!(watermarks::prune(&mut tx, wall(10)).await.unwrap(), 0);
    }

    async fn a_lane_was_confirmed_by_the_latest_pass_that_found_it_at_rest(db: Db) {
        let mut tx = db.begin().await.unwrap();
        let passes = [&[][..], &["cus_2"], &["cus_1", "cus_22"], &["cus_1"]];
        for (n, restless) in (1..).zip(passes) {
            let restless: Vec<String> = restless.iter().map(|lane| (*lane).to_owned()).collect();
            let mark = Watermark::new(id(n), None, wall(n as i64), 0, &restless);
            watermarks::add(&mut tx, &mark).await.unwrap();
        }
        for (lane, since, confirmed) in [
            ("cus_1", 0, Some(wall(2))),
            ("cus_1", 2, Some(wall(2))),
            ("cus_1", 3, None),
            ("cus_2", 0, Some(wall(4))),
            ("cus_22", 0, Some(wall(4))),
            ("cus", 0, Some(wall(4))),
        ] {
            let found = watermarks::confirmed(&mut tx, lane, wall(since)).await.unwrap();
            assert_eq!(found, confirmed, "{lane} since {since}");
        }
    }

    async fn an_installation_is_bound_once(db: Db) {
        let (one, two) = ("acct_1".try_into().unwrap(), "acct_2".try_into().unwrap());
        let mut tx = db.begin().await.unwrap();
        assert_eq!(installation::get(&mut tx).await.unwrap(), None);
        let made = installation::get_or_make(&mut tx, id(1), wall(1)).await.unwrap();
        let again = installation::get_or_make(&mut tx, id(2), wall(2)).await.unwrap();
        assert_eq!(made, again);
        assert_eq!((made.id, made.account), (id(1), None));
        assert!(installation::bind(&mut tx, &one, false, wall(3)).await.unwrap());
        assert!(installation::bind(&mut tx, &one, false, wall(4)).await.unwrap());
        assert!(!installation::bind(&mut tx, &one, true, wall(5)).await.unwrap());
        assert!(!installation::bind(&mut tx, &two, false, wall(5)).await.unwrap());
        let bound = installation::get(&mut tx).await.unwrap().unwrap();
        assert_eq!((bound.account, bound.livemode, bound.bound_at), (Some(one), Some(false), Some(wall(3))));
    }

    async fn the_newest_version_of_a_price_is_sold_and_the_old_ones_are_known(db: Db) {
        let mut tx = db.begin().await.unwrap();
        assert!(price_versions::add(&mut tx, &version(1)).await.unwrap());
        assert!(price_versions::add(&mut tx, &version(2)).await.unwrap());
        assert!(!price_versions::add(&mut tx, &version(2)).await.unwrap());
        let current = price_versions::current(&mut tx, "main", "pro", "monthly").await.unwrap();
        assert_eq!(current, Some(version(2)));
        assert_eq!(price_versions::current(&mut tx, "main", "pro", "annual").await.unwrap(), None);
        let old = version(1);
        let found = price_versions::by_stripe(&mut tx, &old.stripe_price).await.unwrap();
        assert_eq!(found, Some(old));
        assert_eq!(price_versions::list(&mut tx).await.unwrap(), [version(1), version(2)]);
    }

    async fn a_version_that_was_sold_before_is_made_the_newest_again(db: Db) {
        let mut tx = db.begin().await.unwrap();
        for known in [version(1), version(2)] {
            assert!(price_versions::make_newest(&mut tx, &known).await.unwrap());
        }
        let again = PriceVersion { version: 3, ..version(1) };
        assert!(price_versions::make_newest(&mut tx, &again).await.unwrap());
        assert!(price_versions::make_newest(&mut tx, &again).await.unwrap(), "twice is once");
        assert_eq!(price_versions::list(&mut tx).await.unwrap(), [version(2), again.clone()]);
        let current = price_versions::current(&mut tx, "main", "pro", "monthly").await.unwrap();
        assert_eq!(current, Some(again));

        let of_another = PriceVersion { price: "annual".into(), version: 1, ..version(2) };
        assert!(!price_versions::make_newest(&mut tx, &of_another).await.unwrap());
        let number_taken = PriceVersion { version: 3, ..version(4) };
        assert!(!price_versions::make_newest(&mut tx, &number_taken).await.unwrap());
    }

    async fn a_version_is_found_by_its_terms_and_by_no_others(db: Db) {
        let mut tx = db.begin().await.unwrap();
        let dearer = PriceVersion { amount: 3900, ..version(2) };
        for known in [&version(1), &dearer, &version(3)] {
            assert!(price_versions::make_newest(&mut tx, known).await.unwrap());
        }
        let every = |count, unit| Interval { unit, count };
        let days = every(30, IntervalUnit::Day);
        for (price, amount, interval, found) in [
            ("monthly", Money::new(3900, Currency::USD), days, Some(dearer)),
            ("monthly", Money::new(2900, Currency::USD), days, Some(version(3))),
            ("annual", Money::new(2900, Currency::USD), days, None),
            ("monthly", Money::new(2901, Currency::USD), days, None),
            ("monthly", Money::new(2900, "eur".try_into().unwrap()), days, None),
            ("monthly", Money::new(2900, Currency::USD), every(31, IntervalUnit::Day), None),
            ("monthly", Money::new(2900, Currency::USD), every(30, IntervalUnit::Week), None),
        ] {
            let keys = ["main", "pro", price];
            let of_terms = price_versions::of_terms(&mut tx, keys, amount, interval).await.unwrap();
            assert_eq!(of_terms, found, "{price}, {amount} {interval}");
        }
    }

    async fn replicas_say_that_they_live(db: Db) {
        let replica = |n: u128, seen| Replica {
            id: id(n),
            started_at: wall(0),
            seen_at: wall(seen),
            delivered_at: Some(wall(seen + 1)),
        };
        let mut tx = db.begin().await.unwrap();
        replicas::beat(&mut tx, &replica(1, 0)).await.unwrap();
        replicas::beat(&mut tx, &replica(2, 0)).await.unwrap();
        replicas::beat(&mut tx, &replica(3, 50)).await.unwrap();
        replicas::beat(&mut tx, &replica(1, 60)).await.unwrap();
        assert_eq!(replicas::last_delivery(&mut tx).await.unwrap(), Some(wall(61)));
        replicas::leave(&mut tx, id(3), wall(10)).await.unwrap();
        assert_eq!(replicas::list(&mut tx).await.unwrap(), [replica(1, 60)]);
    }
}
