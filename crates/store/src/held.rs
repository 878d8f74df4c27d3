//! What we decided about each subscription that a payer holds or held.

use std::collections::BTreeMap;

use serde_json::Value;
use specie_vocab::{BusinessTime, InvoiceId, PayerId, SubscriptionId, WallTime};

use crate::sql::{all, one, row, run, statements, value};
use crate::{StoreError, Tx};

row! {
    /// A subscription that is held, or was, as it is stored.
    pub struct StoredHeld in "held_subscriptions" by subscription: SubscriptionId {
        /// The subscription.
        pub subscription: SubscriptionId,
        /// Its plan group.
        pub group = "plan_group": String,
        /// Its plan's key.
        pub plan: String,
        /// Its price's key.
        pub price: String,
        /// Stripe's word for its state.
        pub status: String,
        /// What access it gives, in a word of the core's.
        pub access: String,
        /// When that access ends by itself.
        pub access_until: Option<BusinessTime>,
        /// When the grace after a failed payment ends.
        pub grace_until: Option<BusinessTime>,
        /// The first second of the current period.
        pub period_start: BusinessTime,
        /// The first second after it.
        pub period_end: BusinessTime,
        /// Whether it ends with the period.
        pub cancel_at_period_end: bool,
        /// When it is to end.
        pub cancel_at: Option<BusinessTime>,
        /// When its end was asked for.
        pub canceled_at: Option<BusinessTime>,
        /// When it ended.
        pub ended_at: Option<BusinessTime>,
        /// When it was made.
        pub created: BusinessTime,
        /// Its latest invoice.
        pub latest_invoice: Option<InvoiceId>,
        /// What else the core keeps of it.
        pub more: Value,
    }
}

statements! {
    LOAD: StoredHeld = "select {columns} from held_subscriptions where payer = $1 \
                        order by subscription";
    SAVE: StoredHeld = "insert into held_subscriptions (payer, updated_at, {columns}) \
                        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, \
                                $16, $17, $18, $19) \
                        on conflict (payer, subscription) do update \
                        set plan_group = excluded.plan_group, plan = excluded.plan, \
                            price = excluded.price, status = excluded.status, \
                            access = excluded.access, access_until = excluded.access_until, \
                            grace_until = excluded.grace_until, \
                            period_start = excluded.period_start, \
                            period_end = excluded.period_end, \
                            cancel_at_period_end = excluded.cancel_at_period_end, \
                            cancel_at = excluded.cancel_at, canceled_at = excluded.canceled_at, \
                            ended_at = excluded.ended_at, created = excluded.created, \
                            latest_invoice = excluded.latest_invoice, more = excluded.more, \
                            updated_at = excluded.updated_at";
    DOUBLED = "select count(*) from ( \
                   select payer from held_subscriptions \
                   where status in ('trialing', 'active', 'past_due', 'unpaid', 'paused') \
                   group by payer, plan_group having count(*) > 1) doubled";
    PAYER_OF: Holder = "select {columns} from held_subscriptions where subscription = $1";
}

row! {
    /// Whose a subscription is.
    pub(crate) struct Holder in "held_subscriptions" by payer: PayerId {
        pub payer: PayerId,
    }
}

/// All subscriptions that a payer holds or held, by their ids.
pub async fn load(
    tx: &mut Tx,
    payer: PayerId,
) -> Result<BTreeMap<SubscriptionId, StoredHeld>, StoreError> {
    let held: Vec<StoredHeld> = all!(tx, LOAD, [payer]);
    Ok(held.into_iter().map(|held| (held.subscription.clone(), held)).collect())
}

/// Saves what was decided about a subscription.
pub async fn save(
    tx: &mut Tx,
    payer: PayerId,
    held: &StoredHeld,
    now: WallTime,
) -> Result<(), StoreError> {
    let StoredHeld { subscription, group, plan, price, status, access, access_until, .. } = held;
    let StoredHeld { grace_until, period_start, period_end, cancel_at_period_end, .. } = held;
    let StoredHeld { cancel_at, canceled_at, ended_at, created, latest_invoice, more, .. } = held;
    run!(
        tx,
        SAVE,
        [
            payer,
            now,
            subscription,
            group,
            plan,
            price,
            status,
            access,
            access_until,
            grace_until,
            period_start,
            period_end,
            cancel_at_period_end,
            cancel_at,
            canceled_at,
            ended_at,
            created,
            latest_invoice,
            more
        ]
    );
    Ok(())
}

/// The payer who holds or held a subscription.
pub async fn payer_of(
    tx: &mut Tx,
    subscription: &SubscriptionId,
) -> Result<Option<PayerId>, StoreError> {
    let holder: Option<Holder> = one!(tx, PAYER_OF, [subscription]);
    Ok(holder.map(|holder| holder.payer))
}

/// How often a customer has two subscriptions of one plan group that are not over.
pub async fn doubled(tx: &mut Tx) -> Result<i64, StoreError> {
    Ok(value!(tx, i64, DOUBLED, []))
}
