//! No bytes break a reader, whatever they are, and none cost it the square of their length.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use specie_hostile::mutate::Inputs;
use specie_hostile::{TARGETS, Target, target};

/// Writes a module for each target, so that a failure names it.
macro_rules! targets {
    ($($name:ident),*) => {
        $(mod $name {
            use super::*;

            proptest! {
                #[test]
                fn no_bytes_break_it(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
                    (of(stringify!($name)).run)(&bytes);
                }

                #[test]
                fn no_text_breaks_it(text in any::<String>()) {
                    (of(stringify!($name)).run)(text.as_bytes());
                }
            }

            #[test]
            fn its_seeds_and_what_comes_of_them_hold() {
                let target = of(stringify!($name));
                (target.seeds)().iter().for_each(|seed| (target.run)(seed));
                let inputs = Inputs::new(target, 1);
                (0..CHANGED).for_each(|_| (target.run)(&inputs.next_input()));
            }

            #[test]
            fn eight_times_the_bytes_cost_no_square() {
                grows_gently(of(stringify!($name)));
            }
        })*

        #[test]
        fn each_target_is_tested() {
            let tested = [$(stringify!($name)),*];
            assert_eq!(TARGETS.map(|target| target.name), tested);
        }
    };
}

targets!(catalog, cursor, expand, form, journal, jwt, numbers, routing, signature);

/// How many changed seeds each target reads here; `fuzz/` reads millions.
const CHANGED: usize = 500;
/// The smallest size that is compared with eight times as much, in bytes.
const SMALLEST: usize = 8 * 1024;
/// The largest: what is quick even there would not be noticed if it grew.
const LARGEST: usize = 128 * 1024;
/// A square would be 64 times; what is linear is 8 times, and machines are busy.
const MOST: u32 = 40;
/// What is quicker than this cannot be compared, and is looked at in twice the size, too.
const QUICK: Duration = Duration::from_millis(3);

fn of(name: &str) -> &'static Target {
    target(name).expect("each name is one of the targets")
}

fn grows_gently(target: &Target) {
    for kind in 0..(target.grown)(SMALLEST).len() {
        let mut size = SMALLEST;
        while time_at(target, kind, size) < QUICK && size < LARGEST {
            size *= 2;
        }
    }
}

/// How long an input of a kind and size takes; eight times the size must not take the square of that.
fn time_at(target: &Target, kind: usize, size: usize) -> Duration {
    let [small, large] = [size, 8 * size].map(|size| (target.grown)(size).swap_remove(kind));
    let (little, much) = (time(target, &small), time(target, &large));
    let start = String::from_utf8_lossy(&small[..small.len().min(40)]);
    assert!(much < MOST * little.max(QUICK), "{size} of {start}: {little:?}, then {much:?}");
    little
}

/// The best of three: what else the machine does counts least.
fn time(target: &Target, bytes: &[u8]) -> Duration {
    let once = || {
        let began = worked();
        (target.run)(bytes);
        worked().saturating_sub(began)
    };
    (0..3).map(|_| once()).min().expect("it ran three times")
}

/// How long this thread has been at work, if the system says so (Linux); else a clock.
#[expect(clippy::disallowed_methods, reason = "a machine's time is what is looked at here")]
fn worked() -> Duration {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = told.and_then(|text| text.split(' ').next()?.parse().ok());
    nanos.map_or_else(|| BEGAN.elapsed(), Duration::from_nanos)
}
