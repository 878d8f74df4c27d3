//! Amounts and durations in a text.

use super::words::{Token, number, stem};

/// An amount of money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Money {
    /// In hundredths of the currency.
    pub hundredths: i64,
    /// As ISO 4217 writes it, in small letters.
    pub currency: &'static str,
}

/// A number of units of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    /// How many.
    pub count: i64,
    /// Of what.
    pub unit: Unit,
}

/// A unit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unit {
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

impl Unit {
    pub const ALL: [Self; 6] =
        [Self::Minute, Self::Hour, Self::Day, Self::Week, Self::Month, Self::Year];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    pub fn minutes(self) -> i64 {
        match self {
            Self::Minute => 1,
            Self::Hour => 60,
            Self::Day => 24 * 60,
            Self::Week => 7 * 24 * 60,
            Self::Month => 30 * 24 * 60,
            Self::Year => 365 * 24 * 60,
        }
    }
}

impl Span {
    /// `month`, `30 days`: as one writes after *every*.
    pub fn every(self) -> String {
        if self.count == 1 { self.unit.as_str().into() } else { self.long() }
    }

    /// `1 month`, `30 days`.
    pub fn long(self) -> String {
        let plural = if self.count == 1 { "" } else { "s" };
        format!("{} {}{plural}", self.count, self.unit.as_str())
    }
}

/// Signs, names and codes of currencies; the first name is the sign that is written.
const CURRENCIES: &[(&str, &[&str])] = &[
    ("usd", &["$", "dollar", "dollars", "usd", "us$", "bucks"]),
    ("eur", &["€", "euro", "euros", "eur"]),
    ("gbp", &["£", "pound", "pounds", "gbp"]),
    ("jpy", &["¥", "yen", "jpy"]),
    ("chf", &["chf", "franc", "francs"]),
    ("cad", &["cad", "ca$", "c$"]),
    ("aud", &["aud", "au$", "a$"]),
    ("sek", &["sek"]),
    ("nok", &["nok"]),
    ("dkk", &["dkk"]),
    ("pln", &["pln", "zloty"]),
    ("inr", &["₹", "rupee", "rupees", "inr"]),
    ("brl", &["brl", "r$", "reais"]),
];

/// The currency that a word or sign names.
pub(crate) fn currency(word: &str) -> Option<&'static str> {
    CURRENCIES.iter().find(|(_, names)| names.contains(&word)).map(|(code, _)| *code)
}

/// The code that is written as `code` in small letters, if it is known.
pub(crate) fn known(code: &str) -> Option<&'static str> {
    CURRENCIES.iter().map(|(known, _)| *known).find(|known| *known == code)
}

/// How many places a currency has behind the point.
fn places(currency: &str) -> usize {
    if currency == "jpy" { 0 } else { 2 }
}

impl Money {
    /// So many of the smallest unit of a currency, if it is known; one that has no places gets whole
    /// ones.
    pub fn of(hundredths: i64, code: &str) -> Option<Self> {
        known(code).map(|currency| Self { hundredths, currency })
    }

    /// In the smallest unit.
    pub fn minor(self) -> i64 {
        if places(self.currency) == 0 { self.hundredths / 100 } else { self.hundredths }
    }

    /// `29.00`
    pub fn decimal(self) -> String {
        match places(self.currency) {
            0 => (self.hundredths / 100).to_string(),
            _ => format!("{}.{:02}", self.hundredths / 100, self.hundredths % 100),
        }
    }

    /// `$29.00`, `29.00 CHF`
    pub fn shown(self) -> String {
        let sign = CURRENCIES
            .iter()
            .find(|(code, _)| *code == self.currency)
            .and_then(|(_, names)| names.first())
            .filter(|name| !name.chars().any(char::is_alphabetic));
        match sign {
            Some(sign) => format!("{sign}{}", self.decimal()),
            None => format!("{} {}", self.decimal(), self.currency.to_uppercase()),
        }
    }
}

/// An amount at `at`, and where what follows begins.
pub(crate) fn money(tokens: &[Token], at: usize) -> Option<(Money, usize)> {
    let first = tokens.get(at)?;
    if let Some(currency) = currency(&first.text)
        .filter(|_| first.sign || first.text.len() == 3 || first.text.ends_with('$'))
    {
        let (hundredths, next) = number(tokens, at + 1)?;
        let next = next + usize::from(tokens.get(next).is_some_and(|it| it.text == currency));
        return Some((Money { hundredths, currency }, next));
    }
    let (hundredths, next) = number(tokens, at)?;
    let currency = tokens.get(next).and_then(|it| currency(&it.text))?;
    let cents = tokens.get(next + 1).filter(|it| it.text == "and").and_then(|_| {
        let (cents, after) = number(tokens, next + 2)?;
        let named = tokens.get(after).is_some_and(|it| it.stem == "cent" || it.stem == "penni");
        named.then_some((cents / 100, after + 1))
    });
    let (cents, next) = cents.unwrap_or((0, next + 1));
    Some((Money { hundredths: hundredths + cents, currency }, next))
}

