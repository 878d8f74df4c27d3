//! Whatever happens at once: one open session, one subscription, no charge that must be given back;
//! and what came about all the same is taken back once, or shown to a person.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use specie_scenario::{Card, Door, Person, Stage, agree};
use specie_store::{audit, customers};
use specie_stripe::{Transport, TransportError};
use specie_vocab::WallClock;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tower::ServiceExt;

use crate::set::{beside, beside_but, both, having, text, way};

const PRICES: [&str; 2] = ["monthly", "annual"];

/// A checkout of the customer `ada`, from anywhere. The status, and what was answered.
async fn checkout(door: Door, key: String, price: &'static str) -> (u16, Value) {
    let bearer = format!("Bearer {key}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("specie-customer", "ada"),
        ("content-type", "application/json"),
    ];
    let body = json!({ "plan": "pro", "price": price }).to_string();
    let reply = door.send(Method::POST, "/api/billing/checkout", &headers, body).await.unwrap();
    (reply.status.as_u16(), reply.json().unwrap())
}

fn key(stage: &Stage) -> String {
    stage.server_key.expose().into()
}

/// All sides say the same, and the customer was charged for one subscription.
async fn assert_one_subscription(stage: &Stage, price: &str) {
    stage.conductor.settle().await.unwrap();
    stage.conductor.watermark().await.unwrap();
    let ada = Person::new(stage, "ada", "Ada");
    let view = ada.subscription().await.unwrap();
    assert_eq!((&view["status"], &view["price"]), (&json!("active"), &json!(price)));
    assert_eq!(view["conflicts"], json!([]));
    assert_eq!(stage.sandbox.list("subscription").len(), 1);
    assert_eq!(having(stage, "charge", "succeeded").len(), 1);
    assert_eq!(having(stage, "checkout.session", "open").len(), 0);
    assert_eq!(stage.sandbox.list("refund"), [] as [Value; 0]);
    assert_eq!(stage.sandbox.list("customer").len(), 1);
    let found = agree::compare(&stage.app.db, &stage.stripe).await.unwrap();
    assert_eq!(found.differing, [] as [String; 0]);
}

/// When the first session is paid, seen from the call that expires it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Moment {
    /// It is paid just before the call arrives.
    Before,
    /// The same, and we hear of it before we have the call's answer.
    BeforeAndTold,
    /// The same, and the call's answer is lost.
    BeforeAndLost,
    /// Somebody tries to pay just after it was expired, before we have the answer.
    After,
    /// The same, and the answer is lost.
    AfterAndLost,
}

/// A way to Stripe on which `session` is paid at a moment of the call that expires it.
fn paid_at(stage: &Stage, session: &str, moment: Moment) -> Transport {
    let (inner, sandbox) = (stage.stripe.transport.clone(), stage.sandbox.clone());
    let (conductor, session) = (stage.conductor.clone(), Arc::<str>::from(session));
    way(move |request: Request<Bytes>| {
        let (inner, sandbox) = (inner.clone(), sandbox.clone());
        let (conductor, session) = (conductor.clone(), Arc::clone(&session));
        async move {
            if !request.uri().path().ends_with("/expire") {
                return inner.oneshot(request).await;
            }
            let pay =
                || sandbox.pay_checkout(&session, "pm_card_visa", Some("a@example.com"), None);
            let before = !matches!(moment, Moment::After | Moment::AfterAndLost);
            if before {
                // A call that comes once more finds it paid.
                let _paid_already = pay();
            }
            if moment == Moment::BeforeAndTold {
                conductor.pulse().await.unwrap();
            }
            let answer = inner.oneshot(request).await;
            if !before {
                pay().unwrap_err();
            }
            if matches!(moment, Moment::BeforeAndLost | Moment::AfterAndLost) {
                return Err(TransportError::new("lost"));
            }
            answer
        }
    })
}

