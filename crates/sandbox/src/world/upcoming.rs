//! `invoice.upcoming`: some days before a renewal, what its invoice will be.

use serde_json::{Value, json};

use super::World;
use super::state::{int, items, rank, text};
use super::subscriptions::interval;

impl World {
    /// Puts the notice of a renewal at `end` on the agenda, if there is still time for it.
    pub(super) fn plan_upcoming(&mut self, id: &str, end: i64) {
        let days = self.config.switches.upcoming_days;
        let due = end.saturating_sub(days * 86_400);
        if days > 0 && due > self.now {
            self.plan(rank::UPCOMING, id, due);
        }
    }

    /// Tells of a renewal that is near. Its invoice cannot be fetched: nobody has made it yet.
    pub(super) fn tell_upcoming(&mut self, id: &str) {
        let sub = self.copy(id);
        let Some(first) = items(&sub, "items.data").first() else { return };
        let anchor = int(&sub, "billing_cycle_anchor");
        let (was_start, end) =
            (int(first, "current_period_start"), int(first, "current_period_end"));
        let Some(next) = interval(&first["price"]).period_at(anchor, end) else { return };
        if !matches!(text(&sub, "status"), "active" | "past_due" | "trialing") {
            return;
        }
        let invoice = self.long_id("upcoming_in_", '1');
        let period = (next.start, next.end);
        let (mut preview, _) = self.draft(&invoice, id, "upcoming", period, (was_start, end));
        preview["created"] = json!(end);
        preview["next_payment_attempt"] = json!(end + 3_600);
        preview["webhooks_delivered_at"] = Value::Null;
        self.emit_as("invoice.upcoming", &preview, None);
    }
}
