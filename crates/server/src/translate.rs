//! Between Stripe's words and ours: objects to mirrors' rows, mirrors' rows to the core's facts.

mod facts;

pub(crate) use facts::{Mirrors, facts, refunds_today};

use serde_json::json;
use specie_store::mirrors as m;
use specie_stripe::{
    CheckoutSession, Customer, Invoice, PaymentIntent, PaymentMethod, Price, Product, Refund,
    Subscription, Unreadable,
};
use specie_vocab::{BusinessTime, WallTime};

fn at(second: i64) -> BusinessTime {
    BusinessTime::from_second(second)
}

fn may(second: Option<i64>) -> Option<BusinessTime> {
    second.map(at)
}

fn lacks(object: &'static str, field: &'static str) -> Unreadable {
    Unreadable { object, field }
}

/// Of a deleted customer Stripe says no more than that; what an event says beside it is let go.
pub(crate) fn customer(it: &Customer, now: WallTime) -> m::customers::CustomerRow {
    if it.deleted {
        return deleted_customer(it, now);
    }
    m::customers::CustomerRow {
        id: it.id.clone(),
        email: it.email.clone(),
        name: it.name.clone(),
        currency: it.currency,
        delinquent: it.delinquent,
        default_payment_method: it.default_payment_method.as_ref().map(ToString::to_string),
        deleted: it.deleted,
        created: at(it.created.unwrap_or_default()),
        raw: it.raw.clone(),
        fetched_at: now,
    }
}

fn deleted_customer(it: &Customer, now: WallTime) -> m::customers::CustomerRow {
    m::customers::CustomerRow {
        id: it.id.clone(),
        email: None,
        name: None,
        currency: None,
        delinquent: false,
        default_payment_method: None,
        deleted: true,
        created: at(it.created.unwrap_or_default()),
        raw: json!({ "id": it.id, "object": "customer", "deleted": true }),
        fetched_at: now,
    }
}

/// None for a card that belongs to nobody: it was detached.
pub(crate) fn payment_method(
    it: &PaymentMethod,
    now: WallTime,
) -> Option<m::payment_methods::PaymentMethodRow> {
    Some(m::payment_methods::PaymentMethodRow {
        id: it.id.as_str().try_into().ok()?,
        customer: it.customer.clone()?,
        kind: it.kind.clone(),
        brand: it.brand.clone(),
        last4: it.last4.clone(),
        exp_month: it.exp_month,
        exp_year: it.exp_year,
        created: at(it.created),
        raw: it.raw.clone(),
        fetched_at: now,
    })
}

pub(crate) fn subscription(it: &Subscription, now: WallTime) -> m::subscriptions::SubscriptionRow {
    let item = it.items.first();
    let period = it.period();
    m::subscriptions::SubscriptionRow {
        id: it.id.clone(),
        customer: it.customer.clone(),
        status: it.status.clone(),
        price: item.and_then(|item| item.price.clone()),
        quantity: item.and_then(|item| item.quantity),
        currency: it.currency,
        cancel_at_period_end: it.cancel_at_period_end,
        cancel_at: may(it.cancel_at),
        canceled_at: may(it.canceled_at),
        ended_at: may(it.ended_at),
        current_period_start: may(period.map(|period| period.start)),
        current_period_end: may(period.map(|period| period.end)),
        latest_invoice: it.latest_invoice.clone(),
        default_payment_method: it.default_payment_method.as_ref().map(ToString::to_string),
        start_date: at(it.start_date),
        created: at(it.created),
        raw: it.raw.clone(),
        fetched_at: now,
    }
}

pub(crate) fn invoice(it: &Invoice, now: WallTime) -> Result<m::invoices::InvoiceRow, Unreadable> {
    Ok(m::invoices::InvoiceRow {
        id: it.id.clone(),
        customer: it.customer.clone().ok_or_else(|| lacks("invoice", "customer"))?,
        subscription: it.subscription.clone(),
        number: it.number.clone(),
        status: it.status.clone(),
        billing_reason: it.billing_reason.clone(),
        currency: it.currency,
        amount_due: it.amount_due,
        amount_paid: it.amount_paid,
        amount_remaining: it.amount_remaining,
        total: it.total,
        attempt_count: it.attempt_count,
        attempted: it.attempted,
        next_payment_attempt: may(it.next_payment_attempt),
        line_period_start: may(it.line_period.map(|period| period.start)),
        line_period_end: may(it.line_period.map(|period| period.end)),
        hosted_invoice_url: it.hosted_invoice_url.clone(),
        invoice_pdf: it.invoice_pdf.clone(),
        created: at(it.created),
        finalized_at: may(it.finalized_at),
        paid_at: may(it.paid_at),
        raw: it.raw.clone(),
        fetched_at: now,
    })
}