async fn pay_while_another_choice_expires_it(stage: &Stage, moment: Moment) {
    let ada = Person::new(stage, "ada", "Ada");
    let first = ada.checkout("pro", "monthly").await.unwrap();
    stage.conductor.settle().await.unwrap();
    let process = beside(stage, paid_at(stage, text(&first["id"]), moment));
    let other = checkout(process.service, key(stage), "annual").await;
    match moment {
        Moment::Before | Moment::BeforeAndTold => {
            // The first is adopted.
            assert_eq!((other.0, &other.1["code"]), (409, &json!("already_subscribed")));
            assert_eq!(other.1["subscription"]["price"], "monthly");
        }
        Moment::After => assert_eq!(other.0, 201, "{}", other.1),
        Moment::BeforeAndLost | Moment::AfterAndLost => assert_eq!(other.0, 503, "{}", other.1),
    }
    stage.conductor.settle().await.unwrap();
    if matches!(moment, Moment::After | Moment::AfterAndLost) {
        let next = ada.checkout("pro", "annual").await.unwrap();
        assert_eq!(having(stage, "checkout.session", "open").len(), 1);
        ada.pay(text(&next["url"]), Card::GOOD).await.unwrap();
        assert_one_subscription(stage, "annual").await;
    } else {
        assert_eq!(stage.sandbox.list("checkout.session").len(), 1, "no second one was made");
        assert_one_subscription(stage, "monthly").await;
    }
}

/// What was done for `ada`, as her trail tells it.
async fn trail(stage: &Stage, what: &str) -> usize {
    let mut tx = stage.app.db.read().await.unwrap();
    let ada = customers::find(&mut tx, "app", "ada").await.unwrap().unwrap();
    let entries = audit::list(&mut tx, ada.id).await.unwrap();
    entries.iter().filter(|entry| entry.what == what).count()
}

/// Makes a session as a lost answer would have left one: with the mark of an intent of ours.
async fn session_with_mark(ada: &Person<'_>, customer: &str, price: &str, intent: &str) -> String {
    let form = format!(
        "mode=subscription&customer={customer}&line_items[0][price]={price}\
         &line_items[0][quantity]=1&success_url=http://service.localhost/billing/\
         &metadata[specie_intent]={intent}&subscription_data[metadata][specie_intent]={intent}"
    );
    let made = ada.api(Method::POST, "/v1/checkout/sessions", &form).await.unwrap();
    text(&made["id"]).into()
}

/// The price of the catalog's monthly plan at Stripe.
fn monthly(stage: &Stage) -> String {
    let prices = stage.sandbox.list("price");
    let found = prices.iter().find(|price| price["unit_amount"] == 2900).unwrap();
    text(&found["id"]).into()
}

/// Gives the only customer the monthly plan, with a card of theirs, as a person does in Stripe's
/// dashboard.
async fn subscribe_in_the_dashboard(stage: &Stage) -> Value {
    let ada = Person::new(stage, "ada", "Ada");
    let customer = text(&stage.sandbox.list("customer")[0]["id"]).to_owned();
    let form = format!("customer={customer}");
    let path = "/v1/payment_methods/pm_card_visa/attach";
    let card = ada.api(Method::POST, path, &form).await.unwrap();
    let (price, card) = (monthly(stage), text(&card["id"]));
    let form = format!("{form}&items[0][price]={price}&default_payment_method={card}");
    let made = ada.api(Method::POST, "/v1/subscriptions", &form).await.unwrap();
    assert_eq!(made["status"], "active");
    made
}

