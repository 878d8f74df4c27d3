//! A customer's payments.

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
    let next_cursor = rows.last().filter(|_| more).map(cursor_of);
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

fn cursor_of(row: &PaymentRow) -> String {
    format!("{}.{}", row.created.timestamp().as_microsecond(), row.id)
}

fn parse_cursor(text: &str) -> Result<(BusinessTime, String), ApiError> {
    let parsed = text.split_once('.').and_then(|(micros, id)| {
        let at = Timestamp::from_microsecond(micros.parse().ok()?).ok()?;
        let id = PaymentIntentId::try_from(id).ok()?;
        Some((BusinessTime::new(at), id.to_string()))
    });
    parsed.ok_or_else(|| ApiError::invalid("`cursor` is not one that a page before has answered"))
}
