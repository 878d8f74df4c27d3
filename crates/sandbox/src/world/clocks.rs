//! Test clocks of the API: time that stands still until it is advanced, for some customers alone.
//!
//! Each has a time and an agenda of its own. What is done for its customers is done within it: then
//! the world's `now` and agenda are the clock's, and the clock holds the world's.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::swap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::clock::{LATEST, too_far};
use super::fault::{Answer, Fault};
use super::given::Given;
use super::pages::List;
use super::params::Endpoint;
use super::state::{int, maybe, rank, text};
use super::subscriptions::interval;
use super::{CheckoutTimes, ClockLists, PageError, World};

/// The kind of a clock's object.
pub(super) const KIND: &str = "test_helpers.test_clock";
const CUSTOMERS: usize = 3;
const SUBSCRIPTIONS: usize = 3;
const DAY: i64 = 86_400;

/// What the world knows of a clock beside its object.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct TestClock {
    now: i64,
    agenda: BTreeSet<(i64, String)>,
    dues: BTreeMap<String, i64>,
    /// While it advances: the wall time from which on it is ready.
    ready: Option<i64>,
}

impl World {
    /// Does something in the time of a clock; in the world's own if there is no such clock.
    pub(super) fn within<T>(&mut self, clock: Option<&str>, act: impl FnOnce(&mut Self) -> T) -> T {
        let enters = self.inside.is_none();
        let clock = clock.filter(|clock| enters && self.clocks.contains_key(*clock));
        let Some(clock) = clock else { return act(self) };
        self.trade(clock);
        self.inside = Some(clock.to_owned());
        let done = act(self);
        self.inside = None;
        self.trade(clock);
        done
    }

    /// Exchanges the world's time and agenda with those that a clock holds.
    fn trade(&mut self, clock: &str) {
        if let Some(held) = self.clocks.get_mut(clock) {
            swap(&mut self.now, &mut held.now);
            swap(&mut self.agenda, &mut held.agenda);
            swap(&mut self.dues, &mut held.dues);
        }
    }

    /// The world's own time, also within a clock: money moves by it.
    pub(super) fn real(&self) -> i64 {
        let held = self.inside.as_ref().and_then(|clock| self.clocks.get(clock));
        held.map_or(self.now, |held| held.now)
    }

    /// The clock that an object lives by.
    pub(super) fn clock_of(&self, id: &str) -> Option<String> {
        let object = self.objects.get(id)?;
        let customer = || maybe(self.objects.get(text(object, "customer"))?, "test_clock");
        let clock = maybe(object, "test_clock").or_else(customer);
        clock.filter(|clock| self.clocks.contains_key(clock))
    }

    /// The clock in whose time a call is done, if it may be done now.
    pub(super) fn clock_for(
        &self,
        endpoint: &Endpoint,
        ids: &[String],
        given: &Given,
    ) -> Answer<Option<String>> {
        let named = given.filled("test_clock").map(str::to_owned);
        let named = named.filter(|clock| self.clocks.contains_key(clock));
        let params = ["customer", "charge", "payment_intent"].map(|name| given.filled(name));
        let mut touched = params.into_iter().flatten().chain(ids.iter().map(String::as_str));
        let clock = named.or_else(|| touched.find_map(|id| self.clock_of(id)));
        let apart = endpoint.name.contains("/v1/checkout/")
            && self.config.switches.checkout_times == CheckoutTimes::Real;
        let Some(clock) = clock.filter(|_| !apart && !endpoint.name.contains(" /v1/test_helpers/"))
        else {
            return Ok(None);
        };
        self.check_ready(&clock)?;
        Ok(Some(clock))
    }

    fn check_ready(&self, clock: &str) -> Answer<()> {
        match self.clocks.get(clock).and_then(|held| held.ready) {
            None => Ok(()),
            Some(_) => Err(Fault::advancing(clock)),
        }
    }

    /// Does what a person does on a page, in the time of the page's customer.
    pub(super) fn for_person<T>(
        &mut self,
        page: &str,
        act: impl FnOnce(&mut Self) -> Result<T, PageError>,
    ) -> Result<T, PageError> {
        let clock = self.clock_of(page);
        if let Some(clock) = &clock {
            self.check_ready(clock).map_err(|fault| PageError {
                message: fault.message(),
                code: "test_clock_advancing".into(),
            })?;
        }
        let done = self.within(clock.as_deref(), act);
        if text(&self.copy(page), "status") != "open" {
            self.unplan(rank::CHECKOUT, page);
        }
        done
    }

