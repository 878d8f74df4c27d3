//! Keeps card numbers out: a test number in a form becomes the token that stands for it, and
//! anything else that reads like a card number is refused before the world or the journal sees it.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Map, Value, json};
use specie_stripe::form::{FormError, MOST_PAIRS};

use crate::cards::{self, Behaviour, Decline, TestCard};
use crate::world::{Call, Refusal};

/// All but what forms leave as it is.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Stripe's test numbers whose behaviour the sandbox does not have.
const UNSUPPORTED: [&str; 13] = [
    "4000000000000010",
    "4000000000000028",
    "4000000000000036",
    "4000000000000101",
    "4000000000000259",
    "4000000000001976",
    "4000000000002685",
    "4000000000004954",
    "4000000000005126",
    "4000000000005423",
    "4000000000007726",
    "4000000000009235",
    "4000000404000079",
];

/// A card that cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadCard {
    #[error("Your card number is incorrect.")]
    Number,
    #[error(
        "Your card was declined. Your request was in test mode, but used a non test card. For a \
         list of valid test cards, visit: https://stripe.com/docs/testing."
    )]
    NotATest,
    #[error(
        "The sandbox does not support this test card yet: it stands for a dispute, a failing \
         refund or a check of Radar's. Use another one."
    )]
    Unsupported,
    #[error("Your card's expiration month is invalid.")]
    Month,
    #[error("Your card's expiration year is invalid.")]
    Year,
    #[error("Your card's security code is invalid.")]
    Cvc,
}

impl BadCard {
    /// Stripe's code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Number => "incorrect_number",
            Self::NotATest => "card_declined",
            Self::Unsupported => "specie_sandbox_unsupported",
            Self::Month => "invalid_expiry_month",
            Self::Year => "invalid_expiry_year",
            Self::Cvc => "invalid_cvc",
        }
    }

    fn param(self) -> &'static str {
        match self {
            Self::Number | Self::NotATest | Self::Unsupported => "number",
            Self::Month => "exp_month",
            Self::Year => "exp_year",
            Self::Cvc => "cvc",
        }
    }
}

/// A card as it is typed or sent.
#[derive(Clone, Copy, Default)]
pub(crate) struct Typed<'a> {
    pub number: &'a str,
    pub month: &'a str,
    pub year: &'a str,
    pub cvc: Option<&'a str>,
}

/// The test card that was typed. `today` is the year and month in which it must be valid.
pub(crate) fn test_card(typed: Typed<'_>, today: (i16, i8)) -> Result<&'static TestCard, BadCard> {
    let digits: String = typed.number.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    if !(12..=19).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(BadCard::Number);
    }
    let unknown = if luhn(digits.as_bytes()) { BadCard::NotATest } else { BadCard::Number };
    if UNSUPPORTED.contains(&digits.as_str()) {
        return Err(BadCard::Unsupported);
    }
    let card = cards::by_number(&digits).ok_or(unknown)?;
    if card.behaviour == Behaviour::Refused(Decline::IncorrectNumber) {
        return Err(BadCard::Number);
    }

    let month: i8 = typed.month.trim().parse().map_err(|_| BadCard::Month)?;
    let year: i16 = typed.year.trim().parse().map_err(|_| BadCard::Year)?;
    let year = if (0..100).contains(&year) { year + 2000 } else { year };
    if !(1..=12).contains(&month) {
        return Err(BadCard::Month);
    }
    if year < today.0 || year > today.0 + 50 {
        return Err(BadCard::Year);
    }
    if (year, month) < today {
        return Err(BadCard::Month);
    }
    let digits = if card.brand == "amex" { 3..=4 } else { 3..=3 };
    let fits = |cvc: &str| digits.contains(&cvc.len()) && cvc.bytes().all(|b| b.is_ascii_digit());
    if typed.cvc.is_some_and(|cvc| !fits(cvc.trim())) {
        return Err(BadCard::Cvc);
    }
    Ok(card)
}

/// What the world calls a card.
pub(crate) fn name(card: &TestCard) -> &'static str {
    if card.template.is_empty() { card.token } else { card.template }
}

