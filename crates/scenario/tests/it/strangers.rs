//! Who says nothing of themselves gets nothing, and nobody gets what is another customer's.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use specie_scenario::{Card, Door, Person};

use crate::set::{both, text};

/// All that customers' data is read and changed by.
const DOORS: [(Method, &str); 8] = [
    (Method::GET, "/api/billing/subscription"),
    (Method::GET, "/api/billing/payments"),
    (Method::POST, "/api/billing/checkout"),
    (Method::POST, "/api/billing/checkout/cs_test_1/sync"),
    (Method::POST, "/api/billing/portal"),
    (Method::POST, "/api/billing/subscription/cancellation"),
    (Method::DELETE, "/api/billing/subscription/cancellation"),
    (Method::POST, "/api/billing/session-tokens"),
];

async fn status(door: &Door, method: &Method, path: &str, headers: &[(&str, &str)]) -> StatusCode {
    door.send(method.clone(), path, headers, "").await.unwrap().status
}

both! {
    async fn without_credentials_every_door_is_401(stage: &Stage) {
        Person::new(stage, "ada", "Ada").subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        let key = stage.server_key.expose();
        let mut changed = key.to_owned();
        let last = changed.pop().unwrap();
        changed.push(if last == 'a' { 'b' } else { 'a' });
        let wrong = [
            String::new(),
            "Bearer".into(),
            "Bearer ".into(),
            format!("Basic {key}"),
            key.into(),
            format!("Bearer {changed}"),
            format!("Bearer {}", &key[..key.len() / 2]),
            "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.".into(),
            format!("Bearer {}", stage.webhook_secret.expose()),
        ];
        for (method, path) in &DOORS {
            let named = [("specie-customer", "ada")];
            assert_eq!(status(&stage.service, method, path, &named).await, 401, "{method} {path}");
            for wrong in &wrong {
                let headers = [("authorization", wrong.as_str()), ("specie-customer", "ada")];
                let found = status(&stage.service, method, path, &headers).await;
                assert_eq!(found, 401, "{method} {path} with `{wrong}`");
            }
        }
        for page in ["plans", "account", "cancel", "return?session=cs_test_1"] {
            let path = format!("/billing/{page}");
            assert_eq!(status(&stage.service, &Method::GET, &path, &[]).await, 401, "{page}");
        }
        let cookie = [("cookie", "specie_session=guessed")];
        assert_eq!(status(&stage.service, &Method::GET, "/billing/account", &cookie).await, 401);
    }

    async fn another_customers_session_is_404_as_if_it_were_not_there(stage: &Stage) {
        let (ada, bob) = (Person::new(stage, "ada", "Ada"), Person::new(stage, "bob", "Bob"));
        let session = ada.checkout("pro", "monthly").await.unwrap();
        bob.checkout("pro", "monthly").await.unwrap();
        ada.pay(text(&session["url"]), Card::GOOD).await.unwrap();

        let sync = async |person: &Person<'_>, session: &str| {
            let path = format!("checkout/{session}/sync");
            let reply = person.call(Method::POST, &path, Value::Null).await.unwrap();
            (reply.status, reply.json().unwrap())
        };
        let anothers = sync(&bob, text(&session["id"])).await;
        assert_eq!(anothers.0, StatusCode::NOT_FOUND);
        assert_eq!(anothers, sync(&bob, "cs_test_a1nobodys").await);
        assert_eq!(anothers, sync(&Person::new(stage, "new", "New"), text(&session["id"])).await);
        assert_eq!(sync(&ada, text(&session["id"])).await.1["status"], "active");
        assert_eq!(bob.subscription().await.unwrap()["status"], "none");
    }

    async fn another_customers_payments_are_not_shown_and_their_subscription_is_not_changed(stage: &Stage) {
        let (ada, bob) = (Person::new(stage, "ada", "Ada"), Person::new(stage, "bob", "Bob"));
        let paid = ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        bob.subscribe("pro", "annual", Card::OTHER).await.unwrap();
        stage.conductor.advance_to(stage.sandbox.now() + 31 * 86_400).await.unwrap();

        let page =
            ada.call(Method::GET, "payments?limit=1", Value::Null).await.unwrap().json().unwrap();
        let cursor = text(&page["next_cursor"]);
        let path = format!("payments?cursor={cursor}");
        let of_bob = bob.call(Method::GET, &path, Value::Null).await.unwrap().json().unwrap();
        let cards: Vec<_> =
            of_bob["data"].as_array().unwrap().iter().map(|it| &it["card"]).collect();
        assert!(cards.iter().all(|card| card["last4"] == "4444"), "{of_bob}");
        assert_eq!(bob.payments().await.unwrap()["data"].as_array().unwrap().len(), 1);

        // Whatever Bob's request says of Ada, it is Bob's subscription that he changes.
        for path in ["subscription/cancellation?customer=ada", "subscription/cancellation"] {
            let body = json!({ "subscription": paid["subscription"], "customer": "ada" });
            bob.call(Method::POST, path, body).await.unwrap();
        }
        let view = ada.subscription().await.unwrap();
        assert_eq!(view["subscription"], paid["subscription"]);
        assert_eq!(view["cancel_at_period_end"], false);

        let bearer = format!("Bearer {}", stage.server_key.expose());
        let two = [
            ("authorization", bearer.as_str()),
            ("specie-customer", "bob"),
            ("specie-customer", "ada"),
        ];
        let path = "/api/billing/subscription";
        assert_eq!(status(&stage.service, &Method::GET, path, &two).await, 400, "who of the two?");
    }
}
