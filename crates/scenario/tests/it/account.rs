//! The account page and what can be done there: the subscription is ended and goes on, the card is
//! replaced, and each page shows what was done before it.

use http::StatusCode;
use specie_scenario::{Card, Person, Reply, Stage};

use crate::browser::Browser;
use crate::set::{both, having};

const ACCOUNT: &str = "/billing/account";

/// Where a form or a page leads.
#[track_caller]
fn leads_to(reply: &Reply) -> String {
    assert_eq!(reply.status, StatusCode::SEE_OTHER, "{}", reply.text());
    reply.headers["location"].to_str().unwrap().to_owned()
}

#[track_caller]
fn assert_shows(page: &Reply, texts: &[&str]) {
    let shown = page.text();
    assert_eq!(page.status, StatusCode::OK, "{shown}");
    for text in texts {
        assert!(shown.contains(text), "`{text}` is not in {shown}");
    }
}

/// Ada, who pays monthly, in a browser.
async fn subscribed(stage: &Stage) -> (Person<'_>, Browser<'_>) {
    let ada = Person::new(stage, "ada", "Ada");
    ada.subscribe("pro", "monthly", Card::GOOD).await.unwrap();
    stage.conductor.settle().await.unwrap();
    (ada, Browser::of(stage, "ada").await)
}

both! {
    async fn a_subscription_is_ended_after_a_question_and_goes_on_when_asked(stage: &Stage) {
        let (ada, browser) = subscribed(stage).await;
        let group = ada.subscription().await.unwrap()["group"].as_str().unwrap().to_owned();
        let ask = format!("/billing/cancel?group={group}");
        assert_shows(&browser.open(&ask).await, &["After that you lose access"]);

        let token = browser.token(&ask).await;
        let fields = [("token", token.as_str()), ("group", group.as_str())];
        let ended = leads_to(&browser.send("/billing/cancel", &fields).await);
        assert_eq!(ended, "/billing/account?done=canceled");
        assert_shows(&browser.open(&ended).await, &["Your subscription will end on", "Resume"]);
        assert_eq!(leads_to(&browser.open(&ask).await), ACCOUNT, "there is nothing to ask");

        let token = browser.token(ACCOUNT).await;
        let fields = [("token", token.as_str()), ("group", group.as_str())];
        let resumed = leads_to(&browser.send("/billing/resume", &fields).await);
        assert_shows(&browser.open(&resumed).await, &["Your subscription goes on"]);
        assert_eq!(ada.subscription().await.unwrap()["cancel_at_period_end"], false);

        for wrong in [&[("token", "x")][..], &[("token", "x"), ("group", group.as_str())]] {
            let refused = browser.send("/billing/cancel", wrong).await;
            assert!(refused.status.is_client_error(), "{}", refused.text());
        }
        assert_eq!(ada.subscription().await.unwrap()["cancel_at_period_end"], false);
    }

    async fn a_card_that_is_replaced_pays_what_is_owed_before_the_page_is_shown(stage: &Stage) {
        let (ada, _) = subscribed(stage).await;
        ada.bank_blocks_card().await.unwrap();
        stage.conductor.advance_to(stage.sandbox.now() + 31 * 86_400).await.unwrap();
        let browser = Browser::of(stage, "ada").await;
        assert_shows(&browser.open(ACCOUNT).await, &["Your last payment failed", "Update card"]);

        let token = browser.token(ACCOUNT).await;
        let portal = leads_to(&browser.send("/billing/portal", &[("token", &token)]).await);
        ada.enter_card(&portal, Card::OTHER).await.unwrap();
        // No webhook has come, and none is waited for.
        assert_eq!(leads_to(&browser.open("/billing/account?from=portal").await), ACCOUNT);
        assert_eq!(having(stage, "charge", "succeeded").len(), 2);
        let shown = browser.open(ACCOUNT).await;
        assert_shows(&shown, &["4444"]);
        assert!(!shown.text().contains("Your last payment failed"), "{}", shown.text());
        stage.conductor.settle().await.unwrap();
        assert_eq!(having(stage, "charge", "succeeded").len(), 2, "it is charged once");
    }
}
