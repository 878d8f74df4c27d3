//! Stripe's wire: forms, client, errors, objects, signatures. No rules of ours.
//!
//! Pinned to one API version when it writes and asks, tolerant when it reads: unknown fields and
//! values survive in each object's `raw`, and older generations of an object are read too.

pub mod client;
mod error;
pub mod event;
pub mod form;
pub mod objects;
pub mod rate;
pub mod signature;
pub mod transport;

pub use client::{Answer, Client, OUTCOMES, Page, Sleep, StoredRequest};
pub use error::{ApiFault, StripeError, Unreadable};
pub use event::{Routing, Unroutable, routing, routing_of_fetched};
pub use form::{Form, FormError, decode};
pub use objects::{
    Charge, ChargeRef, CheckoutSession, Customer, Event, Invoice, InvoicePayment, Item,
    PaymentFailure, PaymentIntent, PaymentMethod, PortalSession, Price, Product, Refund,
    Subscription, WebhookEndpoint,
};
pub use rate::{Limits, Priority, RateBudget};
pub use signature::{BadSignature, Secrets, Verified, sign};
pub use transport::{Transport, TransportError, https_transport, transport};

/// The version of Stripe's API that we speak.
pub const API_VERSION: &str = "2026-10-28.endive";
