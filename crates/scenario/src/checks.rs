//! What must hold between the service's database and Stripe: at every moment, and at rest.

mod named;
mod rows;
mod trail;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use specie_billing::Held;
use specie_sandbox::Sandbox;
use specie_store::audit::Entry;
use specie_store::customers::Payer;
use specie_store::intents::IntentState;
use specie_store::slots::{SlotState, StoredSlot};
use specie_store::{
    Db, StoreError, Tx, audit, customers, held, intents, lanes, mails, outbox, quarantine, slots,
};
use specie_vocab::{BusinessTime, CustomerId, PayerId};

use crate::agree::{self, NotCompared};
use crate::door::Door;

/// So many customers are looked at.
const MOST: i64 = 100_000;

/// The two sides that are compared.
#[derive(Clone, Copy)]
pub struct Sides<'a> {
    /// The service's database.
    pub db: &'a Db,
    /// The sandbox.
    pub sandbox: &'a Sandbox,
    /// The sandbox, as a stranger reaches it.
    pub stripe: &'a Door,
    /// For how many days the catalog lets access go on while a renewal is not paid.
    pub grace_days: u32,
}

/// What does not hold, in a sentence.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// A rule is broken.
    #[error("{0}")]
    Said(String),
    /// The database could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The two sides could not be compared.
    #[error(transparent)]
    NotCompared(#[from] NotCompared),
}

type Checked<T = ()> = Result<T, Broken>;

fn must(holds: bool, what: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(Broken::Said(what())) }
}

/// The values that occur more than once.
fn twice<T: Ord>(all: impl IntoIterator<Item = T>) -> BTreeSet<T> {
    let (mut seen, mut again) = (BTreeSet::new(), BTreeSet::new());
    for one in all {
        if let Some(known) = seen.replace(one) {
            again.insert(known);
        }
    }
    again
}

fn none_twice<T: Ord + std::fmt::Debug>(what: &str, all: impl IntoIterator<Item = T>) -> Checked {
    let again = twice(all);
    must(again.is_empty(), || format!("{what}: {again:?}"))
}

fn is(object: &Value, field: &str, value: &str) -> bool {
    object[field] == value
}

fn text(object: &Value, field: &str) -> String {
    object[field].as_str().unwrap_or_default().to_owned()
}

fn is_live(subscription: &Value) -> bool {
    !is(subscription, "status", "canceled") && !is(subscription, "status", "incomplete_expired")
}

/// The plan group, the plan and the price that a price at Stripe stands for, by its lookup key.
fn sold(price: &Value) -> Option<[&str; 3]> {
    let mut keys = price["lookup_key"].as_str()?.strip_prefix("specie.")?.split('.');
    Some([keys.next()?, keys.next()?, keys.next()?])
}

/// What holds at every moment.
pub async fn always(sides: &Sides<'_>) -> Checked {
    at_stripe(sides.sandbox)?;
    stored(sides.db, sides.sandbox, &mut Looked::default()).await.map(drop)
}

/// Each customer at the last look: the version of their view, the newest entry of their trail, and the
/// end of it, shortened.
pub type Looked = BTreeMap<PayerId, (i64, Option<Entry>, String)>;

