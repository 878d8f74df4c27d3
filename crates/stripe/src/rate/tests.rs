//! The budget under clocks that move, stand still and are shared.

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
            let sleep = async |time: Duration| {
                self.skip(time.as_micros().try_into().unwrap());
                assert!(self.micros() < 3_600 * CALL, "it waits for ever");
            };
            self.budget.take(endpoint, priority, sleep).await;
            went.push(self.micros());
        }
        went
    }

    /// The same, beside others who sleep as well: whoever wakes finds the clock at least there.
    async fn calls_beside(&self, n: usize, endpoint: &str, priority: Priority) -> Vec<i64> {
        let mut went = Vec::new();
        for _ in 0..n {
            let sleep = async |time: Duration| {
                let until = self.micros() + i64::try_from(time.as_micros()).unwrap();
                tokio::task::yield_now().await;
                self.skip((until - self.micros()).max(0));
            };
            self.budget.take(endpoint, priority, sleep).await;
            went.push(self.micros());
        }
        went
    }

    fn waiting(&self) -> i64 {
        let Some(budget) = &self.budget.0 else { panic!("a budget") };
        budget.lock().endpoints.values().map(|line| line.waiting).sum()
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(future)
}

/// The most calls that went within one second.
fn busiest(went: &[i64]) -> usize {
    let within = |from: &i64| went.iter().filter(|at| (*from..from + CALL).contains(at)).count();
    went.iter().map(within).max().unwrap_or(0)
}

#[test]
fn no_second_sees_more_than_its_limit_and_the_limit_is_nearly_used() {
    let bench = Bench::new(100, 25);
    let went = run(bench.calls(200, "GET/v1/customers/{id}", Priority::Background));
    assert!(busiest(&went) <= 25, "{}", busiest(&went));
    assert!(went[199] < 9 * CALL, "200 calls at 25 a second: {}", went[199]);
    bench.skip(60 * CALL);
    let from = bench.micros();
    let went = run(bench.calls(30, "GET/v1/events", Priority::Background));
    assert_eq!(went.iter().filter(|at| **at == from).count(), 2, "a twelfth goes at once");
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
    assert!((90..=100).contains(&pace(200)));
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

/// In which order those go who wait together for the last calls in all, interactive ones to `endpoint`.
fn order_with(endpoint: &str) -> Vec<&'static str> {
    let bench = Bench::new(4, 8);
    let order = Mutex::new(Vec::new());
    run(async {
        bench.calls(1, "GET/x", Priority::Background).await;
        let call = async |name, endpoint: &str, priority| {
            // Each sleeps a round of the executor; the last to sleep moves the clock.
            let sleep = async |_: Duration| {
                tokio::task::yield_now().await;
                bench.skip(CALL / 10);
            };
            bench.budget.take(endpoint, priority, sleep).await;
            order.lock().unwrap().push(name);
        };
        tokio::join!(
            call("background 1", "GET/x", Priority::Background),
            call("background 2", "GET/x", Priority::Background),
            call("interactive 1", endpoint, Priority::Interactive),
            call("interactive 2", endpoint, Priority::Interactive),
        );
    });
    order.into_inner().unwrap()
}

/// Background calls that are already waiting let an interactive one pass.
#[test]
fn interactive_calls_go_first() {
    for endpoint in ["GET/x", "GET/y"] {
        let order = order_with(endpoint);
        let first = order[..2].iter().all(|name| name.starts_with("interactive"));
        assert!(first, "{endpoint}: {order:?}");
        assert_eq!(order.len(), 4);
    }
}

/// What a background call brings may be what all of them wait for.
#[test]
fn a_crowd_at_one_endpoint_holds_nobody_back_who_calls_another() {
    let bench = Bench::new(100, 25);
    let (_, _, _, _, went) = run(async {
        let reader = || bench.calls_beside(100, "GET/a", Priority::Interactive);
        let pass = bench.calls_beside(5, "GET/v1/events", Priority::Background);
        tokio::join!(reader(), reader(), reader(), reader(), pass)
    });
    assert!(went[0] < CALL / 10 && went[4] < CALL / 2, "{went:?}");
}

/// Polls a call that has to wait once: from then on it waits.
async fn begin_to_wait(call: std::pin::Pin<&mut impl Future<Output = ()>>) {
    tokio::select! {
        biased;
        () = call => panic!("too soon"),
        () = std::future::ready(()) => {}
    }
}

#[test]
fn a_caller_that_gives_up_no_longer_holds_the_others_back() {
    let bench = Bench::new(1, 1);
    run(async {
        bench.calls(1, "GET/x", Priority::Background).await;
        let never = |_| std::future::pending::<()>();
        {
            let call = std::pin::pin!(bench.budget.take("GET/x", Priority::Interactive, never));
            begin_to_wait(call).await;
            assert_eq!(bench.waiting(), 1);
        }
        let from = bench.micros();
        let went = bench.calls(1, "GET/x", Priority::Background).await;
        assert!(went[0] - from < 2 * CALL, "{went:?}");
    });
    assert_eq!(bench.waiting(), 0);
}

#[test]
fn whoever_lets_others_go_first_does_not_do_so_for_ever() {
    for endpoint in ["GET/x", "GET/y"] {
        let bench = Bench::new(1, 1);
        run(async {
            bench.calls(1, "GET/x", Priority::Background).await;
            let never = |_| std::future::pending::<()>();
            let mut call =
                std::pin::pin!(bench.budget.take(endpoint, Priority::Interactive, never));
            begin_to_wait(call.as_mut()).await;
            let went = bench.calls(1, "GET/x", Priority::Background).await;
            assert!((PATIENCE..PATIENCE + 2 * CALL).contains(&went[0]), "{endpoint}: {went:?}");
        });
    }
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
    assert_eq!(slept.into_inner(), 49);
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