/// A way to Stripe on which the answer to the making of a customer is held back: it tells that it is
/// there, and waits until it may be heard.
pub fn customer_held_back(stage: &Stage) -> (Transport, Arc<Notify>, Arc<Notify>) {
    let (made, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (inner, tell, wait) = (stage.stripe.transport.clone(), Arc::clone(&made), Arc::clone(&go));
    let transport = way(move |request: Request<Bytes>| {
        let (inner, tell, wait) = (inner.clone(), Arc::clone(&tell), Arc::clone(&wait));
        async move {
            let of_it = request.method() == Method::POST && request.uri().path() == "/v1/customers";
            let answer = inner.oneshot(request).await;
            if of_it {
                tell.notify_one();
                wait.notified().await;
            }
            answer
        }
    });
    (transport, made, go)
}

/// The processes among which many calls are shared: two on one Postgres. A SQLite file has one.
fn processes(stage: &Stage) -> Vec<Door> {
    let mut doors = vec![stage.service.clone()];
    if stage.app.db.is_postgres() {
        doors.push(beside(stage, stage.stripe.transport.clone()).service);
    }
    doors
}

both! {
    async fn two_hundred_checkouts_at_once_leave_one_open_session(stage: &Stage) {
        let (doors, mut calls) = (processes(stage), JoinSet::new());
        for n in 0..200 {
            calls.spawn(checkout(doors[n / 2 % doors.len()].clone(), key(stage), PRICES[n % 2]));
        }
        let answers = calls.join_all().await;
        for (status, answer) in &answers {
            let busy = *status == 409 && answer["code"] == "checkout_in_progress";
            assert!(*status == 201 || busy, "{status} {answer}");
        }
        assert!(answers.iter().any(|(status, _)| *status == 201));
        stage.conductor.settle().await.unwrap();

        let open = having(stage, "checkout.session", "open");
        assert_eq!(open.len(), 1, "{} sessions", stage.sandbox.list("checkout.session").len());
        assert_eq!(stage.sandbox.list("customer").len(), 1);
        let ada = Person::new(stage, "ada", "Ada");
        let view = ada.subscription().await.unwrap();
        assert_eq!(view["open_checkout"]["id"], open[0]["id"]);

        ada.pay(text(&open[0]["url"]), Card::GOOD).await.unwrap();
        let price = if open[0]["amount_total"] == 2900 { "monthly" } else { "annual" };
        assert_one_subscription(stage, price).await;
    }

    async fn two_hundred_who_pay_whatever_they_are_shown_get_one_subscription(stage: &Stage) {
        let (doors, mut calls) = (processes(stage), JoinSet::new());
        for n in 0..200 {
            let door = doors[n / 2 % doors.len()].clone();
            let (key, sandbox) = (key(stage), stage.sandbox.clone());
            calls.spawn(async move {
                let (status, answer) = checkout(door, key, PRICES[n % 2]).await;
                let known = matches!(
                    (status, answer["code"].as_str()),
                    (201, _) | (409, Some("checkout_in_progress" | "already_subscribed"))
                );
                assert!(known, "{status} {answer}");
                let session = answer["id"].as_str()?;
                sandbox.pay_checkout(session, "pm_card_visa", Some("a@example.com"), None).ok()
            });
        }
        let paid = calls.join_all().await.into_iter().flatten().count();
        assert_eq!(paid, 1);
        let amount = stage.sandbox.list("charge")[0]["amount"].clone();
        assert_one_subscription(stage, if amount == 2900 { "monthly" } else { "annual" }).await;
    }

    async fn a_session_paid_just_before_it_is_expired_is_adopted(stage: &Stage) {
        pay_while_another_choice_expires_it(stage, Moment::Before).await;
    }

    async fn a_session_paid_just_before_it_is_expired_is_adopted_if_we_hear_of_it_first(stage: &Stage) {
        pay_while_another_choice_expires_it(stage, Moment::BeforeAndTold).await;
    }

    async fn a_session_paid_just_before_it_is_expired_is_adopted_though_the_answer_is_lost(stage: &Stage) {
        pay_while_another_choice_expires_it(stage, Moment::BeforeAndLost).await;
    }

    async fn a_session_cannot_be_paid_once_it_was_expired(stage: &Stage) {
        pay_while_another_choice_expires_it(stage, Moment::After).await;
    }

    async fn a_session_cannot_be_paid_once_it_was_expired_though_the_answer_is_lost(stage: &Stage) {
        pay_while_another_choice_expires_it(stage, Moment::AfterAndLost).await;
    }

    async fn a_choice_made_while_the_first_is_paid_and_unheard_of_adopts_it(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        let first = ada.checkout("pro", "monthly").await.unwrap();
        ada.pay(text(&first["url"]), Card::GOOD).await.unwrap();
        for price in PRICES {
            let (status, answer) = checkout(stage.service.clone(), key(stage), price).await;
            if price == "annual" {
                assert_eq!((status, &answer["code"]), (409, &json!("already_subscribed")));
            }
        }
        assert_one_subscription(stage, "monthly").await;
    }

    async fn no_session_is_opened_for_who_came_to_hold_a_plan_since_they_asked(stage: &Stage) {
        let (transport, made, go) = customer_held_back(stage);
        let process = beside(stage, transport);
        let asked = checkout(process.service.clone(), key(stage), "annual");
        let ((status, answer), held) = tokio::join!(asked, async {
            made.notified().await;
            let held = subscribe_in_the_dashboard(stage).await;
            go.notify_one();
            held
        });
        assert_eq!((status, &answer["code"]), (409, &json!("already_subscribed")), "{answer}");
        assert_eq!(answer["subscription"]["subscription"], held["id"]);
        assert_eq!(stage.sandbox.list("checkout.session"), [] as [Value; 0]);
        assert_one_subscription(stage, "monthly").await;
    }

    async fn a_second_session_of_ours_that_completes_is_canceled_and_refunded_once(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        stage.conductor.watermark().await.unwrap();
        let first = ada.checkout("pro", "monthly").await.unwrap();
        let held = ada.subscribe("pro", "annual", Card::GOOD).await.unwrap();
        let old = stage.sandbox.object(text(&first["id"])).unwrap();
        assert_eq!(old["status"], "expired");

        let (customer, intent) = (text(&old["customer"]), text(&old["metadata"]["specie_intent"]));
        let second = session_with_mark(&ada, customer, &monthly(stage), intent).await;
        let paid = stage.sandbox.pay_checkout(&second, "pm_card_visa", None, None);
        paid.unwrap();
        stage.conductor.settle().await.unwrap();
        let check = async || {
            let view = ada.subscription().await.unwrap();
            assert_eq!(view["subscription"], held["subscription"]);
            assert_eq!((&view["status"], &view["price"]), (&json!("active"), &json!("annual")));
            assert_eq!(view["conflicts"], json!([]));

            let canceled = having(stage, "subscription", "canceled");
            assert_eq!(canceled.len(), 1);
            assert_eq!(canceled[0]["metadata"]["specie_intent"], intent);
            let refunds = stage.sandbox.list("refund");
            assert_eq!(refunds.len(), 1);
            assert_eq!(refunds[0]["amount"], 2900);
            assert_eq!(trail(stage, "subscription.taken_back").await, 1);
            assert_eq!(trail(stage, "cancel_and_refund.done").await, 1);
        };
        check().await;

        // However often it is looked at again, and after a renewal too.
        let path = format!("checkout/{second}/sync");
        ada.call(Method::POST, &path, Value::Null).await.unwrap();
        stage.conductor.watermark().await.unwrap();
        check().await;
        stage.conductor.advance_to(stage.sandbox.now() + 40 * 86_400).await.unwrap();
        check().await;
        let found = agree::compare(&stage.app.db, &stage.stripe).await.unwrap();
        assert_eq!(found.differing, [] as [String; 0]);
    }

    async fn a_second_session_that_completes_days_later_is_left_to_a_person(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        let first = ada.checkout("pro", "monthly").await.unwrap();
        let held = ada.subscribe("pro", "annual", Card::GOOD).await.unwrap();
        let old = stage.sandbox.object(text(&first["id"])).unwrap();
        stage.conductor.advance_to(stage.sandbox.now() + 49 * 3600).await.unwrap();

        let (customer, intent) = (text(&old["customer"]), text(&old["metadata"]["specie_intent"]));
        let second = session_with_mark(&ada, customer, &monthly(stage), intent).await;
        let paid = stage.sandbox.pay_checkout(&second, "pm_card_visa", None, None);
        paid.unwrap();
        stage.conductor.settle().await.unwrap();
        let view = ada.subscription().await.unwrap();
        assert_eq!(view["subscription"], held["subscription"]);
        assert_eq!(view["conflicts"].as_array().unwrap().len(), 1);
        assert_eq!(having(stage, "subscription", "active").len(), 2);
        assert_eq!(stage.sandbox.list("refund"), [] as [Value; 0]);
        assert_eq!(trail(stage, "subscription.conflict").await, 1);
    }

    async fn a_second_subscription_of_the_dashboard_is_shown_and_not_touched(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        let held = ada.subscribe("pro", "annual", Card::GOOD).await.unwrap();
        let second = subscribe_in_the_dashboard(stage).await;

        stage.conductor.settle().await.unwrap();
        stage.conductor.advance_to(stage.sandbox.now() + 3 * 86_400).await.unwrap();
        let view = ada.subscription().await.unwrap();
        assert_eq!(view["subscription"], held["subscription"]);
        assert_eq!((&view["status"], &view["access"]), (&json!("active"), &json!(true)));
        assert_eq!(view["conflicts"], json!([second["id"]]));
        let now = stage.sandbox.object(text(&second["id"])).unwrap();
        assert_eq!((&now["status"], &now["cancel_at_period_end"]), (&json!("active"), &json!(false)));
        assert_eq!(now["metadata"], json!({}));
        assert_eq!(stage.sandbox.list("refund"), [] as [Value; 0]);

        // A person ends one of them: the other stays, and the conflict is over.
        let path = format!("/v1/subscriptions/{}", text(&second["id"]));
        ada.api(Method::DELETE, &path, "").await.unwrap();
        stage.conductor.settle().await.unwrap();
        let view = ada.subscription().await.unwrap();
        assert_eq!(view["subscription"], held["subscription"]);
        assert_eq!(view["conflicts"], json!([]));
    }

    async fn a_session_that_no_lane_has_seen_yet_is_expired_before_another_is_made(stage: &Stage) {
        let inner = stage.stripe.transport.clone();
        let blind = beside(
            stage,
            way(move |request: Request<Bytes>| {
                let inner = inner.clone();
                async move {
                    let reads = request.method() == Method::GET;
                    if reads && request.uri().path().starts_with("/v1/checkout/sessions/") {
                        return Err(TransportError::new("nothing came back"));
                    }
                    inner.oneshot(request).await
                }
            }),
        );
        let first =
            Person::new(stage, "ada", "Ada").at(&blind.service).checkout("pro", "monthly").await;
        assert!(first.is_err(), "it is not known whether it can be paid");

        let ada = Person::new(stage, "ada", "Ada");
        for price in ["annual", "monthly"] {
            // Whoever comes next may take over what was begun; no lane has looked meanwhile.
            stage.wall.advance_to(stage.wall.now().plus_seconds(5).timestamp());
            ada.checkout("pro", price).await.unwrap();
            assert_eq!(having(stage, "checkout.session", "open").len(), 1);
        }
    }

    async fn a_session_that_reads_do_not_show_yet_is_not_left_beside_another(stage: &Stage) {
        let (inner, reads) = (stage.stripe.transport.clone(), Arc::new(AtomicUsize::new(0)));
        let lagging = way(move |request: Request<Bytes>| {
            let (inner, reads) = (inner.clone(), Arc::clone(&reads));
            async move {
                let of_one = request.uri().path().starts_with("/v1/checkout/sessions/");
                if of_one
                    && request.method() == Method::GET
                    && reads.fetch_add(1, Ordering::SeqCst) < 2
                {
                    let missing = json!({ "error": {
                        "type": "invalid_request_error", "code": "resource_missing", "message": "none",
                    } });
                    let mut response = Response::new(Bytes::from(missing.to_string()));
                    *response.status_mut() = StatusCode::NOT_FOUND;
                    return Ok(response);
                }
                inner.oneshot(request).await
            }
        });
        let process = beside(stage, lagging);
        let ada = Person::new(stage, "ada", "Ada").at(&process.service);
        let checkout = ada.checkout("pro", "monthly").await.unwrap();
        let open = having(stage, "checkout.session", "open");
        assert_eq!(open.iter().map(|it| &it["id"]).collect::<Vec<_>>(), [&checkout["id"]]);
    }

    async fn who_is_subscribed_hears_that_first_whatever_else_stands_in_the_way(stage: &Stage) {
        Person::new(stage, "ada", "Ada").subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        stage.conductor.settle().await.unwrap();
        let way = stage.stripe.transport.clone();
        let process = beside_but(stage, way, |parts| {
            let prices = &mut parts.catalog.groups[0].plans[0].prices;
            let mut unapplied = prices[0].clone();
            unapplied.key = "unapplied".into();
            prices.push(unapplied);
        });
        let call = |id: &str| {
            let person = Person::new(stage, id, id).at(&process.service);
            let body = json!({ "plan": "pro", "price": "unapplied" });
            async move { person.call(Method::POST, "checkout", body).await.unwrap().json().unwrap() }
        };
        assert_eq!(call("ada").await["code"], "already_subscribed");
        assert_eq!(call("bob").await["code"], "catalog_not_applied");
    }
}
