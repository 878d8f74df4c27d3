//! The rate budget: how many calls a second, in all and per endpoint, interactive ones first.
//!
//! What goes first goes first only to what both would take, and not for ever: a crowd that waits for
//! one endpoint keeps nobody from another, whose call may be the one that ends their waiting.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use specie_vocab::WallClock;

/// One call, in the unit that a bucket fills by: a rate of 1 per second adds one a microsecond.
const CALL: i64 = 1_000_000;
/// A limit that was met (429) is trusted again, one doubling at a time, after so long.
const RECOVERY: i64 = 10 * CALL;
/// Several calls in flight meet one limit together: they count once.
const SAME_MOMENT: i64 = CALL;
/// So long a call for which nobody waits lets others go first; then it waits in line as they do.
const PATIENCE: i64 = 5 * CALL;
/// No slower than a sixteenth.
const SLOWEST: u32 = 4;
/// Endpoints that are told apart; there are fewer. Any more share one bucket.
const MOST_ENDPOINTS: usize = 256;

/// Who waits for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// Somebody is waiting for the answer.
    Interactive,
    /// Nobody is; lets interactive calls go first that wait for the same endpoint, or would take the
    /// last calls in all.
    Background,
}

impl Priority {
    /// That of a call that has waited for so many microseconds.
    fn after(self, waited: i64) -> Self {
        if waited < PATIENCE { self } else { Self::Interactive }
    }
}

/// Calls per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// In all.
    pub all: u32,
    /// To one endpoint: a method and the form of a path.
    pub endpoint: u32,
}

impl Limits {
    /// What Stripe publishes for live mode.
    pub const LIVE: Self = Self { all: 100, endpoint: 25 };
    /// What it publishes for sandboxes.
    pub const TEST: Self = Self { all: 25, endpoint: 25 };
    /// Of an offline sandbox, which limits nobody: so many that they are never met.
    pub const SANDBOX: Self = Self { all: 100_000, endpoint: 100_000 };
}

/// What may be called, and when. Clones share it.
#[derive(Clone)]
pub struct RateBudget(Option<Arc<Budget>>);

struct Budget {
    clock: Arc<dyn WallClock>,
    state: Mutex<State>,
}

struct State {
    limits: Limits,
    replicas: u32,
    all: Bucket,
    endpoints: HashMap<String, Line>,
    /// Time never goes back, and a wait that was slept through has passed.
    now: i64,
}

/// Calls to one endpoint.
struct Line {
    bucket: Bucket,
    /// Interactive ones that wait, be it for their endpoint or for what there is in all.
    waiting: i64,
}

/// A twelfth of a second's calls may go at once, the rest of them is spread: no second sees more
/// than its limit, and a lasting need uses nearly all of it.
#[derive(Clone, Copy)]
struct Bucket {
    level: i64,
    filled_at: i64,
    /// How often the rate has been halved.
    halvings: u32,
    changed_at: i64,
}

impl RateBudget {
    /// A budget of `limits`, whose time is told by `clock`.
    pub fn new(clock: Arc<dyn WallClock>, limits: Limits) -> Self {
        let now = clock.now().timestamp().as_microsecond();
        let state = State {
            limits,
            replicas: 1,
            all: Bucket::full(limits.all, now),
            endpoints: HashMap::new(),
            now,
        };
        Self(Some(Arc::new(Budget { clock, state: Mutex::new(state) })))
    }

    /// No limit: for the sandbox.
    pub fn unlimited() -> Self {
        Self(None)
    }

    /// Shares the limits with so many replicas in all, this one included.
    pub fn share(&self, replicas: u32) {
        if let Some(budget) = &self.0 {
            budget.lock().replicas = replicas.max(1);
        }
    }

    /// Waits, by `sleep`, until a call to `endpoint` may go, and counts it.
    pub(crate) async fn take<F: Future<Output = ()>>(
        &self,
        endpoint: &str,
        priority: Priority,
        sleep: impl Fn(Duration) -> F,
    ) {
        let Some(budget) = &self.0 else { return };
        let since = budget.lock_now().now;
        let mut waiting = None;
        loop {
            let (micros, until, priority) = {
                let mut state = budget.lock_now();
                let priority = priority.after(state.now - since);
                let Some(micros) = state.try_take(endpoint, priority) else { return };
                (micros, state.now + micros, priority)
            };
            if priority == Priority::Interactive && waiting.is_none() {
                waiting = Some(Waiting::new(budget, endpoint));
            }
            sleep(Duration::from_micros(micros.unsigned_abs())).await;
            {
                let mut state = budget.lock();
                state.now = state.now.max(until);
            }
            // A sleep that returns at once must not keep out the call that is waited for.
            tokio::task::yield_now().await;
        }
    }

    /// Stripe answered 429: goes at half the rate, and finds back by and by. `endpoint` if the
    /// limit was that endpoint's own.
    pub(crate) fn limited(&self, endpoint: Option<&str>) {
        let Some(budget) = &self.0 else { return };
        let mut state = budget.lock_now();
        let now = state.now;
        match endpoint {
            Some(endpoint) => state.line(endpoint).bucket.halve(now),
            None => state.all.halve(now),
        }
    }
}

