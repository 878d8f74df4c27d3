//! Nothing is done twice, as far as Stripe can tell.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use specie_sandbox::Sandbox;
use specie_vocab::CustomerId;

use super::{Checked, groups, is, is_live, none_twice, text};

/// Of each customer one session can be paid and one subscription of ours is alive, in each plan group;
/// no customer and no price is there twice, and no period is charged twice.
pub fn at_stripe(sandbox: &Sandbox) -> Checked {
    let list = |kind| sandbox.list(kind);
    let mut sessions = list("checkout.session");
    sessions.retain(|it| it["metadata"]["specie_intent"].is_string());
    let open = sessions.iter().filter(|it| is(it, "status", "open"));
    let open = open.map(|it| (text(it, "customer"), groups::of_session(sandbox, it)));
    none_twice("two sessions of a customer can be paid", open)?;

    let made: BTreeSet<_> = sessions.iter().map(|it| text(it, "subscription")).collect();
    let subscriptions = list("subscription");
    let live = subscriptions.iter().filter(|it| is_live(it) && made.contains(&text(it, "id")));
    let live = live.map(|it| (text(it, "customer"), groups::of_subscription(it)));
    none_twice("two live subscriptions of ours", live)?;

    let customers = list("customer");
    let marked = customers.iter().filter(|it| it["metadata"]["specie_customer"].is_string());
    let marks = marked.map(|it| text(&it["metadata"], "specie_customer"));
    none_twice("a customer is at Stripe twice", marks)?;
    let prices = list("price");
    none_twice("a price is at Stripe twice", prices.iter().map(|it| text(it, "lookup_key")))?;

    charges(sandbox)
}

fn charges(sandbox: &Sandbox) -> Checked {
    let intents: BTreeMap<_, _> =
        sandbox.list("payment_intent").into_iter().map(|it| (text(&it, "id"), it)).collect();
    let invoices: BTreeMap<_, _> =
        sandbox.list("invoice").into_iter().map(|it| (text(&it, "id"), it)).collect();
    let mut paid = Vec::new();
    for charge in sandbox.list("charge").iter().filter(|it| is(it, "status", "succeeded")) {
        let intent = &intents[&text(charge, "payment_intent")];
        let invoice = text(&intent["payment_details"], "order_reference");
        let found = &invoices[&invoice];
        let subscription = text(&found["parent"]["subscription_details"], "subscription");
        let start = found["lines"]["data"][0]["period"]["start"].as_i64();
        paid.push((subscription, start));
    }
    none_twice("a period was charged twice", paid)
}

/// Whether somebody else ever made a subscription in a group for a customer.
pub(super) fn has_others(sandbox: &Sandbox, own: &[CustomerId], group: Option<&str>) -> bool {
    let sessions = sandbox.list("checkout.session");
    let made: BTreeSet<_> = sessions.iter().map(|it| text(it, "subscription")).collect();
    let is_own = |it: &Value| own.iter().any(|customer| is(it, "customer", customer.as_str()));
    sandbox.list("subscription").iter().any(|it| {
        is_own(it)
            && groups::of_subscription(it).as_deref() == group
            && !made.contains(&text(it, "id"))
    })
}
