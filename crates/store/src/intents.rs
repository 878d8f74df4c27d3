//! Changes of ours to Stripe: committed before the first call, with the steps they take and every
//! request that was sent.

use serde_json::Value;
use specie_vocab::{IntentId, PayerId, WallTime};

use crate::sql::{all, one, row, run, statements, value, words};
use crate::{StoreError, Tx, dialect};

words! {
    /// How far an intent has come.
    pub enum IntentState {
        /// It is still to be carried out.
        Open = "open",
        /// It is done.
        Done = "done",
        /// What was half done is undone.
        Undone = "undone",
        /// Stripe refused it.
        Failed = "failed",
        /// A person has to decide.
        Stuck = "stuck",
    }
}

words! {
    /// How far a step has come.
    pub enum StepState {
        /// Its turn has not come.
        Waiting = "waiting",
        /// A request is out.
        Sent = "sent",
        /// Stripe has done it.
        Done = "done",
        /// Stripe has refused it.
        Failed = "failed",
    }
}

row! {
    /// A change of ours to Stripe.
    pub struct Intent in "intents" by id: IntentId {
        /// Ours; what it makes at Stripe carries it.
        pub id: IntentId,
        /// For whom.
        pub payer: PayerId,
        /// The plan group whose slot it holds while it is open; none, if it holds no slot, or none any
        /// more.
        pub plan_group: Option<String>,
        /// What kind of change.
        pub kind: String,
        /// What exactly.
        pub what: Value,
        /// Who asked for it, in the words of the audit trail.
        pub asked_by: String,
        /// How far it has come.
        pub state: IntentState,
        /// The version of the payer on which it was decided.
        pub decided_version: i64,
        /// When it was committed.
        pub created_at: WallTime,
        /// When it ended.
        pub finished_at: Option<WallTime>,
        /// What came of it.
        pub result: Option<Value>,
    }
}

row! {
    /// An intent that is due.
    pub(crate) struct DueIntent in "intents" by id: IntentId {
        pub id: IntentId,
    }
}

row! {
    /// One call of an intent.
    pub struct Step in "steps" by intent: IntentId {
        /// Of which intent.
        pub intent: IntentId,
        /// Its place in the order, from 0.
        pub n: i64,
        /// What it does, such as `session`.
        pub name: String,
        /// How far it has come.
        pub state: StepState,
        /// What it made or changed at Stripe.
        pub object: Option<String>,
    }
}

row! {
    /// One request of a step, as it is sent, and what came back.
    pub struct Try in "tries" by intent: IntentId {
        /// Of which intent.
        pub intent: IntentId,
        /// Of which step.
        pub step: i64,
        /// Which try, from 1.
        pub n: i64,
        /// The idempotency key.
        pub key: String,
        /// Such as `POST`.
        pub method: String,
        /// Such as `/v1/checkout/sessions`.
        pub path: String,
        /// The whole body, to the byte.
        pub body: String,
        /// The version of Stripe's API that it is written in.
        pub version: String,
        /// When it was first sent.
        pub sent_at: WallTime,
        /// The status of the answer.
        pub status: Option<i64>,
        /// Stripe's name of the answer.
        pub request_id: Option<String>,
        /// Stripe's name of the answer that it repeats.
        pub original_request: Option<String>,
        /// What it came to, in a word of the server's.
        pub outcome: Option<String>,
    }
}

