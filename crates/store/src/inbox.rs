//! Events from Stripe, kept byte for byte, whether they are still to be looked at, and why not.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use specie_vocab::{BusinessTime, CustomerId, WallTime};
use sqlx::SqlStr;

use crate::call::Call;
use crate::column::Column;
use crate::sql::{all, one, readable, row, run, statements, value, words};
use crate::{Db, StoreError, Tx, dialect};

words! {
    /// What becomes of an event.
    pub enum InboxState {
        /// It waits for its lane.
        Pending = "pending",
        /// Its lane has looked.
        Handled = "handled",
        /// It is about a customer who is not ours (yet).
        Unclaimed = "unclaimed",
        /// It does not say what it is about.
        Unroutable = "unroutable",
        /// It belongs to another account or mode.
        Foreign = "foreign",
        /// It fails again and again, and waits for a person.
        Parked = "parked",
    }
}

/// A verified event that has just come.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEvent {
    /// As Stripe names it.
    pub id: String,
    /// Its type, such as `invoice.paid`.
    pub kind: String,
    /// When Stripe made it.
    pub created: BusinessTime,
    /// In which version of the API it is written.
    pub api_version: Option<String>,
    /// Whose it is, under Connect.
    pub account: Option<String>,
    /// Whether real money moved.
    pub livemode: bool,
    /// The object it is about.
    pub object: Option<String>,
    /// The customer that object belongs to.
    pub customer: Option<String>,
    /// The lane it waits for.
    pub lane: Option<String>,
    /// What came, as it came.
    pub payload: Vec<u8>,
    /// When it came.
    pub received_at: WallTime,
    /// What becomes of it.
    pub state: InboxState,
}

row! {
    /// An event that is stored. [`get`] and `lanes::claim` give the payload as it came.
    pub struct Event in "inbox" by id: String {
        /// As Stripe names it.
        pub id: String,
        /// Its type, such as `invoice.paid`.
        pub kind: String,
        /// When Stripe made it.
        pub created: BusinessTime,
        /// In which version of the API it is written.
        pub api_version: Option<String>,
        /// Whose it is, under Connect.
        pub account: Option<String>,
        /// Whether real money moved.
        pub livemode: bool,
        /// The object it is about.
        pub object: Option<String>,
        /// The customer that object belongs to.
        pub customer: Option<String>,
        /// The lane it waits for.
        pub lane: Option<String>,
        /// What came, as it came.
        pub payload: Vec<u8>,
        /// When it came.
        pub received_at: WallTime,
        /// What becomes of it.
        pub state: InboxState,
        /// How often it made its lane fail.
        pub failures: i64,
        /// When its lane had looked.
        pub handled_at: Option<WallTime>,
        /// What its lane last failed of, if it did, and if it is known that this event made it.
        pub reason: Option<String>,
    }
}

row! {
    /// What a list shows of an event.
    pub struct EventHead in "inbox" by id: String {
        /// As Stripe names it.
        pub id: String,
        /// Its type.
        pub kind: String,
        /// When Stripe made it.
        pub created: BusinessTime,
        /// When it came.
        pub received_at: WallTime,
        /// What becomes of it.
        pub state: InboxState,
        /// The object it is about.
        pub object: Option<String>,
        /// The customer it is about.
        pub customer: Option<String>,
        /// The lane it waits for, or waited for.
        pub lane: Option<String>,
        /// How often it made its lane fail.
        pub failures: i64,
        /// When its lane had looked.
        pub handled_at: Option<WallTime>,
        /// What its lane last failed of.
        pub reason: Option<String>,
    }
}

/// Which events a list shows; an absent one shows all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Those in this state.
    pub state: Option<InboxState>,
    /// Those about this customer of Stripe's.
    pub customer: Option<String>,
    /// Those of this type.
    pub kind: Option<String>,
}

/// The columns of [`ADD`], in the order of its binds.
pub(crate) struct Added;

impl Added {
    /// Nothing is read.
    #[cfg(test)]
    const TYPES: &'static [&'static str] = &[];
    pub(crate) const COLUMNS: &'static str = "id, kind, created, api_version, account, livemode, object, \
                                   customer, lane, payload, received_at, state";
}

