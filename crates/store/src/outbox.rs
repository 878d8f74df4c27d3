//! Effects that are to reach the outside, each under one key. A row stays after it is done, so that
//! no effect is queued twice.

use serde_json::Value;
use specie_vocab::{BusinessTime, PayerId, WallTime};

use crate::call::Call;
use crate::sql::{all, readable, row, run, statements, value};
use crate::{StoreError, Tx};

/// Whoever claims an effect and is not heard of for so many seconds is taken for dead.
pub(crate) const LEASE: i64 = 60;

row! {
    /// Something to carry out.
    pub struct Effect in "outbox" by key: String {
        /// Unique per thing to do; the receiver's idempotency key.
        pub key: String,
        /// For whom.
        pub payer: PayerId,
        /// What kind of thing.
        pub kind: String,
        /// What exactly.
        pub what: Value,
        /// Not before this moment.
        pub due: BusinessTime,
        /// How often it was tried.
        pub attempts: i64,
    }
}

row! {
    /// An effect, and how far it has come.
    pub struct Queued in "outbox" by key: String {
        /// Unique per thing to do.
        pub key: String,
        /// What kind of thing.
        pub kind: String,
        /// What exactly.
        pub what: Value,
        /// Not before this moment.
        pub due: BusinessTime,
        /// How often it was tried.
        pub attempts: i64,
        /// Whether it is carried out.
        pub done: bool,
    }
}

impl Effect {
    /// An effect that was not tried yet.
    pub fn new(
        key: impl Into<String>,
        payer: PayerId,
        kind: impl Into<String>,
        what: Value,
        due: BusinessTime,
    ) -> Self {
        Self { key: key.into(), payer, kind: kind.into(), what, due, attempts: 0 }
    }
}

statements! {
    ADD: Effect = "insert into outbox ({columns}) values ({places}) on conflict (key) do nothing";
    CLAIM: Effect = "update outbox set not_before = $3, attempts = attempts + 1 \
                     where key in (select key from outbox where not done and due <= $1 \
                         and (not_before is null or not_before <= $2) \
                         and key not in ({ids}) \
                         order by due, key limit $4 {skip}) \
                     returning {columns}";
    OF_PAYER: Queued = "select {columns} from outbox where payer = $1 order by due, key";
    DONE = "update outbox set done = true where key = $1 and not done";
    // Each claim counts one attempt more: who claimed it before is told by that.
    PUT_OFF = "update outbox set not_before = $3 where key = $1 and attempts = $2 and not done";
    WAITING = "select count(*) from outbox where not done";
    FAILING = "select count(*) from outbox where not done and attempts > $1";
}

/// Queues an effect. False, if its key was queued before, done or not.
pub async fn add(tx: &mut Tx, effect: &Effect) -> Result<bool, StoreError> {
    let Effect { key, payer, kind, what, due, attempts } = effect;
    Ok(run!(tx, ADD, [key, payer, kind, what, due, attempts]) == 1)
}

/// Claims what is due, for a minute, in the order in which it fell due. What another worker is
/// claiming is passed over. Rows that cannot be read are named beside, and tried again as the others.
pub async fn claim(
    tx: &mut Tx,
    limit: i64,
    now: WallTime,
    business: BusinessTime,
) -> Result<(Vec<Effect>, Vec<StoreError>), StoreError> {
    claim_but(tx, &[], limit, now, business).await
}

/// The same of what is not `under_way`, by the keys of effects.
pub async fn claim_but(
    tx: &mut Tx,
    under_way: &[String],
    limit: i64,
    now: WallTime,
    business: BusinessTime,
) -> Result<(Vec<Effect>, Vec<StoreError>), StoreError> {
    let until = now.plus_seconds(LEASE);
    // No list is empty: nothing has this key.
    let text = CLAIM.ids(tx, 5, under_way.len() + 1);
    let call = Call::new(tx, text).bind(&business).bind(&now).bind(&until).bind(&limit);
    let call = under_way.iter().fold(call.bind(&String::new()), Call::bind);
    let (mut claimed, unreadable): (Vec<Effect>, _) = readable!(tx, call);
    claimed.sort_by(|a, b| (a.due, &a.key).cmp(&(b.due, &b.key)));
    Ok((claimed, unreadable))
}

/// A payer's effects, carried out or not, in the order in which they fell due.
pub async fn of_payer(tx: &mut Tx, payer: PayerId) -> Result<Vec<Queued>, StoreError> {
    Ok(all!(tx, OF_PAYER, [payer]))
}

/// Notes that an effect is carried out. False, if it was before.
pub async fn done(tx: &mut Tx, key: &str) -> Result<bool, StoreError> {
    Ok(run!(tx, DONE, [key]) == 1)
}

/// Keeps a claim for another minute: what it is for goes on. False, if another has claimed the effect
/// since.
pub async fn extend(tx: &mut Tx, claimed: &Effect, now: WallTime) -> Result<bool, StoreError> {
    put_off(tx, claimed, now.plus_seconds(LEASE)).await
}

/// Gives a claimed effect back. It is not tried again before `not_before`. False, if another has
/// claimed it since.
pub async fn failed(
    tx: &mut Tx,
    claimed: &Effect,
    not_before: WallTime,
) -> Result<bool, StoreError> {
    put_off(tx, claimed, not_before).await
}

async fn put_off(tx: &mut Tx, claimed: &Effect, not_before: WallTime) -> Result<bool, StoreError> {
    let Effect { key, attempts, .. } = claimed;
    Ok(run!(tx, PUT_OFF, [key, attempts, not_before]) == 1)
}

/// How many effects are still to be carried out.
pub async fn waiting(tx: &mut Tx) -> Result<i64, StoreError> {
    Ok(value!(tx, i64, WAITING, []))
}

/// How many of them were tried more than `tries` times.
pub async fn failing(tx: &mut Tx, tries: i64) -> Result<i64, StoreError> {
    Ok(value!(tx, i64, FAILING, [tries]))
}
