//! A customer's payments.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde_json::Value;
use specie_store::customers::Payer;
use specie_store::mirrors::invoices;
use specie_store::mirrors::payments::{self, PaymentRow};
use specie_vocab::{BusinessTime, Money, PaymentIntentId};

use super::plans::amount;
use crate::views::{CardView, PageView, PaymentView};
use crate::{ApiError, App};

/// A customer's payments, newest first. `cursor` is a `next_cursor` of the page before.
pub async fn payments(
    app: &App,
    payer: &Payer,
    cursor: Option<&str>,
    limit: usize,
) -> Result<PageView<PaymentView>, ApiError> {
    let after = cursor.map(parse_cursor).transpose()?;
    let limit = limit.clamp(1, 100);
    let mut tx = app.db.read().await?;
    let mut rows = payments::page(&mut tx, payer.id, after, limit as i64 + 1).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let last = rows.last().filter(|_| more);
    let next_cursor = last.map(|row| Cursor::from(row).to_string());
    let mut data = Vec::new();
    for row in rows {
        let invoice = match &row.invoice {
            Some(invoice) => invoices::get(&mut tx, invoice).await?,
            None => None,
        };
        let paid = row.status == "succeeded";
        data.push(PaymentView {
            id: row.id.to_string(),
            created_at: row.created.timestamp(),
            amount: amount(Money::new(row.amount, row.currency)),
            refunded_amount: row.amount_refunded,
            status: payment_status(&row).into(),
            card: row.card_brand.clone().zip(row.card_last4.clone()).map(card_of),
            receipt_url: row.receipt_url.filter(|_| paid),
            invoice_pdf: invoice.as_ref().and_then(|it| it.invoice_pdf.clone()),
            invoice_url: invoice.and_then(|it| it.hosted_invoice_url),
        });
    }
    Ok(PageView { data, next_cursor })
}

fn card_of((brand, last4): (String, String)) -> CardView {
    CardView { brand, last4 }
}

/// The words of requirement 4.7 for a payment intent and its newest charge.
fn payment_status(row: &PaymentRow) -> &'static str {
    let disputed = row.raw["latest_charge"]["disputed"] == Value::Bool(true);
    match (row.status.as_str(), row.amount_refunded) {
        ("succeeded", _) if disputed => "disputed",
        ("succeeded", 0) => "succeeded",
        ("succeeded", refunded) if refunded < row.amount => "partially_refunded",
        ("succeeded", _) => "refunded",
        ("requires_action", _) => "requires_action",
        ("canceled", _) => "failed",
        ("requires_payment_method", _) if row.failure_code.is_some() => "failed",
        _ => "pending",
    }
}

/// Where a page of payments ends, and the next one begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// When the page's last payment was made.
    pub at: BusinessTime,
    /// Its id.
    pub id: PaymentIntentId,
}

/// A text that no page has answered as its `next_cursor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`cursor` is not one that a page before has answered")]
pub struct BadCursor;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.at.timestamp().as_microsecond(), self.id)
    }
}

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        let (micros, id) = text.split_once('.').ok_or(BadCursor)?;
        let micros = micros.parse().map_err(|_| BadCursor)?;
        // No payment of Stripe's is older, and how far back a database counts is its own matter.
        let at = Timestamp::from_microsecond(micros).ok().filter(|at| *at >= Timestamp::UNIX_EPOCH);
        let at = at.ok_or(BadCursor)?;
        let id = PaymentIntentId::try_from(id).map_err(|_| BadCursor)?;
        Ok(Self { at: BusinessTime::new(at), id })
    }
}

impl From<&PaymentRow> for Cursor {
    fn from(row: &PaymentRow) -> Self {
        Self { at: row.created, id: row.id.clone() }
    }
}

fn parse_cursor(text: &str) -> Result<(BusinessTime, String), ApiError> {
    let Cursor { at, id } =
        text.parse().map_err(|wrong: BadCursor| ApiError::invalid(wrong.to_string()))?;
    Ok((at, id.into()))
}
