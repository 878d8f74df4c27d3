//! What happens to subscriptions, access and mails: pure decisions, and the catalog they follow.
//!
//! [`decide`] takes what we hold and what Stripe says and answers what we hold now and what follows
//! from it. [`catalog`] reads `specie.toml`. Nothing here does I/O or asks a clock.

mod access;
mod decide;
mod effects;
mod facts;
mod held;
mod status;

pub mod catalog;
pub mod diagnostic;
mod return_url;

pub use access::{Access, Payment, access};
pub use catalog::{Catalog, Policies, PriceRef, SAASKIT, TIERS};
pub use decide::{Before, Decision, decide};
pub use diagnostic::{Diagnostic, Severity};
pub use effects::{Effect, IntentRequest, MailFacts, MailKind};
pub use facts::{
    CustomerFact, Facts, InvoiceFact, InvoiceStatus, PaymentState, SessionFact, SessionStatus,
    SubscriptionFact,
};
pub use held::{Held, Slot, Standing};
pub use return_url::{AllowedReturn, BadReturnUrl, CheckedReturnUrl, check_return_url};
pub use status::{Status, UnknownStatus};