/// The call without card numbers: `…[number]` of a test card becomes `…[token]`. Each is looked for
/// among all parameters, so that a form with more of them than are read is refused first.
pub(crate) fn without_numbers(mut call: Call, today: (i16, i8)) -> Result<Call, Box<Refusal>> {
    let sent = call.body.split('&').filter(|pair| !pair.is_empty());
    if sent.clone().nth(MOST_PAIRS).is_some() {
        return Err(Box::new(too_large()));
    }
    let mut pairs: Vec<(String, String)> = sent.map(decoded).collect();
    let mut changed = false;
    while let Some(at) = pairs.iter().position(|(name, _)| is_number_field(name)) {
        let prefix = pairs[at].0.trim_end_matches("[number]").to_owned();
        let part = |name: &str| {
            let name = format!("{prefix}[{name}]");
            pairs.iter().find(|pair| pair.0 == name).map(|pair| pair.1.as_str())
        };
        let typed = Typed {
            number: &pairs[at].1,
            month: part("exp_month").unwrap_or_default(),
            year: part("exp_year").unwrap_or_default(),
            cvc: part("cvc"),
        };
        let card = test_card(typed, today).map_err(|bad| Box::new(card_error(bad, &prefix)))?;
        pairs[at] = (format!("{prefix}[token]"), card.token.into());
        let rest = ["exp_month", "exp_year", "cvc"].map(|part| format!("{prefix}[{part}]"));
        pairs.retain(|(name, _)| !rest.contains(name));
        changed = true;
    }
    if changed {
        let encode = |text: &str| utf8_percent_encode(text, FORM).to_string();
        let pair = |(name, value): &(String, String)| format!("{}={}", encode(name), encode(value));
        call.body = pairs.iter().map(pair).collect::<Vec<_>>().join("&");
    }

    let in_body = pairs.iter().find(|(name, value)| has_number(name) || has_number(value));
    if let Some((name, _)) = in_body {
        let name = if has_number(name) { "the body" } else { name };
        return Err(Box::new(refused(name)));
    }
    let texts = [
        ("the path", Some(&call.path)),
        ("the query", Some(&call.query)),
        ("the header `Idempotency-Key`", call.idempotency_key.as_ref()),
        ("the header `Authorization`", call.authorization.as_ref()),
        ("the header `Stripe-Version`", call.version.as_ref()),
        ("the header `Stripe-Account`", call.account.as_ref()),
    ];
    for (place, text) in texts {
        if text.is_some_and(|text| has_number(&decode(text))) {
            return Err(Box::new(refused(place)));
        }
    }
    Ok(call)
}

/// Whether a text holds what reads like the number of a payment card: 13 to 19 digits in one
/// piece, or in pieces with single spaces or dashes between, with an issuer's beginning and the
/// right check digit.
pub(crate) fn has_number(text: &str) -> bool {
    let text = text.as_bytes();
    let words = words(text);
    // It begins with a word that has a digit: so no word is looked at for more than twenty others.
    let begins = |at: &usize| words[*at].1.iter().any(u8::is_ascii_digit);
    (0..words.len()).filter(begins).any(|first| {
        let mut digits = Vec::new();
        for (n, (from, word)) in words[first..].iter().enumerate() {
            let adjoins = n == 0 || {
                let (before, previous) = words[first + n - 1];
                before + previous.len() + 1 == *from && text[from - 1] == b' '
            };
            if !adjoins || !word.iter().all(|b| b.is_ascii_digit() || *b == b'-') {
                return false;
            }
            digits.extend(word.iter().filter(|b| **b != b'-'));
            if is_card_number(&digits) {
                return true;
            }
            if digits.len() > 19 {
                return false;
            }
        }
        false
    })
}

/// The words of a text, with where each begins.
fn words(text: &[u8]) -> Vec<(usize, &[u8])> {
    let is_part = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let mut words: Vec<(usize, &[u8])> = Vec::new();
    let mut start = None;
    for at in 0..=text.len() {
        match (text.get(at).is_some_and(|b| is_part(*b)), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                words.push((from, &text[from..at]));
                start = None;
            }
            _ => {}
        }
    }
    words
}

fn is_card_number(digits: &[u8]) -> bool {
    let head = |length: usize| {
        let head = digits.get(..length).unwrap_or_default();
        head.iter().fold(0_u32, |sum, digit| sum * 10 + u32::from(digit - b'0'))
    };
    let issued = match digits.len() {
        13 => head(1) == 4,
        14 => matches!(head(2), 30 | 36 | 38 | 39),
        15 => matches!(head(2), 34 | 37),
        16 => {
            head(1) == 4
                || (51..=55).contains(&head(2))
                || (2221..=2720).contains(&head(4))
                || matches!(head(2), 35 | 62 | 65)
                || head(4) == 6011
                || (644..=649).contains(&head(3))
        }
        17..=19 => matches!(head(2), 62) || (digits.len() == 19 && head(1) == 4),
        _ => false,
    };
    issued && luhn(digits)
}

fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits.iter().rev().enumerate().fold(0, |sum, (n, digit)| {
        let digit = u32::from(digit - b'0');
        let digit = if n % 2 == 0 { digit } else { digit * 2 };
        sum + digit / 10 + digit % 10
    });
    sum.is_multiple_of(10)
}

fn is_number_field(name: &str) -> bool {
    ["card[number]", "[card][number]", "source[number]"].iter().any(|end| name.ends_with(end))
}

fn decoded(pair: &str) -> (String, String) {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    (decode(name), decode(value))
}

