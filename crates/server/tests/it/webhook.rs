//! The webhook's door: what is answered, and what is stored of it.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::house::{NOW, WEBHOOK_SECRET, both};

fn event(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut event = json!({
        "id": "evt_1", "object": "event", "api_version": "2026-10-28.endive", "created": NOW,
        "livemode": false, "type": "customer.updated",
        "data": { "object": { "id": "cus_1", "object": "customer" } },
    });
    change(&mut event);
    event.to_string().into_bytes()
}

both! {
    async fn a_signed_event_is_stored_once(house: &House) {
        let body = event(|_| {});
        for _ in 0..2 {
            let answer = house.deliver(&body, WEBHOOK_SECRET).await;
            assert_eq!((answer.status, answer.text.as_str()), (StatusCode::OK, ""));
        }
        assert_eq!(house.inbox().await, [("customer.updated".to_owned(), "pending")]);
    }

    async fn a_signature_is_of_the_bytes_as_they_came(house: &House) {
        // As Stripe sends them: lines, and members in an order of its own.
        let event: Value = serde_json::from_slice(&event(|_| {})).unwrap();
        let sent = format!("{event:#}").replacen('{', "{ \"request\": null,", 1).into_bytes();
        assert_eq!(house.deliver(&sent, WEBHOOK_SECRET).await.status, StatusCode::OK);
        assert_eq!(house.inbox().await, [("customer.updated".to_owned(), "pending")]);
    }

    async fn a_bad_signature_gets_400_without_a_word_and_changes_nothing(house: &House) {
        let body = event(|_| {});
        for header in ["", "t=1", "v1=abc", "t=1800000000,v1=00", "t=x,v1=y"] {
            let answer = house.deliver_with(&body, header).await;
            assert_eq!(
                (answer.status, answer.text.as_str()),
                (StatusCode::BAD_REQUEST, ""),
                "{header}"
            );
        }
        assert_eq!(house.deliver(&body, "whsec_other").await.status, StatusCode::BAD_REQUEST);
        assert!(house.inbox().await.is_empty());
    }

    async fn a_body_that_is_too_large_gets_413(house: &House) {
        let body = vec![b' '; 1024 * 1024 + 1];
        assert_eq!(
            house.deliver(&body, WEBHOOK_SECRET).await.status,
            StatusCode::PAYLOAD_TOO_LARGE
        );
        assert!(house.inbox().await.is_empty());
    }

    async fn a_signed_body_that_is_no_event_is_kept_as_unroutable(house: &House) {
        for body in [&b"not json"[..], b"\xff\xfe", b"{}"] {
            assert_eq!(house.deliver(body, WEBHOOK_SECRET).await.status, StatusCode::OK);
        }
        let kinds = house.inbox().await;
        assert_eq!(kinds.len(), 3);
        assert!(kinds.iter().all(|(_, state)| *state == "unroutable"), "{kinds:?}");
    }

    async fn an_event_of_another_mode_or_account_is_kept_apart(house: &House) {
        let live = event(|event| event["livemode"] = json!(true));
        let other = event(|event| {
            event["id"] = json!("evt_2");
            event["account"] = json!("acct_other");
        });
        for body in [live, other] {
            assert_eq!(house.deliver(&body, WEBHOOK_SECRET).await.status, StatusCode::OK);
        }
        assert!(house.inbox().await.iter().all(|(_, state)| *state == "foreign"));
    }
}
