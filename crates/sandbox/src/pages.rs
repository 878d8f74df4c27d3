//! The hosted pages: rendered on the server, every action a form that works without script.

pub(crate) mod checkout;
pub(crate) mod documents;
pub(crate) mod objects;
mod pdf;
pub(crate) mod portal;

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;
use specie_vocab::{Currency, Interval, IntervalUnit, Money};

use crate::cards::Behaviour;
use crate::numbers::{BadCard, Typed, has_number, name, test_card};
use crate::sandbox::{ActionError, Sandbox};
use crate::skin::header_value;

/// A test card, and what it does.
type Hint = (&'static str, &'static str);

/// What the payment page says about test cards.
const PAYING: &[Hint] = &[
    ("4242 4242 4242 4242", "Pays."),
    ("5555 5555 5555 4444", "Pays too: a Mastercard."),
    ("4000 0000 0000 0002", "Is declined."),
    ("4000 0000 0000 9995", "Is declined for insufficient funds."),
    ("4000 0027 6000 3184", "Wants 3-D Secure, which the sandbox does not support yet."),
    (
        "4000 0000 0000 0341",
        "Is declined here. Pay with another card and save this one afterwards: then the next \
         renewal fails.",
    ),
];

/// The same where a card is saved.
const SAVED: &[Hint] = &[
    ("4242 4242 4242 4242", "Pays."),
    ("5555 5555 5555 4444", "Pays too: a Mastercard."),
    ("4000 0000 0000 0341", "Is saved, but every payment fails: for a declined renewal."),
    ("4000 0000 0000 0002", "Is declined and not saved."),
    ("4000 0027 6000 3184", "Wants 3-D Secure, which the sandbox does not support yet."),
];

/// How long a page waits for the webhooks of a payment: an endpoint that does not answer holds
/// nobody up for longer than Stripe would.
const PATIENCE: Duration = Duration::from_secs(10);

/// A problem with what was typed, and the field that it is about.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    message: String,
    field: &'static str,
}

/// The card's part of a form.
#[derive(Clone, Debug, Default)]
struct CardForm {
    problem: Option<Problem>,
}

impl CardForm {
    fn wrong(&self, field: &str) -> bool {
        self.problem.as_ref().is_some_and(|problem| problem.field == field)
    }
}

#[derive(Template)]
#[template(path = "message.html")]
struct Message<'a> {
    title: &'a str,
    text: &'a str,
    link: Option<(String, String)>,
}

/// The front door.
pub(crate) async fn home() -> Redirect {
    Redirect::to("/objects")
}

/// For every address that there is not.
pub(crate) async fn nothing(State(_): State<Sandbox>) -> Response {
    missing("There is no such page here.")
}

/// A page that says what is not there.
fn missing(text: &str) -> Response {
    message(StatusCode::NOT_FOUND, "Not found", text, None)
}

fn message(
    status: StatusCode,
    title: &str,
    text: &str,
    link: Option<(String, String)>,
) -> Response {
    page(status, &Message { title, text, link }, "")
}