    pub(super) fn create_test_clock(&mut self, given: &Given) -> Answer {
        let frozen = checked_time(given)?;
        let name = given.filled("name");
        if name.is_some_and(|name| name.chars().count() > 300) {
            return Err(Fault::too_long("name", 300));
        }
        let customer = given.filled("customer").map(str::to_owned);
        if let Some(customer) = &customer {
            self.check_unbound(customer)?;
        }
        let id = self.long_id("clock_", '1');
        let deletes = self.now.saturating_add(self.config.switches.test_clock_days * DAY);
        self.keep(json!({
            "id": id, "object": KIND, "created": self.now, "deletes_after": deletes,
            "frozen_time": frozen, "livemode": false, "name": name, "status": "ready",
            "status_details": {},
        }));
        self.clocks.insert(id.clone(), TestClock { now: frozen, ..TestClock::default() });
        self.plan(rank::CLOCK, &id, deletes);
        self.within(Some(&id), |world| world.emit("test_helpers.test_clock.created", &id));
        if let Some(customer) = &customer {
            let previous = self.set(customer, [("test_clock", json!(id))]);
            self.within(Some(&id), |w| w.emit_change("customer.updated", customer, previous));
        }
        Ok(self.copy(&id))
    }

    /// That a customer can still be bound to a clock: nothing was billed by another time.
    fn check_unbound(&self, customer: &str) -> Answer<()> {
        let held = self.find("customer", customer);
        let held = held.ok_or_else(|| Fault::missing(400, "customer", customer, "customer"))?;
        let billed = |kind| self.newest_with(kind, "customer", customer).next().is_some();
        if !held["test_clock"].is_null() || billed("subscription") || billed("invoice") {
            return Err(Fault::unsupported("value of", "customer"));
        }
        Ok(())
    }

    pub(super) fn advance_test_clock(&mut self, id: &str, given: &Given) -> Answer {
        let clock = self.need(KIND, id)?;
        self.check_ready(id)?;
        let (from, to) = (int(&clock, "frozen_time"), checked_time(given)?);
        if to <= from {
            let message = format!(
                "`frozen_time` must be after the test clock's current frozen time, {from}."
            );
            return Err(Fault::invalid(message).param("frozen_time"));
        }
        self.check_reach(id, from, to)?;
        if let Some(why) = too_far(self.newest_with("subscription", "test_clock", id), to) {
            let message = format!("Invalid `frozen_time`: {why}.");
            return Err(Fault::invalid(message).param("frozen_time"));
        }
        let details = json!({ "advancing": { "target_frozen_time": to } });
        self.set(id, [("status", json!("advancing")), ("status_details", details)]);
        let request = self.request.clone();
        self.within(Some(id), |world| {
            world.emit("test_helpers.test_clock.advancing", id);
            world.run_to(to);
        });
        self.request = request;
        let ready = self.wall.saturating_add(self.config.switches.advancing_seconds);
        if let Some(held) = self.clocks.get_mut(id) {
            held.ready = Some(ready);
        }
        Ok(self.copy(id))
    }

    /// A clock goes on by two intervals of its shortest subscription, or two years, at most.
    fn check_reach(&self, id: &str, from: i64, to: i64) -> Answer<()> {
        if !self.config.switches.test_clock_limits {
            return Ok(());
        }
        let of = self
            .newest_with("subscription", "test_clock", id)
            .filter(|sub| !matches!(text(sub, "status"), "canceled" | "incomplete_expired"));
        let items = of.flat_map(|sub| super::state::items(sub, "items.data"));
        let ends = items.filter_map(|item| interval(&item["price"]).boundary(from, 2));
        let (most, why) = match ends.min() {
            Some(end) => (
                end,
                "Cannot be more than two intervals in the future from the shortest subscription in \
                 this test clock.",
            ),
            None => (
                from.saturating_add(2 * 366 * DAY),
                "If there are no subscriptions in this test clock, it cannot be more than two \
                 years in the future.",
            ),
        };
        if to > most {
            let message = format!("Invalid `frozen_time`: {to}. {why}");
            return Err(Fault::invalid(message).param("frozen_time"));
        }
        Ok(())
    }

    /// When the next clock that advances is ready, in wall time.
    pub fn next_ready(&self) -> Option<i64> {
        self.clocks.values().filter_map(|held| held.ready).min()
    }

    /// Something comes at `wall`: what happens from now on happens then.
    pub fn sees(&mut self, wall: i64) {
        self.wall = self.wall.max(wall);
    }