fn unit(stem: &str) -> Option<Span> {
    let (count, unit) = match stem {
        "minut" | "min" => (1, Unit::Minute),
        "hour" => (1, Unit::Hour),
        "day" => (1, Unit::Day),
        "week" => (1, Unit::Week),
        "fortnight" => (2, Unit::Week),
        "month" | "mo" => (1, Unit::Month),
        "quarter" => (3, Unit::Month),
        "year" | "yr" => (1, Unit::Year),
        _ => return None,
    };
    Some(Span { count, unit })
}

/// Whether a word behind a number is what it counts: a currency, or a unit of time.
pub(crate) fn is_unit(word: &str) -> bool {
    currency(word).is_some() || unit(&stem(word)).is_some()
}

/// A duration at `at`: `3 months`, `30-day`, `a month`.
pub(crate) fn duration(tokens: &[Token], at: usize) -> Option<(Span, usize)> {
    let first = tokens.get(at)?;
    let (count, mut next) = match first.text.as_str() {
        "a" | "an" => (100, at + 1),
        _ => number(tokens, at)?,
    };
    if tokens.get(next).is_some_and(|it| it.text == "-") {
        next += 1;
    }
    let base = unit(&tokens.get(next)?.stem)?;
    (count % 100 == 0 && count > 0)
        .then_some((Span { count: base.count * count / 100, unit: base.unit }, next + 1))
}

/// An interval at `at`: `monthly`, `a month`, `per year`, `/mo`, `every 30 days`.
pub(crate) fn interval(tokens: &[Token], at: usize) -> Option<(Span, usize)> {
    let word = tokens.get(at)?.text.as_str();
    if let Some(span) = adverb(word) {
        return Some((span, at + 1));
    }
    match word {
        "a" | "an" | "per" | "each" | "every" | "/" => {
            if let Some((span, next)) = duration(tokens, at + 1) {
                return (word == "every" || word == "per" || word == "each")
                    .then_some((span, next));
            }
            let next = at + 1;
            unit(&tokens.get(next)?.stem).map(|span| (span, next + 1))
        }
        _ => None,
    }
}

/// `monthly`, `yearly`: an interval in one word.
pub(crate) fn adverb(word: &str) -> Option<Span> {
    let (count, unit) = match word {
        "daily" => (1, Unit::Day),
        "weekly" => (1, Unit::Week),
        "monthly" => (1, Unit::Month),
        "quarterly" => (3, Unit::Month),
        "yearly" | "annual" | "annually" => (1, Unit::Year),
        "fortnightly" => (2, Unit::Week),
        "semi-annual" | "semi-annually" => (6, Unit::Month),
        _ => return None,
    };
    Some(Span { count, unit })
}

#[cfg(test)]
mod tests {
    use super::super::words::tokens;
    use super::*;

    #[test]
    fn amounts_are_read_in_many_forms() {
        for (text, shown, minor) in [
            ("$29", "$29.00", 2900),
            ("29 dollars", "$29.00", 2900),
            ("USD 29.5", "$29.50", 2950),
            ("twenty-nine dollars and fifty cents", "$29.50", 2950),
            ("10 euros", "€10.00", 1000),
            ("10€", "€10.00", 1000),
            ("¥500", "¥500", 500),
            ("CHF 5", "5.00 CHF", 500),
            ("US$5", "$5.00", 500),
            ("A$5", "5.00 AUD", 500),
        ] {
            let found = money(&tokens(text), 0).map(|(money, _)| (money.shown(), money.minor()));
            assert_eq!(found, Some((shown.into(), minor)), "{text}");
        }
        assert_eq!(money(&tokens("29 apples"), 0), None);
        assert_eq!(money(&tokens("HK$5"), 0), None);
    }

    #[test]
    fn intervals_and_durations_are_read_in_many_forms() {
        let interval = |text: &str| super::interval(&tokens(text), 0).map(|it| it.0.every());
        for (text, every) in [
            ("monthly", "month"),
            ("a month", "month"),
            ("per month", "month"),
            ("/mo", "month"),
            ("every 30 days", "30 days"),
            ("each year", "year"),
            ("annually", "year"),
            ("every three months", "3 months"),
            ("quarterly", "3 months"),
        ] {
            assert_eq!(interval(text).as_deref(), Some(every), "{text}");
        }
        assert_eq!(interval("month"), None);
        let duration = |text: &str| super::duration(&tokens(text), 0).map(|it| it.0.long());
        assert_eq!(duration("14-day trial").as_deref(), Some("14 days"));
        assert_eq!(duration("two weeks").as_deref(), Some("2 weeks"));
        assert_eq!(duration("a quarter").as_deref(), Some("3 months"));
    }
}
