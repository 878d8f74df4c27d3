//! What we hold: the slots of a customer, and the subscriptions that fill or filled them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use specie_vocab::{
    BusinessTime, Currency, IntentId, InvoiceId, PaymentMethodId, Period, SessionId, SubscriptionId,
};

use crate::{Access, Status};

/// One place per customer and plan group, so that nobody pays twice.
///
/// It is taken in the transaction that commits an intent, and only Stripe's answer frees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Slot {
    /// Free.
    Empty,
    /// Taken by an intent that has no session yet.
    Claimed {
        /// By which.
        intent: IntentId,
    },
    /// A session can be paid.
    Open {
        /// The intent that made it.
        intent: IntentId,
        /// Which.
        session: SessionId,
    },
    /// A subscription fills it.
    Held {
        /// Which.
        subscription: SubscriptionId,
    },
    /// More than one subscription is alive, or the one that is must not be granted.
    Conflict {
        /// The one that fills it.
        subscription: SubscriptionId,
        /// The others, by id. Empty, if the one itself is in quarantine.
        others: Vec<SubscriptionId>,
    },
}

impl Slot {
    /// The subscription that fills it.
    pub fn subscription(&self) -> Option<&SubscriptionId> {
        match self {
            Self::Held { subscription } | Self::Conflict { subscription, .. } => Some(subscription),
            Self::Empty | Self::Claimed { .. } | Self::Open { .. } => None,
        }
    }

    /// The word for its state, as the database and the audit log write it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Claimed { .. } => "claimed",
            Self::Open { .. } => "open",
            Self::Held { .. } => "held",
            Self::Conflict { .. } => "conflict",
        }
    }
}

/// Whether a subscription fills its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It fills the slot, or did until it ended.
    Holder,
    /// Another one fills the slot. It gives no access and sends no mails.
    Second,
}

/// A subscription of our catalog that we hold, or held. It is kept when it is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Stripe's id.
    pub subscription: SubscriptionId,
    /// The plan group's key.
    pub group: String,
    /// The plan's key.
    pub plan: String,
    /// The price's key.
    pub price: String,
    /// Whether it fills its slot.
    pub standing: Standing,
    /// How it stands, in Stripe's words.
    pub status: Status,
    /// What it lets its customer do, and until when.
    pub access: Access,
    /// When access ends although it is not paid: set while a renewal is not.
    pub grace_until: Option<BusinessTime>,
    /// The period that runs, or ran last.
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
    /// Keys of the effects that were asked for already. Memory, not state: it tells which
    /// transitions were seen.
    pub told: BTreeSet<String>,
}
