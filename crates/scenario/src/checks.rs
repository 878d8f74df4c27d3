//! What must hold between the service's database and Stripe: at every moment, and at rest.

mod gone;
mod groups;
mod left;
mod named;
mod once;
mod rows;
mod trail;
mod written;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use specie_billing::Held;
use specie_billing::catalog::{Policies, StaleAccess};
use specie_sandbox::Sandbox;
use specie_store::audit::Entry;
use specie_store::intents::{Intent, IntentState};
use specie_store::{
    Db, StoreError, Tx, audit, customers, held, intents, lanes, mails, outbox, quarantine, slots,
};
use specie_stripe::StripeError;
use specie_vocab::{BusinessTime, PayerId};

use crate::agree::{self, NotCompared};
use crate::door::Door;

pub use left::Closed;
pub use once::at_stripe;
pub use written::{Read, written};

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
    /// What the catalog says of money that does not come, and of what may be old.
    pub policies: &'a Policies,
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
    let (closed, _) = left_there(&mut sides.db.read().await?).await?;
    at_stripe(sides.sandbox, &closed)?;
    stored(sides.db, sides.sandbox, sides.policies, &mut Looked::default()).await?;
    written(sides.db, &mut Read::default()).await?;
    mailed(sides.db).await
}

/// What was left at Stripe, and all customers there whom the service knows for its own, or did.
async fn left_there(tx: &mut Tx) -> Checked<(Closed, BTreeSet<String>)> {
    let payers = customers::list(tx, MOST).await?;
    let known = left::known_customers(tx, &payers).await?;
    Ok((left::closed(tx, &known).await?, known))
}

/// Each customer at the last look: the version of their view, the newest entry of their trail, and the
/// end of it, shortened.
pub type Looked = BTreeMap<PayerId, (i64, Option<Entry>, String)>;

/// What holds of what is stored. A customer is looked at again when their version or their trail has
/// moved since `looked`: what changed without a word is found by the next look of its own. Answers the
/// end of each chain of the audit trail, shortened.
pub async fn stored(
    db: &Db,
    sandbox: &Sandbox,
    policies: &Policies,
    looked: &mut Looked,
) -> Checked<String> {
    let mut tx = db.read().await?;
    let mut heads = Vec::new();
    for payer in customers::list(&mut tx, MOST).await? {
        let last = audit::last(&mut tx, payer.id).await?;
        if let Some((version, known, head)) = looked.get(&payer.id)
            && (*version, known) == (payer.version, &last)
        {
            heads.push(head.clone());
            continue;
        }
        let held = held::load(&mut tx, payer.id).await?;
        let slots = slots::load(&mut tx, payer.id).await?;
        let head = trail::chain(&mut tx, &payer, &held, &slots).await?;
        heads.push(head.clone());
        for row in held.into_values() {
            rows::whole(&mut tx, row, policies).await?;
        }
        let ours = intents::of_payer(&mut tx, payer.id, 1000).await?;
        let mut own = customers::former(&mut tx, payer.id).await?;
        own.extend(payer.stripe.clone());
        for back in ours.iter().filter(|it| it.kind == "cancel_and_refund") {
            let group = back.what["group"].as_str();
            must(once::has_others(sandbox, &own, group), || {
                format!("the only subscription of {} in {group:?} is taken back", payer.app_id)
            })?;
        }
        let stuck = ours.iter().find(|it| it.state == IntentState::Stuck && !is_mistaken(it));
        must(stuck.is_none(), || format!("an intent is stuck: {:?}", stuck.map(|it| &it.result)))?;
        looked.insert(payer.id, (payer.version, last, head));
    }
    must(quarantine::open(&mut tx, 1).await?.is_empty(), || "something is in quarantine".into())?;
    Ok(heads.join(" "))
}

/// Whether Stripe has said that the key of a change stands for another request: then a person decides.
fn is_mistaken(intent: &Intent) -> bool {
    let why = intent.result.as_ref().and_then(|result| result["why"].as_str());
    why == Some(StripeError::Idempotency.to_string().as_str())
}

/// No receipt is written twice, and each mail came of one of its payer's effects, which is carried out
/// and asked for a mail of that kind. That is so at every moment where no mail server takes them, and
/// with one at rest.
pub async fn mailed(db: &Db) -> Checked {
    let mut tx = db.read().await?;
    let mails = mails::list(&mut tx, MOST).await?;
    let receipts = mails.iter().filter(|mail| mail.kind == "receipt");
    none_twice("the same receipt", receipts.map(|mail| (&mail.recipient, &mail.text)))?;
    let mut queued = BTreeMap::new();
    for payer in customers::list(&mut tx, MOST).await? {
        let effects = outbox::of_payer(&mut tx, payer.id).await?;
        let mails = effects.into_iter().filter(|effect| effect.kind == "mail");
        queued.extend(mails.map(|effect| (effect.key.clone(), (payer.id, effect))));
    }
    for mail in &mails {
        let effect = queued.get(&mail.key).filter(|(payer, _)| *payer == mail.payer);
        let Some((_, effect)) = effect else {
            return Err(Broken::Said(format!("a mail of no effect: {}", mail.key)));
        };
        must(effect.done && effect.what["kind"] == mail.kind.as_str(), || {
            format!("a mail of the kind {} came of {effect:?}", mail.kind)
        })?;
    }
    Ok(())
}

