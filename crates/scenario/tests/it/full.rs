//! A SQLite file that has no room left, in the middle of traffic: what cannot be kept is refused, and
//! nothing of it stays behind. When there is room again all goes on, without a restart.
//!
//! Of the limit only the connection that writes knows, and the product closes it when a transaction
//! has met the limit. So it is set before each request.

use http::{Method, StatusCode};
use serde_json::json;
use specie_sandbox::Outcome;
use specie_scenario::{Card, Person, Stage, checks};
use specie_server::alarms;
use specie_store::inbox::{self, InboxState};
use specie_store::raw;

use crate::set::{having, stage, text};

/// As many requests as are tried before one finds no room.
const MANY: usize = 200;

async fn pragma(stage: &Stage, sql: &'static str) {
    let mut tx = stage.app.db.begin().await.unwrap();
    raw(&mut tx, sql).await.unwrap();
    tx.commit().await.unwrap();
}

/// The file does not grow, until a transaction has met that.
async fn no_more_pages(stage: &Stage) {
    // It is raised to the number of pages that there are.
    pragma(stage, "pragma max_page_count = 1").await;
}

async fn make_room(stage: &Stage) {
    pragma(stage, "pragma max_page_count = 1000000").await;
}

async fn is_alarmed(stage: &Stage) -> bool {
    let standing = alarms::standing(&stage.app).await.unwrap();
    standing.iter().any(|it| it.alarm.code == "not_stored")
}

async fn state_of(stage: &Stage, event: &str) -> Option<InboxState> {
    let mut tx = stage.app.db.read().await.unwrap();
    inbox::head(&mut tx, event).await.unwrap().map(|head| head.state)
}

/// What became of the newest attempt to deliver something: the event, and the answer.
fn last_attempt(stage: &Stage) -> (String, Outcome) {
    let last = stage.sandbox.attempts().pop().unwrap();
    (last.event, last.outcome)
}

/// Somebody renames Ada in the dashboard until we are told of it in vain. Answers that event.
async fn refused_event(stage: &Stage) -> String {
    let ada = Person::new(stage, "ada", "Ada");
    let path = format!("/v1/customers/{}", text(&stage.sandbox.list("customer")[0]["id"]));
    for n in 0..MANY {
        no_more_pages(stage).await;
        ada.api(Method::POST, &path, &format!("name=Ada+{n}")).await.unwrap();
        stage.sandbox.deliver(&stage.service.transport).await;
        let (event, outcome) = last_attempt(stage);
        if outcome == Outcome::Answered(503) {
            return event;
        }
        assert_eq!(outcome, Outcome::Answered(200));
        assert_eq!(state_of(stage, &event).await, Some(InboxState::Pending));
    }
    panic!("there was always room for an event");
}

/// People come and choose a plan, until one is told to come back. Answers who.
async fn refused_buyer(stage: &Stage) -> Person<'_> {
    for n in 0..MANY {
        no_more_pages(stage).await;
        let person = Person::new(stage, &format!("buyer-{n}"), "Buyer");
        let choice = json!({ "plan": "pro", "price": "monthly" });
        let reply = person.call(Method::POST, "checkout", choice).await.unwrap();
        if reply.status != StatusCode::CREATED {
            assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{}", reply.text());
            let code = reply.json().unwrap()["code"].clone();
            assert!(["unavailable", "stripe_unavailable"].contains(&text(&code)), "{code}");
            return person;
        }
    }
    panic!("there was always room for a checkout");
}

/// SQLite alone: what fills a server's disk is not for one of its databases to say.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_file_refuses_webhooks_and_checkouts_and_all_goes_on_when_there_is_room() {
    let (stage, _folder) = stage().await;
    let ada = Person::new(&stage, "ada", "Ada");
    ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
    stage.conductor.settle().await.unwrap();
    stage.conductor.watermark().await.unwrap();

    let event = refused_event(&stage).await;
    assert_eq!(state_of(&stage, &event).await, None, "nothing of it is kept");
    assert!(is_alarmed(&stage).await);
    let buyer = refused_buyer(&stage).await;
    checks::always(&stage.sides()).await.unwrap();
    no_more_pages(&stage).await;
    // Lanes and mails meet it too: what they were at is done when there is room.
    let _met = stage.conductor.pulse().await;
    checks::always(&stage.sides()).await.unwrap();
    assert_eq!(ada.subscription().await.unwrap()["access"], true, "reads go on");

    make_room(&stage).await;
    stage.conductor.settle().await.unwrap();
    assert_eq!(state_of(&stage, &event).await, Some(InboxState::Handled), "it was sent again");
    assert!(!is_alarmed(&stage).await);
    let checkout = buyer.checkout("pro", "monthly").await.unwrap();
    buyer.pay(text(&checkout["url"]), Card::GOOD).await.unwrap();
    stage.conductor.settle().await.unwrap();
    stage.conductor.watermark().await.unwrap();
    assert_eq!(buyer.subscription().await.unwrap()["status"], "active");
    assert_eq!(having(&stage, "subscription", "active").len(), 2);
    checks::always(&stage.sides()).await.unwrap();
    checks::at_rest(&stage.sides()).await.unwrap();
}
