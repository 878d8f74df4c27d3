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

const fn card(
    number: &'static str,
    template: &'static str,
    token: &'static str,
    brand: &'static str,
    last4: &'static str,
    behaviour: Behaviour,
) -> TestCard {
    TestCard { number, template, token, brand, last4, country: "US", funding: "credit", behaviour }
}

const fn refused(
    number: &'static str,
    template: &'static str,
    token: &'static str,
    last4: &'static str,
    decline: Decline,
) -> TestCard {
    card(number, template, token, "visa", last4, Behaviour::Refused(decline))
}

const fn asks(
    number: &'static str,
    template: &'static str,
    token: &'static str,
    last4: &'static str,
    when: Authentication,
) -> TestCard {
    card(number, template, token, "visa", last4, Behaviour::NeedsAuthentication(when))
}

const fn from(country: &'static str, card: TestCard) -> TestCard {
    TestCard { country, ..card }
}

const fn paid_by(funding: &'static str, card: TestCard) -> TestCard {
    TestCard { funding, ..card }
}

use Behaviour::{FailsLater, Pays};

/// Every test card. An empty number, template or token: there is none.
pub const CARDS: &[TestCard] = &[
    card("4242424242424242", "pm_card_visa", "tok_visa", "visa", "4242", Pays),
    paid_by(
        "debit",
        card("4000056655665556", "pm_card_visa_debit", "tok_visa_debit", "visa", "5556", Pays),
    ),
    card("5555555555554444", "pm_card_mastercard", "tok_mastercard", "mastercard", "4444", Pays),
    card("2223003122003222", "", "tok_specie_mastercard_2_series", "mastercard", "3222", Pays),
    paid_by(
        "debit",
        card(
            "5200828282828210",
            "pm_card_mastercard_debit",
            "tok_mastercard_debit",
            "mastercard",
            "8210",
            Pays,
        ),
    ),
    paid_by(
        "prepaid",
        card(
            "5105105105105100",
            "pm_card_mastercard_prepaid",
            "tok_mastercard_prepaid",
            "mastercard",
            "5100",
            Pays,
        ),
    ),
    card("371449635398431", "pm_card_amex", "tok_amex", "amex", "8431", Pays),
    card(
        "378282246310005",
        "pm_card_amex_threeDSecureNotSupported",
        "tok_amex_threeDSecureNotSupported",
        "amex",
        "0005",
        Pays,
    ),
    card("6011111111111117", "", "tok_specie_discover", "discover", "1117", Pays),
    card("", "pm_card_discover", "tok_discover", "discover", "9424", Pays),
    card("3056930009020004", "pm_card_diners", "tok_diners", "diners", "0004", Pays),
    card("3566002020360505", "pm_card_jcb", "tok_jcb", "jcb", "0505", Pays),
    card("6200000000000005", "pm_card_unionpay", "tok_unionpay", "unionpay", "0005", Pays),
    from("DE", card("4000002760000016", "pm_card_de", "tok_de", "visa", "0016", Pays)),
    from("GB", card("4000008260000000", "pm_card_gb", "tok_gb", "visa", "0000", Pays)),
    from("FR", card("4000002500000003", "pm_card_fr", "tok_fr", "visa", "0003", Pays)),
    card("4000000000000077", "pm_card_bypassPending", "tok_bypassPending", "visa", "0077", Pays),
    card(
        "4000000000003055",
        "pm_card_threeDSecureOptional",
        "tok_threeDSecureOptional",
        "visa",
        "3055",
        Pays,
    ),
    refused(
        "4000000000000002",
        "pm_card_visa_chargeDeclined",
        "tok_visa_chargeDeclined",
        "0002",
        Decline::Generic,
    ),
    refused(
        "4000000000009995",
        "pm_card_visa_chargeDeclinedInsufficientFunds",
        "tok_visa_chargeDeclinedInsufficientFunds",
        "9995",
        Decline::InsufficientFunds,
    ),
    refused(
        "4000000000009987",
        "pm_card_visa_chargeDeclinedLostCard",
        "tok_visa_chargeDeclinedLostCard",
        "9987",
        Decline::LostCard,
    ),
    refused(
        "4000000000009979",
        "pm_card_visa_chargeDeclinedStolenCard",
        "tok_visa_chargeDeclinedStolenCard",
        "9979",
        Decline::StolenCard,
    ),
    refused(
        "4000000000000069",
        "pm_card_chargeDeclinedExpiredCard",
        "tok_chargeDeclinedExpiredCard",
        "0069",
        Decline::ExpiredCard,
    ),
    refused(
        "4000000000000127",
        "pm_card_chargeDeclinedIncorrectCvc",
        "tok_chargeDeclinedIncorrectCvc",
        "0127",
        Decline::IncorrectCvc,
    ),
    refused(
        "4000000000000119",
        "pm_card_chargeDeclinedProcessingError",
        "tok_chargeDeclinedProcessingError",
        "0119",
        Decline::ProcessingError,
    ),
    refused("4242424242424241", "", "", "4241", Decline::IncorrectNumber),
    refused(
        "4000000000006975",
        "pm_card_visa_chargeDeclinedVelocityLimitExceeded",
        "tok_visa_chargeDeclinedVelocityLimitExceeded",
        "6975",
        Decline::VelocityExceeded,
    ),
    refused(
        "4100000000000019",
        "pm_card_radarBlock",
        "tok_radarBlock",
        "0019",
        Decline::Fraudulent,
    ),
    card(
        "4000000000000341",
        "pm_card_chargeCustomerFail",
        "tok_chargeCustomerFail",
        "visa",
        "0341",
        FailsLater(Decline::Generic),
    ),
    card("", "", "tok_visa_chargeCustomerFail", "visa", "0341", FailsLater(Decline::Generic)),
    card(
        "",
        "",
        "tok_visa_chargeCustomerFailLostCard",
        "visa",
        "0341",
        FailsLater(Decline::LostCard),
    ),
    card(
        "",
        "",
        "tok_visa_chargeCustomerFailStolenCard",
        "visa",
        "0341",
        FailsLater(Decline::StolenCard),
    ),
    asks(
        "4000002500003155",
        "pm_card_authenticationRequiredOnSetup",
        "tok_authenticationRequiredOnSetup",
        "3155",
        Authentication::UnlessSetUp,
    ),
    from(
        "DE",
        asks(
            "4000002760003184",
            "pm_card_authenticationRequired",
            "tok_authenticationRequired",
            "3184",
            Authentication::Always,
        ),
    ),
    asks(
        "4000003800000446",
        "pm_card_authenticationRequiredSetupForOffSession",
        "tok_authenticationRequiredSetupForOffSession",
        "0446",
        Authentication::OnceSaved,
    ),
    from(
        "GB",
        asks(
            "4000008260003178",
            "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",
            "tok_authenticationRequiredChargeDeclinedInsufficientFunds",
            "3178",
            Authentication::Always,
        ),
    ),
    asks(
        "4000000000003220",
        "pm_card_threeDSecure2Required",
        "tok_threeDSecure2Required",
        "3220",
        Authentication::Always,
    ),
    asks(
        "4000000000003063",
        "pm_card_threeDSecureRequired",
        "tok_threeDSecureRequired",
        "3063",
        Authentication::Always,
    ),
    asks(
        "4000008400001629",
        "pm_card_threeDSecureRequiredChargeDeclined",
        "tok_threeDSecureRequiredChargeDeclined",
        "1629",
        Authentication::Always,
    ),
];

