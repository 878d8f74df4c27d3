//! Histories made from a seed: whatever the order in which things come, are claimed, fail and
//! crash, nothing is lost, nothing is done twice, and an end stays an end.

use std::collections::BTreeSet;

use specie_store::inbox::{self, InboxState};
use specie_store::lanes::{self, Claim, Counts};
use specie_store::mirrors::subscriptions::{self, SubscriptionRow};
use specie_store::{Db, wishes};
use specie_vocab::{Chance, SeededChance};

use crate::mirrors::subscription;
use crate::scene::{both, business, event, wall, wish};

/// Numbers from a seed.
struct Dice(SeededChance);

impl Dice {
    fn below(&self, n: u64) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes) % n
    }
}

/// What a worker does with a claim, in one transaction. Answers with the events it has handled, and
/// none of them if its claim does not stand any more.
async fn work(db: &Db, claim: &Claim, now: i64) -> Vec<String> {
    let mut tx = db.begin().await.unwrap();
    if !lanes::holds(&mut tx, &claim.lane, claim.fence).await.unwrap() {
        return Vec::new();
    }
    let ids: Vec<_> = claim.events.iter().map(|event| event.id.clone()).collect();
    let done: Vec<_> = claim.wishes.iter().map(|wish| wish.id).collect();
    inbox::mark(&mut tx, &ids, InboxState::Handled, wall(now)).await.unwrap();
    wishes::done(&mut tx, &done).await.unwrap();
    assert!(lanes::release(&mut tx, &claim.lane, claim.fence, None).await.unwrap());
    tx.commit().await.unwrap();
    ids
}

async fn claim(db: &Db, lane: &str, now: i64) -> Option<Claim> {
    let mut tx = db.begin().await.unwrap();
    let claim = lanes::claim(&mut tx, lane, 30, wall(now), business(0)).await.unwrap();
    tx.commit().await.unwrap();
    claim
}

/// Plays 150 moves and then brings all to rest. Each event must be handled exactly once.
async fn play(db: &Db, seed: u64) {
    let dice = Dice(SeededChance::new(seed));
    let (mut now, mut came) = (0, 0);
    let mut running: Vec<Claim> = Vec::new();
    let mut handled = Vec::new();
    for _ in 0..150 {
        now += i64::try_from(dice.below(8)).unwrap();
        let lane = format!("cus_{}", dice.below(3));
        match dice.below(7) {
            0 | 1 => {
                // Some come twice.
                let n = if dice.below(4) == 0 { came / 2 } else { came + 1 };
                inbox::add(db, &[event(n, &format!("cus_{}", n % 3))]).await.unwrap();
                came = came.max(n);
            }
            2 => {
                let mut tx = db.begin().await.unwrap();
                let due = wall(now + i64::try_from(dice.below(20)).unwrap());
                let id = u128::from(dice.below(u64::MAX)) + 1;
                wishes::add(&mut tx, &wish(id, &lane, due)).await.unwrap();
                tx.commit().await.unwrap();
            }
            3 | 4 => running.extend(claim(db, &lane, now).await),
            5 if !running.is_empty() => {
                let at = usize::try_from(dice.below(running.len() as u64)).unwrap();
                handled.extend(work(db, &running.swap_remove(at), now).await);
            }
            6 if !running.is_empty() => {
                let at = usize::try_from(dice.below(running.len() as u64)).unwrap();
                let failed = running.swap_remove(at);
                // It crashes, or says that it failed.
                if dice.below(2) == 0 {
                    let mut tx = db.begin().await.unwrap();
                    let until = wall(now + 5);
                    let lane = &failed.lane;
                    lanes::back_off(&mut tx, lane, failed.fence, until, Counts::Yes).await.unwrap();
                    tx.commit().await.unwrap();
                }
            }
            _ => {}
        }
        let lanes: BTreeSet<_> = running.iter().map(|claim| (&claim.lane, claim.fence)).collect();
        assert_eq!(lanes.len(), running.len(), "no fence is given twice (seed {seed})");
    }
    let mut rounds = 0;
    while !lanes::at_rest(&mut db.read().await.unwrap()).await.unwrap() {
        rounds += 1;
        assert!(rounds < 100, "it comes to rest (seed {seed})");
        let mut tx = db.read().await.unwrap();
        let due = lanes::due(&mut tx, wall(now), business(0), 9, None).await.unwrap();
        let next = lanes::next_wall(&mut tx, wall(now)).await.unwrap();
        drop(tx);
        for lane in &due {
            if let Some(claim) = claim(db, lane, now).await {
                handled.extend(work(db, &claim, now).await);
            }
        }
        if due.is_empty() {
            let next = next.expect("what is not at rest waits for a moment");
            now = next.seconds_since(wall(0)).max(now + 1);
        }
    }
    let once: BTreeSet<_> = handled.iter().cloned().collect();
    assert_eq!(once.len(), handled.len(), "no event is handled twice (seed {seed})");
    let mut tx = db.read().await.unwrap();
    let stored = inbox::count(&mut tx).await.unwrap();
    assert_eq!(once.len() as i64, stored, "no event is lost (seed {seed})");
}

/// Writes states in an order of the seed's; the first end that came must be what stays.
async fn write_late(db: &Db, seed: u64) {
    const STATES: [&str; 6] =
        ["incomplete", "active", "past_due", "unpaid", "canceled", "incomplete_expired"];
    let dice = Dice(SeededChance::new(seed));
    let row = |status| SubscriptionRow {
        id: format!("sub_{seed}").as_str().try_into().unwrap(),
        ..subscription(status)
    };
    let mut tx = db.begin().await.unwrap();
    let mut expected = "";
    for _ in 0..12 {
        let state = STATES[usize::try_from(dice.below(6)).unwrap()];
        if !["canceled", "incomplete_expired"].contains(&expected) {
            expected = state;
        }
        subscriptions::upsert(&mut tx, &row(state)).await.unwrap();
        let found = subscriptions::get(&mut tx, &row(state).id).await.unwrap().unwrap();
        assert_eq!(found, row(expected), "seed {seed}");
    }
}

both! {
    async fn each_event_is_handled_once_whatever_happens_to_the_workers(db: Db) {
        for seed in 1..=3 {
            play(&db, seed).await;
            let mut tx = db.begin().await.unwrap();
            for sql in ["delete from inbox", "delete from wishes", "delete from lanes"] {
                specie_store::raw(&mut tx, sql).await.unwrap();
            }
            tx.commit().await.unwrap();
        }
    }

    async fn the_first_end_that_came_stays(db: Db) {
        for seed in 1..=20 {
            write_late(&db, seed).await;
        }
    }
}
