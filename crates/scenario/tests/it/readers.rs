//! Whoever reads while Stripe takes its time: how long they wait, and how often it is asked for them.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;
use specie_billing::catalog::StaleAccess;
use specie_scenario::{Person, Stage};
use specie_server::Patience;
use specie_store::lanes;
use specie_vocab::WallClock;

use crate::ahead::Paths;
use crate::overtaken::Reading;
use crate::set::{Process, beside, both, text};
use crate::views::{counting, process, subscribed, wait};

/// Whoever waits for nobody has come to an end by then, however slow the machine is.
const PATIENCE: Duration = Duration::from_secs(15);

async fn soon<T>(call: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, call).await.expect("it waits for nobody")
}

/// Ada's subscription, which nobody has confirmed for five minutes.
struct Unconfirmed {
    path: String,
    lane: String,
}

async fn unconfirmed(stage: &Stage) -> Unconfirmed {
    subscribed(stage).await;
    wait(stage, 301);
    let own = stage.sandbox.list("subscription").remove(0);
    let path = format!("/v1/subscriptions/{}", text(&own["id"]));
    Unconfirmed { path, lane: text(&own["customer"]).to_owned() }
}

/// A process for which what Stripe says of subscriptions is held back, and what it reads.
fn held_back(stage: &Stage, reading: &Reading, patience: Patience) -> (Process, Paths) {
    let held = reading.way_of(stage, |path| path.starts_with("/v1/subscriptions/"));
    let paths = Paths::default();
    (process(stage, paths.way(held), StaleAccess::Allow, patience), paths)
}

/// Until nothing in a lane is due.
async fn looked_at(stage: &Stage, lane: &str) {
    let is_due = async || {
        let mut tx = stage.app.db.read().await.unwrap();
        lanes::has_due(&mut tx, lane, stage.wall.now()).await.unwrap()
    };
    while is_due().await {
        tokio::task::yield_now().await;
    }
}

both! {
    // Stripe's answer is there when all have theirs, and not before. It is for whoever reads next.
    async fn a_reader_waits_for_no_more_than_a_moment(stage: &Stage) {
        let own = unconfirmed(stage).await;
        let reading = Reading::new();
        let (process, paths) = held_back(stage, &reading, Patience::Sleeps);
        let ada = Person::new(stage, "ada", "Ada").at(&process.service);
        let three = async {
            tokio::join!(ada.subscription(), ada.subscription(), ada.subscription())
        };
        let three = soon(three).await;
        for view in [three.0, three.1, three.2] {
            assert_eq!(view.unwrap()["stale"], true);
        }

        reading.wait().await;
        reading.go_on();
        soon(looked_at(stage, &own.lane)).await;
        assert_eq!(paths.of(&own.path), 1);
        let (away, calls) = counting(stage, true);
        let next = beside(stage, away);
        let ada = Person::new(stage, "ada", "Ada").at(&next.service);
        let view = ada.subscription().await.unwrap();
        assert_eq!((&view["stale"], calls.load(Ordering::SeqCst)), (&json!(false), 0));
    }

    // Here whoever asks Stripe waits for as long as it takes: the others do not ask.
    async fn of_those_who_read_at_once_one_asks(stage: &Stage) {
        let own = unconfirmed(stage).await;
        let reading = Reading::new();
        let (process, paths) = held_back(stage, &reading, Patience::Returns);
        let ada = Person::new(stage, "ada", "Ada").at(&process.service);
        let (first, ()) = tokio::join!(ada.subscription(), async {
            reading.wait().await;
            for _ in 0..2 {
                assert_eq!(soon(ada.subscription()).await.unwrap()["stale"], true);
            }
            reading.go_on();
        });
        assert_eq!(first.unwrap()["stale"], false);
        assert_eq!(paths.of(&own.path), 1);
    }
}