fn decode(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

fn card_error(bad: BadCard, prefix: &str) -> Refusal {
    let code = bad.code();
    let doc = format!("https://stripe.com/docs/error-codes/{}", code.replace('_', "-"));
    let mut error = json!({
        "code": code,
        "doc_url": doc,
        "message": bad.to_string(),
        "param": format!("{prefix}[{}]", bad.param()),
        "type": "card_error",
    });
    if bad == BadCard::NotATest {
        error["decline_code"] = "test_mode_live_card".into();
    }
    Refusal { status: 402, error: map(error) }
}

/// As the world refuses it.
fn too_large() -> Refusal {
    let message = format!("Invalid request: {}", FormError::TooLarge);
    let error = json!({ "message": message, "type": "invalid_request_error" });
    Refusal { status: 400, error: map(error) }
}

fn refused(place: &str) -> Refusal {
    let message = format!(
        "there is what reads like a card number in {place}: the sandbox takes test numbers in a \
         card's `number` alone, and keeps none"
    );
    let code = "specie_sandbox_card_number";
    let error = json!({ "code": code, "message": message, "type": "invalid_request_error" });
    Refusal { status: 400, error: map(error) }
}

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// What may be kept of a call that is refused: who asked, without body, path and query.
pub(crate) fn head(call: &Call) -> Call {
    let clean = |text: &Option<String>| text.clone().filter(|text| !has_number(&decode(text)));
    Call {
        method: call.method.clone(),
        authorization: clean(&call.authorization),
        idempotency_key: clean(&call.idempotency_key),
        version: clean(&call.version),
        account: clean(&call.account),
        ..Call::default()
    }
    .without_key()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: (i16, i8) = (2026, 11);

    fn call(body: &str) -> Call {
        Call { method: "POST".into(), path: "/v1/x".into(), body: body.into(), ..Call::default() }
    }

    #[test]
    fn a_test_number_becomes_its_token() {
        let body = "type=card&card[number]=4242+4242+4242+4242&card%5Bexp_month%5D=12&\
                    card[exp_year]=34&card[cvc]=123&metadata[a]=b%26c";
        let cleaned = without_numbers(call(body), TODAY).unwrap();
        let expected = "type=card&card%5Btoken%5D=tok_visa&metadata%5Ba%5D=b%26c";
        assert_eq!(cleaned.body, expected);
    }

    #[test]
    fn a_call_without_a_number_stays_as_it_is() {
        let body = "email=a%40b.c&metadata[when]=1767225600000&\
                    metadata[id]=01935b2e-4242-7242-8242-424242424242&amount=2900";
        assert_eq!(without_numbers(call(body), TODAY).unwrap().body, body);
    }

    #[test]
    fn a_form_with_too_many_parameters_is_refused_before_its_cards_are_looked_at() {
        let sent = |count: usize| {
            let body = format!("card[number]=1{}", "&a=1".repeat(count - 1));
            without_numbers(call(&body), TODAY).unwrap_err()
        };
        assert_eq!(sent(MOST_PAIRS).error["code"], "incorrect_number");
        let refused = sent(MOST_PAIRS + 1);
        assert_eq!((refused.status, refused.error.get("code")), (400, None));
        assert_eq!(refused.error["message"], "Invalid request: the form is too large");
    }

    #[test]
    fn a_number_anywhere_else_is_refused_and_not_repeated() {
        for body in [
            "metadata[card]=4242424242424242",
            "description=pay+with+5555-5555-5555-4444+please",
            "name=4000056655665556&x=y",
            "4242424242424242",
            "x[4242424242424242]=1",
            "{\"number\": \"378282246310005\"}",
            "description=card%204242%204242%204242%204242%2012%2034",
            "description=4242+-+4242+-+4242+---+4242",
            "description=-+-+-+4242424242424242+-",
            "description=1+-+-+4242+4242+4242+4242",
        ] {
            let refused = without_numbers(call(body), TODAY).unwrap_err();
            assert_eq!(refused.status, 400, "{body}");
            assert!(refused.error["code"] == "specie_sandbox_card_number", "{body}");
            assert!(!has_number(&Value::Object(refused.error.clone()).to_string()), "{body}");
        }
        let mut other = call("");
        other.idempotency_key = Some("4242424242424242".into());
        assert_eq!(without_numbers(other, TODAY).unwrap_err().status, 400);
    }

    #[test]
    fn a_card_that_is_no_test_card_or_not_valid_is_refused() {
        let check = |number, month, year, cvc| {
            test_card(Typed { number, month, year, cvc }, TODAY).map(|card| card.last4)
        };
        let four = "4242424242424242";
        assert_eq!(check(four, "11", "26", Some("123")), Ok("4242"));
        assert_eq!(check(four, "12", "2034", None), Ok("4242"));
        assert_eq!(check("378282246310005", "1", "30", Some("1234")), Ok("0005"));
        assert_eq!(check("4000000000000259", "1", "30", None), Err(BadCard::Unsupported));
        assert_eq!(check("4929000000006", "1", "30", None), Err(BadCard::NotATest));
        assert_eq!(check("4242424242424243", "1", "30", None), Err(BadCard::Number));
        assert_eq!(check("", "1", "30", None), Err(BadCard::Number));
        assert_eq!(check(four, "13", "30", None), Err(BadCard::Month));
        assert_eq!(check(four, "10", "26", None), Err(BadCard::Month));
        assert_eq!(check(four, "1", "25", None), Err(BadCard::Year));
        assert_eq!(check(four, "1", "30", Some("12")), Err(BadCard::Cvc));
        assert_eq!(check(four, "1", "30", Some("1234")), Err(BadCard::Cvc));
    }
}
