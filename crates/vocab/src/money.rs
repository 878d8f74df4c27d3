//! Amounts: whole minor units with their currency. No floats, ever.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An ISO 4217 code in lower case, as Stripe writes it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

/// A text that is no currency code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a currency: it must be a three-letter ISO 4217 code in lower case, such as `usd`"
)]
pub struct InvalidCurrency(pub String);

/// Stripe's zero-decimal currencies (docs.stripe.com/currencies): one minor unit is one whole.
const WHOLE: [&str; 16] = [
    "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv",
    "xaf", "xof", "xpf",
];
/// Stripe's three-decimal currencies.
const THOUSANDTHS: [&str; 5] = ["bhd", "jod", "kwd", "omr", "tnd"];

impl Currency {
    /// US dollars.
    pub const USD: Self = Self(*b"usd");

    /// The code, in lower case.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("???")
    }

    /// How many decimals a whole unit has: 2 for dollars, 0 for yen, 3 for dinars.
    pub fn decimals(self) -> u32 {
        if WHOLE.contains(&self.as_str()) {
            0
        } else if THOUSANDTHS.contains(&self.as_str()) {
            3
        } else {
            2
        }
    }
}

impl TryFrom<&str> for Currency {
    type Error = InvalidCurrency;

    fn try_from(code: &str) -> Result<Self, InvalidCurrency> {
        let wrong = || InvalidCurrency(code.chars().take(20).collect());
        let bytes: [u8; 3] = code.as_bytes().try_into().map_err(|_| wrong())?;
        if bytes.iter().all(u8::is_ascii_lowercase) { Ok(Self(bytes)) } else { Err(wrong()) }
    }
}

impl TryFrom<String> for Currency {
    type Error = InvalidCurrency;

    fn try_from(code: String) -> Result<Self, InvalidCurrency> {
        Self::try_from(code.as_str())
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> String {
        currency.as_str().into()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An amount in one currency, counted in its smallest unit, as Stripe counts it. May be negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Cents, for dollars.
    pub minor: i64,
    /// Of which currency.
    pub currency: Currency,
}

/// Why two amounts do not make a third.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// They are in different currencies.
    #[error("`{0}` and `{1}` cannot be added")]
    CurrencyMismatch(Currency, Currency),
    /// The sum does not fit 64 bits.
    #[error("the sum is too large")]
    Overflow,
}

impl Money {
    /// `minor` units of `currency`.
    pub fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// The sum, if both are in one currency and it fits.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::CurrencyMismatch(self.currency, other.currency));
        }
        let minor = self.minor.checked_add(other.minor).ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }
}

/// As a person reads it: `$29.00`, `€5.00`, `¥500`, `29.00 CHF`, `-$3.10`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = self.currency.decimals();
        let unit = 10_u64.pow(decimals);
        let (whole, part) = (self.minor.unsigned_abs() / unit, self.minor.unsigned_abs() % unit);
        let sign = if self.minor < 0 { "-" } else { "" };
        let symbol = match self.currency.as_str() {
            "usd" => "$",
            "eur" => "€",
            "gbp" => "£",
            "jpy" => "¥",
            _ => "",
        };
        write!(f, "{sign}{symbol}{whole}")?;
        if decimals > 0 {
            write!(f, ".{part:0width$}", width = decimals as usize)?;
        }
        if symbol.is_empty() {
            write!(f, " {}", self.currency.as_str().to_uppercase())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_as_people_write_them() {
        let show = |minor, code| Money::new(minor, Currency::try_from(code).unwrap()).to_string();
        assert_eq!(show(2900, "usd"), "$29.00");
        assert_eq!(show(-5, "eur"), "-€0.05");
        assert_eq!(show(500, "jpy"), "¥500");
        assert_eq!(show(1_234_567, "kwd"), "1234.567 KWD");
        assert_eq!(show(i64::MIN, "chf"), "-92233720368547758.08 CHF");
    }

    #[test]
    fn sums_are_checked() {
        let usd = |minor| Money::new(minor, Currency::USD);
        assert_eq!(usd(1).checked_add(usd(2)), Ok(usd(3)));
        assert_eq!(usd(i64::MAX).checked_add(usd(1)), Err(MoneyError::Overflow));
        let eur = Currency::try_from("eur").unwrap();
        assert!(usd(1).checked_add(Money::new(1, eur)).is_err());
    }

    #[test]
    fn a_currency_is_three_lower_case_letters() {
        for wrong in ["", "us", "USD", "usdd", "u$d", "üs"] {
            assert!(Currency::try_from(wrong).is_err(), "{wrong}");
        }
    }
}
