//! The rate budget: how many calls a second, in all and per endpoint, interactive ones first.

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
/// No slower than a sixteenth.
const SLOWEST: u32 = 4;
/// Endpoints that are told apart; there are fewer. Any more share one bucket.
const MOST_ENDPOINTS: usize = 256;

/// Who waits for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// Somebody is waiting for the answer.
    Interactive,
    /// Nobody is; goes only while nothing interactive waits.
    Background,
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
    endpoints: HashMap<String, Bucket>,
    /// Interactive calls that wait.
    waiting: usize,
    /// Time never goes back, and a wait that was slept through has passed.
    now: i64,
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
            waiting: 0,
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
        let mut waiting = None;
        loop {
            let wait = budget.lock_now().try_take(endpoint, priority);
            let Some(micros) = wait else { return };
            if priority == Priority::Interactive && waiting.is_none() {
                waiting = Some(Waiting::new(budget));
            }
            let until = budget.lock().now + micros;
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
            Some(endpoint) => state.endpoint(endpoint).halve(now),
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
struct Waiting<'a>(&'a Budget);

impl<'a> Waiting<'a> {
    fn new(budget: &'a Budget) -> Self {
        budget.lock().waiting += 1;
        Self(budget)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.lock().waiting -= 1;
    }
}

impl State {
    /// Counts a call that may go now; else says after how many microseconds to ask again.
    fn try_take(&mut self, endpoint: &str, priority: Priority) -> Option<i64> {
        let (now, replicas, limits) = (self.now, i64::from(self.replicas), self.limits);
        let all_rate = i64::from(limits.all) / replicas;
        let one_rate = i64::from(limits.endpoint) / replicas;
        let all_wait = self.all.wait(all_rate, now);
        let one_wait = self.endpoint(endpoint).wait(one_rate, now);
        let wait = all_wait.max(one_wait);
        if wait > 0 {
            return Some(wait);
        }
        if priority == Priority::Background && self.waiting > 0 {
            return Some(CALL / all_rate.max(1));
        }
        self.all.level -= CALL;
        self.endpoint(endpoint).level -= CALL;
        None
    }

    fn endpoint(&mut self, endpoint: &str) -> &mut Bucket {
        let known = self.endpoints.len() < MOST_ENDPOINTS || self.endpoints.contains_key(endpoint);
        let name = if known { endpoint } else { "(others)" };
        let fresh = Bucket::full(self.limits.endpoint, self.now);
        self.endpoints.entry(name.to_owned()).or_insert(fresh)
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
