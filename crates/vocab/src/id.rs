//! Ids: Stripe's, which carry their kind as a prefix, and ours, which are UUIDs of version 7.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A text that is no id of the kind that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{found}` is not a {kind}: it must start with `{prefix}` and go on with letters, digits or `_`"
)]
pub struct InvalidId {
    /// The kind that was expected.
    pub kind: &'static str,
    /// What ids of this kind start with.
    pub prefix: &'static str,
    /// What was found, cut to 80 characters.
    pub found: String,
}

/// Stripe ids have 255 characters at most.
const LONGEST: usize = 255;

fn is_suffix(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

macro_rules! stripe_ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal $(or $other:literal)?;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// What ids of this kind start with.
            pub const PREFIX: &'static str = $prefix;

            /// The id as Stripe writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(found: String) -> Result<Self, InvalidId> {
                Self::try_from(found.as_str())
            }
        }

        impl TryFrom<&str> for $name {
            type Error = InvalidId;

            fn try_from(found: &str) -> Result<Self, InvalidId> {
                let rest = found.strip_prefix($prefix);
                $(let rest = rest.or_else(|| found.strip_prefix($other));)?
                match rest {
                    Some(rest) if is_suffix(rest) && found.len() <= LONGEST => Ok(Self(found.into())),
                    _ => Err(InvalidId {
                        kind: stringify!($name),
                        prefix: $prefix,
                        found: found.chars().take(80).collect(),
                    }),
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;

            fn from_str(found: &str) -> Result<Self, InvalidId> {
                Self::try_from(found)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.into()
            }
        }
    )*};
}

stripe_ids! {
    /// A Stripe account.
    AccountId = "acct_";
    /// A charge: one attempt to take money; `py_` where it was not from a card.
    ChargeId = "ch_" or "py_";
    /// A customer, as Stripe names one.
    CustomerId = "cus_";
    /// An event.
    EventId = "evt_";
    /// An invoice.
    InvoiceId = "in_";
    /// A payment intent.
    PaymentIntentId = "pi_";
    /// A payment method.
    PaymentMethodId = "pm_";
    /// A price.
    PriceId = "price_";
    /// A product.
    ProductId = "prod_";
    /// A refund; `pyr_` where the payment was not from a card.
    RefundId = "re_" or "pyr_";
    /// A Checkout Session.
    SessionId = "cs_";
    /// A subscription.
    SubscriptionId = "sub_";
    /// An item of a subscription.
    SubscriptionItemId = "si_";
    /// A webhook endpoint.
    WebhookEndpointId = "we_";
}

macro_rules! our_ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                Uuid::try_parse(text).map(Self)
            }
        }
    )*};
}

our_ids! {
    /// Whoever pays: a user or a team of the app, under our own id. Says nothing about a person.
    PayerId;
    /// A change of ours to Stripe that is committed before its first call.
    IntentId;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_its_prefix_and_something_after_it() {
        assert_eq!(CustomerId::try_from("cus_1").unwrap().as_str(), "cus_1");
        for wrong in ["", "cus_", "sub_1", "cus_1/../x", "cus_ü", "cus_1\n"] {
            assert!(CustomerId::try_from(wrong).is_err(), "{wrong:?}");
        }
        assert!(CustomerId::try_from(format!("cus_{}", "a".repeat(252))).is_err());
    }

    #[test]
    fn payments_that_are_not_by_card_have_prefixes_of_their_own() {
        assert_eq!(ChargeId::try_from("py_3A").unwrap().as_str(), "py_3A");
        assert_eq!(RefundId::try_from("pyr_1A").unwrap().as_str(), "pyr_1A");
        assert!(ChargeId::try_from("pyr_1A").is_err());
        assert!(RefundId::try_from("py_3A").is_err());
        assert_eq!(RefundId::try_from("x").unwrap_err().prefix, "re_");
    }
}