/// What holds of what is stored. A customer is looked at again when their version or their trail has
/// moved since `looked`: what changed without a word is found by the next look of its own. Answers the
/// end of each chain of the audit trail, shortened.
pub async fn stored(db: &Db, sandbox: &Sandbox, looked: &mut Looked) -> Checked<String> {
    let mut tx = db.read().await?;
    let payers = customers::list(&mut tx, MOST).await?;
    mailed(&mut tx, &payers).await?;
    let mut heads = Vec::new();
    for payer in payers {
        let last = audit::last(&mut tx, payer.id).await?;
        if let Some((version, known, head)) = looked.get(&payer.id)
            && (*version, known) == (payer.version, &last)
        {
            heads.push(head.clone());
            continue;
        }
        let held = held::load(&mut tx, payer.id).await?;
        let head = trail::chain(&mut tx, &payer, &held).await?;
        heads.push(head.clone());
        for row in held.into_values() {
            rows::coherent(&read(row.more)?)?;
        }
        let ours = intents::of_payer(&mut tx, payer.id, 1000).await?;
        let taken_back = ours.iter().any(|it| it.kind == "cancel_and_refund");
        let mut own = customers::former(&mut tx, payer.id).await?;
        own.extend(payer.stripe.clone());
        must(!taken_back || has_others(sandbox, &own), || {
            format!("the only subscription of {} is taken back", payer.app_id)
        })?;
        let stuck = ours.iter().find(|it| it.state == IntentState::Stuck);
        must(stuck.is_none(), || format!("an intent is stuck: {:?}", stuck.map(|it| &it.result)))?;
        looked.insert(payer.id, (payer.version, last, head));
    }
    must(quarantine::open(&mut tx, 1).await?.is_empty(), || "something is in quarantine".into())?;
    Ok(heads.join(" "))
}

/// Each effect is queued once, and each mail came of one of its payer's.
async fn mailed(tx: &mut Tx, payers: &[Payer]) -> Checked {
    let mails = mails::list(tx, MOST).await?;
    none_twice("mails of one key", mails.iter().map(|mail| &mail.key))?;
    let receipts = mails.iter().filter(|mail| mail.kind == "receipt");
    none_twice("the same receipt", receipts.map(|mail| (&mail.recipient, &mail.text)))?;
    let mut queued = Vec::new();
    for payer in payers {
        let effects = outbox::of_payer(tx, payer.id).await?;
        let mails = effects.into_iter().filter(|effect| effect.kind == "mail");
        queued.extend(mails.map(|effect| (effect.key, payer.id)));
    }
    none_twice("effects of one key", queued.iter().map(|(key, _)| key))?;
    let queued: BTreeMap<_, _> = queued.into_iter().collect();
    let stray = mails.iter().find(|mail| queued.get(&mail.key) != Some(&mail.payer));
    must(stray.is_none(), || format!("a mail of no effect: {:?}", stray.map(|mail| &mail.key)))
}

fn read(more: Value) -> Checked<Held> {
    serde_json::from_value(more).map_err(|error| Broken::Said(format!("a held row: {error}")))
}

/// Whether somebody else ever made a subscription for a customer.
fn has_others(sandbox: &Sandbox, own: &[CustomerId]) -> bool {
    let sessions = sandbox.list("checkout.session");
    let made: BTreeSet<_> = sessions.iter().map(|it| text(it, "subscription")).collect();
    let all = sandbox.list("subscription");
    let is_own = |it: &&Value| own.iter().any(|customer| is(it, "customer", customer.as_str()));
    let mut of_them = all.iter().filter(is_own);
    of_them.any(|it| !made.contains(&text(it, "id")))
}