statements! {
    INSERT: Intent = "insert into intents ({columns}) \
                      values ({places}) on conflict do nothing";
    GET: Intent = "select {columns} from intents where id = $1";
    OPEN_OF: Intent = "select {columns} from intents \
                       where payer = $1 and plan_group = $2 and state in ('open', 'stuck')";
    OPEN_LIST: Intent = "select {columns} from intents where state = 'open' \
                         order by created_at, id limit $1";
    LIST: Intent = "select {columns} from intents where state = $1 or $1 is null \
                    order by created_at desc, id desc limit $2";
    DUE: DueIntent = "select {columns} from intents \
                   where state = 'open' and (leased_until is null or leased_until <= $1) \
                   order by created_at, id limit $2";
    OF_PAYER: Intent = "select {columns} from intents where payer = $1 \
                        order by created_at desc, id desc limit $2";
    OF_KIND: Intent = "select {columns} from intents where payer = $1 and kind = $2 \
                       order by created_at desc, id desc";
    COUNT_IN = "select count(*) from intents where state = $1";
    FORGET_LINKS = "update intents set result = null \
                    where kind = 'portal' and finished_at <= $1 and result is not null";
    FORGET_LINKS_OF_STEPS = "update steps set object = null \
                             where object is not null and intent in ( \
                                 select id from intents \
                                 where kind = 'portal' and finished_at <= $1)";
    COUNT_SINCE = "select count(*) from intents where kind = $1 and created_at >= $2";
    FINISH = "update intents set state = $2, result = $3, finished_at = $4, leased_until = null \
              where id = $1 and state in ('open', 'stuck')";
    REOPEN = "update intents set state = 'open', result = null, leased_until = $2 \
              where id = $1 and state = 'stuck'";
    LEASE = "update intents set leased_until = $2 where id = $1 and state = 'open' \
             and (leased_until is null or leased_until <= $3)";
    IS_LEASED = "select count(*) from intents where id = $1 and leased_until = $2";
    LET_GO = "update intents set leased_until = $3 \
              where id = $1 and state = 'open' and leased_until = $2";
    LEAVE_GROUP = "update intents set plan_group = null where id = $1";
    PUT_OFF = "update intents set leased_until = $2 where id = $1 and state = 'open'";
    SAVE_STEP: Step = "insert into steps ({columns}) values ({places}) \
                       on conflict (intent, n) do update \
                       set state = excluded.state, object = excluded.object";
    STEPS: Step = "select {columns} from steps where intent = $1 order by n";
    ADD_TRY: Try = "insert into tries ({columns}) \
                    values ({places}) \
                    on conflict do nothing";
    ANSWER = "update tries set status = $4, request_id = $5, original_request = $6, outcome = $7 \
              where intent = $1 and step = $2 and n = $3";
    ANOTHER_SENT = "select count(*) from intents join steps on steps.intent = intents.id \
                    where intents.payer = $1 and intents.id <> $2 \
                    and intents.state in ('open', 'stuck') \
                    and steps.name = $3 and steps.state = 'sent'";
    TRIES: Try = "select {columns} from tries where intent = $1 order by step, n";
}

/// Commits to a change. A conflict, if the slot has an unfinished one.
pub async fn insert(tx: &mut Tx, intent: &Intent) -> Result<(), StoreError> {
    let Intent { id, payer, plan_group, kind, what, asked_by, state, .. } = intent;
    let Intent { decided_version, created_at, finished_at, result, .. } = intent;
    let added = run!(
        tx,
        INSERT,
        [
            id,
            payer,
            plan_group,
            kind,
            what,
            asked_by,
            state,
            decided_version,
            created_at,
            finished_at,
            result
        ]
    );
    match added {
        1 => Ok(()),
        _ => Err(StoreError::Conflict(format!("intents.plan_group of {payer}"))),
    }
}

/// The intent with this id.
pub async fn get(tx: &mut Tx, id: IntentId) -> Result<Option<Intent>, StoreError> {
    Ok(one!(tx, GET, [id]))
}

/// The unfinished intent that holds a slot: open, or stuck.
pub async fn open_of(
    tx: &mut Tx,
    payer: PayerId,
    group: &str,
) -> Result<Option<Intent>, StoreError> {
    Ok(one!(tx, OPEN_OF, [payer, group]))
}

/// Intents that are still to be carried out, oldest first.
pub async fn open_list(tx: &mut Tx, limit: i64) -> Result<Vec<Intent>, StoreError> {
    Ok(all!(tx, OPEN_LIST, [limit]))
}

/// Intents, those in a state or all, newest first.
pub async fn list(
    tx: &mut Tx,
    state: Option<IntentState>,
    limit: i64,
) -> Result<Vec<Intent>, StoreError> {
    Ok(all!(tx, LIST, [state, limit]))
}

/// Open intents that nobody carries out and that may be tried now, oldest first. What else their rows
/// hold is read by whoever takes one: a row that cannot be read holds nobody else up.
pub async fn due(tx: &mut Tx, now: WallTime, limit: i64) -> Result<Vec<IntentId>, StoreError> {
    let due: Vec<DueIntent> = all!(tx, DUE, [now, limit]);
    Ok(due.into_iter().map(|intent| intent.id).collect())
}

/// Forgets the links into Stripe's portal of intents that ended at `until` or before: whoever has one
/// is signed in there.
pub async fn forget_links(tx: &mut Tx, until: WallTime) -> Result<(), StoreError> {
    run!(tx, FORGET_LINKS, [until]);
    run!(tx, FORGET_LINKS_OF_STEPS, [until]);
    Ok(())
}

/// Lets nobody else count against a ceiling until this transaction ends: what is counted now, and what
/// is begun because of it, are one thing. It is waited for as long as for every lock.
pub async fn hold_ceiling(tx: &mut Tx) -> Result<(), StoreError> {
    if tx.is_postgres() {
        run!(tx, dialect::CEILING_LOCK, []);
    }
    Ok(())
}

/// How many intents of a kind were begun since `since`, by any payer.
pub async fn count_since(tx: &mut Tx, kind: &str, since: WallTime) -> Result<i64, StoreError> {
    Ok(value!(tx, i64, COUNT_SINCE, [kind, since]))
}

/// How many intents are in this state.
pub async fn count_in(tx: &mut Tx, state: IntentState) -> Result<i64, StoreError> {
    Ok(value!(tx, i64, COUNT_IN, [state]))
}

