//! Stripe's objects, as far as we read them: tolerant, of every API generation since 2020-08-27,
//! with all that Stripe said kept in `raw`. Times are Unix seconds, amounts minor units.

mod catalog;
mod checkout;
mod customer;
mod event;
mod invoice;
mod payment;
mod reader;
mod subscription;
mod webhook;

pub use catalog::{Price, Product};
pub use checkout::{CheckoutSession, PortalSession};
pub use customer::{Customer, PaymentMethod};
pub use event::Event;
pub use invoice::{Invoice, InvoicePayment};
pub use payment::{Charge, ChargeRef, PaymentFailure, PaymentIntent, Refund};
pub use subscription::{Item, Subscription};
pub use webhook::WebhookEndpoint;
