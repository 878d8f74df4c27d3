//! What a client remembers of its calls: for waiting, for metrics, and for alarms.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use bytes::Bytes;
use http::Response;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::StripeError;

/// What may come of one call, a retry being another one: carried out; refused; the API key not
/// accepted; too many calls; a failure of Stripe's side; no answer.
pub const OUTCOMES: [&str; 6] =
    ["answered", "refused", "unauthorized", "limited", "failed", "unreachable"];

/// An endpoint that is asked no more may have got its right: its refusal counts for so many seconds.
const REMEMBERED: i64 = 600;

/// Before the first answer.
const NONE: i64 = i64::MIN;

/// See above. All clones of a client share it.
#[derive(Debug)]
pub(super) struct Notes {
    /// Calls in a row to which Stripe had no answer of its own.
    outages: AtomicU32,
    outcomes: [AtomicU64; OUTCOMES.len()],
    key_refused: AtomicBool,
    /// Endpoints whose last answer said that the key has no right to them, and when, by Stripe's clock.
    forbidden: Mutex<BTreeMap<String, Option<i64>>>,
    /// Unix seconds.
    date: AtomicI64,
}

impl Default for Notes {
    fn default() -> Self {
        Self {
            outages: AtomicU32::default(),
            outcomes: Default::default(),
            key_refused: AtomicBool::default(),
            forbidden: Mutex::default(),
            date: AtomicI64::new(NONE),
        }
    }
}

impl Notes {
    /// Counts an answer, or that there was none.
    pub(super) fn answered(&self, response: Option<&Response<Bytes>>) {
        let outcome = response.map_or(5, |response| outcome(response.status().as_u16()));
        self.outcomes[outcome].fetch_add(1, Ordering::Relaxed);
        let Some(response) = response else { return };
        self.key_refused.store(outcome == 2, Ordering::Relaxed);
        if let Some(date) = date(response) {
            self.date.store(date, Ordering::Relaxed);
        }
    }

    /// Notes whether the key has the right to an endpoint. An outage, or a key that is refused, says
    /// nothing of it.
    pub(super) fn asked<T>(&self, endpoint: &str, answer: &Result<T, StripeError>) {
        let mut forbidden = self.forbidden();
        match answer {
            Err(error) if error.is_forbidden() => {
                forbidden.insert(endpoint.to_owned(), self.date());
            }
            Ok(_) | Err(StripeError::Refused(_)) => {
                forbidden.remove(endpoint);
            }
            Err(_) => {}
        }
    }

    fn forbidden(&self) -> MutexGuard<'_, BTreeMap<String, Option<i64>>> {
        self.forbidden.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// An endpoint whose name begins so, and to which the key has no right.
    pub(super) fn right_missing(&self, method: &str) -> Option<String> {
        let now = self.date();
        let counts = |at: &Option<i64>| {
            at.zip(now).is_none_or(|(at, now)| now.saturating_sub(at) <= REMEMBERED)
        };
        let mut forbidden = self.forbidden();
        forbidden.retain(|_, at| counts(at));
        forbidden.keys().find(|endpoint| endpoint.starts_with(method)).cloned()
    }

    pub(super) fn outage(&self) {
        self.outages.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn well(&self) {
        self.outages.store(0, Ordering::Relaxed);
    }

    pub(super) fn outages(&self) -> u32 {
        self.outages.load(Ordering::Relaxed)
    }

    pub(super) fn key_refused(&self) -> bool {
        self.key_refused.load(Ordering::Relaxed)
    }

    pub(super) fn date(&self) -> Option<i64> {
        Some(self.date.load(Ordering::Relaxed)).filter(|date| *date != NONE)
    }

    pub(super) fn outcomes(&self) -> [u64; OUTCOMES.len()] {
        std::array::from_fn(|n| self.outcomes[n].load(Ordering::Relaxed))
    }
}

/// Which of the [`OUTCOMES`] a status is.
fn outcome(status: u16) -> usize {
    match status {
        200..=299 => 0,
        401 => 2,
        429 => 3,
        424 | 500.. => 4,
        _ => 1,
    }
}

/// The moment that the answer bears, in Unix seconds.
fn date(response: &Response<Bytes>) -> Option<i64> {
    let text = response.headers().get("date")?.to_str().ok()?;
    let date = DateTime::strptime("%a, %d %b %Y %H:%M:%S GMT", text).ok()?;
    Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(status: u16, date: &str) -> Response<Bytes> {
        Response::builder().status(status).header("date", date).body(Bytes::new()).unwrap()
    }

    #[test]
    fn each_status_has_its_outcome() {
        let notes = Notes::default();
        for status in [200, 204, 400, 402, 404, 409, 401, 429, 424, 500, 503] {
            notes.answered(Some(&with(status, "")));
        }
        notes.answered(None);
        assert_eq!(notes.outcomes(), [2, 4, 1, 1, 3, 1]);
    }

    #[test]
    fn a_right_is_missing_until_its_endpoint_answers() {
        let refused = |status| {
            let fault = crate::ApiFault { status, ..Default::default() };
            Err::<(), _>(StripeError::Refused(Box::new(fault)))
        };
        let notes = Notes::default();
        let asks = |endpoint: &str, answer: Result<(), StripeError>| {
            notes.asked(endpoint, &answer);
            notes.right_missing("")
        };
        assert_eq!(asks("GET/a", Ok(())), None);
        assert_eq!(asks("GET/b", refused(403)).as_deref(), Some("GET/b"));
        assert_eq!(asks("GET/a", refused(403)).as_deref(), Some("GET/a"));
        assert_eq!(asks("GET/a", Ok(())).as_deref(), Some("GET/b"), "the other one's is missing");
        for unknown in [StripeError::RateLimited, StripeError::Unauthorized] {
            assert_eq!(asks("GET/b", Err(unknown)).as_deref(), Some("GET/b"));
        }
        assert_eq!(asks("GET/b", refused(404)), None, "it was looked for");
        assert_eq!(asks("POST/c", refused(403)).as_deref(), Some("POST/c"));
        assert_eq!(notes.right_missing("GET"), None, "what is read waits for no right");
    }

    #[test]
    fn a_right_that_nobody_asks_for_is_missed_no_longer() {
        let notes = Notes::default();
        let answered = |time: &str| {
            notes.answered(Some(&with(200, &format!("Sun, 06 Nov 1994 {time} GMT"))));
            notes.right_missing("")
        };
        answered("08:00:00");
        let fault = crate::ApiFault { status: 403, ..Default::default() };
        notes.asked("GET/a", &Err::<(), _>(StripeError::Refused(Box::new(fault))));
        assert_eq!(answered("08:10:00").as_deref(), Some("GET/a"));
        assert_eq!(answered("08:10:01"), None);
    }

    #[test]
    fn the_last_answer_says_the_time_and_whether_the_key_is_good() {
        let notes = Notes::default();
        assert_eq!((notes.date(), notes.key_refused()), (None, false));
        notes.answered(Some(&with(401, "Sun, 06 Nov 1994 08:49:37 GMT")));
        assert_eq!((notes.date(), notes.key_refused()), (Some(784_111_777), true));
        notes.answered(None);
        notes.answered(Some(&with(200, "yesterday")));
        assert_eq!((notes.date(), notes.key_refused()), (Some(784_111_777), false));
    }
}
