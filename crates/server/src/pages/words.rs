//! Amounts, dates and states as people read them.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use specie_vocab::{Interval, IntervalUnit};

use super::texts::{Texts, fill};

/// `21 December 2026`, in UTC, as Stripe's periods are.
pub fn date(t: &Texts, at: Timestamp) -> String {
    let at = at.to_zoned(TimeZone::UTC);
    let month = usize::try_from(at.month() - 1).unwrap_or(0);
    let (day, year) = (at.day().to_string(), at.year().to_string());
    fill(&t.date, &[("day", &day), ("month", &t.months[month]), ("year", &year)])
}

/// `21 Dec 2026`, where room is short.
pub fn short_date(t: &Texts, at: Timestamp) -> String {
    let at = at.to_zoned(TimeZone::UTC);
    let month = usize::try_from(at.month() - 1).unwrap_or(0);
    let (day, year) = (at.day().to_string(), at.year().to_string());
    fill(&t.date, &[("day", &day), ("month", &t.months_short[month]), ("year", &year)])
}

/// `every 30 days`.
pub fn every(t: &Texts, interval: Interval) -> String {
    let text = match (interval.unit, interval.count) {
        (IntervalUnit::Day, 1) => &t.every_day,
        (IntervalUnit::Day, _) => &t.every_days,
        (IntervalUnit::Week, 1) => &t.every_week,
        (IntervalUnit::Week, _) => &t.every_weeks,
        (IntervalUnit::Month, 1) => &t.every_month,
        (IntervalUnit::Month, _) => &t.every_months,
        (IntervalUnit::Year, 1) => &t.every_year,
        (IntervalUnit::Year, _) => &t.every_years,
    };
    fill(text, &[("count", &interval.count.to_string())])
}

/// What the toggle calls an interval: the common ones by their names, others as they are.
pub fn interval_name(t: &Texts, interval: Interval) -> String {
    match (interval.unit, interval.count) {
        (IntervalUnit::Day, 28..=31) | (IntervalUnit::Month, 1) => t.monthly.clone(),
        (IntervalUnit::Day, 360..=366) | (IntervalUnit::Month, 12) | (IntervalUnit::Year, 1) => {
            t.annual.clone()
        }
        _ => capital(&every(t, interval)),
    }
}

/// With a capital letter at its beginning.
pub fn capital(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

/// A subscription's status, and the colour of its badge.
pub fn status(t: &Texts, status: &str, ends: bool) -> (String, &'static str) {
    let (text, badge) = match status {
        "active" if ends => (&t.status_active_ending, "warn"),
        "active" => (&t.status_active, "good"),
        "trialing" => (&t.status_trialing, "good"),
        "past_due" => (&t.status_past_due, "bad"),
        "unpaid" => (&t.status_unpaid, "bad"),
        "canceled" => (&t.status_canceled, ""),
        "incomplete" => (&t.status_incomplete, "warn"),
        "incomplete_expired" => (&t.status_incomplete_expired, ""),
        "paused" => (&t.status_paused, "warn"),
        _ => (&t.status_none, ""),
    };
    (text.clone(), badge)
}

/// A payment's status, and the colour of its badge.
pub fn payment(t: &Texts, status: &str) -> (String, &'static str) {
    let (text, badge) = match status {
        "succeeded" => (&t.payment_succeeded, "good"),
        "failed" => (&t.payment_failed, "bad"),
        "requires_action" => (&t.payment_requires_action, "warn"),
        "partially_refunded" => (&t.payment_partially_refunded, ""),
        "refunded" => (&t.payment_refunded, ""),
        "disputed" => (&t.payment_disputed, "bad"),
        _ => (&t.payment_pending, "warn"),
    };
    (text.clone(), badge)
}

/// `Visa`, `American Express`: how a card's brand writes itself.
pub fn brand(code: &str) -> String {
    match code {
        "amex" => "American Express".into(),
        "diners" => "Diners Club".into(),
        "eftpos_au" => "Eftpos".into(),
        "jcb" => "JCB".into(),
        "unionpay" => "UnionPay".into(),
        other => {
            let mut letters = other.chars();
            let first = letters.next().map(|first| first.to_ascii_uppercase());
            first.into_iter().chain(letters).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::texts::english;

    #[test]
    fn dates_and_intervals_read_well() {
        let t = english();
        assert_eq!(date(t, "2028-02-29T23:59:59Z".parse().unwrap()), "29 February 2028");
        assert_eq!(short_date(t, "2028-02-29T23:59:59Z".parse().unwrap()), "29 Feb 2028");
        let every = |unit, count| every(t, Interval { unit, count });
        assert_eq!(every(IntervalUnit::Day, 30), "every 30 days");
        assert_eq!(every(IntervalUnit::Year, 1), "every year");
        let name = |unit, count| interval_name(t, Interval { unit, count });
        assert_eq!(name(IntervalUnit::Day, 30), "Monthly");
        assert_eq!(name(IntervalUnit::Day, 365), "Annual");
        assert_eq!(name(IntervalUnit::Week, 2), "Every 2 weeks");
    }

    #[test]
    fn brands_are_written_as_they_write_themselves() {
        assert_eq!(["visa", "amex", "jcb", ""].map(brand), ["Visa", "American Express", "JCB", ""]);
    }
}