/// A payment intent with its newest charge, which must have been expanded.
pub(crate) fn payment(
    it: &PaymentIntent,
    now: WallTime,
) -> Result<m::payments::PaymentRow, Unreadable> {
    let charge = it.latest_charge.as_ref().and_then(|charge| charge.charge());
    let failure = it.last_payment_error.as_ref();
    Ok(m::payments::PaymentRow {
        id: it.id.clone(),
        customer: it.customer.clone().ok_or_else(|| lacks("payment_intent", "customer"))?,
        invoice: it.invoice.clone(),
        amount: it.amount,
        amount_received: it.amount_received,
        amount_refunded: charge.map_or(0, |charge| charge.amount_refunded),
        currency: it.currency,
        status: it.status.clone(),
        latest_charge: it.latest_charge.as_ref().map(|charge| charge.id().to_owned()),
        charge_status: charge.map(|charge| charge.status.clone()),
        failure_code: charge
            .and_then(|charge| charge.failure_code.clone())
            .or_else(|| failure.and_then(|failure| failure.code.clone())),
        card_brand: charge.and_then(|charge| charge.brand.clone()),
        card_last4: charge.and_then(|charge| charge.last4.clone()),
        receipt_url: charge.and_then(|charge| charge.receipt_url.clone()),
        created: at(it.created),
        raw: it.raw.clone(),
        fetched_at: now,
    })
}

pub(crate) fn refund(
    it: &Refund,
    of: &PaymentIntent,
    now: WallTime,
) -> Result<m::refunds::RefundRow, Unreadable> {
    let customer = it.customer.clone().or_else(|| of.customer.clone());
    Ok(m::refunds::RefundRow {
        id: it.id.as_str().try_into().map_err(|_| lacks("refund", "id"))?,
        customer: customer.ok_or_else(|| lacks("refund", "customer"))?,
        payment_intent: it.payment_intent.clone(),
        charge: it.charge.clone(),
        amount: it.amount,
        currency: it.currency,
        status: it.status.clone(),
        reason: it.reason.clone(),
        created: at(it.created),
        raw: it.raw.clone(),
        fetched_at: now,
    })
}

pub(crate) fn session(
    it: &CheckoutSession,
    now: WallTime,
) -> Result<m::checkout_sessions::SessionRow, Unreadable> {
    Ok(m::checkout_sessions::SessionRow {
        id: it.id.clone(),
        customer: it.customer.clone().ok_or_else(|| lacks("checkout.session", "customer"))?,
        status: Some(it.status.clone()),
        payment_status: it.payment_status.clone(),
        mode: it.mode.clone(),
        subscription: it.subscription.clone(),
        invoice: it.invoice.clone(),
        url: it.url.clone(),
        expires_at: at(it.expires_at),
        intent: it.metadata.get("specie_intent").cloned(),
        created: at(it.created),
        raw: it.raw.clone(),
        fetched_at: now,
    })
}

pub(crate) fn price(it: &Price, now: WallTime) -> Result<m::prices::PriceRow, Unreadable> {
    Ok(m::prices::PriceRow {
        id: it.id.as_str().try_into().map_err(|_| lacks("price", "id"))?,
        product: it.product.as_str().try_into().map_err(|_| lacks("price", "product"))?,
        active: it.active,
        currency: it.currency,
        unit_amount: it.unit_amount,
        interval: it.interval.map(|interval| interval.unit.as_str().into()),
        interval_count: it.interval.map(|interval| i64::from(interval.count)),
        lookup_key: it.lookup_key.clone(),
        created: at(it.created),
        raw: it.raw.clone(),
        fetched_at: now,
    })
}

pub(crate) fn product(it: &Product, now: WallTime) -> Result<m::products::ProductRow, Unreadable> {
    Ok(m::products::ProductRow {
        id: it.id.as_str().try_into().map_err(|_| lacks("product", "id"))?,
        name: it.name.clone().ok_or_else(|| lacks("product", "name"))?,
        active: it.active,
        created: at(it.created.unwrap_or_default()),
        updated: at(it.updated.or(it.created).unwrap_or_default()),
        raw: it.raw.clone(),
        fetched_at: now,
    })
}