    /// Ends the advances that have taken long enough by `wall`.
    pub fn settle(&mut self, wall: i64) {
        self.sees(wall);
        let done = |held: &TestClock| held.ready.filter(|ready| *ready <= wall);
        let done = self.clocks.iter().filter_map(|(id, held)| Some((done(held)?, id.clone())));
        for (_, id) in done.collect::<BTreeSet<_>>() {
            let Some(held) = self.clocks.get_mut(&id) else { continue };
            held.ready = None;
            let frozen = held.now;
            self.set(
                &id,
                [
                    ("status", json!("ready")),
                    ("frozen_time", json!(frozen)),
                    ("status_details", json!({})),
                ],
            );
            self.within(Some(&id), |world| world.emit("test_helpers.test_clock.ready", &id));
        }
    }

    pub(super) fn delete_test_clock(&mut self, id: &str) -> Answer {
        self.need(KIND, id)?;
        self.check_ready(id)?;
        self.end_clock(id);
        Ok(json!({ "id": id, "object": KIND, "deleted": true }))
    }

    /// A clock goes, with its customers and what was billed to them. Payments stay: the money did
    /// move.
    pub(super) fn end_clock(&mut self, id: &str) {
        self.within(Some(id), |world| {
            for customer in world.ids_with("customer", "test_clock", id) {
                if world.delete_customer(&customer).is_ok() {
                    world.forget_pages(&customer);
                }
            }
            world.forget_billing(id);
            world.emit("test_helpers.test_clock.deleted", id);
        });
        self.unplan(rank::CLOCK, id);
        self.clocks.remove(id);
        self.objects.remove(id);
    }

    /// Forgets what lives by a clock, also of customers who were deleted before.
    fn forget_billing(&mut self, clock: &str) {
        for kind in ["subscription", "invoice"] {
            let ids = self.ids_with(kind, "test_clock", clock);
            ids.iter().for_each(|id| self.forget(id));
        }
    }

    /// Forgets the pages of a customer.
    fn forget_pages(&mut self, customer: &str) {
        for kind in ["billing_portal.session", "checkout.session"] {
            let ids = self.ids_with(kind, "customer", customer);
            ids.iter().for_each(|id| self.forget(id));
        }
    }

    /// Forgets an object and all that is known beside it.
    fn forget(&mut self, id: &str) {
        self.objects.remove(id);
        self.lines.remove(id);
        self.dunned.remove(id);
        self.hard.remove(id);
        self.baskets.remove(id);
        if let Some(payment) = self.payments.remove(id) {
            self.objects.remove(&payment);
        }
    }

    /// That a clock has room for one more customer.
    pub(super) fn check_clock(&self, given: &Given) -> Answer<Option<String>> {
        let Some(clock) = given.filled("test_clock") else { return Ok(None) };
        if !self.clocks.contains_key(clock) {
            return Err(Fault::missing(400, "billingclock", clock, "test_clock"));
        }
        let held = || self.newest_with("customer", "test_clock", clock).count();
        if self.config.switches.test_clock_limits && held() >= CUSTOMERS {
            let message = format!("Test clock {clock} already has {CUSTOMERS} customers.");
            return Err(Fault::invalid(message).param("test_clock"));
        }
        Ok(Some(clock.to_owned()))
    }

    /// That a customer of a clock may have one more subscription.
    pub(super) fn check_clock_room(&self, customer: &Value) -> Answer<()> {
        if customer["test_clock"].is_null() || !self.config.switches.test_clock_limits {
            return Ok(());
        }
        let id = text(customer, "id");
        let running = self
            .newest_with("subscription", "customer", id)
            .filter(|sub| !matches!(text(sub, "status"), "canceled" | "incomplete_expired"));
        if running.count() < SUBSCRIPTIONS {
            return Ok(());
        }
        Err(Fault::invalid(format!(
            "Customer {id} belongs to a test clock and already has {SUBSCRIPTIONS} subscriptions."
        )))
    }

    /// Leaves out what lives by clocks, unless it was asked for.
    pub(super) fn seen<'a>(
        &self,
        all: List<'a, Value>,
        given: &'a Given,
    ) -> Answer<List<'a, Value>> {
        if let Some(clock) = given.filled("test_clock") {
            if !self.clocks.contains_key(clock) {
                return Err(Fault::missing(400, "billingclock", clock, "test_clock"));
            }
            return Ok(all.with("test_clock", clock));
        }
        let named = ["customer", "subscription"].iter().any(|name| given.filled(name).is_some());
        if !named && self.config.switches.test_clock_lists == ClockLists::Hidden {
            return Ok(all.only(|object| object["test_clock"].is_null()));
        }
        Ok(all)
    }
}

fn checked_time(given: &Given) -> Answer<i64> {
    let time = given.int("frozen_time").unwrap_or_default();
    if (0..=LATEST).contains(&time) {
        return Ok(time);
    }
    let fault = Fault::parameter(
        "Invalid timestamp: must be an integer Unix timestamp in seconds.",
        "frozen_time",
    );
    Err(fault.code("parameter_invalid_integer"))
}
