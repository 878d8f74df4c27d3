//! What customers and operators may do. Each command is an intent (`docs/decisions`): committed
//! before its first call to Stripe, finished after a crash, applied through the customer's lane.

pub mod cancellation;
pub mod checkout;
pub mod portal;
