//! The world's clock: what falls due on the way is done in order, each at its own moment.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::World;
use super::state::{rank, text};

impl World {
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
