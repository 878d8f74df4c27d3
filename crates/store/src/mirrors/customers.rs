//! Customers, as Stripe last described them.

use specie_vocab::{BusinessTime, Currency, CustomerId};

use crate::mirrors::mirror;

mirror! {
    /// A customer of Stripe's.
    pub struct CustomerRow in "stripe_customers" by CustomerId, ended |row| row.deleted.then_some("deleted");
    /// Where mails go.
    pub email: Option<String>,
    /// Their name.
    pub name: Option<String>,
    /// The one currency of all their invoices.
    pub currency: Option<Currency>,
    /// Whether their latest invoice is unpaid.
    pub delinquent: bool,
    /// What pays their invoices.
    pub default_payment_method: Option<String>,
    /// Whether they are deleted.
    pub deleted: bool,
    /// When they were made.
    pub created: BusinessTime,
    ---
}