/// A page. Its forms may lead to this origin, and to `leads_to`.
fn page(status: StatusCode, template: &impl Template, leads_to: &str) -> Response {
    let html = match template.render() {
        Ok(html) => html,
        Err(error) => {
            tracing::error!(%error, "a page cannot be rendered");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let policy = format!(
        "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; \
         frame-ancestors 'none'; form-action 'self'{leads_to}"
    );
    let headers = [
        (header::CONTENT_SECURITY_POLICY, policy.as_str()),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    (status, headers, Html(html)).into_response()
}

/// To another page, by GET.
fn see_other(url: &str) -> Response {
    let headers = [(header::LOCATION, header_value(url))];
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// The part of a policy that lets a form lead to `url`. Browsers check every redirect on the way,
/// so that to this machine all of this machine is open.
fn leads_to(url: &str) -> String {
    let Ok(uri) = url.parse::<Uri>() else { return String::new() };
    let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else { return String::new() };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-.:[]".contains(c);
    if !host.chars().all(is_plain) {
        return String::new();
    }
    if matches!(host, "localhost" | "127.0.0.1" | "[::1]") {
        return format!(" {scheme}://localhost:* {scheme}://127.0.0.1:*");
    }
    let port = uri.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
    format!(" {scheme}://{host}{port}")
}

/// An address that a link may lead to: the web alone.
fn web_link(value: &Value) -> Option<String> {
    let url = value.as_str()?;
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    is_web.then(|| url.to_owned())
}

/// The template of the card that was typed, if it is a test card that pays here.
fn card_template(
    number: &str,
    expiry: &str,
    cvc: &str,
    today: (i16, i8),
) -> Result<&'static str, Problem> {
    if number.trim().is_empty() {
        return Err(Problem { message: "The card number is missing.".into(), field: "number" });
    }
    let (month, year) = split_expiry(expiry);
    let typed = Typed { number, month: &month, year: &year, cvc: Some(cvc) };
    let card = test_card(typed, today).map_err(|bad| Problem {
        message: bad.to_string(),
        field: match bad {
            BadCard::Number | BadCard::NotATest | BadCard::Unsupported => "number",
            BadCard::Month | BadCard::Year => "expiry",
            BadCard::Cvc => "cvc",
        },
    })?;
    if let Behaviour::NeedsAuthentication(_) = card.behaviour {
        return Err(Problem {
            message: "This card wants 3-D Secure authentication, which the sandbox does not \
                      support yet. Please use another card."
                .into(),
            field: "number",
        });
    }
    Ok(name(card))
}

/// `12 / 34`, `12/2034`, `12-34` and `1234` all are December 2034.
fn split_expiry(expiry: &str) -> (String, String) {
    let expiry = expiry.trim();
    let parts = match expiry.split_once(['/', '-']) {
        Some(parts) => parts,
        None => expiry.split_at_checked(2).unwrap_or((expiry, "")),
    };
    (parts.0.trim().into(), parts.1.trim().into())
}

/// What a person typed beside the card. A card number in the wrong field is not kept.
fn typed_text(text: &str, field: &'static str) -> Result<Option<String>, Problem> {
    let text = text.trim();
    if has_number(text) {
        let message = "A card number stands in the wrong field.".into();
        return Err(Problem { message, field });
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// The page's answer to an action that did not happen.
fn refused(error: ActionError) -> (StatusCode, Problem) {
    let status = match &error {
        ActionError::Refused(_) => StatusCode::PAYMENT_REQUIRED,
        ActionError::Unwritable(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let field = match &error {
        ActionError::Refused(refused) => match refused.code.as_str() {
            "incorrect_cvc" | "invalid_cvc" => "cvc",
            "expired_card" => "expiry",
            _ => "number",
        },
        ActionError::Unwritable(_) => "",
    };
    (status, Problem { message: error.to_string(), field })
}

/// `$29.00`.
fn money(amount: &Value, currency: &Value) -> String {
    let currency = currency.as_str().and_then(|code| Currency::try_from(code).ok());
    match (amount.as_i64(), currency) {
        (Some(minor), Some(currency)) => Money::new(minor, currency).to_string(),
        _ => "–".into(),
    }
}

/// `every 30 days`, of a price that recurs.
fn every(price: &Value) -> Option<String> {
    let recurring = &price["recurring"];
    let unit = match recurring["interval"].as_str()? {
        "day" => IntervalUnit::Day,
        "week" => IntervalUnit::Week,
        "month" => IntervalUnit::Month,
        "year" => IntervalUnit::Year,
        _ => return None,
    };
    let count = recurring["interval_count"].as_u64().and_then(|n| u32::try_from(n).ok());
    Some(Interval { unit, count: count.unwrap_or(1) }.to_string())
}

/// `21 Nov 2026`, in UTC.
fn date(seconds: &Value) -> Option<String> {
    moment(seconds.as_i64()?, "%-d %b %Y")
}

/// `21 Nov 2026, 14:36 UTC`.
fn date_and_time(seconds: &Value) -> Option<String> {
    moment(seconds.as_i64()?, "%-d %b %Y, %H:%M UTC")
}

fn moment(second: i64, form: &str) -> Option<String> {
    let time = Timestamp::from_second(second).ok()?.to_zoned(TimeZone::UTC);
    Some(time.strftime(form).to_string())
}

/// The name of a price's product.
fn product_name(sandbox: &Sandbox, price: &Value) -> String {
    let product = &price["product"];
    let id = product.as_str().or_else(|| product["id"].as_str()).unwrap_or_default();
    let product = sandbox.object(id);
    let name = product.as_ref().and_then(|product| product["name"].as_str());
    name.or_else(|| price["nickname"].as_str()).unwrap_or("your plan").to_owned()
}

/// `visa` as people write it.
fn brand(brand: &str) -> String {
    match brand {
        "amex" => "American Express".into(),
        "jcb" => "JCB".into(),
        "unionpay" => "UnionPay".into(),
        "diners" => "Diners Club".into(),
        other => words(other),
    }
}

/// `past_due` as people write it: `Past due`.
fn words(word: &str) -> String {
    let mut text = word.replace('_', " ");
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}

/// A card as a page draws it.
struct CardFace {
    /// Some letters of its brand.
    brand: String,
    text: String,
}

fn card_face(method: &Value) -> Option<CardFace> {
    let brand = method["card"]["brand"].as_str().unwrap_or_default();
    Some(CardFace { brand: brand.chars().take(4).collect(), text: card_text(method)? })
}

/// `Visa ending in 4242`.
fn card_text(method: &Value) -> Option<String> {
    let card = if method["card"].is_object() { &method["card"] } else { method };
    let last4 = card["last4"].as_str()?;
    Some(format!("{} ending in {last4}", brand(card["brand"].as_str().unwrap_or("card"))))
}
