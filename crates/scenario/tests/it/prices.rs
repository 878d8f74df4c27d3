//! What is charged is what is shown: prices that change, change back, and were not applied yet.

use http::Method;
use serde_json::{Value, json};
use specie_billing::catalog::Price;
use specie_scenario::{Card, Person, Stage};
use specie_server::catalog;
use specie_store::price_versions::{self, PriceVersion};

use crate::browser::Browser;
use crate::set::{Process, beside_but, both, having};

/// A process in whose catalog `pro/monthly`, applied at 29.00, is another price.
fn selling(stage: &Stage, change: impl FnOnce(&mut Price)) -> Process {
    beside_but(stage, stage.stripe.transport.clone(), |parts| {
        change(&mut parts.catalog.groups[0].plans[0].prices[0]);
    })
}

fn at(stage: &Stage, minor: i64) -> Process {
    selling(stage, |price| price.amount.minor = minor)
}

async fn apply(stage: &Stage, process: &Process) {
    let app = &process.app;
    catalog::apply(&app.db, &stage.app.stripe, &app.catalog, None).await.unwrap();
}

/// The version that was applied last.
async fn newest(stage: &Stage) -> PriceVersion {
    let mut tx = stage.app.db.read().await.unwrap();
    let newest = price_versions::current(&mut tx, "main", "pro", "monthly").await.unwrap();
    newest.unwrap()
}

/// What a process takes for `pro/monthly`, by Stripe's word.
async fn taken(stage: &Stage, process: &Process, id: &str) -> Value {
    let person = Person::new(stage, id, id).at(&process.service);
    let checkout = person.checkout("pro", "monthly").await.unwrap();
    process.conductor.settle().await.unwrap();
    let open = having(stage, "checkout.session", "open");
    open.iter().find(|it| it["id"] == checkout["id"]).unwrap()["amount_total"].clone()
}

async fn not_applied(process: &Process) -> Vec<String> {
    catalog::not_applied(&process.app.db, &process.app.catalog).await.unwrap()
}

both! {
    async fn a_price_that_is_changed_back_is_sold_again(stage: &Stage) {
        let first = newest(stage).await;
        let dearer = at(stage, 3900);
        apply(stage, &dearer).await;
        assert_eq!((newest(stage).await.amount, newest(stage).await.version), (3900, 2));

        let back = at(stage, 2900);
        for _ in 0..2 {
            apply(stage, &back).await;
            assert_eq!(newest(stage).await, PriceVersion { version: 3, ..first.clone() });
        }
        assert_eq!(taken(stage, &back, "ada").await, 2900);
        assert_eq!(not_applied(&back).await, [""; 0]);
    }

    async fn a_price_that_was_changed_and_not_applied_is_not_sold(stage: &Stage) {
        let changes: [fn(&mut Price); 3] = [
            |price| price.amount.minor = 4900,
            |price| price.amount.currency = "eur".try_into().unwrap(),
            |price| price.interval.count = 31,
        ];
        let terms = ["$49.00 every 30 days", "€29.00 every 30 days", "$29.00 every 31 days"];
        for (change, terms) in changes.into_iter().zip(terms) {
            let edited = selling(stage, change);
            let ada = Person::new(stage, "ada", "Ada").at(&edited.service);
            let body = json!({ "plan": "pro", "price": "monthly" });
            let reply = ada.call(Method::POST, "checkout", body).await.unwrap();
            let answer: Value = reply.json().unwrap();
            assert_eq!((reply.status.as_u16(), &answer["code"]), (409, &json!("catalog_not_applied")));
            assert_eq!(not_applied(&edited).await, [format!("`pro/monthly` at {terms}")]);
        }
        assert_eq!(stage.sandbox.list("checkout.session"), [] as [Value; 0]);

        let edited = at(stage, 4900);
        apply(stage, &edited).await;
        assert_eq!(not_applied(&edited).await, [""; 0]);
        assert_eq!(taken(stage, &edited, "ada").await, 4900);
    }

    async fn each_process_takes_what_it_shows_while_a_new_price_comes_into_force(stage: &Stage) {
        let (dearer, before) = (at(stage, 3900), at(stage, 2900));
        apply(stage, &dearer).await;
        assert_eq!(taken(stage, &before, "ada").await, 2900);
        assert_eq!(taken(stage, &dearer, "bob").await, 3900);
        // Who comes again and is shown another price gets another session.
        assert_eq!(taken(stage, &dearer, "ada").await, 3900);
        assert_eq!(having(stage, "checkout.session", "open").len(), 2);
    }

    async fn who_bought_at_an_earlier_price_is_shown_what_they_pay(stage: &Stage) {
        Person::new(stage, "ada", "Ada").subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        stage.conductor.settle().await.unwrap();
        let other = selling(stage, |price| {
            price.amount.minor = 3900;
            price.interval.count = 31;
        });
        apply(stage, &other).await;
        let without = beside_but(stage, stage.stripe.transport.clone(), |parts| {
            parts.catalog.groups[0].plans[0].prices.remove(0);
        });
        for process in [&other, &without] {
            let ada = Person::new(stage, "ada", "Ada").at(&process.service);
            let view = ada.subscription().await.unwrap();
            assert_eq!((&view["price"], &view["conflicts"]), (&json!("monthly"), &json!([])));
            assert_eq!(view["amount"], json!({ "amount": 2900, "currency": "usd", "text": "$29.00" }));
            assert_eq!(view["every"], "every 30 days");

            let browser = Browser::at(stage, &process.service, "ada").await;
            let page = browser.open("/billing/account").await.text();
            assert!(page.contains("$29.00 every 30 days"), "{page}");
        }
    }
}
