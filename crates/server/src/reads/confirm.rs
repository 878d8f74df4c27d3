//! Whether what is shown is known to be true: when it was last confirmed, and asking Stripe when that
//! is too long ago.

use std::sync::Arc;
use std::time::Duration;

use specie_store::lanes as stored_lanes;
use specie_store::watermarks;
use specie_vocab::{PayerId, WallTime};

use super::cache::{Kept, Passed};
use super::view::read;
use crate::lanes::{self, WishFor};
use crate::trail::why;
use crate::{ApiError, App};

/// How old a view may be before it counts as stale, in seconds of wall time.
const FRESH: i64 = 300;
/// Passes are kept for so long, in seconds.
const DAY: i64 = 86_400;
/// A reader never waits for Stripe any longer.
const MOMENT: Duration = Duration::from_millis(300);
/// Customers of whom Stripe is asked at once. After an outage all views are old, and the pass that
/// confirms nearly all of them costs one call: whoever finds no place is not worth a queue.
const PLACES: usize = 16;

/// When what is shown was last known to be true.
pub(super) struct Confirmed {
    pub(super) at: WallTime,
    now: WallTime,
}

impl Confirmed {
    pub(super) fn is_old(&self) -> bool {
        self.now.seconds_since(self.at) > FRESH
    }
}

/// What is shown is confirmed by a fetch of its own, or by a watermark pass that found the lane at
/// rest. Both are dated by the database's clock, and so is the present: this process's own may be
/// apart. Of a customer whom Stripe does not know there is nothing to confirm.
pub(super) async fn confirmation(
    app: &App,
    kept: &Kept,
    group: &str,
) -> Result<Confirmed, ApiError> {
    let ours = app.wall.now();
    let Some(lane) = &kept.lane else { return Ok(Confirmed { at: ours, now: ours }) };
    let passed = passed(app, ours).await?;
    let now = ours.plus_seconds(passed.ahead);
    let fetched = kept.groups.get(group).and_then(|known| known.fetched_at);
    let mut at = passed.passes.iter().find(|pass| pass.confirms(lane)).map(|pass| pass.began_at);
    // A lane that has been stuck since was confirmed by an earlier one, of the last day. What came
    // before the fetch says nothing more.
    if at.is_none() && !passed.passes.is_empty() {
        let day = now.plus_seconds(-DAY);
        let since = fetched.map_or(day, |fetched| fetched.max(day));
        at = watermarks::confirmed(&mut app.db.read().await?, lane, since).await?;
    }
    Ok(Confirmed { at: fetched.max(at).unwrap_or(kept.created_at).min(now), now })
}

/// The passes that count, and the last one before them. What is a second old is good enough: a pass
/// that is missed makes a view look older, never newer.
async fn passed(app: &App, ours: WallTime) -> Result<Arc<Passed>, ApiError> {
    let second = ours.as_second();
    let may_keep = app.patience.sleeps();
    if let Some((at, passed)) = &*app.cache.passes()
        && may_keep
        && *at == second
    {
        return Ok(Arc::clone(passed));
    }
    let mut tx = app.db.read().await?;
    let now = tx.now().await?;
    let recent = now.plus_seconds(-FRESH);
    let mut passes = watermarks::since(&mut tx, recent).await?;
    passes.extend(watermarks::latest_before(&mut tx, recent).await?);
    let passed = Arc::new(Passed { passes, ahead: now.seconds_since(ours) });
    *app.cache.passes() = Some((second, Arc::clone(&passed)));
    Ok(passed)
}

/// Asks Stripe, unless somebody does already for this customer, or for as many others as may at once.
/// Nobody waits for longer than a moment; what comes later is there for the next reader.
pub(super) async fn ask(app: &App, payer: PayerId, kept: &Kept, group: &str) {
    let (Some(lane), Some(turn)) = (kept.lane.clone(), Turn::take(app, payer, group)) else {
        return;
    };
    let rests_on = kept.groups.get(group).and_then(|known| known.rests_on.clone());
    let look = async move {
        let looked = look(&turn, &lane, rests_on).await;
        if let Err(error) = looked {
            tracing::debug!(%error, payer = %turn.payer, "a view could not be confirmed");
        }
    };
    if app.patience.sleeps() {
        // It goes on by itself: a lane that is left in the middle is held up by its lease.
        let _late = tokio::time::timeout(MOMENT, tokio::spawn(look)).await;
    } else {
        look.await;
    }
}

/// Lets the lane look at what waits in it, and, if that confirms nothing, at what the view rests on: what
/// waits may be about something else. It comes first, so that it is worked on as it came: with what was
/// read ahead for it, and set apart if it cannot be handled.
async fn look(turn: &Turn, lane: &str, rests_on: Option<String>) -> Result<(), ApiError> {
    let Turn { app, payer, group } = turn;
    let mut tx = app.db.read().await?;
    let now = tx.now().await?;
    let waiting = stored_lanes::has_due(&mut tx, lane, now).await?;
    drop(tx);
    if waiting {
        lanes::settle(app, lane).await?;
        let kept = read(app, *payer).await?;
        if rests_on.is_none() || !confirmation(app, &kept, group).await?.is_old() {
            return Ok(());
        }
    }
    let wish = rests_on.map_or(WishFor::Everything, WishFor::object);
    lanes::look_now(app, lane, wish, why::CONFIRM).await
}

/// One reader at a time asks for a customer, and few for all of them.
struct Turn {
    app: App,
    payer: PayerId,
    group: String,
}

impl Turn {
    fn take(app: &App, payer: PayerId, group: &str) -> Option<Self> {
        let turn = || Self { app: app.clone(), payer, group: group.into() };
        let mut asking = app.cache.asking();
        (asking.len() < PLACES && asking.insert(payer)).then(turn)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.app.cache.asking().remove(&self.payer);
    }
}
