//! Which states give access, and until when: one table over status and payment.

use serde::{Deserialize, Serialize};
use specie_vocab::BusinessTime;

use crate::Status;

/// What a subscription lets its customer do, and until when. Holds whatever the clock says; ask
/// [`Access::is_given`] for a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "access", content = "until", rename_all = "snake_case")]
pub enum Access {
    /// None.
    None,
    /// Up to, and without, this moment.
    Until(BusinessTime),
    /// Until Stripe says otherwise.
    Open,
}

impl Access {
    /// Whether it is given at `now`.
    pub fn is_given(self, now: BusinessTime) -> bool {
        match self {
            Self::None => false,
            Self::Until(end) => now < end,
            Self::Open => true,
        }
    }

    /// When it ends, if that is known.
    pub fn until(self) -> Option<BusinessTime> {
        match self {
            Self::Until(end) => Some(end),
            Self::None | Self::Open => None,
        }
    }

    fn but_not_after(self, end: Option<BusinessTime>) -> Self {
        match (self, end) {
            (Self::None, _) | (_, None) => self,
            (Self::Open, Some(end)) => Self::Until(end),
            (Self::Until(first), Some(end)) => Self::Until(first.min(end)),
        }
    }
}

/// How a subscription's invoices are paid, as far as access depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payment {
    /// Nothing is known to be due: paid, or nothing asked yet, or in the draft hour.
    Settled,
    /// The first invoice is not paid: a bank debit on its way, or one that failed later.
    NeverPaid,
    /// Something was paid once; a later invoice is not.
    Behind,
}

/// The table. `grace_until` counts while a renewal is not paid, `ends` whenever an end is set.
///
/// | status | settled | never paid | behind |
/// | --- | --- | --- | --- |
/// | `trialing` | open | open | open |
/// | `active` | open | none | open |
/// | `past_due` | until grace | until grace | until grace |
/// | `unpaid`, `paused`, `incomplete`, `incomplete_expired`, `canceled` | none | none | none |
///
/// An active subscription that is behind is one whose renewal is being collected: Stripe says
/// `past_due` once that has failed. A subscription is past due after a trial without ever having
/// been paid; that is a renewal like others.
pub fn access(
    status: Status,
    payment: Payment,
    grace_until: Option<BusinessTime>,
    ends: Option<BusinessTime>,
) -> Access {
    use Payment::{Behind, NeverPaid, Settled};
    let given = match (status, payment) {
        (Status::Trialing, Settled | NeverPaid | Behind) => Access::Open,
        (Status::Active, Settled | Behind) => Access::Open,
        (Status::Active, NeverPaid) => Access::None,
        (Status::PastDue, Settled | NeverPaid | Behind) => {
            grace_until.map_or(Access::None, Access::Until)
        }
        (
            Status::Unpaid
            | Status::Paused
            | Status::Incomplete
            | Status::IncompleteExpired
            | Status::Canceled,
            Settled | NeverPaid | Behind,
        ) => Access::None,
    };
    given.but_not_after(ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAYMENTS: [Payment; 3] = [Payment::Settled, Payment::NeverPaid, Payment::Behind];

    /// Every cell, written down a second time by hand: `o` open, `g` grace, `-` none.
    #[test]
    fn each_cell_says_what_the_table_says() {
        let table = [
            ("incomplete", "---"),
            ("incomplete_expired", "---"),
            ("trialing", "ooo"),
            ("active", "o-o"),
            ("past_due", "ggg"),
            ("unpaid", "---"),
            ("paused", "---"),
            ("canceled", "---"),
        ];
        assert_eq!(table.map(|row| row.0), Status::ALL.map(Status::as_str));
        let (grace, end) = (BusinessTime::from_second(200), BusinessTime::from_second(100));
        for (word, cells) in table {
            let status = word.parse().unwrap();
            for (payment, cell) in PAYMENTS.into_iter().zip(cells.chars()) {
                let (plain, ending) = match cell {
                    'o' => (Access::Open, Access::Until(end)),
                    'g' => (Access::Until(grace), Access::Until(end)),
                    _ => (Access::None, Access::None),
                };
                assert_eq!(access(status, payment, Some(grace), None), plain, "{word} {payment:?}");
                assert_eq!(access(status, payment, Some(grace), Some(end)), ending, "{word}");
            }
        }
    }

    #[test]
    fn access_ends_in_its_second() {
        let end = BusinessTime::from_second(100);
        assert!(Access::Until(end).is_given(BusinessTime::from_second(99)));
        assert!(!Access::Until(end).is_given(end));
        assert!(Access::Open.is_given(end) && !Access::None.is_given(end));
    }

    #[test]
    fn past_due_without_a_date_gives_nothing() {
        assert_eq!(access(Status::PastDue, Payment::Behind, None, None), Access::None);
    }
}
