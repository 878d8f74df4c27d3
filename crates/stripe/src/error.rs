//! What Stripe, or the way to it, may answer: one variant for each thing a caller does differently.

use std::fmt;

use crate::TransportError;

/// Why a call to Stripe gave no answer that can be used.
///
/// None of them prints what was sent, or Stripe's message, which may repeat what was sent.
#[derive(Debug, thiserror::Error)]
pub enum StripeError {
    /// No answer, or none in time. The call may have been carried out all the same.
    #[error("stripe could not be reached: {0}")]
    Unreachable(#[source] TransportError),
    /// 429: too many calls, or an object that is locked by another. Nothing was carried out.
    #[error("stripe answered 429: too many requests")]
    RateLimited,
    /// Stripe's side failed (5xx, or 424). The call may have been carried out.
    #[error("stripe answered {status}{}", if *.replayed { " again, as a replay" } else { "" })]
    Server {
        /// The status.
        status: u16,
        /// A stored answer came back: the same key will give it again, for ever.
        replayed: bool,
    },
    /// 401: the key is missing, wrong or expired.
    #[error("stripe does not accept the API key")]
    Unauthorized,
    /// The idempotency key was used before with another request.
    #[error("the idempotency key was used before with another request")]
    Idempotency,
    /// 409: another request is at work under this key, or on this object.
    #[error("another request is at work under this idempotency key")]
    KeyInUse,
    /// Stripe understood and said no.
    #[error("stripe refused: {0}")]
    Refused(Box<ApiFault>),
    /// An answer that is not Stripe's, or lacks what we must read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// What should be sent cannot be a request (a path or a header with characters that none may
    /// have): a bug on our side, and no repeat mends it.
    #[error("not a request that can be sent: {0}")]
    Unsendable(String),
}

impl StripeError {
    /// An outage, a timeout, a limit, a failure of Stripe's side or an answer of somebody else's on
    /// the way: waiting helps, and nothing is wrong with what was asked.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::RateLimited | Self::Server { .. } | Self::KeyInUse => true,
            Self::Unreadable(what) => what.object == Unreadable::ANSWER,
            _ => false,
        }
    }

    /// 403: the key lacks the right. Nothing is wrong with what was asked.
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::Refused(fault) if fault.status == 403)
    }

    /// The object is not there: 404, or 400 with `resource_missing`.
    pub fn is_missing(&self) -> bool {
        let code = |fault: &ApiFault| fault.code.as_deref() == Some("resource_missing");
        matches!(self, Self::Refused(fault) if fault.status == 404 || code(fault))
    }
}

/// Stripe's refusal, as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiFault {
    /// The status.
    pub status: u16,
    /// Stripe's `type`: `card_error`, `invalid_request_error`, …
    pub kind: String,
    /// Its `code`; many 400s have none.
    pub code: Option<String>,
    /// The bank's reason, with declines.
    pub decline_code: Option<String>,
    /// The text. Safe to show for a `card_error`; others may repeat what was sent.
    pub message: String,
    /// The parameter at fault, in bracket form.
    pub param: Option<String>,
    /// The id of the request, for support and the story of a try.
    pub request_id: Option<String>,
    /// The id of the request that was carried out first under this key.
    pub original_request: Option<String>,
}

/// Status, type, code and parameter; not the message, which may repeat what was sent.
impl fmt::Display for ApiFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.kind)?;
        for part in [&self.code, &self.decline_code].into_iter().flatten() {
            write!(f, " `{part}`")?;
        }
        match &self.param {
            Some(param) => write!(f, " at `{param}`"),
            None => Ok(()),
        }
    }
}

/// An object that lacks something we must read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stripe's `{object}` cannot be read: `{field}` is missing or of another kind")]
pub struct Unreadable {
    /// The kind of object that was expected.
    pub object: &'static str,
    /// Which field, as a path.
    pub field: &'static str,
}

impl Unreadable {
    /// The answer as a whole, not an object in it.
    pub(crate) const ANSWER: &'static str = "answer";
}