/// How many events one statement takes: SQLite allows 32,766 places, and there a statement of each
/// size is prepared once.
const GROUP: usize = 64;

statements! {
    ADD: Added = "insert into inbox ({columns}) values {rows} on conflict (id) do nothing";
    GET: Event = "select {columns} from inbox where id = $1";
    HEAD: EventHead = "select {columns} from inbox where id = $1";
    PENDING: Event = "select {columns} from inbox where lane = $1 and state = 'pending' \
                      order by received_at, id limit $2";
    RECENT: EventHead = "select {columns} from inbox order by created desc, received_at desc, id desc limit $1";
    LIST: EventHead = "select {columns} from inbox \
                       where (state = $1 or $1 is null) and (customer = $2 or $2 is null) \
                         and (kind = $3 or $3 is null) \
                       order by received_at desc, id desc limit $4";
    // The few that are parked have an index of their own.
    LIST_PARKED: EventHead = "select {columns} from inbox \
                              where state = 'parked' and (customer = $1 or $1 is null) \
                                and (kind = $2 or $2 is null) \
                              order by received_at desc, id desc limit $3";
    OF_CUSTOMER: EventHead = "select {columns} from inbox where id in ( \
                                  select id from inbox where customer = $1 and state = 'handled' \
                                  union select id from inbox where lane = $1 and state = 'pending' \
                                  union select id from inbox \
                                        where customer = $1 and state = 'unclaimed' \
                                  union select id from inbox \
                                        where customer = $1 and state = 'parked') \
                              order by received_at, id";
    KNOWN = "select id from inbox where id in ({ids})";
    COUNT = "select count(*) from inbox";
    NEWEST = "select max(received_at) from inbox";
    FOREIGN_SINCE = "select count(*) from inbox where received_at >= $1 and state = 'foreign'";
    OLDEST_AFTER = "select min(received_at) from inbox \
                    where received_at > $1 and created >= $2 and kind in ({ids})";
    PARKED = "select count(*) from inbox where customer = $1 and state = 'parked'";
    MARK = "update inbox set state = $1, handled_at = $2 where id in ({ids})";
    FAILED = "update inbox set failures = failures + 1, reason = $1 where id in ({ids})";
    PARK = "update inbox set state = 'parked', reason = $2 where id = $1";
    REPLAY = "update inbox set state = 'pending', failures = 0 where id = $1 and state = 'parked'";
    PEND = "update inbox set state = 'pending', lane = coalesce(lane, customer) \
            where customer = $1 and state = 'unclaimed'";
    FORGET = "delete from inbox where id in ( \
                  select id from inbox where received_at <= $1 and state not in ('pending', 'parked') \
                  order by received_at, id limit $2)";
}

/// Stores events as they come, and answers how many are new. An event that is there already is left
/// alone.
///
/// This is all that happens before Stripe gets its answer. Nobody is marked and no lane is touched:
/// a row that is pending is its own mark.
pub async fn add(db: &Db, events: &[NewEvent]) -> Result<u64, StoreError> {
    // What fits into one statement lasts by itself.
    let mut tx = if events.len() > GROUP { db.begin().await? } else { db.single().await? };
    let added = add_in(&mut tx, events).await?;
    tx.commit().await?;
    Ok(added)
}

/// The same in a transaction with other things.
pub async fn add_in(tx: &mut Tx, events: &[NewEvent]) -> Result<u64, StoreError> {
    // Two writers with the same rows must not meet each other's locks the wrong way round.
    let mut sorted: Vec<_> = events.iter().collect();
    sorted.sort_by(|a, b| (&a.lane, &a.id).cmp(&(&b.lane, &b.id)));
    let mut added = 0;
    for group in sorted.chunks(GROUP) {
        let call = if tx.is_postgres() { in_columns(tx, group) } else { in_rows(tx, group) };
        added += call.execute(tx).await?;
    }
    Ok(added)
}

