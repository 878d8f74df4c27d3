//! The world's clock: what falls due on the way is done in order, each at its own moment.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::World;
use super::state::{int, is, items, rank, text};
use super::subscriptions::interval;

/// How far a clock goes: the end of the year 9990. What begins then still ends within the calendar.
pub(crate) const LATEST: i64 = 253_118_303_999;
/// How many periods of subscriptions one jump of a clock goes through at most.
const MOST_PERIODS: i64 = 20_000;

/// Why no clock of these subscriptions goes on to `to` in one jump; none if it does.
pub(super) fn too_far<'a>(subs: impl Iterator<Item = &'a Value>, to: i64) -> Option<String> {
    let periods = subs.fold(0_i64, |sum, sub| sum.saturating_add(periods_until(sub, to)));
    (periods > MOST_PERIODS).then(|| {
        format!(
            "until {to} {periods} periods of subscriptions go by, and one jump goes through \
             {MOST_PERIODS} at most: advance in smaller jumps"
        )
    })
}

/// How many whole periods of a running subscription lie between the end of this one and `to`.
fn periods_until(sub: &Value, to: i64) -> i64 {
    let renews = matches!(text(sub, "status"), "active" | "past_due" | "unpaid" | "trialing");
    let first = items(sub, "items.data").first().filter(|_| renews);
    let Some(first) = first.filter(|_| !is(sub, "cancel_at_period_end")) else { return 0 };
    let end = int(first, "current_period_end");
    let next = interval(&first["price"]).boundary(end, 1).filter(|_| end < to);
    next.map_or(0, |next| to.saturating_sub(end) / (next - end).max(1))
}

impl World {
    /// Why the world's own clock does not go on to `to` in one jump; none if it does.
    pub(crate) fn too_far(&self, to: i64) -> Option<String> {
        let own = self.newest("subscription").filter(|sub| sub["test_clock"].is_null());
        too_far(own, to)
    }

    /// The year and month of the world's clock.
    pub(super) fn year_and_month(&self) -> (i16, i8) {
        let now = Timestamp::from_second(self.now).unwrap_or(Timestamp::UNIX_EPOCH);
        let now = now.to_zoned(TimeZone::UTC);
        (now.year(), now.month())
    }

    /// Does all that falls due up to `to`: by time, then by rank, then by id.
    pub(super) fn run_to(&mut self, to: i64) {
        self.request = None;
        while let Some((due, task)) = self.agenda.first().cloned() {
            if due > to {
                break;
            }
            self.agenda.pop_first();
            self.dues.remove(&task);
            self.now = self.now.max(due);
            self.perform(&task);
        }
        self.now = self.now.max(to);
    }

    fn perform(&mut self, task: &str) {
        let Some((number, id)) = task.split_once('/') else { return };
        match number.parse().unwrap_or_default() {
            rank::CANCEL => self.end_subscription(id, "cancellation_requested"),
            rank::ROLLOVER => self.roll_over(id),
            rank::FINALIZE => self.finalize_due(id),
            rank::RETRY => self.retry(id),
            rank::INCOMPLETE => self.expire_incomplete(id),
            rank::UPCOMING => self.tell_upcoming(id),
            rank::CHECKOUT if text(&self.copy(id), "status") == "open" => self.expire(id),
            rank::CLOCK => self.end_clock(id),
            _ => {}
        }
    }
}
