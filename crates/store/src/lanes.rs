//! One lane per Stripe customer: who works on it, behind which fence, and when it is due again.

use specie_vocab::{BusinessTime, WallTime};

use crate::inbox::{self, Event};
use crate::sql::{all, found, one, row, run, statements, value};
use crate::wishes::{self, Wish};
use crate::{StoreError, Tx};

/// How long, in seconds, objects wait for customers' lanes of which it is not known whose they are.
const AFTER_CUSTOMERS: i64 = 180;
/// How many rows of work one claim takes.
const MOST: i64 = 200;

/// A lane that is taken, and what is to be looked at in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// The lane.
    pub lane: String,
    /// Which claim this is: who comes later has a higher one.
    pub fence: i64,
    /// What came, oldest first.
    pub events: Vec<Event>,
    /// What was wished, urgent first.
    pub wishes: Vec<Wish>,
    /// How often in a row the lane has failed.
    pub failures: i64,
    /// What is wrong with events whose rows cannot be read, and which are parked now.
    pub unreadable: Vec<String>,
}

/// Whether a failure counts: one that lies with Stripe or the network does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counts {
    /// It repeats on the same bytes.
    Yes,
    /// It is an outage.
    No,
    /// What was at fault is set aside: the next one's failures are counted from one.
    Anew,
}

row! {
    /// What a claim reads of its lane.
    pub(crate) struct Taken in "lanes" by lane: String {
        pub lane: String,
        pub fence: i64,
        pub failures: i64,
        pub wake_at: Option<BusinessTime>,
    }
}

row! {
    /// A lane with something to do that nobody works on.
    pub struct Waiting in "lanes" by lane: String {
        /// The lane.
        pub lane: String,
        /// Of its last claim; 0, if it was never taken.
        pub fence: i64,
        /// When its last claim ran out, if that was never given back.
        pub leased_until: Option<WallTime>,
    }
}

row! {
    /// An event that waits in a lane.
    pub struct Named in "inbox" by id: String {
        /// Stripe's id of the event.
        pub id: String,
        /// The object it is about.
        pub object: Option<String>,
    }
}

statements! {
    DUE: Waiting = "select work.lane, coalesce(max(lanes.fence), 0) as fence, \
                           max(lanes.leased_until) as leased_until from ( \
               select lane, case when substr(lane, 1, 4) = 'cus_' or min(received_at) <= $4 \
                                 then 1 else 2 end as rank, \
                      min(received_at) as since \
               from inbox where state = 'pending' and (received_at < $5 or $5 is null) \
               group by lane \
               union all \
               select lane, case when urgent then 0 else 1 end as rank, min(due) as since \
               from wishes where due <= $1 group by lane, urgent \
               union all \
               select lane, 1 as rank, wake_at as since from lanes where wake_at <= $2 \
           ) work \
           left join lanes on lanes.lane = work.lane \
           where (lanes.leased_until is null or lanes.leased_until <= $1) \
             and (lanes.not_before is null or lanes.not_before <= $1) \
           group by work.lane order by min(work.rank), min(work.since), work.lane limit $3";
    NAMED: Named = "select {columns} from inbox where lane = $1 and state = 'pending' \
            order by received_at, id limit $2";
    HAS_DUE = "select (select count(*) from inbox where lane = $1 and state = 'pending') \
                    + (select count(*) from wishes where lane = $1 and due <= $2)";
    HOLD = "select 2 * (select count(*) from lanes where lane = $1 and leased_until > $2) \
                 + (select count(*) from lanes where lane = $1 and not_before > $2)";
    MAKE = "insert into lanes (lane) values ($1) on conflict (lane) do nothing";
    LOCK = "select lane from lanes where lane = $1 {lock}";
    TAKE: Taken = "insert into lanes (lane, fence, leased_until) values ($1, 1, $2) \
                   on conflict (lane) do update \
                   set fence = lanes.fence + 1, leased_until = excluded.leased_until \
                   where (lanes.leased_until is null or lanes.leased_until <= $3) \
                     and (lanes.not_before is null or lanes.not_before <= $3) \
                   returning {columns}";
    LET_GO = "update lanes set leased_until = null where lane = $1 and fence = $2";
    HOLDS = "select {now} from lanes where lane = $1 and fence = $2 {lock}";
    RELEASE = "update lanes set leased_until = null, not_before = null, failures = 0, wake_at = $3 \
               where lane = $1 and fence = $2";
    BACK_OFF = "update lanes set leased_until = null, not_before = $3, \
                failures = case when $4 < 0 then 1 else failures + $4 end \
                where lane = $1 and fence = $2";
    PUT_OFF = "update lanes set not_before = $2 where lane = $1 and leased_until is null";
    EXTEND = "update lanes set leased_until = $3 where lane = $1 and fence = $2 \
              and leased_until is not null";
    OLDEST = "select min(received_at) from inbox where state = 'pending'";
    PARKED = "select count(*) from inbox where state = 'parked'";
    NEXT_WALL = "select min(ahead) from ( \
                     select min(not_before) as ahead from lanes \
                     where not_before > $1 and (wake_at is not null \
                         or exists (select 1 from inbox \
                                    where inbox.lane = lanes.lane and inbox.state = 'pending') \
                         or exists (select 1 from wishes where wishes.lane = lanes.lane)) \
                     union all \
                     select min(leased_until) as ahead from lanes where leased_until > $1 \
                     union all \
                     select min(due) as ahead from wishes where due > $1 \
                     union all \
                     select min(not_before) as ahead from outbox \
                     where not_before > $1 and not done \
                     union all \
                     select min(leased_until) as ahead from intents \
                     where state = 'open' and leased_until > $1 \
                 ) waiting";
    NEXT_BUSINESS = "select min(ahead) from ( \
                         select min(wake_at) as ahead from lanes \
                         union all select min(due) as ahead from outbox where not done \
                     ) waiting";
    RESTLESS = "select lane from inbox where state = 'pending' \
                union select lane from wishes \
                union select lane from lanes where leased_until is not null order by lane";
    UNCONFIRMED = "select lane from inbox where state = 'pending' \
                   union select lane from inbox where state = 'parked' and lane is not null \
                   union select lane from wishes \
                   union select lane from lanes where leased_until is not null order by lane";
    BUSY = "select (select count(*) from inbox where state = 'pending') \
                 + (select count(*) from wishes where urgent or due > $1 \
                        or same not like '%\"look\":\"object\"%') \
                 + (select count(*) from outbox where not done) \
                 + (select count(*) from intents where state = 'open') \
                 + (select count(*) from lanes where leased_until is not null)";
}

