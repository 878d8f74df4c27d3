//! Stripe's test cards: what each number, token and template stands for, and how it behaves.

use serde::{Deserialize, Serialize};

/// What a test card does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Behaviour {
    /// Attaches and pays.
    Pays,
    /// Is refused as soon as it is saved or paid with.
    Refused(Decline),
    /// Can be saved; every charge of it is refused.
    FailsLater(Decline),
    /// Wants 3-D Secure: refused while nobody is there to authenticate.
    NeedsAuthentication(Authentication),
}

/// When a card asks for 3-D Secure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Authentication {
    /// At every payment, also one without the customer.
    Always,
    /// Unless it was set up with authentication before.
    UnlessSetUp,
    /// Only when saved or paid with the customer there; later payments go through.
    OnceSaved,
}

/// Why a card is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decline {
    /// `generic_decline`.
    Generic,
    /// `insufficient_funds`.
    InsufficientFunds,
    /// `lost_card`.
    LostCard,
    /// `stolen_card`.
    StolenCard,
    /// `expired_card`.
    ExpiredCard,
    /// `incorrect_cvc`.
    IncorrectCvc,
    /// `processing_error`.
    ProcessingError,
    /// `card_velocity_exceeded`.
    VelocityExceeded,
    /// `incorrect_number`.
    IncorrectNumber,
    /// Blocked by Radar as fraudulent.
    Fraudulent,
}

/// A test card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TestCard {
    /// The number as typed on a page, digits only.
    pub number: &'static str,
    /// The template that stands for it in requests (`pm_card_visa`).
    pub template: &'static str,
    /// The token that stands for it in `card[token]` (`tok_visa`).
    pub token: &'static str,
    /// Stripe's word for the brand.
    pub brand: &'static str,
    /// The last four digits.
    pub last4: &'static str,
    /// The country of the issuer.
    pub country: &'static str,
    /// `credit`, `debit` or `prepaid`.
    pub funding: &'static str,
    /// What it does.
    pub behaviour: Behaviour,
}
