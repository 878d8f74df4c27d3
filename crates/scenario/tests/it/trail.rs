//! The audit trail names who asked for each change.

use specie_scenario::{Card, Person};
use specie_store::{audit, customers, keys};

use crate::browser::Browser;
use crate::set::{both, text};

const DAY: i64 = 86_400;

both! {
    async fn each_change_names_who_asked_for_it(stage: &Stage) {
        let ada = Person::new(stage, "ada", "Ada Lovelace");
        ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
        ada.cancel().await.unwrap();
        let browser = Browser::of(stage, "ada").await;
        let token = browser.token("/billing/account").await;
        let group = ada.subscription().await.unwrap();
        let fields = [("token", token.as_str()), ("group", text(&group["group"]))];
        let resumed = browser.send("/billing/resume", &fields).await;
        assert!(resumed.status.is_redirection(), "{}", resumed.text());
        ada.bank_blocks_card().await.unwrap();
        let start = stage.sandbox.now();
        stage.conductor.advance_to(start + 31 * DAY).await.unwrap();
        ada.replace_card(Card::OTHER).await.unwrap();
        stage.conductor.settle().await.unwrap();

        let mut tx = stage.app.db.read().await.unwrap();
        let key = format!("key:{}", keys::list(&mut tx).await.unwrap()[0].id);
        let payer = customers::find(&mut tx, "app", "ada").await.unwrap().unwrap();
        let entries = audit::list(&mut tx, payer.id).await.unwrap();
        let who = |what: &str| {
            let mut found: Vec<_> =
                entries.iter().filter(|it| it.what == what).map(|it| it.who.as_str()).collect();
            found.dedup();
            found
        };
        assert_eq!(who("checkout.begun"), [&key]);
        assert_eq!(who("checkout.done"), [&key]);
        assert_eq!(who("cancellation.begun"), [&key]);
        assert_eq!(who("resumption.begun"), ["customer"]);
        assert_eq!(who("cancellation.done"), [&key, "customer"]);
        assert_eq!(who("recover.begun"), ["specie"]);
        assert_eq!(who("recover.done"), ["specie"]);
        assert_eq!(who("subscription.held"), ["stripe"]);
    }
}
