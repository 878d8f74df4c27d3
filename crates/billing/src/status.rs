//! The eight words in which Stripe says how a subscription stands.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident = $word:literal;)*) => {
        /// How a subscription stands, in Stripe's words.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Status {
            $($(#[$doc])* $name,)*
        }

        impl Status {
            /// All of them.
            pub const ALL: [Self; 8] = [$(Self::$name),*];

            /// Stripe's word.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }

        impl std::str::FromStr for Status {
            type Err = UnknownStatus;

            fn from_str(word: &str) -> Result<Self, UnknownStatus> {
                match word {
                    $($word => Ok(Self::$name),)*
                    other => Err(UnknownStatus(other.chars().take(40).collect())),
                }
            }
        }
    };
}

statuses! {
    /// The first payment is not made yet.
    Incomplete = "incomplete";
    /// The first payment was not made in 23 hours. Nothing brings it back.
    IncompleteExpired = "incomplete_expired";
    /// In a trial.
    Trialing = "trialing";
    /// Running.
    Active = "active";
    /// A renewal is not paid and is tried again.
    PastDue = "past_due";
    /// A renewal is not paid and is not tried again.
    Unpaid = "unpaid";
    /// Standing still, without invoices.
    Paused = "paused";
    /// Over. Nothing brings it back.
    Canceled = "canceled";
}

impl Status {
    /// Whether nothing can change it any more. Every other status holds its slot.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Canceled | Self::IncompleteExpired)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is none of Stripe's eight.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no status of a subscription")]
pub struct UnknownStatus(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back() {
        for status in Status::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        assert!("ended".parse::<Status>().is_err());
    }
}
