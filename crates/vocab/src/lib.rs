//! The words everybody speaks: ids, money, times and chance, periods, secrets.
//!
//! Nothing here does I/O but the two system sources, [`SystemClock`] and [`SystemChance`], which
//! only the binary makes.

mod chance;
mod clock;
mod id;
mod money;
mod period;
mod secret;

pub use chance::{Chance, SeededChance, SystemChance, hex};
pub use clock::{
    BusinessClock, BusinessTime, ManualClock, OffsetClock, SystemClock, WallClock, WallTime,
};
pub use id::{
    AccountId, ChargeId, CustomerId, EventId, IntentId, InvalidId, InvoiceId, PayerId,
    PaymentIntentId, PaymentMethodId, PriceId, ProductId, RefundId, SessionId, SubscriptionId,
    SubscriptionItemId, WebhookEndpointId,
};
pub use money::{Currency, InvalidCurrency, Money, MoneyError};
pub use period::{Interval, IntervalUnit, Period};
pub use secret::Secret;
