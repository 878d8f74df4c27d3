//! Stripe's reads lag behind its events and its own answers, or are none of Stripe's at all: in the
//! end what we hold is what Stripe holds, and nothing was done twice or left out on the way.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request, Response};
use serde_json::{Value, json};
use specie_scenario::{Card, Person, Stage, agree};
use specie_server::lanes::{self, WishFor};
use specie_store::{customers, inbox, intents};
use specie_stripe::{API_VERSION, Transport, TransportError};
use specie_vocab::WallClock;
use tower::ServiceExt;

use crate::losses::pay_a_second_session;
use crate::set::{beside, both, deliver, having, tell, text, way};

/// What is answered in Stripe's place: status, content type, body.
pub type Instead = (u16, &'static str, String);

pub fn json_of(value: &Value) -> Instead {
    (200, "application/json", value.to_string())
}

fn missing() -> Instead {
    let error = json!({ "error": {
        "type": "invalid_request_error", "code": "resource_missing", "message": "No such thing",
    } });
    (404, "application/json", error.to_string())
}

/// A way to Stripe on which some calls get other answers, each once: `GET /v1/invoices/in_1`, or
/// `GET /v1/invoices/*` for any that begins so.
pub fn instead(stage: &Stage, answers: Vec<(String, Instead)>) -> Transport {
    let mut queues: BTreeMap<String, VecDeque<Instead>> = BTreeMap::new();
    for (call, answer) in answers {
        queues.entry(call).or_default().push_back(answer);
    }
    let (inner, queues) = (stage.stripe.transport.clone(), Arc::new(Mutex::new(queues)));
    way(move |request: Request<Bytes>| {
        let (inner, queues) = (inner.clone(), Arc::clone(&queues));
        async move {
            let call = format!("{} {}", request.method(), request.uri().path());
            let taken = queues.lock().unwrap().iter_mut().find_map(|(named, queue)| {
                let fits = match named.strip_suffix('*') {
                    Some(start) => call.starts_with(start),
                    None => *named == call,
                };
                if fits { queue.pop_front() } else { None }
            });
            let Some((status, kind, body)) = taken else { return inner.oneshot(request).await };
            Ok(Response::builder()
                .status(status)
                .header("content-type", kind)
                .body(Bytes::from(body))
                .unwrap())
        }
    })
}

/// A way to Stripe that does not show objects of a kind until so many seconds have passed.
fn lagging(stage: &Stage, kind: &str, seconds: i64) -> Transport {
    let (inner, wall) = (stage.stripe.transport.clone(), stage.wall.clone());
    let (path, until) = (format!("/v1/{kind}/"), wall.now().plus_seconds(seconds));
    way(move |request: Request<Bytes>| {
        let (inner, wall, path) = (inner.clone(), wall.clone(), path.clone());
        async move {
            let named = request.method() == Method::GET && request.uri().path().starts_with(&path);
            if named && wall.now() < until {
                let (status, _, body) = missing();
                return Ok(Response::builder().status(status).body(Bytes::from(body)).unwrap());
            }
            inner.oneshot(request).await
        }
    })
}

/// A way to Stripe on which payments are disputed, which the first reads of them do not show yet; and
/// how often they were read.
fn disputing(stage: &Stage, late: usize) -> (Transport, Arc<AtomicUsize>) {
    let (inner, reads) = (stage.stripe.transport.clone(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&reads);
    let to_stripe = way(move |request: Request<Bytes>| {
        let (inner, counted) = (inner.clone(), Arc::clone(&counted));
        async move {
            let of_payment = request.uri().path().starts_with("/v1/payment_intents/");
            let answer = inner.oneshot(request).await?;
            if !of_payment || counted.fetch_add(1, Ordering::SeqCst) < late {
                return Ok(answer);
            }
            let mut payment: Value = serde_json::from_slice(answer.body()).unwrap();
            payment["latest_charge"]["disputed"] = true.into();
            Ok(answer.map(|_| Bytes::from(payment.to_string())))
        }
    });
    (to_stripe, reads)
}

/// The event that tells of the dispute, and of no customer.
fn dispute(stage: &Stage, n: usize, payment: &Value) -> Value {
    let dispute = json!({
        "id": format!("du_{n}"), "object": "dispute", "charge": payment["latest_charge"],
        "payment_intent": payment["id"], "status": "needs_response",
    });
    json!({
        "id": format!("evt_dispute{n}"), "object": "event", "api_version": API_VERSION,
        "created": stage.sandbox.now(), "livemode": false, "type": "charge.dispute.created",
        "data": { "object": dispute },
    })
}

async fn subscribed(stage: &Stage) -> Value {
    let ada = Person::new(stage, "ada", "Ada");
    ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
    stage.conductor.settle().await.unwrap();
    stage.sandbox.list("subscription").remove(0)
}

/// All is at rest, and says what Stripe says.
async fn assert_agreed(stage: &Stage) {
    stage.conductor.settle().await.unwrap();
    let found = agree::compare(&stage.app.db, &stage.stripe).await.unwrap();
    assert_eq!(found.differing, [] as [String; 0]);
}

async fn intents_of_ada(stage: &Stage, kind: &str) -> Vec<intents::Intent> {
    let mut tx = stage.app.db.read().await.unwrap();
    let ada = customers::find(&mut tx, "app", "ada").await.unwrap().unwrap();
    let mut all = intents::of_payer(&mut tx, ada.id, 100).await.unwrap();
    all.retain(|it| it.kind == kind);
    all
}

/// Writes another link in the place of each.
fn relink(object: &mut Value, n: usize) {
    match object {
        Value::Object(map) => map.iter_mut().for_each(|(key, value)| {
            let names = ["receipt_url", "hosted_invoice_url", "invoice_pdf"];
            match value.as_str().filter(|_| names.contains(&key.as_str())) {
                Some(link) => *value = json!(format!("{link}?s={n}")),
                None => relink(value, n),
            }
        }),
        Value::Array(all) => all.iter_mut().for_each(|value| relink(value, n)),
        _ => {}
    }
}

/// A second payment of Ada's is given back once, though nothing of a kind can be read at first.
async fn is_given_back_though_unread(stage: &Stage, kind: &str) {
    pay_a_second_session(stage).await;
    let process = beside(stage, lagging(stage, kind, 9));
    process.conductor.settle().await.unwrap();
    assert_eq!(having(stage, "subscription", "canceled").len(), 1);
    assert_eq!(stage.sandbox.list("refund").len(), 1);
    assert_agreed(stage).await;
}

both! {
    async fn a_late_read_for_whoever_asks_is_put_right_again(stage: &Stage) {
        let old = subscribed(stage).await;
        let ada = Person::new(stage, "ada", "Ada");
        ada.cancel().await.unwrap();
        stage.conductor.settle().await.unwrap();

        let path = format!("GET /v1/subscriptions/{}", text(&old["id"]));
        let process = beside(stage, instead(stage, vec![(path, json_of(&old))]));
        let session = stage.sandbox.list("checkout.session").remove(0);
        let sync = format!("checkout/{}/sync", text(&session["id"]));
        let late = Person::new(stage, "ada", "Ada").at(&process.service);
        let view = late.call(Method::POST, &sync, Value::Null).await.unwrap().json().unwrap();
        assert_eq!(view["cancel_at_period_end"], false, "it is what Stripe said");
        stage.conductor.settle().await.unwrap();
        assert_eq!(ada.subscription().await.unwrap()["cancel_at_period_end"], true);
        assert_agreed(stage).await;
    }

    async fn what_is_told_of_and_not_there_yet_is_looked_for_again(stage: &Stage) {
        let kinds = ["subscriptions", "invoices", "payment_intents", "checkout/sessions"];
        for (kind, seconds) in kinds.into_iter().flat_map(|kind| [(kind, 9), (kind, 59)]) {
            let whose = format!("{}-{seconds}", kind.replace('/', "-"));
            let person = Person::new(stage, &whose, "Somebody");
            let checkout = person.checkout("pro", "monthly").await.unwrap();
            stage.conductor.settle().await.unwrap();
            let process = beside(stage, lagging(stage, kind, seconds));
            person.pay(text(&checkout["url"]), Card::GOOD).await.unwrap();
            process.conductor.settle().await.unwrap();
            let view = person.subscription().await.unwrap();
            assert_eq!(view["status"], "active", "{kind} after {seconds} s");
            assert_agreed(stage).await;
        }
    }

    // Stripe's links to receipts and invoices are others each time that they are read.
    async fn another_link_to_the_same_is_no_reason_to_look_again(stage: &Stage) {
        let (inner, reads) = (stage.stripe.transport.clone(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&reads);
        let process = beside(
            stage,
            way(move |request: Request<Bytes>| {
                let (inner, counted) = (inner.clone(), Arc::clone(&counted));
                async move {
                    let answer = inner.oneshot(request).await?;
                    let n = counted.fetch_add(1, Ordering::SeqCst);
                    assert!(n < 200, "it is looked at again and again");
                    let mut object = serde_json::from_slice(answer.body()).unwrap();
                    relink(&mut object, n);
                    Ok(answer.map(|_| Bytes::from(object.to_string())))
                }
            }),
        );
        let ada = Person::new(stage, "ada", "Ada").at(&process.service);
        ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        process.conductor.settle().await.unwrap();
        let view = ada.subscription().await.unwrap();
        let session = text(&stage.sandbox.list("checkout.session")[0]["id"]).to_owned();
        for _ in 0..2 {
            let sync = format!("checkout/{session}/sync");
            let again = ada.call(Method::POST, &sync, Value::Null).await.unwrap().json().unwrap();
            assert_eq!(again["version"], view["version"], "nothing has changed");
        }
        process.conductor.settle().await.unwrap();
        let receipt = ada.payments().await.unwrap()["data"][0]["receipt_url"].clone();
        assert!(text(&receipt).contains("?s="), "it is kept as it was read: {receipt}");
    }

    // Stripe dates events by the second: of two changes nobody knows which was the last.
    async fn a_late_read_that_agrees_with_one_of_two_events_of_a_second_is_put_right(stage: &Stage) {
        let path = format!("/v1/customers/{}", text(&subscribed(stage).await["customer"]));
        let pass =
            |seconds| stage.wall.advance_to(stage.wall.now().plus_seconds(seconds).timestamp());
        pass(120);
        let ada = Person::new(stage, "ada", "Ada");
        let expanded = format!("{path}?expand[0]=invoice_settings.default_payment_method");
        ada.api(Method::POST, &path, "name=One").await.unwrap();
        let old = ada.api(Method::GET, &expanded, "").await.unwrap();
        ada.api(Method::POST, &path, "name=Two").await.unwrap();
        let told = ada.api(Method::GET, "/v1/events?limit=2", "").await.unwrap();
        for event in told["data"].as_array().unwrap() {
            deliver(stage, event).await;
            pass(1);
        }

        let process = beside(stage, instead(stage, vec![(format!("GET {path}"), json_of(&old))]));
        process.conductor.settle().await.unwrap();
        assert_agreed(stage).await;
    }

    async fn a_refund_is_seen_though_its_payment_is_read_late(stage: &Stage) {
        subscribed(stage).await;
        let ada = Person::new(stage, "ada", "Ada");
        let id = text(&stage.sandbox.list("payment_intent")[0]["id"]).to_owned();
        let path = format!("/v1/payment_intents/{id}");
        let old =
            ada.api(Method::GET, &format!("{path}?expand[0]=latest_charge"), "").await.unwrap();
        let process = beside(stage, instead(stage, vec![(format!("GET {path}"), json_of(&old))]));
        ada.api(Method::POST, "/v1/refunds", &format!("payment_intent={id}")).await.unwrap();
        process.conductor.settle().await.unwrap();
        assert_eq!(ada.payments().await.unwrap()["data"][0]["status"], "refunded");
        assert_agreed(stage).await;
    }

    // Where it shows at once, one read is enough; else two more follow.
    async fn a_dispute_is_seen_though_its_payment_is_read_late(stage: &Stage) {
        subscribed(stage).await;
        let payment = stage.sandbox.list("payment_intent").remove(0);
        for (late, expected) in [(0, 1), (1, 3)] {
            let (to_stripe, reads) = disputing(stage, late);
            deliver(stage, &dispute(stage, late, &payment)).await;
            beside(stage, to_stripe).conductor.settle().await.unwrap();
            let seen = Person::new(stage, "ada", "Ada").payments().await.unwrap();
            assert_eq!(seen["data"][0]["status"], "disputed", "{late} read late");
            assert_eq!(reads.load(Ordering::SeqCst), expected, "{late} read late");
        }
    }

    async fn a_product_that_is_read_late_when_it_has_another_name_is_put_right(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        let made = ada.api(Method::POST, "/v1/products", "name=One").await.unwrap();
        tell(stage, "product.created").await;
        stage.conductor.settle().await.unwrap();
        let path = format!("/v1/products/{}", text(&made["id"]));
        let old = ada.api(Method::GET, &path, "").await.unwrap();
        ada.api(Method::POST, &path, "name=Two").await.unwrap();
        tell(stage, "product.updated").await;
        let late = instead(stage, vec![(format!("GET {path}"), json_of(&old))]);
        beside(stage, late).conductor.settle().await.unwrap();
        assert_agreed(stage).await;
    }

    async fn a_price_that_is_told_of_and_not_there_yet_is_looked_for_again(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        let product = stage.sandbox.list("product").remove(0);
        for seconds in [9, 59] {
            let form = format!("product={}&currency=usd&unit_amount=700", text(&product["id"]));
            let price = ada.api(Method::POST, "/v1/prices", &form).await.unwrap();
            tell(stage, "price.created").await;
            let process = beside(stage, lagging(stage, "prices", seconds));
            process.conductor.settle().await.unwrap();
            let rows = specie_store::rows::of_table(&stage.app.db, "stripe_prices").await.unwrap();
            assert!(rows.iter().any(|row| row["id"] == price["id"]), "after {seconds} s");
        }
    }

    async fn a_change_that_reads_do_not_show_yet_is_made_once(stage: &Stage) {
        let old = subscribed(stage).await;
        let path = format!("GET /v1/subscriptions/{}", text(&old["id"]));
        let late = (0..4).map(|_| (path.clone(), json_of(&old))).collect();
        let process = beside(stage, instead(stage, late));
        let ada = Person::new(stage, "ada", "Ada").at(&process.service);
        assert_eq!(ada.cancel().await.unwrap()["cancel_at_period_end"], true);
        assert_eq!(intents_of_ada(stage, "cancellation").await.len(), 1);
        assert_agreed(stage).await;
    }

    async fn a_second_payment_is_given_back_though_no_payment_can_be_read_at_first(stage: &Stage) {
        is_given_back_though_unread(stage, "payment_intents").await;
    }

    async fn a_second_payment_is_given_back_though_no_invoice_can_be_read_at_first(stage: &Stage) {
        is_given_back_though_unread(stage, "invoices").await;
    }

    async fn a_second_payment_is_given_back_though_no_subscription_can_be_read_at_first(stage: &Stage) {
        is_given_back_though_unread(stage, "subscriptions").await;
    }

    async fn a_second_payment_is_given_back_though_its_end_had_no_answer(stage: &Stage) {
        pay_a_second_session(stage).await;
        let newest = stage.sandbox.list("subscription").into_iter().max_by_key(|it| {
            (it["created"].as_i64(), it["items"]["data"][0]["price"]["unit_amount"] == 2900)
        });
        let second = newest.unwrap();
        let (inner, late) = (stage.stripe.transport.clone(), Arc::new(Mutex::new(0)));
        let path = format!("/v1/subscriptions/{}", text(&second["id"]));
        let old = second.to_string();
        let lost = way(move |request: Request<Bytes>| {
            let (inner, late, path, old) =
                (inner.clone(), Arc::clone(&late), path.clone(), old.clone());
            async move {
                let of_it = request.uri().path() == path;
                if of_it && request.method() == Method::DELETE {
                    let first = std::mem::replace(&mut *late.lock().unwrap(), 3) == 0;
                    let answer = inner.oneshot(request).await?;
                    return if first { Err(TransportError::new("lost")) } else { Ok(answer) };
                }
                if of_it && request.method() == Method::GET {
                    let mut left = late.lock().unwrap();
                    if *left > 0 {
                        *left -= 1;
                        return Ok(Response::new(Bytes::from(old)));
                    }
                }
                inner.oneshot(request).await
            }
        });
        let process = beside(stage, lost);
        process.conductor.settle().await.unwrap();
        assert_eq!(having(stage, "subscription", "canceled").len(), 1);
        assert_eq!(stage.sandbox.list("refund").len(), 1);
        assert_agreed(stage).await;
    }

    async fn who_was_deleted_gets_no_card_back_by_a_late_read(stage: &Stage) {
        let subscription = subscribed(stage).await;
        let ada = Person::new(stage, "ada", "Ada");
        ada.replace_card(Card::OTHER).await.unwrap();
        stage.conductor.settle().await.unwrap();
        let path = format!("/v1/customers/{}", text(&subscription["customer"]));
        let expanded = format!("{path}?expand[]=invoice_settings.default_payment_method");
        let before = ada.api(Method::GET, &expanded, "").await.unwrap();
        assert_eq!(before["invoice_settings"]["default_payment_method"]["object"], "payment_method");
        ada.api(Method::DELETE, &path, "").await.unwrap();
        assert_agreed(stage).await;

        let mut tx = stage.app.db.begin().await.unwrap();
        let (lane, now) = (text(&subscription["customer"]), tx.now().await.unwrap());
        let of_her = WishFor::object(lane);
        lanes::wish(&stage.app, &mut tx, lane, &of_her, now, "call:portal").await.unwrap();
        tx.commit().await.unwrap();
        let late = vec![(format!("GET {path}"), json_of(&before))];
        beside(stage, instead(stage, late)).conductor.settle().await.unwrap();
        assert_agreed(stage).await;
    }

    async fn the_page_of_a_proxy_parks_nothing(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        let checkout = ada.checkout("pro", "monthly").await.unwrap();
        stage.conductor.settle().await.unwrap();
        let page = || (200, "text/html", "<h1>Please log in</h1>".to_owned());
        let late = (0..40).map(|_| ("GET /v1/*".into(), page())).collect();
        let process = beside(stage, instead(stage, late));
        ada.pay(text(&checkout["url"]), Card::GOOD).await.unwrap();
        process.conductor.settle().await.unwrap();
        let customer = stage.sandbox.list("customer").remove(0);
        let mut tx = stage.app.db.read().await.unwrap();
        let customer = text(&customer["id"]).try_into().unwrap();
        assert_eq!(inbox::parked(&mut tx, &customer).await.unwrap(), 0);
        drop(tx);
        assert_eq!(ada.subscription().await.unwrap()["status"], "active");
        assert_agreed(stage).await;
    }

    async fn the_key_of_another_account_handles_nothing(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        let checkout = ada.checkout("pro", "monthly").await.unwrap();
        stage.conductor.settle().await.unwrap();
        let other = way(|request: Request<Bytes>| async move {
            let account = json!({ "id": "acct_another", "object": "account" });
            let (status, _, body) = match request.uri().path() {
                "/v1/account" => json_of(&account),
                _ => missing(),
            };
            Ok(Response::builder().status(status).body(Bytes::from(body)).unwrap())
        });
        let process = beside(stage, other);
        ada.pay(text(&checkout["url"]), Card::GOOD).await.unwrap();
        for _ in 0..3 {
            process.conductor.pulse().await.unwrap();
        }
        assert_eq!(ada.subscription().await.unwrap()["status"], "none");
        stage.conductor.settle().await.unwrap();
        assert_eq!(ada.subscription().await.unwrap()["status"], "active");
        assert_agreed(stage).await;
    }

    async fn a_key_that_was_refused_for_a_while_leaves_nothing_stuck(stage: &Stage) {
        let refused = json!({ "error": { "type": "invalid_request_error", "message": "Expired" } });
        let refused = (401, "application/json", refused.to_string());
        let call = "POST /v1/checkout/sessions".to_owned();
        let process = beside(stage, instead(stage, vec![(call, refused)]));
        let ada = Person::new(stage, "ada", "Ada");
        let blind = Person::new(stage, "ada", "Ada").at(&process.service);
        assert!(blind.checkout("pro", "monthly").await.is_err());
        stage.conductor.settle().await.unwrap();
        assert_eq!(having(stage, "checkout.session", "open").len(), 1, "it was finished by itself");
        let checkout = ada.checkout("pro", "monthly").await.unwrap();
        ada.pay(text(&checkout["url"]), Card::GOOD).await.unwrap();
        stage.conductor.settle().await.unwrap();
        assert_eq!(ada.subscription().await.unwrap()["status"], "active");
        assert_agreed(stage).await;
    }

    async fn what_is_taken_away_at_stripe_is_not_kept(stage: &Stage) {
        subscribed(stage).await;
        let ada = Person::new(stage, "ada", "Ada");
        let customer = stage.sandbox.list("customer").remove(0);
        let form = format!("customer={}", text(&customer["id"]));
        let path = "/v1/payment_methods/pm_card_mastercard/attach";
        let card = ada.api(Method::POST, path, &form).await.unwrap();
        let product = ada.api(Method::POST, "/v1/products", "name=Another").await.unwrap();
        stage.conductor.settle().await.unwrap();
        stage.conductor.watermark().await.unwrap();
        assert_agreed(stage).await;
        let path = format!("/v1/payment_methods/{}/detach", text(&card["id"]));
        ada.api(Method::POST, &path, "").await.unwrap();
        let path = format!("/v1/products/{}", text(&product["id"]));
        ada.api(Method::DELETE, &path, "").await.unwrap();
        stage.conductor.settle().await.unwrap();
        stage.conductor.watermark().await.unwrap();
        assert_agreed(stage).await;
        let rows = async |table| specie_store::rows::of_table(&stage.app.db, table).await.unwrap();
        let left = rows("stripe_payment_methods").await;
        assert!(left.iter().all(|row| row["id"] != card["id"]), "{left:?}");
        let left = rows("stripe_products").await;
        assert!(left.iter().all(|row| row["id"] != product["id"]), "{left:?}");
    }

    async fn a_list_that_is_cut_within_an_object_is_read_to_its_end(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        let checkout = ada.checkout("pro", "monthly").await.unwrap();
        stage.conductor.settle().await.unwrap();
        ada.pay(text(&checkout["url"]), Card::GOOD).await.unwrap();
        let mut cut = stage.sandbox.list("subscription").remove(0);
        let items = json!({ "object": "list", "data": cut["items"]["data"], "has_more": false });
        let path = format!("/v1/subscriptions/{}", text(&cut["id"]));
        cut["items"]["data"] = json!([]);
        cut["items"]["has_more"] = json!(true);
        let url = format!("/v1/subscription_items?subscription={}", text(&cut["id"]));
        cut["items"]["url"] = json!(url);
        let mut answers = Vec::new();
        for _ in 0..200 {
            answers.push((format!("GET {path}"), json_of(&cut)));
            answers.push(("GET /v1/subscription_items".to_owned(), json_of(&items)));
        }
        let process = beside(stage, instead(stage, answers));
        process.conductor.settle().await.unwrap();
        let view = ada.subscription().await.unwrap();
        assert_eq!((&view["status"], &view["price"]), (&json!("active"), &json!("monthly")));
    }
}
