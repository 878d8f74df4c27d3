//! What follows from a decision: data with keys, carried out by others.

use serde::{Deserialize, Serialize};
use specie_vocab::{BusinessTime, InvoiceId, Money, PaymentMethodId, Period, SubscriptionId};

/// What is to be done, or written down. Carrying one out twice does no harm: each has a key, or is
/// known by what it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// An entry of the audit log, without personal data.
    Audit {
        /// What happened, such as `subscription.status`.
        what: &'static str,
        /// To which object.
        subject: String,
        /// Before and after.
        details: serde_json::Value,
    },
    /// A mail. One per key, ever.
    Mail {
        /// Names the fact, such as `payment_failed:in_1:2`.
        key: String,
        /// Which mail.
        kind: MailKind,
        /// What it tells.
        about: Box<MailFacts>,
    },
    /// A change of ours to Stripe.
    Intent(IntentRequest),
    /// Something for a person to look at.
    Alarm {
        /// Which kind: `second_subscription`, `refund_ceiling`, `unknown_price`.
        code: &'static str,
        /// Of which object.
        subject: String,
    },
    /// An object that is kept apart and grants nothing.
    Quarantine {
        /// Which.
        object: String,
        /// Why: `currency_mismatch`, `impossible_period`.
        reason: &'static str,
        /// What was found and what was expected.
        details: serde_json::Value,
    },
}

impl Effect {
    /// What makes it unique for its customer, where it must not be asked for twice.
    pub fn key(&self) -> Option<String> {
        match self {
            Self::Mail { key, .. } => Some(key.clone()),
            Self::Intent(request) => Some(request.key()),
            Self::Alarm { code, subject } => Some(format!("alarm:{code}:{subject}")),
            Self::Quarantine { object, reason, .. } => {
                Some(format!("quarantine:{reason}:{object}"))
            }
            Self::Audit { .. } => None,
        }
    }
}

/// A change of ours to Stripe that a decision asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum IntentRequest {
    /// Cancels a second subscription of ours at once and gives its payment back.
    CancelAndRefund {
        /// Which.
        subscription: SubscriptionId,
        /// Whose slot another one fills.
        group: String,
    },
    /// Makes a new card the subscription's own and charges to it what is open.
    Recover {
        /// Which subscription.
        subscription: SubscriptionId,
        /// Of which plan group.
        group: String,
        /// The new card.
        payment_method: PaymentMethodId,
        /// What it is to pay, if anything failed.
        invoice: Option<InvoiceId>,
        /// How often the customer's card had been replaced by then. A card may come back.
        turn: u32,
    },
}

impl IntentRequest {
    /// Names the request; one is made once.
    pub fn key(&self) -> String {
        match self {
            Self::CancelAndRefund { subscription, .. } => {
                format!("cancel_and_refund:{subscription}")
            }
            Self::Recover { invoice: Some(invoice), payment_method, .. } => {
                format!("recover:{invoice}:{payment_method}")
            }
            Self::Recover { subscription, payment_method, turn, .. } => {
                format!("move_card:{subscription}:{payment_method}:{turn}")
            }
        }
    }

    /// The plan group it belongs to.
    pub fn group(&self) -> &str {
        match self {
            Self::CancelAndRefund { group, .. } | Self::Recover { group, .. } => group,
        }
    }
}

/// Which mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailKind {
    /// A renewal was declined; with a link to mend it.
    PaymentFailed,
    /// A renewal must be confirmed by the customer; with a link.
    ActionNeeded,
    /// A renewal that had failed is paid.
    Recovered,
    /// The subscription will end.
    CancellationScheduled,
    /// The subscription has ended.
    Canceled,
    /// Something was paid.
    Receipt,
    /// A term of a year or more will renew.
    RenewalAhead,
}

impl MailKind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::PaymentFailed,
        Self::ActionNeeded,
        Self::Recovered,
        Self::CancellationScheduled,
        Self::Canceled,
        Self::Receipt,
        Self::RenewalAhead,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PaymentFailed => "payment_failed",
            Self::ActionNeeded => "action_needed",
            Self::Recovered => "recovered",
            Self::CancellationScheduled => "cancellation_scheduled",
            Self::Canceled => "canceled",
            Self::Receipt => "receipt",
            Self::RenewalAhead => "renewal_ahead",
        }
    }
}

/// What a mail tells. Fields that its kind has no use for are None.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailFacts {
    /// About which subscription.
    pub subscription: SubscriptionId,
    /// Its plan group's key.
    pub group: String,
    /// Its plan's key.
    pub plan: String,
    /// Its price's key.
    pub price: String,
    /// When the fact happened, as Stripe dates it.
    pub at: BusinessTime,
    /// About which invoice.
    pub invoice: Option<InvoiceId>,
    /// Its number on paper.
    pub number: Option<String>,
    /// What was paid, is due, or will be charged.
    pub amount: Option<Money>,
    /// Stripe's count of attempts.
    pub attempt: Option<i64>,
    /// When Stripe tries again.
    pub next_attempt: Option<BusinessTime>,
    /// When access ends without a payment.
    pub grace_until: Option<BusinessTime>,
    /// When the subscription ends or ended.
    pub ends_at: Option<BusinessTime>,
    /// The time that was paid for, or that is ahead.
    pub period: Option<Period>,
    /// Stripe's page of the invoice, where it can be paid.
    pub link: Option<String>,
    /// The invoice as PDF.
    pub pdf: Option<String>,
}