/// The text that adds so many rows, at most [`GROUP`], put together once.
fn add_text(tx: &Tx, rows: usize) -> SqlStr {
    static TEXTS: [OnceLock<SqlStr>; GROUP + 1] = [const { OnceLock::new() }; GROUP + 1];
    TEXTS[rows].get_or_init(|| ADD.rows(tx, rows)).clone()
}

fn in_rows(tx: &Tx, events: &[&NewEvent]) -> Call {
    let text = add_text(tx, events.len());
    events.iter().fold(Call::new(tx, text), |call, event| {
        call.bind(&event.id)
            .bind(&event.kind)
            .bind(&event.created)
            .bind(&event.api_version)
            .bind(&event.account)
            .bind(&event.livemode)
            .bind(&event.object)
            .bind(&event.customer)
            .bind(&event.lane)
            .bind(&packed(event))
            .bind(&event.received_at)
            .bind(&event.state)
    })
}

fn in_columns(tx: &Tx, events: &[&NewEvent]) -> Call {
    Call::new(tx, dialect::ADD_EVENTS.text(tx))
        .bind_all(events, |it| &it.id)
        .bind_all(events, |it| &it.kind)
        .bind_all(events, |it| &it.created)
        .bind_all(events, |it| &it.api_version)
        .bind_all(events, |it| &it.account)
        .bind_all(events, |it| &it.livemode)
        .bind_all(events, |it| &it.object)
        .bind_all(events, |it| &it.customer)
        .bind_all(events, |it| &it.lane)
        .bind_all(events, packed)
        .bind_all(events, |it| &it.received_at)
        .bind_all(events, |it| &it.state)
}

fn packed(event: &NewEvent) -> Vec<u8> {
    lz4_flex::compress_prepend_size(&event.payload)
}

/// An event, if it ever came.
pub async fn get(tx: &mut Tx, id: &str) -> Result<Option<Event>, StoreError> {
    one!(tx, GET, [id]).map(unpacked).transpose()
}

/// What a list shows of an event, if it ever came.
pub async fn head(tx: &mut Tx, id: &str) -> Result<Option<EventHead>, StoreError> {
    Ok(one!(tx, HEAD, [id]))
}

/// What waits for a lane, oldest first. A row that cannot be read is parked, and named.
pub(crate) async fn pending(
    tx: &mut Tx,
    lane: &str,
    limit: i64,
) -> Result<(Vec<Event>, Vec<String>), StoreError> {
    let (rows, mut unreadable): (Vec<Event>, _) = readable!(tx, PENDING, [lane, limit]);
    let mut events = Vec::new();
    for row in rows {
        match unpacked(row) {
            Ok(event) => events.push(event),
            Err(error) => unreadable.push(error),
        }
    }
    let mut told = Vec::new();
    for error in unreadable {
        let StoreError::Corrupt { id, .. } = &error else { return Err(error) };
        let text = error.to_string();
        if run!(tx, PARK, [id, text]) == 0 {
            return Err(error); // Its key is at fault.
        }
        told.push(text);
    }
    Ok((events, told))
}

fn unpacked(mut event: Event) -> Result<Event, StoreError> {
    match lz4_flex::decompress_size_prepended(&event.payload) {
        Ok(payload) => event.payload = payload,
        Err(_) => {
            let found = format!("{} bytes that are no packed payload", event.payload.len());
            let (table, column) = ("inbox", "payload");
            return Err(StoreError::Corrupt { table, column, id: event.id, found });
        }
    }
    Ok(event)
}

/// What came last, newest first.
pub async fn recent(tx: &mut Tx, limit: i64) -> Result<Vec<EventHead>, StoreError> {
    Ok(all!(tx, RECENT, [limit]))
}

/// What came last of what a filter lets through, newest first.
pub async fn list(tx: &mut Tx, filter: &Filter, limit: i64) -> Result<Vec<EventHead>, StoreError> {
    let Filter { state, customer, kind } = filter;
    Ok(match state {
        Some(InboxState::Parked) => all!(tx, LIST_PARKED, [customer, kind, limit]),
        _ => all!(tx, LIST, [state, customer, kind, limit]),
    })
}