/// Nothing was done twice, as far as Stripe can tell.
pub fn at_stripe(sandbox: &Sandbox) -> Checked {
    let list = |kind| sandbox.list(kind);
    let ours = |it: &&Value| it["metadata"]["specie_intent"].is_string();
    let sessions = list("checkout.session");
    let open = sessions.iter().filter(ours).filter(|it| is(it, "status", "open"));
    none_twice("two sessions of a customer can be paid", open.map(|it| text(it, "customer")))?;

    let made: BTreeSet<_> =
        sessions.iter().filter(ours).map(|it| text(it, "subscription")).collect();
    let subscriptions = list("subscription");
    let live = subscriptions.iter().filter(|it| is_live(it) && made.contains(&text(it, "id")));
    none_twice("two live subscriptions of ours", live.map(|it| text(it, "customer")))?;

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

/// What a customer was shown is what is stored.
pub async fn shown(sides: &Sides<'_>, customer: &str, view: &Value) -> Checked {
    let mut tx = sides.db.read().await?;
    let Some(payer) = customers::find(&mut tx, "app", customer).await? else { return Ok(()) };
    let slot = slots::load(&mut tx, payer.id).await?.into_values().next();
    let Some(id) = slot.and_then(|slot| slot.subscription) else { return Ok(()) };
    let Some(row) = held::load(&mut tx, payer.id).await?.remove(&id) else { return Ok(()) };
    let row = read(row.more)?;
    let now = BusinessTime::from_second(sides.sandbox.now());
    let access = row.access.is_given(now);
    let same = view["status"] == row.status.as_str()
        && (view["access"] == access || view["stale"] == true)
        && view["cancel_at_period_end"] == row.cancel_at_period_end
        && view["subscription"] == id.as_str()
        && view["version"] == payer.version;
    must(same, || {
        format!("{customer} is shown {view}, and stored is version {}, {row:?}", payer.version)
    })
}

/// What holds when all is at rest after one watermark pass in good weather.
pub async fn at_rest(sides: &Sides<'_>) -> Checked {
    let found = agree::compare(sides.db, sides.stripe).await?;
    must(found.differing.is_empty(), || format!("they differ: {:#?}", found.differing))?;
    let mut tx = sides.db.read().await?;
    must(lanes::at_rest(&mut tx).await?, || "something is not at rest".into())?;
    complete(sides).await?;
    for payer in customers::list(&mut tx, MOST).await? {
        slot(sides, &mut tx, &payer).await?;
        named::nobody(&mut tx, &payer).await?;
        for (_, row) in held::load(&mut tx, payer.id).await? {
            rows::given(sides, &read(row.more)?)?;
        }
    }
    Ok(())
}

/// Every object at Stripe has its row.
async fn complete(sides: &Sides<'_>) -> Checked {
    let tables = [
        ("customer", "stripe_customers"),
        ("subscription", "stripe_subscriptions"),
        ("invoice", "stripe_invoices"),
        ("payment_intent", "stripe_payments"),
        ("refund", "stripe_refunds"),
        ("checkout.session", "stripe_checkout_sessions"),
    ];
    for (kind, table) in tables {
        let rows = specie_store::rows::of_table(sides.db, table).await?;
        let known: BTreeSet<_> = rows.iter().filter_map(|row| row["id"].as_str()).collect();
        for object in sides.sandbox.list(kind) {
            let id = text(&object, "id");
            must(known.contains(id.as_str()), || format!("{id} has no row in {table}"))?;
        }
    }
    Ok(())
}

/// A slot names what Stripe says.
async fn slot(sides: &Sides<'_>, tx: &mut Tx, payer: &Payer) -> Checked {
    let Some(customer) = &payer.stripe else { return Ok(()) };
    let of_it = |kind| {
        let all = sides.sandbox.list(kind).into_iter();
        all.filter(|it| is(it, "customer", customer.as_str())).collect::<Vec<_>>()
    };
    let subscriptions = of_it("subscription");
    let live: BTreeSet<_> =
        subscriptions.iter().filter(|it| is_live(it)).map(|it| text(it, "id")).collect();
    let open = of_it("checkout.session");
    let open: Vec<_> = open.iter().filter(|it| is(it, "status", "open")).collect();
    let slot = slots::load(tx, payer.id).await?.into_values().next();
    let holds = match (&slot, live.len()) {
        (None, 0) => open.is_empty(),
        (Some(StoredSlot { state: SlotState::Empty, .. }), 0) => open.is_empty(),
        (Some(StoredSlot { state: SlotState::Open, session: Some(session), .. }), 0) => {
            open.iter().any(|it| is(it, "id", session.as_str()))
        }
        (Some(StoredSlot { state: SlotState::Held, subscription: Some(id), .. }), 1) => {
            live.contains(id.as_str())
        }
        (Some(StoredSlot { state: SlotState::Conflict, subscription: Some(id), .. }), 2..) => {
            live.contains(id.as_str())
        }
        _ => false,
    };
    let name = &payer.app_id;
    must(holds, || format!("the slot of {name} is {slot:?}; alive {live:?}, open {open:?}"))
}
