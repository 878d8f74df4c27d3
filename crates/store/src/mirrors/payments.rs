//! Payment intents with their latest charge, as Stripe last described them.

use specie_vocab::{BusinessTime, Currency, CustomerId, InvoiceId, PayerId, PaymentIntentId};

use crate::mirrors::mirror;
use crate::sql::all;

mirror! {
    /// A payment intent of Stripe's, with its latest charge.
    pub struct PaymentRow in "stripe_payments" by PaymentIntentId, of customer, ended |row| match row.status.as_str() {
            "succeeded" | "canceled" => Some(&row.status),
            _ => None,
        }, links receipt_url;
    /// Whose.
    pub customer: CustomerId,
    /// For which invoice.
    pub invoice: Option<InvoiceId>,
    /// What is to be paid, in minor units.
    pub amount: i64,
    /// What was paid.
    pub amount_received: i64,
    /// What was given back.
    pub amount_refunded: i64,
    /// In which currency.
    pub currency: Currency,
    /// Stripe's word for its state.
    pub status: String,
    /// Its latest attempt.
    pub latest_charge: Option<String>,
    /// What came of that attempt.
    pub charge_status: Option<String>,
    /// Why it failed.
    pub failure_code: Option<String>,
    /// The brand of the card.
    pub card_brand: Option<String>,
    /// The last four digits of the card.
    pub card_last4: Option<String>,
    /// The receipt.
    pub receipt_url: Option<String>,
    /// When it was made.
    pub created: BusinessTime,
    ---
    FIRST: PaymentRow = "select {columns} from stripe_payments where customer in \
                         (select stripe from customers where id = $1 union all \
                         select stripe from former_customers where payer = $1) \
                         order by created desc, id desc limit $2";
    AFTER: PaymentRow = "select {columns} from stripe_payments where customer in \
                         (select stripe from customers where id = $1 union all \
                         select stripe from former_customers where payer = $1) \
                         and (created < $2 or (created = $2 and id < $3)) \
                         order by created desc, id desc limit $4";
}

/// A page of a payer's payments, newest first, of those that come after the one named by its time and
/// id. With those of customers that Stripe has deleted since.
pub async fn page(
    tx: &mut Tx,
    payer: PayerId,
    after: Option<(BusinessTime, String)>,
    limit: i64,
) -> Result<Vec<PaymentRow>, StoreError> {
    Ok(match after {
        None => all!(tx, FIRST, [payer, limit]),
        Some((created, id)) => all!(tx, AFTER, [payer, created, id, limit]),
    })
}
