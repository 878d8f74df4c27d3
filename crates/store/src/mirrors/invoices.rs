//! Invoices, as Stripe last described them.

use specie_vocab::{BusinessTime, Currency, CustomerId, InvoiceId, SubscriptionId};

use crate::mirrors::mirror;

mirror! {
    /// An invoice of Stripe's.
    pub struct InvoiceRow in "stripe_invoices" by InvoiceId, of customer, ended |row| match row.status.as_str() {
            "paid" | "void" => Some(&row.status),
            _ => None,
        }, links hosted_invoice_url invoice_pdf;
    /// Whose.
    pub customer: CustomerId,
    /// For which subscription.
    pub subscription: Option<SubscriptionId>,
    /// The number on the paper.
    pub number: Option<String>,
    /// Stripe's word for its state.
    pub status: String,
    /// Why it was made.
    pub billing_reason: Option<String>,
    /// In which currency.
    pub currency: Currency,
    /// What is to be paid, in minor units.
    pub amount_due: i64,
    /// What was paid.
    pub amount_paid: i64,
    /// What is still to be paid.
    pub amount_remaining: i64,
    /// The sum of its lines.
    pub total: i64,
    /// How often it was tried to collect.
    pub attempt_count: i64,
    /// Whether it was tried at all.
    pub attempted: bool,
    /// When it is tried again.
    pub next_payment_attempt: Option<BusinessTime>,
    /// The first second that its lines pay for.
    pub line_period_start: Option<BusinessTime>,
    /// The first second after that.
    pub line_period_end: Option<BusinessTime>,
    /// Stripe's page for it.
    pub hosted_invoice_url: Option<String>,
    /// Its paper.
    pub invoice_pdf: Option<String>,
    /// When it was made.
    pub created: BusinessTime,
    /// When it became final.
    pub finalized_at: Option<BusinessTime>,
    /// When it was paid.
    pub paid_at: Option<BusinessTime>,
    ---
}