fn read(more: Value) -> Checked<Held> {
    serde_json::from_value(more).map_err(|error| Broken::Said(format!("a held row: {error}")))
}

/// What a customer was shown is what is stored. Without a subscription nobody has access, and where
/// what is known may be old, whoever the policies deny it.
pub async fn shown(sides: &Sides<'_>, customer: &str, view: &Value) -> Checked {
    let mut tx = sides.db.read().await?;
    let Some(payer) = customers::find(&mut tx, "app", customer).await? else {
        return must(view["access"] == false, || format!("{customer} is nobody and shown {view}"));
    };
    let group = view["group"].as_str().unwrap_or_default();
    let slot = slots::load(&mut tx, payer.id).await?.remove(group);
    let fills = slot.and_then(|slot| slot.subscription);
    let rows = held::load(&mut tx, payer.id).await?.into_values();
    let rows: Vec<_> = rows.map(|row| read(row.more)).collect::<Result<_, _>>()?;
    // The slot's own, else the one that ended last.
    let row = match &fills {
        Some(id) => rows.iter().find(|row| row.subscription == *id),
        None => rows.iter().filter(|row| row.group == group).max_by_key(|row| row.ended_at),
    };
    let now = BusinessTime::from_second(sides.sandbox.now());
    let is_denied = view["stale"] == true && sides.policies.access_when_stale == StaleAccess::Deny;
    let same = view["version"] == payer.version
        && match row {
            Some(row) => {
                let given = fills.is_some() && row.access.is_given(now) && !is_denied;
                let until = row.access.until().filter(|_| given).map(|until| until.timestamp());
                row.group == group
                    && view["subscription"] == row.subscription.as_str()
                    && view["status"] == row.status.as_str()
                    && (view["access"] == given && view["access_until"] == json!(until))
                    && view["cancel_at_period_end"] == row.cancel_at_period_end
            }
            None => view["status"] == "none" && view["access"] == false && fills.is_none(),
        };
    must(same, || {
        format!("{customer} is shown {view}, and stored is version {}, {row:?}", payer.version)
    })
}

/// What holds when all is at rest after one watermark pass in good weather, and nothing waits for a
/// person.
pub async fn at_rest(sides: &Sides<'_>) -> Checked {
    let (closed, known) = left_there(&mut sides.db.read().await?).await?;
    agreed(sides, &closed).await?;
    let mut tx = sides.db.read().await?;
    must(lanes::at_rest(&mut tx).await?, || "something is not at rest".into())?;
    let stuck = intents::count_in(&mut tx, IntentState::Stuck).await?;
    let parked = lanes::parked(&mut tx).await?;
    must(stuck == 0 && parked == 0, || {
        format!("a person is waited for: {stuck} changes are stuck, {parked} events are parked")
    })?;
    complete(sides, &closed).await?;
    gone::are_forgotten(sides, &mut tx, &known).await?;
    for payer in customers::list(&mut tx, MOST).await? {
        groups::fit(sides, &mut tx, &payer, &closed).await?;
        let (rows, slots) =
            (held::load(&mut tx, payer.id).await?, slots::load(&mut tx, payer.id).await?);
        let fills: BTreeSet<_> = slots.into_values().filter_map(|slot| slot.subscription).collect();
        let bare = fills.iter().find(|id| !rows.contains_key(*id));
        must(bare.is_none(), || format!("{bare:?} fills a slot and is not held"))?;
        for (id, row) in rows {
            rows::given(sides, &read(row.more)?, fills.contains(&id))?;
        }
    }
    Ok(())
}

/// Each row of a mirror says what Stripe says, and none is missing but of what was left there.
async fn agreed(sides: &Sides<'_>, closed: &Closed) -> Checked {
    let mut found = agree::compare(sides.db, sides.stripe).await?;
    let left = sides.sandbox.each("checkout.session", |it| {
        let line = || format!("stripe_checkout_sessions has no row of {}", text(it, "id"));
        left::is_of(closed, it).then(line)
    });
    found.differing.retain(|line| !left.contains(&Some(line.clone())));
    must(found.differing.is_empty(), || format!("they differ: {:#?}", found.differing))
}

/// Every object at Stripe has its row, if it is not one that may be unknown.
async fn complete(sides: &Sides<'_>, closed: &Closed) -> Checked {
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
            let is_known = known.contains(id.as_str());
            must(is_known || left::may_be_unknown(closed, &object), || {
                format!("{id} has no row in {table}")
            })?;
        }
    }
    Ok(())
}
