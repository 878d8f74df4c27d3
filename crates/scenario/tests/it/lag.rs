//! What customers ask for while Stripe's reads do not show what they asked for before.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use specie_scenario::{Card, Person, Stage, agree};
use specie_stripe::{Transport, TransportError};
use specie_vocab::WallClock;
use tower::ServiceExt;

use crate::losses::pay_a_second_session;
use crate::set::{beside, both, having, lose_all, text, way};

/// A way to Stripe on which whoever reads what begins with `path` gets another answer, as long as reads
/// are late.
fn lagging(
    stage: &Stage,
    path: &str,
    status: u16,
    old: &Value,
    late: &Arc<AtomicBool>,
) -> Transport {
    let (inner, late) = (stage.stripe.transport.clone(), Arc::clone(late));
    let (path, old) = (path.to_owned(), Bytes::from(old.to_string()));
    way(move |request: Request<Bytes>| {
        let (inner, path, old) = (inner.clone(), path.clone(), old.clone());
        let is_late = late.load(Ordering::SeqCst);
        async move {
            let of_it = request.method() == Method::GET && request.uri().path().starts_with(&path);
            if !(of_it && is_late) {
                return inner.oneshot(request).await;
            }
            Ok(Response::builder().status(status).body(old).unwrap())
        }
    })
}

/// The same, on which nothing is found there.
fn missing(stage: &Stage, path: &str, late: &Arc<AtomicBool>) -> Transport {
    let error = json!({ "error": {
        "type": "invalid_request_error", "code": "resource_missing", "message": "none",
    } });
    lagging(stage, path, 404, &error, late)
}

/// A way on which no end of a subscription is answered, though it is carried out once `asked` is so.
fn unheard(inner: Transport, asked: &Arc<AtomicBool>) -> Transport {
    let asked = Arc::clone(asked);
    way(move |request: Request<Bytes>| {
        let (inner, asked) = (inner.clone(), asked.load(Ordering::SeqCst));
        async move {
            if request.method() != Method::DELETE {
                return inner.oneshot(request).await;
            }
            if asked {
                inner.oneshot(request).await?;
            }
            Err(TransportError::new("no answer comes"))
        }
    })
}

/// All is at rest, and says what Stripe says.
async fn assert_agreed(stage: &Stage) {
    stage.conductor.settle().await.unwrap();
    let found = agree::compare(&stage.app.db, &stage.stripe).await.unwrap();
    assert_eq!(found.differing, [] as [String; 0]);
}

both! {
    async fn who_cancels_before_a_resumption_shows_is_canceled(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada");
        ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        ada.cancel().await.unwrap();
        stage.conductor.settle().await.unwrap();
        let ends = || stage.sandbox.list("subscription")[0]["cancel_at_period_end"] == true;
        let old = stage.sandbox.list("subscription").remove(0);
        let late = Arc::new(AtomicBool::new(true));
        let path = format!("/v1/subscriptions/{}", text(&old["id"]));
        let process = beside(stage, lagging(stage, &path, 200, &old, &late));
        let ada = ada.at(&process.service);
        assert!(ends());
        ada.resume().await.unwrap();
        assert!(!ends());
        ada.cancel().await.unwrap();
        assert!(ends());
        late.store(false, Ordering::SeqCst);
        assert_agreed(stage).await;
        assert!(ends());
    }

    async fn a_session_that_reads_do_not_show_for_long_is_not_made_again_and_again(stage: &Stage) {
        let late = Arc::new(AtomicBool::new(true));
        let process = beside(stage, missing(stage, "/v1/checkout/sessions/", &late));
        let ada = Person::new(stage, "ada", "Ada").at(&process.service);
        for made in [1, 2] {
            let choice = json!({ "plan": "pro", "price": "monthly" });
            let reply = ada.call(Method::POST, "checkout", choice).await.unwrap();
            assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(stage.sandbox.list("checkout.session").len(), made);
        }
        late.store(false, Ordering::SeqCst);
        let checkout = ada.checkout("pro", "monthly").await.unwrap();
        let open = having(stage, "checkout.session", "open");
        assert_eq!(open.iter().map(|it| &it["id"]).collect::<Vec<_>>(), [&checkout["id"]]);
        assert_eq!(stage.sandbox.list("checkout.session").len(), 2);
        assert_agreed(stage).await;
    }

    async fn a_refund_that_cannot_be_made_yet_keeps_nobody_from_a_change(stage: &Stage) {
        pay_a_second_session(stage).await;
        let late = Arc::new(AtomicBool::new(true));
        let process = beside(stage, missing(stage, "/v1/payment_intents/", &late));
        process.conductor.pulse().await.unwrap();
        assert_eq!(having(stage, "subscription", "canceled").len(), 1);
        assert_eq!(stage.sandbox.list("refund").len(), 0);

        let ada = Person::new(stage, "ada", "Ada").at(&process.service);
        ada.cancel().await.unwrap();
        assert_eq!(having(stage, "subscription", "active")[0]["cancel_at_period_end"], true);
        late.store(false, Ordering::SeqCst);
        assert_agreed(stage).await;
        assert_eq!(stage.sandbox.list("refund").len(), 1);
    }

    async fn a_second_one_that_reads_show_for_longer_than_the_first_is_paid_back(stage: &Stage) {
        stage.conductor.watermark().await.unwrap();
        pay_a_second_session(stage).await;
        let ada = Person::new(stage, "ada", "Ada");
        let first = ada.subscription().await.unwrap()["subscription"].clone();
        let all = stage.sandbox.list("subscription");
        let second = all.iter().find(|it| it["id"] != first).unwrap();
        let late = Arc::new(AtomicBool::new(true));
        let path = format!("/v1/subscriptions/{}", text(&second["id"]));
        let asked = Arc::new(AtomicBool::new(false));
        let to_stripe = lagging(stage, &path, 200, second, &late);
        let process = beside(stage, unheard(to_stripe, &asked));
        let after = async |seconds| {
            stage.wall.advance_to(stage.wall.now().plus_seconds(seconds).timestamp());
            process.conductor.pulse().await.unwrap();
        };
        process.conductor.pulse().await.unwrap();
        asked.store(true, Ordering::SeqCst);
        lose_all(stage, true);
        after(10).await;
        assert_eq!(having(stage, "subscription", "canceled").len(), 1, "nobody has heard of it");
        lose_all(stage, false);
        let first = format!("/v1/subscriptions/{}", text(&first));
        ada.api(Method::DELETE, &first, "").await.unwrap();
        after(20).await;
        stage.wall.advance_to(stage.wall.now().plus_seconds(61).timestamp());
        stage.conductor.watermark().await.unwrap();
        assert_agreed(stage).await;
        assert_eq!(stage.sandbox.list("refund").len(), 1);
    }
}
