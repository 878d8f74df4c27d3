//! Metrics and alarms: what the manual says of them, and how long an alarm stands.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::json;
use specie_server::alarms::{self, ALARMS};
use specie_store::held::{self, StoredHeld};
use specie_store::inbox::{self, InboxState, NewEvent};
use specie_store::intents::{self, Intent, IntentState};
use specie_store::mails::{self, Mail};
use specie_store::outbox::{self, Effect};
use specie_store::watermarks::{self, Watermark};
use specie_store::{Tx, quarantine, raw};
use specie_stripe::{Form, Priority};
use specie_vocab::{BusinessTime, IntentId, WallTime};
use tower::ServiceExt;

use crate::house::{Answer, House, NOW, WEBHOOK_SECRET, both};

const MANUAL: &str = include_str!("../../../../docs/operating.md");

async fn metrics(house: &House) -> String {
    let get = Request::get("/metrics").body(Body::empty()).unwrap();
    Answer::of(house.private.clone().oneshot(get).await.unwrap()).await.text
}

/// The cells of the table below a heading of the manual, without its head.
fn table(heading: &str) -> Vec<Vec<&'static str>> {
    let start = MANUAL.find(heading).unwrap();
    let lines = MANUAL[start..].lines().skip_while(|line| !line.starts_with("| --- "));
    let rows = lines.skip(1).take_while(|line| line.starts_with('|'));
    let cells = |row: &'static str| row.trim_matches('|').split('|').map(str::trim).collect();
    rows.map(cells).collect()
}

/// What stands between backticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// Name, kind and labels of each metric.
type Described = BTreeMap<String, (String, BTreeSet<String>)>;

fn shown(text: &str) -> Described {
    let mut all = Described::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        let name = if kind == "counter" { format!("{name}_total") } else { name.into() };
        all.insert(name, (kind.into(), BTreeSet::new()));
    }
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        let bare = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        let name = bare.filter(|bare| all.contains_key(*bare)).unwrap_or(name);
        let inside = line.split_once('{').map_or("", |(_, rest)| rest.split('}').next().unwrap());
        let labels = inside.split(',').filter_map(|label| Some(label.split_once('=')?.0));
        let labels = labels.filter(|label| *label != "le").map(String::from);
        all.get_mut(name).unwrap_or_else(|| panic!("{name} has no type")).1.extend(labels);
    }
    all
}

async fn change(house: &House, sql: &'static str) {
    let mut tx = house.app.db.begin().await.unwrap();
    raw(&mut tx, sql).await.unwrap();
    tx.commit().await.unwrap();
}

/// What keeps events out of the database, and what lets them in again.
fn refusal(house: &House) -> [&'static str; 2] {
    if house.app.db.is_postgres() {
        return [
            "create function refuse() returns trigger language plpgsql as \
             $$ begin raise exception 'no room for this'; end $$; \
             create trigger refuses before insert on inbox for each row execute function refuse()",
            "drop trigger refuses on inbox",
        ];
    }
    [
        "create trigger refuses before insert on inbox \
         begin select raise(abort, 'no room for this'); end",
        "drop trigger refuses",
    ]
}

/// What an event is answered with.
async fn delivered(house: &House) -> StatusCode {
    let body = json!({
        "id": "evt_1", "object": "event", "api_version": "2026-10-28.endive", "created": NOW,
        "livemode": false, "type": "customer.updated",
        "data": { "object": { "id": "cus_1", "object": "customer" } },
    });
    house.deliver(body.to_string().as_bytes(), WEBHOOK_SECRET).await.status
}

