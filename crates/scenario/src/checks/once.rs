//! Nothing is done twice, as far as Stripe can tell.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use specie_sandbox::Sandbox;
use specie_vocab::CustomerId;

use super::left::{self, Closed};
use super::{Checked, groups, is, is_live, none_twice, text};

/// Of each customer one session can be paid and one subscription of ours is alive, in each plan group;
/// no customer is there twice, nothing of the catalog is, and no period is charged twice. Sessions and
/// customers of changes that were closed are left where they are, and count for nobody.
pub fn at_stripe(sandbox: &Sandbox, closed: &Closed) -> Checked {
    let sessions = sandbox.each("checkout.session", |it| Session::of(it, closed));
    let ours = || sessions.iter().filter(|it| it.is_ours);
    let open = ours().filter(|it| it.is_open && !it.is_left);
    let open = open.map(|it| (&it.customer, groups::of_session(sandbox, &it.id)));
    none_twice("two sessions of a customer can be paid", open)?;

    let made: BTreeSet<_> = ours().map(|it| &it.subscription).collect();
    let live = sandbox.each("subscription", |it| {
        let counts = is_live(it) && made.contains(&text(it, "id"));
        counts.then(|| (text(it, "customer"), groups::of_subscription(it)))
    });
    none_twice("two live subscriptions of ours", live.into_iter().flatten())?;

    let marks = sandbox.each("customer", |it| {
        let mark = it["metadata"]["specie_customer"].as_str().map(String::from);
        mark.filter(|_| !left::is_of(closed, it))
    });
    none_twice("a customer is at Stripe twice", marks.into_iter().flatten())?;
    sold(sandbox)?;
    charges(sandbox)
}

/// The catalog is applied over and over again, by anybody.
fn sold(sandbox: &Sandbox) -> Checked {
    let plans =
        sandbox.each("product", |it| it["metadata"]["specie_plan"].as_str().map(String::from));
    none_twice("a plan is at Stripe twice", plans.into_iter().flatten())?;
    let keys = sandbox.each("price", |it| text(it, "lookup_key"));
    none_twice("a price is at Stripe twice", keys)?;
    let addresses = sandbox.each("webhook_endpoint", |it| text(it, "url"));
    none_twice("two webhook endpoints lead to one address", addresses)
}

/// What counts of a Checkout Session.
struct Session {
    id: String,
    customer: String,
    subscription: String,
    is_ours: bool,
    is_open: bool,
    /// Whether the change that has made it was closed.
    is_left: bool,
}

impl Session {
    fn of(object: &Value, closed: &Closed) -> Self {
        Self {
            id: text(object, "id"),
            customer: text(object, "customer"),
            subscription: text(object, "subscription"),
            is_ours: object["metadata"]["specie_intent"].is_string(),
            is_open: is(object, "status", "open"),
            is_left: left::is_of(closed, object),
        }
    }
}

fn charges(sandbox: &Sandbox) -> Checked {
    let invoice_of = sandbox.each("payment_intent", |it| {
        (text(it, "id"), text(&it["payment_details"], "order_reference"))
    });
    let period_of = sandbox.each("invoice", |it| {
        let subscription = text(&it["parent"]["subscription_details"], "subscription");
        let start = it["lines"]["data"][0]["period"]["start"].as_i64();
        (text(it, "id"), (subscription, start))
    });
    let (invoice_of, period_of): (BTreeMap<_, _>, BTreeMap<_, _>) =
        (invoice_of.into_iter().collect(), period_of.into_iter().collect());
    let paid = sandbox.each("charge", |it| {
        let succeeded = is(it, "status", "succeeded");
        succeeded.then(|| &period_of[&invoice_of[&text(it, "payment_intent")]])
    });
    none_twice("a period was charged twice", paid.into_iter().flatten())
}

/// Whether somebody else ever made a subscription in a group for a customer.
pub(super) fn has_others(sandbox: &Sandbox, own: &[CustomerId], group: Option<&str>) -> bool {
    let made = sandbox.each("checkout.session", |it| text(it, "subscription"));
    let others = sandbox.each("subscription", |it| {
        own.iter().any(|customer| is(it, "customer", customer.as_str()))
            && groups::of_subscription(it).as_deref() == group
            && !made.contains(&text(it, "id"))
    });
    others.contains(&true)
}