/// Lanes with something to do that nobody works on: urgent ones first, then who waits longest, and
/// customers before objects of whom it is not known whose they are, for three minutes: a customer's lane
/// may tell. Events that came at the moment `held_since` or later are left out: more of them come.
pub async fn due(
    tx: &mut Tx,
    now: WallTime,
    business: BusinessTime,
    limit: i64,
    held_since: Option<WallTime>,
) -> Result<Vec<String>, StoreError> {
    let old = now.plus_seconds(-AFTER_CUSTOMERS);
    let lanes: Vec<Waiting> = all!(tx, DUE, [now, business, limit, old, held_since]);
    Ok(lanes.into_iter().map(|it| it.lane).collect())
}

/// The same lanes, with their fences; customers come before objects however long these wait.
pub async fn waiting_customers(
    tx: &mut Tx,
    now: WallTime,
    business: BusinessTime,
    limit: i64,
) -> Result<Vec<Waiting>, StoreError> {
    let (never, nothing_held) = (WallTime::from_second(0), None::<WallTime>);
    Ok(all!(tx, DUE, [now, business, limit, never, nothing_held]))
}

/// What a claim of a lane would take, without taking it: events, and wishes that are due.
pub async fn named(
    tx: &mut Tx,
    lane: &str,
    now: WallTime,
) -> Result<(Vec<Named>, Vec<Wish>), StoreError> {
    Ok((all!(tx, NAMED, [lane, MOST]), wishes::due(tx, lane, now, MOST).await?))
}

/// Whether an event or a due wish waits in a lane, be it free, taken or backing off.
pub async fn has_due(tx: &mut Tx, lane: &str, now: WallTime) -> Result<bool, StoreError> {
    Ok(value!(tx, i64, HAS_DUE, [lane, now]) > 0)
}

/// Why nobody can take a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Another works on it.
    Leased,
    /// It waits for its next try.
    BackingOff,
}

/// What keeps everybody from a lane now; none, if it can be taken.
pub async fn hold(tx: &mut Tx, lane: &str, now: WallTime) -> Result<Option<Hold>, StoreError> {
    Ok(match value!(tx, i64, HOLD, [lane, now]) {
        0 => None,
        1 => Some(Hold::BackingOff),
        _ => Some(Hold::Leased),
    })
}

/// Takes a lane for `lease` seconds, and what there is to do in it: at most 200 rows, wishes that
/// are urgent first, then events from the oldest on. None, if another works on it, or nothing is due.
pub async fn claim(
    tx: &mut Tx,
    lane: &str,
    lease: i64,
    now: WallTime,
    business: BusinessTime,
) -> Result<Option<Claim>, StoreError> {
    let taken: Option<Taken> = one!(tx, TAKE, [lane, now.plus_seconds(lease), now]);
    let Some(Taken { lane, fence, failures, wake_at }) = taken else { return Ok(None) };

    let wishes = wishes::due(tx, &lane, now, MOST).await?;
    let room = MOST - i64::try_from(wishes.len()).unwrap_or(MOST);
    let (events, unreadable) = inbox::pending(tx, &lane, room).await?;
    let woken = wake_at.is_some_and(|at| at <= business);
    if wishes.is_empty() && events.is_empty() && unreadable.is_empty() && !woken {
        run!(tx, LET_GO, [lane, fence]);
        return Ok(None);
    }
    Ok(Some(Claim { lane, fence, events, wishes, failures, unreadable }))
}