/// Stripe's test cards whose behaviour the sandbox does not have: disputes, refunds that fail,
/// and checks. By template and by token.
const UNSUPPORTED: &str = "pm_card_avsFail pm_card_avsLine1Fail pm_card_avsZipFail \
    pm_card_createDispute pm_card_createDisputeInquiry pm_card_createDisputeProductNotReceived \
    pm_card_createIssuerFraudRecord pm_card_createMultipleDisputes pm_card_cvcCheckFail \
    pm_card_pendingRefund pm_card_refundFail pm_card_riskLevelElevated pm_card_riskLevelHighest \
    pm_usBankAccount_success tok_avsFail tok_avsLine1Fail tok_avsZipFail tok_createDispute \
    tok_createDisputeInquiry tok_cvcCheckFail tok_pendingRefund tok_refundFail \
    tok_riskLevelElevated tok_riskLevelHighest tok_visa_createDispute \
    tok_visa_createDisputeInquiry tok_visa_createDisputeProductNotReceived";

/// Whether Stripe has a test card or account of this name, and the sandbox does not.
pub fn is_unsupported(name: &str) -> bool {
    UNSUPPORTED.split_whitespace().any(|known| known == name)
        || name.starts_with("pm_usBankAccount_")
}

/// The card that is typed as `number` (digits only).
pub fn by_number(number: &str) -> Option<&'static TestCard> {
    CARDS.iter().find(|card| !number.is_empty() && card.number == number)
}

