//! A database that goes away in the middle of a request: whoever asked is told to come back.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use specie_store::{Fate, Gate};

use crate::house::{Wish, both};

/// The way to a database that goes away after so many transactions.
#[derive(Default)]
struct GoesAway {
    left: AtomicUsize,
    /// Whether somebody has asked for one more.
    met: AtomicBool,
}

impl GoesAway {
    fn after(&self, transactions: usize) {
        self.left.store(transactions, Ordering::SeqCst);
        self.met.store(false, Ordering::SeqCst);
    }

    fn was_met(&self) -> bool {
        self.met.load(Ordering::SeqCst)
    }
}

impl Gate for GoesAway {
    fn is_up(&self) -> bool {
        let one_less = |left: usize| left.checked_sub(1);
        let is_up = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok();
        if !is_up {
            self.met.store(true, Ordering::SeqCst);
        }
        is_up
    }

    fn before_commit(&self) -> Pin<Box<dyn Future<Output = Fate> + Send + '_>> {
        Box::pin(async { Fate::Lasts })
    }

    fn after_commit(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {})
    }
}

/// What a customer may ask for.
fn asked() -> [(Method, &'static str, Value); 8] {
    let choice = json!({ "plan": "pro", "price": "monthly" });
    [
        (Method::POST, "/api/billing/checkout", choice),
        (Method::POST, "/api/billing/checkout/cs_1/sync", Value::Null),
        (Method::POST, "/api/billing/portal", json!({})),
        (Method::GET, "/api/billing/subscription", Value::Null),
        (Method::POST, "/api/billing/subscription/cancellation", json!({})),
        (Method::DELETE, "/api/billing/subscription/cancellation", Value::Null),
        (Method::GET, "/api/billing/payments", Value::Null),
        (Method::POST, "/api/billing/session-tokens", json!({})),
    ]
}

both! {
    async fn who_asks_while_the_database_goes_away_is_told_to_come_back(house: &House) {
        let way = Arc::new(GoesAway::default());
        let ours = house.but(Wish { gate: Some(way.clone()), ..Wish::default() });
        for (method, path, body) in asked() {
            let usual = house.server(method.clone(), path, "ada", body.clone()).await.status;
            for transactions in 0.. {
                way.after(transactions);
                let answer = ours.server(method.clone(), path, "ada", body.clone()).await;
                let when = format!("{method} {path}, away after {transactions}: {}", answer.text);
                if transactions == 0 {
                    assert!(way.was_met(), "{when}");
                    assert_eq!(answer.problem(), (503, "unavailable".into()), "{when}");
                    assert_eq!(answer.header("retry-after"), "1", "{when}");
                }
                // What can be told without the database is told as ever.
                let fine = [StatusCode::SERVICE_UNAVAILABLE, usual];
                assert!(fine.contains(&answer.status), "{when}");
                if !way.was_met() {
                    break;
                }
            }
        }
    }
}
