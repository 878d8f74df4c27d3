//! Checkout Sessions, as Stripe last described them.

use specie_vocab::{BusinessTime, CustomerId, InvoiceId, SessionId, SubscriptionId};

use crate::mirrors::mirror;

mirror! {
    /// A Checkout Session of Stripe's.
    pub struct SessionRow in "stripe_checkout_sessions" by SessionId, of customer, ended |row| match row.status.as_deref() {
            Some("complete" | "expired") => row.status.as_deref(),
            _ => None,
        };
    /// Whose.
    pub customer: CustomerId,
    /// Stripe's word for its state.
    pub status: Option<String>,
    /// Whether it was paid.
    pub payment_status: String,
    /// What it is for.
    pub mode: String,
    /// The subscription it made.
    pub subscription: Option<SubscriptionId>,
    /// The invoice it made.
    pub invoice: Option<InvoiceId>,
    /// Where it is paid, while it is open.
    pub url: Option<String>,
    /// When it expires by itself.
    pub expires_at: BusinessTime,
    /// The intent of ours that made it, as its metadata says.
    pub intent: Option<String>,
    /// When it was made.
    pub created: BusinessTime,
    ---
}