/// Lets nobody take a lane before `not_before`: what is to be done in it cannot be read.
pub async fn put_off(tx: &mut Tx, lane: &str, not_before: WallTime) -> Result<(), StoreError> {
    run!(tx, MAKE, [lane]);
    run!(tx, PUT_OFF, [lane, not_before]);
    Ok(())
}

/// Lets nobody take a lane, or finish what they do in it, before the transaction ends.
pub async fn lock(tx: &mut Tx, lane: &str) -> Result<(), StoreError> {
    run!(tx, MAKE, [lane]);
    run!(tx, LOCK, [lane]);
    Ok(())
}

/// Whether the claim with this fence still stands. If so, nobody else takes the lane before the
/// transaction ends.
pub async fn holds(tx: &mut Tx, lane: &str, fence: i64) -> Result<bool, StoreError> {
    // The clock is read on the way, since who holds a lane will ask for it.
    let now = found!(tx, WallTime, HOLDS, [lane, fence]);
    now.inspect(|now| tx.learn(*now));
    Ok(now.is_some())
}

/// Gives a lane back after its work is done. It is due again at `wake_at` of business time, and when
/// something comes. False, if another has taken it since.
pub async fn release(
    tx: &mut Tx,
    lane: &str,
    fence: i64,
    wake_at: Option<BusinessTime>,
) -> Result<bool, StoreError> {
    Ok(run!(tx, RELEASE, [lane, fence, wake_at]) == 1)
}

/// Gives a lane back after a failure. Nobody takes it before `not_before`. False, if another has
/// taken it since.
pub async fn back_off(
    tx: &mut Tx,
    lane: &str,
    fence: i64,
    not_before: WallTime,
    counts: Counts,
) -> Result<bool, StoreError> {
    let failure: i64 = match counts {
        Counts::Yes => 1,
        Counts::No => 0,
        Counts::Anew => -1,
    };
    Ok(run!(tx, BACK_OFF, [lane, fence, not_before, failure]) == 1)
}

/// Keeps a claim until `until`: its worker still waits for answers. False, if another has taken the
/// lane since.
pub async fn extend(
    tx: &mut Tx,
    lane: &str,
    fence: i64,
    until: WallTime,
) -> Result<bool, StoreError> {
    Ok(run!(tx, EXTEND, [lane, fence, until]) == 1)
}

/// When the event came that waits longest for its lane.
pub async fn oldest_pending(tx: &mut Tx) -> Result<Option<WallTime>, StoreError> {
    Ok(value!(tx, Option<WallTime>, OLDEST, []))
}

/// How many events are parked, of all customers.
pub async fn parked(tx: &mut Tx) -> Result<i64, StoreError> {
    Ok(value!(tx, i64, PARKED, []))
}

/// The next moment of wall time for which something waits: a backoff, a wish, a lease whose holder
/// may be gone. None, if nothing does.
pub async fn next_wall(tx: &mut Tx, now: WallTime) -> Result<Option<WallTime>, StoreError> {
    Ok(value!(tx, Option<WallTime>, NEXT_WALL, [now]))
}

/// The next moment of business time at which a lane or an effect is due.
pub async fn next_business(tx: &mut Tx) -> Result<Option<BusinessTime>, StoreError> {
    Ok(value!(tx, Option<BusinessTime>, NEXT_BUSINESS, []))
}

/// Lanes with something to do now or later, or that somebody works on. A second look that is still to come means that what is shown may be old.
pub async fn restless(tx: &mut Tx) -> Result<Vec<String>, StoreError> {
    let lanes: Vec<(String,)> = all!(tx, RESTLESS, []);
    Ok(lanes.into_iter().map(|(lane,)| lane).collect())
}

/// What a watermark pass does not confirm: the same lanes, and those of parked events, of which it is not
/// known what they told.
pub async fn unconfirmed(tx: &mut Tx) -> Result<Vec<String>, StoreError> {
    let lanes: Vec<(String,)> = all!(tx, UNCONFIRMED, []);
    Ok(lanes.into_iter().map(|(lane,)| lane).collect())
}

/// Whether all work is done: no event and no wish waits, no intent is open, no effect is to be
/// carried out, and nobody works on a lane. A further look at an object for which nobody waits, due
/// within two minutes, is no work.
pub async fn at_rest(tx: &mut Tx) -> Result<bool, StoreError> {
    let now = tx.now().await?;
    Ok(value!(tx, i64, BUSY, [now.plus_seconds(120)]) == 0)
}
