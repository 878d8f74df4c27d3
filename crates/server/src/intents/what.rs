//! What an intent of each kind remembers.

use serde::{Deserialize, Serialize};
use specie_vocab::{CustomerId, InvoiceId, PaymentMethodId, SessionId, SubscriptionId};

/// `checkout`: a session that is to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Purchase {
    /// The plan group.
    pub(crate) group: String,
    /// The plan's key.
    pub(crate) plan: String,
    /// The price's key.
    pub(crate) price: String,
    /// Stripe's price, as the catalog was applied when this was decided.
    pub(crate) stripe_price: String,
    /// Where the browser goes when it has paid; checked before.
    pub(crate) success_url: String,
    /// Where it goes when it did not; checked before.
    pub(crate) cancel_url: String,
    /// A session of an earlier choice that must be expired first.
    pub(crate) expire: Option<String>,
}

/// `expiry`: a session of a customer who was deleted at Stripe, that is to be expired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Expiry {
    pub(crate) customer: CustomerId,
    pub(crate) expire: SessionId,
}

/// `cancellation`: a subscription that is to end with its period, or to go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ending {
    pub(crate) subscription: SubscriptionId,
    pub(crate) cancel_at_period_end: bool,
}

/// What a customer comes to Stripe's portal for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// To replace the card.
    ReplaceCard,
    /// To end the subscription.
    Cancel,
}

/// `portal`: a visit to Stripe's portal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    /// Where the portal's way back leads; checked before.
    pub return_url: String,
    /// One task, or the whole portal.
    pub task: Option<Task>,
    /// The subscription that a task is about.
    #[serde(default)]
    pub subscription: Option<SubscriptionId>,
}

/// `cancel_and_refund`: a second subscription of ours, to be ended and paid back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TakeBack {
    pub(crate) subscription: SubscriptionId,
}

/// `recover`: a new card, to be made the subscription's own and charged for what is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recovery {
    pub(crate) subscription: SubscriptionId,
    pub(crate) payment_method: PaymentMethodId,
    pub(crate) invoice: Option<InvoiceId>,
}