both! {
    async fn the_manual_and_the_metrics_are_one_list(house: &House) {
        delivered(house).await;
        let mut tx = house.app.db.begin().await.unwrap();
        pass(&mut tx, house, NOW).await;
        tx.commit().await.unwrap();
        let described = table("## Metrics").into_iter().map(|row| {
            let labels = quoted(row[2]).into_iter().map(String::from).collect();
            (quoted(row[0])[0].to_owned(), (row[1].to_owned(), labels))
        });
        assert_eq!(shown(&metrics(house).await), described.collect::<Described>());
    }

    async fn events_that_wait_for_a_person_stand_until_they_are_seen_to(house: &House) {
        assert_eq!(standing(house).await, [""; 0]);
        let mut tx = house.app.db.begin().await.unwrap();
        let ids = ["evt_1".to_owned()];
        let events =
            [event("evt_1", NOW, InboxState::Parked), event("evt_2", NOW, InboxState::Foreign)];
        inbox::add_in(&mut tx, &events).await.unwrap();
        let who = house.payer(&mut tx).await;
        quarantine::add(&mut tx, who, "sub_1", "currency_mismatch", &json!({})).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(standing(house).await, ["event_parked", "foreign_event", "quarantined"]);

        house.wait(86_401);
        let now = WallTime::from_second(NOW + 86_401);
        let mut tx = house.app.db.begin().await.unwrap();
        inbox::mark(&mut tx, &ids, InboxState::Handled, now).await.unwrap();
        quarantine::resolve(&mut tx, who, "sub_1", "currency_mismatch", now).await.unwrap();
        pass(&mut tx, house, NOW + 86_401).await;
        tx.commit().await.unwrap();
        assert_eq!(standing(house).await, [""; 0]);
    }

    async fn changes_and_subscriptions_stand_until_somebody_has_decided(house: &House) {
        let now = WallTime::from_second(NOW);
        let mut tx = house.app.db.begin().await.unwrap();
        let who = house.payer(&mut tx).await;
        for subscription in ["sub_1", "sub_2"] {
            held::save(&mut tx, who, &active(subscription, "active"), now).await.unwrap();
        }
        let stuck = Intent {
            id: IntentId(house.app.id()),
            payer: who,
            plan_group: None,
            kind: "portal".into(),
            what: json!({}),
            asked_by: "specie".into(),
            state: IntentState::Stuck,
            decided_version: 0,
            created_at: now,
            finished_at: None,
            result: None,
        };
        intents::insert(&mut tx, &stuck).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(standing(house).await, ["intent_stuck", "second_subscription"]);

        let mut tx = house.app.db.begin().await.unwrap();
        held::save(&mut tx, who, &active("sub_2", "canceled"), now).await.unwrap();
        intents::finish(&mut tx, stuck.id, IntentState::Failed, None, now).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(standing(house).await, [""; 0]);
    }

    async fn a_mail_that_is_late_or_given_up_is_an_alarm(house: &House) {
        let now = WallTime::from_second(NOW);
        let mut tx = house.app.db.begin().await.unwrap();
        let who = house.payer(&mut tx).await;
        let effect = Effect::new("a", who, "mail", json!({}), BusinessTime::from_second(NOW));
        outbox::add(&mut tx, &effect).await.unwrap();
        for tries in 1..=3 {
            let now = now.plus_seconds(tries * 100);
            outbox::claim(&mut tx, 1, now, BusinessTime::from_second(NOW)).await.unwrap();
        }
        tx.commit().await.unwrap();
        assert_eq!(standing(house).await, ["mail_failing"]);

        let mut tx = house.app.db.begin().await.unwrap();
        outbox::done(&mut tx, "a").await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(standing(house).await, [""; 0]);

        let mail = Mail {
            key: "a".into(),
            payer: who,
            kind: "receipt".into(),
            recipient: "ada@example.com".into(),
            subject: String::new(),
            text: String::new(),
            html: String::new(),
            message_id: "<1@specie>".into(),
            created_at: BusinessTime::from_second(NOW),
            sent_at: None,
            failed_at: Some(now),
            failure: Some("550".into()),
        };
        let mut tx = house.app.db.begin().await.unwrap();
        mails::insert(&mut tx, &mail).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(standing(house).await, ["mail_failing"]);
        house.wait(86_401);
        assert!(!standing(house).await.contains(&"mail_failing"));
    }

    async fn events_without_a_webhook_are_noticed_after_five_minutes(house: &House) {
        assert_eq!(standing(house).await, [""; 0], "it begins to look");
        let mut tx = house.app.db.begin().await.unwrap();
        let unread = NewEvent {
            kind: "charge.succeeded".into(),
            ..event("evt_1", NOW + 1, InboxState::Unclaimed)
        };
        let read = event("evt_2", NOW + 10, InboxState::Unclaimed);
        inbox::add_in(&mut tx, &[unread, read]).await.unwrap();
        tx.commit().await.unwrap();
        house.wait(310);
        assert!(!standing(house).await.contains(&"no_webhook"), "the first is not sent to us");
        house.wait(1);
        assert!(standing(house).await.contains(&"no_webhook"));
        house.deliver(b"signed", WEBHOOK_SECRET).await;
        assert!(!standing(house).await.contains(&"no_webhook"), "a webhook came");
    }

    async fn events_that_were_made_while_nobody_was_there_are_no_alarm(house: &House) {
        assert_eq!(standing(house).await, [""; 0], "it begins to look");
        let found = |id: &str, made: i64, at: i64| NewEvent {
            created: BusinessTime::from_second(made),
            ..event(id, at, InboxState::Unclaimed)
        };
        let missed = [found("evt_1", NOW - 3_000, NOW + 5), found("evt_2", NOW - 1, NOW + 5)];
        inbox::add(&house.app.db, &missed).await.unwrap();
        house.wait(400);
        assert!(!standing(house).await.contains(&"no_webhook"), "it was our own outage");
        inbox::add(&house.app.db, &[found("evt_3", NOW, NOW + 400)]).await.unwrap();
        house.wait(300);
        assert!(!standing(house).await.contains(&"no_webhook"), "it may still be delivered");
        house.wait(1);
        assert!(standing(house).await.contains(&"no_webhook"));
    }

    async fn a_stripe_that_is_silent_is_noticed(house: &House) {
        assert_eq!(standing(house).await, [""; 0]);
        house.app.stripe.get("/v1/account", &Form::new(), Priority::Background).await.unwrap_err();
        assert_eq!(standing(house).await, [""; 0], "once may be an accident");
        for _ in 0..2 {
            house
                .app
                .stripe
                .get("/v1/account", &Form::new(), Priority::Background)
                .await
                .unwrap_err();
        }
        assert_eq!(standing(house).await, ["stripe_unreachable"]);
    }

    async fn passes_that_do_not_come_to_their_end_are_noticed(house: &House) {
        assert_eq!(standing(house).await, [""; 0]);
        house.wait(301);
        assert_eq!(standing(house).await, ["stripe_unreachable"], "no pass has been complete");
        let mut tx = house.app.db.begin().await.unwrap();
        pass(&mut tx, house, NOW + 301).await;
        tx.commit().await.unwrap();
        assert_eq!(standing(house).await, [""; 0]);
    }

    async fn events_that_the_database_does_not_take_are_an_alarm_until_it_takes_one(house: &House) {
        let [refuses, takes] = refusal(house);
        change(house, refuses).await;
        assert_eq!(standing(house).await, [""; 0], "nothing has come");
        assert_eq!(delivered(house).await, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(standing(house).await, ["not_stored"]);
        let found = alarms::standing(&house.app).await.unwrap().remove(0).found;
        assert!(found.contains("no room for this"), "{found}");
        change(house, takes).await;
        house.wait(60);
        assert_eq!(standing(house).await, ["not_stored"], "nobody has tried since");
        assert_eq!(delivered(house).await, StatusCode::OK);
        assert_eq!(standing(house).await, [""; 0]);
        assert_eq!(house.inbox().await, [("customer.updated".to_owned(), "pending")]);
    }
}

#[test]
fn the_manual_and_the_alarms_are_one_list() {
    let described = table("## Alarms");
    let raised: Vec<_> = ALARMS.iter().map(|it| (it.code, it.meaning, it.mend)).collect();
    let described: Vec<_> =
        described.iter().map(|row| (quoted(row[0])[0], row[1], row[2])).collect();
    assert_eq!(described, raised);
    assert!(ALARMS.is_sorted_by_key(|it| it.code));
}

async fn pass(tx: &mut Tx, house: &House, at: i64) {
    let mark = Watermark::new(house.app.id(), None, WallTime::from_second(at), 0, &[]);
    watermarks::add(tx, &mark).await.unwrap();
}

async fn standing(house: &House) -> Vec<&'static str> {
    let standing = alarms::standing(&house.app).await.unwrap();
    let codes: Vec<_> = standing.iter().map(|it| it.alarm.code).collect();
    let text = metrics(house).await;
    for alarm in &ALARMS {
        let stands = i32::from(codes.contains(&alarm.code));
        let line = format!("specie_alarm{{code=\"{}\"}} {stands}\n", alarm.code);
        assert!(text.contains(&line), "{line} is not in\n{text}");
    }
    codes
}

fn event(id: &str, at: i64, state: InboxState) -> NewEvent {
    NewEvent {
        id: id.into(),
        kind: "invoice.paid".into(),
        created: BusinessTime::from_second(at),
        api_version: None,
        account: None,
        livemode: false,
        object: Some("in_1".into()),
        customer: Some("cus_1".into()),
        lane: Some("cus_1".into()),
        payload: b"{}".into(),
        received_at: WallTime::from_second(at),
        state,
    }
}

fn active(subscription: &str, status: &str) -> StoredHeld {
    StoredHeld {
        subscription: subscription.try_into().unwrap(),
        group: "main".into(),
        plan: "pro".into(),
        price: "monthly".into(),
        status: status.into(),
        access: "none".into(),
        access_until: None,
        grace_until: None,
        period_start: BusinessTime::from_second(NOW),
        period_end: BusinessTime::from_second(NOW + 1),
        cancel_at_period_end: false,
        cancel_at: None,
        canceled_at: None,
        ended_at: None,
        created: BusinessTime::from_second(NOW),
        latest_invoice: None,
        more: json!({}),
    }
}
