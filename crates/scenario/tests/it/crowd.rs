//! Many customers who read at once, when nobody has confirmed anything for five minutes.

use specie_billing::catalog::StaleAccess;
use specie_scenario::{Person, Stage};
use specie_server::{App, Patience, reads};
use specie_store::customers::{self, Payer};
use specie_store::lanes;
use tokio::task::JoinSet;

use crate::overtaken::Reading;
use crate::set::both;
use crate::views::process;

/// Of so many of them Stripe is asked at once.
const PLACES: usize = 16;

fn wait(stage: &Stage, seconds: i64) {
    let to = stage.app.wall.now().plus_seconds(seconds);
    stage.wall.advance_to(to.timestamp());
}

/// So many customers with an open checkout, whose views have just become old.
async fn customers(stage: &Stage, many: usize) -> Vec<Payer> {
    for n in 0..many {
        let person = Person::new(stage, &format!("p{n}"), "Somebody");
        person.checkout("pro", "monthly").await.unwrap();
    }
    stage.conductor.settle().await.unwrap();
    // All further looks are over.
    wait(stage, 120);
    stage.conductor.settle().await.unwrap();
    wait(stage, 301);
    let mut tx = stage.app.db.read().await.unwrap();
    customers::list(&mut tx, 100).await.unwrap()
}

async fn is_stale(app: App, payer: Payer) -> bool {
    let group = app.catalog.groups[0].key.clone();
    reads::subscription(&app, &payer, &group).await.unwrap().stale
}

/// Waits for what goes on by itself.
async fn until(app: &App, done: impl AsyncFn() -> bool) {
    for _ in 0..400 {
        if done().await {
            return;
        }
        app.wait_for_others().await;
    }
    panic!("it does not come to an end");
}

both! {
    async fn stripe_is_asked_about_some_of_those_who_read_and_the_others_do_not_wait(stage: &Stage) {
        let mut people = customers(stage, PLACES + 1).await;
        let late = people.pop().unwrap();
        let reading = Reading::new();
        let way = reading.way_of(stage, |path| path.starts_with("/v1/checkout/sessions/"));
        let process = process(stage, way, StaleAccess::Allow, Patience::Sleeps);
        let mut first = JoinSet::new();
        for payer in people {
            first.spawn(is_stale(process.app.clone(), payer));
        }
        assert_eq!(first.join_all().await, [true; PLACES]);
        for _ in 0..PLACES {
            reading.wait().await;
        }

        assert!(is_stale(process.app.clone(), late.clone()).await);
        assert!(!reading.is_there(), "stripe was asked about one more");

        // Whoever is done makes room.
        reading.go_on();
        until(&process.app, async || !is_stale(process.app.clone(), late.clone()).await).await;
        until(&process.app, async || {
            let mut tx = process.app.db.read().await.unwrap();
            lanes::at_rest(&mut tx).await.unwrap()
        })
        .await;
    }
}
