//! `specie serve` is stopped in the middle of its work: what was answered is kept, and what was
//! under way happens once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use specie_store::{Db, Options, inbox, lanes, mails};
use specie_stripe::sign;
use specie_vocab::{Secret, SystemClock, WallClock};

use crate::catalog::project;
use crate::force::postgres::{Own, on};
use crate::place::Place;
use crate::serve::{call, pay, start};
use crate::web::{free_port, get, try_to_send};

/// How many deliveries are answered before the stop.
const FIRST: usize = 100;

/// Sends events until the service is gone. Answers with the ids of those that were taken.
fn deliver(url: &str, secret: &Secret, name: &str, taken: &AtomicUsize) -> Vec<String> {
    let mut ids = Vec::new();
    for n in 0.. {
        let id = format!("evt_{name}{n}");
        let body = format!(
            r#"{{"id": "{id}", "object": "event", "api_version": "2026-10-28.endive", "created": 1,
            "livemode": false, "type": "customer.updated",
            "data": {{"object": {{"id": "cus_{id}", "object": "customer"}}}}}}"#
        );
        let signature = sign(secret, body.as_bytes(), SystemClock.now());
        let headers = [("Stripe-Signature", signature.as_str())];
        let to = format!("{url}/api/billing/webhook");
        match try_to_send("POST", &to, &headers, &body) {
            Ok(Some(answer)) if answer.status == 200 => {
                ids.push(id);
                taken.fetch_add(1, Ordering::SeqCst);
            }
            _ => return ids,
        }
    }
    ids
}

async fn opened(place: &Place) -> Db {
    Db::open_read_only(&place.database(), Options::default()).await.unwrap()
}

#[test]
fn what_was_answered_is_kept_and_nothing_happens_twice() {
    stop_under_load("specie.db");
}

#[test]
fn what_was_answered_is_kept_on_postgres_and_nothing_happens_twice() {
    let Some(own) = Own::make() else { return };
    stop_under_load(&own.url());
    own.drop();
}

/// Stops a service on this database while events come and a customer pays, starts it again, and looks
/// at what has come of it.
fn stop_under_load(database: &str) {
    let (place, sandbox, _) = project();
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}");
    let place = place
        .with("DATABASE_URL", database)
        .with("PUBLIC_URL", &url)
        .with("STRIPE_WEBHOOK_SECRET_FILE", "webhook.secret");
    place.run(&["catalog", "apply", "--secret-file", "webhook.secret"]).fine();
    let secret = Secret::new(place.read("webhook.secret").trim());
    let (serve, _, _) = start(&place, port);
    let key = place.run(&["keys", "create"]).fine().out.trim().to_owned();
    let checkout = call(&url, &key, "POST", "checkout", r#"{"plan": "pro", "price": "monthly"}"#);
    let page = checkout.json()["url"].as_str().unwrap().to_owned();

    let taken = AtomicUsize::new(0);
    let (acknowledged, ended) = std::thread::scope(|scope| {
        let (url, secret, taken) = (&url, &secret, &taken);
        let senders: Vec<_> = ["a", "b", "c"]
            .into_iter()
            .map(|name| scope.spawn(move || deliver(url, secret, name, taken)))
            .collect();
        while taken.load(Ordering::SeqCst) < FIRST {
            std::thread::yield_now();
        }
        // The purchase's own events are on their way when the process is told to end.
        pay(&page);
        let ended = serve.stops_by("TERM", Duration::from_secs(10));
        let ids = senders.into_iter().flat_map(|it| it.join().unwrap()).collect::<Vec<_>>();
        (ids, ended)
    });
    assert!(ended.err.contains("\"stopped\""), "{}", ended.err);
    assert!(!ended.err.contains("did not end in time"), "{}", ended.err);
    let known = on(async {
        let db = opened(&place).await;
        let mut tx = db.read().await.unwrap();
        inbox::known(&mut tx, &acknowledged).await.unwrap()
    });
    assert!(acknowledged.len() >= FIRST);
    assert_eq!(known.len(), acknowledged.len(), "each event that was answered 200 is stored");

    let (serve, _, _) = start(&place, port);
    let session = checkout.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(call(&url, &key, "POST", &format!("checkout/{session}/sync"), "").status, 200);
    let began = Instant::now();
    let mails = on(async {
        let db = opened(&place).await;
        loop {
            let mut tx = db.read().await.unwrap();
            let mails = mails::list(&mut tx, 10).await.unwrap();
            if !mails.is_empty() && lanes::oldest_pending(&mut tx).await.unwrap().is_none() {
                return mails;
            }
            assert!(began.elapsed() < Duration::from_secs(120), "it does not come to rest");
        }
    });
    assert_eq!(mails.iter().map(|mail| mail.kind.as_str()).collect::<Vec<_>>(), ["receipt"]);
    assert_eq!(get(&format!("{url}/healthz")).status, 200);
    serve.stops_by("TERM", Duration::from_secs(10));
    drop(sandbox);
}
