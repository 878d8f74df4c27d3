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

/// A quarter of a second's calls may go at once, the rest of them is spread: no second sees more
/// than its limit.
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
        let refill = (rate - rate / 4).max(1);
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
    (rate / 4).max(1) * CALL
}

/// `GET /v1/customers/cus_1?…` is one endpoint with all other customers.
pub(crate) fn endpoint_of(method: &str, path: &str) -> String {
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
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use jiff::Timestamp;
    use proptest::prelude::*;
    use specie_vocab::ManualClock;

    use super::*;

    /// A world in which sleeping moves the clock.
    struct Bench {
        clock: Arc<ManualClock>,
        budget: RateBudget,
    }

    impl Bench {
        fn new(all: u32, endpoint: u32) -> Self {
            let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
            let budget = RateBudget::new(clock.clone(), Limits { all, endpoint });
            Self { clock, budget }
        }

        fn micros(&self) -> i64 {
            WallClock::now(&*self.clock).timestamp().as_microsecond()
        }

        fn skip(&self, micros: i64) {
            let to = Timestamp::from_microsecond(self.micros() + micros).unwrap();
            self.clock.advance_to(to);
        }

        /// When so many calls went, one after the other.
        async fn calls(&self, n: usize, endpoint: &str, priority: Priority) -> Vec<i64> {
            let mut went = Vec::new();
            for _ in 0..n {
                let sleep = async |time: Duration| self.skip(time.as_micros().try_into().unwrap());
                self.budget.take(endpoint, priority, sleep).await;
                went.push(self.micros());
            }
            went
        }
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(future)
    }

    /// The most calls that went within one second.
    fn busiest(went: &[i64]) -> usize {
        let within =
            |from: &i64| went.iter().filter(|at| (*from..from + CALL).contains(at)).count();
        went.iter().map(within).max().unwrap_or(0)
    }

    #[test]
    fn no_second_sees_more_than_its_limit_and_the_limit_is_nearly_used() {
        let bench = Bench::new(100, 25);
        let went = run(bench.calls(200, "GET/v1/customers/{id}", Priority::Background));
        assert!(busiest(&went) <= 25, "{}", busiest(&went));
        assert!(went[199] < 11 * CALL, "200 calls at 25 a second: {}", went[199]);
        bench.skip(60 * CALL);
        let from = bench.micros();
        let went = run(bench.calls(30, "GET/v1/events", Priority::Background));
        assert_eq!(went.iter().filter(|at| **at == from).count(), 6, "a quarter goes at once");
        assert!(busiest(&went) <= 25);
    }

    #[test]
    fn many_endpoints_share_what_there_is_in_all() {
        let bench = Bench::new(40, 25);
        let mut went = Vec::new();
        for n in 0..300 {
            went.extend(run(bench.calls(1, &format!("GET/{n}"), Priority::Interactive)));
        }
        assert!(busiest(&went) <= 40, "{}", busiest(&went));
        let Some(budget) = &bench.budget.0 else { panic!("a budget") };
        assert_eq!(budget.lock().endpoints.len(), MOST_ENDPOINTS + 1, "bounded");
    }

    #[test]
    fn replicas_share_the_limit() {
        let bench = Bench::new(100, 100);
        bench.budget.share(4);
        let went = run(bench.calls(200, "GET/v1/events", Priority::Background));
        assert!(busiest(&went[50..]) <= 25, "{}", busiest(&went[50..]));
    }

    #[test]
    fn a_429_halves_the_rate_which_finds_back() {
        let bench = Bench::new(100, 100);
        let pace = |n| {
            let went = run(bench.calls(n, "GET/v1/events", Priority::Background));
            busiest(&went[n / 2..])
        };
        assert!((70..=100).contains(&pace(200)));
        bench.budget.limited(None);
        bench.budget.limited(None); // of the same moment
        assert!((35..=50).contains(&pace(200)), "half");
        bench.skip(CALL * 2);
        bench.budget.limited(None);
        assert!((15..=26).contains(&pace(60)), "a quarter, {}", pace(60));
        bench.skip(RECOVERY * 4);
        assert!((70..=100).contains(&pace(200)), "as before");
        for _ in 0..20 {
            bench.skip(2 * CALL);
            bench.budget.limited(None);
        }
        assert!((2..=6).contains(&pace(12)), "never slower than a sixteenth");
    }

    #[test]
    fn a_limit_of_one_endpoint_leaves_the_others() {
        let bench = Bench::new(100, 25);
        bench.budget.limited(Some("GET/v1/events"));
        let went = run(bench.calls(40, "GET/v1/invoices/{id}", Priority::Background));
        assert!(went[39] < 2 * CALL + CALL / 2, "{}", went[39]);
        let from = bench.micros();
        let went = run(bench.calls(40, "GET/v1/events", Priority::Background));
        assert!(went[39] - from > 3 * CALL);
    }

    /// Background calls that are already waiting let an interactive one pass.
    #[test]
    fn interactive_calls_go_first() {
        let bench = Bench::new(4, 4);
        let order = Mutex::new(Vec::new());
        run(async {
            bench.calls(1, "GET/x", Priority::Background).await;
            let call = async |name, priority| {
                // Each sleeps a round of the executor; the last to sleep moves the clock.
                let sleep = async |_: Duration| {
                    tokio::task::yield_now().await;
                    bench.skip(CALL / 10);
                };
                bench.budget.take("GET/x", priority, sleep).await;
                order.lock().unwrap().push(name);
            };
            tokio::join!(
                call("background 1", Priority::Background),
                call("background 2", Priority::Background),
                call("interactive 1", Priority::Interactive),
                call("interactive 2", Priority::Interactive),
            );
        });
        let order = order.into_inner().unwrap();
        assert!(order[..2].iter().all(|name| name.starts_with("interactive")), "{order:?}");
        assert_eq!(order.len(), 4);
    }

    #[test]
    fn a_caller_that_gives_up_no_longer_holds_the_others_back() {
        let bench = Bench::new(1, 1);
        run(async {
            bench.calls(1, "GET/x", Priority::Background).await;
            let never = |_| std::future::pending::<()>();
            tokio::select! {
                biased;
                () = bench.budget.take("GET/x", Priority::Interactive, never) => panic!("too soon"),
                () = std::future::ready(()) => {}
            }
            bench.calls(1, "GET/x", Priority::Background).await;
        });
        let Some(budget) = &bench.budget.0 else { panic!("a budget") };
        assert_eq!(budget.lock().waiting, 0);
    }

    /// A clock that stands still, or jumps back, stops nothing: what was slept has passed.
    #[test]
    fn a_clock_that_stands_still_does_not_stop_the_calls() {
        let bench = Bench::new(10, 10);
        let slept = AtomicUsize::new(0);
        run(async {
            for _ in 0..50 {
                let sleep = async |_: Duration| {
                    slept.fetch_add(1, Ordering::Relaxed);
                };
                bench.budget.take("GET/x", Priority::Background, sleep).await;
            }
        });
        assert_eq!(slept.into_inner(), 48);
    }

    #[test]
    fn ids_do_not_make_endpoints() {
        let check = |method, path, expected| assert_eq!(endpoint_of(method, path), expected);
        check("GET", "/v1/customers/cus_9s6XKzkNRiz8i3?expand%5B%5D=x", "GET/v1/customers/{id}");
        check(
            "POST",
            "/v1/checkout/sessions/cs_test_a1/expire",
            "POST/v1/checkout/sessions/{id}/expire",
        );
        check("GET", "/v1/invoice_payments?limit=100", "GET/v1/invoice_payments");
        check("DELETE", "/v1/subscriptions/sub_1A", "DELETE/v1/subscriptions/{id}");
    }

    proptest! {
        #[test]
        fn the_limit_holds_whatever_comes(
            all in 1_u32..60, endpoint in 1_u32..60,
            steps in prop::collection::vec((0_i64..3_000_000, 1_usize..12, any::<bool>()), 1..12),
        ) {
            let bench = Bench::new(all, endpoint);
            let mut went = Vec::new();
            for (pause, n, limited) in steps {
                bench.skip(pause);
                if limited {
                    bench.budget.limited(None);
                }
                went.extend(run(bench.calls(n, "GET/x", Priority::Background)));
            }
            // A limit of one or two a second is rounded up by the one that may always go at once.
            prop_assert!(busiest(&went) <= (all.min(endpoint) as usize).max(2));
        }
    }
}
