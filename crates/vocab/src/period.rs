//! Billing periods, as Stripe counts them: months and years from the anchor, days and weeks to the
//! second.

use std::fmt;

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// The unit in which a price recurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IntervalUnit {
    /// 86,400 seconds.
    Day,
    /// Seven days.
    Week,
    /// A calendar month in UTC.
    Month,
    /// A calendar year in UTC.
    Year,
}

impl IntervalUnit {
    /// Stripe's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// The unit that Stripe's word names, if it names one.
    pub fn of(word: &str) -> Option<Self> {
        let all = [Self::Day, Self::Week, Self::Month, Self::Year];
        all.into_iter().find(|unit| unit.as_str() == word)
    }
}

/// How often a price recurs: every `count` units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Interval {
    /// The unit.
    pub unit: IntervalUnit,
    /// How many of them; at least 1.
    pub count: u32,
}

/// `every 30 days`, `every month`.
impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            1 => write!(f, "every {}", self.unit.as_str()),
            count => write!(f, "every {count} {}s", self.unit.as_str()),
        }
    }
}

/// From a moment up to, and without, another; Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Period {
    /// Its first second.
    pub start: i64,
    /// The first second after it.
    pub end: i64,
}

impl Interval {
    /// At most three years, as Stripe allows.
    pub fn is_accepted_by_stripe(self) -> bool {
        let most = match self.unit {
            IntervalUnit::Day => 1095,
            IntervalUnit::Week => 156,
            IntervalUnit::Month => 36,
            IntervalUnit::Year => 3,
        };
        (1..=most).contains(&self.count)
    }

    /// The `n`th boundary after `anchor` (Unix seconds; 0 is the anchor itself).
    ///
    /// Months and years are counted from the anchor, never from the boundary before, the day
    /// clamped to the month's length and the time of day kept, so that a 31st comes back after
    /// February. Days and weeks are exact seconds. None, where the calendar ends.
    pub fn boundary(self, anchor: i64, n: u32) -> Option<i64> {
        let steps = i64::from(self.count) * i64::from(n);
        let months = match self.unit {
            IntervalUnit::Day => return anchor.checked_add(steps * 86_400),
            IntervalUnit::Week => return anchor.checked_add(steps * 604_800),
            IntervalUnit::Month => steps,
            IntervalUnit::Year => steps * 12,
        };
        let from = Timestamp::from_second(anchor).ok()?.to_zoned(TimeZone::UTC);
        let span = Span::new().try_months(months).ok()?;
        Some(from.checked_add(span).ok()?.timestamp().as_second())
    }

    /// The period on the grid of `anchor` that holds `at`; the first one if `at` comes before it.
    pub fn period_at(self, anchor: i64, at: i64) -> Option<Period> {
        let shortest = match self.unit {
            IntervalUnit::Day => 86_400,
            IntervalUnit::Week => 604_800,
            IntervalUnit::Month => 28 * 86_400,
            IntervalUnit::Year => 365 * 86_400,
        } * i64::from(self.count);
        // No period is shorter, so the one sought is not after this one.
        let mut n = u32::try_from((at - anchor).max(0) / shortest).ok()?;
        while n > 0 && self.boundary(anchor, n)? > at {
            n -= 1;
        }
        Some(Period { start: self.boundary(anchor, n)?, end: self.boundary(anchor, n + 1)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn second(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_second()
    }

    /// The worked examples of Stripe's rules.
    #[test]
    fn boundaries_fall_where_stripe_puts_them() {
        let check = |anchor: &str, count, unit, expected: &[&str]| {
            for (n, day) in (1..).zip(expected) {
                let found = Interval { unit, count }.boundary(second(anchor), n);
                assert_eq!(found, Some(second(day)), "{anchor} + {n} × {count} {unit:?}");
            }
        };
        let (day, week) = (IntervalUnit::Day, IntervalUnit::Week);
        let (month, year) = (IntervalUnit::Month, IntervalUnit::Year);
        check(
            "2026-01-31T10:00:00Z",
            1,
            month,
            &["2026-02-28T10:00:00Z", "2026-03-31T10:00:00Z", "2026-04-30T10:00:00Z"],
        );
        check("2027-11-30T00:00:00Z", 3, month, &["2028-02-29T00:00:00Z", "2028-05-30T00:00:00Z"]);
        check(
            "2028-02-29T12:00:00Z",
            1,
            year,
            &[
                "2029-02-28T12:00:00Z",
                "2030-02-28T12:00:00Z",
                "2031-02-28T12:00:00Z",
                "2032-02-29T12:00:00Z",
            ],
        );
        check("2026-06-05T08:00:00Z", 2, week, &["2026-06-19T08:00:00Z", "2026-07-03T08:00:00Z"]);
        check("2026-06-05T08:00:00Z", 10, day, &["2026-06-15T08:00:00Z", "2026-06-25T08:00:00Z"]);
    }

    #[test]
    fn thirty_days_are_thirty_days_over_leap_years() {
        let monthly = Interval { unit: IntervalUnit::Day, count: 30 };
        let anchor = second("2028-02-01T00:00:00Z");
        assert_eq!(monthly.boundary(anchor, 1), Some(second("2028-03-02T00:00:00Z")));
        assert_eq!(monthly.to_string(), "every 30 days");
    }

    proptest! {
        #[test]
        fn a_moment_lies_in_its_period(
            anchor in 0_i64..4_000_000_000, after in 0_i64..400_000_000, count in 1_u32..13, unit in 0..4,
        ) {
            let unit = [IntervalUnit::Day, IntervalUnit::Week, IntervalUnit::Month, IntervalUnit::Year][unit as usize];
            let period = Interval { unit, count }.period_at(anchor, anchor + after).unwrap();
            prop_assert!(period.start <= anchor + after && anchor + after < period.end);
        }
    }
}