/// All that came about a customer of Stripe's and is still kept, oldest first.
pub async fn of_customer(tx: &mut Tx, customer: &str) -> Result<Vec<EventHead>, StoreError> {
    Ok(all!(tx, OF_CUSTOMER, [customer]))
}

/// How many events are stored.
pub async fn count(tx: &mut Tx) -> Result<i64, StoreError> {
    Ok(value!(tx, i64, COUNT, []))
}

/// When the last event came, by a webhook or by a watermark pass.
pub async fn newest(tx: &mut Tx) -> Result<Option<WallTime>, StoreError> {
    Ok(value!(tx, Option<WallTime>, NEWEST, []))
}

/// How many events of another account or mode came at `moment` or later.
pub async fn foreign_since(tx: &mut Tx, moment: WallTime) -> Result<i64, StoreError> {
    Ok(value!(tx, i64, FOREIGN_SINCE, [moment]))
}

/// When the first event of one of these types came after `moment` that Stripe made at `made` or later.
pub async fn oldest_after(
    tx: &mut Tx,
    moment: WallTime,
    made: BusinessTime,
    kinds: &[&'static str],
) -> Result<Option<WallTime>, StoreError> {
    let call = Call::new(tx, OLDEST_AFTER.ids(tx, 3, kinds.len())).bind(&moment).bind(&made);
    let rows = kinds.iter().fold(call, Call::bind).fetch(tx).await?;
    let first = rows.first().ok_or(sqlx::Error::RowNotFound)?;
    let found = <Option<WallTime> as Column>::parse(first.only()?);
    found.ok_or_else(|| StoreError::Corrupt {
        table: "inbox",
        column: "received_at",
        id: "?".into(),
        found: "no time".into(),
    })
}

/// How many of a customer's events are parked.
pub async fn parked(tx: &mut Tx, customer: &CustomerId) -> Result<i64, StoreError> {
    Ok(value!(tx, i64, PARKED, [customer]))
}

/// Which of these events are stored already.
pub async fn known(tx: &mut Tx, ids: &[String]) -> Result<BTreeSet<String>, StoreError> {
    let mut known = BTreeSet::new();
    for ids in ids.chunks(GROUP) {
        let text = KNOWN.ids(tx, 1, ids.len());
        let found = ids.iter().fold(Call::new(tx, text), Call::bind).fetch(tx).await?;
        for row in found {
            known.insert(row.only()?);
        }
    }
    Ok(known)
}

/// Says what became of exactly these events.
pub async fn mark(
    tx: &mut Tx,
    ids: &[String],
    state: InboxState,
    now: WallTime,
) -> Result<(), StoreError> {
    let handled_at = (state == InboxState::Handled).then_some(now);
    for ids in ids.chunks(GROUP) {
        let text = MARK.ids(tx, 3, ids.len());
        let call = Call::new(tx, text).bind(&state).bind(&handled_at);
        ids.iter().fold(call, Call::bind).execute(tx).await?;
    }
    Ok(())
}

/// Counts one more failure for each of these events, and keeps what it was.
pub async fn failed(tx: &mut Tx, ids: &[String], reason: &str) -> Result<(), StoreError> {
    for ids in ids.chunks(GROUP) {
        let text = FAILED.ids(tx, 2, ids.len());
        let call = Call::new(tx, text).bind(&reason);
        ids.iter().fold(call, Call::bind).execute(tx).await?;
    }
    Ok(())
}

/// Lets a parked event wait for its lane again. False, if it is not parked.
pub async fn replay(tx: &mut Tx, id: &str) -> Result<bool, StoreError> {
    Ok(run!(tx, REPLAY, [id]) == 1)
}

/// Forgets events that came at `before` or earlier, at most `limit` of them, the oldest first. Answers
/// how many. What waits or is parked stays.
pub async fn forget_old(tx: &mut Tx, before: WallTime, limit: i64) -> Result<u64, StoreError> {
    Ok(run!(tx, FORGET, [before, limit]))
}

/// Wakes what came for a customer before they were ours. Answers how many events that are.
pub async fn pend_unclaimed(tx: &mut Tx, customer: &str) -> Result<u64, StoreError> {
    Ok(run!(tx, PEND, [customer]))
}
