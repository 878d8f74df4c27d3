//! Where many lanes wait, Stripe's lists are read, and not each object by itself.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request};
use specie_scenario::{Card, Person, Stage, agree};
use specie_server::lanes::Shelf;
use specie_stripe::Transport;
use tower::ServiceExt;

use crate::overtaken::Reading;
use crate::set::{Process, beside_but, both, deliver, lose_all, text, way};

const DAY: i64 = 86_400;
/// Enough lanes for the process below.
const MANY: usize = 3;

/// The paths that were read.
#[derive(Clone, Default)]
pub struct Paths(Arc<Mutex<Vec<String>>>);

impl Paths {
    pub fn way(&self, inner: Transport) -> Transport {
        let paths = self.clone();
        way(move |request: Request<Bytes>| {
            if request.method() == Method::GET {
                paths.0.lock().unwrap().push(request.uri().path().to_owned());
            }
            inner.clone().oneshot(request)
        })
    }

    pub fn of(&self, path: &str) -> usize {
        self.0.lock().unwrap().iter().filter(|it| *it == path).count()
    }

    /// Those of single objects.
    fn single(&self) -> Vec<String> {
        let paths = self.0.lock().unwrap();
        let single = |it: &&String| it.split('/').any(|part| part.contains('_') && is_id(part));
        paths.iter().filter(single).cloned().collect()
    }
}

fn is_id(part: &str) -> bool {
    part.bytes().any(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
}

/// A process for which three lanes are many.
fn reading_ahead(stage: &Stage, to_stripe: Transport) -> Process {
    beside_but(stage, to_stripe, |parts| parts.shelf = Shelf::from(MANY))
}

/// So many subscribers at rest.
async fn subscribers(stage: &Stage, many: usize) {
    for n in 0..many {
        let person = Person::new(stage, &format!("p{n}"), "Somebody");
        person.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
    }
    stage.conductor.settle().await.unwrap();
    stage.conductor.watermark().await.unwrap();
}

/// All renew, and no webhook comes.
async fn renew_unheard(stage: &Stage) {
    lose_all(stage, true);
    let month = 31 * DAY + 3_700;
    // Whoever has looked at nothing for as long as events are listed looks at everybody.
    stage.wall.advance_to(stage.app.wall.now().plus_seconds(15 * DAY).timestamp());
    stage.conductor.watermark().await.unwrap();
    stage.wall.advance_to(stage.app.wall.now().plus_seconds(month - 15 * DAY).timestamp());
    let to = stage.sandbox.now() + month;
    while stage.conductor.step(to).await.unwrap() {}
}

async fn assert_agreed(stage: &Stage) {
    let found = agree::compare(&stage.app.db, &stage.stripe).await.unwrap();
    assert_eq!(found.differing, [] as [String; 0]);
}

both! {
    async fn a_renewal_that_nobody_heard_of_is_read_from_lists(stage: &Stage) {
        subscribers(stage, MANY + 2).await;
        renew_unheard(stage).await;
        let paths = Paths::default();
        let process = reading_ahead(stage, paths.way(stage.stripe.transport.clone()));
        process.conductor.watermark().await.unwrap();
        assert_agreed(stage).await;
        assert_eq!(paths.single(), [] as [String; 0]);
        assert_eq!(paths.of("/v1/subscriptions"), 1);
        // What tells of the invoices' payments names no customer, and nothing that is not known by then.
        assert_eq!(paths.of("/v1/payment_intents"), 1);
        assert_eq!(paths.of("/v1/invoices"), 0);
    }

    async fn few_lanes_are_read_one_by_one(stage: &Stage) {
        subscribers(stage, MANY - 1).await;
        renew_unheard(stage).await;
        let paths = Paths::default();
        let process = reading_ahead(stage, paths.way(stage.stripe.transport.clone()));
        process.conductor.watermark().await.unwrap();
        assert_agreed(stage).await;
        assert_eq!(paths.of("/v1/subscriptions"), 0);
        assert_ne!(paths.single(), [] as [String; 0]);
    }

    // Ada cancels when the list has been read, and has not been heard yet. Her event comes before her
    // lane is claimed.
    async fn what_comes_while_lists_are_read_is_read_for_itself(stage: &Stage) {
        subscribers(stage, MANY).await;
        lose_all(stage, true);
        let ids: Vec<_> = stage.sandbox.list("subscription");
        let ids: Vec<_> = ids.iter().map(|it| text(&it["id"]).to_owned()).collect();
        let anybody = Person::new(stage, "p0", "Somebody");
        for id in &ids {
            change(&anybody, id, "metadata[seat]=7").await;
            deliver(stage, &stage.sandbox.list("event")[0]).await;
        }
        let reading = Reading::new();
        let way = reading.way_of(stage, |path| path == "/v1/subscriptions");
        let process = reading_ahead(stage, way);
        let (worked, ()) = tokio::join!(process.conductor.pulse(), async {
            reading.wait().await;
            change(&anybody, &ids[0], "cancel_at_period_end=true").await;
            deliver(stage, &stage.sandbox.list("event")[0]).await;
            reading.go_on();
        });
        worked.unwrap();
        assert_agreed(stage).await;
    }

    // Six pages of strangers come before the three who are looked for.
    async fn a_list_that_brings_nothing_is_left(stage: &Stage) {
        subscribers(stage, MANY).await;
        lose_all(stage, true);
        let anybody = Person::new(stage, "p0", "Somebody");
        let ours = stage.sandbox.list("customer");
        for n in 0..600 {
            let form = format!("email=stranger{n}%40example.com");
            anybody.api(Method::POST, "/v1/customers", &form).await.unwrap();
        }
        for it in &ours {
            let path = format!("/v1/customers/{}", text(&it["id"]));
            anybody.api(Method::POST, &path, "name=Another").await.unwrap();
            deliver(stage, &stage.sandbox.list("event")[0]).await;
        }
        let paths = Paths::default();
        let process = reading_ahead(stage, paths.way(stage.stripe.transport.clone()));
        process.conductor.pulse().await.unwrap();
        assert_eq!(paths.of("/v1/customers"), 5);
        assert_eq!(paths.single().len(), MANY);
    }
}

async fn change(person: &Person<'_>, subscription: &str, form: &str) {
    let path = format!("/v1/subscriptions/{subscription}");
    person.api(Method::POST, &path, form).await.unwrap();
}