/// The card that `name` stands for: a template (`pm_card_visa`) or a token (`tok_visa`).
pub fn by_name(name: &str) -> Option<&'static TestCard> {
    let name = if name == "tok_chargeDeclined" { "tok_visa_chargeDeclined" } else { name };
    CARDS.iter().find(|card| !name.is_empty() && (card.template == name || card.token == name))
}

impl Decline {
    /// Stripe's error code.
    pub fn code(self) -> &'static str {
        match self {
            Self::ExpiredCard => "expired_card",
            Self::IncorrectCvc => "incorrect_cvc",
            Self::ProcessingError => "processing_error",
            Self::IncorrectNumber => "incorrect_number",
            _ => "card_declined",
        }
    }

    /// The bank's reason.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Generic => "generic_decline",
            Self::InsufficientFunds => "insufficient_funds",
            Self::LostCard => "lost_card",
            Self::StolenCard => "stolen_card",
            Self::VelocityExceeded => "card_velocity_exceeded",
            Self::Fraudulent => "fraudulent",
            other => other.code(),
        }
    }

    /// What the cardholder reads.
    pub fn message(self) -> &'static str {
        match self {
            Self::InsufficientFunds => "Your card has insufficient funds.",
            Self::ExpiredCard => "Your card has expired.",
            Self::IncorrectCvc => "Your card's security code is incorrect.",
            Self::ProcessingError => {
                "An error occurred while processing your card. Try again in a little bit."
            }
            Self::IncorrectNumber => "Your card number is incorrect.",
            Self::VelocityExceeded => {
                "Your card was declined for making repeated attempts too frequently or exceeding \
                 its amount limit."
            }
            _ => "Your card was declined.",
        }
    }

    /// Whether trying the same card again is pointless.
    pub fn is_final(self) -> bool {
        matches!(self, Self::LostCard | Self::StolenCard | Self::IncorrectNumber | Self::Fraudulent)
    }

    /// What Stripe advises.
    pub fn advice(self) -> &'static str {
        match self {
            Self::LostCard | Self::StolenCard | Self::Fraudulent => "do_not_try_again",
            Self::ExpiredCard | Self::IncorrectCvc | Self::IncorrectNumber => "confirm_card_data",
            _ => "try_again_later",
        }
    }

    /// What the card network answers.
    pub fn network_code(self) -> &'static str {
        match self {
            Self::InsufficientFunds => "51",
            Self::LostCard => "41",
            Self::StolenCard => "43",
            Self::ExpiredCard => "54",
            Self::IncorrectCvc => "N7",
            Self::VelocityExceeded => "65",
            _ => "01",
        }
    }
}