/// A payer's intents, newest first.
pub async fn of_payer(tx: &mut Tx, payer: PayerId, limit: i64) -> Result<Vec<Intent>, StoreError> {
    Ok(all!(tx, OF_PAYER, [payer, limit]))
}

/// All of a payer's intents of a kind, newest first.
pub async fn of_kind(tx: &mut Tx, payer: PayerId, kind: &str) -> Result<Vec<Intent>, StoreError> {
    Ok(all!(tx, OF_KIND, [payer, kind]))
}

/// Says how an intent ended (or that it is stuck). False, if it had ended before.
pub async fn finish(
    tx: &mut Tx,
    id: IntentId,
    state: IntentState,
    result: Option<&Value>,
    now: WallTime,
) -> Result<bool, StoreError> {
    let ended = !matches!(state, IntentState::Open | IntentState::Stuck);
    Ok(run!(tx, FINISH, [id, state, result.cloned(), ended.then_some(now)]) == 1)
}

/// Opens a stuck intent again, to be taken from `not_before` on. False, if it is not stuck.
pub async fn reopen(tx: &mut Tx, id: IntentId, not_before: WallTime) -> Result<bool, StoreError> {
    Ok(run!(tx, REOPEN, [id, not_before]) == 1)
}

/// Takes an open intent until `until`. False, if another is carrying it out.
pub async fn lease(
    tx: &mut Tx,
    id: IntentId,
    until: WallTime,
    now: WallTime,
) -> Result<bool, StoreError> {
    Ok(run!(tx, LEASE, [id, until, now]) == 1)
}

/// Whether nobody has taken an intent since it was leased until `ours`.
pub async fn is_leased(tx: &mut Tx, id: IntentId, ours: WallTime) -> Result<bool, StoreError> {
    Ok(value!(tx, i64, IS_LEASED, [id, ours]) > 0)
}

/// Lets go of an open intent that was leased until `ours`: the next may take it from `not_before` on.
/// Does nothing if another has taken it since.
pub async fn let_go(
    tx: &mut Tx,
    id: IntentId,
    ours: WallTime,
    not_before: WallTime,
) -> Result<(), StoreError> {
    run!(tx, LET_GO, [id, ours, not_before]);
    Ok(())
}

/// Lets others have the slot of an intent that changes nothing more there, though it is not over.
pub async fn leave_group(tx: &mut Tx, id: IntentId) -> Result<(), StoreError> {
    run!(tx, LEAVE_GROUP, [id]);
    Ok(())
}

/// Puts an open intent off, whoever has it: nobody takes it before `not_before`.
pub async fn put_off(tx: &mut Tx, id: IntentId, not_before: WallTime) -> Result<(), StoreError> {
    run!(tx, PUT_OFF, [id, not_before]);
    Ok(())
}

/// Adds a step, or says how far it has come.
pub async fn save_step(tx: &mut Tx, step: &Step) -> Result<(), StoreError> {
    let Step { intent, n, name, state, object } = step;
    run!(tx, SAVE_STEP, [intent, n, name, state, object]);
    Ok(())
}

/// An intent's steps, in their order.
pub async fn steps(tx: &mut Tx, intent: IntentId) -> Result<Vec<Step>, StoreError> {
    Ok(all!(tx, STEPS, [intent]))
}

/// Whether another unfinished intent of a payer has sent this step, and does not know yet what came of
/// it.
pub async fn another_sent(
    tx: &mut Tx,
    payer: PayerId,
    but: IntentId,
    step: &str,
) -> Result<bool, StoreError> {
    Ok(value!(tx, i64, ANOTHER_SENT, [payer, but, step]) > 0)
}

/// Stores a request before it is sent. A conflict, if that try was made before.
pub async fn add_try(tx: &mut Tx, it: &Try) -> Result<(), StoreError> {
    let Try { intent, step, n, key, method, path, body, version, sent_at, .. } = it;
    let Try { status, request_id, original_request, outcome, .. } = it;
    let added = run!(
        tx,
        ADD_TRY,
        [
            intent,
            step,
            n,
            key,
            method,
            path,
            body,
            version,
            sent_at,
            status,
            request_id,
            original_request,
            outcome
        ]
    );
    match added {
        1 => Ok(()),
        _ => Err(StoreError::Conflict(format!("tries.key {key}"))),
    }
}

/// Stores what came back for a try.
pub async fn answer(tx: &mut Tx, it: &Try) -> Result<(), StoreError> {
    let Try { intent, step, n, status, request_id, original_request, outcome, .. } = it;
    run!(tx, ANSWER, [intent, step, n, status, request_id, original_request, outcome]);
    Ok(())
}

/// All requests of an intent, in the order in which they were made.
pub async fn tries(tx: &mut Tx, intent: IntentId) -> Result<Vec<Try>, StoreError> {
    Ok(all!(tx, TRIES, [intent]))
}
