//! What Stripe says of one customer: read from fetched objects, never from an event.

use std::collections::BTreeSet;

use specie_vocab::{
    BusinessTime, Currency, CustomerId, IntentId, InvoiceId, Money, PaymentMethodId, Period,
    SessionId, SubscriptionId,
};

use crate::{PriceRef, Status};

/// All that the mirrors know of one customer. The order within a list means nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The customer, once it is known.
    pub customer: Option<CustomerFact>,
    /// Its subscriptions, whoever made them.
    pub subscriptions: Vec<SubscriptionFact>,
    /// Their invoices.
    pub invoices: Vec<InvoiceFact>,
    /// The Checkout Sessions that we made.
    pub sessions: Vec<SessionFact>,
    /// Checkout intents that ended without leaving a session: a slot that one of them had claimed is
    /// free.
    pub ended_intents: BTreeSet<IntentId>,
    /// How many second subscriptions of this installation were canceled and refunded today, for
    /// the daily ceiling.
    pub refunds_today: u32,
}

impl Facts {
    /// Whether they say anything of an object: a subscription, or an invoice of one.
    pub fn know(&self, object: &str) -> bool {
        self.subscriptions.iter().any(|it| it.id.as_str() == object)
            || self.invoices.iter().any(|it| it.id.as_str() == object)
    }
}

/// A customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerFact {
    /// Stripe's id.
    pub id: CustomerId,
    /// Whether mails can reach it.
    pub email_known: bool,
    /// The card that invoices take unless the subscription has its own.
    pub default_payment_method: Option<PaymentMethodId>,
    /// Whether it was deleted.
    pub deleted: bool,
    /// The currency that Stripe has bound it to.
    pub currency: Option<Currency>,
}

/// A subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionFact {
    /// Stripe's id.
    pub id: SubscriptionId,
    /// How it stands.
    pub status: Status,
    /// What of our catalog it is for; None: nothing of ours.
    pub plan: Option<PriceRef>,
    /// Whether its customer is ours.
    pub ours: bool,
    /// The intent of this installation that it came from.
    pub intent: Option<IntentId>,
    /// When that intent was decided, where that is known; else its session's creation serves.
    pub intent_at: Option<BusinessTime>,
    /// The period that runs.
    pub period: Period,
    /// Whether it ends with this period.
    pub cancel_at_period_end: bool,
    /// When it will end.
    pub cancel_at: Option<BusinessTime>,
    /// When its end was asked for.
    pub canceled_at: Option<BusinessTime>,
    /// When it ended.
    pub ended_at: Option<BusinessTime>,
    /// When it was made.
    pub created: BusinessTime,
    /// The currency it charges in.
    pub currency: Currency,
    /// Its newest invoice.
    pub latest_invoice: Option<InvoiceId>,
    /// Its own card.
    pub default_payment_method: Option<PaymentMethodId>,
}

/// How an invoice stands, in Stripe's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvoiceStatus {
    /// Not final yet.
    Draft,
    /// To be paid.
    Open,
    /// Paid, or nothing was due.
    Paid,
    /// Given up, though it may still be paid.
    Uncollectible,
    /// Withdrawn.
    Void,
}

impl std::str::FromStr for InvoiceStatus {
    type Err = crate::UnknownStatus;

    fn from_str(word: &str) -> Result<Self, crate::UnknownStatus> {
        Ok(match word {
            "draft" => Self::Draft,
            "open" => Self::Open,
            "paid" => Self::Paid,
            "uncollectible" => Self::Uncollectible,
            "void" => Self::Void,
            other => return Err(crate::UnknownStatus(other.chars().take(40).collect())),
        })
    }
}

/// How the payment of an invoice stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PaymentState {
    /// Not tried, declined, or not known: the invoice's own words say enough.
    #[default]
    Plain,
    /// On its way, as bank debits are for days.
    Processing,
    /// The customer must confirm it.
    RequiresAction,
}

/// An invoice of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvoiceFact {
    /// Stripe's id.
    pub id: InvoiceId,
    /// The subscription it is for.
    pub subscription: SubscriptionId,
    /// How it stands.
    pub status: InvoiceStatus,
    /// Why it was made, in Stripe's words: `subscription_create`, `subscription_cycle`, …
    pub billing_reason: String,
    /// What it asks for.
    pub total: Money,
    /// What was paid.
    pub amount_paid: Money,
    /// What is still due.
    pub amount_remaining: Money,
    /// Stripe's count of attempts.
    pub attempt_count: i64,
    /// Whether it was tried at all.
    pub attempted: bool,
    /// When Stripe tries again; None: it does not.
    pub next_payment_attempt: Option<BusinessTime>,
    /// When it was made.
    pub created: BusinessTime,
    /// When it became final.
    pub finalized_at: Option<BusinessTime>,
    /// When it was paid.
    pub paid_at: Option<BusinessTime>,
    /// The time it pays for.
    pub line_period: Option<Period>,
    /// How its payment stands.
    pub payment: PaymentState,
    /// The card of its last attempt, where that is known.
    pub payment_method: Option<PaymentMethodId>,
    /// Its number on paper.
    pub number: Option<String>,
    /// Where it can be paid.
    pub hosted_invoice_url: Option<String>,
    /// Where its PDF is.
    pub invoice_pdf: Option<String>,
}

/// How a Checkout Session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionStatus {
    /// It can be paid.
    Open,
    /// It was paid, or is being.
    Complete,
    /// It cannot be paid any more.
    Expired,
}

impl std::str::FromStr for SessionStatus {
    type Err = crate::UnknownStatus;

    fn from_str(word: &str) -> Result<Self, crate::UnknownStatus> {
        Ok(match word {
            "open" => Self::Open,
            "complete" => Self::Complete,
            "expired" => Self::Expired,
            other => return Err(crate::UnknownStatus(other.chars().take(40).collect())),
        })
    }
}

/// A Checkout Session that we made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionFact {
    /// Stripe's id.
    pub id: SessionId,
    /// How it stands.
    pub status: SessionStatus,
    /// The intent of this installation that made it.
    pub intent: Option<IntentId>,
    /// The plan group it sells from, where that is known.
    pub group: Option<String>,
    /// What came of it.
    pub subscription: Option<SubscriptionId>,
    /// When it was made.
    pub created: BusinessTime,
}