impl Budget {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn lock_now(&self) -> MutexGuard<'_, State> {
        let now = self.clock.now().timestamp().as_microsecond();
        let mut state = self.lock();
        state.now = state.now.max(now);
        state
    }
}

/// An interactive call waits as long as this lives: also when its caller gives up.
struct Waiting<'a> {
    budget: &'a Budget,
    endpoint: &'a str,
}

impl<'a> Waiting<'a> {
    fn new(budget: &'a Budget, endpoint: &'a str) -> Self {
        budget.lock().line(endpoint).waiting += 1;
        Self { budget, endpoint }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.budget.lock().line(self.endpoint).waiting -= 1;
    }
}

impl State {
    /// Counts a call that may go now; else says after how many microseconds to ask again.
    fn try_take(&mut self, endpoint: &str, priority: Priority) -> Option<i64> {
        let (now, one_rate) = (self.now, self.rate(self.limits.endpoint));
        let all_rate = self.rate(self.limits.all);
        let all_wait = self.all.wait(all_rate, now);
        let one_wait = self.line(endpoint).bucket.wait(one_rate, now);
        let wait = all_wait.max(one_wait);
        if wait > 0 {
            return Some(wait);
        }
        if priority == Priority::Background && self.is_waited_for(endpoint) {
            return Some(CALL / all_rate.max(1));
        }
        self.all.level -= CALL;
        self.line(endpoint).bucket.level -= CALL;
        None
    }

    /// Our share of a limit.
    fn rate(&self, limit: u32) -> i64 {
        i64::from(limit) / i64::from(self.replicas)
    }

    /// Whether somebody waits for what a call to `endpoint` would take: their turn there, or one of
    /// the last calls in all, which they could use elsewhere.
    fn is_waited_for(&mut self, endpoint: &str) -> bool {
        if self.line(endpoint).waiting > 0 {
            return true;
        }
        let (now, rate) = (self.now, self.rate(self.limits.endpoint));
        let elsewhere: i64 = self.endpoints.values_mut().map(|line| line.could_go(rate, now)).sum();
        self.all.level < CALL * (elsewhere + 1)
    }

    fn line(&mut self, endpoint: &str) -> &mut Line {
        let known = self.endpoints.len() < MOST_ENDPOINTS || self.endpoints.contains_key(endpoint);
        let name = if known { endpoint } else { "(others)" };
        let bucket = Bucket::full(self.limits.endpoint, self.now);
        self.endpoints.entry(name.to_owned()).or_insert(Line { bucket, waiting: 0 })
    }
}

impl Line {
    /// How many of those who wait their own endpoint would let go now.
    fn could_go(&mut self, rate: i64, now: i64) -> i64 {
        if self.waiting == 0 || self.bucket.wait(rate, now) > 0 {
            return 0;
        }
        self.waiting.min(self.bucket.level / CALL)
    }
}

impl Bucket {
    fn full(rate: u32, now: i64) -> Self {
        let level = burst(i64::from(rate));
        Self { level, filled_at: now, halvings: 0, changed_at: now }
    }

    /// Fills up to `now`; answers how many microseconds are missing to one call.
    fn wait(&mut self, rate: i64, now: i64) -> i64 {
        while self.halvings > 0 && now - self.changed_at >= RECOVERY {
            self.halvings -= 1;
            self.changed_at += RECOVERY;
        }
        let rate = (rate >> self.halvings).max(1);
        let refill = (rate - rate / 12).max(1);
        let passed = (now - self.filled_at).clamp(0, CALL);
        self.level = (self.level + passed * refill).min(burst(rate));
        self.filled_at = self.filled_at.max(now);
        let missing = (CALL - self.level).max(0);
        (missing + refill - 1) / refill
    }

    fn halve(&mut self, now: i64) {
        if self.halvings > 0 && now - self.changed_at < SAME_MOMENT {
            return;
        }
        self.halvings = (self.halvings + 1).min(SLOWEST);
        self.changed_at = now;
        self.level = self.level.min(0);
    }
}

fn burst(rate: i64) -> i64 {
    (rate / 12).max(1) * CALL
}

/// `GET /v1/customers/cus_1?…` is one endpoint with all other customers.
pub fn endpoint_of(method: &str, path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    let mut endpoint = String::from(method);
    for part in path.split('/').filter(|part| !part.is_empty()) {
        let is_id = part.bytes().any(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
        endpoint.push('/');
        endpoint.push_str(if is_id && part != "v1" && part != "v2" { "{id}" } else { part });
    }
    endpoint
}

impl fmt::Debug for RateBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(budget) => f.debug_tuple("RateBudget").field(&budget.lock().limits).finish(),
            None => f.write_str("RateBudget(unlimited)"),
        }
    }
}

#[cfg(test)]
mod tests;
