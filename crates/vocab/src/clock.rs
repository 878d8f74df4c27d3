//! Two kinds of time, so that nobody compares one with the other: *business time*, in which
//! subscriptions renew, and *wall time*, in which tokens and leases expire.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

fn cut(time: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time)
}

macro_rules! times {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Timestamp);

        impl $name {
            /// The moment, cut to microseconds, as both databases keep it.
            pub fn new(time: Timestamp) -> Self {
                Self(cut(time))
            }

            /// From Unix seconds, as Stripe counts. What no calendar holds becomes the nearest end.
            pub fn from_second(second: i64) -> Self {
                let end = if second < 0 { Timestamp::MIN } else { Timestamp::MAX };
                Self(Timestamp::from_second(second).unwrap_or(end))
            }

            /// The moment itself.
            pub fn timestamp(self) -> Timestamp {
                self.0
            }

            /// Unix seconds, rounded towards the past.
            pub fn as_second(self) -> i64 {
                self.0.as_microsecond().div_euclid(1_000_000)
            }

            /// Later by `seconds` (earlier, if negative), held within the calendar.
            pub fn plus_seconds(self, seconds: i64) -> Self {
                Self(self.0.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(self.0))
            }

            /// Seconds from `earlier` to this moment, rounded towards zero.
            pub fn seconds_since(self, earlier: Self) -> i64 {
                self.0.duration_since(earlier.0).as_secs()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

times! {
    /// A moment in the time in which subscriptions renew, graces end and mails fall due.
    BusinessTime;
    /// A moment in the time in which tokens, leases and signatures expire.
    WallTime;
}

/// Tells business time.
pub trait BusinessClock: Send + Sync {
    /// The business time now.
    fn now(&self) -> BusinessTime;
}

/// Tells wall time.
pub trait WallClock: Send + Sync {
    /// The wall time now.
    fn now(&self) -> WallTime;
}

/// The machine's clock. Only the binary makes one.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the system clock")]
fn system_now() -> Timestamp {
    Timestamp::now()
}

impl BusinessClock for SystemClock {
    fn now(&self) -> BusinessTime {
        BusinessTime::new(system_now())
    }
}

impl WallClock for SystemClock {
    fn now(&self) -> WallTime {
        WallTime::new(system_now())
    }
}

/// A clock that stands still until it is moved, and never goes backwards.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that stands at `start`.
    pub fn new(start: Timestamp) -> Self {
        Self(AtomicI64::new(start.as_microsecond()))
    }

    /// Moves on to `to`. An earlier moment changes nothing.
    pub fn advance_to(&self, to: Timestamp) {
        self.0.fetch_max(to.as_microsecond(), Ordering::SeqCst);
    }

    fn read(&self) -> Timestamp {
        Timestamp::from_microsecond(self.0.load(Ordering::SeqCst)).unwrap_or(Timestamp::MAX)
    }
}

impl BusinessClock for ManualClock {
    fn now(&self) -> BusinessTime {
        BusinessTime::new(self.read())
    }
}

impl WallClock for ManualClock {
    fn now(&self) -> WallTime {
        WallTime::new(self.read())
    }
}

/// The machine's clock, moved forward by as much as was skipped. Serves `specie dev`, where a jump
/// must not wait for what is due in wall time.
#[derive(Debug, Default)]
pub struct OffsetClock(AtomicI64);

impl OffsetClock {
    /// Skips to `to`, if that is still ahead.
    pub fn skip_to(&self, to: WallTime) {
        let ahead = to.timestamp().as_microsecond() - system_now().as_microsecond();
        self.0.fetch_max(ahead, Ordering::SeqCst);
    }
}

impl WallClock for OffsetClock {
    fn now(&self) -> WallTime {
        let now = system_now().as_microsecond() + self.0.load(Ordering::SeqCst);
        WallTime::new(Timestamp::from_microsecond(now).unwrap_or(Timestamp::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_never_goes_backwards() {
        let clock = ManualClock::new(Timestamp::from_second(100).unwrap());
        clock.advance_to(Timestamp::from_second(200).unwrap());
        clock.advance_to(Timestamp::from_second(150).unwrap());
        assert_eq!(BusinessClock::now(&clock), BusinessTime::from_second(200));
    }

    #[test]
    fn times_are_cut_to_microseconds() {
        let time = "2026-01-01T00:00:00.123456789Z".parse().unwrap();
        assert_eq!(WallTime::new(time).to_string(), "2026-01-01T00:00:00.123456Z");
    }
}
